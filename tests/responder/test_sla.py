"""When a first reply is due: open hours in the brand's zone, over week-ends, midnights and nights of changing clocks.

Every row was worked out by hand with a calendar.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from responder.sla import WEEKDAYS, first_reply_due

OFFICE = {day: ["09:00", "17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
NIGHTS = {day: ["22:00", "06:00"] for day in WEEKDAYS}
BERLIN, NEW_YORK, KATHMANDU = "Europe/Berlin", "America/New_York", "Asia/Kathmandu"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("received", "hours", "zone", "minutes", "due"),
    [
        # always open
        ("2026-11-20 12:00", {}, BERLIN, 60, "2026-11-20 13:00"),
        # Friday 20 November 2026, Berlin is UTC+1: open 08:00 to 16:00 UTC
        ("2026-11-20 12:00", OFFICE, BERLIN, 60, "2026-11-20 13:00"),
        ("2026-11-20 07:00", OFFICE, BERLIN, 60, "2026-11-20 09:00"),  # before opening
        ("2026-11-20 15:00", OFFICE, BERLIN, 60, "2026-11-20 16:00"),  # to the minute of closing
        ("2026-11-20 15:30", OFFICE, BERLIN, 60, "2026-11-23 08:30"),  # the rest on Monday
        ("2026-11-20 16:00", OFFICE, BERLIN, 60, "2026-11-23 09:00"),  # at closing time
        ("2026-11-21 12:00", OFFICE, BERLIN, 15, "2026-11-23 08:15"),  # Saturday
        ("2026-11-20 12:00", OFFICE, BERLIN, 24 * 60, "2026-11-25 12:00"),  # three days of eight hours
        # the same moment elsewhere: New York is UTC-5, open 14:00 to 22:00 UTC; Kathmandu UTC+5:45, 03:15 to 11:15
        ("2026-11-20 12:00", OFFICE, NEW_YORK, 60, "2026-11-20 15:00"),
        ("2026-11-20 12:00", OFFICE, KATHMANDU, 60, "2026-11-23 04:15"),
        # Thursday night in New York is Friday in UTC
        ("2026-11-20 03:00", OFFICE, NEW_YORK, 60, "2026-11-20 15:00"),
        # over midnight: 22:00 to 06:00 in Berlin is 21:00 to 05:00 UTC
        ("2026-11-20 23:30", NIGHTS, BERLIN, 60, "2026-11-21 00:30"),
        ("2026-11-20 04:30", NIGHTS, BERLIN, 60, "2026-11-20 21:30"),
        ("2026-11-20 12:00", {"fri": ["18:00", "24:00"]}, BERLIN, 60, "2026-11-20 18:00"),
        ("2026-11-20 22:30", {"fri": ["00:00", "24:00"]}, BERLIN, 60, "2026-11-26 23:30"),
        # hours that overlap count once: Friday 12:00 to Saturday 11:00 and Saturday 10:00 to 12:00, in Berlin
        ("2026-11-21 09:30", {"fri": ["12:00", "11:00"], "sat": ["10:00", "12:00"]}, BERLIN, 60, "2026-11-21 10:30"),
        # clocks go back on 25 October 2026, 03:00 -> 02:00: 09:00 in Berlin is 07:00 UTC on Friday, 08:00 on Monday
        ("2026-10-23 14:30", OFFICE, BERLIN, 60, "2026-10-26 08:30"),
        # a night of 22:00 to 06:00 with one hour more: 20:00 to 05:00 UTC; ten hours from its start end the next night
        ("2026-10-24 20:00", NIGHTS, BERLIN, 9 * 60, "2026-10-25 05:00"),
        ("2026-10-24 20:00", NIGHTS, BERLIN, 10 * 60, "2026-10-25 22:00"),
        # 02:30 comes twice: open from the first (00:30 UTC) to the second 02:45 (01:45 UTC)
        ("2026-10-24 12:00", {"sun": ["02:30", "02:45"]}, BERLIN, 75, "2026-10-25 01:45"),
        # clocks go forward on 28 March 2027, 02:00 -> 03:00: one hour less, 21:00 to 04:00 UTC
        ("2027-03-27 21:00", NIGHTS, BERLIN, 7 * 60, "2027-03-28 04:00"),
        ("2027-03-27 21:00", NIGHTS, BERLIN, 8 * 60, "2027-03-28 21:00"),
        # 02:30 does not come at all: it opens when the clock says 03:30 (01:30 UTC)
        ("2027-03-27 12:00", {"sun": ["02:30", "09:00"]}, BERLIN, 60, "2027-03-28 02:30"),
        # a day given as closed
        ("2026-11-20 12:00", OFFICE | {"fri": None}, BERLIN, 60, "2026-11-23 09:00"),
    ],
)
def test_due(received: str, hours: dict[str, Any], zone: str, minutes: int, due: str) -> None:
    assert first_reply_due(utc(received), hours=hours, timezone=zone, minutes=minutes) == utc(due)


@pytest.mark.parametrize(
    ("hours", "zone", "told"),
    [
        (OFFICE, "Mars/Olympus", "no time zone is called 'Mars/Olympus'"),
        (OFFICE, "", "no time zone is called ''"),
        ({"monday": ["09:00", "17:00"]}, BERLIN, "'monday' is no weekday"),
        ({"mon": ["9 o'clock", "17:00"]}, BERLIN, "mon must be two times"),
        ({"mon": ["09:00"]}, BERLIN, "mon must be two times"),
        ({"mon": ["09:00", "25:00"]}, BERLIN, "mon must be two times"),
        ({"mon": ["09:00", "24:30"]}, BERLIN, "mon must be two times"),
        ({"mon": None}, BERLIN, "never open for long enough"),
    ],
)
def test_what_cannot_be_read_is_named(hours: dict[str, Any], zone: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        first_reply_due(utc("2026-11-20 12:00"), hours=hours, timezone=zone, minutes=60)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - hypothesis wants them so
    st.integers(0, 2000),
    st.integers(0, 600),
)
def test_more_time_is_never_due_earlier_and_nothing_is_due_before_it_came(
    received: datetime, minutes: int, more: int
) -> None:
    came = received.replace(tzinfo=UTC)
    due = first_reply_due(came, hours=OFFICE, timezone=BERLIN, minutes=minutes)
    later = first_reply_due(came, hours=OFFICE, timezone=BERLIN, minutes=minutes + more)
    assert came <= due <= later
    assert due - came >= timedelta(minutes=minutes)
