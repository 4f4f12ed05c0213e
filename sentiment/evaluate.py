"""How good a model is, measured on labelled texts: the figures of `ripplewatch evaluate` and of the model card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from core.errors import BadInput
from core.types import SENTIMENTS, Verdict
from sentiment.classifier import Classifier
from sentiment.measures import calibration_error, f1, macro_f1, macro_recall, share
from sentiment.train.data import LABELS, Row, read_complaints, read_labelled, split

Figures = dict[str, object]

_BATCH = 1_000
_TASKS = ("sentiment", "emotion", "irony", "offensive")
"""Heads whose labels are files of `label` and `text`, and tasks of TweetEval."""


def evaluate(classifier: Classifier, folder: Path, seed: int = 0) -> Figures:
    """Figures for what `folder` holds: of each head {test,val}.tsv, and complaints/{test,val,train}.csv.

    The first file found counts. Of complaints/train.csv only the fold is scored that training with `seed` keeps for
    tuning. Texts count as declared English: this measures the model, not the language detection.
    """
    figures: Figures = {"model": classifier.name}
    for head in _TASKS:
        if path := _first(folder / head, "test.tsv", "val.tsv"):
            figures[head] = {"file": path.name, **SCORES[head](classifier, list(read_labelled(path, head)))}
    if path := _first(folder / "complaints", "test.csv", "val.csv", "train.csv"):
        rows = list(read_complaints(path))
        rows = split(rows, seed)[1] if path.name == "train.csv" else rows
        figures["complaint"] = {"file": path.name, **score_complaints(classifier, rows)}
    if len(figures) == 1:
        raise BadInput(
            f"{folder} holds neither test.tsv or val.tsv in {', '.join(f'{head}/' for head in _TASKS)} "
            "nor complaints/test.csv, val.csv or train.csv"
        )
    return figures


def evaluate_tweeteval(classifier: Classifier, folder: Path) -> Figures:
    """Figures on the test texts of the tasks that a copy of github.com/cardiffnlp/tweeteval in `folder` holds.

    `folder` is the copy, or its folder `datasets`.
    """
    place = folder / "datasets" if (folder / "datasets").is_dir() else folder
    figures: Figures = {"model": classifier.name}
    for head in _TASKS:
        if (place / head).is_dir():
            rows = _tweeteval(place / head, head)
            figures[head] = {"file": "test_text.txt", **SCORES[head](classifier, rows)}
    if len(figures) == 1:
        raise BadInput(f"{place} holds none of TweetEval's folders {', '.join(_TASKS)}")
    return figures


def score_sentiment(classifier: Classifier, rows: Sequence[Row]) -> Figures:
    """Macro-recall (SemEval's and TweetEval's measure), recall per class, accuracy."""
    verdicts = _judge(classifier, rows)
    found = np.array([_place(SENTIMENTS, verdict.sentiment) for verdict in verdicts])
    truth = np.array([row.sentiment for row in rows])
    return {
        "rows": len(rows),
        "macro_recall": macro_recall(truth, found),
        "recall": {name: share(found[truth == index] == index) for index, name in enumerate(SENTIMENTS)},
        "accuracy": share(found == truth),
        "calibration_error": calibration_error(
            [verdict.scores.get(verdict.sentiment, 0.0) for verdict in verdicts], found == truth
        ),
    }


def score_complaints(classifier: Classifier, rows: Sequence[Row]) -> Figures:
    """Macro-F1 on all rows and on those that speak to a brand, deciding every row at 0.5; and the share left unsure."""
    verdicts = _judge(classifier, rows)
    if all(verdict.complaint_score is None for verdict in verdicts):
        return {"rows": len(rows), "note": "this model does not judge complaints"}
    chances = np.array([verdict.complaint_score or 0.0 for verdict in verdicts])
    found = (chances >= 0.5).astype(int)
    sure = np.array([verdict.complaint is not None for verdict in verdicts])
    truth = np.array([row.complaint for row in rows])
    brand = np.array([row.to_brand for row in rows])
    return {
        "rows": len(rows),
        "macro_f1": macro_f1(truth, found),
        "rows_to_brand": int(brand.sum()),
        "macro_f1_to_brand": macro_f1(truth[brand], found[brand]),
        "unsure": share(~sure),
        "macro_f1_where_sure": macro_f1(truth[sure], found[sure]),
        "calibration_error": _error_of_chances(chances, truth),
    }


def score_emotions(classifier: Classifier, rows: Sequence[Row]) -> Figures:
    """Macro-F1 over the four emotions (TweetEval's measure)."""
    return _score_choice(classifier, rows, "emotion")


def score_intents(classifier: Classifier, rows: Sequence[Row]) -> Figures:
    """Macro-F1 over the intents, and F1 of each."""
    return _score_choice(classifier, rows, "intent")


def score_irony(classifier: Classifier, rows: Sequence[Row]) -> Figures:
    """F1 of the ironic texts (TweetEval's measure), deciding at 0.5."""
    return _score_chance(classifier, rows, "irony")


def score_offensive(classifier: Classifier, rows: Sequence[Row]) -> Figures:
    """Macro-F1 (TweetEval's measure), deciding at 0.5."""
    return _score_chance(classifier, rows, "offensive")


SCORES: dict[str, Callable[[Classifier, Sequence[Row]], Figures]] = {
    "sentiment": score_sentiment,
    "complaint": score_complaints,
    "emotion": score_emotions,
    "irony": score_irony,
    "offensive": score_offensive,
    "intent": score_intents,
}
"""How each head is scored."""


def headline(head: str, figures: Figures) -> float:
    """Of a head's figures, the one that it is compared by."""
    return cast("float", figures[{"sentiment": "macro_recall", "irony": "f1_of_yes"}.get(head, "macro_f1")])


def _score_choice(classifier: Classifier, rows: Sequence[Row], head: str) -> Figures:
    verdicts, labels = _judge(classifier, rows), LABELS[head]
    said = [getattr(verdict, head) for verdict in verdicts]
    if all(label is None for label in said):
        return {"rows": len(rows), "note": f"this model has no {head}"}
    found = np.array([_place(labels, label) for label in said])
    truth = np.array([getattr(row, head) for row in rows])
    shares = [max(getattr(verdict, f"{head}s").values(), default=0.0) for verdict in verdicts]
    return {
        "rows": len(rows),
        "macro_f1": macro_f1(truth, found),
        "f1": {name: f1(truth == index, found == index) for index, name in enumerate(labels)},
        "calibration_error": calibration_error(shares, found == truth),
    }


def _score_chance(classifier: Classifier, rows: Sequence[Row], head: str) -> Figures:
    said = [getattr(verdict, head) for verdict in _judge(classifier, rows)]
    if all(chance is None for chance in said):
        return {"rows": len(rows), "note": f"this model does not judge {head}"}
    chances = np.array([chance or 0.0 for chance in said])
    truth = np.array([getattr(row, head) for row in rows])
    found = (chances >= 0.5).astype(int)
    return {
        "rows": len(rows),
        "macro_f1": macro_f1(truth, found),
        "f1_of_yes": f1(truth == 1, found == 1),
        "calibration_error": _error_of_chances(chances, truth),
    }


def _error_of_chances(chances: np.ndarray, truth: np.ndarray) -> float:
    return calibration_error(np.maximum(chances, 1 - chances), (chances >= 0.5) == (truth == 1))


def _tweeteval(place: Path, head: str) -> list[Row]:
    """The test rows of one task. Labels are numbers in the order of mapping.txt, which is that of ours."""
    try:
        texts = (place / "test_text.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        labels = [int(label) for label in (place / "test_labels.txt").read_text(encoding="utf-8").split()]
    except (OSError, ValueError) as error:
        raise BadInput(f"{place} does not hold TweetEval's test_text.txt and test_labels.txt: {error}") from error
    if len(texts) != len(labels):
        raise BadInput(f"{place}: {len(texts)} texts but {len(labels)} labels")
    if wrong := set(labels) - set(range(len(LABELS[head]))):
        raise BadInput(f"{place}: label {min(wrong)} is not one of {len(LABELS[head])}")
    return [Row.of(text, {head: label}) for text, label in zip(texts, labels, strict=True)]


def _judge(classifier: Classifier, rows: Sequence[Row]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for start in range(0, len(rows), _BATCH):
        texts = [row.text for row in rows[start : start + _BATCH]]
        verdicts += classifier.classify(texts, ["en"] * len(texts))
    return verdicts


def _place(labels: Sequence[str], label: str | None) -> int:
    return labels.index(label) if label in labels else -1


def _first(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
