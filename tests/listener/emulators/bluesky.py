"""Bluesky: Jetstream hosts of both versions, and the server of an account, with what has been seen of them:

* a cursor is inclusive; a time in microseconds is understood by both versions, a count only by the host that counts;
* a host forgets: version 1 and times begin at what is left, a count that is too old is refused by version 2;
* events of accounts come whatever collections are wanted; a host can lose a collection while they go on;
* an account may sign in only so often; an access token expires, and a refresh token can be used once.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backports.zstd import ZstdDict, compress
from websockets.sync.server import ServerConnection

from listener.sources.bluesky import jetstream
from tests import loopback
from tests.listener.emulators.faults import Fault
from tests.loopback import Answer, Asked

DATA = Path(__file__).parents[1] / "data" / "bluesky"
DICTIONARIES = Path(jetstream.__file__).parent / "dictionaries"
POSTS, REPOSTS = "app.bsky.feed.post", "app.bsky.feed.repost"
CLOSE, CUT = "close", "cut"
HANDLE, PASSWORD = "acme.bsky.social", "abcd-efgh-ijkl-mnop"
_V1 = ZstdDict((DICTIONARIES / "legacy_subscribe.zdict").read_bytes())
_V2 = ZstdDict((DICTIONARIES / "subscribe_events_20260811.zdict").read_bytes())


def recorded(name: str = "events_v1") -> list[dict[str, Any]]:
    """Real events of version 1."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def event(number: int, time: int, operation: str = "create", text: str = "", **record: Any) -> dict[str, Any]:
    """A post of somebody, as version 1 tells of it."""
    commit = {"collection": POSTS, "operation": operation, "rkey": f"r{number}"}
    if operation != "delete":
        said = {"text": text or f"acme lost parcel {number}", "createdAt": iso(time)}
        commit["record"] = {"$type": POSTS, **said, **record}  # type: ignore[assignment]
    return {"did": "did:plc:ann", "time_us": time, "kind": "commit", "commit": commit}


def repost(number: int, time: int, of: str) -> dict[str, Any]:
    """Somebody reposts a post."""
    record = {"$type": REPOSTS, "subject": {"uri": of, "cid": "c"}, "createdAt": iso(time)}
    commit = {"collection": REPOSTS, "operation": "create", "rkey": f"s{number}", "record": record}
    return {"did": "did:plc:bob", "time_us": time, "kind": "commit", "commit": commit}


def account(time: int, status: str = "deactivated", did: str = "did:plc:eve") -> dict[str, Any]:
    """An account is no more what it was."""
    told = {"active": False, "did": did, "status": status}
    return {"did": did, "time_us": time, "kind": "account", "account": told}


def uri(number: int) -> str:
    """What names the post of `event`."""
    return f"at://did:plc:ann/{POSTS}/r{number}"


def iso(time: int) -> str:
    """Microseconds as a time in text."""
    return datetime.fromtimestamp(time / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Host:
    """A Jetstream. `lost` are collections that it no longer gives; what is older than `keeps_from` it has forgotten."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    first_seq: int = 1
    lost: set[str] = field(default_factory=set)
    keeps_from: int = 0
    refusals: deque[Answer] = field(default_factory=deque)
    orders: deque[str] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False

    def tell(self, *events: Mapping[str, Any]) -> None:
        """Have these, and give them to everybody who listens."""
        with self.news:
            self.events += [dict(one) for one in events]
            self.news.notify_all()

    def order(self, what: str) -> None:
        """End the connections that there are: CLOSE or CUT."""
        with self.news:
            self.orders.append(what)
            self.news.notify_all()

    def end(self) -> None:
        """No more."""
        with self.news:
            self.ended = True
            self.news.notify_all()

    def second(self) -> str:
        """The address of its version 2."""
        return self.url.replace("/subscribe", f"/xrpc/{jetstream.VERSION_2}")

    def refuse(self, asked: Asked) -> Answer | None:
        """Before a connection is opened."""
        self.asked.append(asked)
        if self.refusals:
            return self.refusals.popleft()
        given = int(asked.query.get("cursor", ["0"])[0])
        forgotten = sum(one["time_us"] < self.keeps_from for one in self.events)
        if self._is_second(asked) and 0 < given < 10**15 and given < self.first_seq + forgotten:
            return Answer(400, json.dumps({"error": "CursorTooOld", "message": "floor"}).encode())
        return None

    def talk(self, connection: ServerConnection, asked: Asked) -> None:
        """Everything from the cursor on, then what is new."""
        second, sent = self._is_second(asked), self._start(connection, asked)
        wanted = asked.query["collections" if second else "wantedCollections"]
        packed = (_V2 if "zstdDictionary" in asked.query else None) if second else _V1
        packed = packed if second or asked.query.get("compress") == ["true"] else None
        while True:
            fresh, order = self._wait(sent)
            for number, one in enumerate(fresh, self.first_seq + sent):
                if self._gives(one, wanted):
                    text = json.dumps(_frame(one, number) if second else one)
                    connection.send(compress(text.encode(), zstd_dict=packed.as_digested_dict) if packed else text)
            sent += len(fresh)
            if order == CUT:
                connection.socket.sendall(b"\x82\x7e\x01\x00half of a")
                connection.socket.close()
            if order or self.ended:
                return

    def _wait(self, sent: int) -> tuple[list[dict[str, Any]], str | None]:
        """What is new after so many events, and an order, if there is one."""
        with self.news:
            self.news.wait_for(lambda: len(self.events) > sent or self.orders or self.ended, timeout=30)
            return self.events[sent:], self.orders.popleft() if self.orders else None

    def _is_second(self, asked: Asked) -> bool:
        return asked.path.endswith(jetstream.VERSION_2)

    def _gives(self, one: Mapping[str, Any], wanted: list[str]) -> bool:
        if one["time_us"] < self.keeps_from:
            return False
        collection = one.get("commit", {}).get("collection")
        return collection is None or (collection in wanted and collection not in self.lost)

    def _start(self, connection: ServerConnection, asked: Asked) -> int:
        """How many events lie before the cursor."""
        if "cursor" not in asked.query:
            return 0  # not the tip, so that a test need not hurry
        given = int(asked.one("cursor"))
        if given >= 10**15:
            return sum(one["time_us"] < given for one in self.events)
        if given > self.first_seq + len(self.events):
            info = {"$type": f"{jetstream.VERSION_2}#info", "name": "FutureCursor"}
            connection.send(json.dumps({"$type": "message", "payload": info}))
            return len(self.events)
        return given - self.first_seq


def _frame(one: Mapping[str, Any], seq: int) -> dict[str, Any]:
    """The event as version 2 tells of it."""
    when = iso(one["time_us"])
    said = {"$type": f"{jetstream.VERSION_2}#{one['kind']}", "seq": seq, "did": one["did"], "time": when}
    inner = one.get("commit") or {one["kind"]: one.get(one["kind"])}
    return {"$type": "message", "payload": said | {"witnessedAt": when} | inner}


@dataclass(slots=True)
class Server:
    """The server of an account. `faults` are done to the next answers, one to each."""

    url: str = ""
    password: str = PASSWORD
    posts: list[dict[str, Any]] = field(default_factory=list)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: int = 0
    access: str = "none"
    refresh: str = "none"

    def expire(self) -> None:
        """The access token has had its day."""
        self.access = "none"

    def show(self, number: int, time: int, text: str = "", **more: Any) -> dict[str, Any]:
        """A post as a search shows it."""
        view = {
            "uri": uri(number),
            "author": {"did": "did:plc:ann", "handle": "ann.bsky.social", "displayName": "Ann"},
            "record": event(number, time, text=text)["commit"]["record"],
            "indexedAt": iso(time),
            "likeCount": 3,
            "repostCount": 2,
            "quoteCount": 1,
        } | more
        self.posts.append(view)
        return view

    def requests(self, method: str) -> list[Asked]:
        """Those for one method."""
        return [one for one in self.asked if one.path == f"/xrpc/{method}"]

    def answer(self, asked: Asked) -> Answer:
        """What the server answers, unless a fault is next."""
        self.asked.append(asked)
        honest = self._answer(asked.path.removeprefix("/xrpc/"), asked)
        return self.faults.popleft()(honest) if self.faults else honest

    def _answer(self, method: str, asked: Asked) -> Answer:  # noqa: PLR0911 - one for each method
        given = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        match method:
            case "com.atproto.server.createSession":
                if json.loads(asked.body) != {"identifier": HANDLE, "password": self.password}:
                    return _refusal(401, "AuthenticationRequired", "Invalid identifier or password")
                return self._session()
            case "com.atproto.server.refreshSession":
                return self._session() if given == self.refresh else _refusal(400, "ExpiredToken", "revoked")
        if given != self.access and (given or method not in ("app.bsky.feed.getPosts", "app.bsky.actor.getProfiles")):
            return _refusal(400, "ExpiredToken", "Token has expired")
        if method == "com.atproto.repo.putRecord":
            return self._put(json.loads(asked.body))
        if method == "com.atproto.repo.deleteRecord":
            self.records.pop(json.loads(asked.body)["rkey"], None)
            return _json({})
        if method == "com.atproto.repo.getRecord":
            found = self.records.get(asked.one("rkey"))
            return _refusal(400, "RecordNotFound", "Could not locate record") if found is None else _json(found)
        if method == "com.atproto.identity.resolveHandle":
            return _refusal(400, "InvalidRequest", "Unable to resolve handle")
        return Answer(body=json.dumps(self._found(method, asked)).encode())

    def _put(self, body: dict[str, Any]) -> Answer:
        """A record under the name that the client chose; a second one takes its place."""
        assert (body["repo"], body["collection"]) == ("did:plc:me", POSTS)
        if len(body["record"]["text"]) > 3_000:
            return _refusal(400, "InvalidRequest", "Record/text must not be longer than 300 graphemes")
        self.written.append(body["rkey"])
        address = f"at://did:plc:me/{POSTS}/{body['rkey']}"
        self.records[body["rkey"]] = {"uri": address, "cid": f"cid-{body['rkey']}", "value": body["record"]}
        return _json({"uri": address, "cid": f"cid-{body['rkey']}"})

    def _session(self) -> Answer:
        self.sessions += 1
        self.access, self.refresh = f"access-{self.sessions}", f"refresh-{self.sessions}"
        session = {"accessJwt": self.access, "refreshJwt": self.refresh, "did": "did:plc:me", "handle": HANDLE}
        return Answer(body=json.dumps(session).encode())

    def _found(self, method: str, asked: Asked) -> dict[str, Any]:
        start = int(asked.query.get("cursor", ["0"])[0])
        limit = int(asked.query.get("limit", ["25"])[0])
        if method == "com.atproto.server.getSession":
            return {"handle": HANDLE, "did": "did:plc:me"}
        if method == "app.bsky.actor.getProfiles":
            return {"profiles": [self.profiles[one] for one in asked.query["actors"] if one in self.profiles]}
        if method == "app.bsky.feed.getPosts":
            return {"posts": [{"cid": "c1"} | one for one in self.posts if one["uri"] in asked.query["uris"]]}
        if method == "app.bsky.notification.listNotifications":
            name, items = "notifications", self.notifications[::-1]
        else:
            word = asked.one("q").strip('"').casefold()
            since, until = (datetime.fromisoformat(asked.one(name)) for name in ("since", "until"))
            items = [one for one in self.posts if since <= datetime.fromisoformat(one["indexedAt"]) < until]
            name, items = "posts", [one for one in items if word in one["record"]["text"].casefold()]
        page = {name: items[start : start + limit]}
        return page | ({"cursor": str(start + limit)} if start + limit < len(items) else {})


def _json(body: object) -> Answer:
    return Answer(body=json.dumps(body).encode())


def _refusal(status: int, error: str, message: str) -> Answer:
    return Answer(status, json.dumps({"error": error, "message": message}).encode())


@contextmanager
def host() -> Iterator[Host]:
    """Serve a Jetstream."""
    running = Host()
    with loopback.websocket(running.talk, running.refuse) as served:
        running.url = served.url
        try:
            yield running
        finally:
            running.end()


@contextmanager
def hosts() -> Iterator[tuple[Host, Host]]:
    """Serve two."""
    with host() as first, host() as second:
        yield first, second


@contextmanager
def server() -> Iterator[Server]:
    """Serve an account's server."""
    running = Server()
    with ExitStack() as stack:
        running.url = stack.enter_context(loopback.http(running.answer)).url
        yield running
