"""A brand's fits: made from its corrections, put to use only if they are better, kept for a while, taken back.

At most one fit of a brand is in use. The last KEPT are kept, so that a person can go back; further back is the model
as it comes. What was judged before stays as it was: a fit counts for what is judged from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import BadInput
from core.tables import Brand, Fit
from sentiment import lessons, refit
from sentiment.adjustment import Adjustment, Shift
from sentiment.description import Output
from sentiment.fence import FORBIDDEN
from sentiment.labels import HEADS
from sentiment.lessons import Lesson, Lessons
from sentiment.onnx import OnnxClassifier
from sentiment.refit import ENOUGH, Compared, Pupil

KEPT = 3

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taught:
    """What came of teaching: `adjustment` None where nothing that was learned is better than what is in use."""

    adjustment: Adjustment | None
    figures: Figures


def train(db: Session, clock: Clock, brand: Brand, model: OnnxClassifier, seed: int = 0) -> Figures:
    """Fit the brand's heads anew and put them to use if they are better; figures. BadInput: too few corrections."""
    current = in_use(db, brand.id, model.name)
    number = (db.scalar(select(func.max(Fit.number)).where(Fit.brand_id == brand.id)) or 0) + 1
    taught = teach(model, lessons.read(db, brand.id), current, f"{brand.slug}.{number}", seed)
    name = f"{model.name}+{brand.slug}.{number}"
    was = f"{model.name}+{brand.slug}.{current.number}" if current else model.name
    figures = {"brand": brand.slug, "swapped": taught.adjustment is not None, "was": was, **taught.figures}
    if taught.adjustment:
        db.execute(update(Fit).where(Fit.brand_id == brand.id).values(active=False))
        made = {"model": model.name, "weights": taught.adjustment.stored(), "made_at": clock.now()}
        db.add(Fit(brand_id=brand.id, number=number, active=True, figures=taught.figures, **made))
        db.flush()
        kept = select(Fit.id).where(Fit.brand_id == brand.id).order_by(Fit.number.desc()).limit(KEPT)
        old = delete(Fit).where(Fit.brand_id == brand.id, Fit.id.not_in(list(db.scalars(kept))))
        db.execute(old)
    return figures | {"in_use": name if taught.adjustment else was}


def roll_back(db: Session, brand: Brand, model: str) -> Figures:
    """Go back to the fit before the one in use, or to the model as it comes. BadInput: no fit is in use."""
    current = in_use(db, brand.id, model)
    if current is None:
        raise BadInput(f"{brand.slug} uses {model} as it comes: there is nothing to go back to")
    older = select(Fit).where(Fit.brand_id == brand.id, Fit.model == model, Fit.number < current.number)
    before = db.scalars(older.order_by(Fit.number.desc()).limit(1)).one_or_none()
    current.active = False
    if before:
        before.active = True
    was = f"{model}+{brand.slug}.{current.number}"
    return {
        "brand": brand.slug,
        "was": was,
        "in_use": f"{model}+{brand.slug}.{before.number}" if before else model,
    }


def in_use(db: Session, brand_id: int, model: str) -> Fit | None:
    """The fit that this brand uses with this model."""
    mine = select(Fit).where(Fit.brand_id == brand_id, Fit.active, Fit.model == model)
    return db.scalars(mine).one_or_none()


def newest(db: Session, brand_id: int) -> Fit | None:
    """The fit that this brand uses, whichever model it belongs to."""
    return db.scalars(select(Fit).where(Fit.brand_id == brand_id, Fit.active)).one_or_none()


def teach(model: OnnxClassifier, given: Lessons, current: Fit | None, name: str, seed: int = 0) -> Taught:
    """Learn every head of which there are enough corrections, and compare. BadInput: of none there are."""
    _refuse_too_few(given)
    read = [*given.corrected, *given.kept]
    pairs = [(one, out) for one, out in zip(read, model.outputs([one.text for one in read]), strict=True) if out]
    used = Adjustment.restored("", current.weights) if current else None
    heads: dict[str, Figures] = {}
    shifts: dict[str, Shift] = dict(used.shifts) if used else {}
    better = False
    for head in HEADS:
        if getattr(model.described, head) is None:
            continue
        pupil = _pupil(model, head, pairs, current, used)
        told, compared = _told(pupil, seed)
        heads[head] = told
        if compared and compared.better:
            shifts[head] = refit.as_logits(model.described, head, refit.fit(pupil))
            better = True
    figures: Figures = {"heads": heads, "left_out": _left_out(given)}
    if not better:
        return Taught(None, figures)
    kept = [out for one, out in pairs if one.taught is None]
    moved = Adjustment(name, shifts, used.unsure if used else None)
    band = refit.unsure_band(model.described, moved, kept) if heads["complaint"].get("better") else moved.unsure
    return Taught(Adjustment(name, shifts, band), figures | {"unsure": band})


def _told(pupil: Pupil, seed: int) -> tuple[Figures, Compared | None]:
    """How a head did, or why it was left alone."""
    count = int(pupil.corrected.sum())
    if count < ENOUGH:
        return {"corrections": count, "needs": ENOUGH, "better": False}, None
    if int((pupil.corrected & pupil.new).sum()) < ENOUGH // 2:
        return {"corrections": count, "new": int((pupil.corrected & pupil.new).sum()), "better": False}, None
    compared = refit.compare(pupil, seed)
    return compared.as_json(), compared


def _pupil(
    model: OnnxClassifier,
    head: str,
    pairs: Sequence[tuple[Lesson, Output]],
    current: Fit | None,
    used: Adjustment | None,
) -> Pupil:
    """The head with what there is to learn: what was corrected, and what nobody had to correct in any head."""
    mine = [(one, out) for one, out in pairs if one.taught is None or head in one.taught]
    outputs = [out for _, out in mine]
    labels, base = refit.read_as(model.described, head, outputs)
    moved = refit.read_as(model.described, head, [used.applied(out) for out in outputs])[1] if used else base
    kept = moved.argmax(axis=1)
    truth = [labels.index(one.taught[head]) if one.taught else int(kept[row]) for row, (one, _) in enumerate(mine)]
    new = [one.at is not None and (current is None or one.at > current.made_at) for one, _ in mine]
    return Pupil(
        labels,
        base,
        np.stack([out["embedding"] for out in outputs]).astype(np.float64),
        np.array(truth),
        np.array([one.taught is not None for one, _ in mine]),
        np.array(new),
        refit.shares(moved),
    )


def _refuse_too_few(given: Lessons) -> None:
    most = max((sum(head in (one.taught or ()) for one in given.corrected) for head in HEADS), default=0)
    if most >= ENOUGH:
        return
    why = "".join(
        f". {number} more may not be learned from: {FORBIDDEN[one]}" for one, number in given.left_out.items()
    )
    raise BadInput(f"of no head there are {ENOUGH} corrections to learn from yet (at most {most}){why}")


def _left_out(given: Lessons) -> Mapping[str, object]:
    return {one: {"corrections": number, "why": FORBIDDEN[one]} for one, number in given.left_out.items()}
