"""JSON Lines in, which queries match as JSON out: the contract of `ripplewatch match`, which people's scripts use."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from core.errors import BadInput
from listener.query import Matcher, Post, Query, QuerySyntaxError, parse

LONGEST = 10_000_000
"""Bytes in a line beyond which it is refused unread."""

Id = str | int
Report = Callable[[str, int, str], None]
"""Is told of a bad line: the file's name, the line's number from 1, the reason."""

Read = TypeVar("Read")


def match_lines(
    query_lines: Iterable[bytes],
    mention_lines: Iterable[bytes],
    report: Report,
    strict: bool = False,
    *,
    names: tuple[str, str] = ("queries", "mentions"),
) -> Iterator[dict[str, object]]:
    """`{"id": ..., "queries": [ids]}` for every good mention line, in order, as soon as it is read.

    All queries (`{"id", "query"}`, with `"lists": {"name": ["word"]}` where a query names any) are read first. Each bad
    line of either file is told to `report` and skipped; with `strict` the first one raises BadInput, after the answers
    to the lines before it. `names` is what the messages call the two files. Blank lines are passed over.
    """
    queries: dict[Id, Query] = {}
    for identity, query in _good(query_lines, names[0], report, strict, lambda found: _query(found, queries)):
        queries[identity] = query
    matcher = Matcher(queries)
    for identity, post in _good(mention_lines, names[1], report, strict, _post):
        yield {"id": identity, "queries": matcher.match(post)}


def _good(
    lines: Iterable[bytes], name: str, report: Report, strict: bool, read: Callable[[Mapping[str, object]], Read]
) -> Iterator[Read]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield read(_object(line))
        except BadInput as error:
            if strict:
                raise BadInput(f"{name}, line {number}: {error}") from error
            report(name, number, str(error))


def _object(line: bytes) -> Mapping[str, object]:
    if len(line) > LONGEST:
        raise BadInput(f"the line is longer than {LONGEST:,} bytes")
    try:
        found: Any = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8 at byte {error.start + 1}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadInput('not an object like {"id": "1", ...}')
    return found


def _query(found: Mapping[str, object], known: Mapping[Id, Query]) -> tuple[Id, Query]:
    identity = _identity(found)
    if identity in known:
        raise BadInput(f"id {identity!r} is that of an earlier query")
    try:
        return identity, parse(_text(found, "query"), _lists(found))
    except QuerySyntaxError as error:
        raise BadInput(f"query {identity!r}, character {error.position + 1}: {error}") from error


def _lists(found: Mapping[str, object]) -> Mapping[str, list[str]]:
    lists = found.get("lists") or {}
    if not isinstance(lists, dict):
        raise BadInput('lists is not an object like {"name": ["word"]}')
    return {name: _texts(words, f"list {name!r}") for name, words in lists.items()}


def _texts(value: object, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput(f"{name} is not a list of texts")
    return value


def _post(found: Mapping[str, object]) -> tuple[Id, Post]:
    return _identity(found), Post(
        _text(found, "text"),
        _optional(found, "author") or "",
        _optional(found, "lang"),
        _optional(found, "url"),
        _optional(found, "platform") or "",
        _optional(found, "source"),
        tuple(_texts(found.get("links") or [], "links")),
        _whole(found, "followers"),
        _optional(found, "kind") or ("reply" if found.get("reply_to") else "post"),
    )


def _identity(found: Mapping[str, object]) -> Id:
    identity = found.get("id")
    if not isinstance(identity, str | int) or isinstance(identity, bool):
        raise BadInput("id is neither text nor a whole number" if "id" in found else "no id")
    return identity


def _text(found: Mapping[str, object], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise BadInput(f"{key} is not text" if key in found else f"no {key}")
    return value


def _optional(found: Mapping[str, object], key: str) -> str | None:
    return None if found.get(key) is None else _text(found, key)


def _whole(found: Mapping[str, object], key: str) -> int | None:
    value = found.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise BadInput(f"{key} is not a whole number")
    return value
