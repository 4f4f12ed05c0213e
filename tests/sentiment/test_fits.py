"""Heads that learn from a brand's corrections: better or not used, never from X, and back again."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from core import waiting
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import Brand, Fit, Verdict
from sentiment import fits, lessons
from sentiment.brand_models import as_taught
from sentiment.fits import Figures
from sentiment.judge import judge_batch
from sentiment.onnx import OnnxClassifier
from tests.sentiment.wars import OTHERS, WARS, add_brand, hear

LEARNED, UNSEEN = WARS[::4], WARS[1::4]


def train(runtime: Runtime, model: OnnxClassifier, slug: str = "acme") -> Figures:
    with runtime.db.write() as db:
        brand = db.scalars(select(Brand).where(Brand.slug == slug)).one()
        return fits.train(db, runtime.clock, brand, model)


def roll_back(runtime: Runtime, model: OnnxClassifier) -> Figures:
    with runtime.db.write() as db:
        return fits.roll_back(db, db.scalars(select(Brand)).one(), model.name)


def called_neutral(runtime: Runtime, model: OnnxClassifier, brand_id: int) -> float:
    """The share of talk of the game that is called neutral, of posts that nobody corrected."""
    with runtime.db.read() as db:
        found = as_taught(db, model, brand_id).classify(UNSEEN, ["en"] * len(UNSEEN))
    return sum(verdict.sentiment == "neutral" for verdict in found) / len(found)


def taught(runtime: Runtime) -> int:
    """A brand that has corrected talk of the game, and whose other mentions nobody had to correct."""
    brand_id = add_brand(runtime)
    hear(runtime, brand_id, LEARNED, {"sentiment": "neutral"})
    hear(runtime, brand_id, OTHERS)
    return brand_id


def test_what_was_corrected_is_learned_and_named(runtime: Runtime, bundled: OnnxClassifier) -> None:
    brand_id = taught(runtime)
    other = add_brand(runtime, "other")
    before = called_neutral(runtime, bundled, brand_id)
    figures = train(runtime, bundled)
    told = figures["heads"]["sentiment"]
    assert figures["swapped"]
    assert (figures["was"], figures["in_use"]) == (bundled.name, f"{bundled.name}+acme.1")
    assert told["macro_f1_then"] > told["macro_f1_now"]
    assert told["fixed"] > told["broken"]
    assert figures["heads"]["complaint"] == {"corrections": 0, "needs": 10, "better": False}
    assert json.loads(json.dumps(figures)) == figures
    assert before < 0.2
    assert called_neutral(runtime, bundled, brand_id) > 0.9
    assert called_neutral(runtime, bundled, other) == before
    hear(runtime, brand_id, ["our clan lost the fight in War Zone lol"])
    [mention_id] = hear(runtime, other, ["our clan lost the fight in War Zone lol"])
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "judge", [mention_id - 1, mention_id])
    judge_batch(runtime, bundled)
    with runtime.db.read() as db:
        ours, theirs = db.scalars(select(Verdict).order_by(Verdict.mention_id)).all()
    assert (ours.model, ours.sentiment) == (f"{bundled.name}+acme.1", "neutral")
    assert (theirs.model, theirs.sentiment) == (bundled.name, "negative")


def test_the_same_corrections_teach_the_same(sqlite_runtime: Runtime, bundled: OnnxClassifier) -> None:
    taught(sqlite_runtime)
    with sqlite_runtime.db.read() as db:
        given = lessons.read(db, 1)
    first, second = (fits.teach(bundled, given, None, "acme.1") for _ in range(2))
    assert first.figures == second.figures
    assert first.adjustment is not None
    assert second.adjustment is not None
    assert first.adjustment.stored() == second.adjustment.stored()


def test_what_is_not_better_is_not_used(sqlite_runtime: Runtime, bundled: OnnxClassifier) -> None:
    brand_id = add_brand(sqlite_runtime)
    hear(sqlite_runtime, brand_id, OTHERS[::2])
    right = bundled.classify(OTHERS[1::2], ["en"] * len(OTHERS[1::2]))
    for text, verdict in zip(OTHERS[1::2], right, strict=True):  # they are right as they are, and people say so
        hear(sqlite_runtime, brand_id, [text], {"sentiment": verdict.sentiment})
    figures = train(sqlite_runtime, bundled)
    assert (figures["swapped"], figures["in_use"]) == (False, bundled.name)
    assert figures["heads"]["sentiment"]["fixed"] == 0
    with sqlite_runtime.db.read() as db:
        assert db.scalars(select(Fit)).all() == []


def test_too_few_corrections_are_refused(sqlite_runtime: Runtime, bundled: OnnxClassifier) -> None:
    brand_id = add_brand(sqlite_runtime)
    hear(sqlite_runtime, brand_id, WARS[:9], {"sentiment": "neutral"})
    with pytest.raises(BadInput, match=r"10 corrections .* \(at most 9\)$"):
        train(sqlite_runtime, bundled)


def test_nothing_is_learned_from_x(sqlite_runtime: Runtime, bundled: OnnxClassifier) -> None:
    brand_id = add_brand(sqlite_runtime)
    hear(sqlite_runtime, brand_id, LEARNED, {"sentiment": "neutral"}, platform="x")
    hear(sqlite_runtime, brand_id, OTHERS)
    with pytest.raises(BadInput, match=r"35 more may not be learned from: X's developer policy forbids training"):
        train(sqlite_runtime, bundled)
    with sqlite_runtime.db.read() as db:
        assert db.scalars(select(Fit)).all() == []


def test_poisoned_rows_from_x_change_nothing(sqlite_runtime: Runtime, bundled: OnnxClassifier) -> None:
    brand_id = taught(sqlite_runtime)
    with sqlite_runtime.db.read() as db:
        clean = lessons.read(db, brand_id)
    hear(sqlite_runtime, brand_id, UNSEEN, {"sentiment": "positive", "complaint": "yes"}, platform="x")
    hear(sqlite_runtime, brand_id, [f"{text} on x" for text in OTHERS], platform="x")
    with sqlite_runtime.db.read() as db:
        poisoned = lessons.read(db, brand_id)
    assert (poisoned.corrected, poisoned.kept) == (clean.corrected, clean.kept)
    one, other = (fits.teach(bundled, given, None, "acme.1").adjustment for given in (clean, poisoned))
    assert one is not None
    assert other is not None
    assert one.stored() == other.stored()
    assert poisoned.left_out == {"x": 2 * len(UNSEEN)}


def test_the_last_three_are_kept_and_the_way_leads_back(runtime: Runtime, bundled: OnnxClassifier) -> None:
    brand_id = taught(runtime)
    train(runtime, bundled)
    with runtime.db.write() as db:
        first = db.scalars(select(Fit)).one()
        kept = {"model": first.model, "weights": first.weights, "figures": {}, "made_at": first.made_at}
        first.active = False
        for number in (2, 3):
            db.add(Fit(brand_id=brand_id, number=number, active=number == 3, **kept))
    corrected = {"sentiment": "positive"}
    hear(runtime, brand_id, [f"{text} gg" for text in WARS[2::4]], corrected, later=timedelta(days=1))
    figures = train(runtime, bundled)
    assert (figures["was"], figures["in_use"]) == (f"{bundled.name}+acme.3", f"{bundled.name}+acme.4")
    with runtime.db.read() as db:
        assert [row.number for row in db.scalars(select(Fit).order_by(Fit.number))] == [2, 3, 4]
    ways = [roll_back(runtime, bundled)["in_use"] for _ in range(3)]
    assert ways == [f"{bundled.name}+acme.3", f"{bundled.name}+acme.2", bundled.name]
    assert called_neutral(runtime, bundled, brand_id) < 0.2
    with pytest.raises(BadInput, match="nothing to go back to"):
        roll_back(runtime, bundled)


def test_what_is_in_use_is_not_measured_by_what_it_learned(sqlite_runtime: Runtime, bundled: OnnxClassifier) -> None:
    taught(sqlite_runtime)
    train(sqlite_runtime, bundled)
    again = train(sqlite_runtime, bundled)
    assert not again["swapped"]
    assert again["heads"]["sentiment"] == {"corrections": len(LEARNED), "new": 0, "better": False}


def test_a_fit_of_another_model_does_nothing(sqlite_runtime: Runtime, bundled: OnnxClassifier) -> None:
    brand_id = taught(sqlite_runtime)
    before = called_neutral(sqlite_runtime, bundled, brand_id)
    train(sqlite_runtime, bundled)
    with sqlite_runtime.db.write() as db:
        db.scalars(select(Fit)).one().model = "minilm-00000000"
    assert called_neutral(sqlite_runtime, bundled, brand_id) == before


def test_a_complaint_head_gets_a_band_of_its_own(sqlite_runtime: Runtime, bundled: OnnxClassifier) -> None:
    brand_id = add_brand(sqlite_runtime)
    questions = [f"{ask} {what}?" for ask in ("any news on", "where is", "what happened to", "no word on")
                 for what in ("my parcel", "the refund", "my order", "the exchange", "my claim")]  # fmt: skip
    hear(sqlite_runtime, brand_id, questions, {"complaint": "no"})
    hear(sqlite_runtime, brand_id, OTHERS)
    figures = train(sqlite_runtime, bundled)
    assert figures["swapped"]
    low, high = figures["unsure"]
    assert 0.25 <= low < 0.5 < high <= 0.75
    with sqlite_runtime.db.read() as db:
        model = as_taught(db, bundled, brand_id)
    asked, late = model.classify(["any word on my order?", "my parcel is late and nobody answers"], ["en"] * 2)
    assert asked.complaint is False
    assert late.complaint is True
