"""What follows from the forecast of a mention: its case presses more, and once it takes off people are told.

It takes off when it has SEEN reposts, is expected to have LARGE or three times what the brand's own usually come to,
and is fast: much is still to come, or many come in an hour. Of a complaint that makes a ripple, of which the stage
`ripple` makes an incident; of anything else an alert.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import alerts, audit, waiting
from core.clock import Clock
from core.tables import Case, CaseMention, Mention, Ripple, Spread
from responder.desk.judged_again import reweigh
from responder.desk.triage import Facts
from sentiment.ripple.spread import Spread as Outlook

KIND = "spread"
RIPPLE = "ripple"
"""The stage that makes incidents of ripples."""

SEEN = 20
"""Reposts that there must be, whatever is expected."""
LARGE = 100
"""Expected reposts that are many for anybody."""
TIMES_USUAL = 3
GROWS = 1.5
"""So many times what it has is expected, or ..."""
PACE = 20.0
"""... so many reposts came in an hour."""
SEVERE = (("urgent", 2_000), ("high", 500))
"""From so many expected reposts on."""

PRESSES = 1.25
"""While so many times what it has is expected, the forecast counts for the case's priority."""

_MONTH = timedelta(days=30)
_KNOWN, _MOST_KNOWN = 20, 300
"""Mentions of a brand that were followed to their end: so many tell what is usual, and no more are looked at."""

ACTION = "spreads"
"""What the audit calls it when the forecast changed a case's priority."""


def outlook(row: Spread | None, mention: Mention) -> Outlook | None:
    """The forecast that was stored of a mention, if there is one."""
    if row is None or row.expected is None or row.looked_at is None:
        return None
    seconds = (row.looked_at - mention.created_at).total_seconds()
    low, high = row.low or row.expected, row.high or row.expected
    return Outlook(mention.reposts, max(seconds, 0.0), round(row.expected), round(low), round(high))


def severity(expected: float) -> str:
    """How severe a mention is that will be passed on so often."""
    return next((name for name, least in SEVERE if expected >= least), "normal")


def takes_off(found: Outlook, usual: float) -> bool:
    """Whether people should hear of it; `usual` is what the brand's own usually come to."""
    if found.count < SEEN or found.expected < max(LARGE, TIMES_USUAL * usual):
        return False
    return found.expected >= GROWS * found.count or found.count / max(found.seconds / 3_600, 0.25) >= PACE


def usual(db: Session, clock: Clock, brand_id: int) -> float:
    """Reposts that nine in ten of the brand's own stayed below that were followed last month; 0 while few are known."""
    ended = select(Mention.reposts).join(Spread, Spread.mention_id == Mention.id)
    ended = ended.join(CaseMention, CaseMention.mention_id == Mention.id).join(Case, Case.id == CaseMention.case_id)
    recent = (Case.brand_id == brand_id, Spread.ended_at > clock.now() - _MONTH)
    found = sorted(db.scalars(ended.where(*recent).order_by(Spread.ended_at.desc()).limit(_MOST_KNOWN)))
    return float(found[len(found) * 9 // 10]) if len(found) >= _KNOWN else 0.0


def tell(db: Session, clock: Clock, mention: Mention, case: Case, found: Outlook, before: float | None) -> str | None:
    """Let people know that it takes off, once; what was said is kept up to date. Gives the stage to nudge, if any.

    `before` is what was expected when it was last looked at.
    """
    row = db.scalars(
        select(Ripple).where(Ripple.kind == KIND, Ripple.mention_id == mention.id, Ripple.brand_id == case.brand_id)
    ).first()
    ordinary = usual(db, clock, case.brand_id) if row is None else row.expected
    if row is None and not takes_off(found, ordinary):
        return None
    worse = row is None or severity(found.expected) != severity(before or 0)
    row = row or _begun(db, clock, mention, case, ordinary)
    row.window, row.observed, row.score = max(round(found.seconds), 1), float(found.count), _score(found, ordinary)
    row.sentence, row.ended_at = f"{_what(case)} is taking off: {found.words()}", None
    db.flush()
    if case.kind != "complaint":
        alerts.tell(db, clock, KIND, row.id, case.brand_id, severity(found.expected), row.sentence)
        return alerts.STAGE
    if not worse and row.incident_id is not None:
        return None
    waiting.add(db, clock, RIPPLE, [row.id])
    return RIPPLE


def over(db: Session, clock: Clock, mention_ids: Collection[int]) -> None:
    """All is calm about these mentions again."""
    ended = update(Ripple).where(Ripple.kind == KIND, Ripple.mention_id.in_(mention_ids), Ripple.ended_at.is_(None))
    for ripple_id in db.scalars(ended.values(ended_at=clock.now()).returning(Ripple.id)).all():
        alerts.closed(db, clock, KIND, ripple_id)


def renew_cases(db: Session, clock: Clock, case_ids: Collection[int]) -> None:
    """Find the priority of these cases anew, by the counts and forecasts of their mentions as they are now."""
    rows = db.scalars(
        select(Case)
        .where(Case.id.in_(case_ids))
        .order_by(Case.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    told = _told(db, [row.id for row in rows])
    for row in rows:
        before = Facts.restored(row.facts)
        after = replace(before, **told.get(row.id, {}))  # type: ignore[arg-type]
        if not row.facts or after == before:
            continue
        was = row.priority
        reweigh(db, clock, row, after, row.mention.created_at)
        if row.priority != was:
            audit.add(db, audit.Entry(clock.now(), ACTION, row.id, detail={"from": was, "to": row.priority}))


def _told(db: Session, case_ids: Collection[int]) -> dict[int, dict[str, object]]:
    """The facts about counts and forecasts of each case."""
    member, found = CaseMention, dict[int, dict[str, object]]()
    mine = (member.case_id.in_(case_ids), Mention.deleted_at.is_(None))
    counts = select(member.case_id, func.max(Mention.likes), func.max(Mention.reposts), func.max(Mention.replies))
    joined = counts.join(Mention, Mention.id == member.mention_id).where(*mine).group_by(member.case_id)
    for case_id, likes, reposts, replies in db.execute(joined):
        found[case_id] = {"likes": likes, "reposts": reposts, "replies": replies, "expected": 0, "forecast": ""}
    followed = select(member.case_id, Spread, Mention).join(Mention, Mention.id == member.mention_id)
    followed = followed.join(Spread, Spread.mention_id == member.mention_id).where(*mine, Spread.ended_at.is_(None))
    for case_id, spread, mention in db.execute(followed.order_by(Spread.expected, Spread.mention_id)):
        ahead = outlook(spread, mention)
        if ahead and ahead.expected >= PRESSES * ahead.count:
            found[case_id] |= {"expected": ahead.expected, "forecast": ahead.words()}
    return found


def _begun(db: Session, clock: Clock, mention: Mention, case: Case, ordinary: float) -> Ripple:
    row = Ripple(
        brand_id=case.brand_id,
        kind=KIND,
        dimension="mention",
        value=str(mention.id),
        mention_id=mention.id,
        since=mention.created_at,
        at=clock.now(),
        noticed_at=clock.now(),
        expected=ordinary,
    )
    db.add(row)
    return row


def _score(found: Outlook, ordinary: float) -> float:
    """0.5 at what is large, towards 1 for what is many times that."""
    return max(0.5, 1 - max(LARGE, TIMES_USUAL * ordinary) / (2 * max(found.expected, 1)))


def _what(case: Case) -> str:
    return "one complaint" if case.kind == "complaint" else "one post"
