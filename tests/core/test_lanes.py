"""What presses overtakes, at every stage and in any mixture, and nothing waits for ever because of it."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta

import pytest

from core import waiting
from core.clock import HeldClock
from core.db import Database
from core.waiting import AT_ONCE, LATE, PRESSING, USUAL

Item = tuple[datetime, int]
"""When it is due, and its id: in this order things wait."""


def take(database: Database, clock: HeldClock, limit: int) -> list[int]:
    """Take as a stage does, and be done with it."""
    with database.claim() as claimed:
        taken = waiting.take(claimed, clock, "judge", limit)
        with database.settle(claimed) as db:
            waiting.done(db, "judge", taken)
    return taken


def add(database: Database, clock: HeldClock, ids: list[int], lane: int | dict[int, int] = USUAL) -> None:
    with database.write() as db:
        waiting.add(db, clock, "judge", ids, lane=lane)


def test_what_presses_is_taken_before_thousands_that_came_first_and_with_few_of_them(
    database: Database, clock: HeldClock
) -> None:
    add(database, clock, list(range(1_000)), LATE)
    clock.advance(1)
    add(database, clock, list(range(1_000, 2_000)))
    clock.advance(1)
    add(database, clock, [5_000, 5_001], PRESSING)
    first = take(database, clock, 512)
    assert first == [5_000, 5_001, 0, 1, 2, 3]
    second = take(database, clock, 512)
    assert (len(second), second[:64], second[64:]) == (512, list(range(4, 68)), list(range(1_000, 1_448)))


def test_of_an_item_added_twice_the_lower_lane_counts_and_it_keeps_its_place(
    database: Database, clock: HeldClock
) -> None:
    add(database, clock, [1, 2, 3], {1: LATE, 3: PRESSING})
    clock.advance(1)
    add(database, clock, [1, 2, 3, 4], {1: PRESSING, 2: LATE, 4: PRESSING})
    with database.read() as db:
        assert waiting.lanes(db, "judge", range(2_000)) == {1: PRESSING, 2: USUAL, 3: PRESSING, 4: PRESSING}
        assert waiting.take(db, clock, "judge", 10) == [1, 3, 4, 2]


@pytest.mark.parametrize("seed", range(8))
def test_any_mixture_comes_out_once_in_the_order_of_the_lanes(database: Database, clock: HeldClock, seed: int) -> None:
    """Beside a model of it in plain words."""
    rng = random.Random(seed)
    held: dict[int, tuple[int, Item]] = {}
    for _ in range(25):
        ids = rng.sample(range(300), rng.randrange(60))
        due = clock.now() + timedelta(seconds=rng.choice((0, 0, 0, 5)))
        lanes = {one: rng.choice((PRESSING, USUAL, USUAL, LATE, LATE)) for one in ids}
        with database.write() as db:
            waiting.add(db, clock, "judge", ids, due, lanes)
        for one in ids:
            lane, item = held.get(one, (LATE, (due, one)))
            held[one] = (min(lane, lanes[one]), item)
        clock.advance(rng.choice((0, 1, 3)))
        limit = rng.choice((1, 2, 7, 16, 40, 100))
        taken = take(database, clock, limit)
        assert taken == expected(held, clock.now(), limit)
        for one in taken:
            del held[one]


def expected(held: dict[int, tuple[int, Item]], now: datetime, limit: int) -> list[int]:
    """What a batch of `limit` should be."""
    due = sorted((item, lane) for lane, item in held.values() if item[0] <= now)
    pressing = [item[1] for item, lane in due if lane == PRESSING]
    if pressing:
        few = min(limit, AT_ONCE)
        share = max(1, few // 8) if few > 1 else 0
        first = pressing[: few - share]
        return first + [item[1] for item, _ in due if item[1] not in first][:share]
    first = [item[1] for item, _ in due][: max(1, limit // 8) if limit > 1 else 0]
    rest = sorted(((lane, item) for item, lane in due if item[1] not in first))
    return first + [item[1] for _, item in rest][: limit - len(first)]


@pytest.mark.parametrize("flood", [PRESSING, USUAL])
def test_nothing_starves_however_much_keeps_coming_that_goes_before_it(
    database: Database, clock: HeldClock, flood: int
) -> None:
    """Each batch is full of newer ones in better lanes, and still the old ones are through after as many batches as
    their share needs."""
    old, size = list(range(100)), 64
    add(database, clock, old, LATE)
    left, batches, newest = set(old), 0, 1_000
    while left:
        clock.advance(1)
        add(database, clock, list(range(newest, newest + 2 * size)), flood)
        newest += 2 * size
        left -= set(take(database, clock, size))
        batches += 1
    assert batches == math.ceil(len(old) / ((AT_ONCE if flood == PRESSING else size) // 8))


def test_two_processes_share_what_presses(postgres: Database, clock: HeldClock) -> None:
    add(postgres, clock, list(range(10)))
    clock.advance(1)
    add(postgres, clock, list(range(20, 50)), PRESSING)
    with postgres.claim() as one, postgres.claim() as other:
        assert waiting.take(one, clock, "judge", 100) == [*range(20, 48), 0, 1, 2, 3]
        assert waiting.take(other, clock, "judge", 100) == [48, 49, 4, 5, 6, 7]
