"""`import`, `replay` and `forget`: files in, judged and with cases, exactly once; and out again."""

from __future__ import annotations

import csv
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core import waiting
from core.clock import SystemClock
from core.db import Database
from core.settings import Settings
from core.tables import Case, Mention, Source, Verdict
from tests.web.ripplewatch import ripplewatch

pytestmark = pytest.mark.usefixtures("tables")

Record = dict[str, Any]

POSTS: list[Record] = [
    {
        "platform": "x",
        "id": "1",
        "author": "orla",
        "text": "@acme my parcel is three weeks late, nobody answers, worst service ever",
        "created_at": "2026-11-19T08:00:00+01:00",
        "author_name": "Orla",
        "followers": 212,
        "likes": 3,
    },
    {
        "platform": "bluesky",
        "id": "-2",
        "author": "mallory",
        "text": '=HYPERLINK("evil") says "hi",\nsecond line',
        "created_at": "2026-11-19T09:00:00Z",
        "url": "https://bsky.example/2",
        "reply_to": "at://1",
        "lang": "en",
    },
    {
        "platform": "forum",
        "id": "3",
        "author": "yu",
        "text": "'=quoted 素晴らしい",
        "created_at": "2026-11-20T00:00:00Z",
    },
]


@pytest.fixture
def brand(tables: None) -> None:
    assert ripplewatch("brand", "add", "acme").code == 0


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    file = tmp_path / "posts.jsonl"
    file.write_text("".join(json.dumps(post) + "\n" for post in POSTS), encoding="utf-8")
    return file


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    yield database
    database.close()


def count(database: Database, row: type[Mention | Verdict | Case]) -> int:
    with database.read() as db:
        return db.scalar(select(func.count()).select_from(row)) or 0


def write_csv(file: Path, *posts: Record) -> Path:
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, ["platform", "id", "author", "text", "created_at"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(posts)
    return file


@pytest.mark.usefixtures("brand")
def test_an_import_is_judged_and_has_its_cases_when_it_returns(jsonl: Path, database: Database) -> None:
    ran = ripplewatch("import", str(jsonl), "--brand", "acme")
    assert (ran.code, ran.err, ran.lines) == (0, "", [{"new": 3, "known": 0, "rejected": 0}])
    assert count(database, Verdict) == 3
    with database.read() as db:
        assert "1" in {case.mention.native_id for case in db.scalars(select(Case))}
        assert not any(waiting.any_for(db, SystemClock(), stage) for stage in ("judge", "open_case"))


@pytest.mark.usefixtures("brand")
@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_on_a_terminal_there_is_a_progress_bar_and_stdout_stays_clean(jsonl: Path) -> None:
    import fcntl  # noqa: PLC0415 - these three are not on every platform
    import pty  # noqa: PLC0415
    import termios  # noqa: PLC0415

    terminal, far_end = pty.openpty()
    fcntl.ioctl(far_end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    command = [sys.executable, "-m", "web", "import", str(jsonl), "--no-judge"]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=far_end, timeout=60, check=True)
    os.close(far_end)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert json.loads(ran.stdout) == {"new": 3, "known": 0, "rejected": 0}
    assert "import:" in shown
    assert "%|" in shown


@pytest.mark.usefixtures("brand")
def test_importing_again_changes_nothing(jsonl: Path, tmp_path: Path, database: Database) -> None:
    ripplewatch("import", str(jsonl), "--no-judge")
    same = write_csv(tmp_path / "same.csv", *POSTS[:2], {**POSTS[0], "id": "4"})
    ran = ripplewatch("import", str(jsonl), str(same), "--no-judge")
    assert ran.lines == [{"new": 1, "known": 5, "rejected": 0}]
    assert count(database, Mention) == 4


@pytest.mark.usefixtures("brand")
def test_no_judge_leaves_it_to_the_service(jsonl: Path, database: Database) -> None:
    ripplewatch("import", str(jsonl), "--no-judge")
    assert count(database, Verdict) == 0
    with database.read() as db:
        assert waiting.count(db, "judge") == 3


@pytest.mark.usefixtures("brand")
def test_bad_lines_are_named_and_the_others_are_in(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    good = b"x,%d,jo,fine,2026-11-20T10:00:00Z\r\n"
    file.write_bytes(
        b"\xef\xbb\xbfplatform,id,author,text,created_at\r\n"
        + good % 1
        + b"x,2,jo\r\n"
        + b"x,3,jo,\xff,2026-11-20T10:00Z\r\n"
        b"x,4,jo,late,2026-11-20T10:00:00 Mars\r\n" + good % 5
    )
    ran = ripplewatch("import", str(file), "--no-judge")
    assert ran.code == 0
    assert ran.lines == [{"new": 2, "known": 0, "rejected": 3}]
    assert [line.partition(": ")[0] for line in ran.err.splitlines()] == [f"{file}, line {n}" for n in (3, 4, 5)]
    assert "time zone" in ran.err
    strict = ripplewatch("import", str(file), "--no-judge", "--strict")
    assert (strict.code, strict.out) == (1, "")
    assert f"{file}, line 3" in strict.err


@pytest.mark.usefixtures("brand")
@pytest.mark.parametrize("args", [(), ("-",)])
def test_stdin_is_a_file_like_any_other(jsonl: Path, args: tuple[str, ...]) -> None:
    ran = ripplewatch("import", *args, "--no-judge", stdin=b"{broken\n" + jsonl.read_bytes())
    assert ran.lines == [{"new": 3, "known": 0, "rejected": 1}]
    assert ran.err.startswith("stdin, line 1: ")


def test_who_the_mentions_belong_to_must_be_clear(jsonl: Path) -> None:
    none = ripplewatch("import", str(jsonl))
    assert (none.code, none.out) == (1, "")
    assert "brand" in none.err
    ripplewatch("brand", "add", "acme")
    unknown = ripplewatch("import", str(jsonl), "--brand", "nobody")
    assert unknown.code == 1
    assert "acme" in unknown.err
    assert ripplewatch("import", "missing.csv").code == 2


@pytest.mark.usefixtures("brand")
def test_the_brands_own_posts_are_left_out_with_a_word(jsonl: Path) -> None:
    ripplewatch("brand", "own-account", "acme", "x", "orla")
    ran = ripplewatch("import", str(jsonl), "--no-judge")
    assert ran.lines == [{"new": 2, "known": 0, "rejected": 0}]
    assert "own posts" in ran.err


@pytest.mark.usefixtures("brand")
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_is_exported_can_be_imported_elsewhere(
    jsonl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    ripplewatch("import", str(jsonl))
    first = ripplewatch("export", "--format", form)
    file = tmp_path / f"out.{form}"
    file.write_bytes(first.out.encode())
    monkeypatch.setenv("RIPPLEWATCH_HOME", str(tmp_path / "elsewhere"))
    ripplewatch("brand", "add", "acme")
    ran = ripplewatch("import", str(file))
    assert (ran.lines, ran.err) == ([{"new": 3, "known": 0, "rejected": 0}], "")
    again = ripplewatch("export", "--format", form)
    assert sorted(again.out.splitlines()) == sorted(first.out.splitlines())


@pytest.mark.usefixtures("brand")
def test_replayed_files_are_judged_and_have_their_cases(jsonl: Path, database: Database) -> None:
    ran = ripplewatch("replay", str(jsonl), "--speed", "max", "--now", "--brand", "acme")
    assert (ran.code, ran.err, ran.lines) == (0, "", [{"new": 3, "known": 0, "unmatched": 0}])
    assert count(database, Verdict) == 3
    assert count(database, Case) >= 1
    with database.read() as db:
        source = db.scalars(select(Source)).one()
        assert (source.name, source.active) == ("replay acme", False)


@pytest.mark.usefixtures("brand")
def test_without_a_brand_a_replay_asks_the_queries(jsonl: Path) -> None:
    ripplewatch("query", "add", "acme", "tag", "@acme")
    ran = ripplewatch("replay", str(jsonl), "--speed", "max", "--no-judge")
    assert ran.lines == [{"new": 1, "known": 0, "unmatched": 2}]


def test_a_replay_names_bad_lines_and_wrong_speeds(brand: None, jsonl: Path) -> None:
    jsonl.write_text("{broken\n", encoding="utf-8")
    ran = ripplewatch("replay", str(jsonl), "--speed", "max", "--brand", "acme", "--no-judge")
    assert ran.code == 0
    assert f"{jsonl}, line 1" in ran.err
    assert ripplewatch("replay", str(jsonl), "--strict", "--brand", "acme").code == 1
    for speed in ("0", "-1", "nan", "fast"):
        assert ripplewatch("replay", str(jsonl), "--speed", speed).code == 2


@pytest.mark.usefixtures("brand")
def test_forgetting_by_id_author_and_age(jsonl: Path, database: Database) -> None:
    ripplewatch("import", str(jsonl), "--no-judge")
    missing = ripplewatch("forget", "--mention", "x", "99", "--yes")
    assert missing.code == 1
    assert "nothing was forgotten" in missing.err
    assert ripplewatch("forget", "--mention", "x", "1", stdin="n\n").code == 1
    assert ripplewatch("forget", "--mention", "x", "1", stdin="y\n").lines == [{"forgotten": 1}]
    assert ripplewatch("forget", "--author", "bluesky", "@Mallory", "--yes").lines == [{"forgotten": 1}]
    assert ripplewatch("forget", "--older-than", "2026-11-20T00:00:01Z", "--yes").lines == [{"forgotten": 1}]
    assert ripplewatch("forget", "--older-than", "1h", "--yes").lines == [{"forgotten": 0}]
    with database.read() as db:
        assert set(db.scalars(select(Mention.text))) == {""}
    assert ripplewatch("import", str(jsonl), "--no-judge").lines[0]["new"] == 0, "what was forgotten stays away"
