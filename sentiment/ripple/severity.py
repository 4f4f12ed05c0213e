"""How severe an incident is, and why: by how fast it comes, how many say it, who hears of it, and how angry they are.

Each of the five is worth 0 to 3 points, by steps that a person can check; the points add up. More of anything never
makes an incident less severe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.alerts import SEVERITIES

HIGH, URGENT = 3, 6
"""Points from which an incident is severe: high takes one thing at its worst or several that are bad."""

_SPEED = (10, 30, 100)
_SIZE = (15, 50, 200)
_REACH = (20_000, 200_000, 2_000_000)
_ANGER = (5, 20, 80)
_SPREAD = (100, 1_000, 10_000)


@dataclass(frozen=True, slots=True)
class Size:
    """What of an incident makes it severe: complaints in its `busiest` hour, how many `people` complain, the `reach`
    (followers of all of them), how many complaints are `angry`, and how often it is expected to be `passed_on`."""

    busiest: int = 0
    people: int = 0
    reach: int = 0
    angry: int = 0
    passed_on: int = 0


@dataclass(frozen=True, slots=True)
class Severity:
    """One of core.alerts.SEVERITIES, and why, what weighs most first."""

    name: str
    reasons: tuple[str, ...]


def severity(size: Size) -> Severity:
    """How severe an incident of this size is."""
    weighed = [
        (_points(size.busiest, _SPEED), f"{size.busiest:,} complaints within one hour"),
        (_points(size.people, _SIZE), f"from {size.people:,} people"),
        (_points(size.reach, _REACH), f"together they have {size.reach:,} followers"),
        (_points(size.angry, _ANGER), f"{size.angry:,} of the complaints are angry"),
        (_points(size.passed_on, _SPREAD), f"expected to be passed on {size.passed_on:,} times"),
    ]
    total = sum(points for points, _ in weighed)
    name = "urgent" if total >= URGENT else "high" if total >= HIGH else "normal"
    reasons = (words for points, words in sorted(weighed, key=lambda one: -one[0]) if points)
    return Severity(name, tuple(reasons))


def worse(one: str, other: str) -> bool:
    """Whether the first severity is worse than the other."""
    return SEVERITIES.index(one) > SEVERITIES.index(other)


def _points(number: int, steps: Sequence[int]) -> int:
    return sum(number >= step for step in steps)
