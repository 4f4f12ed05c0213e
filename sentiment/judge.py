"""Mentions in, verdicts out: the `judge` stage.

One batch: take the mentions that have waited longest, let the model read them (length-sorted, inside the
classifier), and write the verdicts together with what `open_case` has to look at. A text that the model cannot
read is set aside alone; its neighbours get their verdicts.

A mention is read as the first brand that it matches has taught the model (sentiment/brand_models.py) and with the
rules of that brand (sentiment/glossary.py). Judging again replaces a model's verdict; what people corrected stays
corrected (sentiment/corrections.py).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core import waiting
from core.db import insert
from core.errors import ItemsSetAside
from core.runtime import Runtime
from core.setaside import set_aside
from core.settings import Settings
from core.tables import Brand, Match, Mention, Waiting
from core.tables import Verdict as VerdictRow
from core.types import Verdict
from sentiment import classifier, corrections
from sentiment.brand_models import as_taught
from sentiment.classifier import Classifier
from sentiment.glossary import Glossary, glossaries

log = logging.getLogger(__name__)

BATCH = 128
"""Mentions per transaction: enough that sorting by length pays, few enough that what presses need not wait for long
until they are read (at 512, no more are read per second and it waits four times as long)."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is read of a mention, and whose it is."""

    id: int
    text: str
    lang: str | None
    brand_id: int | None


def loaded(settings: Settings) -> Classifier:
    """The process's one model, loaded when first needed; whoever explains a verdict asks the same one."""
    return _model(settings.model, settings.model_threads)


@functools.cache
def _model(name: str, threads: int) -> Classifier:
    return classifier.load(name, threads)


def work(runtime: Runtime) -> int:
    """Judge one batch with the model that the settings name; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, "judge"):
            return 0  # before the model is loaded: an idle process stays small
    return judge_batch(runtime, loaded(runtime.settings))


def judge_batch(runtime: Runtime, model: Classifier, limit: int = BATCH) -> int:
    """Judge at most `limit` waiting mentions; gives how many. Raises ItemsSetAside when some could not be read."""
    with runtime.db.claim() as claimed:
        ids = waiting.take(claimed, runtime.clock, "judge", limit)
        if not ids:
            return 0
        texts = _texts(claimed, ids)
        verdicts, failures = _judged(claimed, model, texts)
        with runtime.db.settle(claimed) as db:
            edited = _changed(db, ids, texts)
            _record(db, runtime, {one: verdict for one, verdict in verdicts.items() if one not in edited})
            waiting.done(db, "judge", [one for one in ids if one not in edited])
            for mention_id, error in failures.items():
                set_aside(db, runtime.clock, "judge", "mention", mention_id, error)
    if failures:
        raise ItemsSetAside("judge", len(failures))
    return len(ids)


def _texts(db: Session, ids: Sequence[int]) -> list[Text]:
    """What there is to read; a mention that was deleted meanwhile has nothing to say."""
    wanted = select(Mention.id, Mention.text, Mention.lang).where(Mention.id.in_(ids), Mention.deleted_at.is_(None))
    brands = brands_of(db, ids)
    return [Text(row.id, row.text, row.lang, brands.get(row.id)) for row in db.execute(wanted)]


def brands_of(db: Session, ids: Sequence[int]) -> dict[int, int]:
    """The brand for which each mention is read: the first that it matches, one of ours before a competitor."""
    matches = select(Match.mention_id, Match.brand_id).join(Brand, Brand.id == Match.brand_id)
    matches = matches.where(Match.mention_id.in_(ids)).order_by(Brand.competitor.desc(), Match.id.desc())
    return {row.mention_id: row.brand_id for row in db.execute(matches)}


def _changed(db: Session, ids: Sequence[int], before: Sequence[Text]) -> set[int]:
    """Mentions that were edited while the model read them: they wait on, for their new text."""
    now = {text.id: text.text for text in _texts(db, ids)}
    return {text.id for text in before if text.id in now and now[text.id] != text.text}


def _judged(db: Session, model: Classifier, texts: Sequence[Text]) -> tuple[dict[int, Verdict], dict[int, Exception]]:
    """The verdict per mention id as its brand reads it, and the errors of those that cannot be read."""
    brands: dict[int | None, list[Text]] = {}
    for text in texts:
        brands.setdefault(text.brand_id, []).append(text)
    models = {brand_id: as_taught(db, model, brand_id) for brand_id in brands}
    rules = glossaries(db, [brand_id for brand_id in brands if brand_id is not None])
    together: dict[str, list[Text]] = {}
    for brand_id, of_brand in brands.items():
        together.setdefault(models[brand_id].name, []).extend(of_brand)
    verdicts: dict[int, Verdict] = {}
    failures: dict[int, Exception] = {}
    for some in together.values():
        good, bad = _read(models[some[0].brand_id], some)
        verdicts |= good
        failures |= bad
    return _ruled(verdicts, texts, rules), failures


def _ruled(verdicts: Mapping[int, Verdict], texts: Sequence[Text], rules: Mapping[int, Glossary]) -> dict[int, Verdict]:
    found = dict(verdicts)
    for text in texts:
        glossary = rules.get(text.brand_id) if text.brand_id is not None else None
        if glossary and text.id in found:
            found[text.id] = glossary.applied(found[text.id], text.text)
    return found


def _read(model: Classifier, texts: Sequence[Text]) -> tuple[dict[int, Verdict], dict[int, Exception]]:
    """The verdict per mention id; when the batch as a whole fails, each text is tried alone to find the culprit."""
    try:
        found = model.classify([text.text for text in texts], [text.lang for text in texts])
        return {text.id: verdict for text, verdict in zip(texts, found, strict=True)}, {}
    except Exception as error:  # noqa: BLE001 - whatever a model raises, its neighbours must be judged
        if len(texts) == 1:
            return {}, {texts[0].id: error}
        log.warning("a batch of %d could not be read at once (%s); trying each alone", len(texts), error)
    verdicts: dict[int, Verdict] = {}
    failures: dict[int, Exception] = {}
    for text in texts:
        good, bad = _read(model, [text])
        verdicts |= good
        failures |= bad
    return verdicts, failures


def _record(db: Session, runtime: Runtime, verdicts: dict[int, Verdict]) -> None:
    """Write verdicts, one per mention and model, the newest being the one that counts; and pass the mentions on."""
    if not verdicts:
        return
    before = select(VerdictRow.id).where(VerdictRow.mention_id.in_(verdicts))
    again = db.scalar(before.limit(1)) is not None
    if again:  # most mentions are judged once
        names = {verdict.model for verdict in verdicts.values()}
        db.execute(delete(VerdictRow).where(VerdictRow.mention_id.in_(verdicts), VerdictRow.model.in_(names)))
    now = runtime.clock.now()
    rows = [corrections.as_row(one, verdict) | {"judged_at": now} for one, verdict in verdicts.items()]
    db.execute(insert(db, VerdictRow).on_conflict_do_nothing(), rows)
    corrections.renew(db, runtime.clock, verdicts)
    lanes = waiting.lanes(db, "judge", verdicts)
    snoozed = update(Waiting).where(Waiting.stage == "open_case", Waiting.subject_id.in_(verdicts), Waiting.due > now)
    db.execute(snoozed.values(due=now), execution_options={"synchronize_session": False})  # it may have been edited
    for stage in ("open_case", "count"):
        waiting.add(db, runtime.clock, stage, verdicts, lane=lanes)
    complaints = [one for one, verdict in verdicts.items() if again or verdict.complaint]
    waiting.add(db, runtime.clock, "cluster", complaints, lane=lanes)  # what is none any more leaves its incident
