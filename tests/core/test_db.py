"""The database: made when empty, refused when old, and writers that wait for each other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from core import migrations
from core.db import Database
from core.errors import SchemaOutdated
from core.tables import Brand, Switch

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_rows_and_revisions_agree(database: Database) -> None:
    with database.write() as db:
        migrations.check(db.connection())


def test_an_empty_database_is_made_once_by_many_processes_that_start_together(database_url: str) -> None:
    errors: list[Exception] = []

    def start() -> None:
        own = Database(database_url)
        try:
            own.prepare()
        except Exception as error:  # noqa: BLE001 - handed to the assertion below
            errors.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_database_of_another_version_is_refused_with_what_to_do(database: Database) -> None:
    with database.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for open_it in (database.prepare, database.migrate):
        with pytest.raises(SchemaOutdated, match="does not know: install a newer Ripplewatch"):
            open_it()


def test_times_come_back_in_utc(database: Database) -> None:
    with database.write() as db:
        db.add(Brand(slug="acme", name="Acme", created_at=NOON))
    with database.read() as db:
        assert db.scalars(select(Brand)).one().created_at == NOON


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="without a time zone"), database.write() as db:  # noqa: PT012
        db.add(Switch(name="sending", changed_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - that is the point
        db.flush()


def test_an_error_leaves_nothing_behind(database: Database) -> None:
    def fail() -> None:
        with database.write() as db:
            db.add(Brand(slug="acme", name="Acme", created_at=NOON))
            db.flush()
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as db:
        assert db.scalar(select(func.count()).select_from(Brand)) == 0


def test_many_writers_lose_nothing(database: Database) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            with database.write() as db:
                seen = db.scalar(select(func.count()).select_from(Brand))
                db.add(Brand(slug=f"b{number}-{turn}", name=str(seen), created_at=NOON))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as db:
        assert db.scalar(select(func.count()).select_from(Brand)) == 40
