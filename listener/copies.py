"""Nearly identical texts: copied complaints and waves of spam, each linked to the first of its kind.

Texts are compared by the pairs of words that follow each other, without links and names. Two are nearly identical if
they share most of these (LIKE). To find the few that may be among all that are stored, each text leaves fingerprints:
MinHash values (Broder 1997) of its pairs, banded so that like texts very probably share one (Leskovec et al., Mining
of Massive Datasets, 3.4). Only the first of a kind leaves them, so that a wave of ten thousand copies costs no more
than one. Two that are stored by two processes in the same moment may both count as first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b, shake_128
from itertools import pairwise
from zlib import crc32

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
_NUMBERS = struct.Struct(f"<{_BANDS * _ROWS}I")
_MOST_CANDIDATES = 5_000

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
        known = _candidates(db, {value for values in prints.values() for value in values}, set(prints))
        copies, firsts = [], []
        for one in fresh:
            like = [other for value in prints[one.id] for other in known.get(value, ()) if one.is_like(other)]
            if like:
                copies.append({"mention_id": one.id, "first_id": min(other.id for other in like)})
                continue
            firsts.append(one.id)
            for value in prints[one.id]:
                known.setdefault(value, []).append(one)
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
    hashes = (shake_128(pair.to_bytes(4)).digest(_NUMBERS.size) for pair in pairs)
    least = list(map(min, zip(*map(_NUMBERS.unpack, hashes), strict=True)))
    bands = (least[start : start + _ROWS] for start in range(0, len(least), _ROWS))
    hashed = (blake2b(repr((band, rows)).encode(), digest_size=8).digest() for band, rows in enumerate(bands))
    return tuple(int.from_bytes(digest, "big", signed=True) for digest in hashed)


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


def _candidates(db: Session, wanted: set[int], fresh: set[int]) -> dict[int, list[_Text]]:
    """By fingerprint the stored texts that have it, as far as they have one of these."""
    found: dict[int, set[int]] = {}
    for part in chunks(sorted(wanted)):
        rows = select(Wording.fingerprint, Wording.mention_id).where(Wording.fingerprint.in_(part))
        for value, mention_id in db.execute(rows.order_by(Wording.mention_id.desc()).limit(_MOST_CANDIDATES)):
            if mention_id not in fresh:
                found.setdefault(value, set()).add(mention_id)
    texts = {one.id: one for one in _read(db, sorted({one for ids in found.values() for one in ids}))}
    return {value: [texts[one] for one in sorted(ids) if one in texts] for value, ids in found.items()}


def _remember(db: Session, prints: Mapping[int, Sequence[int]]) -> None:
    rows = [
        {"mention_id": mention_id, "part": part, "fingerprint": value}
        for mention_id, values in prints.items()
        for part, value in enumerate(values)
    ]
    if rows:
        db.connection().execute(insert(db, Wording).on_conflict_do_nothing(), rows)
