"""Writers on SQLite take turns in the order of their coming, and batches in no hurry let others pass."""

from __future__ import annotations

import threading
from collections.abc import Callable

from core import waiting
from core.clock import HeldClock
from core.db import Database
from core.turns import PASSED, Turns
from core.waiting import LATE, PRESSING


def waiting_behind(turns: Turns, order: list[str], name: str, *, patient: bool = False) -> threading.Thread:
    """A thread that is in the queue by now, and notes its turn."""

    def write() -> None:
        assert turns.take(patient=patient, seconds=30)
        order.append(name)
        turns.leave()

    thread = threading.Thread(target=write)
    before = turns.waiting
    thread.start()
    until(lambda: turns.waiting == before + 1)
    return thread


def until(true: Callable[[], bool]) -> None:
    looked, pause = 0, threading.Event()
    while not true():
        looked += 1
        assert looked < 10_000
        pause.wait(0.001)


def test_each_has_its_turn_in_the_order_of_coming_and_those_in_no_hurry_after_the_others() -> None:
    turns, order = Turns(), list[str]()
    assert turns.take(patient=True, seconds=0)
    threads = [waiting_behind(turns, order, "batch", patient=True)]
    threads += [waiting_behind(turns, order, f"person {number}") for number in range(3)]
    turns.leave()
    for thread in threads:
        thread.join(30)
    assert order == ["person 0", "person 1", "person 2", "batch"]


def test_one_in_no_hurry_is_not_passed_for_ever() -> None:
    turns, order = Turns(), list[str]()
    assert turns.take(patient=False, seconds=0)
    threads = [waiting_behind(turns, order, "batch", patient=True)]
    threads += [waiting_behind(turns, order, "other") for _ in range(PASSED + 3)]
    turns.leave()
    for thread in threads:
        thread.join(30)
    assert order == ["other"] * PASSED + ["batch"] + ["other"] * 3


def test_who_waited_long_enough_goes_on_without_a_turn_and_takes_nobodys() -> None:
    turns = Turns()
    assert turns.take(patient=False, seconds=0)
    assert not turns.take(patient=True, seconds=0)
    turns.leave()
    assert turns.take(patient=False, seconds=0)


def test_a_batch_in_which_something_presses_does_not_let_others_pass(sqlite: Database, clock: HeldClock) -> None:
    """Both wait for the same writer; the one that came later goes first."""
    with sqlite.write() as db:
        waiting.add(db, clock, "judge", [1], lane=LATE)
        waiting.add(db, clock, "alert", [1], lane=PRESSING)
    order: list[str] = []

    def settle(stage: str) -> None:
        with sqlite.claim() as claimed:
            ids = waiting.take(claimed, clock, stage, 10)
            with sqlite.settle(claimed) as db:
                waiting.done(db, stage, ids)
                order.append(stage)

    with sqlite.write() as db:
        waiting.add(db, clock, "count", [1])
        threads = [threading.Thread(target=settle, args=[stage]) for stage in ("judge", "alert")]
        for number, thread in enumerate(threads, 1):
            thread.start()
            until(lambda number=number: sqlite.turns.waiting == number)  # type: ignore[misc]
    for thread in threads:
        thread.join(30)
    assert order == ["alert", "judge"]
