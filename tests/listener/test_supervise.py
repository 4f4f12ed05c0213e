"""The listener follows the database while it runs, shares sources with other processes, and ends in time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from websockets.sync.server import ServerConnection

from core import tables
from core.clock import SystemClock
from core.db import Database
from core.runtime import Runtime
from core.settings import Settings
from listener.supervise import Listener, listen
from tests import loopback
from tests.conftest import NudgeList
from tests.listener import made

LOOK = 0.02


@pytest.fixture
def runtime(settings: Settings, database: Database, queue: NudgeList) -> Runtime:
    """With the machine's clock: threads really wait for each other here."""
    return Runtime(settings, database, SystemClock(), queue)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "incoming"
    path.mkdir()
    return path


def write(file: Path, *numbers: int, text: str = "acme lost my parcel") -> None:
    record = {"platform": "x", "author": "ann", "text": text, "created_at": "2026-11-20T10:00:00Z"}
    with file.open("a", encoding="utf-8") as lines:
        lines.writelines(json.dumps(record | {"id": str(number)}) + "\n" for number in numbers)


def until(what: Callable[[], bool]) -> None:
    """Look again and again until it is so, at most 20 s."""
    deadline, pause = time.monotonic() + 20, threading.Event()
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(LOOK)


@contextmanager
def listening(runtime: Runtime) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=listen, args=(runtime, stop, LOOK))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def heard(runtime: Runtime) -> set[str]:
    return {row.native_id for row in made.mentions(runtime)}


def change(runtime: Runtime, source_id: int, **values: object) -> None:
    with runtime.db.write() as db:
        row = db.get_one(tables.Source, source_id)
        for name, value in values.items():
            setattr(row, name, value)


def row_of(runtime: Runtime, source_id: int) -> tables.Source:
    with runtime.db.read() as db:
        return db.get_one(tables.Source, source_id)


def test_sources_are_heard_from_when_they_are_added_until_they_are_switched_off(runtime: Runtime, folder: Path) -> None:
    made.brand(runtime)
    with listening(runtime):
        write(folder / "a.jsonl", 1, 2)
        source_id = made.source(runtime, "files", settings={"path": str(folder)})
        until(lambda: heard(runtime) == {"1", "2"})
        change(runtime, source_id, active=False)
        until(lambda: row_of(runtime, source_id).state == "off")
        write(folder / "a.jsonl", 3)
        change(runtime, source_id, active=True)
        until(lambda: heard(runtime) == {"1", "2", "3"})
        with runtime.db.read() as db:
            assert [row.runs for row in db.scalars(select(tables.Heartbeat))] == ["listener"]
    ended = row_of(runtime, source_id)
    assert (ended.state, ended.holder) == ("running", None)


def test_changed_settings_and_queries_take_effect_while_it_runs(runtime: Runtime, folder: Path) -> None:
    brand_id = made.brand(runtime)
    write(folder / "a.jsonl", 1)
    write(folder / "b.jsonl", 2, text="the zeta broke")
    source_id = made.source(runtime, "files", settings={"path": str(folder / "a.jsonl")})
    with listening(runtime):
        until(lambda: heard(runtime) == {"1"})
        with runtime.db.write() as db:
            now = runtime.clock.now()
            db.add(tables.Query(brand_id=brand_id, name="zeta", text="zeta", created_at=now))
        change(runtime, source_id, settings={"path": str(folder / "b.jsonl")})
        until(lambda: heard(runtime) == {"1", "2"})


def test_a_source_that_must_wait_for_a_person_disturbs_no_other_and_starts_on_their_word(
    runtime: Runtime, folder: Path
) -> None:
    made.brand(runtime)
    write(folder / "a.jsonl", 1)
    wrong = made.source(runtime, "files", "wrong", settings={"path": "relative"})
    unknown = made.source(runtime, "telegraph", "unknown")
    made.source(runtime, "files", "right", settings={"path": str(folder / "a.jsonl")})
    with listening(runtime):
        until(lambda: heard(runtime) == {"1"})
        until(lambda: {row_of(runtime, one).state for one in (wrong, unknown)} == {"paused"})
        assert "must be absolute" in str(row_of(runtime, wrong).reason)
        assert "no source of kind 'telegraph'" in str(row_of(runtime, unknown).reason)
        write(folder / "b.jsonl", 2)
        change(runtime, wrong, settings={"path": str(folder / "b.jsonl")}, state="running")
        until(lambda: heard(runtime) == {"1", "2"})


def test_a_wait_outlives_a_restart_and_ends_when_somebody_says_so(runtime: Runtime, folder: Path) -> None:
    made.brand(runtime)
    write(folder / "a.jsonl", 1)
    later = runtime.clock.now() + timedelta(hours=1)
    settings = {"path": str(folder / "a.jsonl")}
    source_id = made.source(runtime, "files", settings=settings, state="waiting", next_try_at=later)
    write(folder / "b.jsonl", 2)
    made.source(runtime, "files", "other", settings={"path": str(folder / "b.jsonl")})
    with listening(runtime):
        until(lambda: heard(runtime) == {"2"})
        assert row_of(runtime, source_id).state == "waiting"
        change(runtime, source_id, state="running", next_try_at=None)
        until(lambda: heard(runtime) == {"1", "2"})


def test_it_ends_at_once_though_a_stream_is_silent(runtime: Runtime) -> None:
    connected = threading.Event()

    def say_nothing(connection: ServerConnection, asked: loopback.Asked) -> None:
        connected.set()
        connection.recv()

    made.brand(runtime)
    with loopback.websocket(say_nothing) as server:
        source_id = made.source(runtime, "bluesky", settings={"url": server.url})
        with listening(runtime):
            assert connected.wait(20)
            started = time.monotonic()
        assert time.monotonic() - started < 5
    assert row_of(runtime, source_id).state == "running"


def test_a_source_is_heard_by_one_process_until_that_one_lets_go_or_dies(runtime: Runtime, folder: Path) -> None:
    made.brand(runtime)
    source_id = made.source(runtime, "files", settings={"path": str(folder)})
    first, second = Listener(runtime, "first"), Listener(runtime, "second")
    try:
        first.look()
        second.look()
        assert row_of(runtime, source_id).holder == "first"

        change(runtime, source_id, held_until=runtime.clock.now() - timedelta(seconds=1))  # it was not renewed
        second.look()
        first.look()
        assert row_of(runtime, source_id).holder == "second"

        second.end()
        assert row_of(runtime, source_id).holder is None
        first.look()
        assert row_of(runtime, source_id).holder == "first"
    finally:
        first.end()
        second.end()
