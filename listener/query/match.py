"""Does a post match a query; and which of thousands of queries does it match.

`Matcher` looks for one small set of anchors per query (terms of which every match contains at least one) in one pass
over the text, and evaluates only the queries whose anchor turned up. Anchors that are fields are looked up in
dictionaries. Both ways end in the same evaluation as `matches`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from ahocorasick_rs import AhoCorasick

from core.types import Mention
from listener.query.tree import (
    And,
    Field,
    FieldName,
    Followers,
    Leaf,
    Near,
    Node,
    Not,
    Or,
    Query,
    Term,
    anchors,
    normal_value,
)
from listener.query.words import holds_emoji, hosts, is_run, may_hold_host, unit_starts, unmarked, without_links, words

_FEW = 5
"""So many terms are sooner looked for one by one."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Post:
    """What of a mention is matched. `links` are addresses that the platform holds apart from the text.

    `kind` is one of core.types.Kind; `followers` are the author's, None where the platform does not say.
    """

    text: str
    author: str = ""
    lang: str | None = None
    url: str | None = None
    platform: str = ""
    source: str | None = None
    links: tuple[str, ...] = ()
    followers: int | None = None
    kind: str = "post"


def post_of(mention: Mention, source: str | None = None) -> Post:
    """The post to match for a mention that was heard at the source named `source`."""
    return Post(
        mention.text,
        mention.author.handle,
        mention.lang,
        mention.url,
        mention.platform,
        source,
        links_in(mention.extra),
        mention.author.followers,
        mention.kind,
    )


def links_in(extra: Mapping[str, object]) -> tuple[str, ...]:
    """The links that a platform holds apart from a mention's text."""
    links = extra.get("links")
    return tuple(link for link in links if isinstance(link, str)) if isinstance(links, list | tuple) else ()


def matches(query: Query, post: Post) -> bool:
    """Whether the post matches the query."""
    return _check(query.tree)(_Reading(post))


class Matcher(Generic[Key]):
    """Many queries, matched at once. Build it once: it holds an automaton over all their anchors."""

    def __init__(self, queries: Mapping[Key, Query]) -> None:
        self._keys = list(queries)
        self._checks = [_check(query.tree) for query in queries.values()]
        self._by_field: dict[FieldName, dict[str, list[int]]] = {}
        by_pattern: dict[str, list[int]] = {}
        for number, query in enumerate(queries.values()):
            for leaf in anchors(query.tree, _cost) or ():
                if isinstance(leaf, Term):
                    by_pattern.setdefault(leaf.plain, []).append(number)
                else:
                    self._by_field.setdefault(leaf.name, {}).setdefault(leaf.value, []).append(number)
        self._by_pattern = list(by_pattern.values())
        self._terms = AhoCorasick(by_pattern) if by_pattern else None
        self._by_site = self._by_field.pop("site", {})
        self._sites = AhoCorasick(self._by_site) if self._by_site else None

    def match(self, post: Post) -> list[Key]:
        """The keys of the queries that the post matches, in the order in which the queries were given."""
        reading = _Reading(post)
        candidates: set[int] = set()
        if self._terms is not None:
            for pattern, _, _ in self._terms.find_matches_as_indexes(reading.plain, overlapping=True):
                candidates.update(self._by_pattern[pattern])
        for name, numbers in self._by_field.items():
            for value in reading.values(name):
                if value in numbers:
                    candidates.update(numbers[value])
        if self._sites is not None and _may_link(post, self._sites):
            for host in reading.values("site"):
                candidates.update(self._by_site.get(host, ()))
        return [self._keys[number] for number in sorted(candidates) if self._checks[number](reading)]


def _may_link(post: Post, sites: AhoCorasick) -> bool:
    """Whether finding the links of a post can be worth while: cheap, and sure only in saying no."""
    addresses = " ".join((post.text, post.url or "", *post.links))
    return may_hold_host(addresses) and (
        not addresses.isascii() or bool(sites.find_matches_as_indexes(addresses.lower()))
    )


def _cost(leaf: Leaf) -> float:
    """About the share of posts in which an anchor turns up, by its length: rare anchors mean few candidates."""
    if isinstance(leaf, Field):
        return {"from": 0.0001, "site": 0.02, "lang": 0.3, "source": 0.3, "is": 0.3, "has": 0.3}[leaf.name]
    letters = sum(3 if is_run(character) else 1 for character in leaf.plain if character != " ")
    return max(0.0005, 0.6**letters) * (2 if leaf.prefix else 1)


class _Reading:
    """A post as the checks read it; what only some of them need is worked out when asked for."""

    __slots__ = ("_values", "_where", "found", "marked", "plain", "post")

    def __init__(self, post: Post) -> None:
        self.post = post
        self.marked = words(post.text)
        self.plain = unmarked(self.marked)
        self.found: dict[AhoCorasick, bool] = {}
        self._values: dict[FieldName, Iterable[str]] = {}
        self._where: dict[bool, list[int]] = {}

    def values(self, name: FieldName) -> Iterable[str]:
        """Every value of a field that this post answers to: a host and the domains above it, de-at and de."""
        if name not in self._values:
            self._values[name] = _VALUES[name](self.post)
        return self._values[name]

    def span(self, hit: Hit) -> Span:
        """Which words a hit begins and ends in."""
        if hit.marked not in self._where:
            self._where[hit.marked] = unit_starts(self.marked if hit.marked else self.plain)
        starts = self._where[hit.marked]
        return _place(starts, hit.first), _place(starts, hit.last)


class Hit(NamedTuple):
    """Where a term's first and last characters stand in a form, with or without marks."""

    marked: bool
    first: int
    last: int


Place = tuple[int, int]
"""The number of a word and an offset in it."""
Span = tuple[Place, Place]
"""Where a term's first and last characters stand."""


def _place(starts: list[int], offset: int) -> Place:
    number = bisect_right(starts, offset) - 1
    return number, offset - starts[number]


def _sites(post: Post) -> list[str]:
    found = [*hosts(post.url or ""), *(host for link in post.links for host in hosts(link)), *hosts(post.text)]
    return [end for host in found for end in _ends(host, ".", from_start=False)]


def _holds(post: Post) -> list[str]:
    holds = ["link"] if post.links or without_links(post.text) != post.text else []
    return [*holds, "emoji"] if holds_emoji(post.text) else holds


_VALUES: dict[FieldName, Callable[[Post], Iterable[str]]] = {
    "from": lambda post: (normal_value("from", post.author),),
    "lang": lambda post: _ends(normal_value("lang", post.lang or ""), "-", from_start=True),
    "source": lambda post: (normal_value("source", post.platform), normal_value("source", post.source or "")),
    "site": _sites,
    "is": lambda post: (post.kind,),
    "has": _holds,
}


def _ends(value: str, mark: str, *, from_start: bool) -> list[str]:
    """The value and every shorter one left after cutting at a mark: a.b.c, b.c, c; or a-b-c, a-b, a."""
    ends = []
    while value:
        ends.append(value)
        value = value.rpartition(mark)[0] if from_start else value.partition(mark)[2]
    return ends


Check = Callable[[_Reading], bool]


@lru_cache(maxsize=4096)
def _check(node: Node) -> Check:
    """A function that evaluates a node; building it once makes each evaluation a few calls."""
    match node:
        case Term() | Field() | Followers():
            return _check_leaf(node)
        case Near(left, right, distance):
            return _near(left, right, distance)
        case Not(part):
            inner = _check(part)
            return lambda reading: not inner(reading)
        case And(parts):
            return _every([_check(part) for part in sorted(parts, key=_effort)])
        case Or(parts):
            return _choice(parts)


def _choice(parts: Sequence[Node]) -> Check:
    """Whether one of the parts matches; many terms are looked for at once."""
    ordered = sorted(parts, key=_effort)
    words = [part.form for part in ordered if isinstance(part, Term) and part.form == part.plain]
    if len(words) <= _FEW:
        return _some([_check(part) for part in ordered])
    many = _many(tuple(words))
    return _some([many, *(_check(part) for part in ordered if not isinstance(part, Term) or part.form != part.plain)])


@lru_cache(maxsize=1024)
def _many(forms: tuple[str, ...]) -> Check:
    automaton = AhoCorasick(forms)

    def many(reading: _Reading) -> bool:
        found = reading.found.get(automaton)  # lists are shared by many queries
        if found is None:
            found = reading.found[automaton] = bool(automaton.find_matches_as_indexes(reading.plain))
        return found

    return many


def _effort(node: Node) -> int:
    """About how many terms have to be looked for to evaluate a node: what is quick to decide goes first."""
    match node:
        case Followers():
            return 0
        case Term() | Field():
            return 1
        case Near(left, right):
            return len(left) + len(right) + 1
        case Not(part):
            return _effort(part)
        case And(parts) | Or(parts):
            return sum(map(_effort, parts))


def _check_leaf(leaf: Term | Field | Followers) -> Check:
    match leaf:
        case Term():
            return _term(leaf.form, marked=leaf.form != leaf.plain)
        case Field(name, value):
            return lambda reading: value in reading.values(name)
        case Followers(_, least, most):
            return _within(least, most)


def _term(form: str, *, marked: bool) -> Check:
    if marked:
        return lambda reading: form in reading.marked
    return lambda reading: form in reading.plain


def _within(least: int, most: int | None) -> Check:
    def within(reading: _Reading) -> bool:
        number = reading.post.followers
        return number is not None and number >= least and (most is None or number <= most)

    return within


def _every(checks: list[Check]) -> Check:
    def every(reading: _Reading) -> bool:
        for check in checks:  # noqa: SIM110 (a loop is twice as fast as all() over a generator)
            if not check(reading):
                return False
        return True

    return every


def _some(checks: list[Check]) -> Check:
    def some(reading: _Reading) -> bool:
        for check in checks:  # noqa: SIM110 (as above)
            if check(reading):
                return True
        return False

    return some


def _near(left: Sequence[Term], right: Sequence[Term], distance: int) -> Check:
    # the shorter side is mostly the anchor by which the query came up, so the longer one decides
    both = _every([_choice(side) for side in sorted((left, right), key=len, reverse=True)])
    find_left, find_right = _finder(left), _finder(right)

    def near(reading: _Reading) -> bool:
        if not both(reading):  # whether is far cheaper than where
            return False
        one, other = (sorted(map(reading.span, find(reading))) for find in (find_left, find_right))
        return _follows(one, other, distance) or _follows(other, one, distance)

    return near


def _finder(terms: Sequence[Term]) -> Callable[[_Reading], list[Hit]]:
    """Finds every place of the terms; where they are many, in one pass."""
    plain = [term for term in terms if term.form == term.plain]
    singly = terms if len(plain) <= _FEW else [term for term in terms if term.form != term.plain]
    automaton = AhoCorasick([term.form for term in plain]) if len(plain) > _FEW else None

    def find(reading: _Reading) -> list[Hit]:
        hits = [hit for term in singly for hit in _hits(term, reading)]
        if automaton is not None:
            for number, start, _ in automaton.find_matches_as_indexes(reading.plain, overlapping=True):
                hits.append(_hit(plain[number], start))
        return hits

    return find


def _hits(term: Term, reading: _Reading) -> Iterator[Hit]:
    form = reading.plain if term.form == term.plain else reading.marked
    at = form.find(term.form)
    while at >= 0:
        yield _hit(term, at)
        at = form.find(term.form, at + 1)


def _hit(term: Term, at: int) -> Hit:
    """A term whose form begins at this character; the blanks and marks around it do not count."""
    lead, tail = len(term.form) - len(term.form.lstrip(" #@$")), len(term.form.rstrip())
    return Hit(term.form != term.plain, at + lead, at + tail - 1)


def _follows(first: list[Span], second: list[Span], distance: int) -> bool:
    """Whether one of `second` begins after the end of one of `first`, at most `distance` words further on."""
    for _, end in first:
        at = bisect_left(second, ((end[0], end[1] + 1), (0, 0)))
        if at < len(second) and second[at][0][0] - end[0] <= distance:
            return True
    return False
