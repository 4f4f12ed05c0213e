"""Fixtures for all: settings in an empty home, a held clock, real databases of both kinds, real Redis."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import URL, Dialect, make_url

from core.clock import HeldClock
from core.db import Database
from core.runtime import Runtime
from core.settings import Settings
from tests import servers
from tests.emptied import Emptied

os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(servers.place()))


class NudgeList:
    """A queue that only remembers what it was told."""

    def __init__(self) -> None:
        self.nudged: list[str] = []

    def nudge(self, stage: str) -> None:
        self.nudged.append(stage)


def pytest_collection_finish() -> None:
    """What is loaded by now stays, so the garbage collector need not look through it again and again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests reaches them."""
    _unset(monkeypatch, tmp_path)
    monkeypatch.setenv("RIPPLEWATCH_HOME", str(tmp_path / "home"))


def _unset(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    monkeypatch.chdir(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: URL) -> Iterator[str]:
    """The name of a database with all tables and no rows, to be copied: making the tables anew takes much longer."""
    with servers.database(postgres_server) as url:
        _prepare(url)
        yield make_url(url).database or ""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    file = tmp_path_factory.mktemp("template") / "ripplewatch.sqlite"
    _prepare(f"sqlite:///{file}")
    return file


_dialects: dict[str, Dialect] = {}
_statements: dict[object, object] = {}


def _open(url: str) -> Database:
    """A database whose statements are compiled once per process and not once per test."""
    database = Database(url)
    with database.engine.connect():  # which tells the dialect what this server can do
        database.engine.dialect = _dialects.setdefault(database.engine.name, database.engine.dialect)
    database.engine.update_execution_options(compiled_cache=_statements)
    return database


def _prepare(url: str) -> None:
    database = Database(url)
    database.prepare()
    database.close()


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with servers.database(postgres_server) as url:
        yield url


@pytest.fixture
def redis_url() -> Iterator[str]:
    with servers.redis_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once per kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'home' / 'test.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def tables(settings: Settings, sqlite_template: Path) -> None:
    """The tables lie where `settings` look for them, so that no command has to make them first: that takes a second."""
    home = settings.ripplewatch_home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(sqlite_template, make_url(settings.database).database or "")


@pytest.fixture
def sqlite(settings: Settings, tables: None) -> Iterator[Database]:
    """A SQLite database with its tables, in the place where `settings` look for it."""
    database = _open(settings.database)
    yield database
    database.close()


@pytest.fixture(scope="session")
def emptied(postgres_server: URL, postgres_template: str) -> Iterator[Emptied]:
    database = Emptied(postgres_server, postgres_template)
    yield database
    database.close()


@pytest.fixture
def postgres(emptied: Emptied) -> Iterator[Database]:
    """A PostgreSQL database with its tables."""
    database = _open(emptied.url())
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A database with its tables and no rows, once on SQLite and once on PostgreSQL."""
    return cast("Database", request.getfixturevalue(request.param))


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture(scope="session")
def defaults(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of somebody who set none, read once."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _unset(monkeypatch, tmp_path_factory.mktemp("nothing"))
        return Settings(ripplewatch_home=Path("home"))


@pytest.fixture
def settings(tmp_path: Path, defaults: Settings) -> Settings:
    return defaults.model_copy(update={"ripplewatch_home": tmp_path / "home"})


@pytest.fixture
def queue() -> NudgeList:
    return NudgeList()


@pytest.fixture
def runtime(settings: Settings, database: Database, clock: HeldClock, queue: NudgeList) -> Runtime:
    """A process's runtime on either database, with a held clock and nudges that are only noted down."""
    return Runtime(settings, database, clock, queue)


@pytest.fixture
def sqlite_runtime(settings: Settings, sqlite: Database, clock: HeldClock, queue: NudgeList) -> Runtime:
    """The same on SQLite alone, for what no database can change."""
    return Runtime(settings, sqlite, clock, queue)
