"""One step of a source: what it gives is stored, what goes wrong becomes a state that a person can read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater
from core.runtime import Runtime
from core.types import Page
from listener.matching import BrandMatcher
from listener.step import LONGEST_BACKOFF, Next, step
from tests.conftest import NudgeList
from tests.listener import made
from tests.listener.made import post
from tests.listener.told import NeverSilent, Told


@pytest.fixture
def source_id(runtime: Runtime) -> int:
    made.brand(runtime)
    return made.source(runtime)


Step = Callable[..., Next]


@pytest.fixture
def take(runtime: Runtime, source_id: int) -> Step:
    """Take a step of a source, opened when the test began."""
    opened = runtime.clock.now()
    with runtime.db.read() as db:
        matcher = BrandMatcher.load(db)

    def take(source: Told, opened_at: datetime = opened, stop: threading.Event | None = None) -> Next:
        return step(runtime, source_id, source, matcher, opened_at, stop)

    return take


def row_of(runtime: Runtime, source_id: int) -> tables.Source:
    with runtime.db.read() as db:
        return db.get_one(tables.Source, source_id)


def test_pages_are_stored_one_after_the_other_and_the_judge_is_told(
    runtime: Runtime, source_id: int, take: Step, queue: NudgeList
) -> None:
    source = Told(None, Page((post(1),), "c1", more=True), Page((post(1),), "c2"))
    assert take(source).wait == 0
    assert take(source).wait == 60
    assert source.asked == [None, "c1"]
    assert queue.nudged == ["judge"]
    row = row_of(runtime, source_id)
    assert (row.cursor, row.state, row.last_ok_at) == ("c2", "running", runtime.clock.now())


def test_later_means_the_platforms_own_time(runtime: Runtime, source_id: int, take: Step) -> None:
    after = take(Told(None, RetryLater("slow down, token=sesame", 77)))
    assert (after.wait, after.failed) == (77, True)
    row = row_of(runtime, source_id)
    assert (row.state, row.reason, row.failures) == ("waiting", "slow down, token=***", 1)
    assert row.next_try_at == runtime.clock.now() + timedelta(seconds=77)


def test_without_one_the_waits_grow_to_a_cap_and_a_success_ends_them(
    runtime: Runtime, source_id: int, take: Step
) -> None:
    source = Told(None, *[RetryLater("down")] * 12)
    waits = [take(source).wait or 0 for _ in range(12)]
    assert 0.5 <= waits[0] <= 1
    assert 16 <= waits[5] <= 32
    assert LONGEST_BACKOFF / 2 <= waits[-1] <= LONGEST_BACKOFF
    assert take(source) == Next(60)
    row = row_of(runtime, source_id)
    assert (row.state, row.reason, row.failures, row.next_try_at) == ("running", None, 0, None)


@pytest.mark.parametrize("error", [GiveUp("your key was revoked"), BadInput("your key was revoked")])
def test_a_source_that_cannot_go_on_is_paused_for_a_person(
    runtime: Runtime, source_id: int, take: Step, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert take(Told(None, error)).wait is None
    row = row_of(runtime, source_id)
    assert (row.state, row.reason, row.next_try_at) == ("paused", "your key was revoked", None)
    assert caplog.text.count("your key was revoked") == 1


def test_an_error_that_nobody_thought_of_is_logged_whole_and_waited_out(
    runtime: Runtime, source_id: int, take: Step, caplog: pytest.LogCaptureFixture
) -> None:
    assert (take(Told(None, ZeroDivisionError("oops"))).wait or 0) > 0
    assert "Traceback" in caplog.text
    row = row_of(runtime, source_id)
    assert (row.state, row.reason) == ("waiting", "ZeroDivisionError: oops (the log says more)")


def test_a_page_that_cannot_be_stored_is_asked_for_again(runtime: Runtime, source_id: int, take: Step) -> None:
    naive = post(1, created_at=made.WRITTEN.replace(tzinfo=None), conversation=object())
    source = Told(None, Page((naive,), "c1"), Page((post(1),), "c1"))
    assert take(source).failed
    assert not take(source).failed
    assert source.asked == [None, None]


def test_once_it_is_told_to_stop_a_failure_is_nobodys_fault(runtime: Runtime, source_id: int, take: Step) -> None:
    stop = threading.Event()
    stop.set()
    assert take(Told(None, OSError("socket closed")), stop=stop).wait is None
    assert row_of(runtime, source_id).state == "running"


def test_a_source_that_somebody_removed_ends(runtime: Runtime, source_id: int, take: Step) -> None:
    with runtime.db.write() as db:
        db.delete(db.get_one(tables.Source, source_id))
    assert take(Told(None)).wait is None


def test_silence_where_something_always_comes_opens_the_source_anew_and_leaves_one_gap(
    runtime: Runtime, source_id: int, take: Step, clock: HeldClock
) -> None:
    start = clock.now()
    take(NeverSilent(None, Page((post(1),))))
    clock.advance(60)
    assert not take(NeverSilent()).reopen
    clock.advance(1)
    assert take(NeverSilent()).reopen

    reopened = clock.now()
    clock.advance(30)
    assert not take(NeverSilent(), reopened).reopen
    clock.advance(31)
    assert take(NeverSilent(), reopened).reopen

    with runtime.db.read() as db:
        (gap,) = db.scalars(select(tables.Gap))
        assert (gap.start, gap.end) == (start, clock.now())


def test_where_silence_is_normal_nothing_happens(take: Step, clock: HeldClock) -> None:
    clock.advance(86_400)
    assert take(Told()) == Next(60)
