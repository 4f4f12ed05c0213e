"""When a first reply is due: minutes counted only while the brand is open, in the brand's own time zone.

A day's hours are local wall-clock times; what is counted are real minutes between them, so a night in which the
clocks change is as long as it really is. A local time that does not exist on such a night is taken as the moment
after the gap; one that exists twice opens at the first and closes at the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.errors import BadInput

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_LONGEST_WAIT = timedelta(days=400)
"""Hours that open less than this often are a mistake."""


def first_reply_due(received: datetime, *, hours: Mapping[str, Any], timezone: str, minutes: int) -> datetime:
    """The moment by which the first reply is due: `minutes` of open time after `received`.

    `hours` maps weekdays ("mon".."sun") to ["09:00", "17:00"]; a day that is missing is closed, no hours at all mean
    always open, an end before the beginning is on the next day, "24:00" is midnight. Raises BadInput that names what
    cannot be read.
    """
    zone = _zone(timezone)
    if not hours:
        return received + timedelta(minutes=minutes)
    left = timedelta(minutes=minutes)
    for opens, closes in _open_spans(_read(hours), zone, received):
        begins = max(opens, received)
        if begins + left <= closes:
            return begins + left
        left -= closes - begins
    raise BadInput("hours: the brand is never open for long enough")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # not found, not a name at all, a folder of zones
        raise BadInput(f"timezone: no time zone is called {name!r}; they look like Europe/Berlin") from error


def _open_spans(
    hours: Mapping[int, tuple[timedelta, timedelta]], zone: ZoneInfo, received: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Every span in which the brand is open and that has not ended at `received`, as moments in UTC, in order."""
    day = received.astimezone(zone).date() - timedelta(days=1)  # last night's hours may still run
    last, open_until = day + _LONGEST_WAIT, received
    while day < last:
        if day.weekday() in hours:
            opens, closes = hours[day.weekday()]
            begins, ends = max(_moment(day, opens, zone, fold=0), open_until), _moment(day, closes, zone, fold=1)
            if begins < ends:
                yield begins, ends
                open_until = ends
        day += timedelta(days=1)


def _moment(day: date, since_midnight: timedelta, zone: ZoneInfo, *, fold: int) -> datetime:
    """A local wall-clock time as a moment in UTC."""
    wall = datetime.combine(day, time()) + since_midnight
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _read(hours: Mapping[str, Any]) -> dict[int, tuple[timedelta, timedelta]]:
    """Opening and closing time per weekday (0 is Monday), as time since its midnight."""
    read = {}
    for name, span in hours.items():
        if name not in WEEKDAYS:
            raise BadInput(f"hours: {name!r} is no weekday; they are {', '.join(WEEKDAYS)}")
        if not span:
            continue
        opens, closes = _time(name, span, 0), _time(name, span, 1)
        read[WEEKDAYS.index(name)] = (opens, closes if closes > opens else closes + timedelta(days=1))
    return read


def _time(name: str, span: Any, place: int) -> timedelta:
    try:
        hour, minute = (int(part) for part in str(span[place]).split(":"))
    except (ValueError, LookupError, TypeError):
        hour, minute = -1, 0
    if not (0 <= hour <= 24 and 0 <= minute <= (59 if hour < 24 else 0)):
        raise BadInput(f'hours: {name} must be two times like ["09:00", "17:00"], not {span!r}')
    return timedelta(hours=hour, minutes=minute)
