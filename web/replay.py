"""Recorded mentions, heard again with the pauses that lay between them, faster if one likes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.runtime import Runtime
from core.tables import Source
from core.types import Mention, Page
from listener.collect import Collected, collect
from listener.matching import BrandMatcher

_MOST = 500
"""Mentions per transaction, when many are due at once."""


class Replay:
    """What is to be played: each mention and how long after the first it comes.

    `speed` divides the pauses (`math.inf`: none). With `now` the times of the mentions move along, so that each is
    written at the moment at which it is played.
    """

    def __init__(self, mentions: Iterable[Mention], *, speed: float, now: bool) -> None:
        self.mentions: Sequence[Mention] = sorted(mentions, key=lambda mention: mention.created_at)
        self._speed, self._now = speed, now

    def play(
        self, runtime: Runtime, source_id: int, stop: threading.Event, progress: Callable[[int], object]
    ) -> Collected:
        """Collect all as the source with this id, each when it is due; `progress` is told how many more are in.

        Ends before its time when `stop` is set.
        """
        start, at, sum_of = runtime.clock.now(), 0, Collected()
        with runtime.db.read() as db:
            matcher = BrandMatcher.load(db)
        while at < len(self.mentions):
            pause = (self._due(start, self.mentions[at]) - runtime.clock.now()).total_seconds()
            if (pause > 0 and runtime.clock.wait(stop, pause)) or stop.is_set():
                break
            page = self._page(start, at, runtime.clock.now())
            at += len(page.mentions)
            with runtime.db.write() as db:
                collected = collect(db, runtime.clock, db.get_one(Source, source_id), page, matcher)
            sum_of += collected
            if collected.to_judge:
                runtime.queue.nudge("judge")
            progress(len(page.mentions))
        return sum_of

    def _due(self, start: datetime, mention: Mention) -> datetime:
        after = (mention.created_at - self.mentions[0].created_at).total_seconds()
        return start + timedelta(seconds=after / self._speed)

    def _page(self, start: datetime, at: int, now: datetime) -> Page:
        """What is due from the one at `at` on, and that one in any case."""
        due = [mention for mention in self.mentions[at : at + _MOST] if self._due(start, mention) <= now]
        wanted = due or self.mentions[at : at + 1]
        if self._now:
            wanted = [replace(mention, created_at=self._due(start, mention)) for mention in wanted]
        return Page(mentions=tuple(wanted))
