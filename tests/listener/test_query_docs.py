"""docs/queries.md says what each example query finds and does not find; here it is held to that."""

import re
from pathlib import Path

import pytest

from listener.query import Post, QuerySyntaxError, explain, matches, parse
from listener.query.tree import NAMES

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text(encoding="utf-8")
ROW = re.compile(r"\| `(?P<query>[^`]+)` \| (?P<finds>“[^|]+) \| (?P<not>“[^|]+) \|")
QUOTED = re.compile(r"“([^”]*)”")
ROWS = [(row["query"], QUOTED.findall(row["finds"]), QUOTED.findall(row["not"])) for row in ROW.finditer(PAGE)]
BLOCKS = re.findall(r"```query\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_examples() -> None:
    assert len(ROWS) > 20
    assert sum(block.count("\n") for block in BLOCKS) >= 5


@pytest.mark.parametrize(("query", "finds", "leaves"), ROWS, ids=[row[0] for row in ROWS])
def test_example_finds_what_the_page_says(query: str, finds: list[str], leaves: list[str]) -> None:
    parsed = parse(query)
    assert [text for text in finds if not matches(parsed, Post(text))] == []
    assert [text for text in leaves if matches(parsed, Post(text))] == []


@pytest.mark.parametrize("query", [line for block in BLOCKS for line in block.splitlines()])
def test_example_can_be_read(query: str) -> None:
    assert explain(parse(query)).startswith("Finds posts with")


_FIELD = r"`((?:from|lang|site|source|is|has):[^`\n]+|[^`\n]* (?:lang|site|is|has|followers):[^`\n]*)`"


@pytest.mark.parametrize("query", re.findall(_FIELD, PAGE))
def test_field_example_can_be_read(query: str) -> None:
    parse(query.removeprefix("OR "))


LISTS = {"products": ["lamp", "desk*"], "trouble": ["late", "too slow"], "jobs": ["hiring"]}


@pytest.mark.parametrize("query", re.findall(r"```lists\n(.*?)```", PAGE, re.DOTALL)[0].splitlines())
def test_example_with_lists_can_be_read(query: str) -> None:
    assert explain(parse(query, LISTS)).startswith("Finds posts with")


@pytest.mark.parametrize("bound", sorted(set(re.findall(r"`(followers:[^` ]+)`", PAGE))))
def test_bound_of_followers_can_be_read(bound: str) -> None:
    assert "followers" in explain(parse(f"acme {bound}"))


def test_the_page_names_every_field() -> None:
    assert [name for name in NAMES if f"`{name}:" not in PAGE] == []


def test_the_error_shown_is_the_error_given() -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse("acme NEAR late")
    query, caret = caught.value.caret().splitlines()
    assert f"{query}\n{caret} NEAR needs a number of words from 1 to 100\n" in PAGE
    assert caught.value.message.startswith("NEAR needs a number of words from 1 to 100")
