"""YouTube's commentThreads, comments, channels and videos, with what their documentation says and has been seen:

* threads come newest first by their first comment, a hundred at a time, and show a few of their replies at most;
* a page's token stops working after a while; replies are listed apart, by their parent;
* each request costs a unit, and when a day's are spent the answer is 403 quotaExceeded.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from core.clock import Clock, SystemClock
from tests import loopback
from tests.listener.emulators.faults import Fault
from tests.loopback import Answer, Asked

DATA = Path(__file__).parents[1] / "data" / "youtube"
KEY = "AIza-and-so-on"
VIDEO = "F1UP7wRCPH8"
CHANNEL = "UC_x5XG1OV2P6uZZ5FSM9Ttw"
OURS, ACCESS = "UC-ours-ours-ours-ours-our", "ya29.an-hour"
SIGNED_IN = {"oauth_client_id": "4711.apps", "oauth_client_secret": "GOCSPX-x", "refresh_token": "1//forever"}
SHOWN = 5
"""Replies that a thread brings along at most."""


def recorded(name: str) -> dict[str, Any]:
    """One recorded answer."""
    body: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return body


def comment(native_id: str, when: float, video: str = VIDEO, **more: Any) -> dict[str, Any]:
    """A comment as a list has it."""
    written = datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {
        "authorDisplayName": "@ann",
        "authorChannelId": {"value": "UC-ann"},
        "videoId": video,
        "textDisplay": f"comment {native_id}",
        "textOriginal": f"comment {native_id}",
        "likeCount": 1,
        "publishedAt": written,
        "updatedAt": written,
    }
    return {"kind": "youtube#comment", "id": native_id, "snippet": said | more}


@dataclass(slots=True)
class Thread:
    """A thread: its first comment and its replies, oldest first."""

    top: dict[str, Any]
    replies: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Site:
    """What is on YouTube: threads by video and channel, newest first. `faults` are done to the next answers."""

    url: str = ""
    threads: dict[str, list[Thread]] = field(default_factory=dict)
    by_id: dict[str, Thread] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    refused: dict[str, Answer] = field(default_factory=dict)
    epoch: int = 0
    units: int = 1_000_000
    revoked: bool = False
    asked: list[Asked] = field(default_factory=list)
    clock: Clock = field(default_factory=SystemClock)
    inserted: int = 0
    ends: dict[str, int] = field(default_factory=dict)

    def post(self, place: str, *tops: dict[str, Any]) -> None:
        """Put threads on a video or channel, the last on top."""
        new = [Thread(top) for top in reversed(tops)]
        self.by_id |= {one.top["id"]: one for one in new}
        self.threads[place] = new + self.threads.get(place, [])

    def thread(self, native_id: str) -> Thread | None:
        return self.by_id.get(native_id)

    def reply(self, thread_id: str, *replies: dict[str, Any]) -> None:
        """Put replies under a thread."""
        thread = self.thread(thread_id)
        assert thread
        for one in replies:
            one["snippet"]["parentId"] = thread_id
            one["snippet"].pop("videoId", None)
        thread.replies += replies

    def delete(self, native_id: str) -> None:
        """Take a comment away; a thread goes with its first."""
        self.by_id.pop(native_id, None)
        for place, threads in self.threads.items():
            self.threads[place] = [one for one in threads if one.top["id"] != native_id]
            for one in threads:
                one.replies = [reply for reply in one.replies if reply["id"] != native_id]

    def everything(self) -> list[str]:
        """The ids of all comments and replies."""
        threads = [one for all_ in self.threads.values() for one in all_]
        return sorted(part["id"] for one in threads for part in (one.top, *one.replies))

    def requests(self, resource: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == f"/{resource}"]

    def answer(self, asked: Asked) -> Answer:
        """What YouTube answers, unless a fault is next."""
        self.asked.append(asked)
        honest = self._answer(asked)
        return self.faults.popleft()(honest) if self.faults else honest

    def _answer(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            form = parse_qs(asked.body.decode())
            right = form["refresh_token"] == [SIGNED_IN["refresh_token"]] and not self.revoked
            return _json(
                {"access_token": ACCESS, "expires_in": 3599, **self.ends} if right else {"error": "invalid_grant"},
                200 if right else 400,
            )
        signed_in = asked.headers.get("Authorization") == f"Bearer {ACCESS}"
        if (asked.headers.get("X-Goog-Api-Key") != KEY and not signed_in) or self.revoked:
            return error(400, "badRequest", "API key not valid. Please pass a valid API key.", "global")
        self.units -= 1
        if self.units < 0:
            said = 'The request cannot be completed because you have exceeded your <a href="/q">quota</a>.'
            return error(403, "quotaExceeded", said, "youtube.quota")
        resources: dict[str, Callable[[Asked], Answer]] = {
            "/commentThreads": self._threads,
            "/comments": self._comments,
            "/channels": self._me if "mine" in asked.query else self._channels,
            "/videos": lambda asked: _json({"items": [{"id": asked.one("id")}]}),
        }
        if asked.method == "DELETE":
            self.units -= 49
            self.delete(asked.one("id"))
            return Answer(204)
        if asked.method == "POST":
            assert signed_in, "a key alone can only read"
            self.units -= 49
            return self._insert(json.loads(asked.body)["snippet"])
        return resources[asked.path](asked)

    def _me(self, asked: Asked) -> Answer:
        return _json({"items": [{"id": OURS, "snippet": {"title": "Acme", "customUrl": "@acme"}}]})

    def _insert(self, said: dict[str, str]) -> Answer:
        """A reply of our channel."""
        thread = self.thread(said["parentId"])
        if thread is None:
            return error(404, "parentCommentNotFound", "The parent comment cannot be found.")
        self.inserted += 1
        made = comment(f"{said['parentId']}.reply-{self.inserted:07}", self.clock.now().timestamp())
        made["snippet"] |= {"textOriginal": said["textOriginal"], "textDisplay": said["textOriginal"]}
        made["snippet"]["authorChannelId"] = {"value": OURS}
        self.reply(said["parentId"], made)
        return _json(made)

    def _comments(self, asked: Asked) -> Answer:
        if "parentId" in asked.query:
            thread = self.thread(asked.one("parentId"))
            if thread is None:
                return error(404, "parentCommentNotFound", "The parent comment cannot be found.")
            return self._page(asked, list(reversed(thread.replies)), lambda reply: reply)
        threads = [one for all_ in self.threads.values() for one in all_]
        known = {part["id"]: part for one in threads for part in (one.top, *one.replies)}
        return _json({"items": [known[one] for one in asked.one("id").split(",") if one in known]})

    def _channels(self, asked: Asked) -> Answer:
        found = self.handles.get(asked.one("forHandle")) if "forHandle" in asked.query else asked.one("id")
        return _json({"items": [{"id": found}]} if found else {"pageInfo": {"totalResults": 0}})

    def _threads(self, asked: Asked) -> Answer:
        if "id" in asked.query:
            found = [self.by_id[one] for one in asked.one("id").split(",") if one in self.by_id]
            return _json({"items": [self._shown(one.top) for one in found]})
        (place,) = asked.query.get("videoId") or asked.query["allThreadsRelatedToChannelId"]
        if place in self.refused:
            return self.refused[place]
        return self._page(asked, [one.top for one in self.threads.get(place, ())], self._shown)

    def _shown(self, top: dict[str, Any]) -> dict[str, Any]:
        """A thread as a list has it."""
        thread = self.thread(top["id"])
        assert thread
        said = {"videoId": top["snippet"].get("videoId"), "topLevelComment": top}
        item = {"id": top["id"], "snippet": said | {"totalReplyCount": len(thread.replies)}}
        return item | ({"replies": {"comments": thread.replies[-SHOWN:]}} if thread.replies else {})

    def _page(
        self, asked: Asked, items: list[dict[str, Any]], shown: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> Answer:
        """A page: from the item that the token names, whatever has come above it meanwhile."""
        start, size = 0, int(asked.one("maxResults"))
        if "pageToken" in asked.query:
            epoch, _, after = asked.one("pageToken").partition(":")
            ids = [item["id"] for item in items]
            if int(epoch) != self.epoch or after not in ids:
                return error(400, "invalidPageToken", "The request specifies an invalid page token.")
            start = ids.index(after) + 1
        page = items[start : start + size]
        more = {"nextPageToken": f"{self.epoch}:{page[-1]['id']}"} if start + size < len(items) else {}
        return _json({"items": [shown(item) for item in page]} | more)


def error(status: int, reason: str, message: str, domain: str = "youtube.commentThread") -> Answer:
    """A refusal, as Google words them."""
    said = {"code": status, "message": message, "errors": [{"message": message, "domain": domain, "reason": reason}]}
    return _json({"error": said}, status)


def _json(body: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def with_items(answer: Answer, change: Any) -> Answer:
    """The same answer with its items changed by a function of their list."""
    body = json.loads(answer.body)
    if "items" in body:
        body["items"] = change(body["items"])
    return Answer(answer.status, json.dumps(body).encode(), answer.headers)


@contextmanager
def youtube() -> Iterator[Site]:
    """Serve it."""
    site = Site()
    with loopback.http(site.answer) as server:
        site.url = server.url
        yield site


@contextmanager
def recordings() -> Iterator[Site]:
    """Serve what was recorded: the threads of a video, and three replies, which stand under the last of them here."""
    with youtube() as site:
        tops = [
            one["snippet"]["topLevelComment"]
            for one in recorded("comment_threads__comment_threads_by_video_paged_2")["items"]
        ]
        site.post(VIDEO, *reversed(tops))
        for part in (2, 1):
            site.threads[VIDEO][-1].replies += reversed(recorded(f"comments__comments_by_parent_paged_{part}")["items"])
        yield site
