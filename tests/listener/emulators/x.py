"""X: posts are written here, and its API v2 gives them as its documents say; x_server.py serves it, with faults.

Only fields that were asked for are given. Time is a clock that is handed in.
"""

from __future__ import annotations

import html
import json
import queue
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from core.clock import Clock
from tests.listener.emulators.faults import Fault
from tests.listener.emulators.x_syntax import Invalid, compiled, seen
from tests.loopback import Answer, Asked

TOKEN = "AAAAAAAAAAAAAAAAAAAAAMLheAAAAAAA0"
USER = {"api_key": "key", "api_secret": "secret", "access_token": "111-token", "access_secret": "sesame"}
"""Of the account that answers."""
DATA = Path(__file__).parents[1] / "data" / "x"
_EPOCH = 1_288_834_974_657
_ALWAYS = ("id", "text", "edit_history_tweet_ids")

STREAM = "/2/tweets/search/stream"


@dataclass(slots=True)
class Connection:
    """One client of the stream. What is put is sent; None ends it cleanly, "cut" in the middle of a line."""

    out: queue.SimpleQueue[dict[str, Any] | bytes | str | None] = field(default_factory=queue.SimpleQueue)


@dataclass(slots=True)
class X:
    """The platform: what was posted, what it was asked, and what goes wrong next."""

    clock: Clock
    url: str = ""
    accounts: dict[str, str] = field(default_factory=lambda: {"acme": "111", "acmehelp": "222", "twitter": "783214"})
    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, dict[str, str]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=set)
    token: str = TOKEN
    signed_in: str = "acme"
    remaining: int = 400
    refused: str = "refused-rule"
    connections: list[Connection] = field(default_factory=list)
    most_connections: int = 3
    lock: threading.RLock = field(default_factory=threading.RLock)
    _number: int = 0

    def post(self, text: str, by: str = "ann", **fields: Any) -> str:
        """Write a post; its id. `fields` replace those of its JSON; `at` is when."""
        at: datetime = fields.pop("at", None) or self.clock.now()
        with self.lock:
            self._number += 1
            given = fields.pop("id", None)
            post_id = str(given or ((int(at.timestamp() * 1_000) - _EPOCH) << 22 | self._number & 0x3FFFFF))
            post = {
                "id": post_id,
                "text": text,
                "edit_history_tweet_ids": [post_id],
                "author_id": str(sum(map(ord, by)) * 1_000 + len(by)),
                "username": by,
                "conversation_id": post_id,
                "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "lang": "en",
                "public_metrics": {"retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0},
                "reply_settings": "everyone",
            } | fields
            self.posts[post_id] = post
            for connection in self.connections:
                if self._rules_of(post):
                    connection.out.put(post)
        return post_id

    def repost(self, original: str, by: str = "bob") -> str:
        """Share a post as it is."""
        text = f"RT @{self.posts[original]['username']}: {self.posts[original]['text'][:100]}"
        return self.post(text, by, referenced_tweets=[{"type": "retweeted", "id": original}])

    def edit(self, post_id: str, text: str) -> str:
        """A new version of a post, under a new id; X shows the latest one only."""
        old = self.posts[post_id]
        history = [*old["edit_history_tweet_ids"], ""]
        new = self.post(text, old["username"], conversation_id=old["conversation_id"], edit_history_tweet_ids=history)
        history[-1] = new
        for version in history:
            self.posts[version]["edit_history_tweet_ids"] = history
        old["old"] = True
        return new

    def delete(self, post_id: str) -> None:
        """Take a post away, in all its versions."""
        for version in self.posts[post_id]["edit_history_tweet_ids"]:
            self.posts.pop(version, None)

    def paths(self) -> list[str]:
        """What was asked so far, without parameters."""
        return [f"{one.method} {one.path}" for one in self.asked]

    def searched(self) -> list[str]:
        """The queries of all searches so far."""
        return [one.one("query") for one in self.asked if one.path == "/2/tweets/search/recent"]

    def fail(self, path: str, *faults: Fault) -> None:
        """The next requests whose method and path contain this end so."""
        self.faults += [(path, fault) for fault in faults]

    def end_streams(self, how: str | bytes | dict[str, Any] | None = None) -> None:
        """End all connections: cleanly, or "cut", or go silent ("hang"); or send them something."""
        with self.lock:
            for connection in self.connections:
                connection.out.put(how)

    def answer(self, asked: Asked) -> Answer:
        """What X answers, or what comes instead."""
        self.asked.append(asked)
        answer = self._honest(asked)
        for number, (path, fault) in enumerate(self.faults):
            if path in f"{asked.method} {asked.path}":
                del self.faults[number]
                return fault(answer)
        return answer

    def _honest(self, asked: Asked) -> Answer:
        given = asked.headers.get("Authorization", "")
        signed = given.startswith("OAuth ") and f'oauth_token="{USER["access_token"]}"' in given
        if given != f"Bearer {self.token}" and not signed:
            return problem(401, "Unauthorized", "Unauthorized")
        if any(one in asked.path for one in self.forbidden):
            return problem(403, "Client Forbidden", "Your app is not enrolled for this", "client-not-enrolled")
        with self.lock:
            for (method, path), give in _ROUTES.items():
                found = re.fullmatch(path, asked.path)
                if method == asked.method and found:
                    answer = give(self, asked, *found.groups())
                    limits = {"x-rate-limit-limit": "450", "x-rate-limit-remaining": str(self.remaining)}
                    reset = {"x-rate-limit-reset": str(int(self.clock.now().timestamp()) + 600)}
                    return Answer(answer.status, answer.body, {**limits, **reset, **answer.headers}, answer.declared)
        return problem(404, "Not Found Error", f"there is no {asked.method} {asked.path}")

    def _rules_of(self, post: Mapping[str, Any]) -> list[str]:
        post_seen = seen(post, self._quoted(post), stream=True)
        return [key for key, rule in self.rules.items() if compiled(rule["value"], stream=True)(post_seen)]

    def _quoted(self, post: Mapping[str, Any]) -> Mapping[str, Any] | None:
        quoted = [one["id"] for one in post.get("referenced_tweets", ()) if one["type"] in ("quoted", "retweeted")]
        return self.posts.get(quoted[0]) if quoted else None

    def given(self, posts: list[dict[str, Any]], asked: Asked) -> dict[str, Any]:
        """Posts with the fields that were asked for, and their authors if those were."""
        fields = {*_ALWAYS, *asked.query.get("tweet.fields", [""])[0].split(",")}
        body: dict[str, Any] = {}
        if posts:
            body["data"] = [{name: value for name, value in post.items() if name in fields} for post in posts]
        if posts and "author_id" in asked.query.get("expansions", [""])[0]:
            names = {"id", *asked.query.get("user.fields", [""])[0].split(",")}
            users = {post["author_id"]: _user(post) for post in posts}
            body["includes"] = {"users": [{k: v for k, v in one.items() if k in names} for one in users.values()]}
        return body

    def line(self, post: dict[str, Any], asked: Asked) -> bytes:
        """A post as the stream gives it."""
        body = self.given([post], asked)
        rules = [{"id": key, "tag": self.rules[key]["tag"]} for key in self._rules_of(post) if key in self.rules]
        return json.dumps({**body, "data": body["data"][0], "matching_rules": rules}).encode() + b"\r\n"


def _user(post: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": post["author_id"],
        "username": post["username"],
        "name": post["username"].title(),
        "public_metrics": {"followers_count": 1_234},
    }


def reply(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


def problem(status: int, title: str, detail: str, kind: str = "about:blank", **headers: str) -> Answer:
    """An error as X words it."""
    body = {"title": title, "detail": detail, "status": status, "type": f"https://api.x.com/2/problems/{kind}"}
    return Answer(status, json.dumps(body).encode(), {name.replace("_", "-"): one for name, one in headers.items()})


def _timeline(x: X, asked: Asked, account: str) -> Answer:
    handle = next(name for name, number in x.accounts.items() if number == account)
    tags = re.compile(rf"@{handle}(?!\w)", re.IGNORECASE)
    found = (post for post in _newest_first(x) if tags.search(post["text"]))
    return _page(x, islice(found, 800), asked, "pagination_token")


def _search(x: X, asked: Asked) -> Answer:
    now, query = x.clock.now(), asked.one("query")
    oldest = now - timedelta(days=7)
    start, end = (_when(asked.query.get(name)) for name in ("start_time", "end_time"))
    since = asked.query.get("since_id", ["0"])[0]
    if len(query) > 512:
        return problem(400, "Invalid Request", "the query is too long")
    if (start and start < oldest) or (since != "0" and _time(since) < oldest):
        return problem(400, "Invalid Request", "since_id or start_time must be within the last 7 days")
    if end and end > now - timedelta(seconds=10):
        return problem(400, "Invalid Request", "end_time must be a minimum of 10 seconds prior to the request time")
    try:
        test = compiled(query, stream=False)
    except Invalid as error:
        return problem(400, "Invalid Request", f"query: {error}")
    below = int(asked.query.get("next_token", ["9" * 19])[0])
    hits = (post for post in _newest_first(x) if int(post["id"]) < below and oldest <= _time(post["id"]) <= now)
    found = (post for post in hits if test(seen(post, None, stream=False)) and not _is_repost(post))
    return _page(x, found, asked, "next_token")


def _is_repost(post: Mapping[str, Any]) -> bool:
    return any(one["type"] == "retweeted" for one in post.get("referenced_tweets", ()))


def _newest_first(x: X) -> list[dict[str, Any]]:
    return sorted((post for post in x.posts.values() if not post.get("old")), key=lambda one: -int(one["id"]))


def _page(x: X, found: Iterable[dict[str, Any]], asked: Asked, token: str) -> Answer:
    start, end = (_when(asked.query.get(name)) for name in ("start_time", "end_time"))
    since, below = int(asked.query.get("since_id", ["0"])[0]), int(asked.query.get(token, ["9" * 19])[0])
    later = takewhile(lambda post: int(post["id"]) > since and (not start or _time(post["id"]) >= start), found)
    inside = (post for post in later if int(post["id"]) < below and (not end or _time(post["id"]) < end))
    given = list(islice(inside, int(asked.one("max_results"))))
    meta: dict[str, Any] = {"result_count": len(given)}
    if given:
        meta |= {"newest_id": given[0]["id"], "oldest_id": given[-1]["id"]}
    if next(inside, None):
        meta["next_token"] = given[-1]["id"]
    return reply({**x.given(given, asked), "meta": meta})


def _when(given: list[str] | None) -> datetime | None:
    return datetime.fromisoformat(given[0]) if given else None


def _time(post_id: str) -> datetime:
    return datetime.fromtimestamp(((int(post_id) >> 22) + _EPOCH) / 1_000, UTC)


def _open_stream(x: X, _: Asked) -> Answer:
    if not x.rules:
        return problem(409, "ConnectionException", "your stream has no rules")
    if len(x.connections) >= x.most_connections:
        detail = "This stream is currently at the maximum allowed connection limit."
        return problem(429, "ConnectionException", detail, "streaming-connection")
    return Answer(200)


def _users(x: X, asked: Asked) -> Answer:
    names = asked.one("usernames").split(",")
    known = [
        {"id": x.accounts[one.lower()], "username": one, "name": one} for one in names if one.lower() in x.accounts
    ]
    missing = [{"value": one, "title": "Not Found Error"} for one in names if one.lower() not in x.accounts]
    return reply(({"data": known} if known else {}) | ({"errors": missing} if missing else {}))


_GONE = "https://api.twitter.com/2/problems/resource-not-found"


def _lookup(x: X, asked: Asked) -> Answer:
    ids = asked.one("ids").split(",")
    missing = [{"resource_id": one, "type": _GONE, "title": "Not Found Error"} for one in ids if one not in x.posts]
    found = x.given([x.posts[one] for one in ids if one in x.posts], asked)
    return reply(found | ({"errors": missing} if missing else {}))


def _list_rules(x: X, _: Asked) -> Answer:
    return reply({"data": list(x.rules.values()), "meta": {"result_count": len(x.rules)}} if x.rules else {"meta": {}})


def _change_rules(x: X, asked: Asked) -> Answer:
    body = json.loads(asked.body)
    for key in body.get("delete", {}).get("ids", ()):
        x.rules.pop(key, None)
    errors = []
    for rule in body.get("add", ()):
        reason = _refusal(x, rule["value"])
        if reason:
            errors.append({"value": rule["value"], "title": reason, "details": [reason]})
        else:
            key = str(len(x.asked) * 10_000 + len(x.rules))
            x.rules[key] = {"id": key, **rule}
    return reply({"meta": {}, "errors": errors} if errors else {"meta": {}}, 201)


def _refusal(x: X, value: str) -> str | None:
    if value in (rule["value"] for rule in x.rules.values()):
        return "DuplicateRule"
    if len(value.encode("utf-16-le")) > 2_048 or len(x.rules) >= 1_000:
        return "RulesCapExceeded"
    try:
        compiled(value, stream=True)
    except Invalid as error:
        return f"Invalid Rule: {error}"
    return "Invalid Rule: not today" if x.refused in value else None


def _create_job(x: X, asked: Asked) -> Answer:
    if any(job["status"] in ("created", "in_progress") for job in x.jobs.values()):
        return problem(409, "Conflict", "a job of this type is already active")
    key = str(1_000 + len(x.jobs))
    address = f"{x.url}/2/compliance/jobs/{key}"
    urls = {"upload_url": f"{address}/upload?token=1", "download_url": f"{address}/download?token=2"}
    x.jobs[key] = {"id": key, "status": "created", "ids": [], **json.loads(asked.body), **urls}
    return reply({"data": x.jobs[key]})


def _upload(x: X, asked: Asked, key: str) -> Answer:
    x.jobs[key] |= {"ids": asked.body.decode().split(), "status": "in_progress"}
    return reply({})


def _download(x: X, _: Asked, key: str) -> Answer:
    lines = []
    for one in x.jobs[key]["ids"]:
        if one not in x.posts:
            lines.append({"id": one, "action": "delete", "reason": "deleted"})
        elif x.posts[one].get("old"):
            lines.append({"id": one, "action": "rehydrate", "reason": "edited"})
    return Answer(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def _usage(x: X, _: Asked) -> Answer:
    return reply({"data": {"project_cap": "2000000", "project_usage": "4711", "cap_reset_day": 9}})


_JOB = r"/2/compliance/jobs/(\d+)"


def _me(x: X, _: Asked) -> Answer:
    return reply({"data": {"id": x.accounts[x.signed_in], "username": x.signed_in, "name": x.signed_in.title()}})


def _create(x: X, asked: Asked) -> Answer:
    """A post of the account whose keys these are; X shortens links, and puts in front whom it answers."""
    body = json.loads(asked.body)
    above = body["reply"]["in_reply_to_tweet_id"]
    if above not in x.posts:
        detail = "You attempted to reply to a Tweet that is deleted or not visible to you."
        return problem(403, "Forbidden", detail)
    text = f"@{x.posts[above]['username']} " + re.sub(r"https?://\S+", "https://t.co/aBcDeFgHiJ", body["text"])
    references = [{"type": "replied_to", "id": above}]
    made = x.post(html.escape(text, quote=False), x.signed_in, referenced_tweets=references)
    return reply({"data": {"id": made, "text": text, "edit_history_tweet_ids": [made]}}, 201)


def _remove(x: X, _: Asked, post_id: str) -> Answer:
    x.posts.pop(post_id, None)
    return reply({"data": {"deleted": True}})


def _own(x: X, asked: Asked, account: str) -> Answer:
    handle = next(name for name, number in x.accounts.items() if number == account)
    return _page(x, (post for post in _newest_first(x) if post["username"] == handle), asked, "pagination_token")


_ROUTES: Mapping[tuple[str, str], Callable[..., Answer]] = {
    ("GET", "/2/users/me"): _me,
    ("POST", "/2/tweets"): _create,
    ("DELETE", r"/2/tweets/(\d+)"): _remove,
    ("GET", r"/2/users/(\d+)/tweets"): _own,
    ("GET", "/2/users/by"): _users,
    ("GET", r"/2/users/(\d+)/mentions"): _timeline,
    ("GET", "/2/tweets/search/recent"): _search,
    ("GET", "/2/tweets"): _lookup,
    ("GET", STREAM): _open_stream,
    ("GET", "/2/tweets/search/stream/rules"): _list_rules,
    ("POST", "/2/tweets/search/stream/rules"): _change_rules,
    ("GET", "/2/usage/tweets"): _usage,
    ("GET", "/2/compliance/jobs"): lambda x, _: reply({"data": list(x.jobs.values())} if x.jobs else {}),
    ("POST", "/2/compliance/jobs"): _create_job,
    ("GET", _JOB): lambda x, _, key: reply({"data": x.jobs[key]}),
    ("DELETE", _JOB): lambda x, _, key: (x.jobs.pop(key), Answer(204))[1],
    ("PUT", f"{_JOB}/upload"): _upload,
    ("GET", f"{_JOB}/download"): _download,
}


def post_recorded(x: X) -> None:
    """Post what was recorded: 10 mentions of @Twitter and 10 posts with the word tweepy."""
    for file in sorted(DATA.glob("*.json")):
        for number, post in enumerate(json.loads(file.read_text(encoding="utf-8"))[0]["response"]["body"]["data"]):
            x.post(post["text"], f"user{number}", at=_time(post["id"]), id=post["id"])
