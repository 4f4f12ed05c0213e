"""What a place outside must offer so that alerts can be sent there.

A kind of channel is a module named in KINDS, which sets `SENDER` to a class that keeps to `Sender`. A sender is made
from one row of `channels`, with its secret settings, and is used by the stage `deliver` alone, which writes down what
it is about to do before it calls. So a sender tries once, with a deadline on every socket, and never by itself again:
RetryLater and GiveUp mean that nothing was sent, Unsure that it may have been.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol, cast, runtime_checkable

from core.clock import Clock
from core.errors import BadInput, GiveUp
from core.settings import Settings
from listener.source import Field

KINDS: Mapping[str, str] = {
    "slack": "responder.alerts.slack.bot",
    "slack_webhook": "responder.alerts.slack.webhook",
    "apprise": "responder.alerts.notify",
}
"""Where the sender of each kind of channel stands."""

BUTTONS = ("take", "snooze", "dismiss")
"""What a person may do from a message; opening the page is a link. The words on them are the message's."""


HEARD = "slack:"
"""What the key of a timeline's line begins with that was written in a thread; the place's channel and `:` follow. It
stands there already, so it is not said there again."""


class Refused(GiveUp):
    """This one message cannot be sent or changed; the channel itself is well. Any other GiveUp pauses the channel."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is said of one alert, as it stands now. Everything is plain text: the sender escapes it for its place.

    `examples` are at most three posts, masked and cut. `facts` are (label, value). `state` are words as "open", "taken
    by Ana", "ended 14:05"; `age` tells of a delay ("from 14:05, delivered 20 min late"), or is empty. `chart` is a PNG.
    `buttons` are (one of BUTTONS, its label); with none nothing can be done from there. `version` is that of the
    incident as the message shows it.
    """

    title: str
    severity: str
    sentence: str
    url: str
    brand: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    examples: tuple[str, ...] = ()
    state: str = ""
    age: str = ""
    buttons: tuple[tuple[str, str], ...] = ()
    chart: bytes | None = field(default=None, repr=False)
    alert_id: int = 0
    incident_id: int | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """What a sender is made with: the channel's own `settings`, secret ones among them, and what the process gives."""

    settings: Mapping[str, object] = field(repr=False)
    process: Settings
    clock: Clock


class Sender(Protocol):
    """Sends to one channel. Raises RetryLater, GiveUp (Refused), or Unsure, in the service's words."""

    title: ClassVar[str]
    """What people call the service."""
    about: ClassVar[str]
    """One sentence for the set-up page: what is sent, and what it needs."""
    fields: ClassVar[tuple[Field, ...]]
    """What to ask for; `secret` ones are encrypted at rest."""
    steps: ClassVar[tuple[str, ...]]
    """What to do on the service's side first, one click after the other; () where nothing is needed."""

    def __init__(self, context: Context) -> None:
        """Check the settings; raise BadInput that names the field. Opens nothing yet."""
        ...

    def send(self, message: Message, key: str) -> dict[str, str]:
        """Send it; gives the place where it now stands. `key` is this delivery's own, for `find`."""
        ...

    def update(self, place: Mapping[str, str], message: Message) -> dict[str, str]:
        """Let the message at `place` say this; gives the place as it is then, to be kept. Doing it twice is no harm.

        Where messages cannot be changed, nothing happens.
        """
        ...

    def thread(self, place: Mapping[str, str], text: str, key: str) -> dict[str, str]:
        """Say a line under the message at `place`; {} where there are no threads, and nothing is said."""
        ...

    def find(self, key: str, around: datetime, under: Mapping[str, str] | None = None) -> dict[str, str] | None:
        """The place of what was sent with this key at about that time; None if it certainly is not there.

        `under` is the place of the message in whose thread it was said. Unsure where the service cannot tell.
        """
        ...

    def check(self) -> str:
        """Who we are there, in words, for the button "Test connection". Changes nothing and sends nothing."""
        ...

    def close(self) -> None:
        """Let go of sockets. May be called twice."""
        ...


@runtime_checkable
class Proves(Protocol):
    """A sender that can prove with a message of its own that alerts get through."""

    def prove(self) -> None:
        """Send a message where people have set a place aside for it, see that it is there and can be changed, and take
        it away; only ask where none is set aside. Raises as `check` does, GiveUp when nothing gets anywhere."""
        ...


def load(kind: str) -> type[Sender]:
    """The class that sends to channels of this kind; BadInput with the known kinds if there is none."""
    if kind not in KINDS:
        raise BadInput(f"no channel of kind {kind!r}; there are: {', '.join(sorted(KINDS))}")
    return cast("type[Sender]", importlib.import_module(KINDS[kind]).SENDER)
