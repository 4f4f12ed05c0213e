"""Bluesky, through a public Jetstream (https://github.com/bluesky-social/jetstream): every post, keyless.

Jetstream v1 sends one JSON event per WebSocket message. Its cursor is a time in microseconds and inclusive; a host
keeps about a day. We go back some seconds when we connect anew, and what comes twice is stored once. A host can lose
a collection while the socket lives on, so silence is watched for (listener/step.py). Authors come as DIDs: a handle
may change, a DID never does. Bluesky asks that automated accounts answer only people who tagged them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from core.errors import BadInput, GiveUp, RetryLater
from core.types import Author, Mention, Page, Permission, Rejected, Span
from listener.source import Context, Field

POSTS = "app.bsky.feed.post"
OVERLAP = 5_000_000
"""Microseconds before the cursor from which a new connection starts."""
TOO_LATE = 60_000_000
"""Microseconds between the cursor and the first event that comes, from which on the host no longer had it all."""
PAGE_EVENTS = 1_000
PAGE_SECONDS = 1.0
"""A page ends with so many events, or so long after it was asked for."""
MAX_MESSAGE = 2_000_000
"""Bytes of one event; a larger one ends the connection."""
GONE = frozenset({"deleted", "takendown"})


@dataclass(slots=True)
class _Heard:
    """A page while it is being heard, in the order in which things happened."""

    mentions: dict[str, Mention] = field(default_factory=dict)
    edited: dict[str, Mention] = field(default_factory=dict)
    deleted: dict[str, None] = field(default_factory=dict)
    deleted_authors: dict[str, None] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    gaps: list[Span] = field(default_factory=list)
    events: int = 0

    def page(self, cursor: str | None) -> Page:
        return Page(
            mentions=tuple(self.mentions.values()),
            cursor=cursor,
            more=True,
            deleted=tuple(self.deleted),
            deleted_authors=tuple(self.deleted_authors),
            edited=tuple(self.edited.values()),
            rejected=tuple(self.rejected),
            gaps=tuple(self.gaps),
        )


class Bluesky:
    """The whole network's posts, edits and deletions; which of them are mentions, the queries decide."""

    kind: ClassVar[str] = "bluesky"
    title: ClassVar[str] = "Bluesky"
    about: ClassVar[str] = "All public posts as they are written, matched here with your queries. Needs no key."
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "url",
            "Jetstream host",
            "Only if you run your own, or want another than the usual one.",
            required=False,
            example="wss://jetstream1.us-west.bsky.network/subscribe",
        ),
    )
    steps: ClassVar[tuple[str, ...]] = ()
    poll_seconds: ClassVar[float] = 0
    silent_seconds: ClassVar[float | None] = 60
    reply: ClassVar[Permission] = Permission(
        "hand",
        "Bluesky asks that automated accounts answer only people who tagged them: copy the text, open the post, "
        "and answer there yourself.",
    )

    def __init__(self, context: Context) -> None:
        """Raises BadInput when `url` is no WebSocket address."""
        self._context = context
        self._url = str(context.settings.get("url") or context.process.bluesky_jetstream_url)
        if urlsplit(self._url).scheme not in ("ws", "wss") or not urlsplit(self._url).hostname:
            raise BadInput(f"Jetstream host: {self._url!r} is no WebSocket address (wss://...)")
        self._opened = ExitStack()
        self._socket: ClientConnection | None = None
        self._at: str | None = None
        self._expected: int | None = None

    def fetch(self, cursor: str | None) -> Page:
        """What comes within about a second; an empty page when nothing does."""
        if self._socket is None or cursor != self._at:
            self._connect(cursor)
        heard = _Heard()
        self._at = cursor
        deadline = self._context.clock.monotonic() + PAGE_SECONDS
        while heard.events < PAGE_EVENTS and not self._context.stop.is_set():
            left = deadline - self._context.clock.monotonic()
            if left <= 0:
                break
            message = self._receive(left, heard)
            if message is None:
                break
            self._take(message, heard)
        return heard.page(self._at)

    def close(self) -> None:
        """Close the socket."""
        self._socket = None
        self._opened.close()

    def _connect(self, cursor: str | None) -> None:
        self.close()
        asked = {"wantedCollections": POSTS}
        self._expected = int(cursor) if cursor else None
        if self._expected is not None:
            asked["cursor"] = str(self._expected - OVERLAP)
        joint = "&" if urlsplit(self._url).query else "?"
        try:
            self._socket = self._opened.enter_context(
                connect(
                    f"{self._url}{joint}{urlencode(asked)}",
                    open_timeout=15,
                    close_timeout=2,
                    max_size=MAX_MESSAGE,
                    max_queue=256,
                    user_agent_header="ripplewatch",
                )
            )
        except InvalidStatus as error:
            _refused(error)
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise RetryLater(f"Jetstream cannot be reached: {error or type(error).__name__}") from error

    def _receive(self, seconds: float, heard: _Heard) -> str | bytes | None:
        """The next message; None when none comes in time, or the connection ended after some had come."""
        if self._socket is None:
            return None
        try:
            return self._socket.recv(timeout=seconds)
        except TimeoutError:
            return None
        except (ConnectionClosed, OSError) as error:
            self.close()
            if heard.events:
                return None
            raise RetryLater(f"Jetstream ended the connection: {error}") from error

    def _take(self, message: str | bytes, heard: _Heard) -> None:
        """Read one event into the page. One that cannot be read is reported, and the next is read."""
        heard.events += 1
        try:
            event = json.loads(message)
            when = int(event["time_us"])
            self._look_for_gap(when, heard)
            if event["kind"] == "commit" and event["commit"]["collection"] == POSTS:
                _take_post(event, heard)
            elif event["kind"] == "account" and event["account"].get("status") in GONE:
                heard.deleted_authors[event["did"]] = None
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            heard.rejected.append(Rejected(f"event {message[:80]!r}", f"unreadable: {error!r}"))
        else:
            self._at = str(max(when, int(self._at or 0)))

    def _look_for_gap(self, when: int, heard: _Heard) -> None:
        """Only for the first event of a connection: a host that no longer has what we ask for starts later."""
        expected, self._expected = self._expected, None
        if expected is not None and when - expected > TOO_LATE:
            heard.gaps.append(Span(_time(expected), _time(when), "Jetstream no longer had what came in between"))


def _refused(error: InvalidStatus) -> None:
    status, said = error.response.status_code, error.response.body or b""
    reason = f"Jetstream answered {status}: {said[:200].decode(errors='replace')}".rstrip(": ")
    if status in (401, 403, 404):
        raise GiveUp(reason) from error
    after = error.response.headers.get("Retry-After", "")
    raise RetryLater(reason, float(after) if after.isdecimal() else None) from error


def _take_post(event: Mapping[str, Any], heard: _Heard) -> None:
    commit = event["commit"]
    uri = f"at://{event['did']}/{POSTS}/{commit['rkey']}"
    if commit["operation"] == "delete":
        heard.mentions.pop(uri, None)
        heard.edited.pop(uri, None)
        heard.deleted[uri] = None
        return
    mention = _mention(uri, event["did"], commit["rkey"], commit["record"], _time(event["time_us"]))
    if commit["operation"] == "update" and uri not in heard.mentions:
        heard.edited[uri] = mention
    else:
        heard.mentions[uri] = mention


def _mention(uri: str, did: str, rkey: str, record: Mapping[str, Any], seen: datetime) -> Mention:
    reply, embed, langs = record.get("reply") or {}, record.get("embed") or {}, record.get("langs") or ()
    links = _links(record, embed)
    return Mention(
        platform="bluesky",
        native_id=uri,
        author=Author(did, did),
        text=record["text"],
        created_at=_written(record, seen),
        url=f"https://bsky.app/profile/{did}/post/{rkey}",
        kind="reply"
        if reply
        else "quote"
        if str(embed.get("$type", "")).startswith("app.bsky.embed.record")
        else "post",
        reply_to=reply["parent"]["uri"] if reply else None,
        conversation=reply["root"]["uri"] if reply else uri,
        lang=langs[0] if langs else None,
        extra={"links": links} if links else {},
    )


def _links(record: Mapping[str, Any], embed: Mapping[str, Any]) -> list[str]:
    """Where the post's links lead; its text shows them shortened."""
    found = [
        feature["uri"]
        for facet in record.get("facets") or ()
        for feature in facet.get("features") or ()
        if feature.get("$type") == "app.bsky.richtext.facet#link" and isinstance(feature.get("uri"), str)
    ]
    external = (embed.get("external") or (embed.get("media") or {}).get("external") or {}).get("uri")
    return list(dict.fromkeys([*found, *([external] if isinstance(external, str) else [])]))


def _written(record: Mapping[str, Any], seen: datetime) -> datetime:
    """When the author says it was written, unless that cannot be read or is later than it was seen."""
    try:
        said = datetime.fromisoformat(str(record["createdAt"]))
    except (KeyError, ValueError):
        return seen
    return min(said if said.tzinfo else said.replace(tzinfo=UTC), seen)


def _time(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


SOURCE = Bluesky
