"""The curve of an incident: no complaint is lost between its bars, and no number hides another."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from web.desk.incident_curve import WIDTH, curve

NOW = datetime(2026, 11, 20, 12, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "per"),
    [
        (1, "10 minutes"),
        (20, "hour"),
        (60, "3 hours"),
        (24 * 20, "12 hours"),
        (24 * 60, "2 days"),
        (24 * 900, "21 days"),
    ],
)
def test_every_complaint_stands_in_one_bar_however_long_it_lasted(hours: int, per: str) -> None:
    times = [NOW + timedelta(hours=hours) * share / 99 for share in range(100)]
    drawn = curve(times, [("noticed", NOW)])
    assert drawn is not None
    assert drawn.per == per
    assert sum(bar.number for bar in drawn.bars) == 100
    assert len(drawn.bars) <= 50
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH and bar.y >= 0 for bar in drawn.bars)


def test_marks_stand_in_order_and_apart() -> None:
    moments = [("noticed", NOW), ("taken", NOW), ("first reply", None), ("over", NOW + timedelta(seconds=1))]
    drawn = curve([NOW - timedelta(hours=3), NOW], moments)
    assert drawn is not None
    assert [(mark.number, mark.what) for mark in drawn.marks] == [(1, "noticed"), (2, "taken"), (3, "over")]
    feet = [mark.foot for mark in drawn.marks]
    assert all(after - before >= 24 for before, after in itertools.pairwise(feet))
    assert feet[0] > 0
    assert feet[-1] < WIDTH


def test_without_a_complaint_there_is_nothing_to_draw() -> None:
    assert curve([], [("noticed", NOW)]) is None
