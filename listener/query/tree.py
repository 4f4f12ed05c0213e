"""What a query is once it is read: a tree of terms and fields, and which of them every match must contain."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from listener.query.words import ascii_host, is_run, unmarked, words

FieldName = Literal["from", "lang", "site", "source", "is", "has"]
FIELDS: tuple[FieldName, ...] = get_args(FieldName)
NAMES: tuple[str, ...] = (*FIELDS, "followers", "list")
"""Everything that may stand before a colon."""
TermKind = Literal["word", "phrase", "tag", "handle", "cashtag"]

_MARK_KINDS: dict[str, TermKind] = {"#": "tag", "@": "handle", "$": "cashtag"}


@dataclass(frozen=True, slots=True)
class Term:
    """A word, phrase, tag or handle. `text` is what the person typed, without quotes and `*`.

    `form` stands in the form of a text (see words.py) exactly if the term matches; `plain` is the same without
    marks and stands in the unmarked form of every text that matches.
    """

    text: str
    kind: TermKind
    prefix: bool
    form: str
    plain: str


@dataclass(frozen=True, slots=True)
class Field:
    """`from:`, `lang:`, `site:`, `source:`, `is:` or `has:` with its value, normalised for comparison."""

    name: FieldName
    value: str


@dataclass(frozen=True, slots=True)
class Followers:
    """`followers:`: how many the author has, from `least` to `most`. `text` is what stands behind the colon."""

    text: str
    least: int
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """One of `left` within `distance` words of one of `right`, in either order."""

    left: tuple[Term, ...]
    right: tuple[Term, ...]
    distance: int


@dataclass(frozen=True, slots=True)
class Not:
    """What must not match."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """Parts that must all match; two or more."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Parts of which one must match; two or more, unless they are the words of the brand's list called `name`."""

    parts: tuple[Node, ...]
    name: str = ""


Node = Term | Field | Followers | Near | Not | And | Or
Leaf = Term | Field


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was read: `text` as the person typed it, `tree` as it is evaluated."""

    text: str
    tree: Node


def term_of(text: str, *, quoted: bool, prefix: bool) -> Term | None:
    """The term for what a person typed, or None if nothing in it can be searched."""
    form = words(text)
    plain = unmarked(form)
    if not any(character.isalnum() or not character.isascii() for character in plain):
        return None
    if plain == form:
        kind: TermKind = "phrase" if quoted and " " in form.strip() else "word"
        form = plain = _borders(form, prefix=prefix)
    else:
        kind = "phrase" if quoted and " " in plain.strip() else _MARK_KINDS.get(form[1], "phrase")
        form = form[:-1] if prefix else form
        plain = _borders(plain, prefix=prefix)
    return Term(text, kind, prefix, form, plain)


def normal_value(name: FieldName, value: str) -> str:
    """A field's value as it is compared; also applied to what stands in a post."""
    value = value.strip() if value.isascii() else unicodedata.normalize("NFC", value.strip())
    match name:
        case "from":
            return value.lstrip("@＠").casefold()
        case "lang":
            return value.replace("_", "-").lower()
        case "site":
            host = re.sub(r"^(?:https?://)?(?:\*\.)?", "", value, flags=re.IGNORECASE).removesuffix("/")
            return ascii_host(host).removeprefix("www.")
        case "source" | "is" | "has":
            return value.casefold()


def _borders(form: str, *, prefix: bool) -> str:
    """Drop the spaces at which the term may stand inside a word: behind a prefix, around a script without spaces."""
    start = 1 if is_run(form[1]) else 0
    end = -1 if prefix or is_run(form[-2]) else None
    return form[start:end]


def anchors(node: Node, cost: Callable[[Leaf], float | None]) -> frozenset[Leaf] | None:
    """Leaves of which every match of `node` contains at least one, chosen for the least total cost.

    `cost` says what it takes to look for a leaf, None if it cannot be looked for. None is returned where no such
    set exists, as for `NOT a`: that matches nearly everything.
    """
    found = _anchors(node, cost, wanted=True)
    return frozenset(found) if found is not None else None


def _anchors(node: Node, cost: Callable[[Leaf], float | None], *, wanted: bool) -> dict[Leaf, float] | None:
    match node:
        case Not(part):
            return _anchors(part, cost, wanted=not wanted)
        case And(parts) | Or(parts):
            sets = [_anchors(part, cost, wanted=wanted) for part in parts]
            return _best(sets) if isinstance(node, And) == wanted else _union(sets)
        case Near(left, right):
            sets = [_union(_anchors(term, cost, wanted=True) for term in side) for side in (left, right)]
            return _best(sets) if wanted else None
        case Followers():
            return None
        case _:
            price = cost(node) if wanted else None
            return None if price is None else {node: price}


def _best(sets: Iterable[dict[Leaf, float] | None]) -> dict[Leaf, float] | None:
    return min((one for one in sets if one is not None), key=lambda one: sum(one.values()), default=None)


def _union(sets: Iterable[dict[Leaf, float] | None]) -> dict[Leaf, float] | None:
    union: dict[Leaf, float] = {}
    for one in sets:
        if one is None:
            return None
        union |= one
    return union


def terms(query: Query) -> list[str]:
    """Words and phrases to ask a platform's own search for: every match contains at least one of them.

    As few as possible, as typed, without `#`, `@` and `*` (a term with `*` needs a search that completes words).
    Empty if there is no such set, as for `from:acme lang:de`: then words cannot narrow the search.
    """
    found = anchors(query.tree, _search_cost)
    return sorted({term.text.strip("#@$＃＠＄.,:;!?") for term in found or () if isinstance(term, Term)})


def _search_cost(leaf: Leaf) -> float | None:
    """One request each, so few terms before long ones; fields are not words."""
    return 1 + 1 / len(leaf.plain) if isinstance(leaf, Term) else None
