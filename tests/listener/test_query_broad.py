"""A query that would match nearly everything is found out before it is saved."""

import pytest

from listener.query import parse, too_broad

LISTS = {"fillers": ["the", "and"], "products": ["the", "hawkweed"]}


@pytest.mark.parametrize(
    ("query", "enough"),
    [
        ("the", "the word “the”"),
        ("THE OR acme", "the word “THE”"),
        ('"of the" -jobs', "the phrase “of the”"),
        ("lang:en", "the language “en”"),
        ("is:reply -acme", "the kind “reply”"),
        ("has:link OR acme", "a link in them"),
        ("und die", "the word “und”"),
        ("not followers:>1000", "the word “not”"),
        ("NOT (NOT the AND NOT acme)", "the word “the”"),
        ("list:fillers", "the word “and” or the word “the”"),
        ("list:products", "the word “the”"),
        ("a b", "the word “a”"),
    ],
)
def test_what_nearly_every_post_has_is_named(query: str, enough: str) -> None:
    assert enough in too_broad(parse(query, LISTS))


@pytest.mark.parametrize(
    "query",
    [
        "acme",
        "the acme",
        "lang:en acme",
        "(the OR and) acme",
        "the NEAR/3 acme",
        "#the",
        "@you",
        "th*",
        "from:acme",
        "source:forum",
        "site:acme.com OR 東",
        "😡",
    ],
)
def test_a_query_with_something_rare_is_not_called_broad(query: str) -> None:
    assert too_broad(parse(query)) == ""
