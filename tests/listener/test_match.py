"""`ripplewatch match`: JSON Lines in and out, in order, bad lines named and passed over."""

import json
from collections.abc import Iterator

import pytest

from core.errors import BadInput
from listener.match import LONGEST, match_lines

QUERIES = [b'{"id":"fails","query":"acme (late OR broken)"}\n', b'{"id":7,"query":"from:joe lang:de"}\n']


def run(queries: list[bytes], mentions: list[bytes]) -> tuple[list[dict[str, object]], list[tuple[str, int, str]]]:
    told: list[tuple[str, int, str]] = []
    answers = list(match_lines(queries, mentions, lambda *bad: told.append(bad), names=("q.jsonl", "m.jsonl")))
    return answers, told


def test_one_answer_for_every_mention_in_order() -> None:
    mentions = [
        b'\xef\xbb\xbf{"id":"1","text":"ACME is late","author":"@Joe","lang":"de-AT"}\r\n',
        b"\n",
        b'{"id":2,"text":"nothing","author":null,"more":[1]}',
        '{"id":"ü","text":"broken: Acmé 😡","likes":3}'.encode(),
        b'{"id":"4","text":"acme \\ud800late"}',
    ]
    answers, told = run(QUERIES, mentions)
    assert answers == [
        {"id": "1", "queries": ["fails", 7]},
        {"id": 2, "queries": []},
        {"id": "ü", "queries": ["fails"]},
        {"id": "4", "queries": ["fails"]},
    ]
    assert told == []


def test_every_field_of_a_mention_can_be_matched() -> None:
    asked = "acme site:acme.com site:forum.example source:wall source:files followers:>1000 is:comment list:slow"
    query = {"id": "all", "query": asked, "lists": {"slow": ["too slow", "late"]}}
    mention = {
        "id": "1",
        "text": "acme is late",
        "url": "https://forum.example/1",
        "platform": "files",
        "source": "Wall",
        "links": ["https://acme.com"],
        "followers": 1001,
        "kind": "comment",
    }
    assert run([json.dumps(query).encode()], [json.dumps(mention).encode()])[0] == [{"id": "1", "queries": ["all"]}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"acme", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'["acme"]', "not an object"),
        (b'{"id":"1"}', "no query"),
        (b'{"query":"acme"}', "no id"),
        (b'{"id":true,"query":"acme"}', "id is neither"),
        (b'{"id":"1","query":5}', "query is not text"),
        (b'{"id":"1","query":"acme (late"}', "query '1', character 6: This \"(\" is never closed"),
        (b'{"id":"fails","query":"acme"}', "earlier query"),
        (b'{"id":"1","query":"\xff"}', "not UTF-8 at byte 20"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_query_is_named_and_the_others_still_match(line: bytes, reason: str) -> None:
    answers, told = run([*QUERIES, line], [b'{"id":"1","text":"acme is late"}'])
    assert answers == [{"id": "1", "queries": ["fails"]}]
    assert [bad[:2] for bad in told] == [("q.jsonl", 3)]
    assert reason in told[0][2]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id":"2","author":"joe"}', "no text"),
        (b'{"id":"2","text":null}', "text is not text"),
        (b'{"id":1.5,"text":"acme"}', "id is neither"),
        (b'{"id":"2","text":"acme","author":{"name":"joe"}}', "author is not text"),
        (b'{"id":"2","text":"acme","links":"https://acme.com"}', "links is not a list"),
        (b'{"id":"2","text":"' + b"a" * LONGEST + b'"}', "longer than 10,000,000 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_mention_is_named_and_passed_over(line: bytes, reason: str) -> None:
    good = b'{"id":"%d","text":"late acme"}'
    answers, told = run(QUERIES, [good % 1, line, good % 3])
    assert [answer["id"] for answer in answers] == ["1", "3"]
    assert [bad[:2] for bad in told] == [("m.jsonl", 2)]
    assert reason in told[0][2]


def test_strict_stops_at_the_first_bad_line_after_the_answers_before_it() -> None:
    told: list[tuple[str, int, str]] = []
    answers = match_lines(
        QUERIES,
        [b'{"id":"1","text":"late acme"}', b"broken", b'{"id":"3","text":"late acme"}'],
        lambda *bad: told.append(bad),
        strict=True,
    )
    assert next(answers) == {"id": "1", "queries": ["fails"]}
    with pytest.raises(BadInput, match="mentions, line 2: not JSON"):
        next(answers)
    assert told == []


def test_mentions_are_answered_as_they_come() -> None:
    """A pipe that never ends is answered line by line."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b'{"id":"1","text":"late acme"}'

    answers = match_lines(QUERIES, endless(), lambda *bad: pytest.fail(str(bad)))
    assert [next(answers)["queries"] for _ in range(3)] == [["fails"]] * 3
