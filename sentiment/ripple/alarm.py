"""When a surprise is worth an alert: rarely, once per wave, and again only if it becomes much worse.

The score is surprise / (surprise + what is needed now), so it is 0.5 where an alert is due. What is needed is a fixed
threshold; for a while after an alert, several times what that wave has reached; and for some days half of what the
last waves reached, which fades, because aftershocks are no news. In the first two days surprises count for less:
nobody knows yet what is usual. The constants were chosen on five series of mentions of companies so that neighbouring
values do as well (`python -m bench.spikes`), not for the best figure.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sentiment.ripple.rolling import SLOT, View

_DAY = 86_400.0
READY = 2 * _DAY / SLOT
"""Slots after which a surprise counts in full; before, less with the square of what is missing."""
CALM = 2.5
"""Nats (1 in 12) below which a wave is over."""
_ORDINARY = 0.9
"""Of the threshold: as far as a surprise goes that is no more than what a usual day has seen."""


@dataclass(frozen=True, slots=True)
class Caution:
    """How much is needed: surprises in nats, times in seconds."""

    threshold: float = 7.5
    """1 in 1,800, while a day has 288 slots, most of which overlap with others."""
    quiet: float = 1.5 * _DAY
    """After an alert: the rest of the day and the morning after."""
    again: float = 2.0
    """Within that time only what surprises so many times as much as the wave has so far."""
    aftershock: float = 0.5
    """Later, what reaches so much of an earlier wave ..."""
    fades: float = 2 * _DAY
    """... which is halved every so often ..."""
    forgiven: float = 100.0
    """... and of which no more than this is remembered: however large a wave was, within a week all is as before."""


CAUTION = Caution()


@dataclass(slots=True)
class Alarm:
    """What one series was alerted about lately.

    `top` is the highest surprise since that alert, `settled` the same when it last was down to half (None: not yet),
    `memory` what is left of the highest surprise of all.
    """

    alerted: float | None = None
    top: float = 0.0
    settled: float | None = None
    memory: float = 0.0
    heard_at: float = 0.0

    def score(self, seconds: float, surprise: float, caution: Caution = CAUTION) -> float:
        """0..1 for the highest surprise at a moment (seconds since 1970); 0.5 and more is an alert."""
        self.memory *= 0.5 ** (max(0.0, seconds - self.heard_at) / caution.fades)
        self.heard_at = seconds
        needed = max(caution.threshold, caution.aftershock * self.memory)
        if self.alerted is not None and seconds - self.alerted <= caution.quiet:
            # While a wave still rises nothing is needed but the alert that was given.
            needed = max(needed, caution.again * (max(self.top, surprise) if self.settled is None else self.settled))
        if surprise >= needed:
            self.alerted, self.top, self.settled = seconds, surprise, None
        self.top = max(self.top, surprise)
        if surprise < self.top / 2:
            self.settled = self.top
        self.memory = max(self.memory, min(surprise, caution.forgiven))
        return surprise / (surprise + needed)

    def as_json(self) -> dict[str, Any]:
        """Everything that it remembers."""
        return asdict(self)


def highest(views: list[View], heard: float, caution: Caution = CAUTION) -> tuple[float, View]:
    """The most surprising view after so many slots, and how surprising it is once doubts are counted."""
    trust = min(1.0, heard / READY) ** 2
    limit = _ORDINARY * caution.threshold
    return max(
        ((trust * (view.surprise if view.tops else min(view.surprise, limit)), view) for view in views),
        key=lambda each: each[0],
    )
