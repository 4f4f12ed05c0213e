"""Reads a query: words, "phrases", AND OR NOT ( ), -x, #tag, @handle, fields, a NEAR/5 b, ship*.

NOT binds closest, then NEAR, then AND (also written as nothing at all), then OR. Operators are upper case; what is
lower case is a word. Every error points at a character and says what to do.
"""

from __future__ import annotations

import difflib
import re
from typing import NoReturn

from listener.query.lex import STARS, QuerySyntaxError, Token, TokenKind, tokens
from listener.query.tree import (
    FIELDS,
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
_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+")


def parse(text: str) -> Query:
    """Read a query. Raises QuerySyntaxError."""
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(
            f"A query has at most {MAX_LENGTH:,} characters; this one has {len(text):,}. Split it into several.",
            MAX_LENGTH,
            text,
        )
    return Query(text, _Parser(text).parse())


class _Parser:
    """Recursive descent over the tokens; remembers where each node starts, for the errors."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(tokens(text))
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

    def distance(self, token: Token) -> int:
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

    def group(self, opening: Token) -> Node:
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

    def unclosed(self, opening: Token) -> NoReturn:
        self.fail('This "(" is never closed. Add a ")" where the group ends.', opening.start)

    def term(self, token: Token) -> Term:
        typed, prefix = self.prefix(token)
        if without_links(typed) != typed:
            self.fail("Links are not searched as words. Write site:example.com to find links to a site.", token.start)
        term = term_of(typed, quoted=token.kind == "phrase", prefix=prefix)
        if term is None:
            self.fail(_nothing_in(token), token.start)
        if prefix and len(term.plain.rsplit(" ", 1)[-1]) < 2:
            self.fail("A * needs at least two letters before it, as in sh*. Type more of the word.", token.start)
        return term

    def prefix(self, token: Token) -> tuple[str, bool]:
        typed = token.text.rstrip() if token.kind == "phrase" else token.text
        prefix = typed.endswith(tuple(STARS))
        typed = typed[:-1] if prefix else typed
        for offset, character in enumerate(typed):
            if character in STARS:
                self.fail(
                    "A * stands only at the end of a word, as in ship*. Remove it here.",
                    token.start + offset + (token.kind == "phrase"),
                )
        return typed, prefix

    def field(self, token: Token) -> Field:
        name, _, value = token.text.partition(":")
        if name.lower() not in FIELDS:
            self.unknown_field(token, name.lower(), value)
        known: FieldName = next(field for field in FIELDS if field == name.lower())
        value = value.strip()
        if not value:
            self.fail(f"{known}: needs its value directly behind it, as in {_EXAMPLES[known]}.", token.start)
        if any(star in value for star in STARS):
            self.fail(f"{known}: takes no *. Write the whole value, as in {_EXAMPLES[known]}.", token.value_start)
        value = normal_value(known, value)
        if known == "site" and not _HOST.fullmatch(value):
            self.fail("site: takes a site's name without path, as in site:example.com.", token.value_start)
        if not value:
            self.fail(f"{known}: needs its value directly behind it, as in {_EXAMPLES[known]}.", token.start)
        return Field(known, value)

    def unknown_field(self, token: Token, name: str, value: str) -> NoReturn:
        if without_links(token.text) != token.text:
            self.fail("Links are not searched as words. Write site:example.com to find links to a site.", token.start)
        close = difflib.get_close_matches(name, FIELDS, 1, 0.6)
        near = _ALIASES.get(name) or (close[0] if close else None)
        meant = f"Did you mean {near}:{value}?" if near else f"There are {', '.join(f'{f}:' for f in FIELDS)}."
        self.fail(f'There is no field "{name}:". {meant} To search for the text itself, quote it.', token.start)

    def deeper(self, token: Token) -> None:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self.fail(f"This is nested more than {MAX_NESTING} levels deep. Take some brackets out.", token.start)

    def peek(self) -> TokenKind | None:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else None

    def start(self) -> int:
        return self.tokens[self.at].start if self.at < len(self.tokens) else len(self.text)

    def take(self) -> Token:
        if self.at == len(self.tokens):
            last = self.tokens[-1]
            self.fail(f"Nothing follows this {last.text}. Put a word there, or remove it.", last.start)
        self.at += 1
        return self.tokens[self.at - 1]

    def operator(self) -> Token:
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


def _example(token: Token) -> str:
    return "NEAR/5" if token.kind == "near" else token.text


def _nothing_in(token: Token) -> str:
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
