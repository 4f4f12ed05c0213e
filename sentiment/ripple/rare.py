"""Which words are rare for a brand: in how many of its remembered complaints each stood, and when.

A word that hardly any complaint had before (a place, a product, an error code), and that several have now, tells of one
fault, however differently everybody writes about it. What is rare differs by brand: "card" says nothing of a bank's
complaint. Words are held in their shortest form ("charged" and "charges" are one), each once per complaint.

Kept as complaints come and go; asking what is usual costs a binary search per word.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from math import log

import regex

from sentiment.ripple import words as wording

SHARED = 0.15
"""The share of some complaints in which a word must stand to be one of theirs; and it stands in two."""
TELLING = 1.5
"""From which lift on a word tells what some complaints are about: four to five times as frequent as it was before."""
_LITTLE = 0.02
"""What is added to shares, so that a word that was never seen before is telling, and not infinitely so."""

RARE = 0.005
"""The share of complaints before that a rare word had at most."""
KNOWN = 30
"""Complaints from which on it is known which words are rare."""

_ENDINGS = ("ing", "ed", "es", "s")
_STEM = 4
_CODE = regex.compile(r"(?V1)(?<![\p{L}\p{N}.,:/#-])(?:\p{Lu}{1,4}[-_]?)?\p{N}{3,5}(?![\p{L}\p{N}:/%-]|[.,]\p{N})")
_MOST_CODES = 4


@dataclass(frozen=True, slots=True)
class Word:
    """What a word is among some complaints: the share that has it, and its lift, the logarithm of how many times as
    frequent it is as it was before."""

    share: float
    lift: float


class Words:
    """The words of one brand's complaints that are remembered."""

    def __init__(self) -> None:
        self._of: dict[int, frozenset[str]] = {}
        self._where: dict[str, list[tuple[float, int]]] = {}

    def add(self, mention_id: int, at: float, words: frozenset[str]) -> None:
        """Remember the words of a complaint that was written then."""
        self._of[mention_id] = words
        for word in words:
            insort(self._where.setdefault(word, []), (at, mention_id))

    def drop(self, mention_id: int, at: float) -> None:
        """Forget them, as they were added."""
        for word in self._of.pop(mention_id, ()):
            there = self._where[word]
            del there[bisect_left(there, (at, mention_id))]
            if not there:
                del self._where[word]

    def of(self, mention_id: int) -> frozenset[str]:
        """The words of a complaint."""
        return self._of.get(mention_id, frozenset())

    def before(self, word: str, at: float) -> int:
        """How many complaints that were written before then have a word."""
        return bisect_left(self._where.get(word, []), (at, -1))

    def between(self, word: str, start: float, end: float) -> list[tuple[float, int]]:
        """When complaints that have a word were written from `start` to `end`, and which they are."""
        there = self._where.get(word, [])
        return there[bisect_left(there, (start, -1)) : bisect_left(there, (end, 1 << 62))]

    def telling(self, mention_ids: Collection[int], before: float, known: int) -> dict[str, Word]:
        """The words that some complaints share far more than the `known` ones that were written `before` did."""
        said = Counter(word for one in mention_ids for word in self.of(one))
        least = max(2.0, SHARED * len(mention_ids))
        found = {}
        for word, number in said.items():
            if number >= least:
                share = number / len(mention_ids)
                lift = log((share + _LITTLE) / (self.before(word, before) / (known + 1) + _LITTLE))
                if lift >= TELLING:
                    found[word] = Word(share, lift)
        return found


def words_of(text: str) -> frozenset[str]:
    """The words of a text in their shortest form, and its error codes ("502", "E1043"), each once."""
    found = {stem(term) for term in wording.terms(text) if " " not in term}
    return frozenset(found.union(_codes(text)))


def _codes(text: str) -> list[str]:
    codes: list[str] = _CODE.findall(text[: wording.READ])
    return codes[:_MOST_CODES]


def stem(word: str) -> str:
    """A word in its shortest form: "charged", "charges" and "charge" are one."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM and not word.endswith("ss"):
            return word.removesuffix(ending).rstrip("e")
    return word.rstrip("e") if len(word) > _STEM else word
