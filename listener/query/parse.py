"""Reads a query: words, "phrases", AND OR NOT ( ), -x, #tag, @handle, fields, a NEAR/5 b, ship*.

NOT binds closest, then NEAR, then AND (also written as nothing at all), then OR. Operators are upper case; what is
lower case is a word. Every error points at a character and says what to do.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn, get_args

from core.errors import BadInput
from listener.query.tree import (
    And,
    Field,
    FieldName,
    Leaf,
    Near,
    Node,
    Not,
    Or,
    Query,
    Term,
    anchors,
    normal_value,
    term_of,
)
from listener.query.words import without_links

MAX_LENGTH = 4_000
MAX_NESTING = 50
MAX_DISTANCE = 100

_FIELDS: tuple[FieldName, ...] = get_args(FieldName)
_ALIASES: dict[str, FieldName] = {
    "author": "from",
    "by": "from",
    "user": "from",
    "language": "lang",
    "url": "site",
    "link": "site",
    "links": "site",
    "domain": "site",
    "host": "site",
    "platform": "source",
    "network": "source",
}
_QUOTES = {**dict.fromkeys('"“”„‟＂', '"“”„‟＂'), "«": "»", "»": "«"}
_MINUS = "-‐–—−－"
_OPEN, _CLOSE, _STARS = "(（", ")）", "*＊"
_BLANK = "\ufeff\u200b\u2060"  # what copying leaves behind
_WORD = re.compile(rf"[^\s{_OPEN}{_CLOSE}{''.join(_QUOTES)}]+")
_FIELD = re.compile(r"([A-Za-z_]+):(.*)", re.DOTALL)
_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+")

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
        shown = "".join(" " if c.isspace() else c for c in self.text[start : start + width])
        before = shown[: self.position - start]
        return f"{shown}\n{' ' * sum(map(_columns, before))}^"


def _columns(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def parse(text: str) -> Query:
    """Read a query. Raises QuerySyntaxError."""
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(
            f"A query has at most {MAX_LENGTH:,} characters; this one has {len(text):,}. Split it into several.",
            MAX_LENGTH,
            text,
        )
    return Query(text, _Parser(text).parse())


@dataclass(frozen=True, slots=True)
class _Token:
    kind: TokenKind
    text: str
    start: int
    value_start: int = 0


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace() or character in _BLANK:
            at += 1
        elif character in _OPEN or character in _CLOSE:
            yield _Token("open" if character in _OPEN else "close", character, at)
            at += 1
        elif character in _QUOTES:
            end = _closing_quote(text, at)
            yield _Token("phrase", text[at + 1 : end], at)
            at = end + 1
        elif character in _MINUS:
            _check_minus(text, at)
            yield _Token("not", character, at)
            at += 1
        else:
            token, at = _word(text, at)
            yield token


def _closing_quote(text: str, at: int) -> int:
    for end in range(at + 1, len(text)):
        if text[end] in _QUOTES[text[at]]:
            if text[end + 1 : end + 2] in tuple(_STARS):
                raise QuerySyntaxError('Put the * inside the quotes: "late ship*".', end + 1, text)
            return end
    raise QuerySyntaxError("This quote is never closed. Add the second quote at the end of the phrase.", at, text)


def _check_minus(text: str, at: int) -> None:
    following = text[at + 1 : at + 2]
    if not following or following.isspace() or following in _MINUS or following in _CLOSE:
        raise QuerySyntaxError(
            "A minus stands directly before what it excludes, as in -jobs. Remove it, or put it there.", at, text
        )


def _word(text: str, at: int) -> tuple[_Token, int]:
    found = _WORD.match(text, at)
    assert found is not None
    word, end = found[0].rstrip(_BLANK), found.end()
    if word in _OPERATORS:
        return _Token(_OPERATORS[word], word, at), end
    if word == "NEAR" or word.startswith("NEAR/"):
        return _Token("near", word, at), end
    if word.endswith(":") and word[:-1].isalpha() and text[end : end + 1] in tuple(_QUOTES):
        closing = _closing_quote(text, end)
        return _Token("field", word + text[end + 1 : closing], at, end + 1), closing + 1
    field = _FIELD.fullmatch(word)
    if field and (field[2] or field[1].lower() in _FIELDS):
        return _Token("field", word, at, at + field.start(2)), end
    return _Token("word", word, at), end


class _Parser:
    """Recursive descent over the tokens; remembers where each node starts, for the errors."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.nesting = 0
        self.starts: dict[int, int] = {}

    def parse(self) -> Node:
        if not self.tokens:
            self.fail("The query is empty. Type at least one word.", 0)
        tree = self.any_of()
        if self.peek() == "close":
            self.fail('This ")" closes nothing. Remove it, or add a "(" before.', self.tokens[self.at].start)
        if anchors(tree, _any_leaf) is None:
            self.fail(
                "This only says what to leave out and would match nearly every post. Add a word that must be there.",
                self.starts[id(_open_branch(tree))],
            )
        return tree

    def any_of(self) -> Node:
        parts = [self.all_of()]
        while self.peek() == "or":
            self.operator()
            parts.append(self.all_of())
        return Or(_flat(Or, parts)) if len(parts) > 1 else parts[0]

    def all_of(self) -> Node:
        parts = [self.near()]
        while self.peek() not in (None, "or", "close"):
            if self.peek() == "and":
                self.operator()
            parts.append(self.near())
        return And(_flat(And, parts)) if len(parts) > 1 else parts[0]

    def near(self) -> Node:
        start = self.start()
        left = self.single()
        if self.peek() != "near":
            return left
        token = self.operator()
        distance = self.distance(token)
        right_start = self.start()
        right = self.single()
        if self.peek() == "near":
            self.fail("NEAR joins two sides only. Write (a NEAR/5 b) AND (b NEAR/5 c).", self.start())
        near = Near(self.side(left, start), self.side(right, right_start), distance)
        self.starts[id(near)] = start
        return near

    def distance(self, token: _Token) -> int:
        number = token.text.removeprefix("NEAR").removeprefix("/")
        if not re.fullmatch(r"[0-9]{1,3}", number) or not 1 <= int(number) <= MAX_DISTANCE:
            self.fail(
                f"NEAR needs a number of words from 1 to {MAX_DISTANCE}, as in: late NEAR/5 order. "
                "NEAR/1 means side by side.",
                token.start,
            )
        return int(number)

    def side(self, node: Node, start: int) -> tuple[Term, ...]:
        parts = node.parts if isinstance(node, Or) else (node,)
        found = tuple(part for part in parts if isinstance(part, Term))
        if len(found) < len(parts):
            self.fail(
                'Beside NEAR stands a word, a phrase, or a choice of them: (late OR "too slow") NEAR/5 order. '
                "Put the rest outside, joined with AND.",
                start,
            )
        return found

    def single(self) -> Node:
        token = self.take()
        match token.kind:
            case "not":
                self.deeper(token)
                inner = self.single()
                node: Node = inner.part if isinstance(inner, Not) else Not(inner)
                self.nesting -= 1
            case "open":
                return self.group(token)
            case "field":
                node = self.field(token)
            case "word" | "phrase":
                node = self.term(token)
            case "close":
                self.fail('There is nothing before this ")". Remove it, or put a word there.', token.start)
            case _:
                self.fail(
                    f"{token.text} needs something on both sides, as in: late {_example(token)} order.", token.start
                )
        self.starts[id(node)] = token.start
        return node

    def group(self, opening: _Token) -> Node:
        self.deeper(opening)
        if self.peek() is None:
            self.unclosed(opening)
        if self.peek() == "close":
            self.fail("There is nothing between these brackets. Remove them, or put a word there.", opening.start)
        node = self.any_of()
        if self.peek() != "close":
            self.unclosed(opening)
        self.at += 1
        self.nesting -= 1
        return node

    def unclosed(self, opening: _Token) -> NoReturn:
        self.fail('This "(" is never closed. Add a ")" where the group ends.', opening.start)

    def term(self, token: _Token) -> Term:
        typed, prefix = self.prefix(token)
        if without_links(typed) != typed:
            self.fail("Links are not searched as words. Write site:example.com to find links to a site.", token.start)
        term = term_of(typed, quoted=token.kind == "phrase", prefix=prefix)
        if term is None:
            self.fail(_nothing_in(token), token.start)
        if prefix and len(term.plain.rsplit(" ", 1)[-1]) < 2:
            self.fail("A * needs at least two letters before it, as in sh*. Type more of the word.", token.start)
        return term

    def prefix(self, token: _Token) -> tuple[str, bool]:
        typed = token.text.rstrip() if token.kind == "phrase" else token.text
        prefix = typed.endswith(tuple(_STARS))
        typed = typed[:-1] if prefix else typed
        for offset, character in enumerate(typed):
            if character in _STARS:
                self.fail(
                    "A * stands only at the end of a word, as in ship*. Remove it here.",
                    token.start + offset + (token.kind == "phrase"),
                )
        return typed, prefix

    def field(self, token: _Token) -> Field:
        name, _, value = token.text.partition(":")
        if name.lower() not in _FIELDS:
            self.unknown_field(token, name.lower(), value)
        known: FieldName = next(field for field in _FIELDS if field == name.lower())
        value = value.strip()
        if not value:
            self.fail(f"{known}: needs its value directly behind it, as in {_EXAMPLES[known]}.", token.start)
        if any(star in value for star in _STARS):
            self.fail(f"{known}: takes no *. Write the whole value, as in {_EXAMPLES[known]}.", token.value_start)
        value = normal_value(known, value)
        if known == "site" and not _HOST.fullmatch(value):
            self.fail("site: takes a site's name without path, as in site:example.com.", token.value_start)
        if not value:
            self.fail(f"{known}: needs its value directly behind it, as in {_EXAMPLES[known]}.", token.start)
        return Field(known, value)

    def unknown_field(self, token: _Token, name: str, value: str) -> NoReturn:
        if without_links(token.text) != token.text:
            self.fail("Links are not searched as words. Write site:example.com to find links to a site.", token.start)
        close = difflib.get_close_matches(name, _FIELDS, 1, 0.6)
        near = _ALIASES.get(name) or (close[0] if close else None)
        meant = f"Did you mean {near}:{value}?" if near else f"There are {', '.join(f'{f}:' for f in _FIELDS)}."
        self.fail(f'There is no field "{name}:". {meant} To search for the text itself, quote it.', token.start)

    def deeper(self, token: _Token) -> None:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self.fail(f"This is nested more than {MAX_NESTING} levels deep. Take some brackets out.", token.start)

    def peek(self) -> TokenKind | None:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else None

    def start(self) -> int:
        return self.tokens[self.at].start if self.at < len(self.tokens) else len(self.text)

    def take(self) -> _Token:
        if self.at == len(self.tokens):
            last = self.tokens[-1]
            self.fail(f"Nothing follows this {last.text}. Put a word there, or remove it.", last.start)
        self.at += 1
        return self.tokens[self.at - 1]

    def operator(self) -> _Token:
        """Take an operator, which needs an operand behind it."""
        token = self.take()
        if self.peek() == "close":
            self.fail(f"Nothing follows this {token.text}. Put a word there, or remove it.", token.start)
        return token

    def fail(self, message: str, position: int) -> NoReturn:
        raise QuerySyntaxError(message, position, self.text)


_EXAMPLES: dict[FieldName, str] = {
    "from": "from:acme",
    "lang": "lang:de",
    "site": "site:example.com",
    "source": "source:bluesky",
}


def _example(token: _Token) -> str:
    return "NEAR/5" if token.kind == "near" else token.text


def _nothing_in(token: _Token) -> str:
    signs = {"&": "AND", "&&": "AND", "+": "AND", "|": "OR", "||": "OR", "!": "NOT"}
    if token.text in signs:
        return f"{token.text} is no operator here. Write {signs[token.text]}."
    return f"Nothing in {token.text!r} can be searched. A term needs a letter, a digit or an emoji."


def _flat(kind: type[And] | type[Or], parts: list[Node]) -> tuple[Node, ...]:
    """The parts, with those of a nested node of the same kind in its place."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, And | Or) and isinstance(part, kind) else [part])
    return tuple(flat)


def _any_leaf(_: Leaf) -> float:
    return 1.0


def _open_branch(node: Node) -> Node:
    """The first part, going down, that leaves a query without anything that must be there."""
    while isinstance(node, And | Or):
        node = next(part for part in node.parts if anchors(part, _any_leaf) is None)
    return node
