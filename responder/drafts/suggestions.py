"""Suggestions for cases that are about to open: what the drafter is given, and whom it is asked for.

A suggestion that fails is only logged, because a case without one is better than none.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.errors import RipplewatchError
from core.runtime import Runtime
from core.settings import Settings
from core.tables import PlaybookEntry, Source
from core.types import Draft
from responder.checks import guard
from responder.desk.desk import Plan
from responder.drafts.draft import Answers, Drafter, Entry, Occasion, OwnDrafter
from responder.drafts.past import PastReplies
from sentiment import judge

log = logging.getLogger(__name__)


@functools.cache
def drafter_of(settings: Settings) -> Drafter:
    """The process's drafter, with the process's model where that can embed; cases do not wait for a broken one."""
    try:
        return OwnDrafter(getattr(judge.loaded(settings), "embed", None))
    except RipplewatchError as error:
        log.warning("replies are suggested by shared words alone: %s", error)
        return OwnDrafter()


@functools.cache
def _past(settings: Settings) -> PastReplies:
    """What this process knows of the replies that were sent before, one per set of settings: one per database."""
    del settings
    return PastReplies()


def with_suggestions(db: Session, runtime: Runtime, plans: Sequence[Plan], drafter: Drafter) -> list[Plan]:
    """The plans, with suggestions for those that a person should see and may answer."""
    wanted = [plan for plan in plans if plan.needed and plan.permission.how != "no"]
    brands = {plan.brand.id for plan in wanted}
    playbook = _playbook(db, brands, runtime.clock.now())
    past, found = _past(runtime.settings), dict[int, tuple[Draft, ...]]()
    heard_by = {plan.notice.source_id for plan in wanted if plan.permission.how == "api"}
    sources = db.scalars(select(Source).where(Source.id.in_(heard_by))) if heard_by else ()
    longest: dict[int | None, int | None] = {one.id: guard.longest(db, one) for one in sources}
    for brand_id in sorted(brands):
        of_brand = [plan for plan in wanted if plan.brand.id == brand_id]
        try:
            answers = Answers(brand_id, playbook.get(brand_id, ()), past.of(db, brand_id))
            drafts = drafter.draft([_occasion(plan, longest) for plan in of_brand], answers)
        except Exception:
            log.exception("no replies could be suggested for %d mentions", len(of_brand))
        else:
            found |= {plan.notice.id: some for plan, some in zip(of_brand, drafts, strict=True)}
    return [replace(plan, suggestions=found.get(plan.notice.id, ())) for plan in plans]


def _playbook(db: Session, brand_ids: set[int], now: datetime) -> dict[int, list[Entry]]:
    """The entries of each brand that has any, without those that are off or have expired."""
    unexpired = or_(PlaybookEntry.expires_at.is_(None), PlaybookEntry.expires_at > now)
    rows = select(PlaybookEntry).where(PlaybookEntry.brand_id.in_(brand_ids), PlaybookEntry.active, unexpired)
    found: dict[int, list[Entry]] = {}
    for row in db.scalars(rows.order_by(PlaybookEntry.id)) if brand_ids else ():
        entry = Entry(row.id, row.version, row.name, row.text, row.about, tuple(row.tags), row.language, row.platform)
        found.setdefault(row.brand_id, []).append(entry)
    return found


def _occasion(plan: Plan, longest: Mapping[int | None, int | None]) -> Occasion:
    one, reading = plan.notice, plan.notice.reading
    return Occasion(
        text=one.text,
        platform=one.platform,
        language=reading.language if reading else "",
        sentiment=reading.sentiment if reading else "",
        complaint=plan.facts.complaint,
        question=plan.facts.question,
        author=one.author,
        brand=plan.brand.name,
        longest=longest.get(one.source_id) if plan.permission.how == "api" else None,
        purchase=plan.kind == "purchase",
        praise=plan.kind == "praise",
    )
