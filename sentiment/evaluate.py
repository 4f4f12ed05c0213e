"""How good a model is, measured on labelled texts: the figures of `ripplewatch evaluate` and of the model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import BadInput
from core.types import SENTIMENTS, Verdict
from sentiment.classifier import Classifier
from sentiment.train.data import Row, read_complaints, read_sentiment, split

Figures = dict[str, object]

_BATCH = 1_000


def evaluate(classifier: Classifier, folder: Path, seed: int = 0) -> Figures:
    """Figures for what `folder` holds: sentiment/{test,val}.tsv and complaints/{test,val,train}.csv, the first found.

    Of complaints/train.csv only the fold is scored that training with `seed` keeps for tuning. Texts count as
    declared English: this measures the model, not the language detection.
    """
    figures: Figures = {"model": classifier.name}
    if path := _first(folder / "sentiment", "test.tsv", "val.tsv"):
        figures["sentiment"] = {"file": path.name, **score_sentiment(classifier, list(read_sentiment(path)))}
    if path := _first(folder / "complaints", "test.csv", "val.csv", "train.csv"):
        rows = list(read_complaints(path))
        rows = split(rows, seed)[1] if path.name == "train.csv" else rows
        figures["complaint"] = {"file": path.name, **score_complaints(classifier, rows)}
    if len(figures) == 1:
        raise BadInput(
            f"{folder} holds neither sentiment/test.tsv or val.tsv nor complaints/test.csv, val.csv or train.csv"
        )
    return figures


def evaluate_tweeteval(classifier: Classifier, folder: Path) -> Figures:
    """Sentiment figures on TweetEval's test texts, from a copy of github.com/cardiffnlp/tweeteval in `folder`."""
    place = folder / "datasets" / "sentiment"
    try:
        texts = (place / "test_text.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        labels = [int(label) for label in (place / "test_labels.txt").read_text(encoding="utf-8").split()]
    except (OSError, ValueError) as error:
        raise BadInput(f"{place} does not hold TweetEval's test_text.txt and test_labels.txt: {error}") from error
    if len(texts) != len(labels):
        raise BadInput(f"{place}: {len(texts)} texts but {len(labels)} labels")
    rows = [Row(text, sentiment=label) for text, label in zip(texts, labels, strict=True)]
    return {"model": classifier.name, "sentiment": {"file": "test_text.txt", **score_sentiment(classifier, rows)}}


def score_sentiment(classifier: Classifier, rows: Sequence[Row]) -> Figures:
    """Macro-recall (SemEval's and TweetEval's measure), recall per class, accuracy."""
    said = [verdict.sentiment for verdict in _judge(classifier, rows)]
    found = np.array([SENTIMENTS.index(label) if label in SENTIMENTS else -1 for label in said])
    truth = np.array([row.sentiment for row in rows])
    return {
        "rows": len(rows),
        "macro_recall": macro_recall(truth, found),
        "recall": {name: _share(found[truth == index] == index) for index, name in enumerate(SENTIMENTS)},
        "accuracy": _share(found == truth),
    }


def score_complaints(classifier: Classifier, rows: Sequence[Row]) -> Figures:
    """Macro-F1 on all rows and on those that speak to a brand, deciding every row at 0.5; and the share left unsure."""
    verdicts = _judge(classifier, rows)
    if all(verdict.complaint_score is None for verdict in verdicts):
        return {"rows": len(rows), "note": "this model does not judge complaints"}
    found = np.array([int((verdict.complaint_score or 0.0) >= 0.5) for verdict in verdicts])
    sure = np.array([verdict.complaint is not None for verdict in verdicts])
    truth = np.array([row.complaint for row in rows])
    brand = np.array([row.to_brand for row in rows])
    return {
        "rows": len(rows),
        "macro_f1": macro_f1(truth, found),
        "rows_to_brand": int(brand.sum()),
        "macro_f1_to_brand": macro_f1(truth[brand], found[brand]),
        "unsure": _share(~sure),
        "macro_f1_where_sure": macro_f1(truth[sure], found[sure]),
    }


def macro_recall(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean over the classes in `truth` of the share of their rows that was found; 0..1, four decimals."""
    classes = np.unique(truth)
    return (
        round(float(np.mean([np.mean(found[truth == label] == label) for label in classes])), 4) if len(truth) else 0.0
    )


def macro_f1(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean over the classes in `truth` of the harmonic mean of precision and recall; 0..1, four decimals."""
    scores = []
    for label in np.unique(truth):
        both = np.sum((truth == label) & (found == label))
        scores.append(2 * both / (np.sum(truth == label) + np.sum(found == label)))
    return round(float(np.mean(scores)), 4) if scores else 0.0


def _judge(classifier: Classifier, rows: Sequence[Row]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for start in range(0, len(rows), _BATCH):
        texts = [row.text for row in rows[start : start + _BATCH]]
        verdicts += classifier.classify(texts, ["en"] * len(texts))
    return verdicts


def _share(hits: np.ndarray) -> float:
    return round(float(np.mean(hits)), 4) if len(hits) else 0.0


def _first(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
