"""A message to ourselves through a channel of Slack that was set aside for it: posted, read back, changed and deleted.

Each carries a token as metadata. What a crash left in the channel is deleted with the next one.
"""

from __future__ import annotations

import secrets
from typing import Any

from slack_sdk import WebClient

from core.errors import GiveUp
from responder.alerts.slack.calls import translated

EVENT = "ripplewatch_canary"
_SAYS = "Ripplewatch looks whether alerts get through. This message goes by itself."
_SEEN = "Ripplewatch looked whether alerts get through, and they do."
_NEWEST = 50


def send(client: WebClient, channel: str) -> None:
    """Raises GiveUp, in words for a person, when a message does not get there; RetryLater when nobody can tell."""
    try:
        with translated(repeatable=True):
            _send(client, channel, secrets.token_hex(16))
    except GiveUp as error:
        raise GiveUp(f"in the test channel: {error}") from error


def _send(client: WebClient, channel: str, token: str) -> None:
    metadata = {"event_type": EVENT, "event_payload": {"token": token}}
    client.chat_postMessage(channel=channel, text=_SAYS, metadata=metadata)
    ours = _ours(client, channel)
    if token not in ours:
        raise GiveUp("Slack took a message, and it is not there")
    client.chat_update(channel=channel, ts=ours[token], text=_SEEN)
    for stamp in ours.values():
        client.chat_delete(channel=channel, ts=stamp)


def _ours(client: WebClient, channel: str) -> dict[str, str]:
    """The time stamps of our messages there, by token."""
    answer = client.conversations_history(channel=channel, limit=_NEWEST, include_all_metadata=True)
    found: dict[str, str] = {}
    messages: list[dict[str, Any]] = answer.get("messages") or []
    for one in messages:
        metadata = one.get("metadata") or {}
        if metadata.get("event_type") == EVENT:
            found[str((metadata.get("event_payload") or {}).get("token"))] = str(one["ts"])
    return found
