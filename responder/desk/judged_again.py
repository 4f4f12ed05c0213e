"""What a case is worth once its mentions are judged otherwise: by a person, a rule of the brand, or a newer model.

Only what verdicts and words say is found anew; how long and how often the author was left alone stays as it was.
State and version stay too: nothing that a person is about to decide becomes wrong by it. What is found to be more
severe is due sooner; nothing is ever due later. A case in which nothing changes is not touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.tables import Case, CaseMention
from responder.desk import notice
from responder.desk.notice import KINDS, Notice, kind_of
from responder.desk.triage import Facts, priority
from responder.timing import clock as case_clock
from responder.timing.clock import SEVERITIES, Times

ACTION = "judged_again"

_JUDGED = ("complaint", "complaint_score", "negative", "anger", "unread", "question", "direct")
"""The facts that come from verdicts, and from words that may have been edited."""


def look_again(db: Session, clock: Clock, mention_ids: Collection[int]) -> set[int]:
    """Find kind, priority and reasons of the cases of these mentions anew; gives which of them are in a case."""
    mine = select(CaseMention.mention_id, CaseMention.case_id).where(CaseMention.mention_id.in_(mention_ids))
    cased: dict[int, int] = dict(db.execute(mine).all())
    if not cased:
        return set()
    wanted = select(Case).where(Case.id.in_(set(cased.values()))).order_by(Case.id).with_for_update()
    rows = db.scalars(wanted.execution_options(populate_existing=True)).all()
    members = _members(db, [row.id for row in rows])
    for row in rows:
        _weigh(db, clock, row, members.get(row.id, ()))
    db.flush()
    return set(cased)


def _members(db: Session, case_ids: Sequence[int]) -> Mapping[int, Sequence[Notice]]:
    """What is known of the mentions of each case."""
    links = select(CaseMention.mention_id, CaseMention.case_id).where(CaseMention.case_id.in_(case_ids))
    of = dict(db.execute(links).all())
    found: dict[int, list[Notice]] = {}
    for one in notice.read(db, sorted(of)):
        if one.reading is not None and not one.deleted:
            found.setdefault(of[one.id], []).append(one)
    return found


def _weigh(db: Session, clock: Clock, row: Case, members: Sequence[Notice]) -> None:
    if not members:
        return
    told = _told(clock, row, members)
    before = Facts.restored(row.facts)
    judged = reduce(Facts.joined, told.values())
    after = replace(before, **{name: getattr(judged, name) for name in _JUDGED})
    kind = min((kind_of(one, told[one.id]) for one in members if one.id in told), key=KINDS.index)
    if (after, kind) == (before, row.kind):
        return
    was, row.kind = row.priority, kind
    reweigh(db, clock, row, after, min(one.created_at for one in members if one.id in told))
    audit.add(db, audit.Entry(clock.now(), ACTION, row.id, detail={"from": was, "to": row.priority}))


def reweigh(db: Session, clock: Clock, row: Case, facts: Facts, since: datetime) -> None:
    """Give a case other facts, and the priority that they make; its author wrote `since`. Its version stays."""
    found = priority(facts)
    if SEVERITIES.index(found.severity) < SEVERITIES.index(row.severity):
        _hasten(row, found.severity, since)
    row.facts, row.severity = facts.stored(), found.severity
    row.priority, row.reasons = found.score, list(found.reasons)
    db.flush()
    case_clock.watch(db, clock, [row])


def _hasten(row: Case, severity: str, since: datetime) -> None:
    """What is more severe than was thought is due sooner."""
    sooner = case_clock.times(row.brand, severity, since)
    if row.due_at is not None:
        sooner = Times(row.due_at, row.warn_at or row.due_at, row.resolve_due_at, row.resolve_warn_at).sooner(sooner)
    for name, moment in sooner.stored().items():
        setattr(row, name, moment)


def _told(clock: Clock, row: Case, members: Sequence[Notice]) -> dict[int, Facts]:
    """The facts of each mention; a kind word that joined adds nothing, as when it came (responder/desk/desk.py)."""
    direct = {one.id: one.addressee()[1] for one in members}
    counting = [
        one
        for one in members
        if one.id == row.mention_id or notice.needs_person(one, direct=direct[one.id]) or not notice.positive(one)
    ]
    return {one.id: one.facts(clock.now(), direct=direct[one.id]) for one in counting or members}
