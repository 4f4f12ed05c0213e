"""Waves are seen early and once; what an hour or a weekday always brings, and a handful of mentions, is no wave."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from sentiment.ripple.spikes import Detector, ShareDetector, Spike, words
from sentiment.ripple.tails import Counts, Shares

MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001 - as files have it, without a zone
SLOT = timedelta(minutes=5)
DAY = 288


def poisson(dice: random.Random, mean: float) -> int:
    """Knuth's way."""
    limit, number, product = math.exp(-mean), 0, dice.random()
    while product > limit:
        number, product = number + 1, product * dice.random()
    return number


def by_hour(at: datetime, mean: float = 3.0) -> float:
    """A day with a quiet night and a busy evening."""
    return mean * (1 - 0.9 * math.cos((at.hour + at.minute / 60 - 5) / 24 * 2 * math.pi))


def stamps(slots: int, start: datetime = MONDAY) -> Iterator[datetime]:
    return (start + number * SLOT for number in range(slots))


def feed(detector: Detector, rows: Iterable[tuple[datetime, float]]) -> list[Spike]:
    return [detector.update(at, count) for at, count in rows]


def alerts(spikes: Iterable[Spike]) -> list[Spike]:
    return [spike for spike in spikes if spike.alert]


@pytest.fixture(scope="module")
def learned() -> str:
    """What a detector remembers after two weeks of ordinary days."""
    dice, detector = random.Random(1), Detector()
    assert not alerts(feed(detector, ((at, poisson(dice, by_hour(at))) for at in stamps(14 * DAY))))
    return json.dumps(detector.as_json())


@pytest.fixture
def detector(learned: str) -> Detector:
    return Detector.from_json(json.loads(learned))


LATER = MONDAY + timedelta(days=14)


def day_with(wave: dict[int, float], seed: int = 2, days: int = 1) -> list[tuple[datetime, float]]:
    """Ordinary days after the learned ones, to which `wave` adds: slot -> more mentions."""
    dice = random.Random(seed)
    rows = [(at, poisson(dice, by_hour(at))) for at in stamps(days * DAY, LATER)]
    return [(at, count + round(wave.get(number, 0))) for number, (at, count) in enumerate(rows)]


def test_a_sudden_wave_is_told_in_its_first_minutes_and_once(detector: Detector) -> None:
    told = alerts(feed(detector, day_with(dict.fromkeys(range(150, 168), 30.0))))
    assert [spike.at for spike in told] == [LATER + 151 * SLOT]
    [spike] = told
    assert spike.since == LATER + 150 * SLOT
    assert 60 < spike.observed < 100
    assert 15 < spike.expected < 25


def test_a_slow_wave_is_told_before_a_fifth_of_it_has_come(detector: Detector) -> None:
    wave = {100 + number: number * 0.35 for number in range(96)}
    told = alerts(feed(detector, day_with(wave)))
    assert told
    come = sum(more for number, more in wave.items() if LATER + number * SLOT <= told[0].at)
    assert come < sum(wave.values()) / 5
    assert len(told) <= 2


def test_a_wave_at_night_is_one_although_it_is_less_than_by_day(detector: Detector) -> None:
    night, noon = dict.fromkeys(range(50, 60), 18.0), dict.fromkeys(range(190, 200), 6.0)
    assert len(alerts(feed(detector, day_with(night | noon)))) == 1


def test_days_that_come_and_go_are_no_wave(detector: Detector) -> None:
    spikes = feed(detector, day_with({}, days=7))
    assert not alerts(spikes)
    usual = {spike.at.hour: spike.expected / (spike.window / SLOT) for spike in spikes[-DAY:]}
    assert usual[5] < 1
    assert usual[17] > 4


@pytest.mark.parametrize("mean", [0.05, 0.5])
def test_a_handful_is_no_wave(mean: float) -> None:
    dice, detector = random.Random(3), Detector()
    assert not alerts(feed(detector, ((at, poisson(dice, mean)) for at in stamps(30 * DAY))))


def test_what_a_weekday_always_brings_is_usual_on_that_day_and_a_wave_on_another() -> None:
    dice, detector = random.Random(4), Detector()

    def match_day(at: datetime, weekday: int) -> float:
        return by_hour(at, 1.5) + (15 if at.weekday() == weekday and 15 <= at.hour < 18 else 0)

    spikes = feed(detector, ((at, poisson(dice, match_day(at, 5))) for at in stamps(5 * 7 * DAY)))
    assert {spike.at.weekday() for spike in alerts(spikes)} <= {5}
    assert not [spike for spike in alerts(spikes) if spike.at >= MONDAY + timedelta(weeks=2)]
    week = stamps(7 * DAY, MONDAY + timedelta(weeks=5))
    told = alerts(feed(detector, ((at, poisson(dice, match_day(at, 2))) for at in week)))
    assert [spike.at.weekday() for spike in told] == [2]
    assert told[0].at.hour == 15


def test_a_wave_hardly_raises_what_is_usual(learned: str) -> None:
    calm, stirred = (Detector.from_json(json.loads(learned)) for _ in range(2))
    wave = dict.fromkeys(range(150, 200), 200.0)
    expected = feed(calm, day_with({}, days=4))[-DAY:]
    after = feed(stirred, day_with(wave, days=4))[-DAY:]
    assert sum(spike.expected for spike in after) < 1.15 * sum(spike.expected for spike in expected)
    again = LATER + timedelta(days=4, hours=12)
    told = alerts(feed(stirred, ((at, 90 if at >= again else 4) for at in stamps(DAY, LATER + timedelta(days=4)))))
    assert told[0].at <= again + SLOT


def test_the_same_wave_is_told_again_only_if_it_becomes_much_worse(detector: Detector) -> None:
    first, same, worse = (
        dict.fromkeys(range(at, at + 6), size) for at, size in ((120, 25.0), (180, 30.0), (240, 300.0))
    )
    told = alerts(feed(detector, day_with(first | same | worse)))
    assert told[0].at < LATER + 126 * SLOT
    assert all(spike.at >= LATER + 240 * SLOT for spike in told[1:])
    assert told[1:]


def test_however_large_a_wave_was_another_is_told_in_the_next_week(detector: Detector) -> None:
    wave, next_week = dict.fromkeys(range(150, 186), 1_000.0), dict.fromkeys(range(7 * DAY + 150, 7 * DAY + 156), 30.0)
    told = alerts(feed(detector, day_with(wave | next_week, days=8)))
    assert [spike.at.date() - LATER.date() for spike in told] == [timedelta(0), timedelta(days=7)]


def test_a_wave_lasts_until_it_is_calm_again(detector: Detector) -> None:
    spikes = feed(detector, day_with(dict.fromkeys(range(150, 168), 30.0)))
    during = [spike for spike in spikes if spike.since]
    assert during[0].at == LATER + 151 * SLOT
    assert LATER + 168 * SLOT < during[-1].at < LATER + 210 * SLOT
    assert {spike.since for spike in during} == {LATER + 150 * SLOT}


def test_in_the_first_two_days_only_what_is_beyond_doubt_is_told() -> None:
    def day_one(size: int) -> list[Spike]:
        dice, detector = random.Random(5), Detector()
        rows = ((at, size if 300 <= number < 312 else poisson(dice, 2)) for number, at in enumerate(stamps(2 * DAY)))
        return alerts(feed(detector, rows))

    assert not day_one(12)
    assert len(day_one(200)) == 1


def test_a_score_knows_nothing_of_what_comes_later(learned: str) -> None:
    rows = day_with({number: 3.0 * (number % 40) for number in range(120, 200)})
    whole = [spike.score for spike in feed(Detector.from_json(json.loads(learned)), rows)]
    for cut in (1, 121, 135, 200):
        assert [spike.score for spike in feed(Detector.from_json(json.loads(learned)), rows[:cut])] == whole[:cut]


def test_what_is_remembered_fits_in_json_and_goes_on_as_if_nothing_had_been(learned: str) -> None:
    rows = day_with(dict.fromkeys(range(100, 140), 20.0), days=2)
    straight = feed(Detector.from_json(json.loads(learned)), rows)
    stopped = Detector.from_json(json.loads(learned))
    resumed: list[Spike] = []
    for at, count in rows:
        resumed.append(stopped.update(at, count))
        if at.minute == 10:
            stopped = Detector.from_json(json.loads(json.dumps(stopped.as_json())))
    assert resumed == straight
    assert len(json.dumps(stopped.as_json())) < 30_000
    with pytest.raises(ValueError, match="counts, not of shares"):
        ShareDetector.from_json(json.loads(learned))


def test_a_missing_row_is_unknown_and_a_zero_is_a_fact(learned: str) -> None:
    week, month, silent = (Detector.from_json(json.loads(learned)) for _ in range(3))
    after_week = week.update(LATER + timedelta(weeks=1), 3)
    assert not after_week.alert
    assert after_week.expected == pytest.approx(month.update(LATER + timedelta(weeks=4), 3).expected, rel=0.2)
    feed(silent, ((at, 0) for at in stamps(7 * DAY, LATER)))
    assert silent.update(LATER + timedelta(weeks=1), 3).expected / 36 < 0.8 * after_week.expected


def test_after_a_year_of_silence_it_begins_anew(detector: Detector) -> None:
    spike = detector.update(LATER + timedelta(days=365), 500)
    assert spike.score < 0.1
    assert detector.update(MONDAY.replace(year=9999), 500).score < 0.1


def test_rows_within_five_minutes_add_up(learned: str) -> None:
    whole, parts = (Detector.from_json(json.loads(learned)) for _ in range(2))
    for at, count in day_with(dict.fromkeys(range(100, 110), 40.0)):
        once = whole.update(at, count)
        share = [count // 5 + (minute < count % 5) for minute in range(5)]
        often = [parts.update(at + timedelta(minutes=minute), part) for minute, part in enumerate(share)]
        assert often[-1].surprise == pytest.approx(once.surprise)
        assert all(early.surprise <= late.surprise for early, late in pairwise(often))


def test_rows_that_come_once_an_hour_do_as_well() -> None:
    dice, detector = random.Random(6), Detector()
    hours = [MONDAY + timedelta(hours=number) for number in range(21 * 24)]
    ordinary = [(at, poisson(dice, by_hour(at, 20))) for at in hours]
    assert not alerts(feed(detector, ordinary))
    assert detector.update(hours[-1] + timedelta(hours=1), 150).alert


@pytest.mark.parametrize("count", [-1, math.nan, math.inf, 1e12])
def test_what_is_no_count_is_refused(detector: Detector, count: float) -> None:
    with pytest.raises(ValueError, match="is no number of mentions"):
        detector.update(LATER, count)
    assert detector.update(LATER, 2).score < 0.5


def test_an_earlier_row_is_refused(detector: Detector) -> None:
    detector.update(LATER, 2)
    with pytest.raises(ValueError, match="is before 2026-03-16 00:00:00, which came earlier"):
        detector.update(LATER - SLOT, 2)


def test_times_keep_their_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    detector = Detector()
    start = datetime(2026, 3, 2, tzinfo=UTC)
    for number in range(5 * DAY):
        spike = detector.update((start + number * SLOT).astimezone(berlin), 40 if number >= 5 * DAY - 3 else 1)
    assert spike.since is not None
    assert spike.since.utcoffset() == timedelta(hours=1)
    assert words(spike, "complaints") == "123 complaints in 30 min, usual 6, since 00:45"


def test_words_say_how_many_of_how_many() -> None:
    half_hour = timedelta(minutes=30)
    few = Spike(LATER, 0.6, 9.0, 1204, 0.2, None, timedelta(hours=3), None)
    assert words(few, "mentions") == "1,204 mentions in 3 h, usual less than 1"
    share = Spike(LATER, 0.6, 9.0, 34, 12.4, 60, half_hour, LATER.replace(hour=14, minute=5))
    assert words(share, "mentions negative") == "34 of 60 mentions negative in 30 min, usual 12, since 14:05"
    assert words(replace(share, at=LATER + timedelta(days=1)), "mentions negative").endswith(", since Monday 14:05")


def shares(detector: ShareDetector, slots: Iterable[tuple[datetime, float, float]], seed: int) -> list[Spike]:
    """So many mentions a slot, of which such a share is negative."""
    dice = random.Random(seed)
    spikes = []
    for at, mean, share in slots:
        of = poisson(dice, mean)
        spikes.append(detector.update(at, sum(dice.random() < share for _ in range(of)), of))
    return spikes


def test_a_share_rises_when_the_number_does_not_and_not_with_the_number() -> None:
    detector = ShareDetector()
    assert not alerts(shares(detector, ((at, by_hour(at), 0.2) for at in stamps(10 * DAY)), 7))
    later = MONDAY + timedelta(days=10)
    praise = ((at, 40 if at.hour == 12 else by_hour(at), 0.15) for at in stamps(DAY, later))
    assert not alerts(shares(detector, praise, 8))
    anger = (
        (at, by_hour(at), 0.9 if at.hour in (15, 16, 17) else 0.2) for at in stamps(DAY, later + timedelta(days=1))
    )
    told = alerts(shares(detector, anger, 9))
    assert [spike.at.hour for spike in told] == [15]
    assert told[0].of is not None
    assert told[0].observed / told[0].of > 0.6
    with pytest.raises(ValueError, match="5 of 4: more than there are"):
        detector.update(later + timedelta(days=2), 5, 4)


def test_a_share_of_nothing_is_nothing() -> None:
    detector = ShareDetector()
    assert all(detector.update(at, 0, 0).score == 0 for at in stamps(3 * DAY))


def exact(masses: Iterable[float]) -> float:
    return -math.log(math.fsum(masses))


@pytest.mark.parametrize(
    ("number", "expected", "dispersion"), [(5, 0.3, 0.1), (9, 2.0, 0.3), (60, 20.0, 0.2), (9, 1, 2)]
)
def test_the_tail_of_counts_is_hardly_understated(number: int, expected: float, dispersion: float) -> None:
    shape = 1 / dispersion

    def mass(k: int) -> float:
        logs = math.lgamma(k + shape) - math.lgamma(shape) - math.lgamma(k + 1)
        return math.exp(
            logs + shape * math.log(shape / (shape + expected)) + k * math.log(expected / (shape + expected))
        )

    told = Counts().surprise(number, expected, 1, dispersion)
    right = exact(mass(k) for k in range(number, 2_000))
    assert right - 0.5 < told <= right + 1e-9


@pytest.mark.parametrize(("number", "expected", "of"), [(6, 1.0, 8), (30, 12.0, 60), (8, 2.0, 8), (40, 4.0, 400)])
@pytest.mark.parametrize("dispersion", [0.01, 0.1])
def test_the_tail_of_shares_is_hardly_understated(number: int, expected: float, of: int, dispersion: float) -> None:
    spread = 1 / dispersion - 1
    hit, miss = expected / of * spread, (1 - expected / of) * spread

    def beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    told = Shares().surprise(number, expected, of, dispersion)
    right = exact(
        math.comb(of, k) * math.exp(beta(k + hit, of - k + miss) - beta(hit, miss)) for k in range(number, of + 1)
    )
    assert right - 0.7 < told <= right + 1e-9
