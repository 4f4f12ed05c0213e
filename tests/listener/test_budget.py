"""Money: what is read is counted at its price, and short money leaves things out in an order that people know."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from core.types import Page
from listener.budget import DOLLAR, Level, forecast, level, next_month, spent_this_month
from listener.matching import BrandMatcher
from listener.step import step
from listener.wish import wish
from tests.listener import made
from tests.listener.made import post
from tests.listener.told import Told


def spend(runtime: Runtime, source_id: int, **units: int) -> None:
    made.store(runtime, source_id, Page(spent=units))


def level_of(runtime: Runtime, source_id: int) -> Level:
    with runtime.db.read() as db:
        return level(db, db.get_one(tables.Source, source_id), runtime.clock.now())


def test_reads_cost_what_the_price_list_says(runtime: Runtime, clock: HeldClock) -> None:
    source_id = made.source(runtime)
    spend(runtime, source_id, post_read=100, own_mention_read=10)
    spend(runtime, source_id, post_read=100)
    with runtime.db.read() as db:
        assert spent_this_month(db, source_id, clock.now()) == 1.01 * DOLLAR
        assert spent_this_month(db, source_id, next_month(clock.now())) == 0


def test_the_forecast_goes_on_as_the_month_began() -> None:
    assert forecast(10 * DOLLAR, datetime(2026, 11, 16, tzinfo=UTC)) == 20 * DOLLAR
    assert forecast(0, datetime(2026, 11, 1, tzinfo=UTC)) == 0
    assert next_month(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reads", "expected"),
    [(1_399, Level.ALL), (1_400, Level.NO_COMPETITORS), (1_800, Level.MENTIONS_ONLY), (2_000, Level.NOTHING)],
)
def test_short_money_leaves_out_competitors_then_all_but_own_mentions(
    runtime: Runtime, reads: int, expected: Level
) -> None:
    source_id = made.source(runtime, budget=10)
    spend(runtime, source_id, post_read=reads)
    assert level_of(runtime, source_id) == expected


def test_without_a_budget_everything_is_heard(runtime: Runtime) -> None:
    source_id = made.source(runtime)
    spend(runtime, source_id, post_read=1_000_000)
    assert level_of(runtime, source_id) == Level.ALL


def test_what_a_platform_is_asked_for_follows_the_level(runtime: Runtime) -> None:
    made.brand(runtime, "acme", "acme OR #acmefail")
    other = made.brand(runtime, "globex", "globex")
    with runtime.db.write() as db:
        db.get_one(tables.Brand, other).competitor = True
    with runtime.db.read() as db:
        matcher = BrandMatcher.load(db)
        every, short, shortest = (wish(db, matcher, one) for one in list(Level)[:3])
    assert [one.brand for one in every.queries] == ["acme", "globex"]
    assert "globex" in every.terms
    assert [one.brand for one in short.queries] == ["acme"]
    assert "globex" not in short.terms
    assert (every.mentions_only, short.mentions_only, shortest.mentions_only) == (False, False, True)


def test_without_money_a_source_waits_says_so_and_has_a_gap_until_it_can_hear_again(
    runtime: Runtime, clock: HeldClock
) -> None:
    made.brand(runtime)
    source_id = made.source(runtime, budget=1)
    with runtime.db.read() as db:
        matcher = BrandMatcher.load(db)
    source = Told(None, Page((post(1),), spent={"post_read": 200}), Page((post(2),)))
    step(runtime, source_id, source, matcher, clock.now())
    clock.advance(600)
    assert step(runtime, source_id, source, matcher, clock.now()).failed
    assert len(source.asked) == 1, "nothing more is bought"
    with runtime.db.read() as db:
        row = db.get_one(tables.Source, source_id)
        (gap,) = db.query(tables.Gap).all()
    assert (row.state, row.reason) == ("waiting", "the month's budget of $1 is used up")
    assert gap.end == clock.now()
    clock.advance((next_month(clock.now()) - clock.now()).total_seconds())
    assert not step(runtime, source_id, source, matcher, clock.now()).failed
    with runtime.db.read() as db:
        assert db.query(tables.Gap).one().closed_at == clock.now()
