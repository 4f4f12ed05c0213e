"""Better, same or worse: what an author's next word after our reply sounds like, against what they wrote before it.

The rule, from the verdicts on both. *Better*: it is no complaint and kind, or it is no complaint where there was one
and clearly less negative. *Worse*: a complaint where there was none, or clearly more negative or more angry than
before. *Same*: everything between. Where a language is not judged, nothing is said. Thanks that are probably ironic
are not better.

A complaint is *recovered* when it was answered and its author's next word is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.types import UNSUPPORTED

BETTER, SAME, WORSE = "better", "same", "worse"

CLEARLY = 0.3
"""By so much of one whole share must the mood change to count: less is within what the model errs by."""

_IRONIC = 0.7


class Judged(Protocol):
    """What of a verdict tells the mood: a row of it, or what the responder read."""

    @property
    def sentiment(self) -> str:
        """Negative, neutral, positive or unsupported."""
        ...

    @property
    def scores(self) -> Mapping[str, float]:
        """Shares of the sentiments."""
        ...

    @property
    def complaint(self) -> bool | None:
        """None is unsure."""
        ...

    @property
    def emotions(self) -> Mapping[str, float]:
        """Shares of the emotions."""
        ...

    @property
    def irony(self) -> float | None:
        """How likely it is meant otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Mood:
    """How somebody sounds: `negative` from -1 (all positive) to 1, `anger` from 0 to 1; `complaint` None is unsure."""

    complaint: bool | None
    negative: float
    anger: float
    kind: bool

    @classmethod
    def of(cls, judged: Judged | None) -> Mood | None:
        """The mood of a mention; None where it was not judged."""
        if judged is None or judged.sentiment == UNSUPPORTED:
            return None
        negative = judged.scores.get("negative", 0.0) - judged.scores.get("positive", 0.0)
        kind = judged.sentiment == "positive" and (judged.irony or 0.0) < _IRONIC
        return cls(judged.complaint, negative, judged.emotions.get("anger", 0.0), kind)


def compare(before: Mood | None, after: Mood | None) -> str | None:
    """Whether somebody sounds better, the same or worse than before; None where that cannot be told."""
    if before is None or after is None:
        return None
    calmer = before.negative - after.negative
    if after.complaint is False and (after.kind or (before.complaint is not False and calmer >= CLEARLY)):
        return BETTER
    angrier = after.anger - before.anger
    if (after.complaint and before.complaint is False) or -calmer >= CLEARLY or angrier >= CLEARLY:
        return WORSE
    return SAME
