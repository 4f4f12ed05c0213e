"""What a case is worth once its mentions are judged otherwise: by a person, a rule of the brand, or a newer model.

Only what the verdicts say is found anew; how long and how often the author was left alone stays as it was. State and
version stay too: nothing that a person is about to decide becomes wrong by it. A case in which nothing changes is not
touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import reduce

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.tables import Case, CaseMention
from responder import notice
from responder.notice import Notice
from responder.triage import Facts, priority

ACTION = "judged_again"

_JUDGED = ("complaint", "complaint_score", "negative", "anger", "unread")
"""The facts that come from verdicts."""


def look_again(db: Session, clock: Clock, mention_ids: Collection[int]) -> set[int]:
    """Find priority and reasons of the cases of these mentions anew; gives which of the mentions are in a case."""
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
    judged = reduce(Facts.joined, _told(clock, row, members))
    before = Facts.restored(row.facts)
    after = replace(before, **{name: getattr(judged, name) for name in _JUDGED})
    if after == before:
        return
    found = priority(after)
    detail = {"from": row.priority, "to": found.score}
    row.facts, row.priority, row.reasons = after.stored(), found.score, list(found.reasons)
    kinds = [notice.kind_of(one, one.facts(clock.now(), direct=False)) for one in members]
    row.kind, row.severity = min(kinds, key=notice.KINDS.index), found.severity
    audit.add(db, audit.Entry(clock.now(), ACTION, row.id, detail=detail))


def _told(clock: Clock, row: Case, members: Sequence[Notice]) -> list[Facts]:
    """The facts of each mention; a kind word that joined adds nothing, as when it came (responder/desk.py)."""
    direct = {one.id: one.addressee()[1] for one in members}
    counting = [
        one
        for one in members
        if one.id == row.mention_id or notice.needs_person(one, direct=direct[one.id]) or not notice.positive(one)
    ]
    return [one.facts(clock.now(), direct=direct[one.id]) for one in counting or members]
