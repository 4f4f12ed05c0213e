"""Who may let a reply out: what the rules say of one text by one person, proposing it, and sending a proposal back.

A proposal is a text of its own beside what people type: exactly what was proposed, whatever they type on. Whoever
approves it has it in their reply box, may change it, and sends it in the same step (cases.approve).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import audit, roles
from core.clock import Clock
from core.errors import BadInput, Forbidden
from core.tables import Case, Draft, Reply, User
from responder.checks import guard, second_person
from responder.desk import typing_in
from responder.desk.holding import LONGEST_WHY, leave
from responder.desk.notifications import tell
from responder.desk.states import move, name_of, refusal
from responder.incidents import incident_cases
from responder.outbox.repliers import unaddressed

ASKED = "its author asked for a second look"
"""Why a text is proposed that no rule holds back."""


@dataclass(frozen=True, slots=True)
class Say:
    """What somebody may do with a text: approve it or only propose it, and why a second person is needed at all."""

    may_approve: bool
    why: tuple[str, ...]


def say_of(db: Session, case: Case, user_id: int, text: str) -> Say:
    """What `user_id` may do with `text` as the reply to this case."""
    rules = second_person.Rules.of(case.brand.approval)
    author = _author(case, user_id)
    written = second_person.Written(
        severity=case.severity,
        incident=rules.incident and incident_cases.involved(db, case),
        approved_before=_approved(db, case.brand_id, author) if rules.new_agent else 0,
        kinds=frozenset(one.kind for one in guard.for_case(db, case, text)) if rules.kinds else frozenset(),
    )
    why = second_person.reasons(rules, written)
    user = db.get_one(User, user_id)
    approver = roles.rights_of(db, user).may("approver", case.brand_id)
    must = second_person.must_propose(rules, why, approver=approver, own_text=author == user_id)
    return Say(not must and (approver or case.state != "proposed"), why)


def proposal(db: Session, case_id: int) -> Draft | None:
    """The text that waits for a second person."""
    found = select(Draft).where(Draft.case_id == case_id, Draft.origin == "proposal").order_by(Draft.id.desc())
    return db.scalars(found).first()


def propose(
    db: Session, clock: Clock, case_id: int, version: int, user_id: int, text: str, *, seen: int | None = None
) -> Case:
    """Lay exactly this text before those who may approve. Raises as `cases.approve` does."""
    row = db.get(Case, case_id, populate_existing=True)
    if row is None or row.version != version:
        raise refusal(db, clock, "propose", case_id, version)
    refuse_bad_text(db, row, text)
    why = list(say_of(db, row, user_id, text).why) or [ASKED]
    waits = {"proposed_by": user_id, "proposed_at": clock.now(), "proposed_why": why}
    detail = audit.fingerprint(text) | {"rules": why}
    row = move(db, clock, "propose", case_id, version, user_id, detail, snoozed_until=None, **waits)
    typing_in.refuse_unseen(db, case_id, user_id, text, seen)
    typing_in.save(db, clock, case_id, user_id, text)
    leave(db, case_id, user_id)
    retire_proposal(db, case_id)
    db.add(
        Draft(
            case_id=case_id, origin="proposal", user_id=user_id, text=text, why="; ".join(why), created_at=clock.now()
        )
    )
    able = db.scalars(select(User.id).where(roles.holds("approver", row.brand_id), User.id != user_id))
    tell(db, clock, able, case_id, "propose", f"{name_of(db, user_id)} proposed a reply: {why[0]}", key=row.version)
    return db.get_one(Case, case_id, populate_existing=True)


def send_back(db: Session, clock: Clock, case_id: int, version: int, user_id: int, why: str) -> Case:
    """Give a proposal back to its author, with the reason; their text is their draft."""
    why = why.strip()[:LONGEST_WHY]
    if not why:
        raise BadInput("Say what should be different: the author is told.")
    before = db.get(Case, case_id, populate_existing=True)
    author = before.proposed_by if before else None
    row = move(db, clock, "send_back", case_id, version, user_id, {"why": why})
    retire_proposal(db, case_id)
    if author is not None:
        tell(
            db,
            clock,
            [author],
            case_id,
            "sent_back",
            f"{name_of(db, user_id)} sent your reply back: {why}",
            key=version,
        )
    return row


def recall(db: Session, clock: Clock, case_id: int, version: int, user_id: int) -> Case:
    """Take one's own proposal back."""
    before = db.get(Case, case_id, populate_existing=True)
    if before is not None and before.version == version and before.proposed_by not in (None, user_id):
        raise Forbidden(f"only {name_of(db, before.proposed_by)} can take this reply back; send it back instead")
    row = move(db, clock, "recall", case_id, version, user_id)
    retire_proposal(db, case_id)
    return row


def retire_proposal(db: Session, case_id: int) -> None:
    """Nothing of the case waits for a second person any more; the text is kept beside what its author typed since."""
    waits = update(Draft).where(Draft.case_id == case_id, Draft.origin == "proposal")
    db.execute(waits.values(origin="kept", why="proposed").execution_options(synchronize_session=False))


def refuse_bad_text(db: Session, case: Case, text: str) -> None:
    """Raise Forbidden when the guard stops the text, or it does not name whom it answers where it has to."""
    stops = [finding.message for finding in guard.for_case(db, case, text) if finding.blocks]
    source = case.mention.source
    wrong = unaddressed(source.kind, text, case.mention.author.handle) if source else None
    stops += [wrong] if wrong and case.permission == "api" else []
    if stops:
        raise Forbidden("; ".join(stops))


def refuse_alone(db: Session, case: Case, user_id: int, text: str) -> None:
    """Raise Forbidden when this text needs a second person, or waits for one, and `user_id` is not them."""
    say = say_of(db, case, user_id, text)
    if not say.may_approve:
        raise Forbidden(f"this reply needs a second person: {'; '.join(say.why) or 'it was proposed'}. Propose it")


def _author(case: Case, user_id: int) -> int:
    """Who wrote what is to be approved: who proposed it, even if whoever approves it changes it."""
    return case.proposed_by if case.state == "proposed" and case.proposed_by is not None else user_id


def _approved(db: Session, brand_id: int, author: int) -> int:
    wrote = func.coalesce(Reply.proposed_by, Reply.approved_by) == author
    return db.scalar(select(func.count()).select_from(Reply).join(Case).where(Case.brand_id == brand_id, wrote)) or 0
