"""A Mastodon server, with what has been seen of it (github.com/mastodon/mastodon, version 4.6):

* `min_id` gives the oldest that are newer, without it the newest come; in both cases newest first;
* a post that arrives late has the id of when it was written, not of when it came;
* the stream replays nothing, and tells of a deletion by the server's own id;
* an answer that is empty because all was filtered still has a Link header.
"""

from __future__ import annotations

import html
import json
import queue
import threading
from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, islice, takewhile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from core.clock import Clock, SystemClock
from tests import loopback
from tests.listener.emulators.faults import Fault
from tests.loopback import Answer, Asked

DATA = Path(__file__).parents[1] / "data" / "mastodon"
TOKEN = "sesame"
ACCOUNT = {
    "id": "7",
    "acct": "acme_care",
    "uri": "https://town.example/ap/users/7",
    "url": "https://town.example/@acme_care",
}
CLOSE, CUT = "close", "cut"
"""What can be put into a stream besides messages: a clean end, and one in the middle of a frame."""


def recorded(test: str, exchange: int) -> Any:
    """The body of one recorded answer."""
    return json.loads((DATA / f"{test}.json").read_text(encoding="utf-8"))[exchange]["response"]["body"]


def recorded_events() -> list[tuple[str, str]]:
    """Names and payloads of the events of a recorded stream."""
    lines = [line.partition(": ") for line in recorded("test_stream_user_direct", -1).splitlines() if ": " in line]
    return [(name[2], data[2]) for name, data in zip(lines[::2], lines[1::2], strict=True)]


def id_at(when: datetime, number: int = 0) -> str:
    """The id of a post of that moment."""
    return str((int(when.timestamp() * 1000) << 16) + number)


def status(number: int, when: datetime, text: str = "", tag: str = "acme", **more: Any) -> dict[str, Any]:
    """A post by somebody of another server."""
    return {
        "id": id_at(when, number),
        "created_at": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "uri": f"https://far.example/users/ann/statuses/{number}",
        "url": f"https://far.example/@ann/{number}",
        "visibility": "public",
        "spoiler_text": "",
        "content": f"<p>{text or f'acme lost parcel {number}'}</p>",
        "in_reply_to_id": None,
        "edited_at": None,
        "reblog": None,
        "language": "en",
        "tags": [{"name": tag}],
        "account": {
            "id": "1",
            "acct": "ann@far.example",
            "display_name": "Ann",
            "uri": "https://far.example/users/ann",
            "url": "https://far.example/@ann",
            "followers_count": 12,
        },
        "replies_count": 0,
        "reblogs_count": 0,
        "favourites_count": 0,
        "media_attachments": [],
    } | more


@dataclass(slots=True)
class Server:
    """What the server has. `faults` are done to the next answers, one to each; `limits` are headers of all answers."""

    url: str = ""
    streaming: str = ""
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    token: str = TOKEN
    lacks: tuple[str, ...] = ()
    faults: deque[Fault] = field(default_factory=deque)
    limits: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    streams: list[queue.SimpleQueue[str]] = field(default_factory=list)
    subscribed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    subscriptions: list[dict[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=SystemClock)
    ours: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)

    def post(self, *posts: Mapping[str, Any]) -> None:
        """Have these, and tell those who hear the stream."""
        for one in posts:
            self.statuses[one["id"]] = dict(one)
            insort(self.order, int(one["id"]))
            self.tell("update", one, ["hashtag", one["tags"][0]["name"]])

    def notify(self, number: int, post: Mapping[str, Any], type: str = "mention") -> None:
        """A notification of the account about a post."""
        told = {"id": str(number), "type": type, "status": dict(post), "account": post["account"]}
        self.notifications.append(told)
        self.tell("notification", told, ["user"])

    def edit(self, status_id: str, text: str) -> None:
        """Change what a post says."""
        self.statuses[status_id] |= {"content": f"<p>{text}</p>", "edited_at": "2026-11-20T12:30:00.000Z"}
        self.tell("status.update", self.statuses[status_id], ["hashtag", "acme"])

    def delete(self, status_id: str) -> None:
        """Take a post away."""
        del self.statuses[status_id]
        self.order.remove(int(status_id))
        self.tell("delete", status_id, ["hashtag", "acme"])

    def publish(self, asked: Asked) -> dict[str, Any]:
        """A status of our own; a request with a key that was used before gives what that has published."""
        key, form = asked.headers["Idempotency-Key"], parse_qs(asked.body.decode(), keep_blank_values=True)
        given = {name: value[0] for name, value in form.items()}
        if key not in self.keys:
            number = len(self.ours) + 1
            self.keys[key] = {
                "id": str(900 + number),
                "uri": f"https://town.example/ap/users/7/statuses/{number}",
                "url": f"https://town.example/@acme_care/{number}",
                "created_at": self.clock.now().isoformat(timespec="milliseconds"),
                "content": f"<p>{html.escape(given['status'])}</p>".replace("\n", "<br />"),
                "in_reply_to_id": given["in_reply_to_id"],
                "visibility": given["visibility"],
                "account": ACCOUNT,
            }
            self.ours.append(self.keys[key])
        return self.keys[key]

    def tell(self, event: str, payload: object, stream: Sequence[str]) -> None:
        """An event to everybody who hears the stream now."""
        said = payload if isinstance(payload, str) else json.dumps(payload)
        self.say(json.dumps({"stream": stream, "event": event, "payload": said}))

    def say(self, message: str) -> None:
        """A message, CLOSE or CUT."""
        for stream in self.streams:
            stream.put(message)

    def requests(self, path: str) -> list[Asked]:
        """Those for paths that begin so."""
        return [one for one in self.asked if one.path.startswith(path)]

    def answer(self, asked: Asked) -> Answer:
        """What the server answers, unless a fault is next."""
        self.asked.append(asked)
        honest = self._answer(asked)
        return self.faults.popleft()(honest) if self.faults else honest

    def _answer(self, asked: Asked) -> Answer:
        given = asked.headers.get("Authorization")
        if given and given != f"Bearer {self.token}":
            return self._json({"error": "The access token was revoked"}, 401)
        if any(asked.path.startswith(path) for path in self.lacks):
            return self._json({"error": "This action is outside the authorized scopes"}, 403)
        listed = self._listed(asked.path.split("/")[2:])
        if listed is not None:
            return self._page(listed, asked)
        found = self._found(asked)
        return self._json({"error": "Record not found"}, 404) if found is None else self._json(found)

    def _listed(self, path: list[str]) -> Iterable[Mapping[str, Any]] | None:
        """Newest first."""
        there: Iterable[Mapping[str, Any]] = (self.statuses[str(one)] for one in reversed(self.order))
        match path:
            case ["v1", "timelines", "tag", tag]:
                return (one for one in there if any(tag == given["name"] for given in one["tags"]))
            case ["v1", "timelines", "public"]:
                return (one for one in there if not one["in_reply_to_id"])
            case ["v1", "notifications"]:
                return self.notifications[::-1]
        return None

    def _found(self, asked: Asked) -> object:  # noqa: PLR0911 - one for each path
        match asked.path.split("/")[2:]:
            case ["v2", "instance"]:
                return {
                    "domain": "town.example",
                    "configuration": {"urls": {"streaming": self.streaming}, "statuses": {"max_characters": 5000}},
                }
            case ["v1", "accounts", "verify_credentials"]:
                return ACCOUNT
            case ["v1", "accounts", "7", "statuses"]:
                return self.ours[::-1][: int(asked.one("limit"))]
            case ["v1", "statuses"] if asked.method == "POST":
                return self.publish(asked)
            case ["v1", "statuses", status_id] if asked.method == "DELETE":
                self.ours = [one for one in self.ours if one["id"] != status_id]
                return {"id": status_id}
            case ["v1", "statuses", status_id]:
                return self.statuses.get(status_id)
            case ["v1", "statuses"]:
                return [self.statuses[one] for one in asked.query["id[]"] if one in self.statuses]
            case ["v2", "search"]:
                there = [*self.statuses.values(), *self.ours]
                return {"statuses": [one for one in there if one["uri"] == asked.one("q")]}
        return None

    def _page(self, items: Iterable[Mapping[str, Any]], asked: Asked) -> Answer:
        low, high = (
            int(asked.query.get(name, [default])[0]) for name, default in (("min_id", "0"), ("max_id", "9" * 20))
        )
        newer = takewhile(lambda one: int(one["id"]) > low, dropwhile(lambda one: int(one["id"]) >= high, items))
        limit = int(asked.one("limit"))
        shown = list(deque(newer, limit) if "min_id" in asked.query else islice(newer, limit))
        link = f'<{self.url}{asked.path}?min_id={shown[0]["id"]}>; rel="prev"' if shown else ""
        return self._json(shown, headers={"Link": link} if link else {})

    def _json(self, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        said = {"Content-Type": "application/json", **self.limits, **(headers or {})}
        return Answer(status, json.dumps(body).encode(), said)

    def talk(self, connection: ServerConnection, asked: Asked) -> None:
        """Take subscriptions and pass on what is said, until told to close."""
        if asked.headers.get("Authorization") != f"Bearer {self.token}":
            return
        said = queue.SimpleQueue[str]()
        self.streams.append(said)  # before anybody is told that there is a subscription
        threading.Thread(target=self._subscribe, args=(connection,), daemon=True).start()
        try:
            while not self.ended.is_set():
                try:
                    message = said.get(timeout=0.05)
                except queue.Empty:
                    continue
                if message == CLOSE:
                    return
                if message == CUT:
                    connection.socket.sendall(b"\x81\x7e\x01\x00half of a")
                    connection.socket.close()
                    return
                connection.send(message)
        finally:
            self.streams.remove(said)

    def _subscribe(self, connection: ServerConnection) -> None:
        try:
            for message in connection:
                self.subscriptions.append(json.loads(message))
                self.subscribed.release()
        except (ConnectionClosed, OSError):
            return


def empty_with_a_next_page(answer: Answer) -> Answer:
    """All of the answer was filtered; its Link header stays."""
    return Answer(answer.status, b"[]", answer.headers) if answer.body.startswith(b"[") else answer


def twice(answer: Answer) -> Answer:
    """Every item twice."""
    body = json.loads(answer.body)
    return Answer(answer.status, json.dumps(body + body).encode(), answer.headers) if _is_page(body) else answer


def out_of_order(answer: Answer) -> Answer:
    """Oldest first, which is as wrong as can be."""
    body = json.loads(answer.body)
    return Answer(answer.status, json.dumps(body[::-1]).encode(), answer.headers) if _is_page(body) else answer


def too_many(answer: Answer) -> Answer:
    """429 as Mastodon says it: no Retry-After, but when the count begins anew."""
    return Answer(429, b'{"error": "Too many requests"}', used_up(seconds=300))


def used_up(seconds: int) -> dict[str, str]:
    """Headers of an answer that was the last for so long, on the clock that its Date header shows: the machine's."""
    reset = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset.isoformat().replace("+00:00", "Z")}


def _is_page(body: object) -> bool:
    return isinstance(body, list)


@contextmanager
def server() -> Iterator[Server]:
    """Serve it."""
    site = Server()
    with ExitStack() as stack:
        site.url = stack.enter_context(loopback.http(site.answer)).url
        stream = stack.enter_context(loopback.websocket(site.talk))
        stack.callback(site.ended.set)  # before the server that waits for its connections
        site.streaming = stream.url.removesuffix("/subscribe")
        yield site


@contextmanager
def recordings() -> Iterator[Server]:
    """Serve what was recorded: a hashtag, and the mentions of an account."""
    with server() as site:
        site.post(*recorded("test_hashtag_tl", 2))
        site.notifications = recorded("test_notifications_mentions_only", 1)
        yield site


NOW = datetime(2026, 8, 1, 14, tzinfo=UTC)
"""When what was recorded was new."""
