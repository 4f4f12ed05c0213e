"""An open stream, and how far each collection was heard on it: a host can lose one while the others go on."""

from __future__ import annotations

from dataclasses import dataclass

from core.types import Span
from listener.sources.bluesky.jetstream import Event, Jetstream, Place, moment

TOO_LATE = 60_000_000
"""Microseconds between the place and the first event that comes, from which on the host no longer had it all."""


@dataclass(slots=True)
class Stream:
    """A connection that was opened at `start`: by collection how far it came, and when (monotonic) last."""

    jetstream: Jetstream
    start: Place
    reached: dict[str, Place]
    opened_at: float
    heard_at: dict[str, float]
    begun: bool = False

    def late(self, event: Event) -> Span | None:
        """What the host no longer had, when its first event comes: only then can it be known."""
        begun, self.begun = self.begun, True
        if begun or self.start.time is None or event.time - self.start.time <= TOO_LATE:
            return None
        return Span(moment(self.start.time), moment(event.time), "Jetstream no longer had what came in between")

    def reach(self, event: Event, now: float) -> None:
        """Note how far the event's collection has come."""
        collection = event.commit.get("collection")
        if collection not in self.heard_at:
            return
        self.heard_at[collection] = now
        before = self.reached.get(collection, self.start).time
        host = self.jetstream.host if event.seq is not None else None
        self.reached[collection] = Place(max(event.time, before or 0), event.seq, host)

    def place(self) -> Place:
        """Where to resume: at the collection that was heard least far."""
        places = [self.reached.get(collection, self.start) for collection in self.heard_at]
        known = [place for place in places if place.time is not None]
        return min(known, key=lambda place: place.time or 0) if known else self.start
