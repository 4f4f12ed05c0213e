"""What people typed and have not sent: one text per case and person, kept as they write, whoever else has the case.

Each save names the `base` it was typed on: the version of the person's text that their window had seen. Where that is
no longer the newest (another window, another browser), the newest words win, and those they replace are `kept` beside
them and shown; so is what a person replaced as a whole. So nothing that anybody typed is lost: not by a take-over, a
restart, a second tab, a draft that was taken into the box, or a decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.errors import Stale
from core.tables import Case, Draft, Reply
from responder.desk.holding import LEASE, hold
from responder.desk.notifications import tell
from responder.desk.states import TRANSITIONS, held_by, refusal

_FEW_WORDS = 3
"""Fewer words than these are typed again as soon as they are missed."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a save: the person's text as it stands, what it replaced if that is kept, and who holds the case.

    `holder_id` is somebody else who holds it; None where the person themselves does, or nobody.
    """

    draft: Draft
    kept: Draft | None
    holder_id: int | None


def save(
    db: Session,
    clock: Clock,
    case_id: int,
    user_id: int,
    text: str,
    base: int | None = None,
    lease: timedelta = LEASE,
) -> Saved:
    """Keep what a person has typed so far, and renew their hold, or take it if it is free.

    The first text makes a `new` case `drafted`. The case's version stays: saving must not make one's own page stale.
    Raises Forbidden when there is no such case.
    """
    row = db.get(Case, case_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise refusal(db, clock, "draft", case_id, None)
    draft, kept = _write(db, clock, case_id, user_id, text, base)
    if text.strip() and hold(db, clock, case_id, user_id, lease):
        _begin(db, clock, row, user_id)
    db.refresh(row)
    holder = held_by(row, clock.now())
    return Saved(draft, kept, holder if holder != user_id else None)


def own(db: Session, case_id: int, user_id: int) -> Draft | None:
    """What this person has typed for the case."""
    mine = select(Draft).where(Draft.case_id == case_id, Draft.origin == "person", Draft.user_id == user_id)
    return db.scalars(mine.order_by(Draft.id)).first()


def refuse_unseen(db: Session, case_id: int, user_id: int, text: str, seen: int | None) -> None:
    """Raise Stale when the person has typed something else in another window than the page that they decide on saw.

    `seen` is the version of their text that their page knew; None asks for nothing.
    """
    newest = own(db, case_id, user_id)
    if seen is None or newest is None or newest.version == seen or newest.text.strip() in ("", text.strip()):
        return
    raise Stale("You have typed something else for this case in another window; look at it before you decide")


def hold_back(db: Session, clock: Clock, case_id: int) -> None:
    """An approved reply of this case is not sent any more: its text is back in the hands of who approved it, and they
    and who proposed it are told why. What waited for its time finds no reply."""
    newest = select(Reply).where(Reply.case_id == case_id, Reply.sent_at.is_(None)).order_by(Reply.turn.desc())
    reply = db.scalars(newest.limit(1)).one_or_none()
    if reply is None:
        return
    if reply.approved_by is None:
        db.add(Draft(case_id=case_id, origin="kept", text=reply.text, why="approved", created_at=clock.now()))
    else:
        _write(db, clock, case_id, reply.approved_by, reply.text, None)
    people = {one for one in (reply.approved_by, reply.proposed_by) if one is not None}
    tell(db, clock, people, case_id, "held_back", "The author wrote again, so your reply was held back", key=reply.id)
    db.delete(reply)
    db.flush()


def _begin(db: Session, clock: Clock, row: Case, user_id: int) -> None:
    """The first text of a case: it is drafted now, and belongs to whoever began, unless it is somebody's."""
    now, after = clock.now(), TRANSITIONS["draft"].states.get(row.state, row.state)
    if row.state == "new":
        audit.add(db, audit.Entry(now, "draft", row.id, user_id))
    values: dict[str, object] = {"state": after}
    if row.owner_id is None:
        values |= {"owner_id": user_id, "claimed_at": now}
    db.execute(update(Case).where(Case.id == row.id).values(**values).execution_options(synchronize_session=False))


def _write(
    db: Session, clock: Clock, case_id: int, user_id: int, text: str, base: int | None
) -> tuple[Draft, Draft | None]:
    """The person's one text, and a copy of what it replaces where the window that typed it did not know that."""
    now, row = clock.now(), own(db, case_id, user_id)
    if row is None:
        why = "written by a person"
        row = Draft(case_id=case_id, origin="person", user_id=user_id, text=text, why=why, created_at=now)
        db.add(row)
        db.flush()
        return row, None
    kept = None
    if row.version != base and row.text.strip() and not text.startswith(row.text.rstrip()):
        kept = _keep(db, row, "typed in another window")
    elif _replaced(row.text, text):
        kept = _keep(db, row, "replaced")
    if row.text != text:
        row.text, row.created_at, row.version = text, now, row.version + 1
    db.flush()
    return row, kept


def _replaced(before: str, after: str) -> bool:
    """Whether little is left of a text of some length: what both begin and end with is less than half of it."""
    if len(before.split()) < _FEW_WORDS:
        return False
    begin = _alike(before, after)
    end = _alike(before[begin:][::-1], after[begin:][::-1])
    return begin + end < len(before.strip()) / 2


def _alike(one: str, other: str) -> int:
    """How many characters two texts have in common from their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _keep(db: Session, row: Draft, why: str) -> Draft:
    """A copy of a text that is about to be replaced; one is enough."""
    same = (Draft.case_id == row.case_id, Draft.origin == "kept", Draft.user_id == row.user_id, Draft.text == row.text)
    known = db.scalars(select(Draft).where(*same)).first()
    if known is None:
        known = Draft(case_id=row.case_id, origin="kept", user_id=row.user_id, text=row.text, why="")
        db.add(known)
    known.why, known.created_at = why, row.created_at
    return known
