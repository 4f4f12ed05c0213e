"""The database: how a transaction is opened, and how an empty or old database is met.

SQLite runs in WAL mode and writers say so when they begin (BEGIN IMMEDIATE), so that two of them wait for each
other instead of failing half-way, and those of this process take turns (core/turns.py); it is synced at every commit,
because what we have said to a customer must not be forgotten with the power. PostgreSQL needs no such care. Callers
open one transaction, visibly:

    with db.write() as session: ...     commits at the end, rolls back on an error
    with db.read() as session: ...      never commits
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from core import audit, migrations
from core.errors import SchemaOutdated
from core.tables import Row
from core.turns import Turn, Turns

_MIGRATION_LOCK = 0x5249_5050_4C45
"""Key of the PostgreSQL advisory lock that lets one process at a time migrate ("RIPPLE")."""

PRESSES = "presses"
"""What a session's `info` says of a claim that holds something pressing (core/waiting.py)."""

_PATIENCE = 30.0
"""Seconds that a writer on SQLite waits for the others."""

_MORE_AT_ONCE = 25
"""Connections beside the five that are kept: a page may read while it reads, on each of the server's threads."""


class Database:
    """One engine, and transactions on it. `url` is an SQLAlchemy URL (SQLite or PostgreSQL with psycopg)."""

    def __init__(self, url: str) -> None:
        self.engine = (
            _sqlite(url)
            if url.startswith("sqlite")
            else create_engine(url, pool_pre_ping=True, max_overflow=_MORE_AT_ONCE, hide_parameters=True)
        )
        self.turns = Turns()
        """Of its writers in this process; used on SQLite."""

    @property
    def sqlite(self) -> bool:
        """Whether this is SQLite: one writer at a time, no row locks."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction that is committed at the end of the block, or rolled back by any error."""
        with self._writing(patient=False) as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One transaction that sees a single moment and changes nothing."""
        with self._connect(write=False) as connection, Session(connection, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def claim(self) -> Iterator[Session]:
        """A transaction for choosing rows to work on for a while: on PostgreSQL it holds their locks till the end
        and is then committed; on SQLite, which has no row locks, it only reads, and what follows is written with
        `settle`."""
        if self.sqlite:
            with self.read() as session:
                yield session
        else:
            with self.write() as session:
                yield session

    @contextmanager
    def settle(self, claimed: Session) -> Iterator[Session]:
        """Where to write what was done with rows that `claim` chose: the same transaction, or SQLite's next, where a
        batch in which nothing presses lets other writers pass."""
        if self.sqlite:
            claimed.rollback()
            with self._writing(patient=not claimed.info.get(PRESSES)) as session:
                yield session
        else:
            yield claimed

    @contextmanager
    def _writing(self, *, patient: bool) -> Iterator[Session]:
        connected = self._connect(write=True, patient=patient)
        with connected as connection, Session(connection, expire_on_commit=False) as session:
            yield session
            audit.seal(session)
            session.commit()

    @contextmanager
    def _connect(self, *, write: bool, patient: bool = False) -> Iterator[Connection]:
        turn = Turn(self.turns, patient=patient, seconds=_PATIENCE) if write and self.sqlite else None
        try:
            with self.engine.connect() as connection:
                yield connection.execution_options(ripplewatch_turn=turn)
        finally:
            if turn is not None:
                turn.leave()

    def prepare(self) -> None:
        """Make the schema in an empty database; refuse one that another version made.

        Raises SchemaOutdated, which says what to do.
        """
        with self.migrating() as connection:
            found, wanted = migrations.current(connection), migrations.head()
            if found is None:
                migrations.upgrade(connection)
            elif found != wanted:
                raise SchemaOutdated(_outdated(found, wanted))

    def migrate(self) -> tuple[str | None, str]:
        """Bring the schema to the code's version; gives the version before and after.

        Raises SchemaOutdated when a newer program made it.
        """
        with self.migrating() as connection:
            found = migrations.current(connection)
            if found is not None and not migrations.known(found):
                raise SchemaOutdated(_outdated(found, migrations.head()))
            migrations.upgrade(connection)
            return found, migrations.head()

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A transaction that may change the schema: one process at a time, everything or nothing.

        SQLite changes a table by making it anew; with foreign keys on, dropping the old one would delete what
        points at it. So they are off meanwhile, and looked through before the commit.
        """
        with self._connect(write=True) as connection:
            if self.sqlite:
                _pragma(connection, "foreign_keys=OFF")
            try:
                with connection.begin():
                    if not self.sqlite:
                        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                    yield connection
                    if self.sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                        raise SchemaOutdated(
                            f"a row of {broken[0]} points at nothing in {broken[2]}: nothing was changed"
                        )
            finally:
                if self.sqlite:
                    _pragma(connection, "foreign_keys=ON")

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def insert(db: Session, row: type[Row]) -> SqliteInsert | PostgresInsert:
    """An INSERT in the database's own dialect, for `.on_conflict_do_nothing()` and `.on_conflict_do_update()`."""
    return sqlite_insert(row) if db.get_bind().dialect.name == "sqlite" else postgres_insert(row)


def _outdated(found: str, wanted: str) -> str:
    if migrations.known(found):
        return f"the database is at version {found}, this program needs {wanted}: run `ripplewatch migrate`"
    return f"the database is at version {found}, which this program does not know: install a newer Ripplewatch"


def _pragma(connection: Connection, words: str) -> None:
    """Set it now, outside any transaction, where alone some have an effect."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(f"PRAGMA {words}")


_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32768", "secure_delete=ON")
"""The last overwrites what was deleted with zeros: forgotten texts must not lie about in the file."""


def _sqlite(url: str) -> Engine:
    file = make_url(url).database
    if file and file != ":memory:":
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold people's words
    more = {"max_overflow": _MORE_AT_ONCE} if file and file != ":memory:" else {}  # which is one connection
    engine = create_engine(
        url, connect_args={"timeout": _PATIENCE, "check_same_thread": False}, hide_parameters=True, **more
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: object) -> None:
        del record
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        turn: Turn | None = connection.get_execution_options().get("ripplewatch_turn")
        if turn is not None:
            turn.take()
        connection.exec_driver_sql("BEGIN" if turn is None else "BEGIN IMMEDIATE")

    return engine
