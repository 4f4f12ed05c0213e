"""Reads a query: words, "phrases", AND OR NOT ( ), -x, #tag, @handle, fields, lists, a NEAR/5 b, ship*.

NOT binds closest, then NEAR, then AND (also written as nothing at all), then OR. Operators are upper case; what is
lower case is a word. Every error points at a character and says what to do.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import NoReturn

from listener.query.leaves import Lists, read_field, read_term
from listener.query.lex import QuerySyntaxError, Token, TokenKind, tokens
from listener.query.tree import And, Followers, Leaf, Near, Node, Not, Or, Query, Term, anchors

MAX_LENGTH = 4_000
MAX_NESTING = 100
MAX_DISTANCE = 100
NO_LISTS: Lists = MappingProxyType({})


def parse(text: str, lists: Lists = NO_LISTS) -> Query:
    """Read a query; `lists` are those that it may name. Raises QuerySyntaxError."""
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(
            f"A query has at most {MAX_LENGTH:,} characters; this one has {len(text):,}. Split it into several.",
            MAX_LENGTH,
            text,
        )
    return Query(text, _Parser(text, lists).parse())


class _Parser:
    """Recursive descent over the tokens; remembers where each node starts, for the errors."""

    def __init__(self, text: str, lists: Lists) -> None:
        self.text = text
        self.lists = lists
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
            branch = _open_branch(tree)
            said = "how many followers" if isinstance(branch, Followers) else "what to leave out"
            self.fail(
                f"This only says {said} and would match nearly every post. Add a word that must be there.",
                self.starts[id(branch)],
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
        parts = _choices(node)
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
                node = read_field(token, self.text, self.lists)
            case "word" | "phrase":
                node = read_term(token, self.text)
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


def _example(token: Token) -> str:
    return "NEAR/5" if token.kind == "near" else token.text


def _flat(kind: type[And] | type[Or], parts: list[Node]) -> tuple[Node, ...]:
    """The parts, with those of a nested node of the same kind in its place."""
    flat: list[Node] = []
    for part in parts:
        is_list = isinstance(part, Or) and part.name
        flat.extend(part.parts if isinstance(part, And | Or) and isinstance(part, kind) and not is_list else [part])
    return tuple(flat)


def _choices(node: Node) -> tuple[Node, ...]:
    """What a choice offers, the words of a list each by itself; of anything else, itself."""
    return tuple(choice for part in node.parts for choice in _choices(part)) if isinstance(node, Or) else (node,)


def _any_leaf(_: Leaf) -> float:
    return 1.0


def _open_branch(node: Node) -> Node:
    """The first part, going down, that leaves a query without anything that must be there."""
    while isinstance(node, And | Or):
        node = next(part for part in node.parts if anchors(part, _any_leaf) is None)
    return node
