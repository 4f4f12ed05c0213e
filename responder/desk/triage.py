"""How much a case presses, 0..100, with the reasons a person would give.

The score is a sum of weights that are each capped, so that no single thing decides. What the author says and how
long they have been left alone weighs most; how many people might see it weighs at most REACH, all of it together.
Firms that go by audience answer people with more followers more often (Golmohammadi et al., 2021, on who is answered;
Herhausen et al., 2019, on what spreads): a person with 40 followers who writes for the third time must stand above
somebody well known who grumbles. Anger spreads a complaint, sadness does not, hence its own weight.

More of anything that presses never lowers the score. It depends on nothing but the facts given.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

URGENT, HIGH = 65, 45
"""From these scores on a case is urgent, or high, and the brand's times for such cases apply."""

REACH = 16
"""The most that followers, reposts, likes and replies add, all together."""

TAKING_OFF = 12
"""The most that the forecast adds: how many reposts there will be, where many are still to come."""

CALM = 30
"""Reposts to which a post may grow before that presses at all: three reposts are no wave."""

MOST_COUNTED = 20
"""Earlier messages without an answer are counted up to here."""

_COMPLAINT, _UNSURE, _UNREAD, _OTHER = 28, 12, 12, 5
"""Where a complaint, a perhaps, a language that was not judged, and anything else begin."""

_FOLLOWERS_SHOWN = 1_000
_WAITING_SHOWN = 60
_DAY = 24 * 60
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a case when its priority is asked for; of several mentions the most pressing of each.

    `complaint` None is unsure; `complaint_score`, `negative` and `anger` are probabilities. `unread`: the language is
    not judged. `unanswered` counts the author's earlier messages that nobody answered, `others` the other mentions of
    the thread that joined. `waiting` is in minutes since the author wrote. `direct`: it speaks to an account of ours.
    `expected` are the reposts that a post is forecast to have in the end, while it still grows
    (responder/spread/spread.py), and `forecast` says so in words.
    """

    complaint: bool | None = False
    complaint_score: float = 0.0
    negative: float = 0.0
    anger: float = 0.0
    unread: bool = False
    question: bool = False
    direct: bool = False
    answered_back: bool = False
    unanswered: int = 0
    others: int = 0
    followers: int = 0
    likes: int = 0
    reposts: int = 0
    replies: int = 0
    waiting: int = 0
    expected: int = 0
    forecast: str = ""

    def joined(self, other: Facts) -> Facts:
        """The facts of two mentions together: the more pressing of each."""
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        both = {name: max(mine[name], theirs[name]) for name in mine if name not in ("complaint", "forecast")}
        _, forecast = max((self.expected, self.forecast), (other.expected, other.forecast))
        return Facts(complaint=max(self.complaint, other.complaint, key=_certainty), forecast=forecast, **both)

    def stored(self) -> dict[str, object]:
        """As JSON keeps it."""
        return dataclasses.asdict(self)

    @classmethod
    def restored(cls, kept: Mapping[str, object]) -> Facts:
        """From what JSON kept; what is missing there (the author took it back) counts as nothing."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in names})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Priority:
    """How much a case presses, 0..100, and why, what weighs most first."""

    score: int
    reasons: tuple[str, ...]

    @property
    def severity(self) -> str:
        """How severe: urgent, high or normal; by it the brand's targets are chosen."""
        return "urgent" if self.score >= URGENT else "high" if self.score >= HIGH else "normal"


def priority(facts: Facts) -> Priority:
    """How much this presses, and why."""
    weighed = [*_said(facts), *_left_alone(facts), *_heard_by(facts), _taking_off(facts)]
    score = round(sum(weight for weight, _ in weighed))
    told = sorted((one for one in weighed if one[1]), key=lambda one: -one[0])
    return Priority(max(0, min(100, score)), tuple(reason for _, reason in told))


def _certainty(complaint: bool | None) -> int:
    return {False: 0, None: 1, True: 2}[complaint]


def _said(facts: Facts) -> list[tuple[float, str]]:
    """What the author says, and how."""
    score, negative, anger = (_share(one) for one in (facts.complaint_score, facts.negative, facts.anger))
    return [
        _kind(facts, score),
        (6 * negative, f"negative ({negative:.0%})" if negative >= 0.6 and not facts.complaint else ""),
        (8 * anger, f"angry ({anger:.0%})" if anger >= 0.5 else ""),
        (3 * facts.question, "asks a question" if facts.question else ""),
        (5 * facts.direct, "speaks to us directly" if facts.direct else ""),
    ]


def _kind(facts: Facts, score: float) -> tuple[float, str]:
    if facts.complaint:
        return _COMPLAINT + 12 * score, f"complaint ({score:.0%})"
    if facts.unread:
        return max(_UNREAD, _UNSURE + 12 * score if facts.complaint is None else 0), "language not judged"
    if facts.complaint is None:
        return _UNSURE + 12 * score, "not sure if a complaint" + (f" ({score:.0%})" if score else "")
    return _OTHER + 0.0, ""


def _left_alone(facts: Facts) -> list[tuple[float, str]]:
    """How long and how often they have been left without an answer."""
    earlier = max(0, facts.unanswered)
    again = (0, 12, 22)[earlier] if earlier < 3 else 27
    hours = min(max(0, facts.waiting), _DAY) / 60
    return [
        (again, f"{_message(earlier + 1)}, no answer yet" if earlier else ""),
        (10 * facts.answered_back, "answered back to our reply" if facts.answered_back else ""),
        (hours / 5, _waits(facts.waiting) if facts.waiting >= _WAITING_SHOWN else ""),
        (min(3, max(0, facts.others)), _others(facts.others) if facts.others > 0 else ""),
    ]


def _heard_by(facts: Facts) -> list[tuple[float, str]]:
    """How many people might see it: at most REACH."""
    followers = _growth(facts.followers, 1_000_000, 8)
    spread = _growth(max(0, facts.reposts) * 3 + max(0, facts.replies) * 2 + max(0, facts.likes), 10_000, REACH)
    told = f"{facts.followers:,} followers" if facts.followers >= _FOLLOWERS_SHOWN else ""
    return [(followers, told), (min(spread, REACH - followers), _spreads(facts))]


def _taking_off(facts: Facts) -> tuple[float, str]:
    """How many people are still going to see it: at most TAKING_OFF."""
    weight = _growth(facts.expected - CALM, 10_000, TAKING_OFF)
    return weight, f"taking off: {facts.forecast}" if weight and facts.forecast else ""


def _growth(count: int, most: int, weight: float) -> float:
    """A weight that grows with each tenfold of `count`, and no further than at `most`."""
    return weight * min(1.0, math.log10(1 + max(0, count)) / math.log10(1 + most))


def _share(score: float) -> float:
    return min(1.0, max(0.0, score))


def _spreads(facts: Facts) -> str:
    if facts.forecast and facts.expected > CALM:
        return ""  # the forecast names the same reposts
    if facts.reposts >= 10:
        return f"spreading: {facts.reposts:,} reposts"
    if facts.likes >= 50:
        return f"spreading: {facts.likes:,} likes"
    return f"spreading: {facts.replies:,} replies" if facts.replies >= 10 else ""


def _others(count: int) -> str:
    return "one more in the thread" if count == 1 else f"{count:,} more in the thread"


def _waits(minutes: int) -> str:
    hours, days = minutes // 60, minutes // _DAY
    if days >= 2:
        return f"waiting for {days:,} days"
    return f"waiting for {hours} hours" if hours > 1 else "waiting for an hour"


def _message(number: int) -> str:
    if number > MOST_COUNTED:
        return f"more than {MOST_COUNTED} messages"
    return f"{_ordinal(number)} message"


def _ordinal(number: int) -> str:
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    return f"{number}th"
