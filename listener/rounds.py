"""Rounds through the listings of one source: each is heard in its turn, and none keeps us from the others.

A page is as much of a round as makes some hundred items; the next fetch goes on where it ended. A listing that is
closed to us (private, switched off) is reported once and asked again next time; only when all are closed does the
source give up. A failure ends the round, and the next begins after the listing that failed: the others come first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.errors import GiveUp, RetryLater
from core.types import Counts, Mention, Page, Recount, Rejected, Span
from listener.source import Context
from listener.walk import Walks, moment

PAGE_ITEMS = 500
"""After so many items a fetch ends, and the next goes on."""
LONGEST_REST = 86_400
"""Seconds."""
FIRST_LOOK = 86_400
"""Seconds back that a new source looks."""


class Refused(GiveUp):
    """One listing is closed to us; the others may be open."""


@dataclass(slots=True)
class Heard:
    """A page while it is being heard. `answers` counts the requests that brought something."""

    mentions: dict[str, Mention] = field(default_factory=dict)
    edited: dict[str, Mention] = field(default_factory=dict)
    deleted: dict[str, None] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    gaps: list[Span] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)
    items: int = 0
    answers: int = 0

    def count(self, collection: str) -> None:
        """One more event of a collection."""
        self.events[collection] = self.events.get(collection, 0) + 1

    def take(self, mention: Mention, *, edited: bool) -> None:
        """An item as it reads now."""
        (self.edited if edited else self.mentions)[mention.native_id] = mention

    def gone(self, native_id: str) -> None:
        """An item of which nothing is left."""
        self.mentions.pop(native_id, None)
        self.edited.pop(native_id, None)
        self.deleted[native_id] = None

    def page(self, **more: Any) -> Page:
        """All of it, with what else a page says."""
        return Page(
            mentions=tuple(self.mentions.values()),
            edited=tuple(self.edited.values()),
            deleted=tuple(self.deleted),
            rejected=tuple(self.rejected),
            gaps=tuple(self.gaps),
            events=self.events,
            **more,
        )

    def recount(self, **more: Any) -> Recount:
        """Only the counts of it, and what is gone."""
        now = self.mentions | self.edited
        counts = {name: Counts(one.likes, one.reposts, one.replies) for name, one in now.items()}
        return Recount(counts, tuple(self.deleted), **more)


class Rounds:
    """Which of the listings named `names` come next. `resting` says that the platform wants no request now."""

    def __init__(self, context: Context, names: Sequence[str], resting: Callable[[], datetime | None]) -> None:
        self._context, self._names, self._resting = context, list(names), resting
        self._due: deque[str] = deque()
        self._first = 0
        self._gave: str | None = None
        self._refused: dict[str, Refused] = {}
        self._heard_at: dict[str, datetime] = {}

    def hear(self, cursor: str | None, listen: Callable[[str, Walks, Heard], bool]) -> Page:
        """One page. `listen` makes one request: it takes one page of a listing, and says whether its walk is over.

        Raises what `listen` raised where nothing came before it, and GiveUp when all listings are closed.
        """
        if not self._names:
            return Page(cursor=cursor)
        at, heard = Walks.read(cursor, self._names), Heard()
        if cursor != self._gave or not self._due:
            self._due = deque(self._names[self._first :] + self._names[: self._first])
        failed = self._go_on(at, heard, listen)
        if len(self._refused) == len(self._names):
            raise GiveUp(str(next(iter(self._refused.values()))))
        self._gave = at.written()
        return heard.page(
            cursor=self._gave,
            more=bool(self._due),
            heard_to=self._heard_to(at) if failed else None,
            rest_until=self._rest(failed),
        )

    def since(self, name: str, at: Walks) -> float:
        """The time up to which a listing has been heard: its mark, or the day before that a new one begins with."""
        return at.marks.get(name, self._context.clock.now().timestamp() - FIRST_LOOK)

    def _go_on(self, at: Walks, heard: Heard, listen: Callable[[str, Walks, Heard], bool]) -> RetryLater | None:
        """Listen to what is due; the failure that ended it."""
        while self._due and heard.items < PAGE_ITEMS and not self._resting() and not self._context.stop.is_set():
            name = self._due[0]
            try:
                over = listen(name, at, heard)
            except Refused as error:
                if name not in self._refused:
                    heard.rejected.append(Rejected(name, str(error)))
                self._refused[name] = error
                self._due.popleft()
            except RetryLater as error:
                self._first = (self._names.index(name) + 1) % len(self._names)
                self._due.clear()
                if not heard.answers:
                    raise
                return error
            else:
                heard.answers += 1
                self._refused.pop(name, None)
                if over:
                    self._heard_at[name] = self._context.clock.now()
                    self._due.popleft()
        return None

    def _rest(self, failed: RetryLater | None) -> datetime | None:
        seconds = min(failed.after or 0, LONGEST_REST) if failed else 0
        asked = self._context.clock.now() + timedelta(seconds=seconds) if seconds else None
        return max(filter(None, (asked, self._resting())), default=None)

    def _heard_to(self, at: Walks) -> datetime:
        """Up to when every listing has been heard."""
        return min(self._heard_at.get(name, moment(self.since(name, at))) for name in self._names)
