"""Mentions in, verdicts out: the `judge` stage.

One batch: take the mentions that have waited longest, let the model read them (length-sorted, inside the
classifier), and write the verdicts together with what `open_case` has to look at. A text that the model cannot
read is set aside alone; its neighbours get their verdicts.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Sequence

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core import waiting
from core.db import insert
from core.errors import ItemsSetAside
from core.runtime import Runtime
from core.setaside import set_aside
from core.settings import Settings
from core.tables import Mention
from core.tables import Verdict as VerdictRow
from core.types import Verdict
from sentiment import classifier
from sentiment.classifier import Classifier

log = logging.getLogger(__name__)

BATCH = 512
"""Mentions per transaction: enough that sorting by length pays, little enough that a crash repeats a second's work."""

Text = Row[int, str, str | None]
"""id, text and declared language of a mention."""


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
        verdicts, failures = _read(model, texts)
        with runtime.db.settle(claimed) as db:
            edited = _changed(db, ids, texts)
            _record(db, runtime, {one: verdict for one, verdict in verdicts.items() if one not in edited})
            waiting.done(db, "judge", [one for one in ids if one not in edited])
            for mention_id, error in failures.items():
                set_aside(db, runtime.clock, "judge", "mention", mention_id, error)
    if failures:
        raise ItemsSetAside("judge", len(failures))
    return len(ids)


def _texts(db: Session, ids: Sequence[int]) -> Sequence[Text]:
    """What there is to read; a mention that was deleted meanwhile has nothing to say."""
    wanted = select(Mention.id, Mention.text, Mention.lang).where(Mention.id.in_(ids), Mention.deleted_at.is_(None))
    return db.execute(wanted).all()


def _changed(db: Session, ids: Sequence[int], before: Sequence[Text]) -> set[int]:
    """Mentions that were edited while the model read them: they wait on, for their new text."""
    now = {text.id: text.text for text in _texts(db, ids)}
    return {text.id for text in before if text.id in now and now[text.id] != text.text}


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
    """Write verdicts (one per mention and model, whoever is first) and pass the mentions on."""
    if not verdicts:
        return
    now = runtime.clock.now()
    rows = [
        dataclasses.asdict(verdict) | {"mention_id": mention_id, "reasons": list(verdict.reasons), "judged_at": now}
        for mention_id, verdict in verdicts.items()
    ]
    db.execute(insert(db, VerdictRow).on_conflict_do_nothing(), rows)
    waiting.add(db, runtime.clock, "open_case", verdicts)
