"""Looking back upon an incident: delays between its moments, figures of its cases, and what does not know is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from responder.incidents import after_action
from responder.incidents.after_action import Facts, OfCase

BEGAN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


FACTS = Facts(
    name="Cards",
    brand="Hawkweed",
    severity="high",
    began_at=BEGAN,
    could_at=at(10),
    noticed_at=at(12),
    taken_at=at(20),
    first_reply_at=at(45),
    peak_at=at(30),
    peak=41,
    ended_at=at(60 * 26),
    why_ended="the bank | is back",
    complaints=120,
    people=110,
    reach=52_000,
    angry=9,
    cases=(
        OfCase(at(5), at(45), True, "better"),
        OfCase(at(10), at(150), True, "worse"),
        OfCase(at(15), None, True),
        OfCase(at(15), None, False),
    ),
)


def test_moments_say_how_long_after_what_they_came() -> None:
    told = {one.what: one for one in after_action.report(FACTS).moments}
    assert (told["We knew"].after, told["We knew"].since) == (timedelta(minutes=2), "after we could have")
    assert told["The first reply"].after == timedelta(minutes=33)
    assert told["It was over"].after == timedelta(hours=26)
    unknown = {one.what: one for one in after_action.report(replace(FACTS, could_at=None, taken_at=None)).moments}
    assert (unknown["We knew"].after, unknown["We knew"].since) == (timedelta(minutes=12), "after it began")
    assert unknown["Somebody took it"].after is None


def test_figures_tell_answered_from_done_and_recovered_from_lost() -> None:
    figures = dict(after_action.report(FACTS).figures)
    assert figures["Cases"] == "4"
    assert figures["Cases answered"] == "2"
    assert figures["Cases still to answer"] == "1"
    assert figures["Median time to the first reply"] == "1 h 30 min"
    assert figures["Customers recovered: kinder after our reply"] == "1"
    assert figures["Customers who sound worse after our reply"] == "1"
    nothing = dict(after_action.report(replace(FACTS, cases=())).figures)
    assert nothing["Median time to the first reply"] == "no case was answered"


@pytest.mark.parametrize(
    ("minutes", "told"),
    [(0.5, "under a minute"), (59, "59 min"), (125, "2 h 05 min"), (26 * 60, "1 day 2 h"), (-5, "5 min earlier")],
)
def test_lengths_are_said_as_people_say_them(minutes: float, told: str) -> None:
    assert after_action.length(timedelta(minutes=minutes)) == told


def test_the_files_keep_their_columns_whatever_stands_in_a_name() -> None:
    report = after_action.report(replace(FACTS, name="=1+1 | <b>"))
    text = after_action.markdown(report, "Europe/Berlin")
    assert "# =1+1 \\| \\<b\\> (Hawkweed, high)" in text
    assert "| We knew | 2026-11-20 13:12 | 2 min after we could have |" in text
    assert "Why it was declared over: the bank \\| is back" in text
    rows = after_action.as_csv(report).split("\r\n")
    assert rows[0] == "what,at,seconds,since,value"
    assert "We knew,2026-11-20T12:12:00+00:00,120,after we could have," in rows
