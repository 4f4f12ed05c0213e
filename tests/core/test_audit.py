"""The audit: only ever added to, chained in the order of the commits, and a changed row is found."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DatabaseError

from core import audit
from core.db import Database
from core.tables import Audit, AuditHead, User

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def fill(database: Database, count: int = 5) -> None:
    with database.write() as db:
        db.add(User(id=1, name="Ana", password_hash="", session_key="", created_at=NOON))
    for number in range(count):
        with database.write() as db:
            audit.add(db, audit.Entry(NOON, "approve", number, 1, {"turn": number, "é": "ü"}))


def verified(database: Database) -> audit.Verified:
    with database.read() as db:
        return audit.verify(db)


def unguard(database: Database) -> None:
    """What somebody does who owns the database: take the triggers away, then change rows."""
    with database.write() as db:
        if database.sqlite:
            db.execute(text("DROP TRIGGER audit_no_update"))
            db.execute(text("DROP TRIGGER audit_no_delete"))
        else:
            db.execute(text("DROP TRIGGER audit_no_change ON audit"))


def test_what_is_added_is_chained_with_the_name_of_who_it_was(database: Database) -> None:
    fill(database)
    with database.read() as db:
        rows = db.scalars(select(Audit).order_by(Audit.place)).all()
    assert [(row.place, row.who, row.case_id) for row in rows] == [(n + 1, "Ana", n) for n in range(5)]
    assert len({row.hash for row in rows}) == 5
    assert verified(database) == audit.Verified(5, rows[-1].hash or "", ())


def test_an_empty_audit_holds(database: Database) -> None:
    assert verified(database) == audit.Verified(0, "", ())


@pytest.mark.parametrize("change", ["UPDATE audit SET action = 'dismiss'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_or_delete_a_row(database: Database, change: str) -> None:
    fill(database)
    with pytest.raises(DatabaseError, match="only ever added"), database.write() as db:
        db.execute(text(f"{change} WHERE place = 3"))
    assert verified(database).problems == ()


def test_what_is_rolled_back_leaves_no_row_and_no_hole(database: Database) -> None:
    def fail() -> None:
        with database.write() as db:
            audit.add(db, audit.Entry(NOON, "approve"))
            raise RuntimeError("crash")

    fill(database, 1)
    with pytest.raises(RuntimeError):
        fail()
    with database.write() as db:
        inner = db.begin_nested()
        audit.add(db, audit.Entry(NOON, "approve"))
        inner.rollback()
        audit.add(db, audit.Entry(NOON, "dismiss"))
    assert (verified(database).rows, verified(database).problems) == (2, ())


@pytest.mark.parametrize(
    "values",
    [{"action": "dismiss"}, {"who": "Bo"}, {"user_id": 2}, {"detail": {"turn": 9}}, {"at": NOON.replace(hour=13)}],
)
def test_a_changed_row_is_found_and_named(database: Database, values: dict[str, object]) -> None:
    fill(database)
    unguard(database)
    with database.write() as db:
        db.execute(update(Audit).where(Audit.place == 3).values(values))
    assert len(verified(database).problems) == 1
    assert "row 3 (" in verified(database).problems[0]


def test_a_removed_row_is_found_wherever_it_stood(database: Database) -> None:
    fill(database)
    unguard(database)
    with database.write() as db:
        db.execute(delete(Audit).where(Audit.place == 2))
    assert verified(database).problems[0] == "row 2 is missing from the chain"
    with database.write() as db:
        db.execute(delete(Audit).where(Audit.place == 5))
    assert verified(database).problems[-1] == "the chain ends at row 4, but 5 rows were written"


def test_a_row_that_was_put_in_is_found(database: Database) -> None:
    fill(database)
    with database.write() as db:
        db.add(Audit(at=NOON, action="approve", detail={}))
    assert verified(database).problems == ("1 row stands outside the chain",)


def test_many_writers_make_one_chain(database: Database) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            with database.write() as db:
                audit.add(db, *(audit.Entry(NOON, "claim", number * 100 + turn) for _ in range(3)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (verified(database).rows, verified(database).problems) == (120, ())
    with database.read() as db:
        assert db.get_one(AuditHead, 1).hash == verified(database).hash


def test_the_fingerprint_of_a_text_tells_its_exact_bytes() -> None:
    assert audit.fingerprint("Grüße") == {
        "sha256": "f83e039796c6453a10f5519e39fd113901572316a1a8ea07cb525d2801dfd074",
        "bytes": 7,
    }
