"""Cuts a query into tokens, and says where it cannot be read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from core.errors import BadInput
from listener.query.tree import NAMES

_QUOTES = {**dict.fromkeys('"“”„‟＂', '"“”„‟＂'), "«": "»", "»": "«"}
_MINUS = "-‐–—−－"
_OPEN, _CLOSE, STARS = "(（", ")）", "*＊"
_BLANK = "\ufeff\u200b\u2060"  # what copying leaves behind
_WORD = re.compile(rf"[^\s{_OPEN}{_CLOSE}{''.join(_QUOTES)}]+")
_FIELD = re.compile(r"([A-Za-z_]+):(.*)", re.DOTALL)

TokenKind = Literal["open", "close", "word", "phrase", "field", "and", "or", "not", "near"]
_OPERATORS: dict[str, TokenKind] = {"AND": "and", "OR": "or", "NOT": "not"}


class QuerySyntaxError(BadInput):
    """A query that cannot be read: what is wrong and what to do, and at which character (counted from 0)."""

    def __init__(self, message: str, position: int, text: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.text = text

    def caret(self, width: int = 78) -> str:
        """Two lines: the query, or the `width` characters around the error, and a caret below the character."""
        start = max(0, min(self.position - width // 2, len(self.text) - width))
        shown = "".join(c if c.isprintable() else " " for c in self.text[start : start + width])
        before = shown[: self.position - start]
        return f"{shown}\n{' ' * sum(map(_columns, before))}^"


def _columns(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


@dataclass(frozen=True, slots=True)
class Token:
    """A bracket, operator, word, phrase or field. `start` and `value_start` count characters of the query."""

    kind: TokenKind
    text: str
    start: int
    value_start: int = 0


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a query, in order. Raises QuerySyntaxError."""
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace() or character in _BLANK:
            at += 1
        elif character in _OPEN or character in _CLOSE:
            yield Token("open" if character in _OPEN else "close", character, at)
            at += 1
        elif character in _QUOTES:
            end = _closing_quote(text, at)
            yield Token("phrase", text[at + 1 : end], at)
            at = end + 1
        elif character in _MINUS:
            _check_minus(text, at)
            yield Token("not", character, at)
            at += 1
        else:
            token, at = _word(text, at)
            yield token


def _closing_quote(text: str, at: int) -> int:
    for end in range(at + 1, len(text)):
        if text[end] in _QUOTES[text[at]]:
            if text[end + 1 : end + 2] in tuple(STARS):
                raise QuerySyntaxError('Put the * inside the quotes: "late ship*".', end + 1, text)
            return end
    raise QuerySyntaxError("This quote is never closed. Add the second quote at the end of the phrase.", at, text)


def _check_minus(text: str, at: int) -> None:
    following = text[at + 1 : at + 2]
    if not following or following.isspace() or following in _MINUS or following in _CLOSE:
        raise QuerySyntaxError(
            "A minus stands directly before what it excludes, as in -jobs. Remove it, or put it there.", at, text
        )


def _word(text: str, at: int) -> tuple[Token, int]:
    found = _WORD.match(text, at)
    assert found is not None
    word, end = found[0].rstrip(_BLANK), found.end()
    if word in _OPERATORS:
        return Token(_OPERATORS[word], word, at), end
    if word == "NEAR" or word.startswith("NEAR/"):
        return Token("near", word, at), end
    if word.endswith(":") and word[:-1].isalpha() and text[end : end + 1] in tuple(_QUOTES):
        closing = _closing_quote(text, end)
        return Token("field", word + text[end + 1 : closing], at, end + 1), closing + 1
    field = _FIELD.fullmatch(word)
    if field and (field[2] or field[1].lower() in NAMES):
        return Token("field", word, at, at + field.start(2)), end
    return Token("word", word, at), end
