"""Who has which case open to answer, what people have typed for it, and when approved replies go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.roles import Rights
from core.tables import Case, Draft, Reply, User
from responder.desk.states import held_by

_MOST = 500
_TYPED = 10


@dataclass(frozen=True, slots=True)
class Marks:
    """What rows of the list are marked with, by the case's id: who answers it, and when its reply goes out."""

    held: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    goes_out: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """Who has a case, for somebody who looks at it. `sign` changes when what their page says of that no longer holds.

    `holder` is somebody else who is answering it, since `since`; `mine`: the one who looks is.
    """

    sign: str
    holder: User | None = None
    since: datetime | None = None
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Typed:
    """A text that somebody typed for a case and that was not sent; `name` is empty for one's own."""

    id: int
    text: str
    name: str
    at: datetime
    why: str


def marks(db: Session, now: datetime, rights: Rights) -> Marks:
    """The marks of all cases that have one, of the brands that somebody may see."""
    held = (
        select(Case.id, User.id, User.name)
        .join(User, User.id == Case.holder_id)
        .where(Case.held_until > now, rights.brands(Case.brand_id))
        .order_by(Case.held_until.desc())
    )
    later = (
        select(Case.id, Reply.send_after)
        .join(Reply, Reply.case_id == Case.id)
        .where(Case.state == "approved", Reply.sent_at.is_(None), Reply.send_after > now, rights.brands(Case.brand_id))
        .order_by(Reply.turn)
    )
    return Marks(
        {row[0]: (row[1], row[2]) for row in db.execute(held.limit(_MOST))},
        {row[0]: row[1] for row in db.execute(later.limit(_MOST)) if row[1]},
    )


def held(case: Case, user_id: int, now: datetime) -> Held:
    """Who has the case, for `user_id`."""
    holder = held_by(case, now)
    sign = f"{case.version}.{holder or 0}"
    if holder is None or holder == user_id:
        return Held(sign, mine=holder is not None)
    return Held(sign, case.holder, case.held_since)


def typed_for(db: Session, case: Case, user_id: int) -> Sequence[Typed]:
    """What others have typed for the case, and what this person typed in another window; the newest first.

    Left out is what stands elsewhere on the page: in the person's own text, in a proposal, or in a reply.
    """
    texts = select(Draft).where(Draft.case_id == case.id, Draft.origin.in_(("person", "kept", "proposal")))
    rows = db.scalars(texts.order_by(Draft.created_at.desc(), Draft.id.desc()).limit(_MOST)).all()
    mine = {row.id for row in rows if row.origin == "proposal" or (row.origin == "person" and row.user_id == user_id)}
    known = {row.text.strip() for row in rows if row.id in mine}
    known |= {text.strip() for text in db.scalars(select(Reply.text).where(Reply.case_id == case.id))} | {""}
    names = {row.id: row.name for row in db.scalars(select(User).where(User.id.in_({one.user_id for one in rows})))}
    found: list[Typed] = []
    for row in rows:
        if row.id in mine or row.text.strip() in known:
            continue
        known.add(row.text.strip())
        name = "" if row.user_id == user_id else names.get(row.user_id or 0, "Somebody")
        found.append(Typed(row.id, row.text, name, row.created_at, row.why))
    return found[:_TYPED]
