"""Who somebody in Slack is here: connected by a link that Slack shows to that person alone, and that works once.

The link names the Slack person, is signed, and is good for half an hour. Whoever opens it has to sign in, is told whom
they would let act as them, and says yes. It carries how that person was connected when it was made, so that using it
uses it up, and every older one with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core import audit, secrets
from core.clock import Clock
from core.settings import Settings
from core.tables import SlackPerson, User

LINK_SECONDS = 30 * 60


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a workspace, by Slack's ids; `name` is what they call themselves there, for people to read."""

    workspace: str
    native_id: str
    name: str = ""


def user_of(db: Session, person: Person) -> User | None:
    """Who that is here; None while they are not connected, or may not come in any more."""
    row = db.get(SlackPerson, (person.workspace, person.native_id))
    user = db.get(User, row.user_id) if row else None
    return user if user and user.active else None


def link(db: Session, settings: Settings, person: Person) -> str:
    """The whole address at which they connect themselves."""
    signed = _signer(settings).dumps([person.workspace, person.native_id, person.name, _state(db, person)])
    return f"{settings.pages_url}/slack/connect?token={signed}"


def of_link(db: Session, settings: Settings, token: str) -> Person | None:
    """Whom a link names; None when it is too old, used up, or not one of ours."""
    try:
        workspace, native_id, name, state = _signer(settings).loads(token, max_age=LINK_SECONDS)
    except (BadData, ValueError, TypeError):
        return None
    person = Person(workspace, native_id, name)
    return person if _state(db, person) == state else None


def connect(db: Session, clock: Clock, person: Person, user_id: int) -> None:
    """From now on that person acts here as this user."""
    old = db.get(SlackPerson, (person.workspace, person.native_id), with_for_update=True)
    row = old or SlackPerson(workspace=person.workspace, native_id=person.native_id)
    row.user_id, row.linked_at = user_id, clock.now()
    db.add(row)
    _record(db, clock, "slack_connect", person, user_id)
    db.flush()


def disconnect(db: Session, clock: Clock, person: Person, user_id: int) -> bool:
    """That person no longer acts as this user; whether they did."""
    mine = delete(SlackPerson).where(
        SlackPerson.workspace == person.workspace,
        SlackPerson.native_id == person.native_id,
        SlackPerson.user_id == user_id,
    )
    gone = db.scalars(mine.returning(SlackPerson.native_id)).one_or_none()
    if gone is not None:
        _record(db, clock, "slack_disconnect", person, user_id)
    return gone is not None


def of_user(db: Session, user_id: int) -> list[SlackPerson]:
    """Whoever in Slack acts as this user."""
    mine = select(SlackPerson).where(SlackPerson.user_id == user_id)
    return list(db.scalars(mine.order_by(SlackPerson.linked_at, SlackPerson.native_id)))


def _state(db: Session, person: Person) -> str:
    row = db.get(SlackPerson, (person.workspace, person.native_id))
    return row.linked_at.isoformat() if row else ""


def _record(db: Session, clock: Clock, action: str, person: Person, user_id: int) -> None:
    about = {"workspace": person.workspace, "person": person.native_id}
    audit.add(db, audit.Entry(clock.now(), action, user_id=user_id, detail=about))


def _signer(settings: Settings) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secrets.session_key(settings), salt="slack connect")
