"""A page of Bluesky's events while it is being heard, and the cursor that tells how far that was."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.types import Mention, Page, Rejected, Span
from listener.sources.bluesky import records
from listener.sources.bluesky.jetstream import Event, Place, moment
from listener.sources.bluesky.records import POSTS, REPOSTS

NAMES = {POSTS: "posts", REPOSTS: "reposts"}
"""What Page.events calls the collections."""
GONE = frozenset({"deleted", "takendown"})
_BEGINNING = Place()
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far we have heard: the stream, what it spread, and notifications (when the newest was indexed)."""

    place: Place = _BEGINNING
    counted: int = 0
    notified: str = ""

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """What was stored, or nothing."""
        if not text:
            return cls()
        if text.isdecimal():  # as it was before there was more to know than a time
            return cls(Place(int(text)), int(text))
        given = json.loads(text)
        return cls(Place(*given["place"]), given["counted"], given["notified"])

    def text(self) -> str:
        """As it is stored."""
        place = [self.place.time, self.place.seq, self.place.host]
        return json.dumps({"place": place, "counted": self.counted, "notified": self.notified})


@dataclass(slots=True)
class Heard:
    """A page while it is being heard, in the order in which things happened. Spread is counted `since` a time."""

    wanted: Collection[str] = ()
    since: int = 0
    counted: int = 0
    mentions: dict[str, Mention] = field(default_factory=dict)
    edited: dict[str, Mention] = field(default_factory=dict)
    deleted: dict[str, None] = field(default_factory=dict)
    deleted_authors: dict[str, None] = field(default_factory=dict)
    reposts: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)
    gaps: list[Span] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    number: int = 0

    def take(self, event: Event) -> None:
        """Read one event. One that cannot be read is reported."""
        try:
            if event.commit:
                self._commit(event)
            elif event.account and event.account.get("status") in GONE:
                self.deleted_authors[event.did] = None
        except UNREADABLE as error:
            where = f"{event.did} {event.commit.get('rkey')} at {event.time}"
            self.rejected.append(Rejected(where, f"unreadable: {error!r}"))

    def show(self, views: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Add what a search or a list of notifications shows, unless the stream said something newer of it."""
        for view in views:
            try:
                mention = records.viewed(view, now)
            except UNREADABLE as error:
                self.rejected.append(Rejected(f"post {str(view)[:80]}", f"unreadable: {error!r}"))
                continue
            if mention.native_id not in self.deleted and mention.native_id not in self.edited:
                self.mentions[mention.native_id] = mention

    def _commit(self, event: Event) -> None:
        commit = event.commit
        collection, operation = commit["collection"], commit["operation"]
        if collection not in self.wanted:
            return
        self.events[NAMES[collection]] += 1
        if operation == "create" and event.time > self.since and (original := records.spread(commit["record"])):
            self.reposts[original] += 1
            self.counted = max(self.counted, event.time)
        if collection == POSTS:
            self._post(event.did, commit["rkey"], operation, commit.get("record"), event.time)

    def _post(self, did: str, rkey: str, operation: str, record: Any, time: int) -> None:
        uri = records.uri(did, POSTS, rkey)
        if operation == "delete":
            self.mentions.pop(uri, None)
            self.edited.pop(uri, None)
            self.deleted[uri] = None
            return
        mention = records.mention(did, rkey, record, moment(time))
        if operation == "update" and uri not in self.mentions:
            self.edited[uri] = mention
        else:
            self.mentions[uri] = mention

    def page(self, cursor: str | None, **more: Any) -> Page:
        """All of it; `more` are other fields of the page."""
        return Page(
            mentions=tuple(self.mentions.values()),
            cursor=cursor,
            deleted=tuple(self.deleted),
            deleted_authors=tuple(self.deleted_authors),
            edited=tuple(self.edited.values()),
            reposts=dict(self.reposts),
            rejected=tuple(self.rejected),
            gaps=tuple(self.gaps),
            events=dict(self.events),
            **more,
        )
