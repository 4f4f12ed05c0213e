"""How soon `ripplewatch run` serves from an empty home, and how much memory it takes once the sample is judged.

python -m bench.startup
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
from sqlalchemy import func, select

from core.db import Database
from core.tables import Case, Verdict, Waiting

SERVES_WITHIN = 5.0
"""Seconds from the command to the first answer of /healthz."""
MEMORY = 600
"""MB that `ripplewatch run` may take."""
PATIENCE = 300.0
"""Seconds after which something is broken rather than slow."""
TRIES = 3
_STEP = 0.02


@dataclass(frozen=True, slots=True)
class Started:
    """A running service: where it answers, and how long it took until it did."""

    process: subprocess.Popen[bytes]
    address: str
    seconds: float


def run() -> list[tuple[str, str]]:
    """Rows of (what was measured, figure)."""
    empty = min(_serving() for _ in range(TRIES))
    with tempfile.TemporaryDirectory(prefix="rw-bench-") as home, running(Path(home), "--sample") as started:
        before = time.monotonic() - started.seconds
        mentions, cases = _sample_done(Path(home), started)
        judged = time.monotonic() - before
        peak = _peak(started.process.pid)
    return [
        (f"start: empty home until /healthz answers, best of {TRIES}", f"{empty:.1f} s (goal {SERVES_WITHIN:.0f})"),
        (f"start: sample of {mentions} mentions judged, {cases} cases open", f"{judged:.1f} s after the command"),
        ("start: peak memory with the sample judged", f"{peak:.0f} MB (goal {MEMORY})"),
    ]


def _serving() -> float:
    with tempfile.TemporaryDirectory(prefix="rw-bench-") as home, running(Path(home)) as started:
        return started.seconds


@contextmanager
def running(home: Path, *options: str) -> Iterator[Started]:
    """`ripplewatch run` on a free port with an empty home, from the moment it answers; ended politely."""
    environment = {**os.environ, "RIPPLEWATCH_HOME": str(home), "DATABASE_URL": "", "REDIS_URL": "", "PUBLIC_URL": ""}
    command = [sys.executable, "-m", "web", "run", "--port", "0", *options]
    log = home / "log"
    with log.open("wb") as stderr:
        begun = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    try:
        address = _answering(process, log)
        yield Started(process, address, time.monotonic() - begun)
        process.send_signal(signal.SIGTERM)
        if process.wait(60):
            raise RuntimeError(f"ended with {process.returncode}: {log.read_text(errors='replace')[-2000:]}")
    finally:
        process.kill()
        process.wait()


def _answering(process: subprocess.Popen[bytes], log: Path) -> str:
    """The service's address, once /healthz answers 200 there."""
    with httpx2.Client(timeout=10) as http:
        for _ in _until_patience_ends():
            said = log.read_text(errors="replace")
            if process.poll() is not None:
                raise RuntimeError(f"ended with {process.returncode}: {said[-2000:]}")
            if found := re.search(r"http://127\.0\.0\.1:\d+", said):
                try:
                    if http.get(f"{found[0]}/healthz").status_code == 200:
                        return found[0]
                except httpx2.TransportError:
                    continue
    raise AssertionError("not reached: patience raises")


def _sample_done(home: Path, started: Started) -> tuple[int, int]:
    """How many verdicts and cases there are once nothing waits for any stage."""
    database = Database(f"sqlite:///{home / 'ripplewatch.sqlite'}")
    try:
        for _ in _until_patience_ends():
            if started.process.poll() is not None:
                raise RuntimeError((home / "log").read_text(errors="replace")[-2000:])
            with database.read() as db:
                waiting, verdicts, cases = (
                    db.scalar(select(func.count()).select_from(table)) or 0 for table in (Waiting, Verdict, Case)
                )
            if verdicts and not waiting:
                return verdicts, cases
    finally:
        database.close()
    raise AssertionError("not reached: patience raises")


def _until_patience_ends() -> Iterator[None]:
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        yield
        time.sleep(_STEP)
    raise TimeoutError(f"nothing after {PATIENCE:.0f} s")


def _peak(pid: int) -> float:
    """The most memory in MB that the process ever held, where Linux tells; else what it holds now."""
    status = Path(f"/proc/{pid}/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) / 1024
    return float(psutil.Process(pid).memory_info().rss) / 1024**2


if __name__ == "__main__":
    for what, figure in run():
        print(f"{what}: {figure}")
