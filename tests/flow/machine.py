"""A machine on which parts of Ripplewatch run as processes of their own, as a person would start them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2
from sqlalchemy.orm import Session

from core import waiting
from core.queue import STAGES

PATIENCE = 300.0
"""Seconds that anything may take on a slow machine before a test gives up."""

EMBEDDED = {"run": ("run", "--port", "0")}
DISTRIBUTED = {"listener": ("listen",), "sentiment": ("judge",), "responder": ("respond",), "web": ("web",)}
"""What runs in either shape: a name, and the command's words."""


class Machine:
    """Where processes run: their environment, what they said, and waiting for what they do."""

    def __init__(self, home: Path, **environment: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        own = {"RIPPLEWATCH_HOME": str(home), "PORT": "0", "SWEEP_SECONDS": "0.5"}
        self.home = home
        self.environment = os.environ | own | environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._began: dict[str, int] = {}

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *error: object) -> None:
        for name in list(self.running):
            self.kill(name)

    def start(self, name: str, *words: str) -> None:
        """Start `ripplewatch WORDS...` and remember it as `name`."""
        with self._log(name).open("ab") as log:
            self._began[name] = log.tell()
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "web", *words],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start_all(self, parts: Mapping[str, tuple[str, ...]]) -> None:
        """Start all parts of a shape."""
        for name, words in parts.items():
            self.start(name, *words)

    def once(self, *words: str) -> str:
        """Run one command to its end; gives what it wrote to stdout."""
        done = subprocess.run(
            [sys.executable, "-m", "web", *words],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kill(self, name: str) -> None:
        """End a process without giving it a chance to do anything about it."""
        process = self.running.pop(name)
        process.kill()
        process.wait(30)

    def end(self) -> dict[str, int]:
        """Ask every process to end, once it has begun, as an operating system does; gives their exit codes."""
        self.until("all have begun", lambda: all(map(self._has_begun, self.running)))
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        codes = {name: process.wait(60) for name, process in self.running.items()}
        self.running.clear()
        return codes

    def said(self) -> str:
        """The last that every process wrote."""
        logs = sorted(self.home.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until something holds; fail with what everybody said when it does not, or when a process has ended."""
        deadline, tick = time.monotonic() + PATIENCE, threading.Event()
        while not holds():
            ended = {name: process.returncode for name, process in self.running.items() if process.poll() is not None}
            assert not ended, f"ended before {what}: {ended}\n{self.said()}"
            assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}\n{self.said()}"
            tick.wait(0.05)

    def address(self, name: str) -> str | None:
        """Where the pages of a process are, once it has said so."""
        found = re.findall(r"Ripplewatch is at (http://127\.0\.0\.1:\d+)", self._log(name).read_text(errors="replace"))
        return found[-1] if found else None

    def first_link(self, name: str) -> str:
        """The one-time link that a process printed last."""
        links: list[str] = re.findall(r"Open (http\S+) to make", self._log(name).read_text(errors="replace"))
        return links[-1]

    def healthy(self, name: str) -> bool:
        """Whether the pages of a process answer."""
        address = self.address(name)
        try:
            return address is not None and httpx2.get(f"{address}/healthz", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def _has_begun(self, name: str) -> bool:
        return b"Ripplewatch " in self._log(name).read_bytes()[self._began[name] :]

    def _log(self, name: str) -> Path:
        return self.home / f"{name}.log"


_LATER = ("incident", "clock", "follow_up", "scrub", "history", "calm", "digest")
"""What waits for a time that no test waits for: a case's clock runs for as long as the case."""


def left(db: Session) -> bool:
    """Whether any stage still has work, due now or soon."""
    return any(waiting.count(db, stage) for stage in STAGES if stage not in _LATER)
