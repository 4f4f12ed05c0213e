"""What Slack sends us, over HTTP (web/managing/slack.py) or through a socket: read, done in one transaction, answered.

Slack waits three seconds for its acknowledgement, so what is still to be said to the person (another call to Slack) is
given back for afterwards. Slack may send the same twice: a button pressed twice changes nothing the second time, and a
line of a thread is kept once, by its time stamp.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import BadInput, GiveUp, PlatformError
from core.runtime import Runtime
from core.secrets import unseal
from core.settings import Settings
from core.tables import Channel
from responder.alerts.channel import BUTTONS, Context
from responder.alerts.slack.actions import Answer, Edit, Line, Press, follow, hear, press
from responder.alerts.slack.blocks import Block, answer_of
from responder.alerts.slack.bot import Bot
from responder.alerts.slack.people import Person

log = logging.getLogger(__name__)

NUDGED = ("alert", "incident", "issue")
"""The stages that have work after somebody has done something to an incident."""

_EARLY_SECONDS = 60
"""A stamp may lie so far ahead: clocks differ. Behind, the SDK allows five minutes."""

_SUBTYPES = frozenset({None, "thread_broadcast", "file_share"})
"""Messages that a person wrote; all others tell of changes, joins and the like."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An active channel of the bot, with its secret settings."""

    id: int
    settings: Mapping[str, object] = field(repr=False)

    def secret(self, name: str) -> str:
        """A secret setting; empty where it was not given."""
        return str(self.settings.get(name) or "").strip()


class _Held(SlackClock):
    def __init__(self, clock: Clock) -> None:
        self._now = clock.now().timestamp()

    def now(self) -> float:
        return self._now


def channels(db: Session, process: Settings) -> list[Heard]:
    """All active channels of the bot whose secrets can be read."""
    found = []
    for row in db.scalars(select(Channel).where(Channel.kind == "slack", Channel.active).order_by(Channel.id)):
        try:
            found.append(Heard(row.id, {**row.settings, **unseal(process, row.credentials)}))
        except GiveUp as error:
            log.error("slack channel %r: %s", row.name, error)  # noqa: TRY400 - no news in a traceback
    return found


def vouching(given: Sequence[Heard], clock: Clock, stamp: str, signature: str, body: bytes) -> list[Heard]:
    """The channels whose signing secret made this signature over the raw body, at a time that is now."""
    if not re.fullmatch(r"[0-9]{1,12}", stamp) or not signature.isascii():
        return []
    held = _Held(clock)
    if int(stamp) > held.now() + _EARLY_SECONDS:
        return []
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return []
    secrets = {secret for one in given if (secret := one.secret("signing_secret"))}
    good = {one for one in secrets if SignatureVerifier(one, held).is_valid(text, stamp, signature)}
    return [one for one in given if one.secret("signing_secret") in good]


def take_in(runtime: Runtime, by: Sequence[Heard], kind: str, payload: Mapping[str, Any]) -> Callable[[], None] | None:
    """Do what a payload asks for; gives what is to be said to the person after the acknowledgement, if anything.

    `by` are the channels that vouch for it. `kind` is as Socket Mode calls it: interactive or events_api. What is not
    for us, or not as Slack writes it, is passed over.
    """
    reads = {"interactive": (_press,), "events_api": (_line, _edit)}.get(kind, ())
    said = next((found for read in reads if (found := read(payload)) is not None), None)
    if said is None or not by:
        return None
    ids = [one.id for one in by]
    with runtime.db.write() as db:
        if isinstance(said, Press):
            answer = press(db, runtime.clock, runtime.settings, said, ids)
        elif isinstance(said, Edit):
            answer = follow(db, runtime.clock, said, ids)
        else:
            answer = hear(db, runtime.clock, runtime.settings, said, ids)
    if answer.done:
        for stage in NUDGED:
            runtime.queue.nudge(stage)
    if not answer.text or isinstance(said, Edit):
        return None
    channel, thread = _where(payload)
    return lambda: _whisper(runtime, by, channel, thread, said.person, answer)


def _press(payload: Mapping[str, Any]) -> Press | None:
    try:
        (action,) = payload["actions"]
        carried = answer_of(str(action.get("value") or ""))
        if payload["type"] != "block_actions" or action["action_id"] not in BUTTONS or carried is None:
            return None
        user = payload["user"]
        team = user.get("team_id") or payload["team"]["id"]
        name = user.get("username") or user.get("name") or ""
        return Press(Person(str(team), str(user["id"]), str(name)), str(action["action_id"]), *carried)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _line(payload: Mapping[str, Any]) -> Line | None:
    """A line that a person wrote in a thread."""
    try:
        event = payload["event"]
        inside = event["type"] == "message" and event.get("thread_ts") not in {None, event["ts"]}
        if not inside or event.get("subtype") not in _SUBTYPES or event.get("bot_id"):
            return None
        team = event.get("user_team") or event.get("team") or payload["team_id"]
        person = Person(str(team), str(event["user"]))
        text = event.get("text") or ""
        return Line(person, str(event["channel"]), str(event["thread_ts"]), str(event["ts"]), str(text))
    except (KeyError, TypeError, AttributeError):
        return None


def _edit(payload: Mapping[str, Any]) -> Edit | None:
    """A line in a thread that was changed or deleted."""
    try:
        event = payload["event"]
        if event["type"] != "message" or event.get("subtype") not in {"message_changed", "message_deleted"}:
            return None
        was = event["previous_message"]
        now = event["message"] if event["subtype"] == "message_changed" else {}
        if was.get("bot_id") or was.get("thread_ts") in {None, was["ts"]}:
            return None
        text = "" if now.get("subtype") == "tombstone" else str(now.get("text") or "")
        return Edit(str(event["channel"]), str(was["thread_ts"]), str(was["ts"]), text)
    except (KeyError, TypeError, AttributeError):
        return None


def _where(payload: Mapping[str, Any]) -> tuple[str, str]:
    """The channel, and the thread that it was said in."""
    event = payload.get("event")
    if event:
        return str(event["channel"]), str(event["thread_ts"])
    return str((payload.get("channel") or {}).get("id") or ""), ""


def _whisper(runtime: Runtime, by: Sequence[Heard], channel: str, thread: str, person: Person, answer: Answer) -> None:
    """Tell the person alone. Nothing is lost when that fails: they can press again."""
    for one in by:
        try:
            bot = Bot(Context(one.settings, runtime.settings, runtime.clock))
            if bot.channel == channel:
                bot.whisper(person.native_id, answer.text, _connecting(answer.link), thread)
                return
        except (BadInput, PlatformError) as error:
            log.warning("slack %s: somebody could not be told: %s", channel, error)
            return


def _connecting(link: str) -> list[Block]:
    label = {"type": "plain_text", "text": "Connect", "emoji": False}
    button = {"type": "button", "action_id": "connect", "text": label, "url": link}
    return [{"type": "actions", "elements": [button]}] if link else []
