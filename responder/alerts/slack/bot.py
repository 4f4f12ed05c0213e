"""The Slack bot: posts, keeps its messages up to date, and can tell whether a message of its own is there.

Each message carries the key of its delivery as metadata, which nobody sees: after an unclear call the channel's history
is read, and only a message that certainly is not there goes out again. The SDK's own retries are off. The chart follows
its message, since uploading takes three calls more and an alert must not wait for its picture.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from core.errors import BadInput, PlatformError, Unsure
from core.settings import Settings
from listener.source import Field
from responder.alerts.channel import Context, Message, Refused
from responder.alerts.slack import SCOPES, STEPS, canary
from responder.alerts.slack.blocks import Block, blocks, escaped, fallback, line
from responder.alerts.slack.calls import SECONDS, translated

log = logging.getLogger(__name__)

EVENT = "ripplewatch_alert"
"""The type of our messages' metadata."""

_AROUND = timedelta(minutes=15)
"""A message is looked for from so long before it was sent: clocks differ."""
_PAGE, _MOST_PAGES = 200, 10
_CHART_TRIES = 3
_CHANNEL = re.compile(r"(?:.*/archives/)?([CGD][A-Z0-9]{6,})(?:[/?#].*)?", re.DOTALL)
_SILENT = logging.getLogger(f"{__name__}.sdk")
_SILENT.setLevel(logging.CRITICAL)  # its lines repeat whole messages, addresses that open uploads, and tickets


def client(process: Settings, token: str) -> WebClient:
    """The SDK's client for one token: with deadlines, without retries, and silent."""
    made = WebClient(token, base_url=process.slack_api_url, timeout=SECONDS, retry_handlers=[], logger=_SILENT)
    made.proxy = None  # urllib itself heeds the proxies of the environment, and NO_PROXY, which the SDK does not
    return made


class Bot:
    """Sends to one channel of a workspace, as the bot of our app there."""

    title: ClassVar[str] = "Slack"
    about: ClassVar[str] = "A bot that posts, keeps its messages up to date, and takes answers by buttons and threads."
    fields: ClassVar[tuple[Field, ...]] = (
        Field("channel", "Channel", "Its ID or link: in the channel's menu, Copy link.", example="C0123456789"),
        Field(
            "token", "Bot token", "From OAuth & Permissions, after Install to Workspace.", secret=True, example="xoxb-"
        ),
        Field(
            "signing_secret",
            "Signing secret",
            "From Basic Information. For buttons over HTTP; not needed with an app token.",
            required=False,
            secret=True,
        ),
        Field(
            "app_token",
            "App token",
            "From Basic Information, with connections:write. For buttons where Slack cannot reach this server.",
            required=False,
            secret=True,
            example="xapp-",
        ),
        Field(
            "canary",
            "Test channel",
            "Another channel that the bot is in: a message is posted there, read, changed and deleted now and then.",
            required=False,
            example="C0123456789",
        ),
    )
    steps: ClassVar[tuple[str, ...]] = STEPS

    def __init__(self, context: Context) -> None:
        given = context.settings
        found = _CHANNEL.fullmatch(str(given.get("channel") or "").strip())
        token = str(given.get("token") or "").strip()
        if found is None:
            raise BadInput("channel: enter the channel's ID, as C0123456789, or its link; a name is not enough")
        if not token.startswith("xoxb-"):
            raise BadInput("token: enter the bot's token; it begins with xoxb-")
        app_token = str(given.get("app_token") or "").strip()
        if app_token and not app_token.startswith("xapp-"):
            raise BadInput("app_token: enter the app's token; it begins with xapp-")
        aside = str(given.get("canary") or "").strip()
        tested = _CHANNEL.fullmatch(aside)
        if aside and tested is None:
            raise BadInput("canary: enter the test channel's ID, as C0123456789, or its link; a name is not enough")
        self._test_channel = tested[1] if tested else ""
        self.channel, self._clock = found[1], context.clock
        self._client, self._app_token = client(context.process, token), app_token

    def send(self, message: Message, key: str) -> dict[str, str]:
        """Post it, and then its chart."""
        return self._drawn(self._post(key, fallback(message), blocks(message)), message)

    def update(self, place: Mapping[str, str], message: Message) -> dict[str, str]:
        """Change what it says at once; a chart that differs from the one it shows then takes that one's place."""
        self._change(place, message, place.get("chart", ""))
        return self._drawn(place, message)

    def thread(self, place: Mapping[str, str], text: str, key: str) -> dict[str, str]:
        """Post a line under the message at `place`."""
        return self._post(key, escaped(text), line(text), place)

    def find(self, key: str, around: datetime, under: Mapping[str, str] | None = None) -> dict[str, str] | None:
        """Read the channel's history, or the thread, for a message of ours with this key."""
        try:
            for message in self._history(around - _AROUND, under):
                metadata = message.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                if metadata.get("event_type") == EVENT and payload.get("key") == key:
                    return {"channel": self.channel, "ts": str(message["ts"])}
        except Refused:  # the message whose thread it was to be in is gone
            return None
        return None

    def whisper(self, user: str, text: str, more: list[Block] | None = None, thread: str = "") -> None:
        """Say something that only one person in the channel sees."""
        with translated(repeatable=True):
            self._client.chat_postEphemeral(
                channel=self.channel,
                user=user,
                text=escaped(text),
                blocks=[*line(text), *(more or [])],
                thread_ts=thread or None,
            )

    def check(self) -> str:
        """Who the bot is, and whether it sees the channel and may do all that it should."""
        with translated(repeatable=True):
            who = self._client.auth_test()
            self._client.conversations_history(channel=self.channel, limit=1)
            if self._app_token:
                self._client.apps_connections_open(app_token=self._app_token)
        granted = {one.strip() for one in str(who.headers.get("x-oauth-scopes", "")).split(",")} - {""}
        missing = [scope for scope in SCOPES if granted and scope not in granted]
        lacks = f"; it lacks the scopes {', '.join(missing)}" if missing else ""
        return f"@{who.get('user', '?')} in {who.get('team', '?')}{lacks}"

    def prove(self) -> None:
        """Ask, and send a message through the test channel where one is set; what an earlier one left goes as well."""
        self.check()
        if self._test_channel:
            canary.send(self._client, self._test_channel)

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _post(
        self, key: str, text: str, content: list[Block], under: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Post once. After an unclear end it is looked for at once; if it is not there yet, Unsure."""
        began = self._clock.now()
        try:
            with translated():
                answer = self._client.chat_postMessage(
                    channel=self.channel,
                    text=text,
                    blocks=content,
                    thread_ts=under["ts"] if under else None,
                    metadata={"event_type": EVENT, "event_payload": {"key": key}},
                    unfurl_links=False,
                    unfurl_media=False,
                )
        except Unsure as unclear:
            try:
                place = self.find(key, began, under)
            except PlatformError:
                raise unclear from None
            if place is None:
                raise
            return place
        return {"channel": str(answer.get("channel") or self.channel), "ts": str(answer["ts"])}

    def _change(self, place: Mapping[str, str], message: Message, chart: str) -> None:
        with translated(repeatable=True):
            self._client.chat_update(
                channel=place.get("channel", self.channel),
                ts=place["ts"],
                text=fallback(message),
                blocks=blocks(message, chart),
            )

    def _drawn(self, place: Mapping[str, str], message: Message) -> dict[str, str]:
        """The place once the message shows its chart. That it cannot is no reason to lose what was said."""
        shown = dict(place)
        if message.chart is None or (drawn := _fingerprint(message.chart)) == place.get("drawn"):
            return shown
        try:
            chart = self._upload(message.chart)
            if not self._change_when_ready(place, message, chart):
                return shown
            self._delete_file(place.get("chart", ""))
        except PlatformError as error:
            log.warning("slack %s: a message does not get its chart: %s", self.channel, error)
            return shown
        return shown | {"chart": chart, "drawn": drawn}

    def _change_when_ready(self, place: Mapping[str, str], message: Message, chart: str) -> bool:
        """Show an image that was just uploaded; Slack takes a moment before it knows it."""
        for _ in range(_CHART_TRIES):
            try:
                self._change(place, message, chart)
            except Refused as error:
                if "invalid_blocks" not in str(error):
                    raise
                self._clock.wait(threading.Event(), 1)
            else:
                return True
        log.warning("slack %s: Slack does not show the chart of a message", self.channel)
        return False

    def _upload(self, chart: bytes) -> str:
        """The id of the uploaded image."""
        with translated(repeatable=True):
            answer = self._client.files_upload_v2(filename="chart.png", title="Chart", content=chart)
        return str((answer.get("file") or {}).get("id") or "")

    def _delete_file(self, chart: str) -> None:
        """Nobody sees it any more; that it stays is no harm."""
        if not chart:
            return
        try:
            with translated(repeatable=True):
                self._client.files_delete(file=chart)
        except PlatformError as error:
            log.info("slack %s: an old chart stays: %s", self.channel, error)

    def _history(self, since: datetime, under: Mapping[str, str] | None) -> Iterator[dict[str, Any]]:
        """Messages since then, newest first, or those of a thread. Unsure when there are too many to read."""
        cursor = ""
        for _ in range(_MOST_PAGES):
            with translated(repeatable=True):
                answer = self._page(since, under, cursor)
            yield from answer.get("messages") or []
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return
        raise Unsure("too much was said in the channel since then to tell whether the message is there")

    def _page(self, since: datetime, under: Mapping[str, str] | None, cursor: str) -> SlackResponse:
        wanted: dict[str, Any] = {
            "channel": self.channel,
            "oldest": f"{since.timestamp():.6f}",
            "limit": _PAGE,
            "include_all_metadata": True,
            "cursor": cursor or None,
        }
        if under:
            return self._client.conversations_replies(ts=under["ts"], **wanted)
        return self._client.conversations_history(**wanted)


def _fingerprint(chart: bytes) -> str:
    return hashlib.sha256(chart).hexdigest()[:16]


SENDER = Bot
