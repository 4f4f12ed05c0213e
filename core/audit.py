"""The audit: rows that are only ever added, each chained to the one before by its hash.

Rows are written with `add` in the transaction of what they tell of, and chained by `seal` at its end: whoever commits
takes the one row of audit_heads for that moment, so the order of the chain is the order of the commits. Each hash is
SHA-256 over the hash before and the row's own fields, so a row that was changed, removed or put in between is found by
`verify`. The database itself refuses to change or delete a chained row (core/migrations). Somebody who may rewrite the
whole database can rewrite the whole chain: keep the last hash, which `verify` gives, somewhere else now and then.

Details never hold text of posts or replies, because audit rows are kept when those are erased; of a text they hold
`fingerprint`, by which somebody who has the text can prove that it was this one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from core.tables import Audit, AuditHead, User

_PENDING = "audit rows to seal"
_READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done. `user_id` None is the service itself."""

    at: datetime
    action: str
    case_id: int | None = None
    user_id: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found: how many rows the chain has, its last hash, and what is wrong, in words."""

    rows: int
    hash: str
    problems: tuple[str, ...]


def add(db: Session, *entries: Entry) -> None:
    """Write what was done, in the transaction in which it is done."""
    if entries:
        rows = [
            {"at": one.at, "action": one.action, "case_id": one.case_id, "user_id": one.user_id}
            | {"detail": dict(one.detail), "who": ""}
            for one in entries
        ]
        db.execute(insert(Audit), rows)
        db.info[_PENDING] = True


def fingerprint(text: str) -> dict[str, object]:
    """What the audit keeps of a text: SHA-256 of its UTF-8 bytes, and how many these are."""
    raw = text.encode()
    return {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}


def seal(db: Session) -> None:
    """Chain what this transaction has added; the last thing before its commit (Database.write)."""
    if not db.info.pop(_PENDING, False):
        return
    head = db.get_one(AuditHead, 1, with_for_update=True, populate_existing=True)
    rows = db.scalars(select(Audit).where(Audit.place.is_(None)).order_by(Audit.id)).all()
    users = {row.user_id for row in rows if row.user_id is not None}
    names = (
        {row.id: row.name for row in db.execute(select(User.id, User.name).where(User.id.in_(users)))} if users else {}
    )
    chained = []
    for row in rows:
        who = names.get(row.user_id, "") if row.user_id is not None else ""
        head.rows, head.hash = head.rows + 1, link(head.hash, head.rows + 1, row, who)
        chained.append({"row": row.id, "to_place": head.rows, "to_hash": head.hash, "to_who": who})
        db.expunge(row)
    if chained:
        table = Audit.__table__
        values: dict[str, Any] = {
            "place": bindparam("to_place"),
            "hash": bindparam("to_hash"),
            "who": bindparam("to_who"),
        }
        db.connection().execute(update(table).where(table.c.id == bindparam("row")).values(values), chained)  # type: ignore[arg-type]
    db.flush()


def link(before: str, place: int, row: Any, who: str) -> str:
    """The hash of a row at a place of the chain, after the hash `before` ("" for the first)."""
    told = [before, place, row.at.astimezone(UTC).isoformat(), row.user_id, who, row.case_id, row.action, row.detail]
    written = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def verify(db: Session) -> Verified:
    """Walk the whole chain, in bounded memory, and name every row at which it does not hold."""
    head = db.get_one(AuditHead, 1)
    problems, last, count = [], "", 0
    for row in _chain(db):
        if row.place != count + 1:
            missing = f"row {count + 1} is" if row.place == count + 2 else f"rows {count + 1} to {row.place - 1} are"
            problems.append(f"{missing} missing from the chain")
        if link(last, row.place, row, row.who) != row.hash:
            problems.append(f"row {row.place} ({_told(row)}) is not as it was written, or what stood before it is not")
        last, count = row.hash or "", row.place
    if (head.rows, head.hash) != (count, last):
        problems.append(f"the chain ends at row {count}, but {head.rows} rows were written")
    loose = db.scalar(select(func.count()).select_from(Audit).where(Audit.place.is_(None))) or 0
    if loose:
        problems.append(f"{loose} {'row stands' if loose == 1 else 'rows stand'} outside the chain")
    return Verified(count, last, tuple(problems))


def _chain(db: Session) -> Iterator[Any]:
    """Every row of the chain in order."""
    after = 0
    while rows := _some(db, after):
        yield from rows
        after = rows[-1].place


def _some(db: Session, after: int) -> Sequence[Any]:
    query = select(*Audit.__table__.c).where(Audit.place > after).order_by(Audit.place).limit(_READ_AT_ONCE)
    return db.execute(query).all()


def _told(row: Any) -> str:
    case = f" of case {row.case_id}" if row.case_id is not None else ""
    return f"{row.action}{case} at {row.at:%Y-%m-%d %H:%M} UTC by {row.who or 'Ripplewatch'}"
