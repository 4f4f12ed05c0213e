"""Time that is handed in: the machine's own, and one that stands still."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from core.clock import HeldClock, SystemClock


def test_the_machines_clock_gives_utc_and_never_runs_backwards() -> None:
    clock = SystemClock()
    before, first = datetime.now(UTC), clock.monotonic()
    assert before <= clock.now() <= datetime.now(UTC)
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() >= first


def test_waiting_ends_at_once_when_the_event_is_set() -> None:
    event = threading.Event()
    assert SystemClock().wait(event, 0) is False
    event.set()
    assert SystemClock().wait(event, 3600) is True


def test_a_held_clock_moves_only_when_told() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    clock = HeldClock(noon)
    assert (clock.now(), clock.monotonic()) == (noon, 0)
    clock.advance(90)
    assert (clock.now(), clock.monotonic()) == (noon.replace(minute=1, second=30), 90)


def test_waiting_on_a_held_clock_takes_no_time_but_passes_it() -> None:
    clock, event = HeldClock(), threading.Event()
    assert clock.wait(event, 3600) is False
    assert clock.monotonic() == 3600
    event.set()
    assert clock.wait(event, 3600) is True
    assert clock.monotonic() == 3600
