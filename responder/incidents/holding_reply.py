"""The holding reply of an incident: what the playbook offers for it, and approving it for the cases that were ticked.

It is written once, and sent case by case: each is an approval of its own (responder/desk/cases.py), with the text of
that case, its permission, its guard and its second person, so nothing goes out by the number that one by one would not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from core.clock import Clock
from core.errors import Forbidden, Stale
from core.runtime import Runtime
from core.tables import Case, Draft, Incident, IncidentMention, Mention, PlaybookEntry
from responder.checks import guard
from responder.checks.finding import Finding
from responder.desk import cases
from responder.desk.states import OPEN_STATES, held_by, name_of
from responder.drafts.likeness import Likeness
from responder.drafts.playbook import KNOWN_ISSUE, OCCASIONS, fill
from responder.incidents import known_issues
from responder.incidents.incident_cases import filled, inside
from responder.outbox import approving
from responder.outbox.approving import Say
from responder.outbox.repliers import addressed, as_whom

SHOWN = 30
"""Cases on one page."""

_OFFERED = 3
_READ = 20
"""So many of an incident's newest posts say what the playbook is asked for."""


@dataclass(frozen=True, slots=True)
class ForCase:
    """What would go out for one case: exactly `text`, as `account`. `why_not` is what stands against it, in words.

    `typed` says who has typed something else for the case; `sign` stands for all that the person saw.
    """

    case: Case
    text: str
    account: str
    length: int
    limit: int | None
    findings: Sequence[Finding]
    say: Say
    why_not: str
    typed: str
    sign: str

    @property
    def clean(self) -> bool:
        """Whether nothing is to be said against it, and nobody has typed anything else."""
        warned = any(one.kind in guard.MAY_BLOCK or one.blocks for one in self.findings)
        return not (self.why_not or warned or self.typed)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one case that was ticked: approved, proposed, or `refused` for a reason in words."""

    case_id: int
    became: str
    why: str = ""


def offered(db: Session, clock: Clock, row: Incident) -> Sequence[PlaybookEntry]:
    """Entries of the brand's playbook that may do as its holding reply, best first: those for known issues, then those
    that share most words with what its posts say."""
    unexpired = or_(PlaybookEntry.expires_at.is_(None), PlaybookEntry.expires_at > clock.now())
    active = select(PlaybookEntry).where(PlaybookEntry.brand_id == row.brand_id, PlaybookEntry.active, unexpired)
    everywhere = active.where(PlaybookEntry.platform.is_(None)).order_by(PlaybookEntry.name)
    entries = [one for one in db.scalars(everywhere) if "praise" not in one.tags]
    known = [one for one in entries if KNOWN_ISSUE in one.tags]
    others = [one for one in entries if not OCCASIONS.intersection(one.tags)]
    if not others:
        return known[:_OFFERED]
    documents = [f"{one.name}. {one.about} {' '.join(one.tags)} {one.text}" for one in others]
    scores = Likeness(documents).scores([_about(db, row)])[0].tolist()
    ranked = sorted(zip(scores, others, strict=True), key=lambda one: (-one[0], one[1].name))
    return [*known, *(entry for score, entry in ranked if score > 0)][:_OFFERED]


def for_cases(db: Session, runtime: Runtime, row: Incident, user_id: int) -> tuple[list[ForCase], int]:
    """What would go out in the open cases of an incident if `user_id` approved it, those that can be answered from here
    and press most first, and how many open cases there are."""
    theirs = Case.id.in_(inside(row.id))
    open_ones = select(Case.id).where(theirs, Case.state.in_(OPEN_STATES))
    ids = db.scalars(open_ones.order_by(Case.permission != "api", Case.priority.desc(), Case.id)).all()
    return [for_case(db, runtime, row, one, user_id) for one in _loaded(db, ids[:SHOWN])], len(ids)


def for_case(db: Session, runtime: Runtime, row: Incident, case: Case, user_id: int) -> ForCase:
    """What would go out for one case, and what stands against it."""
    text = text_for(db, row, case, user_id)
    longest = guard.longest(db, case.mention.source) if case.permission == "api" else None
    platform = case.mention.platform
    account = as_whom(db, runtime, case.mention) if case.permission == "api" else ""
    findings = guard.for_case(db, case, text)
    return ForCase(
        case,
        text,
        account,
        guard.count(text, platform),
        guard.limit(platform, longest),
        findings,
        approving.say_of(db, case, user_id, text),
        _why_not(db, runtime.clock, case, findings, user_id),
        _typed(db, case.id),
        sign(case, text, account),
    )


def text_for(db: Session, row: Incident, case: Case, user_id: int) -> str:
    """The holding reply for one case, as `user_id` would send it."""
    text, _ = filled(row.holding, case)
    known = {"agent": name_of(db, user_id), "status": known_issues.status_of(db, case)}
    return addressed(case, fill(text, known)[0])


def sign(case: Case, text: str, account: str) -> str:
    """What a form carries of a case: its version, and a fingerprint of what would go out as whom."""
    seen = hashlib.sha256(f"{account}\n{text}".encode()).hexdigest()[:16]
    return f"{case.id}.{case.version}.{seen}"


def approve(db: Session, runtime: Runtime, incident_id: int, user_id: int, ticked: str) -> Done:
    """Approve the holding reply for one case that was ticked as `ticked` (its sign), or propose it where a second
    person is needed. In a transaction of its own: what is refused here stops no other. Raises Stale and Forbidden."""
    number = ticked.partition(".")[0]
    row, case_id = db.get_one(Incident, incident_id), int(number) if re.fullmatch(r"[0-9]{1,9}", number) else 0
    found = _loaded(db, db.scalars(inside(incident_id).where(Case.id == case_id)).all())
    if row.state != "open" or not row.holding or not found:
        raise Forbidden("the case is not in this incident any more, or there is no holding reply")
    one = for_case(db, runtime, row, found[0], user_id)
    if one.sign != ticked:
        raise Stale("the case or the text has changed since you looked")
    if one.why_not:
        raise Forbidden(one.why_not)
    clock, version = runtime.clock, one.case.version
    if one.say.may_approve:
        cases.approve(db, clock, case_id, version, user_id, one.text, account=one.account)
        return Done(case_id, "approved")
    approving.propose(db, clock, case_id, version, user_id, one.text)
    return Done(case_id, "proposed", "; ".join(one.say.why))


def _about(db: Session, row: Incident) -> str:
    """What an incident is about: its name, and what its newest posts say."""
    mine = select(Mention.text).join(IncidentMention, IncidentMention.mention_id == Mention.id)
    newest = mine.where(IncidentMention.incident_id == row.id).order_by(Mention.created_at.desc()).limit(_READ)
    return " ".join((row.name, *row.words, *db.scalars(newest)))


def _loaded(db: Session, ids: Sequence[int]) -> list[Case]:
    """These cases in this order, with all that the guard and the replier ask of them."""
    post = joinedload(Case.mention)
    wanted = select(Case).options(
        post.joinedload(Mention.author), post.joinedload(Mention.source), joinedload(Case.brand)
    )
    rows = {one.id: one for one in db.scalars(wanted.where(Case.id.in_(ids)).execution_options(populate_existing=True))}
    return [rows[one] for one in ids if one in rows]


def _why_not(db: Session, clock: Clock, case: Case, findings: Sequence[Finding], user_id: int) -> str:
    """What stands against approving it here and now, the first thing in words; empty where nothing does."""
    if case.mention.deleted_at is not None:
        return "the post is gone"
    if case.permission == "hand":
        return f"answer by hand: {case.permission_why}"
    if case.permission == "no":
        return f"no answer here: {case.permission_why}"
    if case.state in ("proposed", "unsure"):
        return "a reply waits for approval" if case.state == "proposed" else "it is unsure whether a reply was sent"
    holder = held_by(case, clock.now())
    if holder not in (None, user_id):
        return f"{name_of(db, holder)} is answering it"
    return "; ".join(one.message for one in findings if one.blocks)


def _typed(db: Session, case_id: int) -> str:
    """Who has typed something for the case."""
    mine = select(Draft.user_id).where(Draft.case_id == case_id, Draft.origin == "person", Draft.text != "")
    who = db.scalars(mine.order_by(Draft.created_at.desc())).first()
    return name_of(db, who) if who is not None else ""
