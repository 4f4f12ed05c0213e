"""Stages: each finds its work whether or not a nudge arrives, and one bad item stops nothing else."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue

import pytest
from sqlalchemy import select

from core import waiting
from core.clock import HeldClock
from core.errors import ItemsSetAside
from core.queue import STAGES, Stage, ThreadQueue, beat, retire, run_stage, stages_of, sweep
from core.runtime import Runtime
from core.tables import Heartbeat, SetAside
from tests.conftest import NudgeList
from tests.core.stages import second

FIRST = Stage("first", "numbers", "tests.core.stages.first", next=("second",))
SECOND = Stage("second", "numbers", "tests.core.stages.second")
SLOW = Stage("slow", "numbers", "tests.core.stages.slow")
BROKEN = Stage("broken", "numbers", "tests.core.stages.missing")

Start = Callable[..., Runtime]


def wait_for(runtime: Runtime, stage: str, ids: Iterable[int]) -> None:
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, stage, ids)


def finished(count: int) -> set[int]:
    return {second.finished.get(timeout=30) for _ in range(count)}


@pytest.fixture(autouse=True)
def _nothing_finished() -> None:
    second.finished = SimpleQueue()


@pytest.fixture
def start(sqlite_runtime: Runtime) -> Iterator[Start]:
    """Starts worker threads for some stages; they are stopped when the test ends."""
    queues: list[ThreadQueue] = []

    def started(*stages: Stage, sweep_seconds: float = 3600) -> Runtime:
        queue = ThreadQueue({stage.name: stage for stage in stages})
        settings = sqlite_runtime.settings.model_copy(update={"sweep_seconds": sweep_seconds})
        runtime = dataclasses.replace(sqlite_runtime, queue=queue, settings=settings)
        queue.start(runtime)
        queues.append(queue)
        return runtime

    yield started
    for queue in queues:
        queue.stop()


def running() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_stage_is_there_and_names_stages_that_are(stage: Stage) -> None:
    work = importlib.import_module(stage.module).work
    assert list(inspect.signature(work).parameters) == ["runtime"]
    assert set(stage.next) <= set(STAGES)


def test_what_a_customer_waits_for_comes_first() -> None:
    names = ["alert", "deliver", "post", "open_case", "incident", "issue", "clock", "answered", "follow_up"]
    names += ["spread", "digest", "redact", "scrub", "care"]
    assert [stage.name for stage in stages_of("responder")] == names


def test_a_stage_works_until_nothing_is_left_and_nudges_the_next(runtime: Runtime, queue: NudgeList) -> None:
    wait_for(runtime, "first", range(1, 6))
    assert run_stage(runtime, FIRST) == 5
    assert set(queue.nudged) == {"second"}
    with runtime.db.read() as db:
        assert waiting.take(db, runtime.clock, "second", 10) == [1, 2, 3, 4, 5]


def test_a_stage_without_work_nudges_nobody(sqlite_runtime: Runtime, queue: NudgeList) -> None:
    assert run_stage(sqlite_runtime, FIRST) == 0
    assert queue.nudged == []


def test_a_bad_item_is_set_aside_after_the_others_are_done(runtime: Runtime) -> None:
    wait_for(runtime, "first", range(11, 17))
    with pytest.raises(ItemsSetAside, match=r"1 item\(s\) of stage first"):
        run_stage(runtime, FIRST)
    with runtime.db.read() as db:
        assert waiting.take(db, runtime.clock, "second", 10) == [11, 12, 14, 15, 16]
        assert waiting.count(db, "first") == 0
        assert db.scalars(select(SetAside.subject_id)).all() == [13]


def test_a_stage_with_much_to_do_lets_others_have_their_turn(sqlite_runtime: Runtime, queue: NudgeList) -> None:
    wait_for(sqlite_runtime, "slow", range(9))
    assert run_stage(sqlite_runtime, SLOW, seconds=60) == 2
    assert queue.nudged == ["slow"]


def test_a_stage_lets_what_presses_at_another_pass_but_not_for_long(
    sqlite_runtime: Runtime, queue: NudgeList, clock: HeldClock
) -> None:
    beside = ["first", "second", "slow"]
    wait_for(sqlite_runtime, "first", range(20, 29))
    with sqlite_runtime.db.write() as db:
        waiting.add(db, clock, "slow", [1], lane=waiting.PRESSING)
    once = run_stage(sqlite_runtime, FIRST, beside=beside)
    assert 0 < once < 9
    assert queue.nudged == ["second", "first"]
    with sqlite_runtime.db.write() as db:
        waiting.add(db, clock, "first", [30], lane=waiting.PRESSING)
    assert run_stage(sqlite_runtime, FIRST, beside=beside) == once  # it goes first, and then others pass again
    clock.advance(waiting.STALLED.total_seconds())
    assert run_stage(sqlite_runtime, FIRST, beside=beside) == 10 - 2 * once  # whatever is the matter there


def test_a_stage_stops_when_the_process_ends(sqlite_runtime: Runtime) -> None:
    stop = threading.Event()
    stop.set()
    wait_for(sqlite_runtime, "first", [1])
    assert run_stage(sqlite_runtime, FIRST, stop) == 0


def test_the_sweep_nudges_stages_with_work_that_is_due(runtime: Runtime, queue: NudgeList) -> None:
    wait_for(runtime, "second", [1])
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "slow", [1], due=runtime.clock.now().replace(year=2030))
    assert sweep(runtime, [FIRST, SECOND, SLOW]) == queue.nudged == ["second"]


def test_a_process_has_one_heartbeat(runtime: Runtime) -> None:
    for _ in range(2):
        beat(runtime, "listener")
    with runtime.db.read() as db:
        assert [(row.runs, row.at) for row in db.scalars(select(Heartbeat))] == [("listener", runtime.clock.now())]


def test_a_process_that_ended_as_it_should_is_looked_for_no_more_and_a_lost_one_for_a_day(
    runtime: Runtime, clock: HeldClock
) -> None:
    with runtime.db.write() as db:
        db.add(Heartbeat(process="lost", runs="web", at=clock.now()))
    beat(runtime, "listener")
    retire(runtime, "listener")
    with runtime.db.read() as db:
        assert db.scalars(select(Heartbeat.process)).all() == ["lost"]
    clock.advance(25 * 3600)
    beat(runtime, "listener")
    with runtime.db.read() as db:
        assert db.scalars(select(Heartbeat.runs)).all() == ["listener"]


def test_a_nudged_thread_carries_items_through_all_stages(start: Start) -> None:
    runtime = start(FIRST, SECOND)
    for ids in ([1, 2, 3], [4, 5]):
        wait_for(runtime, "first", ids)
        runtime.queue.nudge("first")
        assert finished(len(ids)) == set(ids)


def test_threads_find_work_that_nobody_told_them_of(start: Start) -> None:
    runtime = start(FIRST, SECOND, sweep_seconds=0.02)
    wait_for(runtime, "first", [1])
    assert finished(1) == {1}
    wait_for(runtime, "first", [2])
    assert finished(1) == {2}


def test_threads_go_on_after_a_bad_item_and_a_broken_stage(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    runtime = start(BROKEN, FIRST, SECOND)
    wait_for(runtime, "first", [13, 14])
    runtime.queue.nudge("first")
    assert finished(1) == {14}
    wait_for(runtime, "first", [15])
    runtime.queue.nudge("first")
    assert finished(1) == {15}
    assert "stage broken failed" in caplog.text


def test_stopping_never_waits_for_the_next_sweep(start: Start) -> None:
    for _ in range(20):
        queue = start(FIRST, SECOND).queue
        assert isinstance(queue, ThreadQueue)
        queue.stop(seconds=30)
        assert not running() & {"first", "second"}


def test_a_stage_that_runs_in_another_process_can_be_nudged() -> None:
    queue = ThreadQueue({"first": FIRST})
    queue.nudge("second")
    queue.stop()
