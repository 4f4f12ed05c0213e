"""Priority: what presses more never stands lower, and nobody is passed over for having few followers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.desk.triage import CALM, REACH, TAKING_OFF, URGENT, Facts, priority

_counts = st.integers(0, 10**8)
_shares = st.floats(0, 1)
FACTS = st.builds(
    Facts,
    complaint=st.sampled_from([True, False, None]),
    complaint_score=_shares,
    negative=_shares,
    anger=_shares,
    unread=st.booleans(),
    question=st.booleans(),
    direct=st.booleans(),
    answered_back=st.booleans(),
    unanswered=st.integers(0, 100),
    others=st.integers(0, 1000),
    followers=_counts,
    likes=_counts,
    reposts=_counts,
    replies=_counts,
    waiting=st.integers(0, 10**6),
    expected=_counts,
    forecast=st.sampled_from(["", "40 reposts in 60 min", "12 reposts in 2 h"]),
)
AMOUNTS = ("complaint_score", "negative", "anger")
COUNTS = ("unanswered", "others", "followers", "likes", "reposts", "replies", "waiting", "expected")
FLAGS = ("unread", "question", "direct", "answered_back")

PLAIN = Facts(complaint=True, complaint_score=0.94, negative=0.9)


@given(FACTS)
def test_a_score_is_0_to_100_and_always_the_same(facts: Facts) -> None:
    found = priority(facts)
    assert 0 <= found.score <= 100
    assert priority(facts) == found
    assert len(set(found.reasons)) == len(found.reasons)
    assert all(found.reasons)


@given(FACTS, st.sampled_from(AMOUNTS), _shares)
def test_more_certain_or_angrier_never_presses_less(facts: Facts, name: str, value: float) -> None:
    more = replace(facts, **{name: max(value, getattr(facts, name))})
    assert priority(more).score >= priority(facts).score


@given(FACTS, st.sampled_from(COUNTS), st.integers(0, 10**6))
def test_more_of_anything_never_presses_less(facts: Facts, name: str, added: int) -> None:
    more = replace(facts, **{name: getattr(facts, name) + added})
    assert priority(more).score >= priority(facts).score


@given(FACTS, st.sampled_from(FLAGS))
def test_one_more_thing_that_speaks_for_it_never_presses_less(facts: Facts, name: str) -> None:
    flag: dict[str, Any] = {name: True}
    more = replace(facts, **flag)
    assert priority(more).score >= priority(facts).score


@given(FACTS)
def test_a_complaint_stands_above_a_perhaps_above_none(facts: Facts) -> None:
    no, perhaps, yes = (priority(replace(facts, complaint=said)).score for said in (False, None, True))
    assert no <= perhaps <= yes


@given(FACTS, FACTS)
def test_two_mentions_together_press_as_much_as_the_more_pressing_one(one: Facts, other: Facts) -> None:
    together = priority(one.joined(other)).score
    assert together >= max(priority(one).score, priority(other).score)
    assert together == priority(other.joined(one)).score


@given(FACTS)
def test_facts_survive_being_stored(facts: Facts) -> None:
    assert Facts.restored(facts.stored()) == facts


@given(FACTS, _counts, _counts, _counts, _counts)
def test_reach_is_capped(facts: Facts, followers: int, likes: int, reposts: int, replies: int) -> None:
    unseen = replace(facts, followers=0, likes=0, reposts=0, replies=0)
    seen = replace(facts, followers=followers, likes=likes, reposts=reposts, replies=replies)
    assert priority(seen).score <= priority(unseen).score + REACH + 1  # rounding


@given(FACTS, _counts)
def test_what_the_forecast_adds_is_capped(facts: Facts, expected: int) -> None:
    unseen = priority(replace(facts, expected=0)).score
    assert priority(replace(facts, expected=expected)).score <= unseen + TAKING_OFF + 1  # rounding


@given(FACTS, st.integers(0, CALM))
def test_a_few_reposts_to_come_are_no_wave(facts: Facts, expected: int) -> None:
    assert priority(replace(facts, expected=expected)).score == priority(replace(facts, expected=0)).score


def test_a_small_author_left_alone_stands_above_a_famous_one_who_grumbles() -> None:
    small = replace(PLAIN, followers=40, unanswered=2)
    famous = replace(PLAIN, followers=5_000_000, likes=10_000)
    assert priority(small).score > priority(famous).score


def test_the_third_message_without_an_answer_is_urgent() -> None:
    assert priority(PLAIN).severity != "urgent"
    assert priority(replace(PLAIN, unanswered=2)).score >= URGENT


def test_a_polite_complaint_stands_above_anger_that_complains_of_nothing() -> None:
    polite = Facts(complaint=True, complaint_score=0.8)
    assert priority(polite).score > priority(Facts(negative=1.0, anger=1.0)).score


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        (Facts(complaint=True, complaint_score=0.94), ("complaint (94%)",)),
        (Facts(complaint=None, complaint_score=0.5), ("not sure if a complaint (50%)",)),
        (Facts(complaint=None), ("not sure if a complaint",)),
        (Facts(complaint=None, unread=True), ("language not judged",)),
        (Facts(direct=True, question=True), ("speaks to us directly", "asks a question")),
        (Facts(complaint=True, complaint_score=1, unanswered=2), ("complaint (100%)", "third message, no answer yet")),
        (Facts(unanswered=9), ("tenth message, no answer yet",)),
        (Facts(unanswered=11), ("12th message, no answer yet",)),
        (Facts(unanswered=20), ("more than 20 messages, no answer yet",)),
        (Facts(answered_back=True), ("answered back to our reply",)),
        (Facts(followers=48_000), ("48,000 followers",)),
        (Facts(followers=999), ()),
        (Facts(reposts=310), ("spreading: 310 reposts",)),
        (
            Facts(
                reposts=220, expected=1_053, forecast="220 reposts in 40 min, heading for about 1,100 (630 to 2,800)"
            ),
            ("taking off: 220 reposts in 40 min, heading for about 1,100 (630 to 2,800)",),
        ),
        (Facts(reposts=12, expected=16, forecast="12 reposts in 10 min"), ("spreading: 12 reposts",)),
        (Facts(likes=1_200), ("spreading: 1,200 likes",)),
        (Facts(replies=40), ("spreading: 40 replies",)),
        (Facts(anger=0.81), ("angry (81%)",)),
        (Facts(negative=0.7), ("negative (70%)",)),
        (Facts(waiting=59), ()),
        (Facts(waiting=60), ("waiting for an hour",)),
        (Facts(waiting=5 * 60), ("waiting for 5 hours",)),
        (Facts(waiting=3 * 24 * 60), ("waiting for 3 days",)),
        (Facts(others=1), ("one more in the thread",)),
        (Facts(others=12), ("12 more in the thread",)),
    ],
)
def test_reasons_are_words_that_a_person_would_use(facts: Facts, reasons: tuple[str, ...]) -> None:
    assert priority(facts).reasons == reasons


def test_what_weighs_most_is_named_first() -> None:
    found = priority(replace(PLAIN, unanswered=2, followers=48_000, reposts=310))
    assert found.reasons == (
        "complaint (94%)",
        "third message, no answer yet",
        "spreading: 310 reposts",
        "48,000 followers",
    )


def test_facts_that_were_taken_back_count_as_nothing() -> None:
    assert Facts.restored({}) == Facts()
