"""One server of the Fediverse, as Mastodon's API lets us ask it (HTTP) and hear it (one WebSocket for all streams)."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

from core.clock import Clock
from core.errors import BadInput, GiveUp, RetryLater
from core.tls import trusted
from listener.http import check

log = logging.getLogger(__name__)

Params = Mapping[str, str | list[str]]

MAX_MESSAGE = 2_000_000
"""Bytes of one event; a larger one ends the stream."""
MOST_EVENTS = 500
"""Events that are taken from the stream at a time."""


class NotThere(GiveUp):
    """The server knows nothing by that name, or shows it to nobody."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: the body's JSON, the `min_id` that its Link header gives for what is newer than this
    page, and until when it wants no request."""

    body: Any
    min_id: str | None = None
    rest_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """One list of a server: how to ask for it, and how to subscribe to it."""

    name: str
    path: str
    stream: Mapping[str, str]
    params: Params = field(default_factory=dict)


PUBLIC = Timeline("public", "/api/v1/timelines/public", {"stream": "public"})
LOCAL = Timeline("local", "/api/v1/timelines/public", {"stream": "public:local"}, {"local": "true"})
TOLD = ("mention", "quote")
"""Types of notifications that are about a post of somebody."""
NOTIFICATIONS = Timeline("notifications", "/api/v1/notifications", {"stream": "user"}, {"types[]": list(TOLD)})
"""Its stream is that of the account's own timeline: the one for notifications alone tells of no deletions."""


class Server:
    """The server at `url`. `seconds` is how long an answer is waited for."""

    def __init__(self, url: str, token: str, clock: Clock, seconds: float) -> None:
        self.host = urlsplit(url).netloc
        self._url, self._clock, self._seconds = url, clock, seconds
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(
            verify=trusted(),
            timeout=httpx2.Timeout(seconds, connect=min(10, seconds)),
            headers={"User-Agent": "ripplewatch"} | self._headers,
        )
        self._opened = ExitStack()
        self._socket: ClientConnection | None = None
        self._streams_at: str | None = None

    @property
    def streaming(self) -> bool:
        """Whether the stream is open, as far as we know."""
        return self._socket is not None

    def get(self, path: str, params: Params | None = None) -> Answer:
        """Ask. Raises RetryLater and GiveUp (NotThere) in the server's words."""
        now = self._clock.now()
        try:
            response = self._http.get(f"{self._url}{path}", params=dict(params or {}))
        except httpx2.HTTPError as error:
            raise RetryLater(f"{self.host} cannot be reached: {error or type(error).__name__}") from error
        rest = _rest(response.headers, now)
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS and rest:
            raise RetryLater(f"{self.host} answered 429: too many requests", rest)
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise NotThere(f"{self.host} answered 404: {response.text[:200].strip()}".rstrip(": "))
        check(response, self.host, now)
        if response.has_redirect_location:
            raise GiveUp(f"{self.host} has moved to {response.headers['location'][:200]}: change the server's address")
        try:
            body = response.json()
        except ValueError as error:
            raise RetryLater(f"{self.host} answered something that is not JSON: {error}") from error
        used_up = rest and response.headers.get("x-ratelimit-remaining") == "0"
        newer = re.search(r'[?&]min_id=([^&>]+)[^>]*>; *rel="prev"', response.headers.get("link", ""))
        return Answer(body, newer and newer[1], now + timedelta(seconds=rest) if rest and used_up else None)

    def longest(self) -> int | None:
        """How many characters a post may have here; None where the server does not say."""
        try:
            said = self.get("/api/v2/instance").body["configuration"]["statuses"]["max_characters"]
        except (RetryLater, GiveUp, LookupError, TypeError):
            return None
        return said if isinstance(said, int) and said > 0 else None

    def subscribe(self, streams: Iterable[Mapping[str, str]]) -> None:
        """Open the stream, unless it is open. A server that gives none is left without: `streaming` tells."""
        if self._socket:
            return
        try:
            self._socket = self._opened.enter_context(
                connect(
                    f"{self._streaming_url()}/api/v1/streaming",
                    additional_headers=self._headers,
                    user_agent_header="ripplewatch",
                    open_timeout=self._seconds,
                    close_timeout=2,
                    max_size=MAX_MESSAGE,
                    max_queue=256,
                )
            )
            for stream in streams:
                self._socket.send(json.dumps({"type": "subscribe"} | dict(stream)))
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed, RetryLater, GiveUp) as error:
            log.info("%s gives no stream: %s", self.host, error or type(error).__name__)
            self.hang_up()

    def messages(self, seconds: float, stop: threading.Event) -> Iterator[str | bytes]:
        """What the stream brings in so many seconds. That it ends is no error: `streaming` tells."""
        deadline = self._clock.monotonic() + seconds
        for _ in range(MOST_EVENTS):
            if self._socket is None or stop.is_set():
                return
            try:
                yield self._socket.recv(timeout=max(0.0, deadline - self._clock.monotonic()))
            except TimeoutError:
                return
            except (ConnectionClosed, OSError) as error:
                log.info("the stream of %s ended: %s", self.host, error)
                self.hang_up()

    def hang_up(self) -> None:
        """Close the stream."""
        self._socket = None
        self._opened.close()

    def close(self) -> None:
        """Close all connections."""
        self.hang_up()
        self._http.close()

    def _streaming_url(self) -> str:
        """Where the server says that its streams are; never unencrypted where the server itself is not."""
        if self._streams_at is None:
            instance = self.get("/api/v2/instance").body
            said = str(((instance.get("configuration") or {}).get("urls") or {}).get("streaming") or "")
            usable = said.startswith("wss://" if self._url.startswith("https:") else ("ws://", "wss://"))
            self._streams_at = said.rstrip("/") if usable else self._url.replace("http", "ws", 1)
        return self._streams_at


def timelines(wanted: str) -> tuple[Timeline, ...]:
    """The timelines that a person named, each once. Raises BadInput with the word that names none."""
    found: dict[str, Timeline] = {}
    for word in re.split(r"[\s,]+", wanted.strip(" ,")):
        tag = re.fullmatch(r"#(\w+)", word)
        if word in ("public", "local"):
            found[word] = PUBLIC if word == "public" else LOCAL
        elif tag:
            name = tag[1].casefold()
            path, stream = f"/api/v1/timelines/tag/{quote(name)}", {"stream": "hashtag", "tag": name}
            found[f"#{name}"] = Timeline(f"#{name}", path, stream)
        else:
            raise BadInput(f"Timelines: {word!r} is neither a hashtag (#acme) nor public or local")
    return tuple(found.values())


def name_of(stream: Sequence[str]) -> str:
    """The name of the timeline that a stream belongs to."""
    if stream[0] == "hashtag":
        return f"#{stream[1].casefold()}"
    return next(one.name for one in (PUBLIC, LOCAL, NOTIFICATIONS) if one.stream["stream"] == stream[0])


def address(server: str) -> str:
    """The URL of a server that a person named. Raises BadInput where it can be none."""
    if not re.fullmatch(r"(https?://)?[\w.-]+(:\d{1,5})?/?", server):
        raise BadInput(f"Server: {server!r} is no address of a server (mastodon.social)")
    return (server if server.startswith(("https://", "http://")) else f"https://{server}").rstrip("/")


def id_at(moment: datetime) -> int:
    """The least id that a Mastodon server gives to a post of this moment: milliseconds, then 16 bits of its own."""
    return int(moment.timestamp() * 1000) << 16


def is_time(status_id: str) -> bool:
    """Whether an id tells when; those of other software, and Mastodon's of before 2016, do not."""
    return status_id.isdecimal() and int(status_id) > id_at(datetime(2016, 1, 1, tzinfo=UTC))


def _rest(headers: httpx2.Headers, now: datetime) -> float | None:
    """Seconds until the server counts our requests anew, by its own clock; None if it does not say."""
    try:
        said = headers.get("x-ratelimit-reset", "")
        reset = datetime.fromtimestamp(int(said), UTC) if said.isdecimal() else datetime.fromisoformat(said)
        theirs = parsedate_to_datetime(headers["date"]) if "date" in headers else now
        return max(0.0, (reset - theirs).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
