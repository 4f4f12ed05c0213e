"""The sender of a channel, made of its settings and its secrets."""

from __future__ import annotations

from collections.abc import Callable

from core.runtime import Runtime
from core.secrets import unseal
from core.tables import Channel
from responder.alerts.channel import Context, Sender, load

Senders = Callable[[Channel], Sender]


def sender_of(runtime: Runtime, channel: Channel) -> Sender:
    """Raises BadInput or GiveUp where its settings cannot be used."""
    given = {**channel.settings, **unseal(runtime.settings, channel.credentials)}
    return load(channel.kind)(Context(given, runtime.settings, runtime.clock))
