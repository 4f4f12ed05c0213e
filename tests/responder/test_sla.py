"""When something is due: open hours in the brand's zone, over week-ends, midnights, holidays and changing clocks.

Every row was worked out by hand with a calendar; the comment says how.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from responder.timing import closed_days
from responder.timing.sla import WEEKDAYS, OpenHours

OFFICE = {day: ["09:00", "17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
NIGHTS = {day: ["22:00", "06:00"] for day in WEEKDAYS}
LUNCH = {day: [["09:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
BERLIN, NEW_YORK, KATHMANDU = "Europe/Berlin", "America/New_York", "Asia/Kathmandu"
LORD_HOWE, KIRITIMATI, APIA, CHATHAM = "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Apia", "Pacific/Chatham"
DE_BE = {"country": "DE", "region": "BE"}
US = {"country": "US"}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("received", "hours", "zone", "minutes", "due"),
    [
        # always open
        ("2026-11-20 12:00", {}, BERLIN, 60, "2026-11-20 13:00"),
        ("2028-02-28 23:30", {}, BERLIN, 24 * 60, "2028-02-29 23:30"),  # 2028 has a 29 February
        # Friday 20 November 2026, Berlin is UTC+1: open 08:00 to 16:00 UTC
        ("2026-11-20 12:00", OFFICE, BERLIN, 60, "2026-11-20 13:00"),
        ("2026-11-20 07:00", OFFICE, BERLIN, 60, "2026-11-20 09:00"),  # before opening
        ("2026-11-20 15:00", OFFICE, BERLIN, 60, "2026-11-20 16:00"),  # to the minute of closing
        ("2026-11-20 15:30", OFFICE, BERLIN, 60, "2026-11-23 08:30"),  # 30 min on Friday, the rest on Monday
        ("2026-11-20 16:00", OFFICE, BERLIN, 60, "2026-11-23 09:00"),  # at closing time: all of it on Monday
        ("2026-11-21 12:00", OFFICE, BERLIN, 15, "2026-11-23 08:15"),  # Saturday
        ("2026-11-20 12:00", OFFICE, BERLIN, 24 * 60, "2026-11-25 12:00"),  # 4 h Fri, 8 h Mon, 8 h Tue, 4 h Wed
        # the same moment elsewhere: New York is UTC-5, open 14:00 to 22:00 UTC; Kathmandu UTC+5:45, 03:15 to 11:15
        ("2026-11-20 12:00", OFFICE, NEW_YORK, 60, "2026-11-20 15:00"),
        ("2026-11-20 12:00", OFFICE, KATHMANDU, 60, "2026-11-23 04:15"),  # 17:45 there: closed, on to Monday
        ("2026-11-20 03:00", OFFICE, NEW_YORK, 60, "2026-11-20 15:00"),  # Thursday 22:00 there: on Friday
        # over midnight: 22:00 to 06:00 in Berlin is 21:00 to 05:00 UTC
        ("2026-11-20 23:30", NIGHTS, BERLIN, 60, "2026-11-21 00:30"),  # in the middle of a shift
        ("2026-11-20 04:30", NIGHTS, BERLIN, 60, "2026-11-20 21:30"),  # 30 min left of one shift, 30 of the next
        ("2026-11-20 12:00", {"fri": ["18:00", "24:00"]}, BERLIN, 60, "2026-11-20 18:00"),
        # all of Friday: Thu 23:00 to Fri 23:00 UTC; 30 min now, 30 at the beginning of next Friday
        ("2026-11-20 22:30", {"fri": ["00:00", "24:00"]}, BERLIN, 60, "2026-11-26 23:30"),
        # a shift of Friday only, seen on Saturday morning: Fri 21:00 to Sat 05:00 UTC
        ("2026-11-21 03:00", {"fri": ["22:00", "06:00"]}, BERLIN, 120, "2026-11-21 05:00"),
        ("2026-11-21 03:00", {"fri": ["22:00", "06:00"]}, BERLIN, 121, "2026-11-27 21:01"),  # a minute too long
        # hours that overlap count once: Friday 12:00 to Saturday 11:00 and Saturday 10:00 to 12:00, in Berlin
        ("2026-11-21 09:30", {"fri": ["12:00", "11:00"], "sat": ["10:00", "12:00"]}, BERLIN, 60, "2026-11-21 10:30"),
        # two spans a day: 08:00 to 11:00 and 12:00 to 16:00 UTC
        ("2026-11-20 10:30", LUNCH, BERLIN, 60, "2026-11-20 12:30"),  # 30 min before lunch, 30 after
        ("2026-11-20 11:30", LUNCH, BERLIN, 15, "2026-11-20 12:15"),  # came at lunch
        ("2026-11-20 10:30", LUNCH, BERLIN, 5 * 60, "2026-11-23 08:30"),  # 30 min + 4 h on Friday, 30 min on Monday
        # clocks go back on 25 October 2026, 03:00 -> 02:00: 09:00 in Berlin is 07:00 UTC on Friday, 08:00 on Monday
        ("2026-10-23 14:30", OFFICE, BERLIN, 60, "2026-10-26 08:30"),  # 30 min on Friday (to 15:00 UTC), 30 on Monday
        # a night of 22:00 to 06:00 with one hour more: 20:00 to 05:00 UTC, 9 hours
        ("2026-10-24 20:00", NIGHTS, BERLIN, 9 * 60, "2026-10-25 05:00"),  # all of them
        ("2026-10-24 20:00", NIGHTS, BERLIN, 10 * 60, "2026-10-25 22:00"),  # one hour of the next night, from 21:00
        # 02:30 comes twice: open from the first (00:30 UTC) to the second 02:45 (01:45 UTC), 75 minutes
        ("2026-10-24 12:00", {"sun": ["02:30", "02:45"]}, BERLIN, 75, "2026-10-25 01:45"),
        # all of that Sunday has 25 hours: Sat 22:00 UTC to Sun 23:00 UTC
        ("2026-10-24 12:00", {"sun": ["00:00", "24:00"]}, BERLIN, 25 * 60, "2026-10-25 23:00"),
        # clocks go forward on 28 March 2027, 02:00 -> 03:00: one hour less, 21:00 to 04:00 UTC, 7 hours
        ("2027-03-27 21:00", NIGHTS, BERLIN, 7 * 60, "2027-03-28 04:00"),
        ("2027-03-27 21:00", NIGHTS, BERLIN, 8 * 60, "2027-03-28 21:00"),  # the next shift begins at 20:00 UTC
        # 02:30 does not come at all: with the offset before the gap it is 01:30 UTC, when clocks show 03:30
        ("2027-03-27 12:00", {"sun": ["02:30", "09:00"]}, BERLIN, 60, "2027-03-28 02:30"),
        # ... and so it closes: 22:00 to "02:30" is 21:00 to 01:30 UTC, the four and a half hours that were meant
        ("2027-03-27 12:00", {"sat": ["22:00", "02:30"]}, BERLIN, 270, "2027-03-28 01:30"),
        ("2027-03-27 12:00", {"sat": ["22:00", "02:30"]}, BERLIN, 271, "2027-04-03 20:01"),  # the next week, UTC+2
        # all of that Sunday has 23 hours: Sat 23:00 UTC to Sun 22:00 UTC
        ("2027-03-27 12:00", {"sun": ["00:00", "24:00"]}, BERLIN, 23 * 60, "2027-03-28 22:00"),
        # New York goes forward on 14 March 2027 and back on 1 November 2026, both on a Sunday
        ("2027-03-12 21:30", OFFICE, NEW_YORK, 60, "2027-03-15 13:30"),  # 30 min Fri (UTC-5), 30 Mon from 13:00 (UTC-4)
        ("2026-10-30 20:30", OFFICE, NEW_YORK, 60, "2026-11-02 14:30"),  # 30 min Fri (UTC-4), 30 Mon from 14:00 (UTC-5)
        # Lord Howe changes by half an hour: forward on 4 October 2026 (UTC+10:30 -> +11), back on 5 April 2026
        (
            "2026-10-02 06:00",
            OFFICE,
            LORD_HOWE,
            60,
            "2026-10-04 22:30",
        ),  # 30 min left on Fri (to 06:30), Mon opens 22:00
        ("2026-10-03 10:00", NIGHTS, LORD_HOWE, 450, "2026-10-03 19:00"),  # 22:00 = 11:30 UTC; 06:00 = 19:00: 7.5 h
        ("2026-04-04 10:00", NIGHTS, LORD_HOWE, 510, "2026-04-04 19:30"),  # 22:00 = 11:00 UTC; 06:00 = 19:30: 8.5 h
        # 01:45 comes twice there on 5 April 2026: first 14:45 UTC, then 15:15; closing at 02:30 is 16:00 UTC
        ("2026-04-04 12:00", {"sun": ["01:45", "02:30"]}, LORD_HOWE, 75, "2026-04-04 16:00"),
        # far east of Greenwich: Kiritimati is UTC+14, Monday 09:00 there is Sunday 19:00 UTC
        (
            "2026-11-20 04:00",
            OFFICE,
            KIRITIMATI,
            60,
            "2026-11-22 20:00",
        ),  # Fri 18:00 there, closed; Monday's first hour
        ("2026-11-19 19:00", OFFICE, KIRITIMATI, 60, "2026-11-19 20:00"),  # is Friday 09:00 there
        (
            "2026-11-20 03:00",
            OFFICE,
            APIA,
            120,
            "2026-11-22 21:00",
        ),  # UTC+13: Fri 16:00, an hour; Mon 09:00 = Sun 20:00
        # Chatham, UTC+12:45, +13:45 in summer; clocks go back on 5 April 2026 at 03:45: 09:00 is 19:15, then 20:15 UTC
        ("2026-04-03 03:00", OFFICE, CHATHAM, 60, "2026-04-05 21:00"),  # Fri 16:45: 15 min; 45 on Mon from Sun 20:15
        # leap day: Tuesday 29 February 2028, and Monday the 28th
        ("2028-02-28 15:30", OFFICE, BERLIN, 60, "2028-02-29 08:30"),  # 30 min Mon, 30 Tue 29 February
        ("2028-02-29 15:30", OFFICE, BERLIN, 60, "2028-03-01 08:30"),  # 30 min on the 29th, 30 on 1 March
        ("2027-02-26 15:30", OFFICE, BERLIN, 60, "2027-03-01 08:30"),  # no 29th in 2027: Friday, then Monday 1 March
        # a day given as closed
        ("2026-11-20 12:00", OFFICE | {"fri": None}, BERLIN, 60, "2026-11-23 09:00"),
        # nothing to wait for is due when the brand opens
        ("2026-11-21 12:00", OFFICE, BERLIN, 0, "2026-11-23 08:00"),
    ],
)
def test_due(received: str, hours: dict[str, Any], zone: str, minutes: int, due: str) -> None:
    assert OpenHours.read(hours, zone).after(utc(received), minutes) == utc(due)


@pytest.mark.parametrize(
    ("received", "hours", "zone", "holidays", "minutes", "due"),
    [
        # Christmas 2026: the 25th is a Friday, the 26th a Saturday; Berlin is UTC+1
        ("2026-12-24 15:30", OFFICE, BERLIN, DE_BE, 60, "2026-12-28 08:30"),  # 30 min Thu, then Monday
        ("2026-12-25 10:00", OFFICE, BERLIN, DE_BE, 15, "2026-12-28 08:15"),  # on the holiday itself
        (
            "2026-12-24 09:00",
            OFFICE,
            BERLIN,
            DE_BE | {"days": ["2026-12-24"]},
            15,
            "2026-12-28 08:15",
        ),  # one of our own
        # 8 March is a holiday in Berlin and nowhere else in Germany but Mecklenburg; in 2027 it is a Monday
        ("2027-03-05 15:30", OFFICE, BERLIN, DE_BE, 60, "2027-03-09 08:30"),  # Friday 30 min, then Tuesday
        ("2027-03-05 15:30", OFFICE, BERLIN, {"country": "DE", "region": "BY"}, 60, "2027-03-08 08:30"),  # Monday
        # Good Friday and Easter Monday 2027 are 26 and 29 March; clocks change between: Tuesday 09:00 is 07:00 UTC
        ("2027-03-25 15:30", OFFICE, BERLIN, DE_BE, 60, "2027-03-30 07:30"),
        # Independence Day 2026 is a Saturday: kept on Friday the 3rd; New York is UTC-4
        ("2026-07-02 20:30", OFFICE, NEW_YORK, US, 60, "2026-07-06 13:30"),  # 30 min Thu, 30 Mon
        # a night shift that began on 24 December ends on Christmas morning (05:00 UTC); none begins on the 25th or 26th
        ("2026-12-25 04:00", NIGHTS, BERLIN, DE_BE, 60, "2026-12-25 05:00"),
        ("2026-12-25 04:00", NIGHTS, BERLIN, DE_BE, 61, "2026-12-27 21:01"),
        # always open but on holidays: 25 and 26 December in Berlin are Thu 23:00 to Sat 23:00 UTC
        ("2026-12-24 22:30", {}, BERLIN, DE_BE, 60, "2026-12-26 23:30"),
        ("2026-12-24 22:30", {}, BERLIN, {}, 60, "2026-12-24 23:30"),
        # a holiday begins with the local day: 1 January 2027 in Kiritimati is 31 December 10:00 UTC to 1 January 10:00
        ("2026-12-31 09:30", {}, KIRITIMATI, {"country": "KI"}, 60, "2027-01-01 10:30"),
        # three own days in a row, Monday to Wednesday
        (
            "2026-11-20 15:30",
            OFFICE,
            BERLIN,
            {"days": ["2026-11-23", "2026-11-24", "2026-11-25"]},
            60,
            "2026-11-26 08:30",
        ),
    ],
)
def test_due_over_holidays(
    received: str, hours: dict[str, Any], zone: str, holidays: dict[str, Any], minutes: int, due: str
) -> None:
    assert OpenHours.read(hours, zone, holidays).after(utc(received), minutes) == utc(due)


@pytest.mark.parametrize(
    ("hours", "zone", "holidays", "told"),
    [
        (OFFICE, "Mars/Olympus", {}, "no time zone is called 'Mars/Olympus'"),
        (OFFICE, "", {}, "no time zone is called ''"),
        ({"monday": ["09:00", "17:00"]}, BERLIN, {}, "'monday' is no weekday"),
        ({"mon": ["9 o'clock", "17:00"]}, BERLIN, {}, "mon must be two times"),
        ({"mon": ["09:00"]}, BERLIN, {}, "mon must be two times"),
        ({"mon": ["09:00", "25:00"]}, BERLIN, {}, "mon must be two times"),
        ({"mon": ["09:00", "24:30"]}, BERLIN, {}, "mon must be two times"),
        ({"mon": [["09:00", "12:00"], ["13:00"]]}, BERLIN, {}, "mon must be two times"),
        ({"mon": None}, BERLIN, {}, "never open for long enough"),
        (OFFICE, BERLIN, {"country": "XX"}, "no country has the code 'XX'"),
        (OFFICE, BERLIN, {"country": "DE", "region": "ZZ"}, "DE has no region 'ZZ'"),
        (OFFICE, BERLIN, {"days": ["Christmas"]}, "a day must be written like 2026-12-24"),
    ],
)
def test_what_cannot_be_read_is_named(hours: dict[str, Any], zone: str, holidays: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        OpenHours.read(hours, zone, holidays).after(utc("2026-11-20 12:00"), 60)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - hypothesis wants them so
    st.integers(0, 2000),
    st.integers(0, 600),
)
def test_more_time_is_never_due_earlier_and_nothing_is_due_before_it_came(
    received: datetime, minutes: int, more: int
) -> None:
    came, hours = received.replace(tzinfo=UTC), OpenHours.read(OFFICE, BERLIN, DE_BE)
    due, later = hours.after(came, minutes), hours.after(came, minutes + more)
    assert came <= due <= later
    assert due - came >= timedelta(minutes=minutes)
    assert hours.after(due, more) == later


@pytest.mark.parametrize(
    ("moment", "open_then"),
    [("2026-11-20 12:00", True), ("2026-11-20 16:00", False), ("2026-11-21 12:00", False), ("2026-12-25 12:00", False)],
)
def test_open_or_closed_now(moment: str, open_then: bool) -> None:
    assert OpenHours.read(OFFICE, BERLIN, DE_BE).is_open(utc(moment)) is open_then


def test_the_next_closed_days_are_named() -> None:
    found = closed_days.read(DE_BE | {"days": ["2026-12-24"]}).named(date(2026, 12, 20), 10)
    assert found == [
        (date(2026, 12, 24), ""),
        (date(2026, 12, 25), "Christmas Day"),
        (date(2026, 12, 26), "Second Day of Christmas"),
    ]


def test_every_country_that_can_be_chosen_has_a_calendar() -> None:
    assert "BE" in closed_days.countries()["DE"]
    for country in closed_days.countries():
        assert closed_days.read({"country": country}).named(date(2026, 11, 22), 0) == []
