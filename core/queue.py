"""Which stage follows which, and the nudge that tells a stage to look for work.

The database is the truth (core/waiting.py) and a nudge carries nothing but a stage's name: if all of them are
lost, each stage finds its work by itself at the next sweep. A stage is one function in the module named here:

    work(runtime) -> int       does one bounded batch, in transactions of its own; says how many items it finished

It raises ItemsSetAside when some had to be set aside, after the others are done, so that a failure is seen as one.
There are two backends: worker threads of this process, and RQ workers in as many processes as you like.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import redis
from rq import Queue as RqJobs
from rq import SimpleWorker

from core import waiting
from core.errors import ItemsSetAside
from core.tables import Heartbeat

if TYPE_CHECKING:
    from core.runtime import Runtime

log = logging.getLogger(__name__)

JOB_SECONDS = 60
"""A job that still finds work after this long nudges its stage again and ends, so that others get their turn."""


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
        Stage("judge", "sentiment", "sentiment.judge", next=("open_case",)),
        Stage("post", "responder", "responder.post"),
        Stage("open_case", "responder", "responder.open_case"),
    )
}
"""In the order in which a process that runs several looks for work: what a customer waits for comes first."""


class Queue(Protocol):
    """How a stage is told to look for work. Call it after the commit that made the work, never before."""

    def nudge(self, stage: str) -> None:
        """Ask `stage` to look for work soon. Never raises: a lost nudge is found by the sweep."""
        ...


def stages_of(process: str) -> list[Stage]:
    """The stages that a process runs."""
    return [stage for stage in STAGES.values() if stage.process == process]


def run_stage(runtime: Runtime, stage: Stage, stop: threading.Event | None = None, seconds: float = JOB_SECONDS) -> int:
    """Work until nothing is left, `stop` is set or `seconds` have passed; nudge what comes next as it is made.

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
        if runtime.clock.monotonic() - started > seconds:
            runtime.queue.nudge(stage.name)
            break
    if aside:
        raise ItemsSetAside(stage.name, aside)
    return total


def beat(runtime: Runtime, runs: str) -> None:
    """Say in the database that this process is alive and what it runs."""
    process = f"{socket.gethostname()}-{os.getpid()}-{runs}"
    with runtime.db.write() as db:
        db.merge(Heartbeat(process=process, runs=runs, at=runtime.clock.now()))


class ThreadQueue:
    """Worker threads of this process, one per stage; each also looks by itself every `sweep_seconds`."""

    def __init__(self) -> None:
        self._wake = {name: threading.Event() for name in STAGES}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def nudge(self, stage: str) -> None:
        """Wake the stage's thread."""
        self._wake[stage].set()

    def start(self, runtime: Runtime) -> None:
        """Start one thread per stage."""
        for stage in STAGES.values():
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
        while not self._stop.is_set():
            wake.clear()
            try:
                run_stage(runtime, stage, self._stop)
            except ItemsSetAside as error:
                log.warning("%s", error)
            except Exception:
                log.exception("stage %s failed; it tries again at the next sweep", stage.name)
            wake.wait(runtime.settings.sweep_seconds)


class RqQueue:
    """Nudges through Redis to RQ workers. A Redis that is down costs time until the next sweep, nothing else."""

    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(url, socket_timeout=300, socket_connect_timeout=5)

    def jobs(self, stage: str) -> RqJobs:
        """The RQ queue of a stage."""
        return RqJobs(stage, connection=self.redis)

    def nudge(self, stage: str) -> None:
        """Add one job, unless one is already waiting to start: that one will see the new work as well."""
        try:
            jobs = self.jobs(stage)
            if not jobs.count:
                jobs.enqueue(
                    "core.queue.perform", stage, job_timeout=JOB_SECONDS * 10, result_ttl=0, failure_ttl=7 * 86400
                )
        except redis.RedisError as error:
            log.warning("Redis did not take a nudge for %s (%s); the next sweep finds the work", stage, error)


_serving: list[Runtime] = []
"""The runtime of this RQ worker process: a job finds it here, since a nudge carries nothing."""


def perform(stage: str) -> int:
    """The RQ job: run a stage in this worker process. What it raises makes the job a failed one."""
    return run_stage(_serving[-1], STAGES[stage])


def serve(runtime: Runtime, process: str, *, burst: bool = False) -> None:
    """Be an RQ worker for the stages of `process`, until a signal (or, with `burst`, until nothing is left).

    The worker does not fork: a model stays loaded, and an onnxruntime session does not survive a fork.
    """
    if not isinstance(runtime.queue, RqQueue):
        raise TypeError("serve needs the RQ queue: set REDIS_URL")
    stages, stop = stages_of(process), threading.Event()
    _serving.append(runtime)
    sweeper = threading.Thread(target=_sweep, args=(runtime, process, stop), name="sweep", daemon=True)
    sweeper.start()
    try:
        SimpleWorker([runtime.queue.jobs(stage.name) for stage in stages], connection=runtime.queue.redis).work(
            burst=burst, logging_level=runtime.settings.log_level
        )
    finally:
        stop.set()
        _serving.pop()


def _sweep(runtime: Runtime, process: str, stop: threading.Event) -> None:
    """Nudge the stages of `process` that have work, and beat, every `sweep_seconds`."""
    while True:
        try:
            beat(runtime, process)
            sweep(runtime, stages_of(process))
        except Exception:
            log.exception("sweep failed; it runs again in %s s", runtime.settings.sweep_seconds)
        if runtime.clock.wait(stop, runtime.settings.sweep_seconds):
            return


def sweep(runtime: Runtime, stages: list[Stage]) -> list[str]:
    """Nudge every stage that has work due, which no nudge may have told it of; gives their names."""
    with runtime.db.read() as db:
        due = [stage.name for stage in stages if waiting.any_for(db, runtime.clock, stage.name)]
    for name in due:
        runtime.queue.nudge(name)
    return due
