"""Importing files: whose mentions they become, what is reported, and that doing it twice changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core import tables
from core.errors import BadInput
from core.runtime import Runtime
from listener.importing import BATCH, Imported, import_files
from tests.conftest import NudgeList
from tests.listener import made


def write(file: Path, *records: dict[str, Any] | str) -> Path:
    with file.open("w", encoding="utf-8") as lines:
        for number, record in enumerate(records, 1):
            given = {"platform": "x", "id": str(number), "author": "ann", "text": "acme is late"}
            given["created_at"] = "2026-11-20T10:00:00Z"
            lines.write((record if isinstance(record, str) else json.dumps(given | record)) + "\n")
    return file


def brands(runtime: Runtime) -> dict[str, set[str]]:
    """The brands of each stored mention."""
    with runtime.db.read() as db:
        found: dict[str, set[str]] = {}
        for row in db.scalars(select(tables.Match)):
            found.setdefault(row.mention.native_id, set()).add(row.brand.slug)
        return found


def test_the_only_brand_gets_everything_whatever_its_queries_say(runtime: Runtime, tmp_path: Path) -> None:
    made.brand(runtime)
    file = write(tmp_path / "m.jsonl", {}, {"text": "nothing about them"})
    assert import_files(runtime, [file]) == Imported(new=2)
    assert brands(runtime) == {"1": {"acme"}, "2": {"acme"}}


def test_a_named_brand_gets_everything_and_unnamed_the_queries_decide(runtime: Runtime, tmp_path: Path) -> None:
    made.brand(runtime, own=["acmehelp"])
    made.brand(runtime, "zeta")
    named = write(tmp_path / "named.jsonl", {"id": "n"})
    assert import_files(runtime, [named], "zeta") == Imported(new=1)
    reported: list[tuple[str, int, str]] = []
    file = write(tmp_path / "m.jsonl", {}, {"text": "nothing"}, {"text": "acme and zeta"}, {"author": "AcmeHelp"})
    counts = import_files(runtime, [file], report=lambda *one: reported.append(one))
    assert counts == Imported(new=2, rejected=1, own=1)
    assert reported == [(str(file), 2, "no query of any brand matches it: name its brand with --brand")]
    assert brands(runtime) == {"n": {"zeta"}, "1": {"acme"}, "3": {"acme", "zeta"}}


def test_importing_again_adds_nothing_and_a_longer_file_only_what_is_new(
    runtime: Runtime, tmp_path: Path, queue: NudgeList
) -> None:
    made.brand(runtime)
    file = write(tmp_path / "m.jsonl", *[{}] * (BATCH + 5), {"id": "1"})
    assert import_files(runtime, [file]) == Imported(new=BATCH + 5, known=1)
    assert queue.nudged == ["judge", "judge"]
    assert import_files(runtime, [file]) == Imported(known=BATCH + 6)
    assert queue.nudged == ["judge", "judge"]
    more = write(tmp_path / "more.jsonl", *[{}] * (BATCH + 7))
    assert import_files(runtime, [file, more]) == Imported(new=2, known=2 * BATCH + 11)
    with runtime.db.read() as db:
        waits = db.scalar(select(func.count()).select_from(tables.Waiting))
        (source,) = db.scalars(select(tables.Source))
    assert waits == len(made.mentions(runtime)) == BATCH + 7
    assert (source.kind, source.active, source.state) == ("files", False, "off")


def test_bad_lines_are_reported_and_the_good_ones_are_in(runtime: Runtime, tmp_path: Path) -> None:
    made.brand(runtime)
    file = write(tmp_path / "m.jsonl", {}, "not json", {"created_at": "2026-11-20T10:00:00"}, {})
    reported: list[tuple[str, int, str]] = []
    assert import_files(runtime, [file], report=lambda *one: reported.append(one)) == Imported(new=2, rejected=2)
    assert [line for _, line, _ in reported] == [2, 3]
    assert "no time zone" in reported[1][2]


def test_strict_ends_at_the_first_bad_line_with_what_came_before_it_stored(runtime: Runtime, tmp_path: Path) -> None:
    made.brand(runtime)
    file = write(tmp_path / "m.jsonl", {}, {}, "not json", {})
    with pytest.raises(BadInput, match=r"m\.jsonl, line 3: not JSON"):
        import_files(runtime, [file], strict=True)
    assert len(made.mentions(runtime)) == 2


def test_what_cannot_be_meant_is_refused_before_anything_is_stored(runtime: Runtime, tmp_path: Path) -> None:
    file = write(tmp_path / "m.jsonl", {})
    with pytest.raises(BadInput, match="there is no brand yet"):
        import_files(runtime, [file])
    made.brand(runtime)
    with pytest.raises(BadInput, match="there is no brand 'zeta'; there are: acme"):
        import_files(runtime, [file], "zeta")
    with pytest.raises(BadInput, match=r"nowhere\.csv cannot be read: No such file"):
        import_files(runtime, [file, tmp_path / "nowhere.csv"])
    assert made.mentions(runtime) == []


def test_progress_is_told_in_bytes(runtime: Runtime, tmp_path: Path) -> None:
    made.brand(runtime)
    files = [write(tmp_path / f"{name}.jsonl", *[{"id": f"{name}{n}"} for n in range(BATCH + 1)]) for name in "ab"]
    told: list[tuple[int, int]] = []
    import_files(runtime, files, progress=lambda done, total: told.append((done, total)))
    total = sum(file.stat().st_size for file in files)
    assert told == sorted(told)
    assert len(told) == 4
    assert told[-1] == (total, total)


def test_what_was_deleted_does_not_come_back_with_the_file(runtime: Runtime, tmp_path: Path) -> None:
    made.brand(runtime)
    file = write(tmp_path / "m.jsonl", {})
    import_files(runtime, [file])
    with runtime.db.write() as db:
        row = db.scalars(select(tables.Mention)).one()
        row.text, row.deleted_at = "", runtime.clock.now()
    assert import_files(runtime, [file]) == Imported(known=1)
    assert [row.text for row in made.mentions(runtime)] == [""]
