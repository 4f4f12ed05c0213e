"""How right the model is for one brand, from its labelled sample and nothing else; every share with what it may be.

Intervals are Wilson's at 95% (Wilson 1927). F1 is 2J / (1 + J) of the share J of all rows that either the model or a
person calls so on which both do, and its interval is that of J, put through the same. A complaint of which the model
was unsure, or which it did not judge, counts as not found.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sentiment.labels import HEADS, YES

ENOUGH = 30
"""Labels from which on figures say something."""
ENOUGH_OF_ONE = 10
"""Labels of one source or language, likewise."""
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))

NOT_JUDGED = "not judged"
"""What stands where a verdict says nothing of a head, as in a language that the model does not know."""

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Labelled:
    """One row of the sample: what was said and what is true, by head."""

    said: Mapping[str, str]
    labels: Mapping[str, str]
    platform: str
    language: str
    complaint_score: float | None


@dataclass(frozen=True, slots=True)
class Share:
    """So many `hits` of `of`, and between which shares the truth lies with 95%."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing is 0."""
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval; of nothing anything may be true."""
        if not self.of:
            return 0.0, 1.0
        middle = self.value + _Z**2 / (2 * self.of)
        spread = _Z * math.sqrt(self.value * (1 - self.value) / self.of + _Z**2 / (4 * self.of**2))
        size = 1 + _Z**2 / self.of
        return max(0.0, (middle - spread) / size), min(1.0, (middle + spread) / size)


@dataclass(frozen=True, slots=True)
class OfLabel:
    """How one label of a head is found: `precision` of what was called so, `recall` of what is so."""

    label: str
    precision: Share
    recall: Share
    both: Share

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _f1(self.both.value)

    @property
    def f1_interval(self) -> tuple[float, float]:
        """Between which values it lies with 95%."""
        low, high = self.both.interval
        return _f1(low), _f1(high)


@dataclass(frozen=True, slots=True)
class OfHead:
    """One head: how often it was `right`, each label, and what was said (columns) of what is true (rows)."""

    head: str
    right: Share
    labels: tuple[OfLabel, ...]
    columns: tuple[str, ...]
    confusion: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class OfGroup:
    """One source or language: how often complaint and sentiment were right, and which share of complaints was found."""

    name: str
    rows: int
    complaint: Share
    found: Share
    sentiment: Share


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """If everything from a score on were looked at: complaints `missed` of all, and `looked_at` of all mentions."""

    threshold: float
    missed: Share
    looked_at: Share


def of_head(head: str, rows: Sequence[Labelled]) -> OfHead:
    """Figures of one head, over the rows that were labelled for it."""
    pairs = [(row.labels[head], row.said.get(head, NOT_JUDGED)) for row in rows if head in row.labels]
    names = HEADS[head]
    counts = Counter(pairs)
    columns = (*names, *sorted({said for _, said in pairs} - set(names)))
    return OfHead(
        head,
        _right(pairs),
        tuple(_of_label(name, pairs) for name in names),
        columns,
        tuple((true, tuple(counts[true, said] for said in columns)) for true in names),
    )


def by(key: Callable[[Labelled], str], rows: Sequence[Labelled]) -> list[OfGroup]:
    """Figures for each source, or each language; the largest first."""
    groups: dict[str, list[Labelled]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    found = [_of_group(name, some) for name, some in groups.items()]
    return sorted(found, key=lambda group: (-group.rows, group.name))


def at_thresholds(rows: Sequence[Labelled]) -> list[AtThreshold]:
    """What each threshold would miss, and what it would have people look at."""
    scored = [(row.complaint_score, row.labels["complaint"] == YES) for row in rows if _scored(row)]
    complaints = [score for score, true in scored if true and score is not None]
    scores = [score for score, _ in scored if score is not None]
    return [
        AtThreshold(
            threshold,
            Share(sum(score < threshold for score in complaints), len(complaints)),
            Share(sum(score >= threshold for score in scores), len(scores)),
        )
        for threshold in THRESHOLDS
    ]


def _scored(row: Labelled) -> bool:
    return row.complaint_score is not None and "complaint" in row.labels


def _of_label(name: str, pairs: Sequence[tuple[str, str]]) -> OfLabel:
    both = sum(true == said == name for true, said in pairs)
    called = sum(said == name for _, said in pairs)
    so = sum(true == name for true, _ in pairs)
    return OfLabel(name, Share(both, called), Share(both, so), Share(both, called + so - both))


def _of_group(name: str, rows: Sequence[Labelled]) -> OfGroup:
    complaints = _pairs("complaint", rows)
    found = [said == YES for true, said in complaints if true == YES]
    return OfGroup(
        name, len(rows), _right(complaints), Share(sum(found), len(found)), _right(_pairs("sentiment", rows))
    )


def _pairs(head: str, rows: Iterable[Labelled]) -> list[tuple[str, str]]:
    return [(row.labels[head], row.said.get(head, NOT_JUDGED)) for row in rows if head in row.labels]


def _right(pairs: Sequence[tuple[str, str]]) -> Share:
    return Share(sum(true == said for true, said in pairs), len(pairs))


def _f1(both: float) -> float:
    return 2 * both / (1 + both)
