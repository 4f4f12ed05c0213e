"""How often posts of X were liked, passed on and answered by now. Asked without authors: only the post is billed.

X bills a post once a day (UTC) however often it is read; which were read today is remembered. An edited post has its
counts under its latest id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from core.types import Counts, Recount

FIELDS = {"tweet_fields": ["public_metrics"]}
"""What to ask for: nothing that would bring anybody's profile along."""

_GONE = "/problems/resource-not-found"
"""How the type of an error ends that says of a post that it is no more."""


class Lookups:
    """Looks posts up for their counts. `look_up` asks X for so many ids with FIELDS."""

    def __init__(self, look_up: Callable[[Sequence[str]], dict[str, Any]]) -> None:
        self._look_up = look_up
        self._day: date | None = None
        self._read: set[str] = set()

    def counts(self, posts: Mapping[str, Mapping[str, object]], now: datetime) -> Recount:
        """Those of these posts, by their first ids; `latest_id` of what is kept of one is the id of its last edit."""
        asked = {str(kept.get("latest_id") or one): one for one, kept in posts.items() if _is_id(one)}
        if not asked:
            return Recount()
        answer = self._look_up(list(asked))
        found = {str(one["id"]): _counts(one) for one in answer.get("data") or () if "id" in one}
        gone = {str(one.get("resource_id")) for one in answer.get("errors") or () if _says_gone(one)}
        counts = {asked[one]: told for one, told in found.items() if one in asked}
        return Recount(
            counts, tuple(first for one, first in asked.items() if one in gone), spent=self._billed(found, now)
        )

    def _billed(self, read: Mapping[str, Counts], now: datetime) -> dict[str, int]:
        if self._day != now.date():
            self._day, self._read = now.date(), set()
        fresh = read.keys() - self._read
        self._read |= fresh
        return {"post_read": len(fresh)} if fresh else {}


def _is_id(one: str) -> bool:
    return one.isascii() and one.isdecimal()


def _counts(post: Mapping[str, Any]) -> Counts:
    told = post.get("public_metrics") or {}
    reposts = int(told.get("retweet_count") or 0) + int(told.get("quote_count") or 0)
    return Counts(int(told.get("like_count") or 0), reposts, int(told.get("reply_count") or 0))


def _says_gone(error: Mapping[str, Any]) -> bool:
    return str(error.get("type") or "").endswith(_GONE)
