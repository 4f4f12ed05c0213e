"""What a place outside must offer so that alerts can be sent there.

A sender is made from one row of `channels`, with its secret settings, and is used by the stage `deliver` alone, which
writes down what it is about to do before it calls. So a sender tries once, with a deadline on every socket, and never
by itself again: RetryLater and GiveUp mean that nothing was sent, Unsure that it may have been.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from core.errors import GiveUp

BUTTONS = ("take", "snooze", "dismiss")
"""What a person may do from a message; opening the page is a link. The words on them are the message's."""


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


class Sender(Protocol):
    """Sends to one channel. Raises RetryLater, GiveUp (Refused), or Unsure, in the service's words."""

    def send(self, message: Message, key: str) -> dict[str, str]:
        """Send it; gives the place where it now stands. `key` is this delivery's own, for `find`."""
        ...

    def update(self, place: Mapping[str, str], message: Message) -> None:
        """Let the message at `place` say this. Where messages cannot be changed, nothing happens."""
        ...

    def thread(self, place: Mapping[str, str], text: str, key: str) -> dict[str, str]:
        """Say a line under the message at `place`; {} where there are no threads, and nothing is said."""
        ...

    def find(self, key: str, around: datetime) -> dict[str, str] | None:
        """The place of the message with this key, sent at about that time; None if it certainly is not there.

        Unsure where the service cannot tell.
        """
        ...

    def check(self) -> str:
        """Who we are there, in words, for the button "Test connection". Changes nothing and sends nothing."""
        ...

    def close(self) -> None:
        """Let go of sockets. May be called twice."""
        ...
