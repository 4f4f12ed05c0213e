"""Like complaints, found as they come: which lie close together, and whether so many of them are more than usual.

A group is found by mean shift from one complaint: those like it, then those like their mean, until it stands still.
A mean tells like from unlike far better than a single text does, since what is chance in the texts evens out.

A group is a wave where, within some window up to WINDOW, so many different authors say it that chance would not
bring them together: the surprise (-ln P) under a negative binomial (sentiment/ripple/tails.py) whose mean is the
usual number of such complaints. That is how many were like it before the window; for what has little past, a topic is
taken to be USUAL_SHARE of the brand's complaints. So four alike are a wave where hardly anybody complains, and none
where twenty say the same every day. A group that is drawn too wide has many in the past as well, and stays calm.

Everything here is in memory and knows no database: `times` are seconds since the epoch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sentiment.ripple.rare import Words
from sentiment.ripple.tails import Counts

Floats = NDArray[np.float32]

HOUR = 3600.0
DAY = 24 * HOUR
WINDOW = 48 * HOUR
"""Complaints that are further apart than this belong to no common wave."""
KEPT = 10_000
"""Complaints of a brand that are remembered, the newest (23 MB): what is usual is found in them."""

LEAST = 4
"""Authors without whom there is no wave, however unusual it is."""
SURE = 10.0
"""The surprise from which on a group is a wave, in nats: once in 22,000 looks."""
USUAL_SHARE = 0.1
USUAL_WORTH = DAY
RAREST = 0.2 / DAY
"""A topic has this share of a brand's complaints, and no less than RAREST a second, until it was seen for longer than
USUAL_WORTH."""
LARGEST_SHARE = 0.3
TIMES_KNOWN = 3
"""The same while the time that is known before a window is not so many times as long: a topic may be the main one."""
MIDDLE_PRIOR = 30
"""Complaints that say nothing in common, as many as are assumed beside those that are known."""
MIDDLE_MOST = 0.5
"""Its length at most: where nearly all complaints are about one thing, they still have that in common."""
WINDOWS = tuple(hours * HOUR for hours in (1, 3, 8, 24, 48))
"""The times within which complaints are counted."""
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """How near counts as like, which depends on what makes the vectors: one complaint to another (`pair`), to the mean
    of a group (`mean`), and to that of an incident that it may `join`. `tight`: the least mean likeness in a group."""

    pair: float
    mean: float
    join: float
    tight: float


EMBEDDED = Measure(pair=0.45, mean=0.65, join=0.65, tight=0.3)
"""For vectors of the bundled model; found with `python -m bench.purity --split tuning`."""
WORDS = Measure(pair=0.3, mean=0.45, join=0.45, tight=0.15)
"""For texts that are like because they share words."""


@dataclass(frozen=True, slots=True)
class Group:
    """Like complaints that are more than usual, with their likeness to the `mean`, and since when they are; alike in
    what they mean, or because they all have one rare `word`."""

    likeness: Mapping[int, float]
    mean: Floats = field(repr=False)
    could_at: float
    surprise: float
    word: str = ""


class Pool:
    """The complaints of one brand that are remembered, as rows of a matrix of unit vectors.

    Beside each stands its direction without what all have in common (`middle`), by which likeness is told.
    """

    def __init__(self, width: int, kept: int = KEPT) -> None:
        self._kept = kept
        self._size = 0
        self._rows: dict[int, int] = {}
        self._ids = np.zeros(0, np.int64)
        self._authors = np.zeros(0, np.int64)
        self._times = np.zeros(0, np.float64)
        self._vectors = np.zeros((0, width), np.float16)
        self._apart = np.zeros((0, width), np.float32)
        self._middle = (-1, np.zeros(width, np.float32))
        self.words = Words()

    def __len__(self) -> int:
        return self._size

    def __contains__(self, mention_id: int) -> bool:
        return mention_id in self._rows

    def add(
        self,
        ids: Sequence[int],
        authors: Sequence[int],
        times: Sequence[float],
        vectors: Floats,
        words: Sequence[frozenset[str]] = (),
    ) -> None:
        """Remember complaints, without texts that say nothing; the oldest are forgotten when there are too many."""
        fresh = [n for n, one in enumerate(ids) if one not in self._rows and vectors[n].any()]
        if not fresh:
            return
        columns = (np.array(ids)[fresh], np.array(authors)[fresh], np.array(times)[fresh], vectors[fresh])
        self._reserve(len(fresh))
        end = self._size + len(fresh)
        self._ids[self._size : end], self._authors[self._size : end] = columns[0], columns[1]
        self._times[self._size : end], self._vectors[self._size : end] = columns[2], columns[3]
        self._apart[self._size : end] = _directions(self._vectors[self._size : end] - self._middle[1])
        self._rows.update((int(one), self._size + n) for n, one in enumerate(columns[0]))
        self._size = end
        for n in fresh if words else ():
            self.words.add(ids[n], times[n], words[n])
        if self._size > self._kept + self._kept // 8:
            self._keep(np.sort(np.argsort(self._times[: self._size])[-self._kept :]))

    def drop(self, ids: Iterable[int]) -> None:
        """Forget complaints."""
        gone = {self._rows[one] for one in ids if one in self._rows}
        if gone:
            self._keep(np.array([row for row in range(self._size) if row not in gone], dtype=np.int64))

    @property
    def middle(self) -> Floats:
        """What all complaints of the brand have in common: the mean of those that are older than any wave.

        What is like is told by what is left without it. With few of them it counts for little.
        """
        found_at, middle = self._middle
        if abs(self._size - found_at) > found_at // 50:
            times = self._times[: self._size]
            old = self._vectors[: self._size][times < times.max(initial=0) - WINDOW]
            middle = old.sum(axis=0, dtype=np.float32) / (len(old) + MIDDLE_PRIOR)
            middle *= min(1.0, MIDDLE_MOST / max(float(np.linalg.norm(middle)), MIDDLE_MOST))
            self._middle = (self._size, middle)
            self._apart[: self._size] = _directions(self._vectors[: self._size] - middle)
        return middle

    def likeness(self, vectors: Floats, mean: Floats) -> Floats:
        """How like each of these is to a mean (or another one): -1 to 1."""
        scores: Floats = _directions(vectors - self.middle) @ unit(mean - self.middle)
        return scores

    def ids(self) -> list[int]:
        """The mentions that are remembered."""
        return list(self._rows)

    def vector(self, mention_id: int) -> Floats:
        """The vector of a complaint that is remembered."""
        vector: Floats = self._vectors[self._rows[mention_id]].astype(np.float32)
        return vector

    def author(self, mention_id: int) -> int:
        """Who wrote a complaint that is remembered."""
        return int(self._authors[self._rows[mention_id]])

    def time(self, mention_id: int) -> float:
        """When a complaint that is remembered was written."""
        return float(self._times[self._rows[mention_id]])

    def times(self) -> NDArray[np.float64]:
        """When the complaints that are remembered were written, sorted."""
        return np.sort(self._times[: self._size])

    def number_before(self, at: float) -> int:
        """How many of them were written before then."""
        return int(np.count_nonzero(self._times[: self._size] < at))

    def together(self, mention_ids: Sequence[int]) -> tuple[dict[int, float], Floats]:
        """How like some complaints are to what they have in common, and that."""
        vectors = _directions(np.stack([self.vector(one) for one in mention_ids]) - self.middle)
        mean = unit(vectors.mean(axis=0))
        return dict(zip(mention_ids, (vectors @ mean).tolist(), strict=True)), mean

    def group(self, mention_id: int, measure: Measure, barred: Iterable[int] = ()) -> Group | None:
        """The wave that a complaint is part of, if there is one. Those that are `barred` belong to none."""
        at = self._times[self._rows[mention_id]]
        start = unit(self.vector(mention_id) - self.middle)
        close = np.abs(self._times[: self._size] - at) <= WINDOW
        like = self._apart[: self._size] @ start >= measure.pair
        if len(np.unique(self._authors[: self._size][close & like])) < LEAST:
            return None  # as it is of most
        near = np.flatnonzero(close)
        if barred:
            near = near[~np.isin(self._ids[near], np.fromiter(barred, np.int64))]
        vectors = self._apart[near]
        inside, mean = self._shifted(near, vectors, start, measure)
        if mean is None:
            return None
        rows = near[inside]
        found = self._unusual(rows, mean, measure, float(at))
        if found is None:
            return None
        likeness = vectors[inside] @ mean
        named = {int(self._ids[row]): float(score) for row, score in zip(rows, likeness, strict=True)}
        return Group(named, mean, *found) if mention_id in named else None

    def _shifted(
        self, near: NDArray[np.int64], vectors: Floats, start: Floats, measure: Measure
    ) -> tuple[NDArray[np.bool_], Floats | None]:
        """Which rows are in the group that a complaint leads to, and its mean as a unit vector; None: too few."""
        inside = vectors @ start >= measure.pair
        mean = None
        for _ in range(_ROUNDS):
            if len(np.unique(self._authors[near[inside]])) < LEAST:
                return inside, None
            mean = unit(vectors[inside].mean(axis=0))
            before, inside = inside, vectors @ mean >= measure.mean
            if np.array_equal(before, inside):
                break
        if len(np.unique(self._authors[near[inside]])) < LEAST or tightness(vectors[inside]) < measure.tight:
            return inside, None
        return inside, mean

    def _unusual(
        self, rows: NDArray[np.int64], mean: Floats, measure: Measure, since: float
    ) -> tuple[float, float] | None:
        """When, `since` then, these rows first were more than usual, and how surprising that was; None: never."""
        times = self._times[: self._size]
        like = np.sort(times[self._apart[: self._size] @ mean >= measure.mean])
        every = np.sort(times)
        order = np.argsort(times[rows], kind="stable")
        ends, authors = times[rows][order], self._authors[rows][order]
        for last in range(max(LEAST - 1, int(np.searchsorted(ends, since))), len(ends)):
            for window in WINDOWS:
                first = int(np.searchsorted(ends, ends[last] - window, side="right"))
                number = len(set(authors[first : last + 1].tolist()))
                if number < LEAST:
                    continue
                surprised = surprise(number, like, every, float(ends[last]), window)
                if surprised >= SURE:
                    return float(ends[last]), surprised
        return None

    def _reserve(self, more: int) -> None:
        if self._size + more > len(self._ids):
            room = max(self._size + more, 2 * len(self._ids), 64)
            self._ids, self._authors, self._times = (
                np.resize(self._ids, room),
                np.resize(self._authors, room),
                np.resize(self._times, room),
            )
            vectors = np.zeros((room, self._vectors.shape[1]), np.float16)
            vectors[: self._size] = self._vectors[: self._size]
            apart = np.zeros((room, self._vectors.shape[1]), np.float32)
            apart[: self._size] = self._apart[: self._size]
            self._vectors, self._apart = vectors, apart

    def _keep(self, rows: NDArray[np.int64]) -> None:
        size = len(rows)
        for row in np.setdiff1d(np.arange(self._size), rows):
            self.words.drop(int(self._ids[row]), float(self._times[row]))
        self._ids[:size], self._authors[:size] = self._ids[rows], self._authors[rows]
        self._times[:size], self._vectors[:size] = self._times[rows], self._vectors[rows]
        self._apart[:size] = self._apart[rows]
        self._size = size
        self._rows = {int(one): n for n, one in enumerate(self._ids[: self._size])}


def unit(vector: Floats) -> Floats:
    """The vector at length one."""
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)


def tightness(vectors: Floats) -> float:
    """The mean likeness of two different ones of these unit vectors."""
    number = len(vectors)
    return float((np.square(vectors.sum(axis=0)).sum() - number) / (number * (number - 1))) if number > 1 else 0.0


def nearest(likeness: Mapping[int, float], measure: Measure) -> tuple[int, float] | None:
    """Which of some incidents, by how like a complaint is to their means, it may join; and that likeness."""
    best = max(likeness, key=lambda one: likeness[one], default=None)
    return (best, likeness[best]) if best is not None and likeness[best] >= measure.join else None


def _directions(vectors: NDArray[np.float32]) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions: Floats = (vectors / np.maximum(lengths, 1e-6)).astype(np.float32, copy=False)
    return directions


def most_in(homes: Sequence[int | None]) -> int | None:
    """The incident that a group is part of, by where each of its complaints belongs: where a third of them is."""
    inside = Counter(home for home in homes if home is not None)
    best = min(inside, key=lambda home: (-inside[home], home), default=None)
    return best if best is not None and inside[best] * 3 >= len(homes) else None


def surprise(number: int, like: NDArray[np.float64], every: NDArray[np.float64], end: float, window: float) -> float:
    """How unusual so many authors are in the window that ends then, in nats; `like` and `every`: when complaints that
    are like these, and all, were written, sorted."""
    return _COUNTS.surprise(number, _usual(like, every, end - window, end) * window, 0, _COUNTS.prior)


def _usual(like: NDArray[np.float64], every: NDArray[np.float64], start: float, end: float) -> float:
    """How many like complaints come per second where all is as it was before `start`, the window's."""
    before = bisect_right(like, start)
    known = max(0.0, start - float(every[0]))
    others = bisect_right(every, end) - (bisect_right(like, end) - before)
    share = USUAL_SHARE if known >= TIMES_KNOWN * (end - start) else LARGEST_SHARE
    rate = max(RAREST, share * others / max(end - float(every[0]), HOUR))
    return (before + rate * USUAL_WORTH) / (known + USUAL_WORTH)


_COUNTS = Counts()
