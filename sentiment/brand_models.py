"""The model as each brand has taught it: the fit that is in use, loaded once and kept while it is in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tables import Brand, Fit
from core.types import Verdict
from sentiment.adjustment import Adjustment
from sentiment.classifier import Classifier

_KEPT = 50
"""Fits of a process that are kept, 30 kB each."""

_Key = tuple[str, int, datetime]


class Adjustable(Classifier, Protocol):
    """A model whose heads a brand can teach."""

    def classify(
        self,
        texts: Sequence[str],
        langs: Sequence[str | None] | None = None,
        *,
        adjustment: Adjustment | None = None,
    ) -> list[Verdict]:
        """One verdict per text, as the adjustment reads it."""


class Adjusted:
    """A model as one brand has taught it: a Classifier whose name says so ("minilm-7367a2c3+acme.2")."""

    def __init__(self, model: Adjustable, adjustment: Adjustment) -> None:
        self.name = f"{model.name}+{adjustment.name}"
        self._model = model
        self._adjustment = adjustment

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict per text, in order."""
        return self._model.classify(texts, langs, adjustment=self._adjustment)


class Adjustments:
    """The adjustments of a process. Threads may share them."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, Adjustment] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, db: Session, model: str, brand_ids: Collection[int]) -> dict[int, Adjustment]:
        """What is in use for this model, by brand; brands that have taught it nothing are not there."""
        wanted = select(Fit.id, Fit.brand_id, Fit.number, Fit.made_at, Brand.slug).join(Fit.brand)
        rows = db.execute(wanted.where(Fit.brand_id.in_(brand_ids), Fit.active, Fit.model == model)).all()
        where = str(db.get_bind().engine.url)
        return {
            row.brand_id: self._loaded(db, (where, row.id, row.made_at), f"{row.slug}.{row.number}") for row in rows
        }

    def _loaded(self, db: Session, key: _Key, name: str) -> Adjustment:
        with self._lock:
            if key not in self._known:
                kept = db.scalars(select(Fit.weights).where(Fit.id == key[1])).one()
                self._known[key] = Adjustment.restored(name, kept)
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return self._known[key]


shared = Adjustments()
"""Those of this process."""


def as_taught(db: Session, model: Classifier, brand_id: int | None) -> Classifier:
    """The model as this brand has taught it; the model itself where it has not, or nobody can."""
    if brand_id is None:
        return model
    found = shared.of(db, model.name, [brand_id])
    return Adjusted(model, found[brand_id]) if brand_id in found else model  # type: ignore[arg-type]
