"""Which cases stand in the inbox, in which order, and how many. Quick however many cases are done.

Every list is read state by state along an index and cut after one page; counts end at a limit, since nobody acts
on the difference between 1,000 and 100,000.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, or_, select, true
from sqlalchemy.orm import Session, aliased

from core.roles import Rights
from core.tables import Author, Brand, Case, CaseTag, Mention, Notification, User, Verdict
from core.tables.row import UtcDateTime
from responder.incidents import incident_cases

PAGE = 50
WINDOW = 2_000
"""Cases of one state that one look goes through for what no index knows: a word, a platform, a sentiment. The next
look goes on from there, so that a page takes a bounded time and nothing is out of reach."""
_SNIPPET = 300
_NAMES = ("number", "moment", "case_id")
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)

Rows = Select[*tuple[Any, ...]]
"""A query for rows of any columns."""


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the inbox: the states that belong to it, by urgency or (`recent`) the last changed first.

    `thanks`: only praise, to thank for; False: everything else, None: both.
    """

    name: str
    title: str
    states: tuple[str, ...]
    recent: bool = False
    thanks: bool | None = None

    @property
    def kinds(self) -> ColumnElement[bool]:
        """The condition on the kind of its cases."""
        if self.thanks is None:
            return true()
        return Case.kind == "praise" if self.thanks else Case.kind != "praise"


_DONE = ("sent", "answered_by_hand", "dismissed")
GROUPS = {
    group.name: group
    for group in (
        Group("todo", "To do", ("new", "drafted"), thanks=False),
        Group("thanks", "Praise", ("new", "drafted"), thanks=True),
        Group("proposed", "Waits for approval", ("proposed",)),
        Group("trouble", "Failed or unsure", ("unsure", "failed")),
        Group("sending", "Waiting to send", ("approved", "sending")),
        Group("snoozed", "Snoozed", ("snoozed",)),
        Group("done", "Done", _DONE, recent=True),
        Group(
            "all",
            "All",
            ("new", "drafted", "proposed", "unsure", "failed", "approved", "sending", "snoozed", *_DONE),
            recent=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants to see, of what they may. Empty means everything.

    Queues: `owner` is a user's id, `team` a team's, `unowned` what is nobody's, `named` a user whom a note names.
    `incident` is the id of one that the cases are part of.
    """

    rights: Rights
    group: Group = GROUPS["todo"]
    brand: str = ""
    platform: str = ""
    sentiment: str = ""
    text: str = ""
    owner: int | None = None
    team: int | None = None
    unowned: bool = False
    named: int | None = None
    tag: str = ""
    incident: int | None = None

    @property
    def narrowed(self) -> bool:
        """Whether anything but the group was chosen."""
        queue = self.owner or self.team or self.unowned or self.named
        return bool(self.brand or self.platform or self.sentiment or self.text or queue or self.tag or self.incident)

    @property
    def of_case(self) -> list[ColumnElement[bool]]:
        """The conditions on cases themselves that are no state, brand or owner."""
        found = [self.rights.brands(Case.brand_id), self.group.kinds]
        if self.team:
            found.append(Case.team_id == self.team)
        if self.unowned:
            found.append(Case.owner_id.is_(None))
        if self.named:
            named = select(Notification.case_id).where(Notification.user_id == self.named)
            found.append(Case.id.in_(named.where(Notification.kind == "mentioned")))
        if self.tag:
            found.append(Case.id.in_(select(CaseTag.case_id).where(CaseTag.tag == self.tag)))
        if self.incident:
            found.append(Case.id.in_(incident_cases.inside(self.incident)))
        return found


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the inbox. `brand` is empty where there is only one."""

    id: int
    version: int
    state: str
    priority: int
    reasons: Sequence[str]
    due_at: datetime | None
    warn_at: datetime | None
    changed_at: datetime
    snoozed_until: datetime | None
    owner_id: int | None
    owner: str | None
    brand: str
    zone: str
    platform: str
    text: str
    deleted: bool
    created_at: datetime
    handle: str
    name: str
    followers: int | None
    sentiment: str | None = None
    complaint: bool | None = None
    judged: bool = False

    @property
    def reason(self) -> str:
        """The weightiest reason for the priority that the row does not show already."""
        untold = [one for one in self.reasons if not (self.complaint and one.startswith("complaint ("))]
        return (untold or self.reasons or [""])[0]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the inbox; `next` is where the following page begins, if there is one."""

    rows: Sequence[Listed]
    next: str | None


def page(db: Session, wanted: Wanted, after: str | None = None, window: int = WINDOW) -> Page:
    """The page of what is wanted that begins after the place that `after` names; see WINDOW."""
    order = _RECENT if wanted.group.recent else _URGENT
    scans = [_scan(db, order, wanted, state, _parsed(after), window) for state in wanted.group.states]
    ends = [scan.end for scan in scans if scan.end]
    horizon = order.first(ends) if ends else None  # beyond it some state has not been looked at
    keys = sorted((key for scan in scans for key in scan.keys), reverse=order.descending)
    keys = [key for key in keys if horizon is None or order.first([key, horizon]) == key]
    following = keys[PAGE - 1] if len(keys) > PAGE else horizon
    return Page(load(db, [key[-1] for key in keys[:PAGE]]), _cursor(following) if following else None)


def load(db: Session, ids: Sequence[int]) -> list[Listed]:
    """These cases as rows of the inbox, in this order."""
    query = (
        select(
            Case.id,
            Case.version,
            Case.state,
            Case.priority,
            Case.reasons,
            Case.facts,
            case((Case.first_reply_at.is_(None), Case.due_at), else_=None).label("due_at"),
            Case.warn_at,
            Case.changed_at,
            Case.snoozed_until,
            Case.owner_id,
            User.name.label("owner"),
            case((_several(), Brand.name), else_="").label("brand"),
            Brand.timezone.label("zone"),
            Mention.platform,
            func.substr(Mention.text, 1, _SNIPPET).label("text"),
            Mention.deleted_at.is_not(None).label("deleted"),
            Mention.created_at,
            Author.handle,
            Author.name,
            Author.followers,
            Mention.id.label("mention_id"),
        )
        .outerjoin(Brand, Brand.id == Case.brand_id)  # or SQLite begins with the brand, and goes through all its cases
        .join(Mention, Mention.id == Case.mention_id)
        .join(Author, Author.id == Mention.author_id)
        .outerjoin(User, User.id == Case.owner_id)
        .where(Case.id.in_(ids))
    )
    found = {row.id: dict(row._mapping) for row in db.execute(query)}
    verdicts = _verdicts(db, [row["mention_id"] for row in found.values()])
    return [_listed(found[one], verdicts) for one in ids if one in found]


_Key = tuple[int, datetime, int]
"""What rows are sorted by: a number, a moment, and the case's id."""


@dataclass(frozen=True, slots=True)
class _Order:
    """How a list is sorted: by columns that make a _Key, all of them up or all of them down."""

    columns: tuple[Any, Any, Any]
    descending: bool

    def first(self, keys: Sequence[_Key]) -> _Key:
        """Which of these comes first in the list."""
        return max(keys) if self.descending else min(keys)

    def by(self, columns: Sequence[Any]) -> list[Any]:
        """The ORDER BY of a query; `columns` are this order's, or those of a subquery of them."""
        return [column.desc() if self.descending else column.asc() for column in columns]


_URGENT = _Order((-Case.priority, func.coalesce(Case.due_at, literal(_NEVER, UtcDateTime)), Case.id), descending=False)
_RECENT = _Order((literal(0), Case.changed_at, Case.id), descending=True)


@dataclass(frozen=True, slots=True)
class _Scan:
    """What was found in one state; `end` is how far was looked, if not to the end of the state."""

    keys: Sequence[_Key]
    end: _Key | None = None


def _scan(db: Session, order: _Order, wanted: Wanted, state: str, after: _Key | None, window: int) -> _Scan:
    """One page and one more of one state, or what a look at its next `window` cases finds."""
    number, moment, case_id = (column.label(name) for column, name in zip(order.columns, _NAMES, strict=True))
    query = _indexed(select(number, moment, case_id, Case.mention_id), wanted, state)
    query = _after(query, order, after)
    sorting = [Case.priority.desc(), *order.by(order.columns[1:])] if order is _URGENT else order.by(order.columns[1:])
    if not (wanted.platform or wanted.sentiment or wanted.text):
        return _Scan([_key(row) for row in db.execute(query.order_by(*sorting).limit(PAGE + 1))])
    looked = query.order_by(*sorting).limit(window).subquery()
    columns = [looked.c[name] for name in _NAMES]
    found = looked_into(select(*columns), looked.c.mention_id, wanted).order_by(*order.by(columns)).limit(PAGE + 1)
    keys = [_key(row) for row in db.execute(found)]
    last = db.execute(query.order_by(*sorting).offset(window - 1).limit(1)).first() if len(keys) <= PAGE else None
    return _Scan(keys, _key(last) if last else None)


def _key(row: Any) -> _Key:
    return row[0], row[1], row[2]


def _after(query: Rows, order: _Order, after: _Key | None) -> Rows:
    """Only what comes after a key; the plain bound on the first indexed column lets the index start there."""
    if after is None:
        return query
    number, moment, case_id = after
    when = literal(moment, UtcDateTime)
    if order is _RECENT:
        later = or_(Case.changed_at < when, and_(Case.changed_at == when, Case.id < case_id))
        return query.where(Case.changed_at <= when, later)
    due = order.columns[1]
    later = or_(Case.priority < -number, due > when, and_(due == when, Case.id > case_id))
    return query.where(Case.priority <= -number, later)


def _indexed(query: Rows, wanted: Wanted, state: str) -> Rows:
    """The conditions on cases themselves."""
    query = query.where(Case.state == state, *wanted.of_case)
    if wanted.brand:
        query = query.where(Case.brand_id == select(Brand.id).where(Brand.slug == wanted.brand).scalar_subquery())
    if wanted.owner:
        own = aliased(Case)
        query = query.where(Case.id.in_(select(own.id).where(own.owner_id == wanted.owner)))
    return query


def looked_into(query: Rows, mention_id: Any, wanted: Wanted) -> Rows:
    """The conditions on what is behind a case, each looked up by the mention's id."""
    post = [Mention.platform == wanted.platform] if wanted.platform else []
    post += [Mention.text.icontains(word, autoescape=True) for word in wanted.text.split()]
    if post:
        query = query.where(exists().where(Mention.id == mention_id, *post))
    if wanted.sentiment:
        judged = exists().where(Verdict.mention_id == mention_id, Verdict.sentiment == wanted.sentiment, is_latest())
        query = query.where(judged)
    return query


def is_latest() -> ColumnElement[bool]:
    """That no later model judged the same mention."""
    other = Verdict.__table__.alias("later")
    return ~exists().where(other.c.mention_id == Verdict.mention_id, other.c.id > Verdict.id)


def _several() -> ColumnElement[bool]:
    """Whether there is more than one brand."""
    return select(func.count() > 1).select_from(aliased(Brand)).scalar_subquery()


def _verdicts(db: Session, mentions: Sequence[int]) -> dict[int, Any]:
    """The latest verdict of each mention."""
    query = select(Verdict.mention_id, Verdict.sentiment, Verdict.complaint).order_by(Verdict.id)
    return {row.mention_id: row for row in db.execute(query.where(Verdict.mention_id.in_(mentions)))}


def _listed(row: dict[str, Any], verdicts: Mapping[int, Any]) -> Listed:
    """A row with the latest verdict. Whether it is a complaint is what all mentions of the case together are."""
    verdict, facts = verdicts.get(row.pop("mention_id")), row.pop("facts")
    listed = Listed(**row)
    if verdict is None:
        return listed
    complaint = facts.get("complaint", verdict.complaint)
    return replace(listed, sentiment=verdict.sentiment, complaint=complaint, judged=True)


def _cursor(key: _Key) -> str:
    return f"{key[0]}_{key[1].isoformat()}_{key[2]}"


def _parsed(after: str | None) -> _Key | None:
    """A cursor read back; None if there is none or somebody made it up."""
    try:
        first, moment, last = (after or "").split("_")
        at = int(first), datetime.fromisoformat(moment).astimezone(UTC), int(last)
    except (ValueError, OverflowError):
        return None
    return at if -100 <= at[0] <= 0 and 0 <= at[2] < 2**31 else None
