"""Headers and texts out of a mail as people read them, whatever its charsets and its MIME structure.

Any charset may be claimed, any header may be missing, cut off or no ASCII at all. The email package reads all of
that, save for what it raises (BROKEN).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr

from core.types import Author
from listener.markup import MAX_MARKUP, plain_text
from listener.sources.email.quoting import cut_markup

BROKEN = (LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError, HeaderParseError)
"""What the email package raises when a mail is broken in a way that it does not know."""

MAX_HEADER = 10_000
"""Characters of a header that are read."""
MAX_TEXT, MAX_LINES = 100_000, 2_000
"""Characters and lines of a text that are read."""
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
_BETTER_KNOWN_AS = {
    "us-ascii": "utf-8",
    "unknown-8bit": "utf-8",
    "iso-8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "cp50220": "iso2022_jp_ext",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-jp-ms": "iso2022_jp_ext",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
}
"""What mail programs mean by these names, or a charset that has all of theirs and more."""


def header(message: Message, name: str) -> str:
    """A header on one line; "" where there is none."""
    value = message.get(name)
    return "" if value is None else " ".join(_words(value).split())[:MAX_HEADER]


def person(message: Message, name: str) -> Author:
    """The first address of a header. Ids are addresses in small letters, or else the name, or else "unknown"."""
    value = message.get(name)
    try:
        shown, address = parseaddr(value[:MAX_HEADER] if isinstance(value, str) else header(message, name))
    except BROKEN:
        shown, address = header(message, name), ""
    address, shown = address.strip().lower(), " ".join(_words(shown).split())
    known = address or shown.lower() or "unknown"
    return Author(known, known, "" if shown.lower() == known else shown)


def text(message: Message) -> str:
    """What the mail says in its own parts: attachments and attached mails are not looked into."""
    whole = "\n\n".join(part for part in _texts(message) if part.strip())
    lines = re.sub(r"\r\n?", "\n", whole[:MAX_TEXT]).replace("\u200b", "").split("\n", MAX_LINES)
    return "\n".join(lines[:MAX_LINES])


def inner(part: Message) -> list[Message]:
    """The parts of a part."""
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _words(value: object) -> str:
    """A header's value without its encoding (RFC 2047)."""
    try:
        parts = decode_header(value[:MAX_HEADER] if isinstance(value, str) else value)  # type: ignore[arg-type]
    except BROKEN:
        return str(value)[:MAX_HEADER]
    return "".join(part if isinstance(part, str) else decoded(part, charset) for part, charset in parts)


def decoded(raw: bytes, charset: str | None) -> str:
    """Bytes as text, in the charset that is claimed if there is such a one; else UTF-8, else Windows-1252."""
    given = (charset or "utf-8").strip().strip("\"'").lower()
    claimed = _BETTER_KNOWN_AS.get(given, given)
    try:
        if codecs.lookup(claimed).name in _NO_CHARSETS:
            claimed = "utf-8"
        raw[:1].decode(claimed, "replace")
    except (LookupError, ValueError):
        claimed = "utf-8"
    for name in dict.fromkeys((claimed, "utf-8")):
        try:
            return raw.decode(name)
        except ValueError:
            continue
    return raw.decode("cp1252" if claimed == "utf-8" else claimed, "replace")


def _texts(part: Message) -> Iterator[str]:
    if part.get_content_type() == "multipart/alternative":
        yield _best(part)
    elif part.get_content_maintype() == "multipart":
        for one in inner(part):
            yield from _texts(one)
    elif part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment":
        yield from _leaf(part)


def _best(part: Message) -> str:
    """The plain text of a mail that says the same in several ways, else the last of them that says anything."""
    ways = [(one.get_content_type(), "\n\n".join(_texts(one))) for one in inner(part)]
    said = [(kind, words) for kind, words in ways if words.strip()]
    plain = [words for kind, words in said if kind == "text/plain"]
    return plain[0] if plain else said[-1][1] if said else ""


def _leaf(part: Message) -> Iterator[str]:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return
    words = decoded(raw, part.get_content_charset())
    if part.get_content_subtype() == "html":
        cells = re.sub(r"</t[dh]\s{0,9}>", r" \g<0>", cut_markup(words[:MAX_MARKUP]), flags=re.IGNORECASE)
        yield plain_text(cells)
    elif part.get_content_subtype() in ("plain", "") and not part.get_filename():
        yield words
