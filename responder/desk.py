"""Where a mention belongs: the open case of its author or its thread, and what its author wrote and heard before.

Read once for a whole batch. The rows of open cases stay locked until the transaction ends, so that nobody answers
one at the moment in which its author's next word joins it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import exists, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from core.tables import Case, Match, Mention, Reply, Verdict
from core.tables.row import UtcDateTime
from core.types import Draft as Suggestion
from core.types import Permission
from responder.notice import BrandRules, Notice, positive
from responder.states import ANSWERED_STATES, OPEN_STATES
from responder.triage import MOST_COUNTED, Facts

MEMORY = timedelta(days=14)
"""How far back earlier messages without an answer count, and for how long a word after our reply answers it."""


_STATE = Case.state.concat("")
"""The state in a form that no index serves: SQLite would else walk through all open cases instead of looking up a few
authors (150,000 open cases: 503 ms a batch, against 9)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known before the decision: the facts of a mention, and how and with what it could be answered."""

    notice: Notice
    brand: BrandRules
    facts: Facts
    needed: bool
    permission: Permission
    suggestions: tuple[Suggestion, ...] = ()

    @property
    def friendly(self) -> bool:
        """Whether it is a kind word that asks nothing of us."""
        return not self.needed and positive(self.notice)


@dataclass(slots=True)
class Place:
    """An open case as the batch goes on. `case_id` None: it is opened in this batch, and its first plan began it.

    `plans` are those of this batch; `joined` says why each mention joined.
    """

    brand_id: int
    author_id: int | None
    thread: str | None
    facts: Facts
    opened_at: datetime
    case_id: int | None = None
    version: int = 0
    priority: int = 0
    due_at: datetime | None = None
    plans: list[Plan] = field(default_factory=list)
    joined: dict[int, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, plan: Plan, now: datetime) -> Place:
        """A new case, which this mention begins."""
        one = plan.notice
        return cls(plan.brand.id, one.author_id, one.thread, plan.facts, now, plans=[plan])

    def join(self, plan: Plan, now: datetime) -> None:
        """Another mention joins; unless it is a kind word, its facts add to the case's."""
        same = plan.notice.author_id == self.author_id
        self.plans.append(plan)
        self.joined[plan.notice.id] = "the author wrote again" if same else "another voice in the thread"
        if plan.friendly:
            return
        together = self.facts.joined(plan.facts if same else replace(plan.facts, unanswered=0))
        waited = (now - self.opened_at) // timedelta(minutes=1)
        others = self.facts.others + (not same)
        self.facts = replace(together, others=others, waiting=max(together.waiting, waited))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A reply of ours to an author."""

    brand_id: int
    thread: str | None
    native_id: str | None
    at: datetime


class Desk:
    """The open cases that a batch's mentions may join, and those that are opened on the way."""

    def __init__(
        self, places: Sequence[Place], answers: Mapping[int, Sequence[_Answer]], earlier: Mapping[tuple[int, int], int]
    ) -> None:
        self.places: list[Place] = []
        self._by_author: dict[tuple[int, int], Place] = {}
        self._by_thread: dict[tuple[int, str], Place] = {}
        self._answers = answers
        self._earlier = earlier
        for place in places:
            self.add(place)

    @classmethod
    def read(cls, db: Session, plans: Sequence[Plan]) -> Desk:
        """What is to know for these."""
        if not plans:
            return cls([], {}, {})
        authors = {plan.notice.author_id for plan in plans}
        since = min(plan.notice.created_at for plan in plans) - MEMORY
        places = _open_places(db, authors, {plan.notice.thread for plan in plans})
        heard = {place.author_id for place in places} | {plan.notice.author_id for plan in plans if plan.needed}
        pressing = [plan.notice.id for plan in plans if plan.notice.author_id in heard and not plan.friendly]
        answers = _answers(db, authors, since)
        return cls(places, answers, _earlier(db, pressing, since) if pressing else {})

    def add(self, place: Place) -> None:
        """From now on mentions may join this."""
        self.places.append(place)
        if place.author_id is not None:
            self._by_author.setdefault((place.brand_id, place.author_id), place)
        if place.thread is not None:
            self._by_thread.setdefault((place.brand_id, place.thread), place)

    def find(self, plan: Plan) -> Place | None:
        """The open case of the mention's author, else that of its thread."""
        own = self._by_author.get((plan.brand.id, plan.notice.author_id))
        return own or self._by_thread.get((plan.brand.id, plan.notice.thread))

    def answers_back(self, plan: Plan) -> bool:
        """Whether the author speaks after a reply of ours, in the same thread or to that very reply."""
        notice = plan.notice
        return any(
            notice.thread == answer.thread or (answer.native_id is not None and notice.reply_to == answer.native_id)
            for answer in self._answers.get(notice.author_id, ())
            if answer.brand_id == plan.brand.id and answer.at <= notice.created_at <= answer.at + MEMORY
        )

    def told(self, plan: Plan, *, answered_back: bool = False) -> Plan:
        """The plan with what its author has been through: how often they wrote lately without an answer from us."""
        unanswered = self._earlier.get((plan.notice.id, plan.brand.id), 0)
        return replace(plan, facts=replace(plan.facts, unanswered=unanswered, answered_back=answered_back))


def _open_places(db: Session, authors: set[int], threads: set[str]) -> list[Place]:
    rows = db.scalars(
        select(Case)
        .where(_STATE.in_(OPEN_STATES), or_(Case.author_id.in_(authors), Case.thread.in_(threads)))
        .order_by(Case.id)
        .with_for_update()
    )
    return [
        Place(
            brand_id=row.brand_id,
            author_id=row.author_id,
            thread=row.thread,
            facts=Facts.restored(row.facts),
            opened_at=row.opened_at,
            case_id=row.id,
            version=row.version,
            priority=row.priority,
            due_at=row.due_at,
        )
        for row in rows
    ]


def _answers(db: Session, authors: set[int], since: datetime) -> dict[int, list[_Answer]]:
    """Our replies to each author."""
    rows = db.execute(
        select(Case.author_id, Case.brand_id, Case.thread, Reply.native_id, Reply.sent_at)
        .join(Reply, Reply.case_id == Case.id)
        .where(Case.author_id.in_(authors), _STATE.in_(ANSWERED_STATES), Reply.sent_at >= since)
    )
    found: dict[int, list[_Answer]] = {}
    for row in rows:
        found.setdefault(row.author_id, []).append(_Answer(row.brand_id, row.thread, row.native_id, row.sent_at))
    return found


def _earlier(db: Session, mention_ids: Sequence[int], since: datetime) -> dict[tuple[int, int], int]:
    """For each mention and brand, how many unfriendly ones its author wrote before it and after our last reply."""
    match, before, matched = aliased(Match), aliased(Mention), aliased(Match)
    answered = (
        select(func.max(Reply.sent_at))
        .join(Case, Case.id == Reply.case_id)
        .where(
            Case.author_id == Mention.author_id, Case.brand_id == match.brand_id, Reply.sent_at <= Mention.created_at
        )
        .correlate(Mention, match)
        .scalar_subquery()
    )
    unfriendly = exists().where(Verdict.mention_id == before.id, Verdict.sentiment != "positive")
    written = (
        select(before.id)
        .join(matched, matched.mention_id == before.id)
        .where(
            before.author_id == Mention.author_id,
            matched.brand_id == match.brand_id,
            before.created_at >= since,
            before.created_at < Mention.created_at,
            before.created_at > func.coalesce(answered, literal(since, UtcDateTime())),
            before.deleted_at.is_(None),
            unfriendly,
        )
        .limit(MOST_COUNTED)
        .correlate(Mention, match)
        .subquery()
    )
    count = select(func.count()).select_from(written).correlate(Mention, match).scalar_subquery()
    rows = select(Mention.id, match.brand_id, count).join(match, match.mention_id == Mention.id)
    return {(one, brand_id): found for one, brand_id, found in db.execute(rows.where(Mention.id.in_(mention_ids)))}
