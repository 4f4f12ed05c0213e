"""Reading queries: precedence, fields, quotes, and errors that point at the character and say what to do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listener.query import MAX_LENGTH, Post, Query, QuerySyntaxError, explain, matches, parse, terms


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a b", "a AND b"),
        ("a b OR c d", "(a AND b) OR (c AND d)"),
        ("a OR b c", "a OR (b c)"),
        ("a -b c", "a (NOT b) c"),
        ("a NOT b OR c", "(a (NOT b)) OR c"),
        ("x a NEAR/5 b y", "x (a NEAR/5 b) y"),
        ("a NEAR/5 b OR c", "(a NEAR/5 b) OR c"),
        ("a -(b OR c)", "a NOT (b OR c)"),
        ("NOT NOT a", "a"),
        ("(((a)))", "a"),
        ("a (b (c d))", "a b c d"),
        ("a(b)", "a b"),
        ('a"b c"d', 'a "b c" d'),
        ("“b c” „b c“ «b c»", '"b c" "b c" "b c"'),
        ("（a　OR　b）", "(a OR b)"),
        ("\ufeffa\u200b", "a"),
        ("a –b", "a -b"),
        ("FROM:@Acme", "from:acme"),
        ("site:HTTPS://www.Example.com/", "site:example.com"),
        ("site:müller.de", "site:xn--mller-kva.de"),
        ("lang:pt_BR", "lang:pt-br"),
        ('source:"My Feed"', 'source:"my feed"'),
    ],
)
def test_means_the_same(written: str, meant: str) -> None:
    one, other = parse(written), parse(meant)
    assert [explain(one), terms(one)] == [explain(other), terms(other)]
    texts = [f"{x} {y} {z}" for x in "abcd" for y in "abcd" for z in "abcd"] + ["b c d", "a b c d", "x a b y", "x a y"]
    posts = [Post(text, author="acme", lang="pt-BR", url="https://example.com") for text in texts]
    assert [matches(one, post) for post in posts] == [matches(other, post) for post in posts]


@pytest.mark.parametrize("text", ["and", "acme and late", "or", "not", "near"])
def test_operators_in_lower_case_are_words(text: str) -> None:
    assert matches(parse(text), Post(f"yes {text} no"))
    assert not matches(parse(text), Post("late acme"))


ERRORS = [
    ("", 0, "empty"),
    ("   ", 0, "empty"),
    ("(acme", 0, "never closed"),
    ("acme (late OR (slow)", 5, "never closed"),
    ("(", 0, "never closed"),
    ("acme)", 4, "closes nothing"),
    (") acme", 0, "nothing before"),
    ("acme ()", 5, "nothing between"),
    ('acme "late', 5, "never closed"),
    ("«acme", 0, "never closed"),
    ("acme AND", 5, "Nothing follows"),
    ("acme OR ", 5, "Nothing follows"),
    ("acme NOT", 5, "Nothing follows"),
    ("(acme AND) late", 6, "Nothing follows"),
    ("AND acme", 0, "both sides"),
    ("acme AND OR late", 9, "both sides"),
    ("acme -", 5, "minus"),
    ("acme - late", 5, "minus"),
    ("acme --late", 5, "minus"),
    ("acme NEAR late", 5, "NEAR needs a number"),
    ("acme NEAR/ late", 5, "NEAR needs a number"),
    ("acme NEAR/x late", 5, "NEAR needs a number"),
    ("acme NEAR/0 late", 5, "NEAR needs a number"),
    ("acme NEAR/101 late", 5, "NEAR needs a number"),
    ("acme NEAR/5", 5, "Nothing follows"),
    ("NEAR/5 acme", 0, "both sides"),
    ("acme NEAR/5 -late", 12, "Beside NEAR"),
    ("(acme late) NEAR/5 slow", 0, "Beside NEAR"),
    ("acme NEAR/5 from:joe", 12, "Beside NEAR"),
    ("acme NEAR/5 (late OR (a b))", 12, "Beside NEAR"),
    ("acme NEAR/5 late NEAR/5 slow", 17, "two sides only"),
    ("acme foo:bar", 5, 'no field "foo:"'),
    ("acme lnag:de", 5, "Did you mean lang:de?"),
    ("author:joe", 0, "Did you mean from:joe?"),
    ("url:example.com", 0, "Did you mean site:example.com?"),
    ("re:invent", 0, "quote it"),
    ("acme from:", 5, "value directly behind it"),
    ("acme from:@", 5, "value directly behind it"),
    ('acme source:""', 5, "value directly behind it"),
    ("acme from:jo*", 10, "takes no *"),
    ("site:localhost", 5, "site's name"),
    ("acme site:example.com/news", 10, "site's name"),
    ("https://acme.com/x", 0, "site:example.com"),
    ("acme www.acme.com", 5, "site:example.com"),
    ("acme.com/help", 0, "site:example.com"),
    ('"see https://acme.com"', 0, "site:example.com"),
    ("acme *ship", 5, "end of a word"),
    ("acme sh*p", 7, "end of a word"),
    ('"late* ship"', 5, "end of a word"),
    ('"late ship"*', 11, "inside the quotes"),
    ("acme s*", 5, "two letters"),
    ("*", 0, "Nothing in"),
    ("acme followers:many", 15, "takes a number"),
    ("acme followers:>1,000", 15, "takes a number"),
    ("acme followers:", 5, "value directly behind it"),
    ("acme followers:9..2", 15, "smaller number comes first"),
    ("acme followers:<0", 15, "followers:0"),
    ("acme fans:>5", 5, "Did you mean followers:>5?"),
    ("acme is:replies", 8, "Did you mean is:reply?"),
    ("acme is:late", 8, "post, reply, quote, comment, review or email"),
    ("acme has:video", 9, "link or emoji"),
    ("acme type:reply", 5, "Did you mean is:reply?"),
    ("acme list:slow", 10, "Make it first, on the brand's page."),
    ("acme NEAR/5 is:reply", 12, "Beside NEAR"),
    ("acme & late", 5, "Write AND"),
    ("acme || late", 5, "Write OR"),
    ("acme #", 5, "Nothing in"),
    ('acme "..."', 5, "Nothing in"),
    ("-acme", 0, "leave out"),
    ("NOT (acme late)", 0, "leave out"),
    ("-acme -late", 0, "leave out"),
    ("acme OR -late", 8, "leave out"),
    ("(acme (b OR c)) OR (NOT late)", 20, "leave out"),
    ("followers:>1000", 0, "how many followers"),
    ("acme OR followers:>1000", 8, "how many followers"),
]


@pytest.mark.parametrize(("text", "position", "message"), ERRORS, ids=[error[0] or "nothing" for error in ERRORS])
def test_error_points_at_the_character_and_says_what_to_do(text: str, position: int, message: str) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    assert caught.value.position == position
    assert message in str(caught.value)
    line, caret = caught.value.caret().split("\n")
    assert line == text.replace("　", " ")
    assert caret == " " * position + "^"


def test_what_must_be_there_may_stand_anywhere() -> None:
    assert matches(parse("(acme OR -late) slow"), Post("slow"))
    assert matches(parse("NOT (NOT acme OR NOT late)"), Post("late acme"))


def test_a_query_has_a_greatest_length() -> None:
    longest = "acme " * (MAX_LENGTH // 5)
    assert matches(parse(longest), Post("acme"))
    with pytest.raises(QuerySyntaxError, match="4,001") as caught:
        parse(longest + "x")
    assert caught.value.position == MAX_LENGTH


@pytest.mark.parametrize(("opening", "closing", "each"), [("(", ")", 1), ("NOT ", "", 1), ("-(", ")", 2)])
def test_nesting_has_a_limit(opening: str, closing: str, each: int) -> None:
    query = parse("x " + opening * (100 // each) + "a" + closing * (100 // each))
    assert explain(query)
    assert matches(query, Post("x a"))
    with pytest.raises(QuerySyntaxError, match="100 levels"):
        parse("x " + opening * 900 + "a" + closing * 900)


def test_groups_inside_groups_work_as_deep_as_they_go() -> None:
    depth = 100
    text = "".join("a (b OR " if level % 2 else "b OR (" for level in range(depth)) + "c" + ")" * depth
    query = parse(text)
    assert matches(query, Post("b"))
    assert not matches(query, Post("a"))
    assert explain(query).count("\n") > depth // 2
    assert terms(query) == ["a", "b"]
    with pytest.raises(QuerySyntaxError, match="100 levels") as caught:
        parse(f"({text})")
    assert text[caught.value.position - 1] == "("


LISTS = {
    "slow": ["late", "too slow", "delay*", "#Late", " Late "],
    "Acme 2": ["acme"],
    "empty": [],
    "bad": ["ok", "..."],
}


def test_a_list_stands_for_any_of_its_words() -> None:
    query = parse('acme list:slow -list:"acme 2"', LISTS)
    assert terms(parse("list:slow", LISTS)) == ["Late", "delay", "late", "too slow"]
    assert matches(parse("list:SLOW", LISTS), Post("so many delays"))
    assert not matches(parse("list:slow", LISTS), Post("too quick"))
    assert not matches(query, Post("acme is late"))
    assert matches(parse("acme NEAR/2 (list:slow OR gone)", LISTS), Post("acme: too slow"))
    assert not matches(parse("acme NEAR/2 list:slow", LISTS), Post("acme is not the one that was late"))


def test_a_list_is_explained_by_its_name_and_words() -> None:
    assert explain(parse("list:slow", LISTS)) == (
        "Finds posts with one of the words in the list “slow” (“late”, “too slow”, “delay*”, #Late)."
    )
    many = {"many": [f"word{number}" for number in range(30)]}
    assert explain(parse("list:many", many)).endswith("“word19” and 10 more).")


@pytest.mark.parametrize(
    ("query", "position", "message"),
    [
        ("acme list:none", 10, "There are: Acme 2, bad, empty, slow."),
        ("acme list:empty", 10, "is empty"),
        ("acme list:bad", 5, "“...” in the list “bad”"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(query: str, position: int, message: str) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse(query, LISTS)
    assert caught.value.position == position
    assert message in str(caught.value)


def test_caret_of_a_long_query_shows_the_part_around_it() -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse("acme OR " * 100 + "sh*p" + " OR acme" * 100)
    line, caret = caught.value.caret(width=40).split("\n")
    assert len(line) == 40
    assert line[caret.index("^")] == "*"


def test_caret_stands_below_wide_and_combined_characters() -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse("東京 e\u0301 )")
    assert caught.value.caret() == "東京 e\u0301 )\n" + " " * 7 + "^"


PIECES = [
    *"ab *-()\"'#@:&|/“«東😡\u200d",
    "AND ",
    "OR ",
    "NOT ",
    "NEAR/2 ",
    "site:x.de",
    "followers:",
    "<=",
    "5..",
    "is:",
]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_read_or_refused_with_a_position(text: str) -> None:
    query, error = read(text)
    if query is not None:
        assert explain(query)
        assert matches(query, Post(text)) in (True, False)
    if error is not None:
        assert 0 <= error.position <= len(text)
        assert len(error.caret().split("\n")) == 2
        assert str(error).endswith((".", "?"))


def read(text: str) -> tuple[Query | None, QuerySyntaxError | None]:
    try:
        return parse(text), None
    except QuerySyntaxError as error:
        return None, error


@pytest.mark.parametrize(
    ("query", "searched"),
    [
        ("acme", ["acme"]),
        ("acme (late OR slow)", ["acme"]),
        ("(acme OR akmé) late -job", ["late"]),
        ("acme OR akmé OR @AcmeHelp", ["AcmeHelp", "acme", "akmé"]),
        ('"acme inc" source:hackernews', ["acme inc"]),
        ("(acme OR akme) NEAR/5 outage", ["outage"]),
        ("ship*", ["ship"]),
        ("from:pg", []),
        ("acme OR from:pg", []),
        ("source:bluesky lang:de", []),
        ("NOT (NOT acme OR late)", ["acme"]),
    ],
)
def test_terms_to_ask_a_search_for(query: str, searched: list[str]) -> None:
    assert terms(parse(query)) == searched


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("acme", "Finds posts with the word “acme”."),
        ("#AcmeFail", "Finds posts with the hashtag #AcmeFail."),
        ("東京", "Finds posts with the text “東京”."),
        ("ship*", "Finds posts with the word “ship*” (or longer)."),
        ("acme OR akme OR @acme", "Finds posts with one of “acme”, “akme”, @acme."),
        (
            'acme (late OR "not here") -job -from:acme',
            "Finds posts with all of these:\n- the word “acme”\n- one of “late”, “not here”\n"
            "Leaves out posts with any of these:\n- the word “job”\n- the author @acme",
        ),
        (
            "acme NEAR/1 (late OR slow) OR (site:acme.com NOT (a b))",
            "Finds posts with at least one of these:\n"
            "- the word “acme” within 1 word of one of “late”, “slow”, in either order\n"
            "- all of these:\n"
            "  - the site acme.com: posted there or with a link to it\n"
            "  - not all of these:\n"
            "    - the word “a”\n"
            "    - the word “b”",
        ),
        (
            "acme followers:>=1k",
            "Finds posts with all of these:\n- the word “acme”\n- an author with at least 1,000 followers",
        ),
        ("acme followers:5", "Finds posts with all of these:\n- the word “acme”\n- an author with exactly 5 followers"),
        (
            "acme followers:>1000 -followers:1m..2m",
            "Finds posts with all of these:\n- the word “acme”\n- an author with more than 1,000 followers\n"
            "Leaves out posts with an author with 1,000,000 to 2,000,000 followers.",
        ),
        (
            "acme followers:<1000 (followers:<=9 OR is:reply) has:link",
            "Finds posts with all of these:\n- the word “acme”\n- an author with fewer than 1,000 followers\n"
            "- at least one of these:\n  - an author with at most 9 followers\n  - the kind “reply”\n- a link in them",
        ),
        (
            "acme and lang:de",
            "Finds posts with all of these:\n- the word “acme”\n- the word “and”\n"
            "- the language “de”, as the platform or the author states it\n"
            "Note: “and” is searched as a word here. As an operator it is written AND.",
        ),
    ],
)
def test_explained_in_plain_words(query: str, words: str) -> None:
    assert explain(parse(query)) == words
