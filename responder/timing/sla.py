"""When something is due: minutes counted only while the brand is open, in the brand's own time zone.

A day's hours are local wall-clock times; what is counted are real minutes between them, so a night in which the
clocks change is as long as it really is. A local time that does not exist on such a night is read with the offset
before the gap, as calendars do it (RFC 5545, 3.3.5); one that exists twice opens at the first and closes at the second.

A closed day opens nothing: hours belong to the day on which they begin, so a night shift that began on the evening
before a holiday runs to its end. A brand without hours is always open, save on its closed days.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.errors import BadInput
from responder.timing import closed_days
from responder.timing.closed_days import ClosedDays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY = timedelta(days=1)
_LONGEST_WAIT = timedelta(days=400)
"""Hours that open less than this often are a mistake."""

_MOST_KNOWN = 5_000

Span = tuple[timedelta, timedelta]
"""From and to, as time since the day's midnight; what runs into the next day ends after 24 hours."""

Moments = tuple[datetime, datetime]
"""From and to, in UTC."""


@dataclass(frozen=True, slots=True)
class OpenHours:
    """When a brand is open. `spans` by weekday (0 is Monday); None: at all times, save on closed days."""

    spans: Mapping[int, Sequence[Span]] | None
    zone: ZoneInfo
    closed: ClosedDays
    _known: dict[date, Sequence[Moments]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def read(cls, hours: Mapping[str, Any], timezone: str, holidays: Mapping[str, Any] | None = None) -> OpenHours:
        """What Brand's columns hold.

        `hours` maps weekdays ("mon".."sun") to ["09:00", "17:00"], or to several such spans; a day that is missing is
        closed, no hours at all mean always open, an end before the beginning is on the next day, "24:00" is midnight.
        Raises BadInput that names what cannot be read.
        """
        return _open_hours(json.dumps(dict(hours)), timezone, json.dumps(dict(holidays or {})))

    def after(self, moment: datetime, minutes: float) -> datetime:
        """The moment at which `minutes` of open time have passed since `moment`."""
        if self.spans is None and not self.closed:
            return moment + timedelta(minutes=minutes)
        left = timedelta(minutes=minutes)
        for opens, closes in self.from_(moment):
            begins = max(opens, moment)
            if begins + left <= closes:
                return begins + left
            left -= closes - begins
        raise BadInput("hours: the brand is never open for long enough")

    def is_open(self, moment: datetime) -> bool:
        """Whether the brand is open at this moment."""
        if self.spans is None and not self.closed:
            return True
        return any(opens <= moment for opens, _ in self.from_(moment, timedelta(days=2)))

    def from_(self, moment: datetime, longest: timedelta = _LONGEST_WAIT) -> Iterator[tuple[datetime, datetime]]:
        """Every span in which the brand is open and that has not ended at `moment`, as moments in UTC, in order."""
        day = moment.astimezone(self.zone).date() - _DAY  # last night's hours may still run
        last, open_until = day + longest, moment
        while day < last:
            for opens, ends in self._of(day):
                begins = max(opens, open_until)
                if begins < ends:
                    yield begins, ends
                    open_until = ends
            day += _DAY

    def _of(self, day: date) -> Sequence[Moments]:
        """The spans that begin on a day, as moments. Worked out once: every case of a day asks for the same few."""
        found = self._known.get(day)
        if found is None:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            found = self._known[day] = self._worked_out(day)
        return found

    def _worked_out(self, day: date) -> Sequence[Moments]:
        if day in self.closed:
            return ()
        spans = ((timedelta(0), _DAY),) if self.spans is None else self.spans.get(day.weekday(), ())
        return [(_moment(day, opens, self.zone), _moment(day, closes, self.zone, ends=True)) for opens, closes in spans]


@functools.lru_cache(maxsize=100)
def _open_hours(hours: str, timezone: str, holidays: str) -> OpenHours:
    """The hours of a brand, from what its columns hold as JSON; brands are few, and their cases many."""
    spans = json.loads(hours)
    return OpenHours(_read(spans) if spans else None, _zone(timezone), closed_days.read(json.loads(holidays)))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # not found, not a name at all, a folder of zones
        raise BadInput(f"timezone: no time zone is called {name!r}; they look like Europe/Berlin") from error


def _moment(day: date, since_midnight: timedelta, zone: ZoneInfo, *, ends: bool = False) -> datetime:
    """A local wall-clock time as a moment in UTC. Of two, or of the two readings of one in a gap, see the module."""
    wall = datetime.combine(day, time()) + since_midnight
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(first, second) if ends else first


def _read(hours: Mapping[str, Any]) -> dict[int, tuple[Span, ...]]:
    """The spans of each weekday (0 is Monday), in order."""
    read = {}
    for name, given in hours.items():
        if name not in WEEKDAYS:
            raise BadInput(f"hours: {name!r} is no weekday; they are {', '.join(WEEKDAYS)}")
        several = given if given and isinstance(given[0], list | tuple) else [given] if given else []
        read[WEEKDAYS.index(name)] = tuple(sorted(_span(name, one) for one in several))
    return read


def _span(name: str, given: Any) -> Span:
    opens, closes = _time(name, given, 0), _time(name, given, 1)
    return opens, closes if closes > opens else closes + _DAY


def _time(name: str, span: Any, place: int) -> timedelta:
    try:
        hour, minute = (int(part) for part in str(span[place]).split(":"))
    except (ValueError, LookupError, TypeError):
        hour, minute = -1, 0
    if not (0 <= hour <= 24 and 0 <= minute <= (59 if hour < 24 else 0)):
        raise BadInput(f'hours: {name} must be two times like ["09:00", "17:00"], not {span!r}')
    return timedelta(hours=hour, minutes=minute)
