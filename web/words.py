"""How the pages say things: times, numbers, names of platforms and states. Every function gives plain text."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

from core.types import UNSUPPORTED
from listener import source
from responder.desk.states import TRANSITIONS

STATES = {
    "new": "New",
    "drafted": "Draft ready",
    "proposed": "Waits for approval",
    "approved": "Waiting to send",
    "sending": "Being sent",
    "sent": "Sent",
    "failed": "Not sent",
    "unsure": "Unsure if sent",
    "answered_by_hand": "Answered by hand",
    "dismissed": "Dismissed",
    "snoozed": "Snoozed",
}

MOST_COUNTED = 1_000
"""Counting of cases ends here: nobody acts on the difference between this and a hundred times as many."""

_OTHER_ACTIONS = {
    "open": "opened the case",
    "link_issue": "linked it to a known issue",
    "unlink_issue": "took it off a known issue",
    "see": "looked at it",
    "answered_there": "heard an answer of yours that did not go out from here",
    "begin": "began to answer",
    "assign": "gave it to a team",
    "hand_over": "handed it over",
    "hand_on": "handed it on",
    "next": "was given it as the next case",
    "note": "wrote a note",
    "unnote": "removed a note",
    "tag": "put a tag on it",
    "untag": "took a tag off it",
    "write": "had the writer suggest",
}
_PLATFORMS = {"x": "X", "hackernews": "Hacker News", "youtube": "YouTube"}
_LONG_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))
_UNITS = (("min", 60), ("h", 3600), ("d", 86400))


def span(seconds: float) -> str:
    """A length of time in one unit: "3 min", "5 h", "2 d"; web/static/page.js says it the same way."""
    seconds = abs(seconds)
    if seconds < 60:
        return "under 1 min"
    word, size = next(unit for unit in reversed(_UNITS) if seconds >= unit[1])
    return f"{int(seconds // size)} {word}"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago a moment was."""
    return "just now" if (now - moment).total_seconds() < 60 else f"{span((now - moment).total_seconds())} ago"


def due(moment: datetime, now: datetime) -> str:
    """How much time is left until a moment, or how long ago it has passed."""
    left = (moment - now).total_seconds()
    return f"due in {span(left)}" if left >= 0 else f"{span(left)} overdue"


def expiry(moment: datetime, now: datetime) -> str:
    """When a key or token ends: "expires in 6 days", "expired 5 hours ago"."""
    seconds = abs((moment - now).total_seconds())
    word, size = next(((word, size) for word, size in _LONG_UNITS if seconds >= size), ("minute", 60))
    number = max(1, int(seconds // size))
    length = f"{number} {word}{'s' if number > 1 else ''}"
    return f"expires in {length}" if moment >= now else f"expired {length} ago"


def at(moment: datetime, now: datetime) -> str:
    """A moment (UTC) as short as it can be said now: "14:05 UTC" today, "21 Nov, 14:05 UTC" on other days."""
    local = moment.astimezone(UTC)
    date = "" if local.date() == now.astimezone(UTC).date() else f"{local.day} {local:%b}, "
    return f"{date}{local:%H:%M} UTC"


def day(moment: datetime) -> str:
    """The day of a moment (UTC)."""
    return f"{moment.astimezone(UTC).day} {moment.astimezone(UTC):%b %Y}"


def dollars(millionths: int) -> str:
    """An amount as it is stored, in dollars: "$0.02", "$1,204.50"; what is less than a cent is "under $0.01"."""
    return "under $0.01" if 0 < millionths < 10_000 else f"${millionths / 1_000_000:,.2f}"


def clock(moment: datetime, zone: str = "UTC") -> str:
    """A moment as people of a time zone write it, with the zone's name where it is not obvious."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M} {local:%Z}"


def short(number: int) -> str:
    """A number in at most four figures: 999, 1.2k, 45k, 3.1M."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if abs(number) >= size:
            value = number / size
            return f"{value:.1f}".removesuffix(".0") + letter if abs(value) < 10 else f"{value:.0f}{letter}"
    return str(number)


def counted(number: int) -> str:
    """A count that ended at MOST_COUNTED: "12", "999+"."""
    return str(number) if number < MOST_COUNTED else f"{MOST_COUNTED - 1}+"


def percent(share: float) -> str:
    """A share of one as a whole percentage."""
    return f"{share * 100:.0f} %"


@cache
def platform(name: str) -> str:
    """What people call a platform."""
    if name in source.kinds():
        return source.load(name).title
    return _PLATFORMS.get(name, name.capitalize())


def state(name: str) -> str:
    """What people call a case's state."""
    return STATES.get(name, name.capitalize())


def sentiment(name: str) -> str:
    """What people call a sentiment."""
    return "Language not judged" if name == UNSUPPORTED else name.capitalize()


def told(action: str) -> str:
    """What is told of an action on a case: "approved a reply"."""
    move = TRANSITIONS.get(action)
    return move.told if move else _OTHER_ACTIONS.get(action, action.replace("_", " "))


FILTERS = (span, ago, due, expiry, at, day, clock, dollars, short, counted, percent, platform, state, sentiment, told)
"""What templates can say."""
