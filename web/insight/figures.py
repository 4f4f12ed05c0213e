"""Numbers with what may be said of them: a figure and its change, too few to say, what rises and what falls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sentiment.accuracy import Share

ENOUGH = 20
"""Of fewer no share is said, and of fewer before no change."""
FEWEST = 5
"""A word or topic that was said less often than this, now and before, is not looked at."""
SURE = 1.96
"""Of so many standard errors is a rise sure enough to be listed."""
_PRIOR = 100.0
"""How many mentions the prior weighs."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a figure: `words` to say it; `tone` is better, worse or empty where it is neither."""

    words: str
    tone: str = ""


def change_of_count(now: int, before: int | None, *, less_is_better: bool | None = None) -> Change:
    """How a count changed, in percent; nothing is said where fewer than ENOUGH were counted before."""
    if before is None:
        return Change("nothing to compare with")
    if before < ENOUGH:
        return Change(f"{before:,} before")
    rise = now / before - 1
    if round(rise * 100) == 0:
        return Change("as before")
    return Change(f"{rise * 100:+,.0f} %".replace("-", "−"), _tone(rise, less_is_better))


def change_of_share(now: Share, before: Share | None, *, less_is_better: bool | None = None) -> Change:
    """How a share changed, in percentage points, where the difference is clear of chance.

    The interval of the difference is Newcombe's hybrid of two Wilson intervals (Newcombe 1998, method 10).
    """
    if now.of < ENOUGH:
        return Change(f"too few to say: {now.of:,}")
    if before is None:
        return Change("nothing to compare with")
    if before.of < ENOUGH:
        return Change(f"too few before: {before.of:,}")
    rise = now.value - before.value
    (low, high), (low_before, high_before) = now.interval, before.interval
    under = rise - math.hypot(now.value - low, high_before - before.value)
    over = rise + math.hypot(high - now.value, before.value - low_before)
    if under <= 0 <= over:
        return Change("no clear change")
    return Change(f"{rise * 100:+.1f} points".replace("-", "−"), _tone(rise, less_is_better))


def _tone(rise: float, less_is_better: bool | None) -> str:
    if less_is_better is None:
        return ""
    return "better" if (rise < 0) == less_is_better else "worse"


@dataclass(frozen=True, slots=True)
class Mover:
    """Something that is said more, or less, often than before: in how many mentions, and how many times as often.

    `times` compares its shares of all mentions; `surely` is in standard errors, below 0 where it falls.
    """

    name: str
    now: int
    before: int
    times: float
    surely: float


def movers(now: Mapping[str, int], of_now: int, before: Mapping[str, int], of_before: int) -> list[Mover]:
    """What rose or fell surely, the surest rise first and the surest fall last.

    Log odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, Fightin' Words, Political
    Analysis 16(4), equations 16 to 22): the prior is how often it is said in both spans together, weighing as much as
    100 mentions, so that what is rare has to show more. Nothing is said where one span has fewer than ENOUGH mentions.
    """
    if min(of_now, of_before) < ENOUGH:
        return []
    found = []
    for name in now.keys() | before.keys():
        here, there = now.get(name, 0), before.get(name, 0)
        if here + there < FEWEST:
            continue
        prior = _PRIOR * (here + there) / (of_now + of_before)
        odds = _log_odds(here, of_now, prior) - _log_odds(there, of_before, prior)
        surely = odds / math.sqrt(1 / (here + prior) + 1 / (there + prior))
        if abs(surely) >= SURE:
            times = ((here + prior) / (of_now + _PRIOR)) / ((there + prior) / (of_before + _PRIOR))
            found.append(Mover(name, here, there, times, surely))
    return sorted(found, key=lambda one: (-one.surely, one.name))


def _log_odds(count: int, of: int, prior: float) -> float:
    rest = max(of - count, 0) + max(_PRIOR - prior, 1e-9)
    return math.log((count + prior) / rest)
