"""Which stage follows which, and the nudge that tells a stage to look for work.

The database is the truth (core/waiting.py) and a nudge carries nothing but a stage's name: if all of them are
lost, each stage finds its work by itself at the next sweep. A stage is one function in the module named here:

    work(runtime) -> int       does one bounded batch, in transactions of its own; says how many items it finished

It raises ItemsSetAside when some had to be set aside, after the others are done, so that a failure is seen as one.
There are two backends: worker threads of this process, and RQ workers in as many processes as you like.
Both take another table of stages than STAGES, for whoever wants to run only some of them, or their own.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Protocol, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue as RqJobs
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import DequeueStrategy
from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from core import waiting
from core.errors import ItemsSetAside
from core.tables import Heartbeat

if TYPE_CHECKING:
    from core.runtime import Runtime

log = logging.getLogger(__name__)

JOB_SECONDS = 5
"""A job that still finds work after this long nudges its stage again and ends, so that others get their turn."""

JOB_ENDS = 600
"""Seconds after which RQ takes a job for stuck."""

GIVES_WAY = 2.0
"""Seconds for which a thread without anything that presses lets others be, at most, before its next batch."""
_LOOKS = 40
"""How often it looks meanwhile whether it may go on."""

RECONNECT_SECONDS = 5.0
"""How long at most a worker that lost Redis waits before it tries again."""

FORGOTTEN_AFTER = timedelta(days=1)
"""A process that was last heard of so long ago is history, not trouble."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step after collecting: who runs it (the folder, and the compose service), and what it nudges next."""

    name: str
    process: str
    module: str
    next: tuple[str, ...] = ()

    def work(self, runtime: Runtime) -> int:
        """Do one bounded batch; see the module."""
        return cast("Callable[[Runtime], int]", importlib.import_module(self.module).work)(runtime)


STAGES = {
    stage.name: stage
    for stage in (
        Stage("judge", "sentiment", "sentiment.judge", next=("open_case", "count", "cluster")),
        Stage("count", "sentiment", "sentiment.ripple.count", next=("ripple",)),
        Stage("cluster", "sentiment", "sentiment.ripple.cluster", next=("alert",)),
        Stage("ripple", "sentiment", "sentiment.ripple.incidents", next=("alert",)),
        Stage("glossary", "sentiment", "sentiment.glossary", next=("judge",)),
        Stage("topic", "sentiment", "sentiment.ripple.topics", next=("count",)),
        Stage("history", "sentiment", "sentiment.ripple.history"),
        Stage("calm", "sentiment", "sentiment.ripple.calm"),
        Stage("alert", "responder", "responder.alerts.route", next=("deliver",)),
        Stage("deliver", "responder", "responder.alerts.deliver"),
        Stage("post", "responder", "responder.outbox.post"),
        Stage("open_case", "responder", "responder.desk.open_case", next=("spread",)),
        Stage("incident", "responder", "responder.incidents.incident_cases"),
        Stage("issue", "responder", "responder.incidents.ended_issues"),
        Stage("clock", "responder", "responder.timing.clock", next=("alert",)),
        Stage("answered", "responder", "responder.desk.answered"),
        Stage("follow_up", "responder", "responder.timing.follow_up"),
        Stage("spread", "responder", "responder.spread.spread"),
        Stage("digest", "responder", "responder.alerts.digest", next=("alert",)),
        Stage("redact", "responder", "responder.outbox.redact"),
        Stage("scrub", "responder", "core.text_index"),
        Stage("care", "responder", "responder.timing.care_days"),
    )
}
"""In the order in which a process that runs several first looks for work: what a customer waits for comes first."""


class Queue(Protocol):
    """How a stage is told to look for work. Call it after the commit that made the work, never before."""

    def nudge(self, stage: str) -> None:
        """Ask `stage` to look for work soon. Never raises: a lost nudge is found by the sweep."""
        ...


def stages_of(process: str, stages: Mapping[str, Stage] = STAGES) -> list[Stage]:
    """The stages that a process runs."""
    return [stage for stage in stages.values() if stage.process == process]


def run_stage(
    runtime: Runtime,
    stage: Stage,
    stop: threading.Event | None = None,
    seconds: float = JOB_SECONDS,
    beside: Collection[str] = (),
) -> int:
    """Work until nothing is left, `stop` is set or `seconds` have passed; nudge what comes next as it is made.

    It ends as well, to go on later, when something presses at one of the stages `beside` it and nothing does here.
    Gives the number of items finished. Raises ItemsSetAside, after everything else, when items were set aside.
    """
    started, total, aside = runtime.clock.monotonic(), 0, 0
    while not (stop and stop.is_set()):
        try:
            done, failed = stage.work(runtime), 0
        except ItemsSetAside as error:
            done, failed = 0, error.count
        total, aside = total + done, aside + failed
        if done or failed:
            for following in stage.next:
                runtime.queue.nudge(following)
        else:
            break
        if runtime.clock.monotonic() - started > seconds or _overtaken(runtime, stage, beside):
            runtime.queue.nudge(stage.name)
            break
    if aside:
        raise ItemsSetAside(stage.name, aside)
    return total


def _overtaken(runtime: Runtime, stage: Stage, beside: Collection[str]) -> bool:
    """Whether something presses at one of these stages and nothing does at this one."""
    if not beside:
        return False
    with runtime.db.read() as db:
        busy = waiting.pressing(db, runtime.clock, {stage.name, *beside})
    return bool(busy) and stage.name not in busy


def beat(runtime: Runtime, runs: str) -> None:
    """Say in the database that this process is alive and what it runs."""
    now = runtime.clock.now()
    with runtime.db.write() as db:
        db.merge(Heartbeat(process=_process(runs), runs=runs, at=now))
        db.execute(delete(Heartbeat).where(Heartbeat.at < now - FORGOTTEN_AFTER))


def retire(runtime: Runtime, runs: str) -> None:
    """Say that this process has ended as it should, so that nobody looks for it."""
    with runtime.db.write() as db:
        db.execute(delete(Heartbeat).where(Heartbeat.process == _process(runs)))


def _process(runs: str) -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{runs}"


class ThreadQueue:
    """Worker threads of this process, one per stage; each also looks by itself every `sweep_seconds`."""

    def __init__(self, stages: Mapping[str, Stage] = STAGES) -> None:
        self._stages = stages
        self._wake = {name: threading.Event() for name in stages}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def nudge(self, stage: str) -> None:
        """Wake the stage's thread; a stage that runs elsewhere finds its work at its own next sweep."""
        if stage in self._wake:
            self._wake[stage].set()

    def start(self, runtime: Runtime) -> None:
        """Start one thread per stage."""
        for stage in self._stages.values():
            thread = threading.Thread(target=self._loop, args=(runtime, stage), name=stage.name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, seconds: float = 30) -> None:
        """Let each thread finish its batch, and wait for that at most `seconds`."""
        self._stop.set()
        for event in self._wake.values():
            event.set()
        for thread in self._threads:
            thread.join(seconds)

    def _loop(self, runtime: Runtime, stage: Stage) -> None:
        wake = self._wake[stage.name]
        while True:
            wake.clear()  # before looking at stop, which sets both: neither a nudge nor the end can be missed
            if self._stop.is_set():
                return
            try:
                self._give_way(runtime, stage)
                run_stage(runtime, stage, self._stop, beside=self._stages)
            except ItemsSetAside as error:
                log.warning("%s", error)
            except Exception:
                log.exception("stage %s failed; it tries again at the next sweep", stage.name)
            wake.wait(_pause(runtime, [stage.name]))

    def _give_way(self, runtime: Runtime, stage: Stage) -> None:
        """Let what presses elsewhere have the interpreter and the database for itself, but not for ever."""
        for _ in range(_LOOKS):
            if self._stop.is_set() or not _overtaken(runtime, stage, self._stages):
                break
            runtime.clock.wait(self._stop, GIVES_WAY / _LOOKS)


class RqQueue:
    """Nudges through Redis to RQ workers. A Redis that is down costs time until the next sweep, nothing else.

    Jobs are JSON, not RQ's usual pickle: whoever can write to Redis cannot run code of their own in here that way.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.redis = redis.Redis.from_url(
            url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), retries=1)
        )

    def jobs(self, stage: str, connection: redis.Redis | None = None) -> RqJobs:
        """The RQ queue of a stage."""
        return RqJobs(stage, connection=connection or self.redis, serializer=JSONSerializer)

    def patient(self) -> redis.Redis:
        """A connection that RQ lets wait minutes for a job; `redis` would rather fail than keep a person waiting."""
        return redis.Redis.from_url(self._url, socket_timeout=None, socket_connect_timeout=5)

    def nudge(self, stage: str) -> None:
        """Add one job, unless one is already waiting to start: that one will see the new work as well."""
        try:
            jobs = self.jobs(stage)
            if not jobs.count:
                jobs.enqueue("core.queue.perform", stage, job_timeout=JOB_ENDS, result_ttl=0, failure_ttl=7 * 86400)
        except redis.RedisError as error:
            log.warning("Redis did not take a nudge for %s (%s); the next sweep finds the work", stage, error)


@dataclass(frozen=True, slots=True)
class _Serving:
    """What the jobs of this process share: a job finds it here, since a nudge carries nothing.

    `own`: the stages of this process; `worked`: a job has ended, so something may be due sooner than the sweep knows.
    """

    runtime: Runtime
    stages: Mapping[str, Stage]
    own: Collection[str]
    stop: threading.Event = field(default_factory=threading.Event)
    worked: threading.Event = field(default_factory=threading.Event)

    def pressing(self) -> set[str]:
        """At which stages of this process something presses."""
        with self.runtime.db.read() as db:
            return waiting.pressing(db, self.runtime.clock, self.own)


_serving: list[_Serving] = []


def perform(stage: str) -> int:
    """The RQ job: run a stage in this worker process. What it raises makes the job a failed one."""
    serving = _serving[-1]
    try:
        return run_stage(serving.runtime, serving.stages[stage], serving.stop, beside=serving.own)
    finally:
        serving.worked.set()


class _Worker(SimpleWorker):
    """Does not fork: a model stays loaded, and an onnxruntime session does not survive a fork.

    Asked to stop, it finishes the batch in hand and not the whole job. Its stages take turns, and one at which
    something presses has the next.
    """

    max_connection_wait_time = 5.0

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, RqJobs] | None:
        with suppress(SQLAlchemyError):  # the job itself will say what is wrong with the database
            busy = _serving[-1].pressing()
            self._ordered_queues.sort(key=lambda jobs: jobs.name not in busy)
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        _serving[-1].stop.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def serve(runtime: Runtime, process: str, *, burst: bool = False, stages: Mapping[str, Stage] = STAGES) -> None:
    """Be an RQ worker for the stages of `process`, until a signal (or, with `burst`, until nothing is left).

    A Redis that is away is waited for. Runs in the main thread, which is where signals come.
    """
    if not isinstance(runtime.queue, RqQueue):
        raise TypeError("serve needs the RQ queue: set REDIS_URL")
    own = stages_of(process, stages)
    _serving.append(_Serving(runtime, stages, [stage.name for stage in own]))
    try:
        with suppress(StopRequested), _stopped_by_signals():
            if burst:
                sweep(runtime, own)
                _work(runtime.queue, own, burst=True)
            else:
                _work_and_sweep(_serving[-1], runtime.queue, process, own)
    finally:
        _serving.pop()


def _ask_to_stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    _serving[-1].stop.set()
    raise StopRequested


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM and SIGINT end what runs in here (RQ puts its own handlers on top); afterwards they do what they did."""
    before = {number: signal.signal(number, _ask_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _work_and_sweep(serving: _Serving, queue: RqQueue, process: str, stages: list[Stage]) -> None:
    """Work until asked to stop, beginning again when Redis went away; a thread sweeps meanwhile."""
    stop, pause = serving.stop, min(RECONNECT_SECONDS, serving.runtime.settings.sweep_seconds)
    sweeper = threading.Thread(target=_sweep, args=(serving, process, stages), name="sweep", daemon=True)
    sweeper.start()
    try:
        while not stop.is_set():
            try:
                _work(queue, stages)
            except redis.RedisError as error:
                log.warning("Redis is away (%s); trying again in %s s", error, pause)
            sweeper.join(0 if stop.is_set() else pause)
    finally:
        stop.set()
        serving.worked.set()
        sweeper.join(RECONNECT_SECONDS)


def _work(queue: RqQueue, stages: list[Stage], *, burst: bool = False) -> None:
    """One RQ worker's life: it ends when it is asked to, or when Redis went away in the middle of something."""
    connection = queue.patient()
    jobs = [queue.jobs(stage.name, connection) for stage in stages]
    try:
        with _stopped_by_signals():
            worker = _Worker(jobs, connection=connection, serializer=JSONSerializer)
            worker.work(burst=burst, dequeue_strategy=DequeueStrategy.ROUND_ROBIN)
    finally:
        connection.close()


def _sweep(serving: _Serving, process: str, stages: list[Stage]) -> None:
    """Nudge the stages of `process` that have work, and beat, every `sweep_seconds` and when something becomes due."""
    runtime = serving.runtime
    while not serving.stop.is_set():
        try:
            beat(runtime, process)
            sweep(runtime, stages)
        except Exception:
            log.exception("sweep failed; it runs again in %s s", runtime.settings.sweep_seconds)
        _rest(serving, stages)
    with suppress(SQLAlchemyError):  # a database that is gone at the end is nobody's concern here
        retire(runtime, process)


def _rest(serving: _Serving, stages: list[Stage]) -> None:
    """Wait for the next sweep, or until an item is due, those that a job has made meanwhile included."""
    clock, names = serving.runtime.clock, [stage.name for stage in stages]
    latest = clock.monotonic() + serving.runtime.settings.sweep_seconds
    while True:
        serving.worked.clear()  # before looking at stop, after which it is set too: the end cannot be missed
        left = latest - clock.monotonic()
        if serving.stop.is_set() or left <= 0:
            return
        if not clock.wait(serving.worked, min(left, _pause(serving.runtime, names))):
            return


def _pause(runtime: Runtime, stages: list[str]) -> float:
    """Seconds until to look again: at the next sweep, or when the next item is due that has to wait till then."""
    longest = runtime.settings.sweep_seconds
    try:
        with runtime.db.read() as db:
            due = waiting.next_due(db, runtime.clock, stages)
    except SQLAlchemyError:
        return longest
    return longest if due is None else min(longest, (due - runtime.clock.now()).total_seconds() + 0.01)


def sweep(runtime: Runtime, stages: list[Stage]) -> list[str]:
    """Nudge every stage that has work due, which no nudge may have told it of; gives their names."""
    with runtime.db.read() as db:
        due = [stage.name for stage in stages if waiting.any_for(db, runtime.clock, stage.name)]
    for name in due:
        runtime.queue.nudge(name)
    return due
