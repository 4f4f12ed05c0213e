"""A series seen through rolling windows: how many there are in each, how many are usual, and how unlikely that is.

A series comes in slots of five minutes. Rows that fall into the same slot add up, and a slot of which nothing is said
is unknown, not zero: who listens and hears nothing says 0, who does not listen says nothing. What a slot teaches is
taken in when the next one begins, and clipped: a wave raises the usual by no more than an ordinary busy slot does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil, sqrt
from statistics import median
from typing import Any, NamedTuple

from sentiment.ripple.baseline import HALF_LIFE, Baseline
from sentiment.ripple.tails import Tail

SLOT = 300
"""Seconds."""
WINDOWS = (6, 12, 36)
"""Slots in each view: half an hour for what is sudden, an hour, and three hours for what grows slowly."""
CLIP = 3.0
"""Standard deviations beyond which a deviation teaches no more (Huber's way of being robust)."""
FEWEST = 5
"""So many in a window at least, however unusual: four mentions are no wave."""
_LEAST_RATE = 1e-3
_DAY = 86_400 // SLOT
_DAYS = 14
_FIRST = 24
"""Slots in the beginning while nothing is known about how much a count varies."""
_HOUR = 12


class View(NamedTuple):
    """One window, now. `expected` is what `surprise` (nats) compares with; `usual` is the hour's own rate.

    `tops`: there are FEWEST, and more than in the busiest such window of the median day of the last two weeks.
    """

    slots: int
    hits: float
    of: float
    expected: float
    usual: float
    surprise: float
    tops: bool


Sums = tuple[float, float, float, float]
"""Hits, of, expected, usual."""


@dataclass(slots=True)
class _Slot:
    number: int
    at: str
    stands: float
    rate: float
    usual: float
    before: Sums
    hits: float = 0.0
    of: float = 0.0

    def through(self) -> Sums:
        """The running totals with this slot."""
        hits, of, expected, usual = self.before
        return hits + self.hits, of + self.of, expected + self.rate * self.of, usual + self.usual * self.of


class Rolling:
    """The windows of one series, its baseline and how much it varies; about 15 kB however long it runs."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._baseline = Baseline()
        self._slots: deque[_Slot] = deque(maxlen=max(WINDOWS))
        self._varied = [(tail.prior * _DAY, float(_DAY)) for _ in WINDOWS]
        self._know_dispersions()
        self._day = 0
        self._today = [0.0] * (1 + len(WINDOWS))
        self._days: deque[list[float]] = deque(maxlen=_DAYS)
        self._ordinary = [0.0] * len(WINDOWS)
        self._gap = 0
        self._firsts: list[_Slot] = []

    @property
    def heard(self) -> float:
        """Slots that were learned from; what is long ago counts less."""
        return self._baseline.heard

    def add(self, at: datetime, seconds: float, hits: float, of: float | None) -> list[View]:
        """So many `hits` (of so many; None: per slot) at `at`, `seconds` since 1970; the windows that end there.

        Raises ValueError for a slot before the latest one.
        """
        number = int(seconds // SLOT)
        if not self._slots or number > self._slots[-1].number:
            self._open(number, at)
        slot = self._slots[-1]
        if number < slot.number:
            raise ValueError(f"{at.isoformat(' ')} is before {slot.at}, which came earlier")
        slot.hits += hits
        slot.of = 1.0 if of is None else slot.of + of
        return self._views()

    def began(self) -> str:
        """Since when there have been more than twice as many as usual (ISO 8601): Page's cumulative sum, 1954."""
        best, total, since = 0.0, 0.0, self._slots[-1].at
        for slot in reversed(self._slots):
            total += slot.hits - 2 * slot.usual * slot.of
            if total > best:
                best, since = total, slot.at
        return since

    def _open(self, number: int, at: datetime) -> None:
        stands, before = 1.0, (0.0, 0.0, 0.0, 0.0)
        if self._slots:
            self._learn(self._slots[-1])
            before = self._slots[-1].through()
            gap = number - self._slots[-1].number
            stands = float(
                min(gap, self._gap or gap, _HOUR)
            )  # a row after a gap stands for no more than the one before
            self._gap = gap
            self._baseline.pass_time(gap * SLOT)
        rate = max(self._baseline.rate(at), _LEAST_RATE)
        # At night a few are unusual, but nobody need get up for what would be nothing by day.
        least = max(rate, self._baseline.overall())
        self._slots.append(_Slot(number, at.isoformat(" "), stands, least, rate, before))
        self._find_firsts()
        if number // _DAY != self._day:
            self._turn(number // _DAY)

    def _turn(self, day: int) -> None:
        """Another day begins; one that was heard for less than half is not remembered."""
        if self._today[0] >= _DAY / 2:
            self._days.append(self._today[1:])
            if len(self._days) > 1:
                self._ordinary = _medians(self._days)
        self._day = day
        self._today = [0.0] * len(self._today)

    def _learn(self, slot: _Slot) -> None:
        sums, fade = self._sums(), 0.5 ** (slot.stands * SLOT / HALF_LIFE)
        self._today[0] += slot.stands
        for place, (hits, of, expected, _) in enumerate(sums):
            self._today[place + 1] = max(self._today[place + 1], hits)
            says_so_far, weights = self._varied[place]
            allowed = CLIP * sqrt(self._tail.variance(expected, of, self._dispersions[place])) + 1
            says, weight = self._tail.dispersion(min(abs(hits - expected), allowed), expected, of)
            weight *= slot.stands
            self._varied[place] = (says_so_far * fade + says * weight, weights * fade + weight)
        self._baseline.learn(datetime.fromisoformat(slot.at), min(slot.hits, self._most(slot)), slot.of, slot.stands)
        self._know_dispersions()

    def _most(self, slot: _Slot) -> float:
        """As many as one slot may teach."""
        if not self._baseline.heard:
            return slot.hits
        expected = slot.rate * slot.of
        if self._baseline.heard < _FIRST:
            return 4 * expected + 4
        return ceil(expected + CLIP * sqrt(self._tail.variance(expected, slot.of, self._dispersions[0])))

    def _know_dispersions(self) -> None:
        self._dispersions = [max(says / weights, self._tail.least) for says, weights in self._varied]

    def _sums(self) -> list[Sums]:
        """What is in each window: the difference of two running totals."""
        slot, sums = self._slots[-1], []
        hits, of, expected, usual = slot.through()
        for first in self._firsts:
            was = first.before
            sums.append((hits - was[0], of - was[1], expected - was[2], usual - was[3]))
        return sums

    def _find_firsts(self) -> None:
        """The oldest slot of each window; there is one for each slot at most, and after a gap fewer."""
        self._firsts = []
        now = self._slots[-1].number
        for window in WINDOWS:
            place = max(len(self._slots) - window, 0)
            while now - self._slots[place].number >= window:
                place += 1
            self._firsts.append(self._slots[place])

    def _views(self) -> list[View]:
        return [
            View(
                WINDOWS[place],
                hits,
                of,
                expected,
                usual,
                self._tail.surprise(hits, expected, of, self._dispersions[place]),
                hits >= FEWEST and hits >= self._ordinary[place],
            )
            for place, (hits, of, expected, usual) in enumerate(self._sums())
        ]

    def as_json(self) -> dict[str, Any]:
        """Everything that it remembers."""
        return {
            "baseline": self._baseline.as_json(),
            "slots": [{name: getattr(slot, name) for name in _Slot.__slots__} for slot in self._slots],
            "varied": self._varied,
            "day": self._day,
            "today": self._today,
            "days": list(self._days),
            "gap": self._gap,
        }

    @classmethod
    def from_json(cls, tail: Tail, written: Mapping[str, Any]) -> Rolling:
        """What `as_json` wrote."""
        rolling = cls(tail)
        rolling._baseline = Baseline.from_json(**written["baseline"])
        rolling._slots.extend(_Slot(**{**slot, "before": tuple(slot["before"])}) for slot in written["slots"])
        if rolling._slots:
            rolling._find_firsts()
        rolling._varied = [(says, weights) for says, weights in written["varied"]]
        rolling._know_dispersions()
        rolling._day, rolling._today, rolling._gap = written["day"], list(written["today"]), written["gap"]
        rolling._days.extend(written["days"])
        if len(rolling._days) > 1:
            rolling._ordinary = _medians(rolling._days)
        return rolling


def _medians(days: Iterable[list[float]]) -> list[float]:
    return [median(each) for each in zip(*days, strict=True)]
