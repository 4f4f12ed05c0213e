"""What is usual at an hour of the week: a rate that is learned as it comes and forgotten slowly.

Three layers, each of which leans on the one above it until it has seen enough of its own: all slots, the hour of the
day, the hour of the week. A layer's rate is (hits + K * rate above) / (slots + K), the mean of a gamma posterior whose
prior is worth K slots (Gelman and others, "Bayesian Data Analysis", 3rd edition, section 2.6). What is old counts half
after HALF_LIFE, which is done by letting the weight of what is new grow, so that one slot touches three sums only.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import datetime
from math import exp2

HALF_LIFE = 21 * 86_400.0
"""Seconds after which something counts half: a weekday's pattern needs some weeks, a brand grows within months."""
K = 36.0
"""Slots of 5 minutes (three hours) that the layer above is worth: less than a day's hour is seen in three days."""
_HOURS, _WEEK = 24, 168
_FOLD = 32.0
"""Half-lives after which the growing weight is folded back to 1, far from the limits of a float."""


class Baseline:
    """Hits per slot (or, for shares, per mention) by hour and weekday; `at` is in the zone whose hours are meant."""

    def __init__(self) -> None:
        self.hits = array("d", bytes(8 * (_WEEK + _HOURS + 1)))
        self.of = array("d", bytes(8 * (_WEEK + _HOURS + 1)))
        self.slots = 0.0
        self.age = 0.0

    @property
    def heard(self) -> float:
        """Slots that were learned from, the old ones counting less."""
        return self.slots * exp2(-self.age)

    def pass_time(self, seconds: float) -> None:
        """Forget what so much time makes one forget."""
        self.age += seconds / HALF_LIFE
        if self.age > _FOLD:
            self._fold()

    def _fold(self) -> None:
        shrink = exp2(-self.age)
        self.hits = array("d", (value * shrink for value in self.hits))
        self.of = array("d", (value * shrink for value in self.of))
        self.slots *= shrink
        self.age = 0.0

    def overall(self) -> float:
        """The rate over all hours; 0 while nothing is known."""
        return self.hits[-1] / self.of[-1] if self.of[-1] else 0.0

    def rate(self, at: datetime) -> float:
        """The rate at this hour of this weekday; 0 while nothing is known."""
        if not self.of[-1]:
            return 0.0
        rate = self.overall()
        worth = K * exp2(self.age) * (self.of[-1] / self.slots)
        hour = at.hour
        for place in (_WEEK + hour, at.weekday() * _HOURS + hour):
            rate = (self.hits[place] + worth * rate) / (self.of[place] + worth)
        return rate

    def learn(self, at: datetime, hits: float, of: float, slots: float) -> None:
        """Take in `hits` of `of`, which stand for so many slots."""
        weight = slots * exp2(self.age)
        hour = at.hour
        for place in (_WEEK + _HOURS, _WEEK + hour, at.weekday() * _HOURS + hour):
            self.hits[place] += weight * hits
            self.of[place] += weight * of
        self.slots += weight

    def as_json(self) -> dict[str, object]:
        """Everything that it remembers."""
        return {"hits": list(self.hits), "of": list(self.of), "slots": self.slots, "age": self.age}

    @classmethod
    def from_json(cls, hits: Sequence[float], of: Sequence[float], slots: float, age: float) -> Baseline:
        """What `as_json` wrote."""
        baseline = cls()
        baseline.hits, baseline.of = array("d", hits), array("d", of)
        baseline.slots, baseline.age = slots, age
        return baseline
