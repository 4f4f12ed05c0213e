"""Mentions in files: JSON Lines and CSV, read line by line, whatever is in them.

Columns (DESIGN of the command line): platform, id, author, text, created_at; and, where there is something to say,
url, author_name, followers, reply_to, lang, likes, reposts, replies. Others are kept in `extra`. A line that cannot be
read becomes a Rejected with its number and the reason; the next line is read as if nothing had happened. No line and
no file is ever in memory as a whole unless it is small.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from core.types import Author, Mention, Rejected

MAX_LINE = 1_000_000
"""Bytes of one line; of a CSV record as well, however many lines it has."""
MAX_RECORD_LINES = 1_000
"""Lines of one CSV record: after so many a quote that is still open was a mistake."""

REQUIRED = ("platform", "id", "author", "text", "created_at")
OPTIONAL = ("url", "author_name", "followers", "reply_to", "lang", "likes", "reposts", "replies")
COLUMNS = (*REQUIRED, *OPTIONAL)

_PLATFORM = re.compile(r"[a-z0-9][a-z0-9_.-]{0,49}")
_WHOLE = re.compile(r"(\d{1,15})(?:\.0{1,15})?", re.ASCII)
_ZONED = re.compile(r"(\S+[T ]\d\d:\d\d\S*?) ?([A-Za-z\[+-]\S*)")
_LARGEST = 2**31 - 1
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")
_NEVER_CLOSED = "a quote that opens here is never closed"
_WIDE_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Unreadable(Exception):
    """Why a record is not a mention."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file has been read: the offset of the next byte, and the lines before it."""

    offset: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class _Line:
    """One physical line: its number, what is in it (None: `wrong` says why not), and where the next one begins."""

    number: int
    text: str | None
    wrong: str
    after: Place


Item = Mention | Rejected


@dataclass(frozen=True, slots=True)
class Read:
    """What a line (or the record that begins in it) says, and the place from which to go on after it."""

    item: Item
    line: int
    after: Place


def is_csv(name: str, head: bytes) -> bool:
    """Whether a file is CSV, by its name, else by its first bytes; otherwise it is JSON Lines."""
    ending = name.lower().rpartition(".")[2]
    if ending in ("csv", "tsv", "jsonl", "ndjson", "json"):
        return ending in ("csv", "tsv")
    return not head.removeprefix(codecs.BOM_UTF8).lstrip().startswith((b"{", b"["))


def read(file: BinaryIO, name: str, start: Place = Place(), *, whole: bool = True) -> Iterator[Read]:
    """Everything in a file after `start`.

    `name` is what a person knows the file by. `whole` False: the file may still be written to, so a last line
    that has no end is left for the next time.
    """
    head = file.read(4_096)
    if head.startswith(_WIDE_BOMS):
        if start == Place():
            wide = Rejected(f"{name}, line 1", "the file is UTF-16 or UTF-32: save it as UTF-8")
            yield Read(wide, 1, Place(len(head), 1))
        return
    if is_csv(name, head):
        yield from _read_csv(file, name, start, whole=whole)
        return
    for line in _lines(file, start, whole=whole):
        where = f"{name}, line {line.number}"
        if line.text is None:
            yield Read(Rejected(where, line.wrong), line.number, line.after)
        elif line.text.strip():
            yield Read(_of_json(line.text, where), line.number, line.after)


def _lines(file: BinaryIO, start: Place, *, whole: bool) -> Iterator[_Line]:
    """Physical lines from `start` on. One that is too long is passed over piece by piece."""
    file.seek(start.offset)
    number, offset = start.lines, start.offset
    while raw := file.readline(MAX_LINE + 1):
        number, offset, wrong = number + 1, offset + len(raw), ""
        while not raw.endswith(b"\n") and (more := file.readline(MAX_LINE)):
            wrong, offset, raw = f"line longer than {MAX_LINE // 1_000_000} MB", offset + len(more), more
        if not raw.endswith(b"\n") and not whole:
            return
        after = Place(offset, number)
        if wrong:
            yield _Line(number, None, wrong, after)
            continue
        try:
            text = (raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw).decode("utf-8")
            yield _Line(number, text, "", after)
        except UnicodeDecodeError as error:
            byte = f"byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
            yield _Line(number, None, f"not UTF-8 ({byte}): save the file as UTF-8", after)


def _of_json(text: str, where: str) -> Item:
    try:
        record = json.loads(text)
    except RecursionError:
        return Rejected(where, "not JSON that can be read: nested too deeply")
    except ValueError as error:
        return Rejected(where, f"not JSON: {error}")
    if not isinstance(record, dict):
        return Rejected(where, f"a JSON object is needed, one per line, not {_what(record)}")
    return _item(record, where)


def _what(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def _read_csv(file: BinaryIO, name: str, start: Place, *, whole: bool) -> Iterator[Read]:
    lines = _Pushable(_lines(file, Place(), whole=whole))
    header = next(lines, None)
    if header is None:
        return
    found = _header(header)
    if isinstance(found, str):
        if start == Place():
            yield Read(Rejected(f"{name}, line {header.number}", found), header.number, header.after)
        return
    columns, delimiter = found
    if start.offset > header.after.offset:
        lines = _Pushable(_lines(file, start, whole=whole))
    while line := next(lines, None):
        if line.text is not None and not line.text.strip():
            continue
        where = f"{name}, line {line.number}"
        try:
            cells, after = _record(line, lines, delimiter, len(columns))
        except Unreadable as error:
            if str(error) == _NEVER_CLOSED and not whole:
                return  # perhaps it is, when the rest has been written
            yield Read(Rejected(where, str(error)), line.number, line.after)
        else:
            given = {column: _as_written(cell) for column, cell in zip(columns, cells, strict=True) if column}
            yield Read(_item({k: v for k, v in given.items() if v.strip()}, where), line.number, after)


def _as_written(cell: str) -> str:
    """Without the apostrophe by which `ripplewatch export` keeps a spreadsheet from running a cell as a formula."""
    return cell[1:] if _DEFUSED.match(cell) else cell


def _header(line: _Line) -> tuple[list[str], str] | str:
    """The columns and the delimiter, or what is wrong with them."""
    if line.text is None:
        return line.wrong
    delimiter = next((one for one in ",;\t" if one in line.text), ",")
    try:
        columns = [cell.strip().lower() for cell in next(csv.reader([line.text], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        return f"the line with the column names cannot be read: {error}"
    if missing := [column for column in REQUIRED if column not in columns]:
        return f"missing column {', '.join(missing)} (found: {', '.join(columns)[:300]})"
    if twice := sorted({column for column in columns if column and columns.count(column) > 1}):
        return f"column {', '.join(twice)} comes twice"
    return columns, delimiter


class _Pushable:
    """An iterator of lines to which lines can be given back."""

    def __init__(self, lines: Iterator[_Line]) -> None:
        self._lines, self._returned = lines, deque[_Line]()

    def __iter__(self) -> Iterator[_Line]:
        return self

    def __next__(self) -> _Line:
        return self._returned.popleft() if self._returned else next(self._lines)

    def push(self, lines: Sequence[_Line]) -> None:
        self._returned.extendleft(reversed(lines))


def _record(first: _Line, lines: _Pushable, delimiter: str, width: int) -> tuple[list[str], Place]:
    """The record that begins with this line, and where it ends; a quoted cell may go on over several lines.

    Raises Unreadable when it cannot be read. Then all lines but the first are given back: a quote that somebody
    forgot must not swallow the records behind it.
    """
    taken: list[_Line] = []

    def physical() -> Iterator[str]:
        size, line = 0, first
        while True:
            if line.text is None:
                raise Unreadable(line.wrong if line is first else f"the quote that opens here runs into: {line.wrong}")
            size += len(line.text)
            if size > MAX_LINE or len(taken) > MAX_RECORD_LINES:
                raise Unreadable(_NEVER_CLOSED)
            yield line.text
            following = next(lines, None)
            if following is None:
                return
            line = following
            taken.append(line)

    try:
        cells = next(csv.reader(physical(), delimiter=delimiter, strict=True))
        if len(cells) != width:
            raise Unreadable(f"{len(cells)} cells where the first line names {width} columns")  # noqa: TRY301 - as below
    except (csv.Error, Unreadable) as error:
        lines.push(taken)
        said = _NEVER_CLOSED if "unexpected end of data" in str(error) else str(error)
        raise Unreadable(said) from None
    return cells, (taken[-1] if taken else first).after


def _item(record: Mapping[str, object], where: str) -> Item:
    try:
        return mention_of(record)
    except Unreadable as error:
        return Rejected(where, str(error))


def mention_of(record: Mapping[str, object]) -> Mention:
    """The mention of a record with the columns above; raises Unreadable, which names the column."""
    given = {column: value for column, value in record.items() if value is not None}
    reply_to = _id(given, "reply_to")
    if missing := [column for column in REQUIRED if column not in given]:
        raise Unreadable(f"missing column {', '.join(missing)}")
    platform, author = _text(given, "platform").strip().lower(), _text(given, "author").strip().lstrip("@")
    if not _PLATFORM.fullmatch(platform):
        raise Unreadable(f"platform {platform[:50]!r}: use up to 50 small letters, digits, '.', '_' and '-'")
    for column, value in (
        ("id", native_id := _id(given, "id")),
        ("author", author),
        ("text", text := _text(given, "text")),
    ):
        if not value or not value.strip():
            raise Unreadable(f"{column} is empty")
    return Mention(
        platform=platform,
        native_id=native_id or "",
        author=Author(author.casefold(), author, _text(given, "author_name").strip(), _count(given, "followers")),
        text=text,
        created_at=_moment(_text(given, "created_at").strip()),
        url=_text(given, "url").strip() or None,
        kind="reply" if reply_to else "post",
        reply_to=reply_to,
        lang=_text(given, "lang").strip() or None,
        likes=_count(given, "likes") or 0,
        reposts=_count(given, "reposts") or 0,
        replies=_count(given, "replies") or 0,
        extra={column: value for column, value in given.items() if column not in COLUMNS},
    )


def _text(record: Mapping[str, object], column: str) -> str:
    value = record.get(column, "")
    if not isinstance(value, str):
        raise Unreadable(f"{column} must be text, not {_what(value)}")
    return value


def _id(record: Mapping[str, object], column: str) -> str | None:
    value = record.get(column)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        raise Unreadable(f"{column} must be text: a number this long loses digits")
    return _text(record, column).strip() or None


def _count(record: Mapping[str, object], column: str) -> int | None:
    text = str(record.get(column, "")).strip()
    if not text:
        return None
    number = _WHOLE.fullmatch(text)
    if not number or int(number[1]) > _LARGEST:
        raise Unreadable(f"{column} must be a whole number from 0 to {_LARGEST:,}, not {text[:40]!r}")
    return int(number[1])


def _moment(text: str) -> datetime:
    """ISO 8601 with a zone, in UTC."""
    moment = _iso(text)
    if moment is None:
        zoned = _ZONED.fullmatch(text)
        if zoned and _iso(zoned[1]):
            raise Unreadable(f"created_at: unknown time zone {zoned[2][:40]!r}; write Z or an offset like +01:00")
        raise Unreadable(f"created_at {text[:40]!r} is no ISO 8601 time like 2026-11-22T10:00:00Z")
    if moment.tzinfo is None:
        raise Unreadable("created_at has no time zone: add Z or +01:00")
    if not 1970 < moment.year < 2200:
        raise Unreadable(f"created_at lies in the year {moment.year}")
    return moment.astimezone(UTC)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
