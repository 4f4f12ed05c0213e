"""The forecast of one mention's spread: calm about little, right about much, blind to what comes later."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.ripple.cascade import Cascade, of_counts, of_shares
from sentiment.ripple.curve import KEPT, Curve
from sentiment.ripple.fit_spread import MOMENTS, fit, folds, nameless, summary
from sentiment.ripple.spread import CONSTANT, DECAY, FLAT, HORIZON, Spread, forecast, unseen

HOUR = 3600.0
AGES = (60.0, 600.0, HOUR, 6 * HOUR, 24 * HOUR, 72 * HOUR)


def spaced(
    reposts: int, until: float, followers: float | None = 300.0, power: float = 2.0
) -> list[tuple[float, float | None]]:
    """A post and its reposts, which come the slower the older it is."""
    return [(0.0, followers), *((until * ((n + 0.5) / reposts) ** power, followers) for n in range(reposts))]


def simulated(seed: int) -> Cascade:
    """A self-exciting cascade: everybody who sees a post passes it on by the same chance, which fades within days."""
    dice = np.random.default_rng(seed)
    chance, fading = min(dice.lognormal(math.log(0.0012), 0.3), 0.0016), 2 * 86_400.0
    seconds, followers = np.zeros(1), np.array([min(dice.lognormal(math.log(1e6), 0.7), 5e6)])
    rows = [(0.0, float(followers[0]))]
    while len(seconds):  # one generation after the other
        parents = np.repeat(seconds, dice.poisson(chance * followers))
        late = parents + reactions(dice, len(parents))
        seconds = late[(late < HORIZON) & (dice.random(len(late)) < np.exp(-late / fading))]
        followers = dice.lognormal(5.5, 1.3, len(seconds))
        rows += zip(seconds.tolist(), followers.tolist(), strict=True)
    return of_shares(rows)


def reactions(dice: np.random.Generator, size: int) -> np.ndarray:
    """Delays after which those who react do so."""
    left = np.maximum(dice.random(size), 1e-12)
    late = FLAT * (left * DECAY / (CONSTANT * FLAT)) ** (-1 / DECAY)
    return np.where(left > 1 - CONSTANT * FLAT, (1 - left) / CONSTANT, late)


@pytest.mark.parametrize("at", AGES)
@pytest.mark.parametrize(
    ("reposts", "most", "highest"), [(0, 1, 2), (1, 3, 5), (3, 6, 10), (10, 20, 40), (30, 60, 100)]
)
def test_few_reposts_are_no_wave(reposts: int, most: int, highest: int, at: float) -> None:
    for power in (0.5, 1.0, 2.0):
        found = forecast(of_shares(spaced(reposts, at, power=power)), at)
        assert reposts <= found.expected <= most
        assert found.high <= highest


def test_three_reposts_of_a_star_are_no_wave_either() -> None:
    found = forecast(of_shares([(0, 10_000_000), (60, 5_000_000), (600, 2_000_000), (3000, 900_000)]), HOUR)
    assert (found.count, found.expected <= 6, found.high <= 10) == (3, True, True)


@given(
    st.lists(st.tuples(st.floats(0, 700_000), st.none() | st.integers(0, 10**12)), max_size=300),
    st.sampled_from([0.0, 1.0, 59.0, 1234.5, 86_400.0, HORIZON, 10 * HORIZON]),
)
@settings(max_examples=60, deadline=None)
def test_what_is_there_bounds_what_is_expected(rows: list[tuple[float, int | None]], at: float) -> None:
    found = forecast(of_shares([(0, 100), *rows]), at)
    assert found.count == sum(seconds <= at for seconds, _ in rows)
    assert found.count <= found.low <= found.expected <= found.high


@pytest.mark.parametrize("at", AGES)
def test_more_reposts_never_lower_the_forecast(at: float) -> None:
    ends = [forecast(of_shares(spaced(n, at)), at).expected for n in (0, 1, 3, 10, 30, 100, 200, 400, 1000, 3000, 9000)]
    assert ends == sorted(ends)


@pytest.mark.parametrize("at", AGES[2:])
def test_those_that_still_come_and_those_who_are_widely_read_raise_the_forecast(at: float) -> None:
    slowing = forecast(of_shares(spaced(1000, at, power=3.0)), at)
    steady = forecast(of_shares(spaced(1000, at, power=1.0)), at)
    read = forecast(of_shares(spaced(1000, at, followers=3000.0)), at)
    usual = forecast(of_shares(spaced(1000, at)), at)
    assert slowing.expected < steady.expected
    assert usual.expected < read.expected


def test_what_comes_later_changes_nothing() -> None:
    now = spaced(500, HOUR)
    later = [(HOUR + 1 + n, 1e6) for n in range(5000)]
    for at in (0.0, 30.0, HOUR):
        assert forecast(of_shares([*now, *later]), at) == forecast(of_shares(now), at)


def test_order_does_not_matter_and_equal_rows_count_each() -> None:
    rows = spaced(300, HOUR)
    assert forecast(of_shares(rows[::-1]), HOUR) == forecast(of_shares(rows), HOUR)
    twice = forecast(of_shares([*rows, rows[7], rows[7]]), HOUR)
    assert twice.count == 302


def test_nothing_known_but_the_post() -> None:
    assert forecast(of_shares([(0, None)]), 0) == forecast(of_shares([]), 0)
    assert forecast(of_shares([(0, 50)]), 0).expected <= 1


def test_a_few_unknown_followers_change_little_and_none_known_is_like_a_count() -> None:
    rows = spaced(1000, 6 * HOUR)
    gaps = [(seconds, None if n % 4 == 1 else followers) for n, (seconds, followers) in enumerate(rows)]
    known, holes = forecast(of_shares(rows), 6 * HOUR), forecast(of_shares(gaps), 6 * HOUR)
    assert holes.expected == pytest.approx(known.expected, rel=0.02)
    nobody = of_shares([(seconds, None) for seconds, _ in rows])
    assert forecast(nobody, 6 * HOUR) == forecast(nameless(of_shares(rows)), 6 * HOUR)


def test_at_its_end_nothing_more_is_expected() -> None:
    found = forecast(of_shares(spaced(2500, HORIZON)), HORIZON)
    assert (found.low, found.expected, found.high) == (2500, 2500, 2500)


def test_the_forecast_does_not_jump_as_time_goes_by() -> None:
    cascade = of_shares(spaced(3000, 72 * HOUR, power=4.0))
    ends = [forecast(cascade, at).expected for at in np.geomspace(HOUR, 72 * HOUR, 200)]
    assert max(abs(math.log(b / a)) for a, b in pairwise(ends)) < 0.2


def test_simulated_cascades_end_mostly_where_forecast() -> None:
    cascades = [simulated(seed) for seed in range(30)]
    large = [one for one in cascades if len(one.seconds) >= 2000]
    assert len(large) >= 10
    held = [
        found.low <= len(one.seconds) - 1 <= found.high
        for one in large
        for at in (HOUR, 6 * HOUR, 24 * HOUR)
        for found in [forecast(one, at)]
    ]
    assert np.mean(held) >= 0.6


def test_what_is_learned_from_some_holds_for_others() -> None:
    cascades = [simulated(seed) for seed in range(100, 130)]
    learned, others = fit(cascades[:15]), cascades[15:]
    wrong, held = summary(others, [[forecast(one, 6 * HOUR, learned)] for one in others], 0)
    shipped, _ = summary(others, [[forecast(one, 6 * HOUR)] for one in others], 0)
    assert wrong < shipped / 2
    assert held >= 0.5
    assert learned["counts"].shape == (len(MOMENTS) + 1, 17)


def test_whoever_is_judged_was_not_learned_from() -> None:
    parts = list(folds(23, 1))
    assert sorted(index for _, test in parts for index in test) == list(range(23))
    assert all(sorted([*train, *test]) == list(range(23)) for train, test in parts)


def test_the_share_that_has_not_reacted_yet_falls_from_all_to_none() -> None:
    left = unseen(np.array([0.0, FLAT - 1e-6, FLAT + 1e-6, HOUR, 1e12]))
    assert left[0] == 1
    assert left[1] == pytest.approx(left[2], abs=1e-4)
    assert list(left) == sorted(left, reverse=True)
    assert left[-1] < 0.01


def test_counts_alone_say_nearly_the_same_as_the_reposts_they_count() -> None:
    rows = spaced(2000, 6 * HOUR, followers=None)
    curve = Curve()
    for at in np.geomspace(300, 6 * HOUR, 14):
        curve = curve.add(float(at), sum(seconds <= at for seconds, _ in rows) - 1)
    one, other = forecast(curve.cascade(), 6 * HOUR), forecast(of_shares(rows), 6 * HOUR)
    assert one.count == other.count == 2000
    assert one.expected == pytest.approx(other.expected, rel=0.05)


def test_reposts_that_were_taken_back_never_counted() -> None:
    assert forecast(of_counts([(600, 50), (1200, 40)]), 1200).count == 40
    assert forecast(of_counts([]), 600).count == 0
    assert forecast(of_counts([(0, 7)]), 0).count == 7


def test_a_curve_takes_no_more_memory_however_often_it_is_read() -> None:
    curve = Curve()
    for minute in range(1, 5000):
        curve = curve.add(minute * 60.0, minute)
    assert len(curve.points) == KEPT
    seconds = [at for at, _ in curve.points]
    assert seconds == sorted(seconds)
    assert seconds[-3:] == [4997 * 60.0, 4998 * 60.0, 4999 * 60.0]
    assert seconds[0] == 60
    assert len(curve.add(4999 * 60.0, 6000).points) == KEPT


@pytest.mark.parametrize(
    ("spread", "words"),
    [
        (Spread(12, 1200, 80, 40, 190), "12 reposts in 20 min, heading for about 80 (40 to 190)"),
        (Spread(1, 45, 2, 1, 3), "1 repost in 45 s, heading for about 2 (1 to 3)"),
        (Spread(1816, 3 * HOUR, 4163, 2741, 7982), "1,816 reposts in 3 h, heading for about 4,200 (2,700 to 8,000)"),
        (Spread(1816, 60 * HOUR, 1819, 1816, 1830), "1,816 reposts in 60 h, at its end"),
        (Spread(7, 3 * 24 * HOUR, 8, 7, 9), "7 reposts in 3 days, heading for about 8 (7 to 9)"),
        (Spread(1140, 3 * 24 * HOUR, 1162, 1151, 1190), "1,140 reposts in 3 days, heading for about 1,200"),
    ],
)
def test_in_words(spread: Spread, words: str) -> None:
    assert spread.words() == words
