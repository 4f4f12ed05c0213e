"""The full-text indexes that search reads, as the databases themselves keep them (migration 0005).

PostgreSQL has GIN indexes over tsvectors ('simple': no stemming, no stop words). SQLite has FTS5 tables beside the rows
(`mentions_ft` and so on), kept by triggers in the transaction that changes the row. A revision that makes one of these
tables anew on SQLite (batch mode) loses its triggers: it has to call `make_triggers` again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock

if TYPE_CHECKING:
    from core.runtime import Runtime

INDEXED: Mapping[str, tuple[str, ...]] = {
    "mentions": ("text",),
    "notes": ("text",),
    "replies": ("text",),
    "playbook": ("name", "about", "text"),
    "authors": ("handle", "name"),
}
"""Tables, and the columns in which words are found."""

STAGE = "scrub"
SCRUBBED_WITHIN = timedelta(minutes=30)

_SECURE = sqlite3.sqlite_version_info >= (3, 42)
"""Whether FTS5 can forget a word in place; before that only by writing the index anew."""


def is_ours(name: str | None, kind: str) -> bool:
    """Whether a table or index in the database is one of these, of which the rows' classes know nothing."""
    return kind in {"table", "index"} and name is not None and "_ft" in name


def vector(table: str) -> str:
    """The expression that PostgreSQL indexes: a query has to use the same."""
    columns = " || ' ' || ".join(f"{table}.{column}" for column in INDEXED[table])
    return f"to_tsvector('simple', {columns})"


def make(dialect: str) -> Iterator[str]:
    """The statements that make the indexes, over what is there already."""
    for table, columns in INDEXED.items():
        if dialect != "sqlite":
            yield f"CREATE INDEX ix_{table}_ft ON {table} USING gin ({vector(table)})"
            continue
        named = ", ".join(columns)
        yield (
            f"CREATE VIRTUAL TABLE {table}_ft USING fts5("
            f"{named}, content='{table}', content_rowid='id', tokenize='unicode61 remove_diacritics 0')"
        )
        if _SECURE:
            yield f"INSERT INTO {table}_ft({table}_ft, rank) VALUES('secure-delete', 1)"
        yield f"INSERT INTO {table}_ft({table}_ft) VALUES('rebuild')"
        yield from make_triggers(table)


def make_triggers(table: str) -> Iterator[str]:
    """The statements that let SQLite keep one of its tables up to date."""
    columns = INDEXED[table]
    named = ", ".join(columns)
    new, old = (", ".join(f"{row}.{column}" for column in columns) for row in ("new", "old"))
    put = f"INSERT INTO {table}_ft(rowid, {named}) VALUES (new.id, {new});"  # noqa: S608 - our own names
    take = f"INSERT INTO {table}_ft({table}_ft, rowid, {named}) VALUES ('delete', old.id, {old});"  # noqa: S608 - our own names
    differs = " OR ".join(f"old.{column} IS NOT new.{column}" for column in columns)
    yield f"CREATE TRIGGER {table}_ft_insert AFTER INSERT ON {table} BEGIN {put} END"
    yield f"CREATE TRIGGER {table}_ft_delete AFTER DELETE ON {table} BEGIN {take} END"
    yield f"CREATE TRIGGER {table}_ft_update AFTER UPDATE OF {named} ON {table} WHEN {differs} BEGIN {take} {put} END"


def unmake(dialect: str) -> Iterator[str]:
    """The statements that take the indexes away."""
    for table in INDEXED:
        if dialect != "sqlite":
            yield f"DROP INDEX ix_{table}_ft"
            continue
        yield from (f"DROP TRIGGER {table}_ft_{verb}" for verb in ("insert", "delete", "update"))
        yield f"DROP TABLE {table}_ft"


def scrub_soon(db: Session, clock: Clock) -> None:
    """Let no forgotten word linger in the index's file, where the database cannot see to that itself.

    PostgreSQL's autovacuum and FTS5's secure-delete (SQLite 3.42) do; older ones keep deleted words until parts of the
    index are merged. That takes seconds in a large index, so it is done once for all that was forgotten meanwhile.
    """
    if _lingers(db):
        waiting.add(db, clock, STAGE, [0], clock.now() + SCRUBBED_WITHIN)


def scrub(db: Session) -> None:
    """The same at once."""
    if _lingers(db):
        for table in ("mentions", "notes", "replies", "authors"):
            db.execute(text(f"INSERT INTO {table}_ft({table}_ft) VALUES('optimize')"))
        waiting.done(db, STAGE, [0])


def work(runtime: Runtime) -> int:
    """Scrub if it is time; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, STAGE):
            return 0
    with runtime.db.write() as db:
        scrub(db)
    return 1


def _lingers(db: Session) -> bool:
    return db.get_bind().dialect.name == "sqlite" and not _SECURE


def condition(dialect: str, table: str, terms: list[str]) -> tuple[str, dict[str, Any]]:
    """SQL for the ids of a table's rows that hold all terms (words or phrases), newest first, and its values."""
    if dialect == "sqlite":
        asked = " ".join('"' + term.replace('"', '""') + '"' for term in terms)
        sql = f"SELECT rowid AS id FROM {table}_ft WHERE {table}_ft MATCH :ft ORDER BY rowid DESC LIMIT :most"  # noqa: S608 - our own names
        return sql, {"ft": asked}
    asked = " && ".join(f"phraseto_tsquery('simple', :ft{at})" for at in range(len(terms)))
    sql = f"SELECT id FROM {table} WHERE {vector(table)} @@ ({asked}) ORDER BY id DESC LIMIT :most"  # noqa: S608 - our own names
    return sql, {f"ft{at}": term for at, term in enumerate(terms)}
