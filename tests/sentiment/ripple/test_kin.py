"""One fault in other words is one incident: what rare words tell, and what they do not."""

from __future__ import annotations

import numpy as np
import pytest

from sentiment.ripple.kin import Growing, by_rare_word, home_of, risen
from sentiment.ripple.likeness import DAY, HOUR, Floats, Group, Pool, unit
from sentiment.ripple.rare import words_of

WIDTH = 64
NOW = 20 * DAY


def vector(seed: int) -> Floats:
    return unit(np.random.default_rng(seed).normal(0, 1, WIDTH).astype(np.float32))


def axis(number: int) -> Floats:
    found = np.zeros(WIDTH, np.float32)
    found[number] = 1
    return found


def a_past() -> Pool:
    """Ten days on which everybody complains of cards, each in another way."""
    pool = Pool(WIDTH)
    for n in range(200):
        say(pool, 1 + n, f"my card is no good {'angry' if n % 2 else 'late'} again", 20 * n * 3600.0 / 10, vector(n))
    return pool


def say(pool: Pool, mention_id: int, text: str, at: float, where: Floats) -> None:
    pool.add([mention_id], [mention_id], [at], where[None], [words_of(text)])


def incident(pool: Pool, texts: list[str], where: Floats) -> Growing:
    it = Growing(None, 0, NOW)
    for n, text in enumerate(texts):
        say(pool, 1000 + n, text, NOW - HOUR + n, where)
        it.add(1000 + n, where, NOW - HOUR + n)
    return it


@pytest.mark.parametrize(
    ("texts", "home"),
    [
        (["error 502 when I pay", "paying gives me a 502", "502, no payment"], 7),
        (["angry about my card", "my card is late again", "angry, no good"], None),
        (["the zip of it broke", "a zip that breaks", "zip"], None),
    ],
)
def test_a_group_is_more_of_an_incident_that_grows_if_they_share_what_hardly_anybody_said_before(
    texts: list[str], home: int | None
) -> None:
    pool = a_past()
    it = incident(pool, ["the card checkout says 502", "error 502", "502 again, angry", "checkout 502 error"], axis(1))
    for n, text in enumerate(texts):
        say(pool, 2000 + n, text, NOW + n, unit(axis(1) + axis(2)))
    likeness, mean = pool.together([2000, 2001, 2002])
    group = Group(likeness, mean, NOW + 2, 20.0)
    assert home_of(group, [None] * 3, {7: it}, pool) == home
    later = Group(likeness, mean, NOW + 6 * HOUR, 20.0)
    assert home_of(later, [None] * 3, {7: it}, pool) is None, "it has not grown for hours"
    away = Group(likeness, unit(-mean), NOW + 2, 20.0)
    assert home_of(away, [None] * 3, {7: it}, pool) is None, "one word alone does not make the opposite the same"


def test_a_complaint_joins_the_incident_whose_rare_word_it_has_and_not_for_a_usual_one() -> None:
    pool = a_past()
    it = incident(pool, ["card stuck in Altmoor", "Altmoor again, card", "where is Altmoor? my card"], axis(1))
    say(pool, 2000, "flight leaves, harness is at altmoor", NOW, vector(900))
    say(pool, 2001, "my card is no good", NOW, vector(901))
    assert by_rare_word(2000, {7: 0.3}, {7: it}, pool) == 7
    assert by_rare_word(2000, {7: 0.1}, {7: it}, pool) is None
    assert by_rare_word(2001, {7: 0.6}, {7: it}, pool) is None


def test_a_rare_word_that_many_have_within_hours_is_a_wave_however_they_write() -> None:
    pool = a_past()
    for n in range(6):
        say(pool, 3000 + n, f"Altmoor card {'angry' if n % 2 else 'late'}", NOW + n * 60, vector(500 + n))
    group = risen(3005, pool, ())
    assert group is not None
    assert (group.word, sorted(group.likeness)) == ("altmoor", [3000, 3001, 3002, 3003, 3004, 3005])
    assert risen(3005, pool, {3000, 3001, 3002}) is None, "those that belong elsewhere do not count"
    pool.drop([3000, 3001, 3002, 3003])
    assert risen(3005, pool, ()) is None
    assert pool.words.before("altmoor", NOW + DAY) == 2


def test_before_anything_is_known_no_word_is_rare() -> None:
    pool = Pool(WIDTH)
    for n in range(20):
        say(pool, 1 + n, "Altmoor card", NOW + n * 60, vector(n))
    assert risen(20, pool, ()) is None


def test_words_are_told_in_one_form_and_codes_are_words_but_amounts_and_orders_are_not() -> None:
    assert words_of("charged twice") & words_of("why these charges") == {"charg"}
    assert {"502", "E1043"} <= words_of("Error 502 at first, then E1043.")
    assert not [w for w in words_of("HW-204411 cost 118.40 on 12/2024, 1,500 more, 20%") if any(map(str.isdigit, w))]
