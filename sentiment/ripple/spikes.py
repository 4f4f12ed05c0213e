"""Spikes of volume and of negativity: more than there should be at this hour, said once per wave.

    detector = Detector()
    spike = detector.update(datetime(2026, 11, 22, 14, 5), 12)
    spike.score                 # 0..1; alert at ALERT
    words(spike, "complaints")  # "41 complaints in 30 min, usual 6, since 14:05"

What is usual is learned by hour and weekday (baseline.py), compared in rolling windows (rolling.py) by tail
probabilities of counts (tails.py), and said rarely (alarm.py). A score depends on what came before it and nothing else;
each update takes the same time and memory, however long the series is. `at` should be in the brand's own time zone,
whose hours and weekdays people keep; a naive time counts as UTC when it is compared with others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Self

from sentiment.ripple.alarm import CALM, CAUTION, Alarm, Caution, highest
from sentiment.ripple.rolling import SLOT, Rolling, View
from sentiment.ripple.tails import Counts, Shares, Tail

ALERT = 0.5
"""The score from which on a person should be told."""
MOST = 1e9
"""Mentions in one row; more is no count."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spike:
    """How things stand after one row, in the window that surprises most.

    `observed` mentions in `window` (of `of`, where a share is watched), `expected` of which are usual at this hour.
    `surprise` is -ln of the probability of so many (less in the first two days, when nobody knows), `score` that with
    what was alerted before taken into account. `since` is when the wave began that was alerted about, as long as it
    lasts; None while all is calm.
    """

    at: datetime
    score: float
    surprise: float
    observed: float
    expected: float
    of: float | None
    window: timedelta
    since: datetime | None

    @property
    def alert(self) -> bool:
        """Whether a person should be told now."""
        return self.score >= ALERT


class _Watch:
    """What both detectors do."""

    kind: str
    tail: Tail

    def __init__(self, caution: Caution = CAUTION) -> None:
        self._caution = caution
        self._rolling = Rolling(self.tail)
        self._alarm = Alarm()
        self._since: str | None = None

    def _update(self, at: datetime, hits: float, of: float | None) -> Spike:
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH).total_seconds()
        views = self._rolling.add(at, seconds, hits, of)
        surprise, view = highest(views, self._rolling.heard, self._caution)
        score = self._alarm.score(seconds, surprise, self._caution)
        if score >= ALERT and self._since is None:
            self._since = self._rolling.began()
        elif surprise < CALM:
            self._since = None
        return _spike(at, score, surprise, view, of is not None, self._since)

    def as_json(self) -> dict[str, Any]:
        """The state, as what JSON can hold: about 15 kB."""
        return {
            "kind": self.kind,
            "rolling": self._rolling.as_json(),
            "alarm": self._alarm.as_json(),
            "since": self._since,
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any], caution: Caution = CAUTION) -> Self:
        """A detector that goes on where the one stopped that wrote this. Raises ValueError for the other kind's."""
        if written["kind"] != cls.kind:
            raise ValueError(f"this is the state of {written['kind']}, not of {cls.kind}")
        watch = cls(caution)
        watch._rolling = Rolling.from_json(cls.tail, written["rolling"])
        watch._alarm = Alarm(**written["alarm"])
        watch._since = written["since"]
        return watch


class Detector(_Watch):
    """Watches how many there are: mentions or complaints of a brand, a topic, a source."""

    kind = "counts"
    tail = Counts()

    def update(self, at: datetime, count: float) -> Spike:
        """Take in `count` more at `at`. Rows within five minutes add up; say 0 where nothing came, nothing in a gap.

        Raises ValueError for a count that is none, and for a row that is earlier than the five minutes before it.
        """
        return self._update(at, _checked(count), None)


class ShareDetector(_Watch):
    """Watches what share of mentions is negative: `count` of `of`, however many there are."""

    kind = "shares"
    tail = Shares()

    def update(self, at: datetime, count: float, of: float) -> Spike:
        """Take in that `count` of `of` mentions at `at` were negative; else as Detector.update."""
        if _checked(count) > _checked(of):
            raise ValueError(f"{count:g} of {of:g}: more than there are")
        return self._update(at, count, of)


def words(spike: Spike, what: str) -> str:
    """For a person: "41 complaints in 30 min, usual 6, since 14:05"; of a share "34 of 60 mentions negative in ..."."""
    observed = f"{spike.observed:,.0f}" if spike.of is None else f"{spike.observed:,.0f} of {spike.of:,.0f}"
    minutes = round(spike.window.total_seconds() / 60)
    window = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
    usual = f"{spike.expected:,.0f}" if spike.expected >= 1 else "less than 1"
    return f"{observed} {what} in {window}, usual {usual}{_since(spike)}"


def _since(spike: Spike) -> str:
    if spike.since is None:
        return ""
    return f", since {spike.since:{'%H:%M' if spike.since.date() == spike.at.date() else '%A %H:%M'}}"


def _spike(at: datetime, score: float, surprise: float, view: View, share: bool, since: str | None) -> Spike:
    began = datetime.fromisoformat(since) if since else None
    window = timedelta(seconds=view.slots * SLOT)
    return Spike(at, score, surprise, view.hits, view.usual, view.of if share else None, window, began)


def _checked(count: float) -> float:
    if not isfinite(count) or not 0 <= count <= MOST:
        raise ValueError(f"{count:g} is no number of mentions")
    return count
