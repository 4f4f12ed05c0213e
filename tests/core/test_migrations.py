"""A database that an earlier version filled comes through the revisions whole, on SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import text

from core import audit, migrations
from core.db import Database

_FILL = (
    "INSERT INTO users (id, name, password_hash, role, session_key, active, created_at)"
    " VALUES (1, 'Ana', '', 'reader', 'k', TRUE, '2026-11-01')",
    "INSERT INTO brands (id, slug, name, timezone, hours, first_reply_minutes, urgent_reply_minutes, sample,"
    " created_at) VALUES (1, 'acme', 'Acme', 'UTC', '{}', 60, 15, FALSE, '2026-11-01')",
    "INSERT INTO authors (id, platform, native_id, handle, name) VALUES (1, 'x', '1', 'jo', 'Jo')",
    "INSERT INTO mentions (id, platform, native_id, author_id, text, kind, likes, reposts, replies, extra, created_at,"
    " heard_at) VALUES (1, 'x', '1', 1, 'Late!', 'post', 0, 0, 0, '{}', '2026-11-01', '2026-11-01')",
    "INSERT INTO cases (id, mention_id, brand_id, state, version, priority, reasons, facts, permission, permission_why,"
    " owner_id, opened_at, changed_at)"
    " VALUES (1, 1, 1, 'sent', 3, 50, '[]', '{}', 'api', '', 1, '2026-11-01', '2026-11-01')",
    "INSERT INTO drafts (id, case_id, text, origin, why, unresolved, created_at)"
    " VALUES (1, 1, 'So sorry', 'person', '', '[]', '2026-11-01')",
    "INSERT INTO replies (id, case_id, turn, key, text, account, via, approved_by, approved_at, attempts)"
    " VALUES (1, 1, 1, 'a', 'So sorry', '', 'files', 1, '2026-11-01', 1)",
    "INSERT INTO case_mentions (mention_id, case_id, why, joined_at) VALUES (1, 1, '', '2026-11-01')",
    "INSERT INTO audit (id, at, user_id, case_id, action, detail) VALUES (1, '2026-11-01', NULL, 1, 'open', '{}')",
    "INSERT INTO audit (id, at, user_id, case_id, action, detail) VALUES (2, '2026-11-01', 1, 1, 'approve', '{}')",
)
_KEPT = ("users", "brands", "authors", "mentions", "cases", "drafts", "replies", "case_mentions", "audit")


def test_a_filled_database_of_the_first_version_loses_nothing(database_url: str) -> None:
    database = Database(database_url)
    try:
        with database.migrating() as connection:
            migrations.upgrade(connection, "0001")
        with database.write() as db:
            for statement in _FILL:
                db.execute(text(statement))
        database.migrate()
        with database.read() as db:
            counts = {table: db.scalar(text(f"SELECT count(*) FROM {table}")) for table in _KEPT}
            role = db.scalar(text("SELECT role FROM users"))
            verified = audit.verify(db)
        with database.write() as db:
            migrations.check(db.connection())
    finally:
        database.close()
    assert counts == dict.fromkeys(_KEPT, 1) | {"audit": 2}
    assert role == "manager"
    assert (verified.rows, verified.problems) == (2, ())
