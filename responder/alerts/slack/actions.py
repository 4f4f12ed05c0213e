"""What people do to an incident from Slack: press a button, or write in the thread under its message.

Each is done by the user of ours who is connected with the person there, with that user's rights for the brand, through
the same verbs as the page's (responder/incidents/incidents.py). A button carries nothing but the incident and the
version that its message showed; everything else is looked up anew. Nothing that is typed in Slack leaves this house: a
line in a thread becomes a line on the incident's timeline, for colleagues, and says there what it says in Slack when
it is changed or deleted.

The incident must have been told of in one of `channels`, the ones whose secret vouches for the request: who holds the
secret of one brand's app cannot touch another brand's incidents with it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import BadInput, Forbidden, Stale
from core.mask import mask
from core.roles import rights_of
from core.settings import Settings
from core.tables import Alert, Brand, Delivery, Incident, IncidentEvent, User
from responder.alerts.channel import HEARD
from responder.alerts.slack import people
from responder.alerts.slack.people import Person
from responder.incidents import incidents

SNOOZE = timedelta(hours=1)

DELETED = "(deleted in Slack)"
"""What is left of a line that its author deleted there."""

_DOUBLE = timedelta(minutes=1)
"""Who presses the same button again within this has pressed it twice."""
_MARKUP = re.compile(r"<([^<>|]{1,2000})(?:\|([^<>]{0,500}))?>")


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed a button of a message about an incident."""

    person: Person
    action: str
    incident_id: int
    version: int


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody wrote under a message: its place, and the line's own time stamp there."""

    person: Person
    channel: str
    thread: str
    stamp: str
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A line under a message was changed there by who wrote it, or deleted (`text` is empty then)."""

    channel: str
    thread: str
    stamp: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What only that person is told; empty: the changed message says it all. `link` is where they connect themselves.

    `done`: something was changed.
    """

    text: str = ""
    link: str = ""
    done: bool = False


def press(db: Session, clock: Clock, settings: Settings, pressed: Press, channels: Collection[int]) -> Answer:
    """Do what the button says, or say why not."""
    row = db.get(Incident, pressed.incident_id)
    if row is None or pressed.action not in _DOES or not _told_in(db, channels, pressed.incident_id):
        return Answer("This incident is no longer here.")
    user = people.user_of(db, pressed.person)
    if user is None:
        return _stranger(db, settings, pressed.person, "do that")
    if refused := _not_allowed(db, user, row, pressed.action):
        return refused
    try:
        return _DOES[pressed.action](db, clock, row, pressed.version, user)
    except (Stale, Forbidden, BadInput) as error:
        return Answer() if _pressed_twice(db, clock, pressed, user) else Answer(_sentence(str(error)))


def hear(db: Session, clock: Clock, settings: Settings, line: Line, channels: Collection[int]) -> Answer:
    """Keep a line of a thread on the timeline of the incident whose message it stands under."""
    incident_id = _incident_at(db, channels, line)
    row = db.get(Incident, incident_id) if incident_id is not None else None
    words = mask(_plain(line.text)).strip()[: incidents.LONGEST_WORDS]
    if row is None or not words:
        return Answer()
    user = people.user_of(db, line.person)
    if user is None:
        return _stranger(db, settings, line.person, "keep what you write here on the incident's timeline")
    if refused := _not_allowed(db, user, row, "say"):
        return refused
    try:
        incidents.say(db, clock, row.id, None, user.id, words, key=key_of(line))
    except (Forbidden, BadInput) as error:
        return Answer(_sentence(str(error)))
    return Answer(done=True)


def follow(db: Session, clock: Clock, edit: Edit, channels: Collection[int]) -> Answer:
    """Let a line that was kept say what it says in Slack by now; of one that was deleted there its words go."""
    incident_id = _incident_at(db, channels, edit)
    if incident_id is None:
        return Answer()
    words = mask(_plain(edit.text)).strip() or DELETED
    return Answer(done=incidents.reword(db, clock, incident_id, key_of(edit), words))


def key_of(line: Line | Edit) -> str:
    """By what a line of the timeline is known that was written in a thread."""
    return f"{HEARD}{line.channel}:{line.stamp}"


def _take(db: Session, clock: Clock, row: Incident, version: int, user: User) -> Answer:
    """What changed since the message is no reason to refuse a hand, unless somebody else has it."""
    del version
    if row.state == "open" and row.owner_id == user.id:
        return Answer()
    if row.state == "open" and row.owner_id is not None:
        owner, since = db.get(User, row.owner_id), row.taken_at or row.changed_at
        return Answer(f"{owner.name if owner else 'Somebody'} has had it since {since:%H:%M} UTC.")
    incidents.take(db, clock, row.id, row.version, user.id)
    return Answer(done=True)


def _snooze(db: Session, clock: Clock, row: Incident, version: int, user: User) -> Answer:
    incidents.snooze(db, clock, row.id, version, user.id, clock.now() + SNOOZE)
    return Answer(done=True)


def _dismiss(db: Session, clock: Clock, row: Incident, version: int, user: User) -> Answer:
    incidents.dismiss(db, clock, row.id, version, user.id, "not us, said in Slack")
    return Answer(done=True)


_DOES: Mapping[str, Callable[[Session, Clock, Incident, int, User], Answer]] = {
    "take": _take,
    "snooze": _snooze,
    "dismiss": _dismiss,
}


def _told_in(db: Session, channels: Collection[int], incident_id: int) -> bool:
    told = exists().where(
        Delivery.alert_id == Alert.id,
        Delivery.channel_id.in_(channels),
        Alert.kind == "incident",
        Alert.subject_id == incident_id,
    )
    return bool(db.scalar(select(told)))


def _incident_at(db: Session, channels: Collection[int], line: Line | Edit) -> int | None:
    """The incident whose message stands at a place."""
    here = (Delivery.place["ts"].as_string() == line.thread, Delivery.place["channel"].as_string() == line.channel)
    found = select(Alert.subject_id).join(Delivery, Delivery.alert_id == Alert.id)
    found = found.where(Delivery.channel_id.in_(channels), Alert.kind == "incident", *here)
    return db.scalars(found.limit(1)).one_or_none()


def _stranger(db: Session, settings: Settings, person: Person, wanted: str) -> Answer:
    said = f"To {wanted}, connect your Slack person with your account here. The link works once, for half an hour."
    return Answer(said, link=people.link(db, settings, person))


def _not_allowed(db: Session, user: User, row: Incident, verb: str) -> Answer | None:
    role = incidents.VERBS[verb].role
    if rights_of(db, user).may(role, row.brand_id):
        return None
    brand = db.get_one(Brand, row.brand_id)
    return Answer(f"For {brand.name} that takes the role {role}, which {user.name} does not have. Ask an admin.")


def _pressed_twice(db: Session, clock: Clock, pressed: Press, user: User) -> bool:
    """Whether it is refused only because the same person has just done it."""
    last = select(IncidentEvent).where(IncidentEvent.incident_id == pressed.incident_id)
    event = db.scalars(last.order_by(IncidentEvent.id.desc()).limit(1)).one_or_none()
    mine = event is not None and event.user_id == user.id and event.kind == pressed.action
    return mine and event is not None and clock.now() - event.at < _DOUBLE


def _plain(text: str) -> str:
    """What somebody typed, without Slack's mark-up: links as they read, mentions without their id."""
    return html.unescape(_MARKUP.sub(_shown, text))


def _shown(found: re.Match[str]) -> str:
    target, label = found[1], found[2]
    if target[0] in "@#!":
        return f"{target[0].replace('!', '@')}{label or 'somebody'}".replace("@@", "@")
    return target if not label or label in target else f"{label} ({target})"


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."
