"""Groups of like vectors, and what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from sentiment.ripple.likeness import DAY, HOUR, WINDOW, Floats, Measure, Pool, most_in, nearest, unit
from sentiment.ripple.naming import UNNAMED, candidates, name_of
from sentiment.ripple.recall import SharedWords
from tests.sentiment.ripple.waves import CARD, OTHERS, PARCEL

NEAR = Measure(pair=0.5, mean=0.6, join=0.6, tight=0.3)
WIDTH = 64


def about(axis: int, number: int, seed: int = 0) -> Floats:
    """Vectors that lie around one axis."""
    found = np.random.default_rng(seed).normal(0, 0.05, (number, WIDTH)).astype(np.float32)
    found[:, axis] += 1
    units: Floats = found / np.linalg.norm(found, axis=1, keepdims=True)
    return units


def add(pool: Pool, first: int, vectors: Floats, start: float, apart: float) -> list[int]:
    ids = list(range(first, first + len(vectors)))
    pool.add(ids, ids, [start + n * apart for n in range(len(ids))], vectors)
    return ids


def test_a_group_is_those_that_are_like_within_two_days_and_not_barred() -> None:
    pool = Pool(WIDTH)
    add(pool, 1, about(1, 3), 0.0, HOUR)
    old = add(pool, 11, about(0, 2), 0.0, HOUR)
    ids = add(pool, 21, about(0, 8), WINDOW + 2 * HOUR, 60.0)
    group = pool.group(ids[-1], NEAR)
    assert group is not None
    assert set(group.likeness) == set(ids)
    assert not set(old) & set(group.likeness)
    barred = pool.group(ids[-1], NEAR, barred=ids[:3])
    assert barred is not None
    assert set(barred.likeness) == set(ids[3:])
    assert pool.group(ids[-1], NEAR, barred=ids[:-1]) is None


def test_how_many_are_a_wave_depends_on_how_many_are_usual() -> None:
    def least(per_day: int) -> int:
        """How many within an hour make a wave where so many a day are usual."""
        pool = Pool(WIDTH)
        for day in range(10):
            add(pool, 1000 * day + 1, about(0, per_day, day), day * DAY, DAY / (per_day + 1))
            add(pool, 1000 * day + 500, about(1 + day, 3, day), day * DAY, HOUR)
        for number in range(1, 60):
            (one,) = add(pool, 90_000 + number, about(0, 1, number), 10 * DAY + 3 * HOUR + number * 60.0, 0.0)
            if pool.group(one, NEAR):
                return number
        return 99

    few = [least(per_day) for per_day in (0, 2, 10, 40)]
    assert few[0] == 4
    assert few == sorted(few)
    assert 8 < few[-1] < 30


def test_the_newest_are_remembered_and_what_is_dropped_is_gone() -> None:
    pool = Pool(WIDTH, kept=100)
    ids = add(pool, 1, about(0, 300), 0.0, 60.0)
    assert len(pool) <= 113
    assert ids[-1] in pool
    assert ids[0] not in pool
    pool.drop(ids[-50:])
    assert ids[-1] not in pool
    assert pool.group(ids[-51], NEAR) is not None
    empty = Pool(WIDTH)
    empty.add([1], [1], [0.0], np.zeros((1, WIDTH), np.float32))
    assert len(empty) == 0


def test_what_all_of_a_brand_have_in_common_does_not_make_them_alike() -> None:
    """Every complaint shares half of its direction with all others, as those of one trade do."""
    pool = Pool(WIDTH)
    shared = about(63, 1)[0]

    def of_trade(axis: int, number: int, seed: int) -> Floats:
        return np.stack([unit(row + shared) for row in about(axis, number, seed)])

    for n in range(40):
        add(pool, 1 + n, of_trade(n, 1, n), n * 6 * HOUR, 0.0)
    at = 40 * 6 * HOUR
    unlike = [add(pool, 100 + n, of_trade(n, 1, 50 + n), at + n * 60.0, 0.0)[0] for n in range(12)]
    assert pool.group(unlike[-1], NEAR) is None
    alike = add(pool, 200, of_trade(50, 6, 99), at, 60.0)
    group = pool.group(alike[-1], NEAR)
    assert group is not None
    assert set(group.likeness) == set(alike)


def test_a_group_goes_where_a_third_of_it_is_and_a_complaint_to_the_nearest() -> None:
    assert most_in([1, 1, None, 2, None, None]) == 1
    assert most_in([1, None, None, None]) is None
    assert nearest({1: 0.7, 2: 0.8, 3: 0.1}, NEAR) == (2, 0.8)
    assert nearest({1: 0.59}, NEAR) is None
    assert nearest({}, NEAR) is None


def test_shared_words_tell_like_from_unlike() -> None:
    found = SharedWords().embed([*CARD, *PARCEL, *OTHERS, ""])
    card, parcel, rest = found[: len(CARD)], found[len(CARD) : len(CARD) + len(PARCEL)], found[-len(OTHERS) - 1 : -1]
    assert (card @ unit(card.mean(axis=0))).min() > 0.45
    assert (card @ parcel.T).max() < 0.3
    assert (rest @ unit(card.mean(axis=0))).max() < 0.3
    assert not found[-1].any()


@pytest.mark.parametrize(
    ("texts", "usual", "name"),
    [
        ([["card", "payment", "card payment", "checkout"]] * 5, {}, "Checkout: card payment"),
        ([["parcel", "late"], ["parcel", "rain"], ["parcel", "late"]], {}, "Parcel: late"),
        ([["parcel"], ["parcel"]], {}, "Parcel"),
        ([["depot", "parcel", "late"]] * 8 + [["depot", "order date"]] * 2, {}, "Depot: late parcel"),
        ([["order", "salad"]] * 4, {"order": 0.9}, "Salad: order"),
        ([["glass", "salad", "salads"]] * 3 + [["glass"]], {}, "Glass: salad"),
        ([["salads", "salad glass", "salad", "glass"]] * 3, {}, "Salad glass"),
        ([["order", "salad"]] * 4, {"order": 1.0, "salad": 1.0}, UNNAMED),
        ([["one"], ["two"], ["three"]], {}, UNNAMED),
    ],
)
def test_a_name_is_what_they_share_and_others_do_not(
    texts: list[list[str]], usual: dict[str, float], name: str
) -> None:
    assert name_of(candidates(texts), usual).name == name
