"""The states of a case and every move between them: one table, one conditional update, one winner.

A person (or the service) says which version of the case they looked at. The update happens only if the case still
has that version and a state that the move starts from; the version then rises by one, so of two who decide at the
same moment the database lets exactly one through. Each move leaves one audit row, in the caller's transaction.

Who has a case open to answer holds it for a while (responder/desk/holding.py); nobody else may decide meanwhile. Whose
case it is (`owner_id`) says who should answer it, and forbids nobody else to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, case, or_, select, update
from sqlalchemy import bindparam as given
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.errors import Forbidden, Stale
from core.tables import Audit, Case, User
from responder.timing import clock as case_clock

LABELS: Mapping[str, str] = {
    "new": "new",
    "drafted": "drafted",
    "proposed": "waiting for approval",
    "approved": "approved, about to be sent",
    "sending": "being sent",
    "sent": "sent",
    "failed": "failed: was not sent",
    "unsure": "unsure whether it was sent",
    "answered_by_hand": "answered by hand",
    "dismissed": "dismissed",
    "snoozed": "snoozed",
}
"""Every state, and what people call it."""

STATES = tuple(LABELS)

OPEN_STATES = ("new", "drafted", "proposed", "snoozed", "failed", "unsure")
"""States in which a person still has to do something. What the author or others in the thread say next joins in."""

ANSWERED_STATES = ("sent", "answered_by_hand")

UNDECIDED = ("new", "drafted", "proposed", "snoozed", "failed")
"""States in which a person may still decide what becomes of the case."""


@dataclass(frozen=True, slots=True)
class Move:
    """One verb: from which state to which, what is told of it ("Ana approved it"), and what forbids it.

    `leased`: somebody else's holding it does. `mine`: its being somebody else's does. `ends`: it ends the hold, and
    what was proposed.
    """

    states: Mapping[str, str]
    told: str
    leased: bool = False
    mine: bool = False
    ends: bool = False


def _stay(*states: str) -> dict[str, str]:
    return {state: state for state in states}


def _to(state: str, *states: str) -> dict[str, str]:
    return dict.fromkeys(states, state)


TRANSITIONS: Mapping[str, Move] = {
    # what people do
    "claim": Move(_stay(*OPEN_STATES), "took it", leased=True, mine=True),
    "take_over": Move(_stay(*OPEN_STATES), "took it over"),
    "release": Move(_stay(*OPEN_STATES), "let go of it", leased=True, mine=True),
    "draft": Move(_to("drafted", "new", "drafted") | _stay("proposed", "snoozed", "failed"), "wrote a draft"),
    "propose": Move(_to("proposed", *UNDECIDED), "proposed a reply", leased=True),
    "send_back": Move(_to("drafted", "proposed"), "sent the proposed reply back", leased=True, ends=True),
    "recall": Move(_to("drafted", "proposed"), "took the proposed reply back", leased=True, ends=True),
    "approve": Move(_to("approved", *UNDECIDED), "approved a reply", leased=True, ends=True),
    "withdraw": Move(_to("drafted", "approved"), "withdrew the reply"),
    "reschedule": Move(_stay("approved"), "moved the reply to another time"),
    "answer_by_hand": Move(_to("answered_by_hand", *UNDECIDED), "answered it by hand", leased=True, ends=True),
    "dismiss": Move(_to("dismissed", *UNDECIDED), "dismissed it", leased=True, ends=True),
    "snooze": Move(_to("snoozed", *UNDECIDED), "snoozed it", leased=True, ends=True),
    "reopen": Move(_to("new", "sent", "answered_by_hand", "dismissed", "snoozed"), "reopened it"),
    "say_sent": Move(_to("sent", "unsure"), "found the reply on the platform"),
    "say_not_sent": Move(_to("failed", "unsure"), "did not find the reply on the platform"),
    # what the service does
    "join": Move(
        _stay("new", "drafted", "proposed", "failed", "unsure") | _to("new", "snoozed"), "added another mention"
    ),
    "hold_back": Move(_to("drafted", "approved"), "held the reply back: its author wrote again"),
    "edit": Move(
        _stay("new", "drafted", "proposed", "failed", "unsure") | _to("new", "snoozed"),
        "saw that its author edited the post",
    ),
    "wake": Move(_to("new", "snoozed"), "woke it"),
    "come_back": Move(_to("new", *ANSWERED_STATES), "brought it back: its author wrote again"),
    "hear": Move(_stay(*ANSWERED_STATES), "heard a kind word of its author"),
    "follow_up": Move(_to("drafted", *ANSWERED_STATES), "proposed to ask whether all is well"),
    "issue_ended": Move(
        _stay("new", "drafted", "proposed", "failed", "unsure") | _to("new", "snoozed"), "ended its known issue"
    ),
    "start": Move(_to("sending", "approved"), "began to send the reply"),
    "look_back": Move(_stay("sending"), "looks whether the reply is on the platform"),
    "hold": Move(_to("approved", "sending"), "did not send the reply yet"),
    "sent": Move(_to("sent", "sending"), "sent the reply"),
    "fail": Move(_to("failed", "sending"), "could not send the reply"),
    "doubt": Move(_to("unsure", "sending"), "could not find out whether the reply was sent"),
    "answer_there": Move(
        _to("answered_by_hand", *UNDECIDED), "counted it as answered: somebody of you answered there", ends=True
    ),
    # what listener/forget.py does when the post goes: close, or go on with the next mention of the case
    "gone": Move(_to("dismissed", *UNDECIDED, "approved"), "closed it: the post is gone"),
    "mention_gone": Move(
        _to("new", *UNDECIDED, "approved") | _stay("sending", "sent", "unsure", "answered_by_hand", "dismissed"),
        "emptied it: the post is gone",
    ),
}
"""Every move there is. Opening a case is none: it begins as `new` (responder/desk/open_case.py)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One move of many at once: new values for the row beside its state, and what the audit keeps of it."""

    case_id: int
    version: int
    values: Mapping[str, object] = field(default_factory=dict)
    detail: Mapping[str, object] = field(default_factory=dict)


def move(
    db: Session,
    clock: Clock,
    verb: str,
    case_id: int,
    version: int,
    user_id: int | None,
    detail: Mapping[str, object] | None = None,
    **values: Any,
) -> Case:
    """Do `verb` (a key of TRANSITIONS) to one case and give the row as it is now. `user_id` None is the service.

    `detail` goes to the audit; it never holds text of posts or replies, because audit rows are kept when those are
    erased. Raises Stale when the case is no longer at `version`, Forbidden when its state or somebody else is in
    the way.
    """
    now, kind = clock.now(), TRANSITIONS[verb]
    wanted = [Case.id == case_id, Case.version == version, Case.state.in_(kind.states)]
    if kind.leased:
        wanted.append(free_for(user_id, now))
    if kind.mine:
        wanted.append(or_(Case.owner_id.is_(None), Case.owner_id == user_id))
    if kind.ends:
        values = {**NOBODY, **NOTHING_PROPOSED, **values}
    values = case_clock.values_of(verb, kind.states.values(), now) | values
    changed = db.execute(
        update(Case)
        .where(*wanted)
        .values(state=_next(kind), version=version + 1, changed_at=now, **values)
        .returning(Case.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if changed is None:
        raise refusal(db, clock, verb, case_id, version)
    audit.add(db, audit.Entry(now, verb, case_id, user_id, dict(detail or {})))
    row = db.get_one(Case, case_id, populate_existing=True)
    case_clock.moved(db, clock, verb, row)
    return row


def move_all(db: Session, clock: Clock, verb: str, changes: Sequence[Change]) -> None:
    """Do `verb` to many cases for the service, in one statement; all with the same names in `values`.

    The caller holds the rows' locks, so a case that has moved on means a mistake of ours: Stale, nothing is kept.
    """
    if not changes:
        return
    now, kind = clock.now(), TRANSITIONS[verb]
    table = Case.__table__
    names = {name: given(f"v_{name}", type_=table.c[name].type) for name in changes[0].values}
    statement = (
        update(table)  # type: ignore[arg-type]
        .where(table.c.id == given("at_id"), table.c.version == given("at_version"))
        .where(or_(*(table.c.state == state for state in kind.states)))  # many rows at once take no IN
        .values(state=_next(kind), version=table.c.version + 1, changed_at=now, **names)
    )
    rows = [
        {"at_id": one.case_id, "at_version": one.version} | {f"v_{name}": value for name, value in one.values.items()}
        for one in changes
    ]
    done = cast("CursorResult[Any]", db.connection().execute(statement, rows))
    if done.rowcount != len(rows):
        raise Stale(f"{len(rows) - done.rowcount} of {len(rows)} cases had moved on before they could {verb}")
    audit.add(db, *(audit.Entry(now, verb, one.case_id, detail=one.detail) for one in changes))


NOBODY: Mapping[str, None] = {"holder_id": None, "held_since": None, "held_until": None}
"""The columns of a case that nobody holds."""

NOTHING_PROPOSED: Mapping[str, object] = {"proposed_by": None, "proposed_at": None, "proposed_why": []}
"""Those of a case of which no reply waits for a second person."""


def free_for(user_id: int | None, now: datetime) -> ColumnElement[bool]:
    """The condition that nobody else holds the case."""
    return or_(Case.holder_id.is_(None), Case.holder_id == user_id, Case.held_until.is_(None), Case.held_until <= now)


def held_by(row: Case, now: datetime) -> int | None:
    """Who holds the case at this moment."""
    return row.holder_id if row.held_until is not None and row.held_until > now else None


def refusal(db: Session, clock: Clock, verb: str, case_id: int, version: int | None) -> Stale | Forbidden:
    """Why `verb` cannot be done, in words for the person who asked. Without a `version` only the state counts."""
    row = db.get(Case, case_id, populate_existing=True)
    if row is None:
        return Forbidden("this case is no longer there")
    if version is not None and row.version != version:
        return Stale(f"{_last(db, row)}; it is now {LABELS[row.state]}. Look again before you decide")
    if row.state not in TRANSITIONS[verb].states:
        return Forbidden(f"that cannot be done to a case that is {LABELS[row.state]}")
    holder = held_by(row, clock.now())
    if holder is not None and row.held_since is not None:
        return Forbidden(f"{name_of(db, holder)} is answering this case since {row.held_since:%H:%M} UTC; take it over")
    return Forbidden(f"this is {name_of(db, row.owner_id)}'s case; take it over")


def _next(kind: Move) -> Any:
    return case(kind.states, value=Case.state)


def _last(db: Session, row: Case) -> str:
    """Who did what to the case last, and when."""
    told = select(Audit).where(Audit.case_id == row.id, Audit.at >= row.opened_at)  # ids may be used again
    moves = told.where(Audit.action.in_(TRANSITIONS))
    last = db.scalars(moves.order_by(Audit.id.desc()).limit(1)).one_or_none()
    if last is None:
        return "this case has changed"
    return f"{last.who or name_of(db, last.user_id)} {TRANSITIONS[last.action].told} at {last.at:%H:%M} UTC"


def name_of(db: Session, user_id: int | None) -> str:
    """What a user is called; None, and whoever was removed, is the service."""
    found = db.get(User, user_id) if user_id is not None else None
    return found.name if found else "Ripplewatch"
