"""RQ as the queue, on a real Redis: nudges that do not pile up, failures that are seen as such, a clean end."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from core import waiting
from core.clock import SystemClock
from core.queue import RqQueue, Stage, serve
from core.runtime import Runtime
from core.tables import SetAside
from tests.core.test_queue import FIRST, SECOND, wait_for

HALTED = Stage("halted", "numbers", "tests.core.stages.halted")
POSTPONED = Stage("postponed", "numbers", "tests.core.stages.postponed")
STAGES = {stage.name: stage for stage in (FIRST, SECOND, HALTED, POSTPONED)}

pytestmark = pytest.mark.timeout(120, method="thread")  # RQ takes the alarm signal for itself


@pytest.fixture
def rq(redis_url: str) -> Iterator[RqQueue]:
    queue = RqQueue(redis_url)
    yield queue
    queue.redis.close()


@pytest.fixture
def rq_runtime(sqlite_runtime: Runtime, rq: RqQueue) -> Runtime:
    return dataclasses.replace(sqlite_runtime, queue=rq, clock=SystemClock())


def left(runtime: Runtime, stage: str) -> int:
    with runtime.db.read() as db:
        return waiting.count(db, stage)


def test_a_nudge_is_one_job_that_carries_only_the_stages_name(rq: RqQueue) -> None:
    rq.nudge("judge")
    rq.nudge("judge")
    [job] = rq.jobs("judge").jobs
    assert (job.func_name, job.args, job.kwargs) == ("core.queue.perform", ["judge"], {})


def test_jobs_are_plain_json_that_cannot_carry_code(rq: RqQueue) -> None:
    rq.nudge("judge")
    [job] = rq.jobs("judge").jobs
    assert json.loads(job.data)[0] == "core.queue.perform"


def test_nudges_after_a_job_was_taken_make_another(rq: RqQueue) -> None:
    rq.nudge("judge")
    rq.jobs("judge").pop_job_id()
    rq.nudge("judge")
    assert rq.jobs("judge").count == 1


@pytest.mark.parametrize("url", ["redis://:hunter2@127.0.0.1:1/0", "unix:///nowhere/redis.sock"])
def test_a_redis_that_is_down_costs_a_warning(url: str, caplog: pytest.LogCaptureFixture) -> None:
    RqQueue(url).nudge("judge")
    assert "the next sweep finds the work" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_worker_finds_work_that_nobody_told_it_of_and_does_all_of_it(rq_runtime: Runtime, rq: RqQueue) -> None:
    wait_for(rq_runtime, "first", range(5))
    serve(rq_runtime, "numbers", burst=True, stages=STAGES)
    assert (left(rq_runtime, "first"), left(rq_runtime, "second")) == (0, 0)
    assert rq.jobs("first").failed_job_registry.count == 0


def test_a_bad_item_is_a_failed_job_and_set_aside_while_the_rest_is_done(rq_runtime: Runtime, rq: RqQueue) -> None:
    wait_for(rq_runtime, "first", range(11, 17))
    serve(rq_runtime, "numbers", burst=True, stages=STAGES)
    assert (left(rq_runtime, "first"), left(rq_runtime, "second")) == (0, 0)
    with rq_runtime.db.read() as db:
        [aside] = db.scalars(select(SetAside))
    assert (aside.stage, aside.subject_id, aside.reason) == ("first", 13, "ValueError: unlucky")
    [failed] = rq.jobs("first").failed_job_registry.get_job_ids()
    job = rq.jobs("first").fetch_job(failed)
    assert job is not None
    result = job.latest_result()
    assert result is not None
    assert "1 item(s) of stage first were set aside" in str(result.exc_string)


def test_a_worker_that_is_told_to_end_finishes_its_batch_and_keeps_the_rest_for_later(rq_runtime: Runtime) -> None:
    wait_for(rq_runtime, "halted", range(5))
    serve(rq_runtime, "numbers", stages=STAGES)
    assert left(rq_runtime, "halted") == 4


def test_what_becomes_due_is_not_left_to_the_next_sweep(rq_runtime: Runtime) -> None:
    """A reply that waits for its ten seconds goes out then, however rarely a sweep comes by."""
    rarely = rq_runtime.settings.model_copy(update={"sweep_seconds": 3600})
    wait_for(rq_runtime, "postponed", [1])
    serve(dataclasses.replace(rq_runtime, settings=rarely), "numbers", stages=STAGES)
    assert (left(rq_runtime, "postponed"), left(rq_runtime, "halted")) == (0, 0)


def test_a_worker_that_starts_before_redis_waits_for_it(
    sqlite_runtime: Runtime, redis_url: str, tmp_path: Path
) -> None:
    if not redis_url.startswith("unix://"):
        pytest.skip("a Redis elsewhere cannot be hidden and shown")
    hidden = tmp_path / "redis.sock"

    class Appear(logging.Handler):
        """Redis is there from the moment that the worker has missed it."""

        def emit(self, record: logging.LogRecord) -> None:
            if "Redis is away" in record.getMessage() and not hidden.exists():
                hidden.symlink_to(redis_url.removeprefix("unix://"))

    settings = sqlite_runtime.settings.model_copy(update={"sweep_seconds": 0.05})
    queue = RqQueue(f"unix://{hidden}")
    runtime = dataclasses.replace(sqlite_runtime, queue=queue, clock=SystemClock(), settings=settings)
    wait_for(runtime, "halted", range(2))
    logger, handler = logging.getLogger("core.queue"), Appear()
    logger.addHandler(handler)
    try:
        serve(runtime, "numbers", stages=STAGES)
    finally:
        logger.removeHandler(handler)
        queue.redis.close()
    assert left(runtime, "halted") == 1


def test_serving_needs_redis(sqlite_runtime: Runtime) -> None:
    with pytest.raises(TypeError, match="REDIS_URL"):
        serve(sqlite_runtime, "sentiment")
