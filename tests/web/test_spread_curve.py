"""The case's page shows how its post was passed on, and where that is heading; most posts have no curve at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from core.runtime import Runtime
from core.tables import Case, CaseMention, Mention, Reading, Spread
from tests.web.stories import add_case
from tests.web.visitor import Visitor, words


def followed(
    runtime: Runtime, reposts: Sequence[tuple[int, int]], likes: int = 0, ended: bool = False, **forecast: float
) -> int:
    """A case whose post was read so many minutes after it was written; gives the case's id."""
    case_id = add_case(runtime, minutes_ago=60)
    with runtime.db.write() as db:
        mention = db.get_one(Mention, db.get_one(Case, case_id).mention_id)
        if db.get(CaseMention, mention.id) is None:
            now = runtime.clock.now()
            db.add(CaseMention(mention_id=mention.id, case_id=case_id, why="the case began with it", joined_at=now))
        mention.reposts = reposts[-1][1] if reposts else 0
        for minutes, count in reposts:
            at = mention.created_at + timedelta(minutes=minutes)
            db.add(Reading(mention_id=mention.id, at=at, likes=likes, reposts=count, replies=0))
        last = mention.created_at + timedelta(minutes=reposts[-1][0])
        row = Spread(mention_id=mention.id, began_at=mention.created_at, looked_at=last, looks=len(reposts), **forecast)
        row.ended_at = runtime.clock.now() if ended else None
        db.add(row)
    return case_id


def test_what_takes_off_is_drawn_with_where_it_is_heading(agent: Visitor) -> None:
    case_id = followed(agent.runtime, [(5, 8), (20, 80), (40, 220)], expected=1053, low=629, high=2807)
    page = agent.get(f"/cases/{case_id}")
    said = words(page)
    assert "How it spreads 220 reposts in 40 min, heading for about 1,100 (630 to 2,800)" in said
    assert "expected after 7 days 1,053 (629 to 2,807)" in said
    (line,) = re.findall(r'class="line" points="([^"]+)"', page.text)
    (cone,) = re.findall(r'class="cone" points="([^"]+)"', page.text)
    heights = [float(point.split(",")[1]) for point in line.split()]
    assert heights == sorted(heights, reverse=True)
    assert (heights[0], len(heights)) == (96.0, 4)
    assert [point.partition(",")[0] for point in cone.split()] == ["220.0", "320.0", "320.0"]
    assert cone.split()[1].endswith(",0.0")


def test_what_is_calm_again_has_no_forecast(agent: Visitor) -> None:
    case_id = followed(agent.runtime, [(5, 3), (40, 12)], ended=True, expected=16, low=12, high=20)
    page = agent.get(f"/cases/{case_id}")
    assert "How it spreads 12 reposts so far" in words(page)
    assert 'class="cone"' not in page.text


def test_where_there_are_no_reposts_likes_are_drawn(agent: Visitor) -> None:
    case_id = followed(agent.runtime, [(5, 0), (40, 0)], likes=140)
    assert "How it spreads 140 likes so far" in words(agent.get(f"/cases/{case_id}"))


def test_what_nobody_passed_on_has_no_curve(agent: Visitor) -> None:
    for readings in ([(10, 0), (120, 0)], [(10, 4)]):
        assert "How it spreads" not in words(agent.get(f"/cases/{followed(agent.runtime, readings)}"))
