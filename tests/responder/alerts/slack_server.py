"""A Slack workspace on 127.0.0.1: what slack_sdk's own client calls, with Slack's limits, and faults on demand."""

from __future__ import annotations

import itertools
import json
import queue
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from core.clock import Clock
from tests import loopback
from tests.loopback import Answer, Asked

TOKEN, APP_TOKEN = "xoxb-loopback-bot", "xapp-loopback-app"
CHANNEL, TEST_CHANNEL, TEAM = "C0ALERTS01", "C0CANARY01", "T0TEAM0001"

CUT = Answer(200, b'{"ok": tr', declared=4000)
"""The connection ends in the middle of the answer."""

Fault = Callable[[], Answer | None]


@dataclass(slots=True)
class Slack:
    """The workspace: the messages of its channel, and of that for tests, by time stamp, whispers, files; and who would
    have been called."""

    clock: Clock
    url: str = ""
    socket_url: str = ""
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    whispers: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: dict[str, list[tuple[bool, Answer]]] = field(default_factory=dict)
    _told: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fail(self, method: str, answer: Answer, *, after: bool = False) -> None:
        """Answer the next call of `method` so: instead of doing it, or (`after`) having done it."""
        self.faults.setdefault(method, []).append((after, answer))

    def calls(self, method: str) -> list[dict[str, Any]]:
        """What each call of a method was given."""
        return [given for name, given in self.asked if name == method]

    def whispered(self) -> dict[str, Any]:
        """The next whisper, once it has come."""
        return self._told.get(timeout=10)

    @property
    def posts(self) -> list[dict[str, Any]]:
        """The messages of the channel, without those in threads."""
        return self._posts(CHANNEL)

    @property
    def tests(self) -> list[dict[str, Any]]:
        """The messages of the channel for tests."""
        return self._posts(TEST_CHANNEL)

    def _posts(self, channel: str) -> list[dict[str, Any]]:
        inside = (one for one in self.messages.values() if one.get("channel", CHANNEL) == channel)
        return [one for one in inside if not one.get("thread_ts")]

    @property
    def called(self) -> list[str]:
        """Everything that would have called people: mark-up of mentions that reached Slack unescaped."""
        shown = (json.dumps(one, ensure_ascii=False) for one in (*self.messages.values(), *self.whispers))
        return [found for one in shown for found in re.findall(r"<[!@#][^>]*>", one)]

    def answer(self, asked: Asked) -> Answer:
        """The script of the HTTP server."""
        method = asked.path.rsplit("/", 1)[-1]
        if asked.path.startswith("/upload/"):
            self.files[method] = asked.body
            return Answer(200, b"OK")
        given = _given(asked)
        self.asked.append((method, given))
        after, fault = self.faults[method].pop(0) if self.faults.get(method) else (False, None)
        if fault is not None and not after:
            return fault
        done = self._do(method, given, asked)
        return fault or done

    def _do(self, method: str, given: dict[str, Any], asked: Asked) -> Answer:
        wanted = APP_TOKEN if method == "apps.connections.open" else TOKEN
        if _header(asked, "Authorization") != f"Bearer {wanted}":
            return refused("invalid_auth")
        does = getattr(self, f"_{method.replace('.', '_')}")
        if given.get("channel", CHANNEL) not in {CHANNEL, TEST_CHANNEL}:
            return refused("channel_not_found")
        if problem := _problem(given.get("blocks") or [], self.files):
            return refused(problem)
        answer: Answer = does(given)
        return answer

    def _auth_test(self, given: dict[str, Any]) -> Answer:
        del given
        scopes = {"x-oauth-scopes": "chat:write,channels:history,groups:history"}
        return said({"user": "ripplewatch", "team": "Acme", "team_id": TEAM}, scopes)

    def _chat_postMessage(self, given: dict[str, Any]) -> Answer:  # noqa: N802 - Slack's name
        ts = f"{self.clock.now().timestamp() + next(self._numbers) / 1000:.6f}"
        self.messages[ts] = given | {"ts": ts}
        return said({"channel": given["channel"], "ts": ts})

    def _chat_delete(self, given: dict[str, Any]) -> Answer:
        return said({}) if self.messages.pop(given["ts"], None) else refused("message_not_found")

    def _chat_update(self, given: dict[str, Any]) -> Answer:
        if given["ts"] not in self.messages:
            return refused("message_not_found")
        self.messages[given["ts"]] |= given
        return said({"channel": CHANNEL, "ts": given["ts"]})

    def _chat_postEphemeral(self, given: dict[str, Any]) -> Answer:  # noqa: N802 - Slack's name
        self.whispers.append(given)
        self._told.put(given)
        return said({"message_ts": "1.1"})

    def _conversations_history(self, given: dict[str, Any]) -> Answer:
        posts = self._posts(given["channel"])
        return self._page(given, [one for one in posts if float(one["ts"]) >= float(given.get("oldest") or 0)])

    def _conversations_replies(self, given: dict[str, Any]) -> Answer:
        if given["ts"] not in self.messages:
            return refused("thread_not_found")
        inside = [one for one in self.messages.values() if given["ts"] in {one["ts"], one.get("thread_ts")}]
        return self._page(given, inside)

    def _page(self, given: dict[str, Any], found: list[dict[str, Any]]) -> Answer:
        """Two at a time, newest first, so that whoever reads has to go on."""
        start = int(given.get("cursor") or 0)
        found = sorted(found, key=lambda one: one["ts"], reverse=True)
        more = str(start + 2) if start + 2 < len(found) else ""
        shown = [
            one
            if given.get("include_all_metadata") in {"1", True}
            else {k: v for k, v in one.items() if k != "metadata"}
            for one in found[start : start + 2]
        ]
        return said({"messages": shown, "response_metadata": {"next_cursor": more}})

    def _files_getUploadURLExternal(self, given: dict[str, Any]) -> Answer:  # noqa: N802 - Slack's name
        del given
        file = f"F{next(self._numbers):08d}"
        return said({"file_id": file, "upload_url": f"{self.url}/upload/{file}"})

    def _files_completeUploadExternal(self, given: dict[str, Any]) -> Answer:  # noqa: N802 - Slack's name
        return said({"files": [{"id": one["id"]} for one in json.loads(given["files"])]})

    def _files_delete(self, given: dict[str, Any]) -> Answer:
        del self.files[given["file"]]
        return said({})

    def _apps_connections_open(self, given: dict[str, Any]) -> Answer:
        del given
        return said({"url": self.socket_url})


@contextmanager
def workspace(clock: Clock) -> Iterator[Slack]:
    """A running workspace."""
    slack = Slack(clock)
    with loopback.http(slack.answer) as server:
        slack.url = server.url
        yield slack


def said(data: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    """A good answer."""
    body = json.dumps({"ok": True} | dict(data)).encode()
    return Answer(200, body, {"Content-Type": "application/json"} | dict(headers or {}))


def refused(code: str, **more: str) -> Answer:
    """Slack's no."""
    body = json.dumps({"ok": False, "error": code} | more).encode()
    return Answer(200, body, {"Content-Type": "application/json"})


def _given(asked: Asked) -> dict[str, Any]:
    if "json" in _header(asked, "Content-Type"):
        return {name: value for name, value in json.loads(asked.body or b"{}").items() if value is not None}
    return dict(parse_qsl(asked.body.decode()))


def _header(asked: Asked, name: str) -> str:
    return next((value for one, value in asked.headers.items() if one.lower() == name.lower()), "")


def _problem(blocks: list[dict[str, Any]], files: Mapping[str, bytes]) -> str:
    """Slack's limits on blocks: docs.slack.dev/reference/block-kit/blocks."""
    if len(blocks) > 50:
        return "invalid_blocks"
    for block in blocks:
        text = block.get("text", {}).get("text", "x")
        texts = [(text, 150 if block["type"] == "header" else 3000)]
        texts += [(one["text"], 2000) for one in block.get("fields", [])]
        if block["type"] == "context":
            texts += [(one["text"], 3000) for one in block["elements"]]
        if block["type"] == "actions":
            texts += [(one["text"]["text"], 75) for one in block["elements"]]
            texts += [(one.get("value") or "x", 2000) for one in block["elements"]]
        if not all(1 <= len(one) <= longest for one, longest in texts):
            return "invalid_blocks"
        if block["type"] == "image" and block["slack_file"]["id"] not in files:
            return "invalid_blocks"
    return ""
