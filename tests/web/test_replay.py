"""Recorded mentions come again in the order of their times, with their pauses, at the speed that was asked for."""

from __future__ import annotations

import math
import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Brand, Mention, Source
from core.types import Author
from core.types import Mention as Recorded
from tests.conftest import NudgeList
from web.replay import Replay

FIRST = datetime.fromisoformat("2026-11-01T08:00:00+00:00")
PAUSES = (0, 60, 60, 3_660, 86_400)
"""Seconds after the first."""


def recorded() -> list[Recorded]:
    """In an order that is not that of their times."""
    mentions = [
        Recorded("x", str(n), Author("a", "a"), f"text {n}", FIRST + timedelta(seconds=pause))
        for n, pause in enumerate(PAUSES)
    ]
    return mentions[::-1]


@pytest.fixture
def source_id(sqlite_runtime: Runtime, clock: HeldClock) -> int:
    with sqlite_runtime.db.write() as db:
        brand = Brand(slug="acme", name="Acme", created_at=clock.now())
        db.add(brand)
        db.flush()
        source = Source(kind="files", name="replay", brand_id=brand.id, created_at=clock.now())
        db.add(source)
        db.flush()
        return source.id


def heard(runtime: Runtime) -> list[tuple[str, datetime, datetime]]:
    """(id, written, heard), in the order in which they were stored."""
    with runtime.db.read() as db:
        rows = db.scalars(select(Mention).order_by(Mention.id))
        return [(row.native_id, row.created_at, row.heard_at) for row in rows]


@pytest.mark.parametrize("speed", [1, 60, 0.5])
def test_each_comes_when_it_is_due_and_keeps_its_time(
    sqlite_runtime: Runtime, clock: HeldClock, source_id: int, speed: float
) -> None:
    start, told = clock.now(), list[int]()
    done = Replay(recorded(), speed=speed, now=False).play(sqlite_runtime, source_id, threading.Event(), told.append)
    assert done.new == len(PAUSES)
    assert told == [1, 2, 1, 1]
    found = heard(sqlite_runtime)
    assert [one for one, _, _ in found] == ["0", "1", "2", "3", "4"]
    assert [written - FIRST for _, written, _ in found] == [timedelta(seconds=pause) for pause in PAUSES]
    assert [at - start for _, _, at in found] == [timedelta(seconds=pause / speed) for pause in PAUSES]


def test_with_now_each_is_written_when_it_is_played(sqlite_runtime: Runtime, clock: HeldClock, source_id: int) -> None:
    start = clock.now()
    Replay(recorded(), speed=60, now=True).play(sqlite_runtime, source_id, threading.Event(), lambda _: None)
    found = heard(sqlite_runtime)
    assert [written for _, written, _ in found] == [at for _, _, at in found]
    assert found[0][1] == start
    assert found[-1][1] == start + timedelta(seconds=1_440)


def test_without_pauses_nothing_is_waited_for_and_pages_stay_small(
    sqlite_runtime: Runtime, clock: HeldClock, queue: NudgeList, source_id: int
) -> None:
    start, told = clock.now(), list[int]()
    many = [Recorded("x", str(n), Author("a", "a"), "text", FIRST + timedelta(hours=n)) for n in range(1_200)]
    done = Replay(many, speed=math.inf, now=True).play(sqlite_runtime, source_id, threading.Event(), told.append)
    assert (done.new, clock.now()) == (1_200, start)
    assert told == [500, 500, 200]
    assert queue.nudged == ["judge"] * 3


def test_it_ends_at_once_when_told_and_a_second_run_adds_the_rest(sqlite_runtime: Runtime, source_id: int) -> None:
    stop = threading.Event()
    replay = Replay(recorded(), speed=1, now=False)
    assert replay.play(sqlite_runtime, source_id, stop, lambda _: stop.set()).new == 1
    again = replay.play(sqlite_runtime, source_id, threading.Event(), lambda _: None)
    assert (again.known, again.new) == (1, 4)
