"""The complaints of each brand that a process remembers, so that like finds like: kept in step with the database.

The rows of Embedding are the truth. `pool` looks which of them there are and reads only those that are new here; those
that are gone (a text that was forgotten, a transaction that failed) are dropped. Whoever calls holds the brand
(membership.hold): of one brand nobody else adds rows meanwhile.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.db import Database, insert
from core.tables import Embedding, Mention
from listener.chunks import chunks
from sentiment.classifier import Classifier
from sentiment.ripple import words as wording
from sentiment.ripple.likeness import EMBEDDED, KEPT, WORDS, Floats, Measure, Pool, unit
from sentiment.ripple.rare import words_of

REMEMBERED = timedelta(days=14)
"""So far back it is looked what is usual; older vectors are deleted."""
_MOST = 30_000
"""Complaints of all brands together that a process remembers (70 MB), as long as there is more than one brand."""
_WIDTH = 384


class Vectors(Protocol):
    """What makes vectors of texts."""

    @property
    def name(self) -> str:
        """Two that make other vectors never share one."""

    @property
    def measure(self) -> Measure:
        """How near is like."""

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors, one row per text; zeros for a text that says nothing."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of a model that can embed."""

    name: str
    model: object = field(repr=False)
    measure: Measure = EMBEDDED

    def embed(self, texts: Sequence[str]) -> Floats:
        """As the model says."""
        found: Floats = self.model.embed(texts)  # type: ignore[attr-defined]
        return found


@dataclass(frozen=True, slots=True)
class SharedWords:
    """For models that cannot embed: texts are like that share words. Each word has a direction of its own by chance."""

    name: str = "words"
    measure: Measure = WORDS

    def embed(self, texts: Sequence[str]) -> Floats:
        """The sum of the directions of a text's words, and of its phrases of two."""
        found = np.zeros((len(texts), _WIDTH), np.float32)
        for row, text in zip(found, texts, strict=True):
            if terms := wording.terms(text):
                row[:] = unit(np.sum([_direction(term) for term in terms], axis=0))
        return found


def vectors_of(model: Classifier) -> Vectors:
    """What makes vectors beside this model: the model itself, if it can."""
    return Embedded(model.name, model) if hasattr(model, "embed") else SharedWords()


def _direction(term: str) -> Floats:
    bits = np.frombuffer(blake2b(term.encode(), digest_size=_WIDTH // 8).digest(), np.uint8)
    return np.unpackbits(bits).astype(np.float32) * 2 - 1


_pools: WeakKeyDictionary[Database, OrderedDict[tuple[int, str], Pool]] = WeakKeyDictionary()
_lock = threading.Lock()


def pool(database: Database, db: Session, brand_id: int, vectors: Vectors, width: int = _WIDTH) -> Pool:
    """What is remembered of a brand, as the database has it now."""
    with _lock:
        pools = _pools.setdefault(database, OrderedDict())
        mine = pools.setdefault((brand_id, vectors.name), Pool(width))
        pools.move_to_end((brand_id, vectors.name))
        for other in list(islice(pools, len(pools) - 1)):
            if sum(map(len, pools.values())) > _MOST:
                del pools[other]
    rows = select(Embedding.mention_id).where(Embedding.brand_id == brand_id, Embedding.model == vectors.name)
    there = set(db.scalars(rows.order_by(Embedding.at.desc()).limit(KEPT)))
    mine.drop([one for one in mine.ids() if one not in there])
    for part in chunks(sorted(one for one in there if one not in mine)):
        _read(db, brand_id, mine, part)
    return mine


def _read(db: Session, brand_id: int, mine: Pool, mention_ids: Sequence[int]) -> None:
    wanted = select(Embedding.mention_id, Embedding.at, Embedding.vector, Mention.author_id, Mention.text)
    wanted = wanted.join(Mention, Mention.id == Embedding.mention_id).where(Embedding.brand_id == brand_id)
    rows = db.execute(wanted.where(Embedding.mention_id.in_(mention_ids))).all()
    if rows:
        vectors = np.stack([np.frombuffer(row.vector, np.float16) for row in rows]).astype(np.float32)
        times = [row.at.timestamp() for row in rows]
        words = [words_of(row.text) for row in rows]
        mine.add([row.mention_id for row in rows], [row.author_id for row in rows], times, vectors, words)


def store(db: Session, brand_id: int, model: str, found: Mapping[int, tuple[datetime, Floats]], now: datetime) -> None:
    """Keep the vectors of complaints (by mention: when it was written, and its vector) and delete old ones."""
    old = delete(Embedding).where(Embedding.brand_id == brand_id, Embedding.at < now - REMEMBERED)
    db.execute(old)
    rows = [
        {
            "mention_id": mention_id,
            "brand_id": brand_id,
            "model": model,
            "at": at,
            "vector": vector.astype(np.float16).tobytes(),
        }
        for mention_id, (at, vector) in sorted(found.items())
        if vector.any()
    ]
    if rows:
        statement = insert(db, Embedding)
        changed = {name: statement.excluded[name] for name in ("model", "at", "vector")}
        keys = ["mention_id", "brand_id"]
        db.connection().execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def forget(db: Session, mention_ids: Sequence[int], brand_id: int | None = None) -> None:
    """Delete the vectors of these mentions (of one brand)."""
    mine = delete(Embedding).where(Embedding.mention_id.in_(mention_ids))
    db.execute(mine if brand_id is None else mine.where(Embedding.brand_id == brand_id))
