"""Makes what a platform sent safe to store, and changes nothing else about it.

PostgreSQL takes neither NUL characters nor lone surrogates, an index no long ids, and no page should have to show
a megabyte of emoji. Text is otherwise kept as it came: markup, formulas and bidi controls are text, and whoever shows
or exports it escapes it there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from core.types import Author, Mention

MAX_TEXT = 100_000
"""Bytes of UTF-8 that are kept of a text."""
MAX_ID = 400
"""Characters of an id; a PostgreSQL index takes rows of up to 2,704 bytes."""
MAX_NAME = 1_000
MAX_URL = 2_000
MAX_EXTRA = 100_000
MAX_COUNT = 2**31 - 1

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def clean(mention: Mention, now: datetime) -> Mention:
    """The mention as it can be stored. What had to be cut is noted in `extra`."""
    text, extra = storable(mention.text), _extra(mention.extra)
    if len(text) > MAX_TEXT // 4 and len(whole := text.encode()) > MAX_TEXT:
        text = whole[:MAX_TEXT].decode(errors="ignore")
        extra = {**extra, "cut": f"the first {MAX_TEXT} of {len(whole)} bytes are kept"}
    return replace(
        mention,
        native_id=short_id(mention.native_id),
        author=_author(mention.author),
        text=text,
        created_at=_moment(mention.created_at, now),
        url=_url(mention.url),
        reply_to=short_id(mention.reply_to) if mention.reply_to else None,
        conversation=short_id(mention.conversation) if mention.conversation else None,
        lang=storable(mention.lang)[:35] if mention.lang else None,
        likes=_count(mention.likes),
        reposts=_count(mention.reposts),
        replies=_count(mention.replies),
        extra=extra,
    )


def storable(text: str) -> str:
    """The text without NUL characters, and with U+FFFD for every half of a surrogate pair."""
    if text.isascii():
        return text.replace("\0", "")
    return _UNSTORABLE.sub(lambda found: "" if found[0] == "\0" else "\ufffd", text)


def short_id(native_id: str) -> str:
    """The id as we store it: itself, or where it is too long for an index its beginning and a hash of all of it."""
    native_id = storable(native_id)
    if len(native_id) <= MAX_ID:
        return native_id
    return f"{native_id[: MAX_ID - 65]} {hashlib.sha256(native_id.encode()).hexdigest()}"


def _author(author: Author) -> Author:
    return Author(
        native_id=short_id(author.native_id),
        handle=storable(author.handle)[:MAX_NAME],
        name=storable(author.name)[:MAX_NAME],
        followers=None if author.followers is None else _count(author.followers),
    )


def _moment(moment: datetime, now: datetime) -> datetime:
    """In UTC; a moment that has none there (the first hours of the year 1) becomes the present."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return now


def _url(url: str | None) -> str | None:
    """Only web addresses: a link that a person clicks must not be able to run anything."""
    url = storable(url or "")
    return url if url.lower().startswith(("https://", "http://")) and len(url) <= MAX_URL else None


def _count(number: int) -> int:
    return min(max(number, 0), MAX_COUNT)


def _extra(extra: Mapping[str, object]) -> dict[str, object]:
    """JSON that can be stored; fields that are too large, too deep or no JSON at all are dropped, and that is noted."""
    if not extra:
        return {}
    kept: dict[str, object] = {}
    for name, value in extra.items():
        try:
            safe = _storable_json(value)
            if len(json.dumps(safe, ensure_ascii=False, allow_nan=False)) <= MAX_EXTRA:
                kept[storable(name)] = safe
        except (TypeError, ValueError, RecursionError):
            continue
    if len(kept) < len(extra):
        kept["dropped"] = len(extra) - len(kept)
    return kept


def _storable_json(value: object) -> object:
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable(str(name)): _storable_json(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_storable_json(inner) for inner in value]
        case _:
            return value
