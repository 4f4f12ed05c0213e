"""One detector that is kept: fed slot by slot, with zeros where nothing came, and its ripples as they rise and end.

Nothing in here touches the database; keeping.py reads series and ripples and writes them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core.tables import Ripple, Series
from sentiment.ripple.packing import Watcher, pack, unpack
from sentiment.ripple.rolling import SLOT
from sentiment.ripple.spikes import Detector, ShareDetector, Spike

LATE = timedelta(hours=1)
"""What comes so much later than the latest is counted with it; what comes later still is in the counts alone."""
PAST = timedelta(hours=2)
"""What was written longer ago is history: nobody need be told of it now."""
REACH = timedelta(days=28)
"""How much of history a detector is taught: a weekday's pattern needs some weeks, and what is older hardly counts."""

Place = tuple[str, str]
"""A dimension and its value (see HourCount)."""
Unheard = Callable[[int], bool]
"""Whether in a slot nobody listened."""


class Name(NamedTuple):
    """What a series watches."""

    brand_id: int
    kind: str
    dimension: str
    value: str


class Arrival(NamedTuple):
    """A mention as detectors hear of it: when it was written, and where it is news to them."""

    written: datetime
    places: tuple[Place, ...]
    complaint: bool
    negative: bool

    def counts(self, kind: str) -> tuple[int, int]:
        """What it adds to a series of this kind: hits, and of how many."""
        return int({"complaints": self.complaint, "negative": self.negative}.get(kind, True)), 1


def slot_of(at: datetime) -> int:
    """The number of the five minutes that a moment lies in."""
    return int(at.timestamp() // SLOT)


def begin_of(slot: int) -> datetime:
    """When a slot begins."""
    return datetime.fromtimestamp(slot * SLOT, UTC)


def kind_of(name: Name) -> type[Watcher]:
    """Which detector watches a series."""
    return ShareDetector if name.kind == "negative" else Detector


@dataclass(slots=True)
class Watch:
    """A series while it is fed: its detector, the slot that it was fed last, and its ripples that have not ended.

    `told` are the ripples that are new or have grown since it was opened, with the spike that says how far; `fed` says
    whether anything was said to the detector.
    """

    name: Name
    zone: ZoneInfo
    detector: Watcher
    slot: int
    unheard: Unheard
    row: Series | None = None
    fed: bool = False
    open: list[Ripple] = field(default_factory=list)
    told: dict[int, tuple[Ripple, Spike]] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Series, zone: ZoneInfo, unheard: Unheard) -> Watch:
        """The watch over a series that is stored."""
        name = Name(row.brand_id, row.kind, row.dimension, row.value)
        return cls(name, zone, unpack(kind_of(name), row.state), slot_of(row.fed_to), unheard, row)

    def take(self, arrivals: Iterable[Arrival], now: datetime) -> int:
        """Hear of mentions, in the order of time; how many came too late for that."""
        slots: dict[int, list[int]] = {}
        latest, late = slot_of(now), 0
        earliest = self.slot - int(LATE.total_seconds()) // SLOT
        for arrival in arrivals:
            slot = min(slot_of(arrival.written), latest)
            if slot < earliest:
                late += 1
                continue
            sums = slots.setdefault(max(slot, self.slot), [0, 0])
            hits, of = arrival.counts(self.name.kind)
            sums[0] += hits
            sums[1] += of
        for slot in sorted(slots):
            self.reach(slot)
            self.feed(slot, *slots[slot])
        return late

    def reach(self, slot: int) -> None:
        """Hear that nothing came in all slots before this one, but for those in which nobody listened."""
        for number in range(self.slot + 1, slot):
            if not self.unheard(number):
                self.feed(number, 0, 0)

    def feed(self, slot: int, hits: int, of: int) -> None:
        """Hear of so many more in a slot, and note what that does to the ripples."""
        at = datetime.fromtimestamp(slot * SLOT, self.zone)
        if isinstance(self.detector, ShareDetector):
            spike = self.detector.update(at, hits, of)
        else:
            spike = self.detector.update(at, hits)
        self.slot, self.fed = slot, True
        if spike.alert:
            self._rise(spike)
        elif spike.since is None:
            for ripple in self.open:
                ripple.ended_at = spike.at
            self.open.clear()
        elif self.open and _excess(spike) > self.open[-1].observed - self.open[-1].expected:
            self._grow(self.open[-1], spike)

    def packed(self) -> bytes:
        """The detector's state."""
        return pack(self.detector)

    def _rise(self, spike: Spike) -> None:
        """A new ripple, or the one of the same five minutes, which has become much worse within them."""
        same = next((one for one in self.open if one.at == spike.at), None)
        if same is None:
            same = Ripple(at=spike.at, since=spike.since or spike.at, score=0.0, **self.name._asdict())
            self.open.append(same)
        self._grow(same, spike)

    def _grow(self, ripple: Ripple, spike: Spike) -> None:
        ripple.window = int(spike.window.total_seconds())
        ripple.observed, ripple.of, ripple.expected = spike.observed, spike.of, spike.expected
        ripple.score = max(ripple.score, spike.score)
        self.told[id(ripple)] = ripple, spike


def _excess(spike: Spike) -> float:
    return spike.observed - spike.expected
