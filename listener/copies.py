"""Nearly identical texts: copied complaints and waves of spam, each linked to the first of its kind.

Texts are compared by the pairs of words that follow each other, without links and names. Two are nearly identical if
they share most of these (LIKE). To find the few that may be among all that are stored, each text leaves fingerprints:
MinHash values (Broder 1997) of its pairs, banded so that like texts very probably share one (Leskovec et al., Mining
of Massive Datasets, 3.4). Only the first of a kind leaves them, so that a wave of ten thousand copies costs no more
than one. Two that are stored by two processes in the same moment may both count as first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from zlib import crc32

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.db import insert
from core.tables import Copy, Match, Mention, Wording
from listener.chunks import chunks
from listener.query.words import unit_starts, words

SHORTEST = 5
"""Words of a text from which on it is compared: "thank you so much" is said by everybody."""
LIKE = 0.6
"""The share of all their pairs of words that two nearly identical texts have in common (Jaccard)."""
WITHIN = timedelta(days=30)

_LONGEST = 200
_BANDS, _ROWS = 6, 3
"""Of 100 pairs of texts that share 0.8 (0.7, 0.3) of their pairs, about 99 (92, 15) have a fingerprint in common."""
_UPPER, _MIX = np.uint64(32), np.uint64(0x9E37_79B9_7F4A_7C15)
_TIMES, _PLUS = np.random.Generator(np.random.PCG64(20_261_122)).integers(
    0, 2**64 - 1, (2, _BANDS * _ROWS), dtype=np.uint64
) | np.uint64(1)
"""One hash of a pair per column: the upper half of (times * pair + plus), 2-universal (Dietzfelbinger et al., 1997)."""
_MOST_KNOWN = 5_000
"""Stored fingerprints that are looked at for some hundreds of new ones."""
_COMPARED = 8
"""Texts with which a new one is compared."""

_HANDLE = re.compile(r"@ [^ ]+")
_MARK = re.compile(r"(?<= )[#$] ")

Pairs = frozenset[int]


@dataclass(frozen=True, slots=True)
class _Text:
    """A mention as it is compared."""

    id: int
    written: datetime
    pairs: Pairs = field(repr=False)
    brands: frozenset[int]

    def is_like(self, other: _Text) -> bool:
        """Whether this says nearly the same as the other, to the same brand and at about the same time."""
        near = self.brands & other.brands and abs(self.written - other.written) <= WITHIN
        return bool(near) and len(self.pairs & other.pairs) >= LIKE * len(self.pairs | other.pairs)


def note(db: Session, mention_ids: Iterable[int]) -> None:
    """Link each of these mentions to the first like it, or remember it as the first of its kind."""
    for part in chunks(sorted(mention_ids)):
        fresh = [one for one in _read(db, part) if one.pairs]
        prints = {one.id: fingerprints(one.pairs) for one in fresh}
        known = _known(db, {value for values in prints.values() for value in values}, set(prints))
        nearest = {other for values in prints.values() for other in _nearest(values, known)}
        texts = {one.id: one for one in _read(db, sorted(nearest))}
        copies, firsts = [], []
        for one in fresh:
            near = [texts[other] for other in _nearest(prints[one.id], known) if other in texts]
            like = [other.id for other in near if one.is_like(other)]
            if like:
                copies.append({"mention_id": one.id, "first_id": min(like)})
                continue
            firsts.append(one.id)
            texts[one.id] = one
            for value in prints[one.id]:
                known.setdefault(value, []).append(one.id)
        if copies:
            db.execute(insert(db, Copy).on_conflict_do_nothing(), copies)
        _remember(db, {one: prints[one] for one in firsts})


def forget(db: Session, mention_ids: Sequence[int]) -> None:
    """Remove all that was made from the words of these mentions. Of what they were the first, the next one is it."""
    copy = Copy
    living = select(copy.first_id, func.min(copy.mention_id)).join(Mention, Mention.id == copy.mention_id)
    for part in chunks(sorted(mention_ids)):
        db.execute(delete(Wording).where(Wording.mention_id.in_(part)))
        db.execute(delete(copy).where(copy.mention_id.in_(part)))
        next_ones = living.where(copy.first_id.in_(part), Mention.deleted_at.is_(None)).group_by(copy.first_id)
        heirs = dict(db.execute(next_ones).all())
        for first_id, heir in sorted(heirs.items()):
            db.execute(delete(copy).where(copy.mention_id == heir))
            db.execute(update(copy).where(copy.first_id == first_id).values(first_id=heir))
        _remember(db, {one.id: fingerprints(one.pairs) for one in _read(db, sorted(heirs.values()))})


def pairs_of(text: str) -> Pairs:
    """The pairs of words that follow each other in a text, as numbers; none if it is too short to be compared."""
    form = _MARK.sub("", _HANDLE.sub("", words(text)))
    starts = [*unit_starts(form)[: _LONGEST + 1], len(form)]
    if len(starts) <= SHORTEST:
        return frozenset()
    said = [form[start:end].strip() for start, end in pairwise(starts)][:_LONGEST]
    return frozenset(crc32(f"{one} {other}".encode()) for one, other in pairwise(said))


def fingerprints(pairs: Pairs) -> tuple[int, ...]:
    """The fingerprints of a text, by its pairs of words: signed numbers of 64 bits."""
    numbers = np.fromiter(pairs, dtype=np.uint64, count=len(pairs))
    least = ((numbers[:, None] * _TIMES + _PLUS) >> _UPPER).min(axis=0).reshape(_BANDS, _ROWS)
    bands = np.arange(1, _BANDS + 1, dtype=np.uint64)
    for row in range(_ROWS):
        bands = (bands ^ least[:, row]) * _MIX
        bands ^= bands >> _UPPER
    return tuple(bands.view(np.int64).tolist())


def _read(db: Session, mention_ids: Sequence[int]) -> list[_Text]:
    """These mentions as they are compared, the oldest first; without those that are gone."""
    brands: dict[int, set[int]] = {}
    texts: list[_Text] = []
    for part in chunks(mention_ids):
        for mention_id, brand_id in db.execute(
            select(Match.mention_id, Match.brand_id).where(Match.mention_id.in_(part))
        ):
            brands.setdefault(mention_id, set()).add(brand_id)
        rows = select(Mention.id, Mention.created_at, Mention.text)
        for row in db.execute(rows.where(Mention.id.in_(part), Mention.deleted_at.is_(None))):
            whose = frozenset(brands.get(row.id, ()))
            texts.append(_Text(row.id, row.created_at, pairs_of(row.text) if whose else frozenset(), whose))
    return sorted(texts, key=lambda one: (one.written, one.id))


def _known(db: Session, wanted: set[int], fresh: set[int]) -> dict[int, list[int]]:
    """By fingerprint the ids of the stored texts that have it, as far as they have one of these."""
    found: dict[int, list[int]] = {}
    for part in chunks(sorted(wanted)):
        rows = select(Wording.fingerprint, Wording.mention_id).where(Wording.fingerprint.in_(part))
        for value, mention_id in db.execute(rows.order_by(Wording.mention_id.desc()).limit(_MOST_KNOWN)):
            if mention_id not in fresh:
                found.setdefault(value, []).append(mention_id)
    return found


def _nearest(prints: Sequence[int], known: Mapping[int, Sequence[int]]) -> list[int]:
    """The ids that share most of these fingerprints: many texts begin alike, and few are alike."""
    shared = Counter(one for value in prints for one in known.get(value, ()))
    return sorted(shared, key=lambda one: (-shared[one], one))[:_COMPARED]


def _remember(db: Session, prints: Mapping[int, Sequence[int]]) -> None:
    rows = [
        {"mention_id": mention_id, "part": part, "fingerprint": value}
        for mention_id, values in prints.items()
        for part, value in enumerate(values)
    ]
    if rows:
        db.connection().execute(insert(db, Wording).on_conflict_do_nothing(), rows)
