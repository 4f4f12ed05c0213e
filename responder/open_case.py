"""Judged mentions in, cases out: the `open_case` stage.

One batch:

1. Take the mentions that have waited longest and read what is known of them.
2. Leave out what is probably not about the brand: it is kept apart, where a person can bring it back
   (sentiment/relevance.py). What speaks to us, or answers us, is always about us.
3. Suggest replies to those that need a person (notice.needs_person).
4. In one transaction decide for each: it joins the open case of its author or its thread, or it becomes a case of
   its own, or nothing. Cases, drafts and the list of what still waits change together.

What belongs to a case already was judged again: the case's priority is found anew (responder/judged_again.py).

What joins raises the case's priority and wakes it if it is snoozed. What an author writes after our reply is a new
case. A snoozed case comes back through the same stage: it waits here, due when the snooze ends.

A mention that cannot be decided is set aside alone; a suggestion that fails is only logged, because a case without
one is better than none.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core import audit, waiting
from core.clock import Clock
from core.errors import ItemsSetAside, RipplewatchError
from core.runtime import Runtime
from core.setaside import set_aside
from core.settings import Settings
from core.tables import Case, CaseMention, Draft, Mention, Waiting
from core.types import Draft as Suggestion
from responder import notice
from responder.cases import wake_snoozed
from responder.desk import Desk, Place, Plan
from responder.draft import Drafter
from responder.judged_again import look_again
from responder.notice import Notice
from responder.permission import permission_for
from responder.sla import first_reply_due
from responder.states import Change, move_all
from responder.suggestions import drafter_of, with_suggestions
from responder.triage import priority
from sentiment import judge, relevance
from sentiment.relevance import UNLIKELY, Filters

log = logging.getLogger(__name__)

BATCH = 200
"""Mentions per transaction."""

STAGE = "open_case"

_ONE_AT_A_TIME = 0x5249_5043_4153
"""Key of the PostgreSQL advisory lock under which one batch at a time decides what joins what ("RIPCAS")."""


def work(runtime: Runtime) -> int:
    """Look at one batch; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, STAGE):
            return 0
    return open_cases(runtime, drafter_of(runtime.settings), filters=_filters(runtime.settings))


def open_cases(runtime: Runtime, drafter: Drafter, limit: int = BATCH, filters: Filters | None = None) -> int:
    """Look at no more than `limit` mentions; gives how many. Raises ItemsSetAside when some were set aside."""
    clock = runtime.clock
    with runtime.db.claim() as claimed:
        ids = waiting.take(claimed, clock, STAGE, limit)
        if not ids:
            return 0
        notices = notice.read(claimed, ids)
        plans, failures = _plans(notices, clock.now())
        plans, unlikely = _apart(claimed, plans, filters)
        plans = with_suggestions(claimed, runtime, plans, drafter)
        with runtime.db.settle(claimed) as db:
            ours = _ours(db, ids)
            relevance.store(db, {which: score for which, score in unlikely.items() if which[0] in ours})
            failures = {one: error for one, error in failures.items() if one in ours}
            failures |= _decide(db, clock, [plan for plan in plans if plan.notice.id in ours])
            look_again(db, clock, [one.id for one in notices if one.case_id is not None and one.id in ours])
            done = _finished(db, ours, {one.id for one in notices})
            waiting.done(db, STAGE, done)
            _wake(db, clock, done)
            for mention_id, error in failures.items():
                set_aside(db, clock, STAGE, "mention", mention_id, error)
    if failures:
        raise ItemsSetAside(STAGE, len(failures))
    return len(done)


@functools.cache
def _filters(settings: Settings) -> Filters | None:
    """The process's filters, where its model can embed."""
    try:
        embed = getattr(judge.loaded(settings), "embed", None)
    except RipplewatchError as error:
        log.warning("every mention counts as being about its brand: %s", error)
        return None
    return Filters(embed) if embed else None


def _plans(notices: Sequence[Notice], now: datetime) -> tuple[list[Plan], dict[int, Exception]]:
    """A plan for every mention that is somebody's and in no case yet, and the errors of those that have none."""
    plans: list[Plan] = []
    failures: dict[int, Exception] = {}
    for one in notices:
        try:
            plan = _plan(one, now)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, its neighbours must be looked at
            failures[one.id] = error
        else:
            plans += [plan] if plan else []
    return plans, failures


def _plan(one: Notice, now: datetime) -> Plan | None:
    brand, direct = one.addressee()
    if brand is None or one.case_id is not None or one.deleted or one.own or one.reading is None:
        return None
    permission = permission_for(one.source_kind, one.platform)
    needed = notice.needs_person(one, direct=direct)
    return Plan(one, brand, one.facts(now, direct=direct), needed, permission)


def _apart(
    db: Session, plans: Sequence[Plan], filters: Filters | None
) -> tuple[list[Plan], dict[tuple[int, int], float]]:
    """The plans, where what is probably not about the brand needs nobody; and how it scored, by mention and brand."""
    wanted = {(plan.notice.id, plan.brand.id): plan for plan in plans if plan.needed and not plan.facts.direct}
    if filters is None or not wanted:
        return list(plans), {}
    for said in relevance.brought_back(db, [mention_id for mention_id, _ in wanted]):
        wanted.pop(said, None)
    unlikely: dict[tuple[int, int], float] = {}
    for brand_id in sorted({brand_id for _, brand_id in wanted}):
        of_brand = [which for which in wanted if which[1] == brand_id]
        try:
            scores = filters.scores(db, brand_id, [wanted[which].notice.text for which in of_brand])
        except Exception:
            log.exception("whether %d mentions are about their brand could not be told", len(of_brand))
            continue
        if scores:
            unlikely |= {which: score for which, score in zip(of_brand, scores, strict=True) if score < UNLIKELY}
    apart = [replace(one, needed=False) if (one.notice.id, one.brand.id) in unlikely else one for one in plans]
    return apart, unlikely


def _ours(db: Session, ids: Sequence[int]) -> set[int]:
    """Those that still wait, now that nobody else can decide: on SQLite another thread may have been faster."""
    if db.get_bind().dialect.name != "sqlite":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    return set(db.scalars(select(Waiting.subject_id).where(Waiting.stage == STAGE, Waiting.subject_id.in_(ids))))


def _finished(db: Session, ours: set[int], read: set[int]) -> list[int]:
    """What need not wait any longer: all but mentions that are there and could not be read, as others hold them."""
    unread = ours - read
    held = set(db.scalars(select(Mention.id).where(Mention.id.in_(unread)))) if unread else set()
    return sorted(ours - held)


def _wake(db: Session, clock: Clock, mention_ids: Sequence[int]) -> None:
    """Wake snoozed cases of these mentions whose time has come, and let the others wait on."""
    snoozed = select(Case.id, Case.mention_id, Case.snoozed_until)
    rows = db.execute(snoozed.where(Case.mention_id.in_(mention_ids), Case.state == "snoozed")).all()
    due = [row.id for row in rows if row.snoozed_until is None or row.snoozed_until <= clock.now()]
    if due:
        wake_snoozed(db, clock, due)
    for row in rows:
        if row.id not in due:
            waiting.add(db, clock, STAGE, [row.mention_id], row.snoozed_until)


def _decide(db: Session, clock: Clock, plans: Sequence[Plan]) -> dict[int, Exception]:
    """Decide on all at once; when that fails, on each alone, to find out which cannot be."""
    try:
        with db.begin_nested():
            _write(db, clock, plans)
    except OperationalError:
        raise  # the database's trouble, not a mention's: all of them wait
    except Exception as error:  # noqa: BLE001 - see _plans
        if len(plans) == 1:
            return {plans[0].notice.id: error}
        log.warning("%d mentions could not be decided at once (%s); trying each alone", len(plans), error)
        failures: dict[int, Exception] = {}
        for plan in plans:
            failures |= _decide(db, clock, [plan])
        return failures
    return {}


def _write(db: Session, clock: Clock, plans: Sequence[Plan]) -> None:
    """Place every mention, the oldest first, then write what came of it."""
    now = clock.now()
    desk = Desk.read(db, plans)
    for plan in sorted(plans, key=lambda plan: (plan.notice.created_at, plan.notice.id)):
        _place(desk, plan, now)
    _save_opened(db, now, [place for place in desk.places if place.case_id is None])
    _save_joined(db, clock, [place for place in desk.places if place.case_id is not None and place.joined])


def _place(desk: Desk, plan: Plan, now: datetime) -> None:
    """Let the mention join an open case, open one for it, or leave it."""
    one = plan.notice
    place = desk.find(plan)
    if place is not None:
        of_author = place.author_id == one.author_id and (place.thread == one.thread or plan.facts.direct)
        if plan.needed or of_author:
            place.join(desk.told(plan), now)
    elif desk.answers_back(plan) and not plan.friendly:
        desk.add(Place.begin(desk.told(plan, answered_back=True), now))
    elif plan.needed:
        desk.add(Place.begin(desk.told(plan), now))


def _save_opened(db: Session, now: datetime, places: Sequence[Place]) -> None:
    """Write new cases with their mentions and drafts."""
    if not places:
        return
    db.execute(insert(Case), [_case(place, now) for place in places])
    began = [place.plans[0].notice.id for place in places]
    ids = {
        row.mention_id: row.id for row in db.execute(select(Case.mention_id, Case.id).where(Case.mention_id.in_(began)))
    }
    drafts = [
        _draft(ids[place.plans[0].notice.id], suggestion, now)
        for place in places
        for suggestion in place.plans[0].suggestions
    ]
    members = [_member(ids[one], one, "the case began with it", now) for one in began]
    for place in places:
        case_id = ids[place.plans[0].notice.id]
        members += [_member(case_id, one, why, now) for one, why in place.joined.items()]
    db.execute(insert(CaseMention), members)
    if drafts:
        db.execute(insert(Draft), drafts)
    audit.add(db, *(audit.Entry(now, "open", ids[one]) for one in began))


def _case(place: Place, now: datetime) -> dict[str, object]:
    plan, found = place.plans[0], priority(place.facts)
    return {
        "mention_id": plan.notice.id,
        "brand_id": place.brand_id,
        "author_id": place.author_id,
        "thread": place.thread,
        "priority": found.score,
        "reasons": list(found.reasons),
        "facts": place.facts.stored(),
        "permission": plan.permission.how,
        "permission_why": plan.permission.why,
        "due_at": _due(place, urgent=found.urgent),
        "opened_at": now,
        "changed_at": now,
    }


def _member(case_id: int, mention_id: int, why: str, now: datetime) -> dict[str, object]:
    return {"mention_id": mention_id, "case_id": case_id, "why": why, "joined_at": now}


def _draft(case_id: int, suggestion: Suggestion, now: datetime) -> dict[str, object]:
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


def _due(place: Place, *, urgent: bool) -> datetime:
    """When the first reply is due: counted from when the author wrote, or sooner since something urgent joined."""
    first, last = place.plans[0], place.plans[-1]
    brand = first.brand
    due = [place.due_at] if place.due_at else []
    for plan, minutes in ((first, brand.first_reply_minutes), *((last, brand.urgent_reply_minutes),) * urgent):
        due.append(first_reply_due(plan.notice.created_at, hours=brand.hours, timezone=brand.timezone, minutes=minutes))
    return min(due)


def _save_joined(db: Session, clock: Clock, places: Sequence[Place]) -> None:
    """Write what joined cases that were open before: they press more, never less, and no longer sleep."""
    members = [
        _member(place.case_id or 0, one, why, clock.now()) for place in places for one, why in place.joined.items()
    ]
    if members:
        db.execute(insert(CaseMention), members)
    move_all(db, clock, "join", [_change(place) for place in places])


def _change(place: Place) -> Change:
    found = priority(place.facts)
    return Change(
        case_id=place.case_id or 0,
        version=place.version,
        values={
            "priority": max(found.score, place.priority),
            "reasons": list(found.reasons),
            "facts": place.facts.stored(),
            "due_at": _due(place, urgent=found.urgent),
            "snoozed_until": None,
        },
        detail={"mentions": sorted(place.joined)},
    )
