"""Our queries in X's words: never less than was wanted, never longer than X takes; what X cannot say is told."""

from __future__ import annotations

import random

import pytest

from core import tables
from core.runtime import Runtime
from listener.budget import Level
from listener.matching import BrandMatcher
from listener.query import Post, QuerySyntaxError, matches, parse
from listener.source import Wanted
from listener.sources.x.rules import MOST_RULES, RULE_LENGTH, SEARCH_LENGTH, searches, stream_rules
from listener.wish import wish
from tests.listener import made
from tests.listener.emulators.x_syntax import compiled, seen


def rules(*queries: str, reposts: bool = True) -> list[str]:
    asked = stream_rules([Wanted("acme", text) for text in queries], reposts=reposts)
    assert not asked.unheard
    return list(asked.texts)


def searched(*queries: str, own: tuple[str, ...] = ()) -> list[str]:
    return list(searches([Wanted("acme", text) for text in queries], own).texts)


def test_a_word_of_ours_also_finds_itself_as_hashtag_mention_and_cashtag_and_x_is_asked_for_all() -> None:
    assert rules("acme") == ["acme OR #acme OR @acme OR $acme"]


def test_a_tag_a_mention_an_author_a_site_and_a_language_have_words_of_their_own() -> None:
    assert rules("#AcmeFail OR @acme") == ["#AcmeFail OR @acme"]
    assert rules("from:acme lang:de") == ["from:acme lang:de"]
    assert rules("site:acme.com is:reply has:link") == ['url:"acme.com" is:reply has:links']
    assert rules("@acme lang:he") == ["@acme lang:iw"]
    assert rules("@acme lang:zh") == ["@acme"]


def test_what_x_does_not_know_is_left_out_and_the_rest_still_asked_for() -> None:
    assert rules("@acme ship*") == rules("@acme followers:>1000") == rules("@acme -jobs") == ["@acme"]
    assert rules('"not working" NEAR/3 #app') == ['"not working" #app']
    assert rules("@acme (ship* OR #late)") == ["@acme"]


def test_only_searches_leave_authors_out_since_the_stream_also_looks_at_who_is_quoted() -> None:
    assert rules("@acme -from:bob", reposts=False) == ["@acme -is:retweet"]
    assert searched("@acme -from:bob") == ["(@acme -from:bob) -is:retweet"]
    assert searched("@acme", own=("acme",)) == ["@acme -is:retweet -from:acme"]
    assert searched("@acme (lang:de OR -from:bob)") == ["@acme -is:retweet"]


def test_a_query_for_another_platform_costs_nothing_on_x() -> None:
    assert rules("acme source:bluesky") == rules("acme -source:x") == rules("from:ann.bsky.social") == []
    assert rules("@acme source:x") == rules('@acme source:"My X"') == ["@acme"]


def test_accents_are_asked_for_with_and_without_and_punctuation_as_typed_and_in_parts() -> None:
    assert rules("Café") == ['cafe OR "Café" OR #Café']
    assert rules("wi-fi") == ['"wi fi" OR "wi-fi"']
    assert rules("C++") == ['"C++"']


@pytest.mark.parametrize("query", ["ship*", "lang:de", "acme OR ship*", "followers:>10 lang:de"])
def test_what_x_cannot_be_asked_for_at_all_is_said_and_does_not_stop_the_others(query: str) -> None:
    given = [Wanted("acme", query), Wanted("acme", "@acme")]
    for asked in (stream_rules(given, reposts=True), searches(given)):
        assert len(asked.texts) == 1
        (unheard,) = asked.unheard
        assert unheard.wanted.text == query
        assert "whole words" in unheard.reason


def test_a_query_that_cannot_be_read_is_said_and_does_not_stop_the_others() -> None:
    asked = stream_rules([Wanted("acme", "acme ("), Wanted("acme", "@acme")], reposts=True)
    assert asked.texts == ("@acme",)
    assert "never closed" in asked.unheard[0].reason


def test_the_brands_lists_are_asked_for_word_by_word(sqlite_runtime: Runtime) -> None:
    brand_id = made.brand(sqlite_runtime, "acme", "list:ours late")
    with sqlite_runtime.db.write() as db:
        db.add(tables.WordList(brand_id=brand_id, name="ours", words=["#acme", "#akme"]))
        db.flush()
        wanted = wish(db, BrandMatcher.load(db), Level.ALL).queries
    assert stream_rules(wanted, reposts=True).texts == ("(#acme OR #akme) (late OR #late OR @late OR $late)",)


def test_searches_are_joined_since_each_costs_a_request_and_rules_are_not_until_there_are_too_many() -> None:
    queries = [f'"brand {number}"' for number in range(30)]
    assert len(searched(*queries)) == 1
    assert len(searched(*queries, *(f'"other {number}"' for number in range(30)))) == 2
    assert len(rules(*queries)) == 30
    many = [f'"brand {number}"' for number in range(MOST_RULES + 1)]
    assert len(rules(*many)) < 30


def test_where_even_joined_rules_are_too_many_competitors_are_left_out_first_and_that_is_said() -> None:
    long = "brand {} " + "x" * 600
    ours = [Wanted("acme", f'"{long.format(number)}"') for number in range(MOST_RULES)]
    rival = Wanted("rival", f'"rival {"x" * 600}"', competitor=True)
    asked = stream_rules([rival, *ours], reposts=True)
    assert len(asked.texts) == MOST_RULES
    assert "rival" not in asked.texts[-1]
    assert "1 more are left out" in asked.unheard[-1].reason


WORDS = ("acme", "late", "refund", "Café", "parcel", "angry", "wi-fi", "C++", "😡", "don't", "or")
LEAVES = (
    *WORDS,
    '"not working"',
    '"late parcel"',
    "ship*",
    "#acmefail",
    "@acme",
    "$ACME",
    "from:ann",
    "from:bob",
    "lang:de",
    "lang:en",
    "site:acme.com",
    "source:x",
    "source:bluesky",
    "is:reply",
    "is:quote",
    "has:link",
    "late NEAR/3 (parcel OR refund)",
)


def some_query(chance: random.Random, depth: int = 0) -> str:
    kind = chance.random()
    if depth == 3 or kind < 0.35:
        return chance.choice(LEAVES)
    if kind < 0.5:
        return f"-({some_query(chance, depth + 1)})"
    parts = [f"({some_query(chance, depth + 1)})" for _ in range(chance.randint(2, 4))]
    return (" OR " if kind < 0.75 else " ").join(parts)


def some_post(chance: random.Random) -> dict[str, object]:
    pieces = (*WORDS, "café", "CAFÉ", "not working", "late parcel", "shipping", "#AcmeFail", "@acme", "#acme", "$acme")
    text = " ".join(chance.choice(pieces) for _ in range(chance.randint(1, 9)))
    links = [{"expanded_url": "https://www.acme.com/help"}] if chance.random() < 0.3 else []
    kind = chance.choice(["post", "reply", "quote"])
    types = {"reply": "replied_to", "quote": "quoted"}
    return {
        "text": text + " https://t.co/1" * bool(links),
        "username": chance.choice(["ann", "bob", "acme"]),
        "lang": chance.choice(["en", "de"]),
        "entities": {"urls": links},
        "referenced_tweets": [{"type": types[kind], "id": "1"}] if kind in types else [],
        "kind": kind,
        "links": tuple(str(link["expanded_url"]) for link in links),
    }


def test_whatever_matches_here_satisfies_the_rule_and_the_search_and_both_are_valid() -> None:
    """10,000 pairs, made from a seed. A stricter X than the real one: see the emulator's syntax."""
    chance, met = random.Random(7), 0
    for _ in range(500):
        text = some_query(chance)
        try:
            query = parse(text)
        except QuerySyntaxError:  # it only said what to leave out
            continue
        wanted = [Wanted("acme", text)]
        stream, search = stream_rules(wanted, reposts=False), searches(wanted)
        tests = {
            True: [compiled(one, stream=True) for one in stream.texts],
            False: [compiled(one, stream=False) for one in search.texts],
        }
        for _ in range(20):
            post = some_post(chance)
            ours = Post(
                str(post["text"]),
                str(post["username"]),
                str(post["lang"]),
                "https://x.com/ann/status/1",
                "x",
                links=post["links"],  # type: ignore[arg-type]
                kind=str(post["kind"]),
            )
            if not matches(query, ours):
                continue
            met += 1
            for on_stream, unheard in ((True, stream.unheard), (False, search.unheard)):
                found = any(test(seen(post, None, stream=on_stream)) for test in tests[on_stream])
                assert found or unheard, (text, post["text"], stream.texts, search.texts)
    assert met > 1_000


def test_in_the_stream_what_a_quoted_post_says_excludes_nothing() -> None:
    (rule,) = rules("@acme -jobs -from:bob", reposts=False)
    quote = {
        "text": "@acme again?",
        "username": "ann",
        "lang": "en",
        "referenced_tweets": [{"type": "quoted", "id": "1"}],
    }
    quoted = {"text": "jobs at acme", "username": "bob", "lang": "en"}
    assert compiled(rule, stream=True)(seen(quote, quoted, stream=True))


@pytest.mark.parametrize(
    "query",
    [
        " OR ".join(f"word{number}" for number in range(180)),
        "acme (" + " OR ".join(f"word{number}" for number in range(180)) + ")",
        "("
        + " OR ".join(f"a{number}" for number in range(150))
        + ") ("
        + " OR ".join(f"b{n}" for n in range(150))
        + ")",
        " ".join(f"word{number}" for number in range(180)),
        '"' + "so very late " * 150 + '"',
        '"' + "y" * 3_000 + '"',
        "😡 OR " * 600 + "😡",
    ],
)
def test_what_is_too_long_is_split_or_loosened_and_still_asks_for_all_of_it(query: str) -> None:
    stream, search = rules(query, reposts=False), searched(query, own=("acme", "acmehelp"))
    for texts, most, on_stream in ((stream, RULE_LENGTH, True), (search, SEARCH_LENGTH, False)):
        assert 1 <= len(texts) <= 21
        for text in texts:
            assert len(text.encode("utf-16-le")) <= most * 2
            compiled(text, stream=on_stream)


def test_a_split_choice_finds_each_of_its_words() -> None:
    query = "acme (" + " OR ".join(f"word{number}" for number in range(150)) + ")"
    tests = [compiled(text, stream=True) for text in rules(query)]
    for number in range(150):
        post = seen({"text": f"acme word{number}", "username": "ann", "lang": "en"}, None, stream=True)
        assert any(test(post) for test in tests)
