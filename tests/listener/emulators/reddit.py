"""Reddit's token endpoint, listings and /api/info, with what has been seen of them:

* a listing has a thousand items at most, newest first, a hundred at a time;
* what comes `after` or `before` an item that is no longer listed is nothing;
* a deleted item is in no listing, and /api/info shows it without text and author.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from core.clock import Clock, SystemClock
from tests import loopback
from tests.listener.emulators.faults import Fault
from tests.loopback import Answer, Asked

DATA = Path(__file__).parents[1] / "data" / "reddit"
LISTED = 1_000
CODE, REFRESH = "code-from-reddit", "refresh-from-reddit"
KEYS = {
    "client_id": "p-jcoLKBynTLew",
    "client_secret": "gko_LXELoV07",
    "username": "acme_care",
    "password": "sesame",
}


def recorded(test: str, *, tokens: bool = False) -> list[Any]:
    """The answers that were recorded in one test of praw or prawcore, for a token or for all else."""
    exchanges = json.loads((DATA / f"{test}.json").read_text(encoding="utf-8"))
    return [one["response"] for one in exchanges if tokens == ("access_token" in one["request"]["uri"])]


def things(test: str, exchange: int = 0) -> list[dict[str, Any]]:
    """The items of one recorded listing."""
    return [child["data"] for child in recorded(test)[exchange]["body"]["data"]["children"]]


def comment(number: int, when: float, sub: str = "acme", **more: Any) -> dict[str, Any]:
    """A comment as a listing has it."""
    name = f"c{number:x}"
    return {
        "name": f"t1_{name}",
        "id": name,
        "author": "ann",
        "author_fullname": "t2_ann",
        "body": f"comment {number}",
        "created_utc": when,
        "edited": False,
        "link_id": "t3_s1",
        "parent_id": "t3_s1",
        "permalink": f"/r/{sub}/comments/s1/a_rocket/{name}/",
        "subreddit": sub,
        "score": 1,
    } | more


def submission(number: int, when: float, sub: str = "acme", **more: Any) -> dict[str, Any]:
    """A submission as a listing has it."""
    name = f"s{number:x}"
    return {
        "name": f"t3_{name}",
        "id": name,
        "author": "bob",
        "author_fullname": "t2_bob",
        "title": f"submission {number}",
        "selftext": "It broke.",
        "is_self": True,
        "url": f"https://www.reddit.com/r/{sub}/comments/{name}/",
        "created_utc": when,
        "edited": False,
        "permalink": f"/r/{sub}/comments/{name}/a_rocket/",
        "subreddit": sub,
        "score": 5,
        "num_comments": 2,
    } | more


@dataclass(slots=True)
class Site:
    """What is on Reddit. `listings` are by path, newest first; `faults` are done to the next answers, one to each."""

    url: str = ""
    listings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    info: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    faults: deque[Fault] = field(default_factory=deque)
    refused: dict[str, Answer] = field(default_factory=dict)
    limits: dict[str, str] = field(default_factory=dict)
    scope: str = "*"
    revoked: bool = False
    token: str = "token-0"
    tokens: int = 0
    new_refresh_token: str | None = None
    asked: list[Asked] = field(default_factory=list)
    clock: Clock = field(default_factory=SystemClock)
    ours: list[dict[str, Any]] = field(default_factory=list)

    def post(self, path: str, *items: dict[str, Any]) -> None:
        """Put items on top of a listing, the last on top of all."""
        self.listings[path] = [*reversed(items), *self.listings.get(path, ())]
        self.info.update({item["name"]: item for item in items})

    def delete(self, name: str) -> None:
        """Take an item out of every listing."""
        self.deleted.add(name)

    def expire(self) -> None:
        """Make the token that was given out worthless."""
        self.token = "none"

    def answer(self, asked: Asked) -> Answer:
        """What Reddit answers, unless a fault is next."""
        self.asked.append(asked)
        honest = self._token(asked) if asked.path.endswith("/access_token") else self._api(asked)
        return self.faults.popleft()(honest) if self.faults else honest

    def requests(self, path: str) -> list[Asked]:
        """Those for one path."""
        return [asked for asked in self.asked if asked.path.rstrip("/") == path]

    def _token(self, asked: Asked) -> Answer:
        form = {name: value[0] for name, value in parse_qs(asked.body.decode()).items()}
        if self.revoked:
            return _json({"error": "invalid_grant"}, status=400)
        if form["grant_type"] == "authorization_code":
            right = form["code"] == CODE and asked.headers["Authorization"].startswith("Basic ")
            given_for = {"access_token": "a", "refresh_token": REFRESH} if right else {"error": "invalid_grant"}
            return _json(given_for)
        assert form["grant_type"] in ("password", "refresh_token", "client_credentials")
        self.tokens += 1
        self.token = f"token-{self.tokens}"
        given: dict[str, Any] = {"access_token": self.token, "token_type": "bearer", "expires_in": 86400}
        given["scope"] = self.scope
        if form["grant_type"] == "refresh_token":
            given["refresh_token"] = self.new_refresh_token or form["refresh_token"]
        return _json(given)

    def _api(self, asked: Asked) -> Answer:  # noqa: PLR0911 - one for each path
        path = asked.path.rstrip("/")
        if asked.headers.get("Authorization") != f"bearer {self.token}":
            return _json(
                {"message": "Unauthorized", "error": 401}, 401, {"www-authenticate": 'Bearer error="invalid_token"'}
            )
        if path in self.refused:
            return self.refused[path]
        if path == "/api/v1/me":
            return _json({"name": KEYS["username"], "id": "abc"}, headers=self.limits)
        if path == "/api/comment":
            return self._comment(asked)
        if path == "/api/del":
            gone = parse_qs(asked.body.decode())["id"]
            self.ours = [one for one in self.ours if one["name"] not in gone]
            return _json({}, headers=self.limits)
        if path == f"/user/{KEYS['username']}/comments":
            return _listing(self.ours[::-1][: int(asked.one("limit"))], None, self.limits)
        if path == "/api/info":
            found = [self._as_info(name) for name in asked.one("id").split(",") if name in self.info]
            return _listing(found, None, self.limits)
        return self._listed(path, asked)

    def _comment(self, asked: Asked) -> Answer:
        """A comment of the account."""
        form = {name: value[0] for name, value in parse_qs(asked.body.decode()).items()}
        made = comment(4_096 + len(self.ours), self.clock.now().timestamp(), author=KEYS["username"])
        made |= {"parent_id": form["thing_id"], "body": form["text"]}
        self.ours.append(made)
        return _json({"json": {"errors": [], "data": {"things": [{"kind": "t1", "data": made}]}}}, headers=self.limits)

    def _as_info(self, name: str) -> dict[str, Any]:
        bare: dict[str, Any] = {"author": "[deleted]", "author_fullname": None}
        text = {"body": "[deleted]"} if name.startswith("t1_") else {"selftext": "[deleted]"}
        return self.info[name] | (bare | text if name in self.deleted else {})

    def _listed(self, path: str, asked: Asked) -> Answer:
        shown = [item for item in self.listings.get(path, ()) if item["name"] not in self.deleted][:LISTED]
        if path == "/search":
            words = [word.strip('"').casefold() for word in asked.one("q").split(" OR ")]
            shown = [item for item in shown if any(word in json.dumps(item).casefold() for word in words)]
        names, limit = [item["name"] for item in shown], int(asked.query.get("limit", ["25"])[0])
        start = 0
        if "after" in asked.query:
            after = asked.one("after")
            start = names.index(after) + 1 if after in names else len(names)
        page = shown[start : start + limit]
        return _listing(page, page[-1]["name"] if start + limit < len(shown) else None, self.limits)


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


def _listing(items: list[dict[str, Any]], after: str | None, headers: Mapping[str, str]) -> Answer:
    children = [{"kind": item["name"][:2], "data": item} for item in items]
    return _json({"kind": "Listing", "data": {"after": after, "before": None, "children": children}}, headers=headers)


def with_children(answer: Answer, change: Any) -> Answer:
    """The same answer with its items changed by a function of their list; answers that are no listing stay."""
    body = json.loads(answer.body)
    if "data" in body and "children" in body["data"]:
        body["data"]["children"] = change(body["data"]["children"])
    return Answer(answer.status, json.dumps(body).encode(), answer.headers)


@contextmanager
def reddit() -> Iterator[Site]:
    """Serve it."""
    site = Site()
    with loopback.http(site.answer) as server:
        site.url = server.url
        yield site


@contextmanager
def recordings() -> Iterator[Site]:
    """Serve what was recorded: a subreddit's comments, and an account's mentions and replies."""
    with reddit() as site:
        site.listings["/r/kakapo/comments"] = things("TestSubredditStreams.test_comments__with_pause", 2)
        site.listings["/message/mentions"] = things("TestInbox.test_mentions")
        site.listings["/message/comments"] = things("TestInbox.test_comment_replies")
        yield site
