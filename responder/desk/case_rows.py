"""What the desk decided, as rows: new cases with their mentions and drafts, and what joined those that were there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.tables import Case, CaseMention, CaseTag, Draft, Team
from core.types import Draft as Suggestion
from responder.desk.desk import Place
from responder.desk.states import Change, move_all
from responder.desk.triage import priority
from responder.desk.typing_in import hold_back
from responder.timing import clock as case_clock
from responder.timing.clock import Times

SALES = "sales"
"""The tag of cases of people who want to buy, and the name of the team that gets them where a brand has one."""


def save(db: Session, clock: Clock, places: Sequence[Place]) -> None:
    """Write every place that has changed; afterwards their clocks run."""
    known = [place for place in places if place.kept and place.joined]
    opened = _save_opened(db, clock.now(), [place for place in places if place.kept is None])
    _save_members(db, clock.now(), known)
    _save_drafts(db, clock.now(), [place for place in known if place.back])
    held = [place for place in known if place.row.state == "approved"]
    open_ones = [place for place in known if not place.answered and place not in held]
    move_all(db, clock, "join", [_change(place) for place in open_ones])
    move_all(db, clock, "hold_back", [_change(place) for place in held])
    for place in held:
        hold_back(db, clock, place.row.id)
    move_all(db, clock, "come_back", [_change(place) for place in known if place.back])
    move_all(db, clock, "hear", [_heard(place) for place in known if place.answered and not place.back])
    ids = [*opened, *(place.case_id for place in known if place.case_id)]
    fresh = select(Case).where(Case.id.in_(ids)).execution_options(populate_existing=True)
    case_clock.watch(db, clock, db.scalars(fresh).all() if ids else ())


def _save_opened(db: Session, now: datetime, places: Sequence[Place]) -> list[int]:
    """Write new cases with their mentions and drafts; gives their ids."""
    if not places:
        return []
    teams = _sales_teams(db, places)
    db.execute(insert(Case), [_case(place, now) | {"team_id": teams.get(_of_sales(place))} for place in places])
    began = [place.plans[0].notice.id for place in places]
    rows = db.execute(select(Case.mention_id, Case.id).where(Case.mention_id.in_(began)))
    ids = {row.mention_id: row.id for row in rows}
    members = [_member(ids[one], one, "the case began with it", now) for one in began]
    for place in places:
        place.case_id = ids[place.plans[0].notice.id]
        members += [_member(place.case_id, one, why, now) for one, why in place.joined.items()]
    db.execute(insert(CaseMention), members)
    _save_drafts(db, now, places)
    tags = [{"case_id": place.case_id, "tag": SALES} for place in places if _of_sales(place)]
    if tags:
        db.execute(insert(CaseTag), tags)
    audit.add(db, *(audit.Entry(now, "open", ids[one]) for one in began))
    return list(ids.values())


def _of_sales(place: Place) -> int:
    """The brand whose sales team gets the case; 0 for a case that is none of theirs."""
    return place.brand_id if place.kind == "purchase" else 0


def _sales_teams(db: Session, places: Sequence[Place]) -> Mapping[int, int]:
    """The sales team of each brand that has one."""
    brands = {_of_sales(place) for place in places} - {0}
    rows = select(Team.brand_id, Team.id, Team.name).where(Team.brand_id.in_(brands)) if brands else None
    found = db.execute(rows).all() if rows is not None else []
    return {row.brand_id: row.id for row in found if row.name.casefold() == SALES}


def _case(place: Place, now: datetime) -> dict[str, Any]:
    plan, found = place.plans[0], priority(place.facts)
    return {
        "mention_id": plan.notice.id,
        "brand_id": place.brand_id,
        "author_id": place.author_id,
        "thread": place.thread,
        "kind": place.kind,
        "severity": found.severity,
        "priority": found.score,
        "reasons": list(found.reasons),
        "facts": place.facts.stored(),
        "permission": plan.permission.how,
        "permission_why": plan.permission.why,
        "platform": plan.notice.platform,
        "followers": plan.notice.author.followers,
        "opened_at": now,
        "changed_at": now,
    } | _times(place, found.severity).stored()


def _member(case_id: int, mention_id: int, why: str, now: datetime) -> dict[str, Any]:
    return {"mention_id": mention_id, "case_id": case_id, "why": why, "joined_at": now}


def _draft(case_id: int, suggestion: Suggestion, now: datetime) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "text": suggestion.text,
        "origin": suggestion.origin,
        "why": suggestion.why,
        "playbook_id": suggestion.playbook_id,
        "reply_id": suggestion.reply_id,
        "score": suggestion.score,
        "unresolved": list(suggestion.unresolved),
        "created_at": now,
    }


def _save_drafts(db: Session, now: datetime, places: Sequence[Place]) -> None:
    """Write what is suggested for the mention that each is about now, instead of what was for an answered one."""
    back = [place.case_id for place in places if place.back]
    if back:
        db.execute(delete(Draft).where(Draft.case_id.in_(back)))
    drafts = [_draft(place.case_id or 0, one, now) for place in places for one in place.lead.suggestions]
    if drafts:
        db.execute(insert(Draft), drafts)


def add_drafts(db: Session, case_id: int, suggestions: Sequence[Suggestion], now: datetime) -> None:
    """Write what is suggested for one case."""
    if suggestions:
        db.execute(insert(Draft), [_draft(case_id, one, now) for one in suggestions])


def _save_members(db: Session, now: datetime, places: Sequence[Place]) -> None:
    members = [_member(place.case_id or 0, one, why, now) for place in places for one, why in place.joined.items()]
    if members:
        db.execute(insert(CaseMention), members)


def _times(place: Place, severity: str) -> Times:
    """When it is due: counted from when the author wrote, or sooner since something more severe joined.

    What was answered before is due anew, from the word that asks for more.
    """
    if place.due_anew:
        return case_clock.times(place.lead.brand, severity, place.due_anew)
    first, last = place.plans[0], place.plans[-1]
    found = place.times or case_clock.times(first.brand, "normal", first.notice.created_at)
    if severity == "normal":
        return found
    return found.sooner(case_clock.times(last.brand, severity, last.notice.created_at))


def _change(place: Place) -> Change:
    """What joined: an open case presses more, never less, and no longer sleeps; one that comes back begins anew."""
    row, found = place.row, priority(place.facts)
    score = found.score if place.back else max(found.score, row.priority)
    severity = found.severity if place.back else max(found.severity, row.severity, key=_how_severe)
    values: dict[str, Any] = {
        "priority": score,
        "severity": severity,
        "kind": place.kind,
        "reasons": list(found.reasons),
        "facts": place.facts.stored(),
        "snoozed_until": None,
        "first_reply_at": None if place.due_anew else row.first_reply_at,
    }
    values |= _times(place, severity).stored() | _outcome(place)
    if place.back:
        lead = place.lead
        values |= {"mention_id": lead.notice.id, "permission": lead.permission.how}
        values |= {"permission_why": lead.permission.why, "resolved_at": None, "follow_up_at": None}
    return Change(row.id, row.version, values, {"mentions": sorted(place.joined)})


def _heard(place: Place) -> Change:
    """A kind word after our reply: it belongs to the case, and asks nothing of anybody."""
    row = place.row
    return Change(row.id, row.version, _outcome(place), {"mentions": sorted(place.joined)})


def _outcome(place: Place) -> dict[str, Any]:
    row, heard = place.row, place.heard
    if heard is None:
        return {
            "outcome": row.outcome,
            "outcome_at": row.outcome_at,
            "outcome_mention_id": row.outcome_mention_id,
        }
    return {"outcome": heard.outcome, "outcome_at": heard.at, "outcome_mention_id": heard.mention_id}


def _how_severe(severity: str) -> int:
    return -case_clock.SEVERITIES.index(severity)
