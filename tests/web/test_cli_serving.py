"""`ripplewatch run` and its parts as real processes: they say where they are, serve, and end when told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from core.db import Database
from core.settings import Settings
from core.tables import Brand, Heartbeat
from tests.web.ripplewatch import ripplewatch
from web.server import bound

SECONDS = 60


@contextmanager
def started(*args: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "web", *args]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environ
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """The first match in what the process says on stderr; fails when it ends without saying it."""
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(pattern, line):
            return found
    pytest.fail("".join(said))


def _while_it_runs(process: subprocess.Popen[str], true: Callable[[], bool]) -> None:
    for _ in range(SECONDS * 10):
        if true():
            return
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
    pytest.fail("it did not happen in time")


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> str:
    """Tell it to end; gives what else it said on stderr."""
    process.send_signal(number)
    out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    return err


def _rows(settings: Settings, column: InstrumentedAttribute[str]) -> list[str]:
    database = Database(settings.database)
    try:
        with database.read() as db:
            return list(db.scalars(select(column)))
    finally:
        database.close()


def test_run_with_the_sample_serves_prints_the_first_link_and_ends_when_told(settings: Settings) -> None:
    with started("run", "--sample", "--port", "0") as process:
        address = until(process, r"Ripplewatch is at (http://127\.0\.0\.1:\d+)")[1]
        link = until(process, r"^Open (\S+) to make the first account \(this link works once\)$")[1]
        assert link.startswith(f"{address}/setup/")
        with urllib.request.urlopen(link, timeout=SECONDS) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{address}/healthz", timeout=SECONDS) as answer:
            assert answer.status == 200
        assert _rows(settings, Brand.slug) == ["hawkweed"]
        end(process)
    assert _rows(settings, Heartbeat.runs) == [], "it ended as it should, and nobody needs to look for it"


@pytest.mark.usefixtures("tables")
def test_web_alone_ends_at_ctrl_c_and_prints_no_link_once_there_is_a_user() -> None:
    ripplewatch("user", "add", "jane", "--role", "admin", "--password-file", "-", stdin="correct horse battery")
    with started("web", "--port", "0") as process:
        address = until(process, r"Ripplewatch is at (\S+)")[1]
        with urllib.request.urlopen(f"{address}/healthz", timeout=SECONDS) as answer:
            assert answer.status == 200
        assert "Open http" not in end(process, signal.SIGINT)


@pytest.mark.usefixtures("tables")
def test_judging_without_redis_says_that_it_is_alive_and_ends_when_told(settings: Settings) -> None:
    with started("judge") as process:
        until(process, r"looks for work every 15 s")
        _while_it_runs(process, lambda: _rows(settings, Heartbeat.runs) == ["sentiment"])
        end(process)
    assert _rows(settings, Heartbeat.runs) == []


@pytest.mark.usefixtures("tables")
def test_listening_ends_when_told() -> None:
    with started("listen") as process:
        until(process, "Ripplewatch listens")
        end(process, signal.SIGINT)


def test_a_part_with_redis_is_a_worker(redis_url: str, postgres_url: str) -> None:
    with started("respond", REDIS_URL=redis_url, DATABASE_URL=postgres_url) as process:
        until(process, "takes work from unix:")
        end(process)


def test_run_refuses_redis_and_says_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    ran = ripplewatch("run")
    assert ran.code == 2
    for part in ("listen", "judge", "respond", "web"):
        assert f"`ripplewatch {part}`" in ran.err


def test_a_taken_port_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = ripplewatch("web", "--port", str(port))
    assert ran.code == 1
    assert f"port {port} on 127.0.0.1 is taken" in ran.err
    assert "--port" in ran.err


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", ""])
def test_hosts_can_be_named_in_every_way(host: str) -> None:
    with bound(host, 0) as listening:
        assert listening.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["256.1.1.1", "no such host.", "192.0.2.1"])
def test_an_address_of_no_machine_is_said(host: str) -> None:
    ran = ripplewatch("web", "--host", host, "--port", "0")
    assert ran.code == 1
    assert "--host" in ran.err
