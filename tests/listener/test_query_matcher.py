"""Matching: fields, NEAR, many queries at once; and a slow, obvious evaluator that the quick ones must agree with.

The reference never looks at a text: posts and queries are made as structures, whose words are known beforehand, and
are written out as text only for the code under test.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.types import Author, Mention
from listener.query import Matcher, Post, QuerySyntaxError, matches, parse, post_of, terms
from listener.query.words import unmarked, words


@dataclass(frozen=True)
class Word:
    """A word as a post writes it, what it is when folded, and the mark before it. A run is one Word a character."""

    written: str
    folded: str
    mark: str = ""
    goes_on: bool = False  # part of the same run as the word before


def variants(*spellings: tuple[str, str]) -> list[list[Word]]:
    return [[Word(written, folded)] for written, folded in spellings]


def run(characters: str) -> list[Word]:
    return [Word(character, character, goes_on=place > 0) for place, character in enumerate(characters)]


PIECES = [
    *variants(("acme", "acme"), ("ACMÉ", "acme"), ("ac\u200bme", "acme"), ("acmeville", "acmeville"), ("ship", "ship")),
    *variants(
        ("Ship", "ship"), ("shipping", "shipping"), ("leadership", "leadership"), ("late", "late"), ("ﬁx", "fix")
    ),
    *variants(("Straße", "strasse"), ("😡", "😡"), ("👍🏽", "👍"), ("no", "no"), ("NOT", "not")),
    [Word("#Acme", "acme", "#")],
    [Word("@ship", "ship", "@")],
    [Word("#late", "late", "#")],
    run("東京"),
    run("東京都"),
    run("京東"),
    [Word("https://a.shop.de/acme", "")],
    [Word("www.acme.com", "")],
]
GAPS = [" ", "  ", ", ", "\n", " - ", "! ", " “", ".\t"]


@dataclass(frozen=True)
class Made:
    """A post of known words."""

    pieces: list[list[Word]]
    gaps: list[str]
    author: str
    lang: str | None
    source: str
    followers: int | None
    kind: str

    @property
    def words(self) -> list[Word]:
        return [word for piece in self.pieces for word in piece if word.folded]

    def post(self) -> Post:
        text = ""
        for piece, gap in zip(self.pieces, self.gaps, strict=True):
            text += gap + "".join(word.written for word in piece)
        return Post(text, self.author, self.lang, None, "files", self.source, (), self.followers, self.kind)

    def hosts(self) -> set[str]:
        written = {word.written for piece in self.pieces for word in piece}
        links = {"https://a.shop.de/acme": {"a.shop.de", "shop.de"}, "www.acme.com": {"www.acme.com", "acme.com"}}
        return set().union(*(found for link, found in links.items() if link in written))


posts = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(GAPS)), max_size=9).flatmap(
    lambda both: st.builds(
        Made,
        pieces=st.just([piece for piece, _ in both]),
        gaps=st.just([gap for _, gap in both]),
        author=st.sampled_from(["Joe", "@acme", ""]),
        lang=st.sampled_from(["de", "de-AT", "en", None]),
        source=st.sampled_from(["forum", "Wall"]),
        followers=st.sampled_from([None, 0, 999, 1_000, 1_001, 50_000]),
        kind=st.sampled_from(["post", "reply", "review"]),
    )
)

Holds = Callable[[Made], bool]
Places = Callable[[list[Word]], list[tuple[int, int]]]


@dataclass(frozen=True)
class Asked:
    """A query as text, and how the reference decides it. `places` only for what may stand beside NEAR."""

    text: str
    holds: Holds
    places: Places | None = None


def term(text: str, parts: list[str], *, mark: str = "", prefix: bool = False, is_run: bool = False) -> Asked:
    """A term: where do words stand that are these parts, one after the other."""

    def places(found: list[Word]) -> list[tuple[int, int]]:
        return [
            (start, start + len(parts) - 1)
            for start in range(len(found) - len(parts) + 1)
            if fits(found[start : start + len(parts)])
        ]

    def fits(stretch: list[Word]) -> bool:
        *first, last = [word.folded for word in stretch]
        if is_run and not all(word.goes_on for word in stretch[1:]):
            return False
        if not is_run and any(word.goes_on for word in stretch):
            return False
        ends = last.startswith(parts[-1]) if prefix else last == parts[-1]
        return first == parts[:-1] and ends and (not mark or stretch[0].mark == mark)

    return Asked(text, lambda made: bool(places(made.words)), places)


TERMS = [
    *(term(word, [word]) for word in ("acme", "ship", "shipping", "late", "fix", "no", "nowhere", "😡", "👍")),
    *(term(text, [folded]) for text, folded in (("Acmé", "acme"), ("STRASSE", "strasse"), ("strasse", "strasse"))),
    *(term(f"{word}*", [word], prefix=True) for word in ("ship", "ac", "lat")),
    *(term(f"#{word}", [word], mark="#") for word in ("acme", "ACME".lower(), "late")),
    term("@Ship", ["ship"], mark="@"),
    term('"acme ship"', ["acme", "ship"]),
    term('"no, late ship*"', ["no", "late", "ship"], prefix=True),
    term('"late acme"', ["late", "acme"]),
    term("“😡 😡”", ["😡", "😡"]),
    term("東京", ["東", "京"], is_run=True),
    term("京", ["京"], is_run=True),
    term("京都", ["京", "都"], is_run=True),
]
FIELDS = [
    Asked("from:JOE", lambda made: made.author == "Joe"),
    Asked("from:@acme", lambda made: made.author == "@acme"),
    Asked("lang:de", lambda made: made.lang in ("de", "de-AT")),
    Asked("lang:de-at", lambda made: made.lang == "de-AT"),
    Asked("source:files", lambda _: True),
    Asked("source:wall", lambda made: made.source == "Wall"),
    Asked("site:shop.de", lambda made: "shop.de" in made.hosts()),
    Asked("site:acme.com", lambda made: "acme.com" in made.hosts()),
    Asked("site:op.de", lambda _: False),
    Asked("is:reply", lambda made: made.kind == "reply"),
    Asked("IS:Review", lambda made: made.kind == "review"),
    Asked("has:link", lambda made: bool(made.hosts())),
    Asked("has:emoji", lambda made: any(word.folded in "😡👍" for word in made.words)),
    Asked("followers:>1000", lambda made: made.followers is not None and made.followers > 1_000),
    Asked("followers:<=1k", lambda made: made.followers is not None and made.followers <= 1_000),
    Asked("followers:999..1000", lambda made: made.followers in (999, 1_000)),
    Asked("followers:=0", lambda made: made.followers == 0),
]
LISTS = {"some": ["ship", "LATE", "#acme", "東京"]}


def listed() -> Asked:
    """The list LISTS["some"], as the reference decides it."""
    parts = [
        term("", ["ship"]),
        term("", ["late"]),
        term("", ["acme"], mark="#"),
        term("", ["東", "京"], is_run=True),
    ]
    found = any_of(parts)
    return Asked("list:some", found.holds, found.places)


def any_of(parts: list[Asked]) -> Asked:
    beside = [part.places for part in parts if part.places]
    return Asked(
        f"({' OR '.join(part.text for part in parts)})",
        lambda made: any(part.holds(made) for part in parts),
        (lambda found: [place for places in beside for place in places(found)]) if len(beside) == len(parts) else None,
    )


def all_of(parts: list[Asked], joint: str) -> Asked:
    return Asked(f"({joint.join(part.text for part in parts)})", lambda made: all(part.holds(made) for part in parts))


def none_of(part: Asked, sign: str) -> Asked:
    return Asked(f"{sign}({part.text})", lambda made: not part.holds(made))


def near(left: Asked, right: Asked, distance: int) -> Asked:
    def holds(made: Made) -> bool:
        assert left.places
        assert right.places
        pairs = [(one, other) for one in left.places(made.words) for other in right.places(made.words)]
        return any(1 <= b[0] - a[1] <= distance or 1 <= a[0] - b[1] <= distance for a, b in pairs)

    return Asked(f"({left.text} NEAR/{distance} {right.text})", holds)


leaves = st.sampled_from([*TERMS, listed()])
sides = leaves | st.lists(leaves, min_size=2, max_size=3).map(any_of)
nears = st.builds(near, sides, sides, st.integers(1, 4))
queries = st.recursive(
    leaves | st.sampled_from(FIELDS) | nears,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=4).map(any_of)
        | st.builds(all_of, st.lists(inner, min_size=2, max_size=4), st.sampled_from([" AND ", " "]))
        | st.builds(none_of, inner, st.sampled_from(["-", "NOT "]))
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(st.lists(queries, min_size=1, max_size=12), st.lists(posts, min_size=1, max_size=4))
def test_matcher_and_matches_agree_with_the_reference(asked: list[Asked], made: list[Made]) -> None:
    parsed = {}
    for number, query in enumerate(asked):
        try:
            parsed[number] = parse(query.text, LISTS)
        except QuerySyntaxError as error:
            assert "would match nearly every post" in error.message  # noqa: PT017 (the rest of the list goes on)
    assume(parsed)
    matcher = Matcher(parsed)
    for one in made:
        expected = [number for number in parsed if asked[number].holds(one)]
        assert [number for number, query in parsed.items() if matches(query, one.post())] == expected
        assert matcher.match(one.post()) == expected
        form = unmarked(words(one.post().text))
        for number in expected:
            searched = terms(parsed[number])
            assert not searched or any(unmarked(words(text)).strip() in form for text in searched)


def test_keys_come_in_the_order_given() -> None:
    keys: dict[Hashable, Any] = {
        ("b", 2): parse("acme"),
        "a": parse("from:joe"),
        7: parse("late"),
        None: parse("acme*"),
    }
    assert Matcher(keys).match(Post("late acme", author="Joe")) == [("b", 2), "a", 7, None]


def test_no_queries_match_nothing() -> None:
    assert Matcher({}).match(Post("acme")) == []


@pytest.mark.parametrize(
    ("query", "post", "expected"),
    [
        ("from:acme.bsky.social", Post("x", author="Acme.bsky.social"), True),
        ("from:acme", Post("x", author="acme.bsky.social"), False),
        ("from:acme", Post("acme"), False),
        ("lang:pt", Post("x", lang="pt_BR"), True),
        ("lang:pt-br", Post("x", lang="pt"), False),
        ("lang:d", Post("x", lang="de"), False),
        ("-lang:de acme", Post("acme"), True),
        ("source:bluesky", Post("x", platform="Bluesky"), True),
        ('source:"my feed"', Post("x", platform="feed", source="My Feed"), True),
        ("source:feed", Post("x", platform="files", source="My Feed"), False),
        ("site:example.com", Post("x", url="https://example.com/1"), True),
        ("site:example.com", Post("x", url="https://news.example.com/1"), True),
        ("site:example.com", Post("x", url="https://notexample.com/1"), False),
        ("site:example.com", Post("x", url="https://example.com.evil.org/1"), False),
        ("site:example.com", Post("see https://t.co/1", links=("https://www.example.com/a",)), True),
        ("site:example.com", Post("see Example.com!"), True),
        ("site:example.com", Post("write to me@example.com"), False),
        ("site:müller.de", Post("auf https://www.MÜLLER.de/x"), True),
        ("site:straße.de", Post("auf straße.de"), True),
        ("is:comment", Post("x", kind="comment"), True),
        ("acme -is:reply", Post("acme"), True),
        ("acme has:link", Post("acme", links=("https://a.de",)), True),
        ("acme has:link", Post("acme", url="https://forum.example/1"), False),
        ("acme has:link", Post("acme booking.com"), False),
        ("acme has:emoji", Post("acme 🇩🇪"), True),
        ("acme has:emoji", Post("acme™ ©"), False),
        ("acme -followers:>10", Post("acme"), True),
        ("acme followers:<10", Post("acme"), False),
        ("late NEAR/3 acme", Post("late one two acme"), True),
        ("late NEAR/3 acme", Post("late one two three acme"), False),
        ("late NEAR/3 acme", Post("acme isn't so late"), True),
        ("acme NEAR/3 acme", Post("acme"), False),
        ("acme NEAR/3 acme*", Post("acmeville by acme"), True),
        ('"acme inc" NEAR/2 inc', Post("acme inc"), False),
        ('"acme inc" NEAR/1 late', Post("late acme inc"), True),
        ("@acme NEAR/2 late", Post("acme is late, @acme"), True),
        ("@acme NEAR/2 late", Post("late so so @acme"), False),
        ("배송 NEAR/1 지연", Post("배송지연 너무"), True),
        ("배송 NEAR/1 지연", Post("배송이 너무 지연"), False),
    ],
)
def test_field_or_near(query: str, post: Post, expected: bool) -> None:
    assert matches(parse(query), post) is expected
    assert Matcher({"it": parse(query)}).match(post) == (["it"] if expected else [])


def test_a_mention_is_matched_by_what_its_platform_says() -> None:
    mention = Mention(
        platform="mastodon",
        native_id="1",
        author=Author("9", "Joe", followers=12),
        text="Acme!",
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
        url="https://mastodon.example/@Joe/1",
        lang="de",
        kind="quote",
        extra={"links": ["https://acme.com/help", 5]},
    )
    query = parse(
        "acme from:joe lang:de site:mastodon.example site:acme.com source:mastodon source:wall followers:12 is:quote"
    )
    assert matches(query, post_of(mention, "Wall"))
    assert not matches(query, post_of(mention))
