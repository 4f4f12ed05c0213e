"""Our queries in X's own syntax: rules of its filtered stream, and queries of its recent search.

A rule asks for at least what the query matches, never for less: what X cannot say is left out, and every post that
comes is matched here again. What that means in particular:

* A word is also asked for as hashtag, mention and cashtag, since a word of ours finds all of them, and one with accents
  with and without: the stream takes them literally (docs.x.com, "Build a rule").
* Nothing is excluded from the stream but reposts. Its operators also look at the post that is quoted, so `-jobs` there
  would lose those who quote a job offer; the search looks at the post alone, and there authors can be excluded.
* `ship*`, NEAR, `followers:` and the like are unknown to X and left out, with what stands beside them still asked for.
  A query of which nothing remains that X could look for cannot be heard on X (`Unheard`).

A rule that is too long is split at a choice: (a OR b) c becomes a c, and b c. Short ones are joined with OR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from listener.query import QuerySyntaxError, parse
from listener.query.tree import And, Field, Near, Node, Not, Or, Term
from listener.source import Wanted, kinds

RULE_LENGTH = 1_024
SEARCH_LENGTH = 512
"""Characters of a rule and of a search query, for others than Enterprise."""
MOST_RULES = 1_000
MOST_PIECES = 20
"""A query that would have to be split into more is loosened instead."""
NO_REPOSTS = "-is:retweet"

_PLAIN = re.compile(r"[A-Za-z0-9_]+")
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")
_TAG = re.compile(r"\w*[^\W\d]\w*")
_CASHTAG = re.compile(r"[A-Za-z]{1,6}")
_QUOTES = re.compile(r'["“”„‟＂«»\\\x00-\x1f\x7f]')
_RESERVED = frozenset({"and", "or", "not"})
_LANGUAGE = re.compile(
    "am|ar|bg|bn|ca|cs|da|de|el|en|es|et|eu|fa|fi|fr|gu|hr|hu|hy|it|ja|ka|kn|ko|lt|lv|ml|mr|nl|no|pl|pt|ro|ru|sk|sl|sr|sv|"
    "ta|te|th|tr|uk|ur|vi"
)
"""Those that X's stream and search both take, and by the name that its posts have. It has old names for two more."""
_OLD_NAMES = {"he": "iw", "id": "in"}


@dataclass(frozen=True, slots=True)
class Unheard:
    """A query that X cannot be asked, or only in part, and why, in words for the person who wrote it."""

    wanted: Wanted
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What to ask X for so that all wanted queries are heard; and those that cannot be."""

    texts: tuple[str, ...]
    unheard: tuple[Unheard, ...] = ()


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One operator. X wants each rule to have one that can stand by itself."""

    text: str
    stands_alone: bool = True
    negated: bool = False


@dataclass(frozen=True, slots=True)
class _All:
    parts: tuple[_Part, ...]


@dataclass(frozen=True, slots=True)
class _Any:
    parts: tuple[_Part, ...]


_Part = _Leaf | _All | _Any
_ANYTHING, _NOTHING = _All(()), _Any(())
"""What every post satisfies, and none."""


def stream_rules(queries: Sequence[Wanted], *, reposts: bool) -> Asked:
    """Rules for the filtered stream, one or more per query; joined only where there would be too many of them."""
    suffix = "" if reposts else NO_REPOSTS
    pieces, unheard = _all_pieces(queries, RULE_LENGTH - _length(suffix) - 3, stream=True)
    texts = [_with(suffix, piece) for piece in pieces]
    if len(texts) > MOST_RULES:
        texts = [_with(suffix, joined) for joined in _joined(pieces, RULE_LENGTH - _length(suffix) - 3)]
    if len(texts) > MOST_RULES:
        last = Wanted("", "")
        unheard.append(Unheard(last, f"X takes {MOST_RULES:,} rules; {len(texts) - MOST_RULES:,} more are left out"))
    return Asked(tuple(texts[:MOST_RULES]), tuple(unheard))


def searches(queries: Sequence[Wanted], own: Iterable[str] = ()) -> Asked:
    """Queries for recent search, as few as possible: each costs a request every time. `own` accounts are left out."""
    suffix = " ".join([NO_REPOSTS, *(f"-from:{handle}" for handle in own if _HANDLE.fullmatch(handle))])
    room = SEARCH_LENGTH - _length(suffix) - 3
    pieces, unheard = _all_pieces(queries, room, stream=False)
    return Asked(tuple(_with(suffix, joined) for joined in _joined(pieces, room)), tuple(unheard))


def _all_pieces(queries: Sequence[Wanted], length: int, *, stream: bool) -> tuple[list[str], list[Unheard]]:
    """The texts of all queries, those of competitors last; and the queries that have none."""
    texts: dict[str, None] = {}
    unheard = []
    for wanted in sorted(queries, key=lambda one: one.competitor):
        try:
            part = _Translator(stream=stream).asked(parse(wanted.text, dict(wanted.lists)).tree)
        except QuerySyntaxError as error:
            unheard.append(Unheard(wanted, f"it cannot be read: {error}"))
            continue
        if part == _NOTHING:
            continue  # of another platform: there is nothing to hear on X
        if not _grounded(part):
            unheard.append(Unheard(wanted, "X can only look for whole words, hashtags, accounts and links: add one"))
            continue
        texts.update(dict.fromkeys(_pieces(part, length)))
    return list(texts), unheard


class _Translator:
    """Turns a tree into X's operators so that every post that matches the tree satisfies them."""

    def __init__(self, *, stream: bool) -> None:
        self._stream = stream

    def asked(self, node: Node) -> _Part:
        part: _Part = _ANYTHING
        match node:
            case And(parts):
                part = _all_of([self.asked(one) for one in parts])
            case Or(parts):
                part = _any_of([self.asked(one) for one in parts])
            case Near(left, right):
                part = _all_of([_any_of([_term(term) for term in side]) for side in (left, right)])
            case Not(inner):
                part = self._without(inner)
            case Term():
                part = _term(node)
            case Field():
                part = _field(node)
        return part

    def _without(self, node: Node) -> _Part:
        match node:
            case Or(parts):
                return _all_of([self._without(part) for part in parts])
            case Field("from", handle) if _HANDLE.fullmatch(handle) and not self._stream:
                return _Leaf(f"-from:{handle}", stands_alone=False, negated=True)
            case Field("source", "x"):
                return _NOTHING
            case _:
                return _ANYTHING


def _term(term: Term) -> _Part:
    """Every way in which X finds what this term finds."""
    if term.prefix:
        return _ANYTHING
    bare = term.text.strip().strip("#@$＃＠＄")
    words = [_Leaf(_quoted(form)) for form in _spellings(bare, term.plain)]
    tag = [_Leaf(f"#{bare}")] if _TAG.fullmatch(bare) else []
    handle = [_Leaf(f"@{bare}")] if _HANDLE.fullmatch(bare) else []
    cashtag = [_Leaf(f"${bare}")] if _CASHTAG.fullmatch(bare) else []
    match term.kind:
        case "tag":
            return _any_of(tag or words)
        case "handle":
            return _any_of(handle or words)
        case "cashtag":
            return _any_of([*cashtag, *words])
        case "word":
            return _any_of([*words, *tag, *handle, *cashtag])
        case _:
            return _any_of(words)


def _spellings(typed: str, plain: str) -> Iterable[str]:
    """A term as typed, and as it is compared here: without accents, its parts (wi fi) without what stands between."""
    parts = [part for part in plain.split() if any(character.isalnum() for character in part)]
    compared = " ".join(parts) if len(parts) == len(plain.split()) or len(parts) > 1 else typed
    return {text.casefold(): text for text in (compared, typed) if text}.values()


def _quoted(text: str) -> str:
    """A keyword or phrase: quoted unless it is plain letters that X cannot take for an operator."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return '"' + " ".join(_QUOTES.sub(" ", text).split()) + '"'


def _field(field: Field) -> _Part:
    part: _Part = _ANYTHING
    match field.name, field.value:
        case "from", handle:
            part = _Leaf(f"from:{handle}") if _HANDLE.fullmatch(handle) else _NOTHING
        case "lang", code if code in _OLD_NAMES or _LANGUAGE.fullmatch(code):
            part = _Leaf(f"lang:{_OLD_NAMES.get(code, code)}", stands_alone=False)
        case "site", host if host not in ("x.com", "twitter.com"):  # every post is on x.com
            part = _Leaf(f'url:"{host}"')
        case "source", name if name != "x" and name in kinds():
            part = _NOTHING
        case "is", ("reply" | "quote") as kind:
            part = _Leaf(f"is:{kind}", stands_alone=False)
        case "is", ("comment" | "review" | "email"):
            part = _NOTHING
        case "has", "link":
            part = _Leaf("has:links", stands_alone=False)
    return part


def _all_of(parts: Iterable[_Part]) -> _Part:
    flat: dict[_Part, None] = {}
    for part in parts:
        if part == _NOTHING:
            return _NOTHING
        flat.update(dict.fromkeys(part.parts if isinstance(part, _All) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else _All(tuple(flat))


def _any_of(parts: Iterable[_Part]) -> _Part:
    """X takes no exclusion as one of several choices: there it counts as anything."""
    flat: dict[_Part, None] = {}
    for part in parts:
        if part == _ANYTHING or _excludes(part):
            return _ANYTHING
        flat.update(dict.fromkeys(part.parts if isinstance(part, _Any) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else _Any(tuple(flat))


def _excludes(part: _Part) -> bool:
    """Whether it is nothing but exclusions."""
    match part:
        case _Leaf():
            return part.negated
        case _:
            return bool(part.parts) and all(_excludes(one) for one in part.parts)


def _grounded(part: _Part) -> bool:
    """Whether every way to satisfy it contains an operator that can stand by itself."""
    match part:
        case _Leaf():
            return part.stands_alone
        case _All(parts):
            return any(_grounded(one) for one in parts)
        case _Any(parts):
            return all(_grounded(one) for one in parts)


def _text(part: _Part, *, inside: bool = False) -> str:
    match part:
        case _Leaf():
            return part.text
        case _All(parts):
            text = " ".join(_text(one, inside=True) for one in parts)
        case _Any(parts):
            text = " OR ".join(_text(one, inside=True) for one in parts)
    return f"({text})" if inside else text


def _length(text: str) -> int:
    """Characters as the strictest count takes them: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def _pieces(part: _Part, length: int) -> list[str]:
    """Texts of at most `length` that together ask for all of it: split, or loosened where that makes too many."""
    while isinstance(part, _All) and _least(part) > length / 4:
        part = _loosened(part)
    while True:
        pieces = list(islice(_split(part, length), MOST_PIECES + 1))
        if len(pieces) <= MOST_PIECES or not isinstance(part, _All):
            return pieces
        part = _loosened(part)


def _split(part: _Part, length: int) -> Iterator[str]:
    text = _text(part)
    if _length(text) <= length:
        yield text
        return
    match part:
        case _Leaf():
            yield _shortened(text, length)
        case _Any(parts):
            yield from _joined((piece for one in parts for piece in _split(one, length)), length)
        case _All(parts):
            longest = max((one for one in parts if isinstance(one, _Any)), key=_size, default=None)
            if longest is None:
                yield from _split(_loosened(part), length)
                return
            middle = len(longest.parts) // 2
            for half in (longest.parts[:middle], longest.parts[middle:]):
                yield from _split(_all_of([_any_of(half), *(one for one in parts if one is not longest)]), length)


def _least(part: _Part) -> int:
    """The length of its shortest piece, however much it is split."""
    match part:
        case _Leaf():
            return _length(part.text)
        case _All(parts):
            return sum(_least(one) + 1 for one in parts)
        case _Any(parts):
            return min(map(_least, parts), default=0)


def _size(part: _Part) -> int:
    return _length(_text(part))


def _loosened(whole: _All) -> _Part:
    """Without its longest part that it can do without, or with the only one that it cannot do without."""
    for one in sorted(whole.parts, key=_size, reverse=True):
        rest = _all_of(part for part in whole.parts if part is not one)
        if _grounded(rest):
            return rest
    return next(part for part in whole.parts if _grounded(part))


def _shortened(text: str, length: int) -> str:
    """A phrase that is too long is asked for by its beginning."""
    words = text.strip('"').split()
    while len(words) > 1 and _length(" ".join(words)) > length - 2:
        words.pop()
    return f'"{" ".join(words)[: length - 2]}"'


def _joined(texts: Iterable[str], length: int) -> Iterator[str]:
    """Joined with OR as long as they fit."""
    held: list[str] = []
    for text in texts:
        if held and _length(_either([*held, text])) > length:
            yield _either(held)
            held = []
        held.append(text)
    if held:
        yield _either(held)


def _either(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else " OR ".join(_bracketed(text) for text in texts)


def _bracketed(text: str) -> str:
    return text if " " not in text else f"({text})"


def _with(suffix: str, text: str) -> str:
    return f"{_bracketed(text)} {suffix}" if suffix else text
