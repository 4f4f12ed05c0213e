"""The guard: what cannot be sent is stopped, what should be looked at twice is said, all else passes."""

from __future__ import annotations

import time

import pytest

from responder import guard

CARD, IBAN = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"


def blocks(text: str, platform: str = "bluesky", longest: int | None = None) -> list[str]:
    return [found.kind for found in guard.check(text, platform=platform, longest=longest) if found.blocks]


def warns(text: str, asked: str = "", platform: str = "bluesky") -> list[tuple[str, str]]:
    return [(found.kind, found.phrase) for found in guard.check(text, platform=platform, asked=asked)]


def test_a_plain_reply_passes() -> None:
    assert guard.check("Sorry about that, Ann. Could you message us?\n\nJonah 🙂", platform="bluesky") == ()


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_reply_cannot_be_sent(text: str) -> None:
    assert blocks(text) == ["empty"]


def test_every_placeholder_that_is_left_stops_the_reply_and_is_named() -> None:
    found = guard.check("Hello {name}, see { Link } or {name}", platform="x")
    assert [one.message for one in found if one.blocks] == ["{name} has to be filled in", "{link} has to be filled in"]


def test_braces_that_are_no_placeholder_pass() -> None:
    assert blocks("Use {} or {1, 2} in the form") == []


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\x00", "\x1b", "\U000e0041"])
def test_characters_that_could_make_it_read_differently_stop_it(sign: str) -> None:
    assert blocks(f"we will{sign} refund") == ["direction"]


@pytest.mark.parametrize(
    "text", ["שלום\u200f!", "خانه\u200cها", "👩\u200d👩\u200d👧", "🏴\U000e0067\U000e0062\U000e007f"[:1]]
)
def test_signs_that_languages_need_pass(text: str) -> None:
    assert blocks(text) == []


@pytest.mark.parametrize(
    ("text", "platform", "length"),
    [
        ("abc", "bluesky", 3),
        ("e\u0301a\u0308", "bluesky", 2),  # accents that are characters of their own
        ("👨‍👩‍👧‍👦🇩🇪", "bluesky", 2),  # a family and a flag
        ("a\r\nb", "bluesky", 3),
        ("see https://example.com/a/very/long/path?with=a&query=string", "bluesky", 60),
        ("see https://example.com/a/very/long/path?with=a&query=string", "mastodon", 4 + 23),
        ("see https://example.com/a/very/long/path?with=a&query=string", "x", 4 + 23),
        ("👨‍👩‍👧‍👦🇩🇪", "x", 4),
        ("日本語", "x", 6),
        ("“ça va” – oui…", "x", 15),
        ("日本語", "bluesky", 3),
    ],
)
def test_length_is_what_the_platform_counts(text: str, platform: str, length: int) -> None:
    assert guard.count(text, platform) == length


@pytest.mark.parametrize(
    ("platform", "longest", "most"),
    [("bluesky", None, 300), ("mastodon", None, 500), ("x", None, 280), ("x", 4000, 4000), ("feed", None, None)],
)
def test_the_limit_is_the_repliers_own_or_the_platforms(platform: str, longest: int | None, most: int | None) -> None:
    assert guard.limit(platform, longest) == most


def test_too_long_by_one_is_too_long() -> None:
    assert blocks("é" * 300) == []
    found = guard.check("é" * 301, platform="bluesky")
    assert found[0].message == "one character too long: bluesky takes 300"


def test_what_repeats_the_customers_own_data_is_warned_of_however_it_is_spaced() -> None:
    asked = "order no. HW-204411, call 030 1234567 or write to ann@example.com"
    assert warns("We wrote to Ann@Example.com and rang +49 301234 today", asked) == [("personal", "Ann@Example.com")]
    assert warns("is it order no. HW204411?", asked) == [("personal", "HW204411")]
    assert warns("we rang 030-123 45 67", asked) == [("personal", "030-123 45 67")]


def test_our_own_address_is_no_business_of_the_guard() -> None:
    assert warns("write to care@hawkweed.example", "where do I write to?") == []


@pytest.mark.parametrize("number", [CARD, IBAN])
def test_a_card_or_bank_number_is_warned_of_wherever_it_comes_from(number: str) -> None:
    assert warns(f"your {number} was charged") == [("personal", number)]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("We will refund you today", "refund"),
        ("here is a voucher", "voucher"),
        ("we take $20 off", "$20"),
        ("20 EUR sind unterwegs", "20 EUR"),
        ("Wir erstatten alles", "erstatten"),
        ("un bon d'achat", "bon d'achat"),
        ("le reembolsamos hoy", "reembolsamos"),
    ],
)
def test_money_offered_in_public_is_warned_of(text: str, phrase: str) -> None:
    assert warns(text) == [("money", phrase)]


def test_links_are_warned_of_and_on_x_with_what_they_cost() -> None:
    assert warns("see https://example.com/help") == [("link", "https://example.com/help")]
    assert "charges" in guard.check("see www.example.com", platform="x")[0].message


def test_what_blocks_is_said_first() -> None:
    found = guard.check("refund {name}", platform="x")
    assert [one.blocks for one in found] == [True, False]


@pytest.mark.parametrize("piece", ["{a", "$1", "a@", "https://", "🏳️‍🌈", "1 ", "e\u0301", "\u202e"])
def test_a_very_long_text_costs_no_more_than_its_length(piece: str) -> None:
    started = time.perf_counter()
    guard.check(piece * 20_000, platform="x", asked=piece * 20_000)
    assert time.perf_counter() - started < 10
