"""Where a mention belongs: the case of its author, open or answered by us not long ago, or that of its thread.

An author's next word finds their case whatever it is doing at the moment. A reply that is approved and has not gone
out is held back by it (case_rows.py), so that a person looks again; while one is just going out, the word waits for
what comes of that, and then counts as said after our reply.

Read once for a whole batch. The rows of these cases stay locked until the transaction ends, so that nobody answers
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
from responder.desk.notice import KINDS, BrandRules, Notice, kind_of, positive
from responder.desk.outcome import Mood, compare
from responder.desk.states import ANSWERED_STATES, OPEN_STATES
from responder.desk.triage import MOST_COUNTED, Facts
from responder.timing.clock import Times
from sentiment.corrections import PEOPLE

MEMORY = timedelta(days=14)
"""How far back earlier messages without an answer count, and for how long a word after our reply answers it."""

LATER = timedelta(seconds=5)
"""After this, a word whose author's case is being answered at this moment is looked at again."""

_LONGEST_WAIT = timedelta(minutes=10)
"""A word is kept from people no longer than this because nobody knows yet what became of a reply."""

_OUTGOING = ("approved", "sending")
"""States of cases that only their author's own words concern."""

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
    def kind(self) -> str:
        """What kind of case it makes, one of KINDS."""
        return kind_of(self.notice, self.facts)

    @property
    def friendly(self) -> bool:
        """Whether it is a kind word that asks nothing of us."""
        return positive(self.notice) and (not self.needed or self.kind == "praise")


@dataclass(frozen=True, slots=True)
class Answer:
    """The last reply of ours in a case, when that was written which it answers, and the platform's ids of all."""

    at: datetime
    asked_at: datetime
    native_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Heard:
    """The author's next word after our reply, and what it sounds like (outcome.py); None: cannot be told."""

    mention_id: int
    at: datetime
    outcome: str | None


@dataclass(slots=True)
class Place:
    """A case as the batch goes on. `kept` None: it is opened in this batch, and its first plan began it.

    `plans` are those of this batch; `joined` says why each mention joined, `heard` what came after our last reply.
    `answered`: nobody has to do anything, as things stood; `back`: now somebody has to. `due_anew` is the word from
    which the clock runs again.
    """

    brand_id: int
    author_id: int | None
    thread: str | None
    kind: str
    facts: Facts
    opened_at: datetime
    kept: Case | None = None
    case_id: int | None = None
    answer: Answer | None = None
    before: Mood | None = None
    plans: list[Plan] = field(default_factory=list)
    joined: dict[int, str] = field(default_factory=dict)
    heard: Heard | None = None
    back: bool = False
    due_anew: datetime | None = None

    @classmethod
    def begin(cls, plan: Plan, now: datetime) -> Place:
        """A new case, which this mention begins."""
        one = plan.notice
        return cls(plan.brand.id, one.author_id, one.thread, plan.kind, plan.facts, now, plans=[plan])

    @classmethod
    def of(cls, row: Case, answer: Answer | None, before: Mood | None) -> Place:
        """A case that is there, with our last reply in it and how its author sounded before that."""
        facts = Facts.restored(row.facts)
        place = cls(row.brand_id, row.author_id, row.thread, row.kind, facts, row.opened_at, row, row.id)
        place.answer, place.before = answer, before
        return place

    @property
    def row(self) -> Case:
        """The case's row, of a place that has one."""
        if self.kept is None:
            raise LookupError("this case has not been written yet")
        return self.kept

    @property
    def answered(self) -> bool:
        """Whether the case was done before this batch."""
        return self.kept is not None and self.kept.state in ANSWERED_STATES

    @property
    def going_out(self) -> bool:
        """Whether its reply is on the way at this moment."""
        return self.kept is not None and self.kept.state == "sending"

    @property
    def lead(self) -> Plan:
        """The mention that is to be answered: the one that opened the case, or the one that brought it back."""
        return next((plan for plan in self.plans if plan.notice.created_at == self.due_anew), self.plans[0])

    @property
    def times(self) -> Times | None:
        """When the case is due, as it is kept."""
        row = self.kept
        if row is None or row.due_at is None:
            return None
        return Times(row.due_at, row.warn_at or row.due_at, row.resolve_due_at, row.resolve_warn_at)

    def join(self, plan: Plan, now: datetime) -> None:
        """Another mention joins; unless it is a kind word, its facts add to the case's."""
        same = plan.notice.author_id == self.author_id
        self.plans.append(plan)
        self.joined[plan.notice.id] = "the author wrote again" if same else "another voice in the thread"
        if same:
            self._hear(plan)
        if plan.friendly:
            return
        self.kind = min(self.kind, plan.kind, key=KINDS.index)
        if same and self.heard and self.row.first_reply_at and not self.due_anew:
            self.due_anew = plan.notice.created_at
        together = self.facts.joined(plan.facts if same else replace(plan.facts, unanswered=0))
        waited = (now - self.opened_at) // timedelta(minutes=1)
        others = self.facts.others + (not same)
        self.facts = replace(together, others=others, waiting=max(together.waiting, waited))

    def come_back(self, plan: Plan) -> None:
        """The author of an answered case asks for more: it begins anew with what they say now."""
        self._answer_back(plan)
        self.kind = min(self.kind, plan.kind, key=KINDS.index)
        self.facts, self.back, self.due_anew = plan.facts, True, plan.notice.created_at

    def thank(self, plan: Plan) -> None:
        """The author of an answered case has a kind word, which asks for nothing."""
        self._answer_back(plan)

    def _answer_back(self, plan: Plan) -> None:
        after = self.answer is None or self.answer.at <= plan.notice.created_at
        self.plans.append(plan)
        self.joined[plan.notice.id] = "the author answered our reply" if after else "the author wrote before our reply"
        self._hear(plan)

    def _hear(self, plan: Plan) -> None:
        """Judge what came after our reply."""
        one = plan.notice
        if self.answer is not None and self.answer.at <= one.created_at:
            self.heard = Heard(one.id, one.created_at, compare(self.before, Mood.of(one.reading)))


class Desk:
    """The cases that a batch's mentions may join, and those that are opened on the way."""

    def __init__(self, places: Sequence[Place], earlier: Mapping[tuple[int, int], int]) -> None:
        self.places: list[Place] = []
        self._by_author: dict[tuple[int, int], Place] = {}
        self._by_thread: dict[tuple[int, str], Place] = {}
        self._praise: dict[tuple[int, int], Place] = {}
        self._answered: dict[tuple[int, int], list[Place]] = {}
        self._earlier = earlier
        self.later: list[int] = []
        """Mentions that wait until it is known what becomes of a reply to their author."""
        for place in places:
            self.add(place)

    @classmethod
    def read(cls, db: Session, plans: Sequence[Plan]) -> Desk:
        """What is to know for these."""
        if not plans:
            return cls([], {})
        authors = {plan.notice.author_id for plan in plans}
        since = min(plan.notice.created_at for plan in plans) - MEMORY
        places = _places(db, authors, {plan.notice.thread for plan in plans}, since)
        open_for = {place.author_id for place in places}
        heard = open_for | {plan.notice.author_id for plan in plans if plan.needed}
        pressing = [plan.notice.id for plan in plans if plan.notice.author_id in heard and not plan.friendly]
        return cls(places, _earlier(db, pressing, since) if pressing else {})

    def add(self, place: Place) -> None:
        """From now on mentions may join this. Thanks and complaints are never one case, whoever writes them."""
        self.places.append(place)
        author = (place.brand_id, place.author_id or 0)
        if place.answered:
            self._answered.setdefault(author, []).append(place)
        elif place.kind == "praise":
            self._praise.setdefault(author, place)
        else:
            self._open(place)

    def find(self, plan: Plan) -> Place | None:
        """The open case of the mention's author."""
        author = (plan.brand.id, plan.notice.author_id)
        return self._by_author.get(author) or (self._praise.get(author) if plan.friendly else None)

    def in_thread(self, plan: Plan) -> Place | None:
        """An open case of somebody else in the mention's thread."""
        return self._by_thread.get((plan.brand.id, plan.notice.thread))

    def answered(self, plan: Plan) -> Place | None:
        """The case of which this is the author's next word after our reply.

        What needs nobody belongs to it only if it stands in the same thread, answers our very reply, or is said to us.
        """
        fits = [place for place in self._of_author(plan) if place.answer and _follows(plan, place.answer)]
        here = [place for place in fits if _same_thread(plan, place)]
        if not plan.friendly:
            here, fits = ([place for place in some if place.kind != "praise"] for some in (here, fits))
        near = here or (fits if plan.needed or (plan.friendly and plan.facts.direct) else [])
        return max(near, key=lambda place: place.answer.at if place.answer else place.opened_at, default=None)

    def come_back(self, place: Place, plan: Plan) -> None:
        """The author of an answered case asks for more: from now on it is open."""
        place.come_back(plan)
        self._answered[place.brand_id, place.author_id or 0].remove(place)
        self._open(place)

    def waits(self, plan: Plan, now: datetime) -> bool:
        """Whether a mention can wait for a reply to its author that is just going out; it is noted then."""
        waits = now - plan.notice.created_at < _LONGEST_WAIT
        self.later += [plan.notice.id] if waits else []
        return waits

    def told(self, plan: Plan, *, answered_back: bool = False) -> Plan:
        """The plan with what its author has been through: how often they wrote lately without an answer from us."""
        unanswered = self._earlier.get((plan.notice.id, plan.brand.id), 0)
        return replace(plan, facts=replace(plan.facts, unanswered=unanswered, answered_back=answered_back))

    def _open(self, place: Place) -> None:
        if place.author_id is not None:
            self._by_author.setdefault((place.brand_id, place.author_id), place)
        if place.thread is not None and (place.kept is None or place.kept.state not in _OUTGOING):
            self._by_thread.setdefault((place.brand_id, place.thread), place)

    def _of_author(self, plan: Plan) -> Sequence[Place]:
        return self._answered.get((plan.brand.id, plan.notice.author_id), ())


def _follows(plan: Plan, answer: Answer) -> bool:
    return answer.asked_at <= plan.notice.created_at <= answer.at + MEMORY


def _same_thread(plan: Plan, place: Place) -> bool:
    """Whether a mention stands in the case's thread, or answers a reply of ours in it."""
    ours = place.answer.native_ids if place.answer else frozenset()
    return plan.notice.thread == place.thread or plan.notice.reply_to in ours


def _places(db: Session, authors: set[int], threads: set[str], since: datetime) -> list[Place]:
    """The open cases of these authors and threads, and the authors' cases that are being or were answered since."""
    lately = exists().where(Reply.case_id == Case.id, Reply.sent_at >= since)
    mine = Case.author_id.in_(authors)
    rows = db.scalars(
        select(Case)
        .where(
            or_(
                _STATE.in_(OPEN_STATES) & (mine | Case.thread.in_(threads)),
                _STATE.in_(_OUTGOING) & mine,
                _STATE.in_(ANSWERED_STATES) & mine & lately,
            )
        )
        .order_by(Case.id)
        .with_for_update()
    ).all()
    answers, moods = _answers(db, rows), _moods(db, rows)
    return [Place.of(row, answers.get(row.id), moods.get(row.mention_id)) for row in rows]


def _answers(db: Session, rows: Sequence[Case]) -> dict[int, Answer]:
    """Our replies in each case."""
    posts = select(Mention.id, Mention.created_at).where(Mention.id.in_([row.mention_id for row in rows]))
    asked = {one.id: one.created_at for one in db.execute(posts)} if rows else {}
    asked_at = {row.id: asked[row.mention_id] for row in rows}
    sent = select(Reply.case_id, Reply.sent_at, Reply.native_id).where(Reply.sent_at.is_not(None))
    found: dict[int, list[tuple[datetime, str]]] = {}
    for one in db.execute(sent.where(Reply.case_id.in_([row.id for row in rows]))) if rows else ():
        found.setdefault(one.case_id, []).append((one.sent_at, one.native_id or ""))
    return {
        case_id: Answer(max(at for at, _ in sent_so), asked_at[case_id], frozenset(one for _, one in sent_so if one))
        for case_id, sent_so in found.items()
    }


def _moods(db: Session, rows: Sequence[Case]) -> dict[int, Mood]:
    """How the author of each case sounded in the mention that it is about."""
    wanted = [row.mention_id for row in rows]
    verdicts = select(Verdict).where(Verdict.mention_id.in_(wanted)).order_by(Verdict.id)
    found = {one.mention_id: Mood.of(one) for one in db.scalars(verdicts)} if wanted else {}
    return {mention_id: mood for mention_id, mood in found.items() if mood}


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
    kind_after_all = exists().where(
        Verdict.mention_id == before.id, Verdict.sentiment == "positive", Verdict.model == PEOPLE
    )
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
            ~kind_after_all,
        )
        .limit(MOST_COUNTED)
        .correlate(Mention, match)
        .subquery()
    )
    count = select(func.count()).select_from(written).correlate(Mention, match).scalar_subquery()
    rows = select(Mention.id, match.brand_id, count).join(match, match.mention_id == Mention.id)
    return {(one, brand_id): found for one, brand_id, found in db.execute(rows.where(Mention.id.in_(mention_ids)))}
