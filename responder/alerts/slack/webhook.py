"""Slack's incoming webhook, the least that is needed: one address, to which messages are posted.

It answers "ok" and nothing else: a message cannot be found again, changed or answered under, so an unclear call stays
unclear. Other chats take the same messages at such an address (Mattermost, Rocket.Chat).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from slack_sdk.webhook import WebhookClient

from core.errors import BadInput, GiveUp, Unsure
from listener.source import Field
from responder.alerts.channel import Context, Message, Refused
from responder.alerts.slack.blocks import blocks, fallback
from responder.alerts.slack.calls import SECONDS, of_status, translated

_SILENT = logging.getLogger(f"{__name__}.sdk")
_SILENT.setLevel(logging.CRITICAL)  # its lines repeat the address, which is the secret

_GONE = ("no_service", "no_active_hooks", "invalid_token", "channel_is_archived", "channel_not_found", "no_team")


class Webhook:
    """Sends to one incoming webhook."""

    title: ClassVar[str] = "Slack, incoming webhook"
    about: ClassVar[str] = "The least: messages are posted and stay as they are, without buttons or charts."
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "url",
            "Webhook address",
            "From Incoming Webhooks of an app of yours.",
            secret=True,
            example="https://hooks.slack.com/services/...",
        ),
    )
    steps: ClassVar[tuple[str, ...]] = (
        "At api.slack.com/apps open or make an app, choose Incoming Webhooks and turn them on.",
        "Choose Add New Webhook to Workspace, pick the channel, and copy the address.",
    )

    def __init__(self, context: Context) -> None:
        url = str(context.settings.get("url") or "").strip()
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadInput("url: enter the webhook's whole address; it begins with https://")
        self._host = parts.hostname
        self._client = WebhookClient(url, timeout=SECONDS, retry_handlers=[], logger=_SILENT)
        self._client.proxy = None  # urllib itself heeds the proxies of the environment, and NO_PROXY

    def send(self, message: Message, key: str) -> dict[str, str]:
        """Post it, without buttons that nobody would hear."""
        del key
        shown = [one for one in blocks(message) if one["type"] != "actions"]
        link = {
            "type": "section",
            "text": {"type": "mrkdwn", "text": f"<{_linked(message.url)}|Open>", "verbatim": True},
        }
        with translated():
            answer = self._client.send(text=fallback(message), blocks=[*shown, link], unfurl_links=False)
        if answer.status_code != 200:
            raise self._refused(answer.status_code, answer.body.strip(), answer.headers)
        return {"host": self._host}

    def update(self, place: Mapping[str, str], message: Message) -> dict[str, str]:
        """Nothing: what an incoming webhook posted cannot be changed."""
        del message
        return dict(place)

    def thread(self, place: Mapping[str, str], text: str, key: str) -> dict[str, str]:
        """Nothing: there are no threads without the message's own id."""
        del place, text, key
        return {}

    def find(self, key: str, around: datetime, under: Mapping[str, str] | None = None) -> dict[str, str] | None:
        """Nobody can tell."""
        del key, around, under
        raise Unsure("an incoming webhook cannot tell what was posted through it")

    def check(self) -> str:
        """Where messages go. An incoming webhook cannot be tried without posting."""
        return f"posts to {self._host}; whether it does shows with the first message"

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _refused(self, status: int, said: str, headers: Mapping[str, str]) -> Exception:
        if said in _GONE:
            return GiveUp(
                f"the webhook works no longer: {said.replace('_', ' ')}. Make a new one, and enter its address"
            )
        if status == 400 and said in {"invalid_payload", "invalid_blocks", "no_text", "too_many_attachments"}:
            return Refused(f"Slack refused it: {said}")
        return of_status(status, headers)


def _linked(url: str) -> str:
    """An address that ends nothing in Slack's mark-up."""
    return url.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")


SENDER = Webhook
