"""An incident that Slack was told of: its channel, the message's place, and who somebody there is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from core import alerts
from core.runtime import Runtime
from core.secrets import seal
from core.tables import Alert, Channel, Delivery
from responder.alerts.slack import people
from responder.alerts.slack.people import Person
from tests.responder.alerts.slack_server import APP_TOKEN, CHANNEL, TEAM, TOKEN
from tests.responder.ripples import add_cases, add_incident, incident

SECRET = "the secret of Slack's signature"
THREAD = "1795176000.000100"


@dataclass(frozen=True, slots=True)
class Told:
    """An incident, and the channel row through which it was told."""

    incident_id: int
    channel_id: int


def add_channel(
    runtime: Runtime, name: str = "alerts", *, app_token: str = "", secret: str = SECRET, canary: str = ""
) -> int:
    """A channel of the bot; gives its id."""
    credentials = {"token": TOKEN, "signing_secret": secret, "app_token": app_token}
    with runtime.db.write() as db:
        settings = {"channel": CHANNEL} | ({"canary": canary} if canary else {})
        row = Channel(kind="slack", name=name, settings=settings, created_at=runtime.clock.now())
        row.credentials = seal(runtime.settings, credentials)
        db.add(row)
        db.flush()
        return row.id


def add_told(runtime: Runtime, *, socket: bool = False) -> Told:
    """An open incident with a message in a channel."""
    channel_id = add_channel(runtime, app_token=APP_TOKEN if socket else "")
    incident_id = add_incident(runtime, add_cases(runtime))
    told_in(runtime, incident_id, channel_id)
    return Told(incident_id, channel_id)


def told_in(runtime: Runtime, incident_id: int, channel_id: int) -> None:
    """A message about it stands in the channel."""
    row = incident(runtime, incident_id)
    with runtime.db.write() as db:
        alert = alerts.tell(db, runtime.clock, "incident", row.id, row.brand_id, row.severity, "words")
        place = {"channel": CHANNEL, "ts": THREAD}
        db.add(Delivery(alert_id=alert, channel_id=channel_id, state="sent", place=place, due=runtime.clock.now()))


def connect(runtime: Runtime, user_id: int, native_id: str) -> Person:
    """Somebody in Slack acts as this user."""
    person = Person(TEAM, native_id, native_id.lower())
    with runtime.db.write() as db:
        people.connect(db, runtime.clock, person, user_id)
    return person


def pressed(told: Told, action: str = "take", user: str = "U1", version: int = 1, **more: Any) -> dict[str, Any]:
    """What Slack sends when somebody presses a button."""
    button = {"action_id": action, "type": "button", "value": f"{told.incident_id}:{version}"}
    return {
        "type": "block_actions",
        "team": {"id": TEAM},
        "user": {"id": user, "username": user.lower(), "team_id": TEAM},
        "channel": {"id": CHANNEL, "name": "alerts"},
        "message": {"ts": THREAD},
        "actions": [button],
    } | more


def written(
    text: str = "looking at it", user: str = "U1", stamp: str = "1795176060.000200", **more: Any
) -> dict[str, Any]:
    """What Slack sends when somebody writes in the thread of the message."""
    said = {"type": "message", "user": user, "text": text, "ts": stamp, "thread_ts": THREAD, "channel": CHANNEL}
    return {"type": "event_callback", "team_id": TEAM, "event_id": f"Ev{stamp}", "event": said | {"team": TEAM} | more}


def alert_of(runtime: Runtime, told: Told) -> Alert:
    """What people are told of it."""
    with runtime.db.read() as db:
        return db.scalars(select(Alert).where(Alert.subject_id == told.incident_id)).one()
