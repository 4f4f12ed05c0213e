"""How a source is doing: one light, and one sentence that a manager can act on.

The first that is true of a source is said:

    red      paused; the month's budget is used up; nobody listens; no answer for an hour; silent; the key has expired;
             a message to ourselves did not come through; far fewer posts than are usual
    amber    waiting to try again; behind; the key expires within a week; the budget leaves something out; just added
    green    hearing normally
    off      switched off
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

from core.tables import Source
from listener.budget import Level, next_month
from listener.source import kinds, load
from web import words
from web.listening.past_hours import Rate

Light = Literal["red", "amber", "green", "off"]
URGENCY: tuple[Light, ...] = ("red", "amber", "green", "off")
"""From what needs a person first to what needs nobody."""

EXPIRES_SOON = timedelta(days=7)
_LATE = timedelta(minutes=15)
_NO_ANSWER = timedelta(hours=1)
_UNHELD = timedelta(minutes=1)
_LEFT_OUT = {
    Level.NO_COMPETITORS: "Hearing, but competitors are left out and what spreads is not read again: the month’s "
    "budget is nearly spent.",
    Level.MENTIONS_ONLY: "Hearing only what is put to our own accounts: the month’s budget is all but spent.",
}


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is said of a source. `quote` are the platform's own words in it, `then` what follows or is to be done;
    `settings` says that it is done in the source's settings."""

    light: Light
    says: str
    quote: str = ""
    then: str = ""
    settings: bool = False


def hearing(
    source: Source,
    now: datetime,
    rate: Rate | None = None,
    *,
    level: Level = Level.ALL,
    open_gaps: int = 0,
    canary: str | None = None,
) -> Hearing:
    """See the module. `canary` says why the last message to ourselves counts as lost."""
    return (
        _stopped(source, now, level)
        or _lost(source, now, rate, open_gaps, canary)
        or _watched(source, now, level)
        or Hearing("green", f"Hearing normally{f': {rate}' if rate else f', last answer {_last(source, now)}'}.")
    )


def key_ends(source: Source) -> datetime | None:
    """When its key ends, or has ended; None if no end is known. One that has worked since was renewed."""
    worked = source.expires_at and source.last_ok_at and source.last_ok_at > source.expires_at
    return None if worked else source.expires_at


def _stopped(source: Source, now: datetime, level: Level) -> Hearing | None:
    """What keeps it from being heard at all."""
    if not source.active or source.state == "off":
        return Hearing("off", "Off.")
    if source.state == "paused":
        why = source.reason or "no reason was given"
        return Hearing("red", "Paused until somebody acts:", why, "Look at its settings.", settings=True)
    if level == Level.NOTHING:
        until = words.day(next_month(now))
        return Hearing("red", f"The month’s budget of ${source.budget:,} is used up: nothing is read until {until}.")
    return _waiting(source, now) if source.state == "waiting" else _unheard(source, now)


def _waiting(source: Source, now: datetime) -> Hearing:
    again = f"Next try {words.at(source.next_try_at, now)}." if source.next_try_at else ""
    why = source.reason or "no reason was given"
    if source.last_ok_at and now - source.last_ok_at > _NO_ANSWER:
        return Hearing("red", f"No answer since {words.at(source.last_ok_at, now)}:", why, again)
    return Hearing("amber", "Waiting:", why, again)


def _unheard(source: Source, now: datetime) -> Hearing | None:
    """Nobody has had it for a while, although somebody should."""
    if now - (source.held_until or source.created_at) <= _UNHELD:
        return None
    since = f" since {words.at(source.last_ok_at, now)}" if source.last_ok_at else ""
    says = f"Nobody listens{since}: no listener process is running."
    return Hearing("red", says, then="Start `ripplewatch listen`.")


def _lost(source: Source, now: datetime, rate: Rate | None, open_gaps: int, canary: str | None) -> Hearing | None:
    """What may be lost although it is being heard."""
    gap = "A gap is open." if open_gaps else ""
    if silent := _silent(source, now):
        what, since = silent
        return Hearing("red", f"Silent since {words.at(since, now)}{what}, where something always comes.", then=gap)
    ends = key_ends(source)
    if ends and ends <= now:
        return Hearing("red", f"Its key {words.expiry(ends, now)}.", then="Enter a new one.", settings=True)
    if canary:
        return Hearing("red", f"Hearing, but {canary}.")
    if rate and rate.far_below:
        return Hearing("red", f"Far less than usual: {rate}.", then=gap)
    return None


def _watched(source: Source, now: datetime, level: Level) -> Hearing | None:
    """What may need a person soon."""
    if source.last_ok_at is None:
        return Hearing("amber", "Just added, nothing heard yet.")
    if source.heard_to and now - source.heard_to > max(_LATE, 2 * _pace(source.kind)[0]):
        return Hearing("amber", f"Behind by {words.span((now - source.heard_to).total_seconds())}, and catching up.")
    ends = key_ends(source)
    if ends and ends - now < EXPIRES_SOON:
        says = f"Hearing, but its key {words.expiry(ends, now)}."
        return Hearing("amber", says, then="Enter a new one.", settings=True)
    return Hearing("amber", _LEFT_OUT[level]) if level in _LEFT_OUT else None


def _silent(source: Source, now: datetime) -> tuple[str, datetime] | None:
    """The collections from which nothing comes where silence is a fault, and since when."""
    limit = _pace(source.kind)[1]
    if limit is None:
        return None
    heard = {name: datetime.fromisoformat(last) for name, last in source.last_events.items()}
    if not heard and source.last_event_at:
        heard = {"": source.last_event_at}
    silent = {name: last for name, last in heard.items() if (now - last).total_seconds() > limit}
    if not silent:
        return None
    what = f" ({', '.join(sorted(silent))})" if len(silent) < len(heard) else ""
    return what, min(silent.values())


@cache
def _pace(kind: str) -> tuple[timedelta, float | None]:
    """The time between two fetches of a kind, and after how many seconds of silence something is wrong."""
    if kind not in kinds():
        return timedelta(), None
    return timedelta(seconds=load(kind).poll_seconds), load(kind).silent_seconds


def _last(source: Source, now: datetime) -> str:
    return words.ago(source.last_ok_at, now) if source.last_ok_at else "not yet"
