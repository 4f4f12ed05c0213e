"""The small drawings: no line leaves its box, no gap is too small to be seen, and none hides another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.tables import Gap
from web.listening.drawing import HEIGHT, STRIP_WIDTH, WIDTH, curve, strip
from web.listening.past_hours import Hours

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
WEEK = timedelta(days=7)


def gap(hours_ago: float, hours: float, *, closed: bool = True) -> Gap:
    start = NOW - timedelta(hours=hours_ago)
    return Gap(start=start, end=start + timedelta(hours=hours), reason="", closed_at=NOW if closed else None)


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


def test_a_curve_fills_its_box_and_stays_in_it() -> None:
    drawn = curve(Hours(NOW, (5, 10, 0) * 40))
    assert drawn
    line = points(drawn.line)
    assert (line[0][0], line[-1][0]) == (0, WIDTH)
    assert {y for _, y in line} == {1.0, HEIGHT - 1.0, HEIGHT / 2}
    assert all(0 <= y <= HEIGHT for area in drawn.areas for _, y in points(area))


def test_a_young_source_starts_late_on_its_curve_and_has_nothing_usual() -> None:
    drawn = curve(Hours(NOW, (5, 10)))
    assert drawn
    assert points(drawn.line)[0][0] > WIDTH * 0.9
    assert drawn.areas == ()
    assert curve(Hours(NOW, (5,))) is None
    assert curve(Hours(NOW)) is None


def test_nothing_ever_came_is_a_flat_line() -> None:
    drawn = curve(Hours(NOW, (0,) * 48))
    assert drawn
    assert {y for _, y in points(drawn.line)} == {HEIGHT - 1.0}


def test_gaps_lie_where_they_were() -> None:
    [bar] = strip([gap(84, 21)], NOW, WEEK)
    assert (bar.x, bar.width, bar.count, bar.is_open) == (STRIP_WIDTH / 2, 42, 1, False)


def test_a_gap_of_a_second_can_be_seen_and_one_at_the_end_is_inside() -> None:
    for bar in strip([gap(84, 0.001), gap(0.001, 0.001), gap(200, 40)], NOW, WEEK):
        assert bar.width >= 4
        assert 0 <= bar.x <= STRIP_WIDTH - bar.width


def test_gaps_that_touch_are_one_bar_that_says_how_many() -> None:
    bars = strip([gap(20, 0.1), gap(19.5, 0.1), gap(19, 0.1), gap(2, 0.1)], NOW, WEEK)
    assert [bar.count for bar in bars] == [3, 1]


def test_an_open_gap_lies_on_top_and_is_drawn_whole() -> None:
    closed, opened = strip([gap(300, 300, closed=False), gap(90, 30)], NOW, WEEK)
    assert (closed.is_open, opened.is_open) == (False, True)
    assert (opened.x, opened.width) == (0, STRIP_WIDTH)


def test_what_ended_before_the_strip_is_not_on_it() -> None:
    assert strip([gap(200, 1)], NOW, WEEK) == []
