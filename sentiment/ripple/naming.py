"""What an incident is called: by the words that its complaints share and the brand's other complaints do not.

"Checkout: card payment" is the phrase that most of them say, behind the most telling word that is not in it. A word
counts once per text however often it stands there, and never what only one of them says (sentiment/ripple/words.py
says what is a word: no names, links or numbers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from sentiment.ripple.rare import stem

UNNAMED = "More complaints than usual"
"""The name of an incident whose complaints share no word."""
MOST_WORDS = 6

_SHARED = 0.15
"""The share of an incident's texts in which a term must stand to be one of its own."""
_RARE = 0.02
"""What is added to the shares of terms, so that one that was never seen before is telling, and not infinitely so."""
_WEAK = 0.3
"""A word that is so much less telling than the first is none to call it by."""
_SAID_BY_MOST = 0.4
"""A phrase that is so much less telling than the first word is what a few of them copy: no name of all."""


@dataclass(frozen=True, slots=True)
class Name:
    """The name of an incident, and its own words, the most telling first."""

    name: str
    words: tuple[str, ...]


def candidates(texts: Sequence[Sequence[str]]) -> dict[str, float]:
    """The terms (words, and phrases of two) that enough of the texts share, with the share of texts that do."""
    number = Counter(term for terms in texts for term in set(terms))
    least = max(2, round(_SHARED * len(texts)))
    return {term: seen / len(texts) for term, seen in number.items() if seen >= least}


def name_of(shares: Mapping[str, float], usual: Mapping[str, float]) -> Name:
    """What complaints are about of which these `shares` have each term, where `usual` shares of others have it."""
    worth = {term: share * log((share + _RARE) / (usual.get(term, 0.0) + _RARE)) for term, share in shares.items()}
    clear = sorted((term for term in worth if worth[term] > 0), key=lambda term: (-worth[term], term))
    words = _distinct([term for term in clear if " " not in term])
    phrases = [term for term in clear if " " in term]
    if not clear:
        return Name(UNNAMED, ())
    if not phrases or worth[phrases[0]] < _SAID_BY_MOST * worth[clear[0]]:
        return Name(_said(words[:1], words[1:3]), tuple(words[:MOST_WORDS]))
    inside = {stem(word) for word in phrases[0].split()}
    head = [word for word in words if stem(word) not in inside and worth[word] >= _WEAK * worth[words[0]]]
    return Name(_said(head[:1], [phrases[0]]), tuple(words[:MOST_WORDS]))


def _distinct(words: Sequence[str]) -> list[str]:
    """Each word once, in its most telling form: "salad" and "salads" are one."""
    first: dict[str, str] = {}
    for word in words:
        first.setdefault(stem(word), word)
    return list(first.values())


def _said(head: Sequence[str], rest: Sequence[str]) -> str:
    said = ": ".join(part for part in (" ".join(head), " ".join(rest)) if part)
    return said[:1].upper() + said[1:]
