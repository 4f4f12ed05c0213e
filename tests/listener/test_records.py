"""Files of mentions: whatever is in them, each bad line gets its number and a reason, and the good ones come in."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from core.types import Mention, Rejected
from listener.records import COLUMNS, MAX_RECORD_LINES, Place, Read, read

GOOD: Mapping[str, Any] = {
    "platform": "x",
    "id": "1",
    "author": "ann",
    "text": "hello",
    "created_at": "2026-11-20T10:00:00Z",
}
HEADER = "platform,id,author,text,created_at\n"


def jsonl(*records: object) -> bytes:
    return b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in records)


def row(number: int, text: str = "hello") -> str:
    return f"x,{number},ann,{text},2026-11-20T10:00:00Z\n"


def lines(body: bytes | str, name: str = "m.csv", **more: Any) -> list[Read]:
    return list(read(io.BytesIO(body.encode() if isinstance(body, str) else body), name, **more))


def told(found: list[Read]) -> dict[int, str]:
    """What came of each line: the id, or why it was rejected."""
    return {one.line: one.item.native_id if isinstance(one.item, Mention) else one.item.reason for one in found}


def only(record: object, name: str = "m.jsonl") -> Mention | Rejected:
    (found,) = lines(jsonl(record), name)
    return found.item


def test_a_full_record_comes_in_whole_from_both_formats() -> None:
    record = {
        **GOOD,
        "platform": "X",
        "id": "9007199254740993123",
        "author": "@Ann",
        "text": 'a, "quoted"\nsecond line',
        "created_at": "2026-11-20T11:00:00+01:00",
        "url": "https://x.example/1",
        "author_name": "Ann Lee",
        "followers": "1200",
        "reply_to": "0",
        "lang": "en",
        "likes": "3",
        "reposts": "2",
        "replies": "1",
        "city": "Ulm",
    }
    written = io.StringIO()
    writer = csv.DictWriter(written, record)
    writer.writeheader()
    writer.writerow(record)
    (of_json,), (of_csv,) = lines(jsonl(record), "m.jsonl"), lines(written.getvalue())
    mention = of_json.item
    assert mention == of_csv.item
    assert isinstance(mention, Mention)
    assert (mention.platform, mention.native_id, mention.text) == ("x", "9007199254740993123", record["text"])
    assert (mention.author.handle, mention.author.name, mention.author.followers) == ("Ann", "Ann Lee", 1200)
    assert mention.created_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert (mention.kind, mention.reply_to, mention.lang, mention.extra) == ("reply", "0", "en", {"city": "Ulm"})
    assert (mention.likes, mention.reposts, mention.replies) == (3, 2, 1)
    assert set(record) - {"city"} == set(COLUMNS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"author": None}, "missing column author"),
        ({"id": ""}, "id is empty"),
        ({"text": " \n"}, "text is empty"),
        ({"author": "@"}, "author is empty"),
        ({"text": 5}, "text must be text, not a number"),
        ({"text": ["a"]}, "text must be text, not a list"),
        ({"id": 1e20}, "id must be text: a number this long loses digits"),
        ({"id": True}, "id must be text, not true or false"),
        ({"platform": "my platform"}, "platform 'my platform': use up to 50 small letters"),
        ({"created_at": "2026-11-20T10:00:00"}, "created_at has no time zone: add Z or +01:00"),
        ({"created_at": "2026-11-20"}, "created_at has no time zone: add Z or +01:00"),
        ({"created_at": "2026-11-20 10:00:00 CEST"}, "created_at: unknown time zone 'CEST'"),
        ({"created_at": "2026-11-20T10:00:00[Mars/Phobos]"}, "created_at: unknown time zone '[Mars/Phobos]'"),
        ({"created_at": "2026-13-20T10:00:00Z"}, "is no ISO 8601 time"),
        ({"created_at": "yesterday"}, "created_at 'yesterday' is no ISO 8601 time"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "created_at lies in the year 1"),
        ({"created_at": 1763632800}, "created_at must be text, not a number"),
        ({"likes": -1}, "likes must be a whole number from 0 to 2,147,483,647, not '-1'"),
        ({"likes": 2**31}, "likes must be a whole number"),
        ({"followers": "12k"}, "followers must be a whole number"),
        ({"followers": 1.5}, "followers must be a whole number"),
        ({"replies": True}, "replies must be a whole number"),
        ({"likes": float("nan")}, "likes must be a whole number"),
    ],
)
def test_a_record_that_is_no_mention_says_which_column_and_why(change: dict[str, Any], reason: str) -> None:
    item = only({**GOOD, **change})
    assert isinstance(item, Rejected)
    assert item.where == "m.jsonl, line 1"
    assert reason in item.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{'platform': 1}\n", "not JSON"),
        (b'{"platform": "x"\n', "not JSON"),
        (b"[1]\n", "a JSON object is needed, one per line, not a list"),
        (b"null\n", "not null"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (b'{"n": ' + b"9" * 5_000 + b"}\n", "not JSON"),
        (b'{"text": "caf\xe9"}\n', "not UTF-8 (byte 0xe9 at position 14): save the file as UTF-8"),
        (b"x" * 1_500_000 + b"\n", "line longer than 1 MB"),
    ],
)
def test_a_line_that_cannot_be_read_does_not_stop_the_next(line: bytes, reason: str) -> None:
    found = told(lines(jsonl(GOOD, line, b"\n", {**GOOD, "id": 4}), "m.jsonl"))
    assert (found[1], found[4]) == ("1", "4")
    assert reason in found[2]


def test_a_line_of_50_mb_is_never_in_memory() -> None:
    body = io.BytesIO(jsonl(GOOD, b"y" * 50_000_000 + b"\n", {**GOOD, "id": "3"}))
    tracemalloc.start()
    found = told(list(read(body, "m.jsonl")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == {1: "1", 2: "line longer than 1 MB", 3: "3"}
    assert peak < 10_000_000


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_byte_order_marks_and_windows_line_ends_are_no_trouble(start: str, ending: str) -> None:
    body = (start + HEADER + row(1) + row(2)).replace("\n", ending)
    assert told(lines(body)) == {2: "1", 3: "2"}
    assert told(lines(start.encode() + jsonl(GOOD).replace(b"\n", ending.encode()), "m.jsonl")) == {1: "1"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_wide_encodings_are_named_once(encoding: str) -> None:
    body = ("\ufeff" if encoding == "utf-16-le" else "") + HEADER + row(1)
    assert told(lines(body.encode(encoding))) == {1: "the file is UTF-16 or UTF-32: save it as UTF-8"}


def test_quoted_cells_go_on_over_lines_and_the_first_line_is_named() -> None:
    body = HEADER + row(1, '"two\nlines"') + row(2, '"bad') + row(3, '"again\n\nthree ""lines"""') + row(4)
    found = lines(body)
    assert told(found)[2] == "1"
    assert told(found) | {4: ""} == {2: "1", 4: "", 5: "3", 8: "4"}
    assert isinstance(found[0].item, Mention)
    assert found[0].item.text == "two\nlines"


@pytest.mark.parametrize(
    "broken",
    [
        'x,2,ann,"never closed,2026-11-20T10:00:00Z\n',
        'x,2,ann,"closed" too early,2026-11-20T10:00:00Z\n',
        '"x","2","ann","never closed\n',
        "x,2,ann\n",
        "x,2,ann,too,many,cells,2026-11-20T10:00:00Z\n",
        '"\n',
    ],
)
@pytest.mark.parametrize("text", ["hello", '"quoted, too"'])
def test_a_broken_csv_line_swallows_no_other(broken: str, text: str) -> None:
    body = HEADER + row(1) + broken + "".join(row(number, text) for number in range(3, 50))
    found = told(lines(body))
    rejected = {line for line, what in found.items() if not what.isdigit()}
    assert rejected == {3}
    assert len(found) == 49


def test_a_quote_that_nobody_closes_is_given_up_long_before_the_end_of_the_file() -> None:
    body = HEADER + row(1, '"open') + "".join(row(number) for number in range(2, MAX_RECORD_LINES * 3))
    found = told(lines(body))
    assert found[2] == "a quote that opens here is never closed"
    assert len(found) == MAX_RECORD_LINES * 3 - 1


def test_formulas_and_markup_are_text() -> None:
    body = HEADER + row(1, "=HYPERLINK(1)") + row(2, "<b>&amp;</b>") + row(3, "@SUM(A1)")
    assert [one.item.text for one in lines(body) if isinstance(one.item, Mention)] == [
        "=HYPERLINK(1)",
        "<b>&amp;</b>",
        "@SUM(A1)",
    ]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("platform,id,text,created_at\n", "missing column author (found: platform, id, text, created_at)"),
        ("id;text\n", "missing column platform, author, created_at"),
        ("platform,id,author,text,created_at,text\n", "column text comes twice"),
        ('"platform,id\n', "the line with the column names cannot be read"),
        ("x,1,ann,hello,2026-11-20T10:00:00Z\n", "missing column platform, id, author, text, created_at"),
    ],
)
def test_a_csv_without_the_columns_is_named_once_and_not_read(header: str, reason: str) -> None:
    found = told(lines(header + row(1) + row(2)))
    assert list(found) == [1]
    assert found[1].startswith(reason)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_what_spreadsheets_call_csv_is_read(delimiter: str) -> None:
    body = (HEADER.upper() + row(1)).replace(",", delimiter)
    assert told(lines(body)) == {2: "1"}


def test_empty_files_and_empty_lines_are_nothing() -> None:
    assert lines(b"") == lines(b"", "m.jsonl") == lines(HEADER) == lines(b"\n \n", "m.jsonl") == []


def test_a_file_without_a_telling_name_is_recognised_by_its_beginning() -> None:
    assert told(lines(jsonl(GOOD), "mentions")) == {1: "1"}
    assert told(lines(HEADER + row(1), "mentions.txt")) == {2: "1"}


def test_reading_goes_on_where_it_was() -> None:
    body = HEADER + row(1) + row(2, '"two\nlines"') + row(3)
    found = lines(body)
    for done, one in enumerate(found, 1):
        assert told(lines(body, start=one.after)) == told(found[done:])


@pytest.mark.parametrize("tail", ["x,3,ann", 'x,3,ann,"half', 'x,3,ann,"half\na line\n', row(3).rstrip()])
def test_what_is_still_being_written_is_left_for_later(tail: str) -> None:
    body = HEADER + row(1) + tail
    assert told(lines(body, whole=False)) == {2: "1"}
    assert len(lines(body, whole=True)) > 1


def test_places_count_bytes_and_lines() -> None:
    (found,) = lines("é\n".encode() + jsonl(GOOD), "m.jsonl")[1:]
    assert found.after == Place(len("é\n".encode() + jsonl(GOOD)), 2)
