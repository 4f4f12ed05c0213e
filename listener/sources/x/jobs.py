"""Which posts are gone from X: its batch compliance jobs (docs.x.com, "Batch compliance"). They cost nothing.

    create a job      X takes one of a type at a time
    upload            one id per line, within a quarter of an hour
    wait              minutes; here a job that is not ready is RetryLater, and the next call goes on with it
    download          one JSON object per id to which something happened: delete, rehydrate (it was edited)

A job that a process left behind when it ended is found by its name. What it found is used as well.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import GiveUp, RetryLater
from listener.chunks import chunks
from listener.sources.x.border import Conflict

log = logging.getLogger(__name__)

NAME = "ripplewatch"
AT_ONCE = 100
"""Posts that can be looked up in one request."""
WAIT = 60.0
"""Seconds until a job is looked at again."""

Call = Callable[..., dict[str, Any]]
"""Asks X's API: method, path, then `params` and `json`; the object that it answers."""
Move = Callable[[str, str, bytes | None], bytes]
"""Sends to (PUT) or fetches from (GET) an address that X gave us: method, address, body; the body of the answer."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One job. `ids` are empty for one that another process left behind."""

    id: str
    download: str
    ids: frozenset[str] = frozenset()


def latest(ids: Sequence[str], look_up: Callable[[Sequence[str]], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Answers with these posts, and then with their latest versions: X gives the version that it is asked for."""
    for part in chunks(ids, AT_ONCE):
        answer = look_up(part)
        yield answer
        histories = [one.get("edit_history_tweet_ids") or [one["id"]] for one in answer.get("data") or ()]
        if later := [history[-1] for history in histories if history[-1] not in part]:
            yield look_up(later)


class Jobs:
    """Asks for ids, one job at a time."""

    def __init__(self, call: Call, move: Move) -> None:
        self._call, self._move = call, move
        self._job: _Job | None = None
        self._found: dict[str, str] = {}

    def actions(self, ids: Sequence[str]) -> dict[str, str]:
        """What happened to posts, by id: "delete" or "rehydrate"; also to some that were not asked for.

        Raises RetryLater while X is at work on it.
        """
        asked = frozenset(one for one in ids if one.isascii() and one.isdecimal())
        done: frozenset[str] = frozenset()
        if self._job is not None:
            done = self._finish(self._job)
        if not asked <= done:
            self._start(asked)
            raise RetryLater("X is looking which posts are gone", WAIT)
        found, self._found = self._found, {}
        return found

    def _finish(self, job: _Job) -> frozenset[str]:
        """Fetch what a job has found; the ids for which it says that. None where it came to nothing."""
        state = self._call("GET", f"/2/compliance/jobs/{job.id}").get("data") or {}
        status = state.get("status")
        if status in ("created", "in_progress"):
            raise RetryLater("X is looking which posts are gone", WAIT)
        self._job = None
        if status != "complete":
            log.warning("X's compliance job %s ended as %r; asking again", job.id, status)
            return frozenset()
        for line in self._move("GET", str(state.get("download_url") or job.download), None).splitlines():
            self._note(line)
        return job.ids

    def _note(self, line: bytes) -> None:
        try:
            found = json.loads(line) if line.strip() else {}
            if found.get("action") in ("delete", "rehydrate"):
                self._found[str(found["id"])] = str(found["action"])
        except (ValueError, KeyError, AttributeError):
            log.warning("unreadable line of a compliance job: %r", line[:80])

    def _start(self, ids: frozenset[str]) -> None:
        try:
            job = self._call("POST", "/2/compliance/jobs", json={"type": "tweets", "name": NAME}).get("data") or {}
        except Conflict:
            self._job = self._left_behind()
            return
        try:
            self._move("PUT", str(job["upload_url"]), "".join(f"{one}\n" for one in sorted(ids)).encode())
            self._job = _Job(str(job["id"]), str(job["download_url"]), ids)
        except KeyError as error:
            raise RetryLater(f"X's answer has no {error}", WAIT) from error

    def _left_behind(self) -> _Job | None:
        """The job of ours that X is still at work on. One to which nothing was uploaded is cancelled."""
        for job in self._call("GET", "/2/compliance/jobs", params={"type": "tweets"}).get("data") or ():
            if job.get("name") != NAME or job.get("status") not in ("created", "in_progress"):
                continue
            if job["status"] == "in_progress":
                return _Job(str(job["id"]), str(job.get("download_url") or ""))
            try:
                self._call("DELETE", f"/2/compliance/jobs/{job['id']}")
            except GiveUp as error:
                log.warning("cannot cancel X's compliance job %s: %s", job["id"], error)
        return None
