"""What each page costs a server with a million mentions: CPU time of one answer, on SQLite and PostgreSQL.

    python -m bench.pages [MENTIONS] [CASES] [DATABASE_URL]     1000000 and 200000 take some minutes to fill

Pages are asked for in turn, through the whole application, signed in as an administrator. The figure is the median of
the processor time (this process's, and with PostgreSQL that of the server's connections, as the kernel counts it in
steps of 10 ms, on average). A processor that is shared with others works slower while they work, so a row before and
after the pages says what a plain loop of a million additions took. A database that is named is filled if it is empty
and kept. PostgreSQL is started from the development wheel, or is TEST_DATABASE_URL.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import event, select, text

from bench.crowded import CLOCK, INCIDENT, RARE, fill
from core.db import Database
from core.queue import ThreadQueue
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Mention, User
from responder.timing import care_days
from tests import servers
from web.app import create_app
from web.user import signed_in

MENTIONS, CASES = 1_000_000, 200_000
ASKED = 7
"""Times that each page is asked for."""
PAGES = {
    "trends, 7 days": "/trends/acme?period=7",
    "trends, 7 days by hour": "/trends/acme?period=7&by=hour",
    "trends, 28 days": "/trends/acme",
    "trends, 90 days": "/trends/acme?period=90",
    "trends, 90 days of one platform": "/trends/acme?period=90&only=platform:reddit",
    "trends, a year": "/trends/acme?period=custom&from=2025-11-21&to=2026-11-20",
    "trends, what rises and falls": "/trends/acme/moving",
    "trends, brands side by side": "/trends/",
    "mentions behind a day": "/trends/acme/mentions?from=2026-11-18T00&to=2026-11-19T00",
    "inbox": "/",
    "inbox, one platform": "/?platform=reddit",
    "nobody sees to": "/black-hole/",
    "a case": "/cases/{case}",
    "an incident": "/incidents/1",
    "its holding reply": "/incidents/1/holding",
    "coverage": "/coverage/",
    "search, a common word": "/search?q=parcel",
    "search, two common words": "/search?q=parcel+word1",
    "search, a rare word": f"/search?q={RARE}",
    "search, a phrase": '/search?q="the+parcel"',
    "search, a common word of one platform": "/search?q=parcel&platform=reddit",
    "search, no such word": "/search?q=nosuchword",
    "the header alone": "/keys",
}


def run(mentions: int = MENTIONS, cases: int = CASES, url: str = "") -> list[tuple[str, str]]:
    """Rows of (what was measured, figure)."""
    rows: list[tuple[str, str]] = []
    for opened in (_named(url),) if url else (_sqlite(), _postgres()):
        with opened as database:
            database.prepare()
            with database.read() as db:
                empty = db.scalar(select(Mention.id).limit(1)) is None
            if empty:
                began = time.monotonic()
                fill(database, mentions, cases)
                print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            _pack(database)
            for row in measured(database, f"with {mentions:,} mentions and {cases:,} cases", cases):
                print(*row, sep=": ", file=sys.stderr, flush=True)
                rows.append(row)
            database.close()
    return rows


def measured(database: Database, size: str, cases: int) -> Iterator[tuple[str, str]]:
    """The rows of one database."""
    name = "SQLite" if database.sqlite else "PostgreSQL"
    with tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
        settings = Settings(ripplewatch_home=Path(folder), database_url="", redis_url="")
        client = _signed_in(Runtime(settings, database, CLOCK, ThreadQueue()))
        yield _loop()
        for title, path in PAGES.items():
            asked = path.format(case=cases - INCIDENT - 2)
            own, theirs, queries = _cost(database, client, asked)
            more = f" + {theirs:.0f} ms of the server" if not database.sqlite else ""
            yield f"{title}, {name} {size}", f"{own:.0f} ms{more}, {queries} queries"
        yield _loop()


def _pack(database: Database) -> None:
    """What the stage `care` would have done."""
    packed = 1
    while packed:
        with database.write() as db:
            packed = care_days.pack(db, CLOCK.now().date())


def _loop() -> tuple[str, str]:
    began, number = time.process_time(), 0
    for one in range(1_000_000):
        number += one
    return "a loop of a million additions", f"{1_000 * (time.process_time() - began):.0f} ms"


def _cost(database: Database, client: FlaskClient, path: str) -> tuple[float, float, int]:
    """Milliseconds of processor time of an answer here and in the server, and its queries; after one that warms up."""
    _ask(client, path)
    found, before = [], _served(database)
    for _ in range(ASKED):
        began = time.process_time()
        _ask(client, path)
        found.append(1_000 * (time.process_time() - began))
    theirs = (_served(database) - before) / ASKED
    with _counting(database) as queries:
        _ask(client, path)
    return statistics.median(found), theirs, len(queries)


def _ask(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != 200:
        raise AssertionError(f"{path}: {answer.status}")


@contextmanager
def _counting(database: Database) -> Iterator[list[str]]:
    found: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        del connection, cursor, rest
        found.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def _served(database: Database) -> float:
    """Milliseconds of processor time of the server's connections to this database so far (Linux; elsewhere 0)."""
    if database.sqlite:
        return 0.0
    with database.read() as db:
        pids = db.scalars(text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")).all()
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return 1_000 * ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def _named(url: str) -> Iterator[Database]:
    yield Database(url)


@contextmanager
def _sqlite() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
        yield Database(f"sqlite:///{folder}/bench.sqlite")


@contextmanager
def _postgres() -> Iterator[Database]:
    with servers.postgres() as server, servers.database(server) as url:
        yield Database(url)


def _signed_in(runtime: Runtime) -> FlaskClient:
    client = create_app(runtime).test_client()
    with runtime.db.read() as db:
        remembered = signed_in(db, db.get_one(User, 1)).get_id()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = remembered, True
    return client


if __name__ == "__main__":
    asked = [int(one) for one in sys.argv[1:] if one.isdecimal()] + [MENTIONS, CASES][len(sys.argv[1:3]) :]
    for what, figure in run(asked[0], asked[1], next((one for one in sys.argv[1:] if "://" in one), "")):
        print(f"{what:<96}{figure:>40}")
