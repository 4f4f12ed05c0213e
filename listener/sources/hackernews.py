"""Hacker News, through Algolia's public search (https://hn.algolia.com/api): keyless, 10,000 requests an hour.

A search gives at most 1,000 hits whatever the page, so time is asked for in windows by `created_at_i`, and a window
that holds more is halved. New items appear in the search some minutes late: windows overlap, and what comes twice
is stored once. There is no API to reply with and none that tells of deletions: items are looked at again one by one
(`/items/ID`, with all that answers them), where one that was deleted is no longer found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx2

from core.errors import GiveUp, RetryLater
from core.tls import trusted
from core.types import Author, Counts, Mention, Page, Permission, Recount, Rejected, Span
from listener.http import check
from listener.markup import plain_text
from listener.source import Context, Field

OVERLAP = 900
"""Seconds before the cursor that are asked for again: the search index lags behind the site."""
FIRST_LOOK = 86_400
"""Seconds back that a new source looks."""
MOST_HITS = 1_000
"""What Algolia gives of one search at most."""
_OTHER_FORM = "Hacker News' search answers in another form than it used to: look for a newer Ripplewatch"
ITEM_URL = "https://news.ycombinator.com/item?id="


class HackerNews:
    """New stories and comments that contain one of the brands' search terms."""

    kind: ClassVar[str] = "hackernews"
    title: ClassVar[str] = "Hacker News"
    about: ClassVar[str] = "Stories and comments that contain the words of your queries, once a minute. Needs no key."
    fields: ClassVar[tuple[Field, ...]] = ()
    steps: ClassVar[tuple[str, ...]] = ()
    poll_seconds: ClassVar[float] = 60
    silent_seconds: ClassVar[float | None] = None
    recheck_seconds: ClassVar[float] = 43_200
    recheck_ids: ClassVar[int] = 20
    recount_ids: ClassVar[int] = 20
    recounted: ClassVar[frozenset[str]] = frozenset({"likes", "replies"})
    parent_ids: ClassVar[int] = 5
    reply: ClassVar[Permission] = Permission(
        "hand", "Hacker News has no way to reply by API: copy the text, open the post, and answer there."
    )

    def __init__(self, context: Context) -> None:
        """Nothing to set."""
        self._context = context
        self._http = httpx2.Client(
            verify=trusted(), timeout=httpx2.Timeout(20, connect=10), headers={"User-Agent": "ripplewatch"}
        )

    def fetch(self, cursor: str | None) -> Page:
        """Everything since the cursor (seconds since 1970, UTC), less an overlap, for each term."""
        if not self._context.terms:
            return Page(cursor=cursor)  # where it is, so that the first query still hears from here on
        now = int(self._context.clock.now().timestamp())
        since = (int(cursor) if cursor else now - FIRST_LOOK) - OVERLAP
        found: dict[str, Mention] = {}
        rejected: list[Rejected] = []
        gaps: list[Span] = []
        for term in self._context.terms:
            for hit in self._window(term, since, now + 1, gaps):
                item = _mention(hit)
                if isinstance(item, Mention):
                    found[item.native_id] = item
                else:
                    rejected.append(item)
        return Page(tuple(found.values()), str(now), rejected=tuple(rejected), gaps=tuple(gaps))

    def recheck(self, ids: Sequence[str]) -> Page:
        """Which of these items are gone, and how the others read now. When all seem gone, it is the search that is."""
        found = {native_id: self._item(native_id) for native_id in ids if native_id.isdecimal()}
        if len(found) > 1 and not any(found.values()):
            raise RetryLater(f"Hacker News' search says nothing of {len(found)} items that it had")
        mentions = {native_id: _mention(item) for native_id, item in found.items() if item}
        return Page(
            deleted=tuple(native_id for native_id, item in found.items() if item is None),
            edited=tuple(one for one in mentions.values() if isinstance(one, Mention)),
        )

    def recount(self, posts: Mapping[str, Mapping[str, object]]) -> Recount:
        """Points, which only stories show, and how many comments stand below. When all seem gone, the search is."""
        found = {native_id: self._item(native_id) for native_id in posts if native_id.isdecimal()}
        if len(found) > 1 and not any(found.values()):
            raise RetryLater(f"Hacker News' search says nothing of {len(found)} items that it had")
        return Recount(
            counts={
                native_id: Counts(int(one.get("points") or 0), 0, _below(one))
                for native_id, one in found.items()
                if one
            },
            deleted=tuple(native_id for native_id, one in found.items() if one is None),
        )

    def parents(self, ids: Sequence[str]) -> Page:
        """The items that these ids name, as far as they are still there."""
        known = (native_id for native_id in ids if native_id.isdecimal())
        found = (_mention(item) for native_id in known if (item := self._item(native_id)))
        return Page(tuple(one for one in found if isinstance(one, Mention)))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _window(self, term: str, since: int, until: int, gaps: list[Span]) -> Iterator[Mapping[str, Any]]:
        """Hits with since <= created_at_i < until; a window with more than can be had is halved."""
        if self._context.stop.is_set():
            raise RetryLater("stopping")
        body = self._search(term, since, until)
        if body["nbHits"] <= len(body["hits"]):
            yield from body["hits"]
        elif until - since > 1:
            middle = (since + until) // 2
            yield from self._window(term, since, middle, gaps)
            yield from self._window(term, middle, until, gaps)
        else:
            start, end = (datetime.fromtimestamp(second, UTC) for second in (since, until))
            gaps.append(Span(start, end, f"more than {MOST_HITS} hits in one second"))
            yield from body["hits"]

    def _search(self, term: str, since: int, until: int) -> dict[str, Any]:
        params = {
            "query": f'"{term}"',
            "tags": "(story,comment)",
            "numericFilters": f"created_at_i>={since},created_at_i<{until}",
            "hitsPerPage": str(MOST_HITS),
            "advancedSyntax": "true",
            "typoTolerance": "false",
            "attributesToHighlight": "",
        }
        body = _json(self._get("search_by_date", params))
        if not isinstance(body, dict) or not isinstance(body.get("hits"), list) or "nbHits" not in body:
            raise GiveUp(_OTHER_FORM)
        return body

    def _item(self, native_id: str) -> dict[str, Any] | None:
        """One item, with its fields called as in a hit of the search; None if there is none, or nothing left of it."""
        if self._context.stop.is_set():
            raise RetryLater("stopping")
        response = self._get(f"items/{native_id}", {}, httpx2.codes.NOT_FOUND)
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        item = _json(response)
        if not isinstance(item, dict) or str(item.get("id")) != native_id:
            raise GiveUp(_OTHER_FORM)
        if item.get("author") is None:
            return None
        text = "comment_text" if item.get("type") == "comment" else "story_text"
        return item | {"objectID": native_id, text: item.get("text")}

    def _get(self, path: str, params: Mapping[str, str], *known: int) -> httpx2.Response:
        """An answer that is a success, or one of the `known` statuses."""
        try:
            response = self._http.get(f"{self._context.process.hackernews_url}/{path}", params=params)
        except httpx2.HTTPError as error:
            raise RetryLater(f"Hacker News' search cannot be reached: {error or type(error).__name__}") from error
        if response.status_code not in known:
            check(response, "Hacker News' search", self._context.clock.now())
        return response


def _below(item: Mapping[str, Any]) -> int:
    """How many comments stand below an item, at any depth."""
    number, children = 0, list(item.get("children") or ())
    while children:
        one = children.pop()
        number += one.get("author") is not None
        children += one.get("children") or ()
    return number


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except json.JSONDecodeError as error:
        raise RetryLater(f"Hacker News' search answered something that is not JSON: {error}") from error


def _mention(hit: Mapping[str, Any]) -> Mention | Rejected:
    try:
        native_id = str(hit["objectID"])
        comment = hit.get("parent_id") is not None
        title, body = hit.get("title") or "", hit.get("comment_text") or hit.get("story_text") or ""
        text = "\n\n".join(part for part in (title, plain_text(body)) if part)
        if not text:
            return Rejected(ITEM_URL + native_id, "it has no text")
        return Mention(
            platform="hackernews",
            native_id=native_id,
            author=Author(str(hit["author"]), str(hit["author"])),
            text=text,
            created_at=datetime.fromtimestamp(hit["created_at_i"], UTC),
            url=ITEM_URL + native_id,
            kind="comment" if comment else "post",
            reply_to=str(hit["parent_id"]) if comment else None,
            conversation=str(hit.get("story_id") or native_id),
            likes=hit.get("points") or 0,
            replies=hit.get("num_comments") or 0,
            extra={"links": [hit["url"]]} if hit.get("url") else {},
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return Rejected(f"hit {hit.get('objectID', '?') if isinstance(hit, dict) else hit!r}", f"unreadable: {error!r}")


SOURCE = HackerNews
