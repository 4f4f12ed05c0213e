"""One light and one sentence per source: the first thing that a person should know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.tables import Source
from listener.budget import Level
from web.listening.hearing import hearing
from web.listening.past_hours import Rate

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


def minutes(number: float) -> datetime:
    return NOW - timedelta(minutes=number)


def source(**values: Any) -> Source:
    """A Bluesky source that is heard as it should be."""
    well = {
        "kind": "bluesky",
        "name": "Bluesky",
        "active": True,
        "state": "running",
        "created_at": minutes(90_000),
        "held_until": minutes(-0.3),
        "last_ok_at": minutes(0.1),
        "last_event_at": minutes(0.1),
        "last_events": {"posts": minutes(0.1).isoformat()},
        "heard_to": minutes(0.1),
    }
    return Source(**well | values)


USUAL = Rate("full hour", 1204, 1150.0)
NORMAL = "Hearing normally: 1,204 posts in the last full hour, usual 1,150."
SILENT = "Silent since 12:05 UTC, where something always comes."


@pytest.mark.parametrize(
    ("values", "light", "says"),
    [
        ({}, "green", NORMAL),
        ({"active": False}, "off", "Off."),
        ({"state": "off"}, "off", "Off."),
        ({"state": "paused", "reason": "401: revoked"}, "red", "Paused until somebody acts:"),
        ({"state": "waiting", "reason": "503"}, "amber", "Waiting:"),
        ({"state": "waiting", "last_ok_at": minutes(130)}, "red", "No answer since 10:20 UTC:"),
        ({"held_until": minutes(2)}, "red", "Nobody listens since 12:29 UTC: no listener process is running."),
        ({"held_until": None}, "red", "Nobody listens since 12:29 UTC: no listener process is running."),
        ({"last_events": {"posts": minutes(25).isoformat()}}, "red", SILENT),
        (
            {"last_events": {"posts": minutes(60 * 24).isoformat(), "likes": minutes(0).isoformat()}},
            "red",
            "Silent since 19 Nov, 12:30 UTC (posts), where something always comes.",
        ),
        ({"last_events": {}, "last_event_at": minutes(25)}, "red", SILENT),
        ({"expires_at": minutes(60 * 5), "last_ok_at": minutes(301)}, "red", "Its key expired 5 hours ago."),
        ({"expires_at": minutes(60 * 5)}, "green", NORMAL),  # it has worked since: it was renewed
        ({"last_ok_at": None}, "amber", "Just added, nothing heard yet."),
        ({"heard_to": minutes(125)}, "amber", "Behind by 2 h, and catching up."),
        ({"expires_at": minutes(-60 * 24 * 6.5)}, "amber", "Hearing, but its key expires in 6 days."),
        ({"expires_at": minutes(-60 * 24 * 8)}, "green", NORMAL),
    ],
)
def test_the_first_thing_that_is_true_is_said(values: dict[str, Any], light: str, says: str) -> None:
    found = hearing(source(**values), NOW, USUAL)
    assert (found.light, found.says) == (light, says)


def test_the_platforms_own_words_and_the_next_try_are_told() -> None:
    waiting = hearing(source(state="waiting", reason="503: try later", next_try_at=minutes(-4)), NOW)
    assert (waiting.quote, waiting.then) == ("503: try later", "Next try 12:34 UTC.")
    assert hearing(source(state="paused", reason=None), NOW).quote == "no reason was given"


def test_silence_is_no_fault_where_nothing_may_come() -> None:
    quiet = source(kind="feed", last_events={"posts": minutes(9_000).isoformat()})
    assert hearing(quiet, NOW).light == "green"
    assert hearing(source(kind="gone"), NOW).light == "green"


def test_a_source_that_was_just_added_is_not_given_up() -> None:
    fresh = source(created_at=minutes(0.5), held_until=None, last_ok_at=None, last_events={}, last_event_at=None)
    assert hearing(fresh, NOW).says == "Just added, nothing heard yet."


@pytest.mark.parametrize(
    ("level", "light", "says"),
    [
        (Level.NO_COMPETITORS, "amber", "competitors are left out"),
        (Level.MENTIONS_ONLY, "amber", "only what is put to our own accounts"),
        (Level.NOTHING, "red", "budget of $50 is used up: nothing is read until 1 Dec 2026."),
    ],
)
def test_what_the_budget_leaves_out_is_said(level: Level, light: str, says: str) -> None:
    found = hearing(source(budget=50), NOW, USUAL, level=level)
    assert found.light == light
    assert says in found.says


def test_far_less_than_usual_is_said_with_both_numbers() -> None:
    found = hearing(source(), NOW, Rate("full hour", 12, 1150.0), open_gaps=1)
    assert (found.light, found.says) == ("red", "Far less than usual: 12 posts in the last full hour, usual 1,150.")
    assert found.then == "A gap is open."
    assert hearing(source(), NOW, Rate("full hour", 0, 20.0)).light == "green"


def test_a_message_to_ourselves_that_was_lost_is_said() -> None:
    found = hearing(source(), NOW, USUAL, canary="the message to ourselves did not come through")
    assert (found.light, found.says) == ("red", "Hearing, but the message to ourselves did not come through.")
