"""The same fault in other words: which complaints belong together though they lie apart.

Everybody tells of a fault in their own way, and a vector of a whole sentence tells the ways apart. What they share is a
word that is rare for the brand (sentiment/ripple/rare.py), or that rose with the fault:

* `home_of`: a group that shares a telling word with a larger incident that grows in the same hours, and is not far from
  it, is more of it. Groups that share only anger, or what all complaints of the brand share, are not.
* `by_rare_word`: a complaint joins the incident of which most have a rare word that it has, too.
* `risen`: many different authors who have a rare word within hours are a wave, however differently they write.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sentiment.ripple.likeness import LEAST, WINDOW, WINDOWS, Floats, Group, Pool, most_in, surprise, unit
from sentiment.ripple.rare import KNOWN, RARE, Word

KIN = 0.4
"""How near the mean of a group must be to that of an incident, beside the word that they share."""
WITHIN = 3 * 3600.0
"""An incident grows that took something in so lately."""
NEAR = 0.2
MOST = 0.5
"""A complaint that is so near to an incident joins it if it has a rare word that such a share of the incident has."""
SURE = 14.0
"""The surprise from which on a word has risen, in nats: there are a dozen in each complaint."""
_READ = 200
"""Complaints of an incident whose words are looked at, and of a word: the newest."""


@dataclass(slots=True)
class Growing:
    """An incident that takes in what is like it: its mean so far, of how many, when the last was written, and which of
    its complaints are remembered."""

    mean: Floats | None = field(repr=False)
    number: int
    last: float
    members: list[int] = field(default_factory=list)
    _words: tuple[int, dict[str, Word], frozenset[str]] = (0, {}, frozenset())

    def add(self, mention_id: int, vector: Floats | None, at: float) -> None:
        """Let a complaint be one of it."""
        self.members.append(mention_id)
        self.last = max(self.last, at)
        if vector is not None:
            mean = self.mean if self.mean is not None else np.zeros_like(vector)
            self.mean = ((mean * self.number + vector) / (self.number + 1)).astype(np.float32)
            self.number += 1

    def words(self, pool: Pool) -> dict[str, Word]:
        """The words that tell what it is about; found anew when it has grown by an eighth."""
        return self._read(pool)[1]

    def rare(self, pool: Pool) -> frozenset[str]:
        """Those of them that are rare and that most of it have."""
        return self._read(pool)[2]

    def _read(self, pool: Pool) -> tuple[int, dict[str, Word], frozenset[str]]:
        if not self._words[0] or len(self.members) >= self._words[0] + max(1, self._words[0] // 8):
            there = [one for one in self.members[-_READ:] if one in pool]
            start = min((pool.time(one) for one in there), default=0.0) - WINDOW
            known = pool.number_before(start)
            words = pool.words.telling(there, start, known)
            rare = [word for word, of in words.items() if of.share >= MOST and _rare(pool, word, start, known, 1)]
            self._words = len(self.members), words, frozenset(rare)
        return self._words


def home_of(group: Group, homes: Sequence[int | None], growing: Mapping[int, Growing], pool: Pool) -> int | None:
    """The incident that a group is part of: where a third of it is, by where each of its complaints belongs; or the
    larger one that grows meanwhile and is about the same in other words."""
    inside = most_in(homes)
    if inside is not None:
        return inside
    near = {
        one: float(unit(it.mean - pool.middle) @ group.mean)
        for one, it in growing.items()
        if it.mean is not None and it.number >= len(group.likeness) and it.last > group.could_at - WITHIN
    }
    kin = [one for one in near if near[one] >= KIN and _share_words(group, growing[one], pool)]
    return max(kin, key=lambda one: near[one], default=None)


def _share_words(group: Group, it: Growing, pool: Pool) -> bool:
    if group.word and sum(group.word in pool.words.of(one) for one in it.members[-_READ:]) > 1:
        return True
    start = group.could_at - WINDOW
    mine = pool.words.telling(group.likeness, start, pool.number_before(start))
    return not it.words(pool).keys().isdisjoint(mine)


def by_rare_word(
    mention_id: int, likeness: Mapping[int, float], growing: Mapping[int, Growing], pool: Pool
) -> int | None:
    """The incident whose rare word a complaint has, by its `likeness` to each."""
    words = pool.words.of(mention_id)
    found = [one for one in likeness if likeness[one] >= NEAR and not growing[one].rare(pool).isdisjoint(words)]
    return max(found, key=lambda one: likeness[one], default=None)


def risen(mention_id: int, pool: Pool, homes: Container[int]) -> Group | None:
    """Those who have the rare word of a complaint that rose most, without those that have their `homes`, if any did."""
    at = pool.time(mention_id)
    known = pool.number_before(at - WINDOW)
    best: tuple[float, str, list[int]] = (SURE, "", [])
    for word in sorted(pool.words.of(mention_id)):
        if not _rare(pool, word, at - WINDOW, known):
            continue
        there = [one for one in pool.words.between(word, at - WINDOW, at)[-_READ:] if one[1] not in homes]
        if len({pool.author(one) for _, one in there}) >= LEAST:
            surprised = _surprise(pool, word, there, at)
            best = max(best, (surprised, word, [one for _, one in there]))
    if not best[1]:
        return None
    return Group(*pool.together(best[2]), at, best[0], best[1])


def _rare(pool: Pool, word: str, before: float, known: int, spare: int = 0) -> bool:
    return known >= KNOWN and pool.words.before(word, before) <= RARE * known + spare


def _surprise(pool: Pool, word: str, there: Sequence[tuple[float, int]], at: float) -> float:
    """How unusual it is that so many have a word by now, within the window in which it is most so."""
    like = np.array([when for when, _ in pool.words.between(word, 0.0, at)])
    every = pool.times()
    found = 0.0
    for window in WINDOWS:
        number = len({pool.author(one) for when, one in there if when > at - window})
        if number >= LEAST:
            found = max(found, surprise(number, like, every, at, window))
    return found
