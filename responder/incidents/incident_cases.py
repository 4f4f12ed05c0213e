"""The cases inside of incidents: which they are, and what each has of its incident. The `incident` stage.

A case belongs to the incident of the newest of its mentions that belongs to one. While that is open, the case's first
suggestion is the holding reply (as a draft of origin "holding", `version` the incident's holding_version, renewed when
the text changes), and the case is linked to the incident's known issue, so that {status} is filled in.

What people do takes effect at once; for cases that come later the stage looks again every AGAIN. It also wakes
incidents that were snoozed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from core import waiting
from core.clock import Clock
from core.runtime import Runtime
from core.tables import Audit, Case, CaseMention, Draft, Incident, IncidentEvent, IncidentMention, KnownIssue, Mention
from core.types import Author as Writer
from responder.desk.states import OPEN_STATES
from responder.drafts.draft import addressed
from responder.drafts.playbook import fill
from responder.incidents import known_issues
from responder.incidents.incident_moves import move, told_outside

STAGE = "incident"

BATCH = 20
"""Incidents per transaction."""

AGAIN = timedelta(seconds=15)
"""So long after it was opened a case of an incident has the holding reply, at the latest."""

HOLDING = "the holding reply of its incident"
"""Why it is suggested."""


def work(runtime: Runtime) -> int:
    """Bring some incidents up to date; see core/queue.py."""
    clock = runtime.clock
    with runtime.db.read() as db:
        if not waiting.any_for(db, clock, STAGE):
            return 0
    with runtime.db.write() as db:  # of its own: whoever acts on an incident locks it before what waits
        if wake(db, clock):
            runtime.queue.nudge("alert")
    with runtime.db.write() as db:
        ids = waiting.take(db, clock, STAGE, BATCH)
        waiting.done(db, STAGE, ids)
        for row in db.scalars(select(Incident).where(Incident.id.in_(ids)).order_by(Incident.id)):
            bring_up_to_date(db, clock, row)
    return len(ids)


def wake(db: Session, clock: Clock) -> int:
    """Snoozed incidents whose time has come are back; gives how many."""
    due = select(Incident.id).where(Incident.state == "open", Incident.snoozed_until <= clock.now())
    ids = db.scalars(due.order_by(Incident.id).with_for_update(skip_locked=True)).all()
    for one in ids:
        told_outside(db, clock, move(db, clock, "wake", one, None, None, snoozed_until=None))
    return len(ids)


def bring_up_to_date(db: Session, clock: Clock, row: Incident) -> None:
    """Give its open cases what they should have of it, and say when to look again; nothing where it is not open."""
    if row.state != "open":
        return
    if row.known_issue_id is not None:
        _link(db, clock, row)
    _renew_drafts(db, clock, row)
    if row.holding or row.known_issue_id is not None:
        waiting.add(db, clock, STAGE, [row.id], clock.now() + AGAIN)
    elif row.snoozed_until is not None:
        waiting.add(db, clock, STAGE, [row.id], row.snoozed_until)


def inside(incident_id: int) -> Select[int]:
    """The ids of the cases that belong to an incident."""
    here = select(CaseMention.case_id).join(IncidentMention, IncidentMention.mention_id == CaseMention.mention_id)
    some = here.where(IncidentMention.incident_id == incident_id)
    return select(Case.id).where(Case.id.in_(some), _incident_of_case() == incident_id)


def incident_of(db: Session, case_id: int) -> Incident | None:
    """The incident that a case belongs to, whatever its state."""
    wanted = select(_incident_of_case()).where(Case.id == case_id)
    found = db.scalar(wanted)
    return db.get(Incident, found) if found is not None else None


def members(db: Session, incident_id: int, case_id: int) -> Sequence[int]:
    """The mentions of a case that belong to an incident."""
    mine = select(IncidentMention.mention_id).join(CaseMention, CaseMention.mention_id == IncidentMention.mention_id)
    return db.scalars(mine.where(IncidentMention.incident_id == incident_id, CaseMention.case_id == case_id)).all()


def involved(db: Session, case: Case) -> bool:
    """Whether a case belongs to an incident that is open, or to a known issue that has not ended."""
    issue = db.get(KnownIssue, case.known_issue_id) if case.known_issue_id else None
    if issue is not None and issue.ended_at is None:
        return True
    found = incident_of(db, case.id)
    return found is not None and found.state == "open"


def first_reply_at(db: Session, incident_id: int) -> datetime | None:
    """When the first of its cases was answered."""
    return db.scalar(select(func.min(Case.first_reply_at)).where(Case.id.in_(inside(incident_id))))


def has_line(db: Session, incident_id: int, kind: str, key: str) -> bool:
    """Whether the timeline has this line already."""
    mine = (IncidentEvent.incident_id == incident_id, IncidentEvent.kind == kind, IncidentEvent.key == key)
    return bool(db.scalar(select(exists().where(*mine))))


def drop_drafts(db: Session, incident_id: int) -> None:
    """Its cases are suggested its holding reply no longer."""
    _delete_drafts(db, inside(incident_id))


def let_go(db: Session, clock: Clock, row: Incident, mention_ids: Collection[int], user_id: int) -> None:
    """The cases of these mentions, which have just left an incident, have nothing of it any more."""
    left = select(CaseMention.case_id).where(CaseMention.mention_id.in_(mention_ids))
    still = inside(row.id)
    _delete_drafts(db, left)
    if row.known_issue_id is not None:
        linked = select(Case.id).where(Case.id.in_(left), Case.id.not_in(still))
        for case_id in db.scalars(linked.where(Case.known_issue_id == row.known_issue_id)).all():
            known_issues.unlink(db, clock, case_id, user_id)


def hand_over(db: Session, clock: Clock, row: Incident, other: Incident, user_id: int) -> None:
    """The known issue of an incident that was merged goes to the other, or what was linked to it to the other's."""
    mine, theirs = _issue(db, row), _issue(db, other)
    if mine is not None and theirs is None:
        other.known_issue_id = mine.id
    elif mine is not None and theirs is not None and mine.id != theirs.id:
        linked = db.scalars(select(Case.id).where(Case.known_issue_id == mine.id)).all()
        known_issues.link(db, clock, theirs, linked, user_id)
        mine.ended_at = clock.now()
    db.flush()


def _issue(db: Session, row: Incident) -> KnownIssue | None:
    found = db.get(KnownIssue, row.known_issue_id) if row.known_issue_id else None
    return found if found is not None and found.ended_at is None else None


def _incident_of_case() -> Any:
    """The incident of the case that the query around it is about, as an expression."""
    member, place = aliased(CaseMention), aliased(IncidentMention)
    newest = select(place.incident_id).join(member, member.mention_id == place.mention_id)
    newest = newest.where(member.case_id == Case.id, place.brand_id == Case.brand_id, place.incident_id.is_not(None))
    return newest.order_by(place.mention_id.desc()).limit(1).correlate(Case).scalar_subquery()


def link(db: Session, clock: Clock, row: Incident, mention_ids: Collection[int], user_id: int) -> None:
    """Link the cases of these mentions, which somebody has put into it, to its known issue."""
    issue = _issue(db, row)
    if issue is not None:
        theirs = select(CaseMention.case_id).where(CaseMention.mention_id.in_(mention_ids))
        ids = db.scalars(inside(row.id).where(Case.id.in_(theirs), Case.state.in_(OPEN_STATES))).all()
        known_issues.link(db, clock, issue, ids, user_id)


def _link(db: Session, clock: Clock, row: Incident) -> None:
    """Link its open cases that are linked to nothing to its known issue; but none that somebody took off one."""
    issue = _issue(db, row)
    if issue is not None:
        taken_off = exists().where(
            Audit.case_id == Case.id, Audit.action == "unlink_issue", Audit.at >= issue.opened_at
        )
        free = inside(row.id).where(Case.known_issue_id.is_(None), ~taken_off, Case.state.in_(OPEN_STATES))
        known_issues.link(db, clock, issue, db.scalars(free).all(), None)


def _renew_drafts(db: Session, clock: Clock, row: Incident) -> None:
    """Every open case of it that may be answered has the holding reply as it reads now, and no other has one."""
    theirs = inside(row.id)
    older = delete(Draft).where(Draft.case_id.in_(theirs), Draft.origin == "holding")
    answerable = select(Case.id).where(Case.id.in_(theirs), Case.state.in_(OPEN_STATES), Case.permission != "no")
    outdated = or_(Draft.version != row.holding_version, Draft.case_id.not_in(answerable))
    db.execute(older.where(outdated).execution_options(synchronize_session=False))
    if not row.holding:
        return
    has = select(Draft.id).where(Draft.case_id == Case.id, Draft.origin == "holding")
    post = joinedload(Case.mention).joinedload(Mention.author)
    without = select(Case).where(Case.id.in_(answerable), ~exists(has)).options(post, joinedload(Case.brand))
    db.add_all(_draft(clock, row, case) for case in db.scalars(without))
    db.flush()


def _draft(clock: Clock, row: Incident, case: Case) -> Draft:
    """The holding reply for one case, filled in as far as we know; {status} and {agent} are when it is read."""
    text, unresolved = filled(row.holding, case)
    draft = Draft(case_id=case.id, text=text, origin="holding", why=HOLDING, version=row.holding_version)
    draft.unresolved, draft.created_at = [one for one in unresolved if one != "status"], clock.now()
    return draft


def filled(text: str, case: Case) -> tuple[str, Sequence[str]]:
    """A text with what is known of a case filled in, and the names of what is left."""
    author = case.mention.author
    writer = Writer(author.native_id, author.handle, author.name, author.followers)
    return fill(text, {"name": addressed(writer), "brand": case.brand.name})


def _delete_drafts(db: Session, case_ids: Select[int]) -> None:
    gone = delete(Draft).where(Draft.case_id.in_(case_ids), Draft.origin == "holding")
    db.execute(gone.execution_options(synchronize_session=False))
