"""Fixtures for all: settings in an empty home, a held clock, real databases of both kinds, real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from core.clock import HeldClock
from core.db import Database
from core.runtime import Runtime
from core.settings import Settings
from tests import servers


class NudgeList:
    """A queue that only remembers what it was told."""

    def __init__(self) -> None:
        self.nudged: list[str] = []

    def nudge(self, stage: str) -> None:
        self.nudged.append(stage)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    monkeypatch.setenv("RIPPLEWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    with servers.postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    with servers.database(postgres_server) as url:
        yield url


@pytest.fixture
def redis_url() -> Iterator[str]:
    with servers.redis_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Once per kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'home' / 'test.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database with its tables, once on SQLite and once on PostgreSQL."""
    database = Database(database_url)
    database.prepare()
    yield database
    database.close()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(ripplewatch_home=tmp_path / "home")


@pytest.fixture
def queue() -> NudgeList:
    return NudgeList()


@pytest.fixture
def runtime(settings: Settings, database: Database, clock: HeldClock, queue: NudgeList) -> Runtime:
    """A process's runtime on either database, with a held clock and nudges that are only noted down."""
    return Runtime(settings, database, clock, queue)


@pytest.fixture
def sqlite_runtime(settings: Settings, clock: HeldClock, queue: NudgeList) -> Iterator[Runtime]:
    """The same on SQLite alone, for what no database can change."""
    database = Database(settings.database)
    database.prepare()
    yield Runtime(settings, database, clock, queue)
    database.close()
