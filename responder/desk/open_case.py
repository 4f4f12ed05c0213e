"""Judged mentions in, cases out: the `open_case` stage.

One batch:

1. Take the mentions that have waited longest and read what is known of them.
2. Leave out what is probably not about the brand: it is kept apart, where a person can bring it back
   (sentiment/relevance.py). What speaks to us, or answers us, is always about us.
3. Suggest replies to those that need a person (notice.needs_person).
4. In one transaction decide for each: it joins the open case of its author or its thread, or the one in which we
   answered its author, or it becomes a case of its own, or nothing. Cases, drafts and the list of what still waits
   change together.

What belongs to a case already was judged again: the case's priority is found anew (responder/desk/judged_again.py), and
where its author edited it all that follows from the new text (responder/desk/edited.py).

What joins raises the case's priority and wakes it if it is snoozed. What an author asks after our reply brings the
case back, due anew; a kind word only joins it. A snoozed case comes back through the same stage: it waits here, due
when the snooze ends.

A mention that cannot be decided is set aside alone; a suggestion that fails is only logged, because a case without
one is better than none.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.errors import ItemsSetAside, RipplewatchError
from core.runtime import Runtime
from core.setaside import set_aside
from core.settings import Settings
from core.tables import Case, Mention, Waiting
from responder.checks.permission import Dealings, dealings
from responder.desk import answered, case_rows, edited, notice
from responder.desk.cases import wake_snoozed
from responder.desk.desk import LATER, Desk, Place, Plan
from responder.desk.notice import Notice
from responder.desk.teams import assign
from responder.drafts.draft import Drafter
from responder.drafts.suggestions import drafter_of, with_suggestions
from responder.spread import followed
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
        met = dealings(claimed, runtime.settings, {one.author_id for one in notices})
        plans, failures = _plans(notices, met, clock.now())
        plans, unlikely = _apart(claimed, plans, filters)
        plans = with_suggestions(claimed, runtime, plans, drafter)
        edits = with_suggestions(claimed, runtime, edited.plans(claimed, notices, met, clock.now()), drafter)
        with runtime.db.settle(claimed) as db:
            ours = _ours(db, ids)
            relevance.store(db, {which: score for which, score in unlikely.items() if which[0] in ours})
            failures = {one: error for one, error in failures.items() if one in ours}
            failures |= _decide(db, clock, [plan for plan in plans if plan.notice.id in ours])
            cased = [one.id for one in notices if one.case_id is not None and one.id in ours]
            edited.look_at(db, clock, cased, [plan for plan in edits if plan.notice.id in ours])
            done = _finished(db, clock.now(), ours, {one.id for one in notices})
            waiting.done(db, STAGE, done)
            _wake(db, clock, done)
            assign(db, clock, done)
            followed.consider(db, clock, done)
            answered.look(db, clock, done)
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


def _plans(notices: Sequence[Notice], met: Dealings, now: datetime) -> tuple[list[Plan], dict[int, Exception]]:
    """A plan for every mention that is somebody's and in no case yet, and the errors of those that have none."""
    plans: list[Plan] = []
    failures: dict[int, Exception] = {}
    for one in notices:
        try:
            plan = _plan(one, met, now)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, its neighbours must be looked at
            failures[one.id] = error
        else:
            plans += [plan] if plan else []
    return plans, failures


def _plan(one: Notice, met: Dealings, now: datetime) -> Plan | None:
    brand, direct = one.addressee()
    if brand is None or one.case_id is not None or one.deleted or one.own or one.reading is None:
        return None
    permission = met.permission(one.said, one.source, one.author_id)
    needed = notice.needs_person(one, direct=direct, thanks=brand.thanks)
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


def _finished(db: Session, now: datetime, ours: set[int], read: set[int]) -> list[int]:
    """What need not wait any longer: all but what waits for a reply that is going out, and mentions that are there and
    could not be read, as others hold them."""
    later = select(Waiting.subject_id).where(Waiting.stage == STAGE, Waiting.subject_id.in_(ours))
    ours = ours - set(db.scalars(later.where(Waiting.due > now)))
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
    case_rows.save(db, clock, desk.places)
    if desk.later:
        waits = update(Waiting).where(Waiting.stage == STAGE, Waiting.subject_id.in_(desk.later))
        db.execute(waits.values(due=now + LATER).execution_options(synchronize_session=False))


def _place(desk: Desk, plan: Plan, now: datetime) -> None:
    """Let the mention join a case, bring one back that was answered, open one for it, or leave it."""
    one = plan.notice
    own, answered = desk.find(plan), desk.answered(plan)
    joins = own is not None and (plan.needed or own.thread == one.thread or plan.facts.direct)
    if own is not None and own.going_out:
        if joins and desk.waits(plan, now):
            return
        own = None
    if own is not None:
        if joins:
            own.join(desk.told(plan), now)
    elif answered is not None and plan.friendly:
        answered.thank(plan)
    elif answered is not None:
        after = answered.answer is not None and answered.answer.at <= one.created_at
        desk.come_back(answered, desk.told(plan, answered_back=after))
    elif plan.needed and not plan.friendly and (other := desk.in_thread(plan)):
        other.join(desk.told(plan), now)
    elif plan.needed:
        desk.add(Place.begin(desk.told(plan), now))
