"""`ripplewatch doctor` names what is wrong and what to do about it, and changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core import waiting
from core.queue import beat
from core.runtime import Runtime
from core.secrets import seal
from core.setaside import set_aside
from core.settings import Settings
from core.tables import Brand, Canary, Channel, Query, Source, Switch
from tests.loopback import Answer, http
from tests.web.ripplewatch import Ran, ripplewatch
from web.doctor import Finding
from web.doctor.contents import contents

ROOT = Path(__file__).parents[2]
FOLDERS = ("core", "listener", "sentiment", "responder", "web")

Findings = list[dict[str, Any]]


def doctor() -> tuple[Ran, Findings]:
    ran = ripplewatch("doctor", "--json")
    return ran, ran.lines


def failed(findings: Findings) -> dict[str, dict[str, Any]]:
    return {finding["what"]: finding for finding in findings if finding["level"] == "fail"}


def test_a_fresh_installation_is_well_and_stays_untouched(tmp_path: Path) -> None:
    ran, findings = doctor()
    assert ran.code == 0
    assert not failed(findings)
    assert {"RIPPLEWATCH_HOME", "outbox", "MODEL", "REDIS_URL", "database"} <= {finding["what"] for finding in findings}
    assert not (tmp_path / "home").exists()


def test_for_people_each_finding_is_one_aligned_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URI", "sqlite:///x")
    lines = ripplewatch("doctor").out.splitlines()
    assert {line[:6] for line in lines} == {"ok    ", "warn  "}
    assert "warn  environment: DATABASE_URI is no setting and has no effect; do: did you mean DATABASE_URL?" in lines


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATABASE_URI", "did you mean DATABASE_URL?"),
        ("LOGLEVEL", "did you mean LOG_LEVEL?"),
        ("RIPPLEWATCH_PORT", "did you mean PORT?"),
        ("RIPPLEWATCH_HOM", "did you mean RIPPLEWATCH_HOME?"),
        ("RIPPLEWATCH_NONSENSE", ".env.example"),
        ("SECRET_KEY_FIL", "did you mean SECRET_KEY_FILE?"),
    ],
)
def test_a_misspelt_setting_is_noticed_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")
    (tmp_path / ".env").write_text(f"{name}=1\n", encoding="utf-8")
    _, findings = doctor()
    warned = {finding["what"]: finding for finding in findings if name in finding["says"]}
    assert set(warned) == {"environment", ".env"}
    assert all(meant in finding["do"] for finding in warned.values())


def test_what_is_none_of_our_business_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOSTNAME", "PORTS", "MODELS", "POSTGRES_PASSWORD", "LOGNAME"):
        monkeypatch.setenv(name, "1")
    _, findings = doctor()
    assert not [finding for finding in findings if finding["what"] == "environment"]


def test_an_unreadable_env_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=80\xff00\n")
    ran, findings = doctor()
    assert ran.code == 1
    assert "UTF-8" in failed(findings)[".env"]["do"]


def test_a_wrong_setting_is_named_and_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    ran, findings = doctor()
    assert {"level": "ok", "what": "SECRET_KEY", "says": "set, not shown", "do": ""} in findings
    assert "hush" not in ran.out
    monkeypatch.setenv("SWEEP_SECONDS", "soon")
    ran, findings = doctor()
    assert ran.code == 1
    assert "SWEEP_SECONDS" in failed(findings)["settings"]["says"]


def test_a_writer_is_asked_for_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"choices": [{"message": {"content": "OK"}}]}
    answers = [Answer(401, b"{}"), Answer(body=json.dumps(said).encode())]
    with http(lambda _: answers.pop(0)) as server:
        monkeypatch.setenv("WRITER_URL", f"{server.url}/v1")
        monkeypatch.setenv("WRITER_KEY", "sk-doctor")
        assert "WRITER_MODEL is not" in failed(doctor()[1])["WRITER_URL"]["says"]
        monkeypatch.setenv("WRITER_MODEL", "small")
        ran, found = doctor()
        assert "does not accept the key (WRITER_KEY)" in failed(found)["WRITER_URL"]["says"]
        assert "sk-doctor" not in ran.out
        assert ("WRITER_URL", "small answers") in {(one["what"], one["says"]) for one in doctor()[1]}


def test_a_home_and_an_outbox_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RIPPLEWATCH_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("OUTBOX_FILE", str(tmp_path))
    ran, findings = doctor()
    assert ran.code == 1
    assert {"RIPPLEWATCH_HOME", "outbox"} <= set(failed(findings))


def test_an_unreachable_redis_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("REDIS_URL", f"redis://:hush@127.0.0.1:{port}/0")
    ran, findings = doctor()
    assert ran.code == 1
    assert f"127.0.0.1:{port}" in failed(findings)["Redis"]["says"]
    assert "REDIS_URL" in failed(findings)["Redis"]["do"]
    assert "hush" not in ran.out


def test_a_redis_that_answers_shows_its_queues(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    _, findings = doctor()
    said = {finding["what"]: finding["says"] for finding in findings}
    assert "version" in said["Redis"]
    assert said["queue judge"].startswith("0 job(s) waiting")
    assert [finding for finding in findings if finding["what"] == "DATABASE_URL" and finding["level"] == "warn"]


def test_an_unreachable_database_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://me:hush@127.0.0.1:1/none")
    ran, findings = doctor()
    assert ran.code == 1
    assert "DATABASE_URL" in failed(findings)["database"]["do"]
    assert "hush" not in ran.out


def test_a_file_that_is_no_database_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_text("no database\n" * 500, encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'broken.sqlite'}")
    _, findings = doctor()
    assert "not a database" in failed(findings)["database"]["says"]


def test_postgres_is_examined_as_well(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    _, findings = doctor()
    assert "empty" in next(finding["says"] for finding in findings if finding["what"] == "database")
    assert ripplewatch("migrate").code == 0
    ran, findings = doctor()
    assert ran.code == 0
    assert {"users", "brands", "sources"} <= {finding["what"] for finding in findings if finding["level"] == "warn"}


def test_what_is_exposed_without_encryption_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    _, findings = doctor()
    assert [finding for finding in findings if finding["what"] == "PUBLIC_URL" and finding["level"] == "warn"]


def _within(runtime: Runtime) -> dict[str, Finding]:
    return {finding.what: finding for finding in contents(runtime.settings, runtime.clock)}


@pytest.fixture
def watched(sqlite_runtime: Runtime) -> Runtime:
    with sqlite_runtime.db.write() as db:
        brand = Brand(slug="acme", name="Acme", created_at=sqlite_runtime.clock.now())
        brand.queries = [Query(name="all", text="acme", created_at=sqlite_runtime.clock.now())]
        db.add(brand)
    return sqlite_runtime


def _add_source(runtime: Runtime, **values: Any) -> None:
    with runtime.db.write() as db:
        db.add(Source(**{"kind": "feed", "name": "blog", "created_at": runtime.clock.now()} | values))


def test_a_source_that_lacks_a_required_field_is_named(watched: Runtime) -> None:
    _add_source(watched, settings={})
    found = _within(watched)["source feed/blog"]
    assert found.level == "fail"
    assert "lacks" in found.says


def test_a_source_of_a_kind_that_is_gone_is_named(watched: Runtime) -> None:
    _add_source(watched, kind="telegraph")
    assert "no source of kind 'telegraph'" in _within(watched)["source telegraph/blog"].says


def test_a_channel_through_which_nothing_gets_here_is_named(watched: Runtime) -> None:
    _add_source(watched, settings={"url": "https://blog.example/feed"})
    with watched.db.write() as db:
        sent = watched.clock.now() - timedelta(hours=1)
        db.add(Canary(source_id=db.scalars(select(Source.id)).one(), token="t", sent_at=sent))
    found = _within(watched)["channel blog"]
    assert (found.level, found.says) == ("warn", "the message to ourselves did not come back within 10 minutes")


def test_where_alerts_go_is_examined(watched: Runtime) -> None:
    now = watched.clock.now()
    sealed = seal(watched.settings, {"token": "xoxb-1"})
    bot = {"kind": "slack", "settings": {"channel": "C0ALERTS01"}, "credentials": sealed, "created_at": now}
    with watched.db.write() as db:
        db.add(Channel(name="well", **bot))
        db.add(Channel(name="thrown out", **bot, state="paused", reason="the bot is not in that channel"))
        db.add(Channel(name="without a token", **bot | {"credentials": None}))
    found = _within(watched)
    assert found["alerts to slack/well"].level == "ok"
    assert "not in that channel" in found["alerts to slack/thrown out"].says
    assert "token: enter the bot's token" in found["alerts to slack/without a token"].says


def test_a_paused_source_gives_its_reason_and_the_command(watched: Runtime) -> None:
    _add_source(watched, settings={"url": "https://blog.example/feed"}, state="paused", reason="410 Gone")
    found = _within(watched)["source feed/blog"]
    assert (found.level, found.says) == ("fail", "paused: 410 Gone")
    assert "ripplewatch source resume feed blog" in found.do


def test_a_source_that_tries_again_is_only_worth_knowing(watched: Runtime) -> None:
    later = watched.clock.now() + timedelta(minutes=5)
    _add_source(
        watched,
        settings={"url": "https://blog.example/feed"},
        state="waiting",
        reason="503",
        failures=3,
        next_try_at=later,
    )
    found = _within(watched)["source feed/blog"]
    assert found.level == "warn"
    assert f"{later:%H:%M}" in found.do


def test_a_query_that_cannot_be_read_any_more_is_named(watched: Runtime) -> None:
    with watched.db.write() as db:
        brand = db.get_one(Brand, 1)
        brand.queries.append(Query(name="old", text="(acme", created_at=watched.clock.now()))
    assert _within(watched)["query 'old'"].level == "fail"


def test_what_was_set_aside_or_waits_too_long_is_named(watched: Runtime) -> None:
    with watched.db.write() as db:
        set_aside(db, watched.clock, "judge", "mention", 1, ValueError("unreadable"))
        waiting.add(db, watched.clock, "open_case", [2], due=watched.clock.now() - timedelta(hours=1))
    found = list(contents(watched.settings, watched.clock))
    aside = [one for one in found if one.what == "stage judge" and one.level == "fail"]
    assert "1 item(s) set aside; the last: ValueError: unreadable" in aside[0].says
    assert [one for one in found if one.what == "stage open_case" and one.level == "warn"]


def test_stopped_sending_and_processes_that_are_away_are_named(watched: Runtime) -> None:
    with watched.db.write() as db:
        db.add(Switch(name="sending", stopped=True, why="a mistake", changed_at=watched.clock.now()))
    beat(watched, "web")
    found = _within(watched)
    assert "a mistake" in found["sending"].says
    assert found["process web"].level == "ok"
    assert "ripplewatch judge" in found["process sentiment"].do


def _program(folder: Path) -> Path:
    """The program as of the next release: one more revision, and a model file that was damaged on its way."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "model"))
    (folder / "sentiment" / "model").mkdir()
    for file in (ROOT / "sentiment" / "model").iterdir():
        (folder / "sentiment" / "model" / file.name).symlink_to(file)
    damaged = folder / "sentiment" / "model" / "tokenizer.json"
    damaged.unlink()
    damaged.write_text("{}", encoding="utf-8")
    versions = folder / "core" / "migrations" / "versions"
    last = sorted(file.name[:4] for file in versions.glob("0*.py"))[-1]
    (versions / "9000_next.py").write_text(
        f"revision = '9000'\ndown_revision = '{last}'\ndef upgrade(): pass\n", encoding="utf-8"
    )
    return folder


@pytest.mark.usefixtures("tables")
def test_a_database_one_migration_behind_and_a_damaged_model_are_named(settings: Settings, tmp_path: Path) -> None:
    database = settings.ripplewatch_home / "ripplewatch.sqlite"
    before = _version(database)
    program = _program(tmp_path / "next")
    environ = os.environ | {"PYTHONPATH": str(program), "RIPPLEWATCH_HOME": str(settings.ripplewatch_home)}
    command = [sys.executable, "-m", "web", "doctor", "--json"]
    ran = subprocess.run(command, cwd=program, env=environ, capture_output=True, timeout=120, check=False)
    findings = failed([json.loads(line) for line in ran.stdout.splitlines()])
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert f"is at version {before}, this program needs 9000" in findings["database"]["says"]
    assert "ripplewatch migrate" in findings["database"]["do"]
    assert "tokenizer.json is damaged" in findings["MODEL"]["says"]
    assert _version(database) == before, "the doctor only looks"


@pytest.mark.usefixtures("tables")
def test_a_database_that_a_newer_program_made_is_named(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.ripplewatch_home / "ripplewatch.sqlite")) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9000'")
    _, findings = doctor()
    assert "newer Ripplewatch" in failed(findings)["database"]["do"]


def _version(database: Path) -> str:
    with closing(sqlite3.connect(database)) as db:
        return str(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])
