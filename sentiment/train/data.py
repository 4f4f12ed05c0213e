"""Reads the labelled texts to train on and splits off those to tune on.

Labels are small integers: sentiment by its place in SENTIMENTS, complaint 1 or 0, and IGNORE where a row says
nothing about a head.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from core.errors import BadInput
from core.types import SENTIMENTS
from sentiment.text import normalise

IGNORE = -100
"""A missing label (torch's own default for rows that a loss passes over)."""

FOLD = 0.2
"""Share of the complaint rows that is kept for tuning."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text, normalised. `domain` is the kind of brand it speaks to, or random_tweet, random_reply."""

    text: str
    sentiment: int = IGNORE
    complaint: int = IGNORE
    domain: str = ""

    @property
    def to_brand(self) -> bool:
        """Whether the text speaks to a brand (the hard part of the complaint data)."""
        return not self.domain.startswith("random_")


@dataclass(frozen=True, slots=True)
class Corpus:
    """What to train on and what to tune on. No text is in both."""

    train: tuple[Row, ...]
    sentiment_val: tuple[Row, ...]
    complaint_val: tuple[Row, ...]


def read_corpus(folder: Path, *, complaints: bool = True, rows: int | None = None, seed: int = 0) -> Corpus:
    """Everything under `folder` (layout: sentiment/train.tsv, sentiment/val.tsv, complaints/train.csv).

    `rows` keeps that many of the sentiment rows, drawn by `seed`. Without `complaints` their file is not opened.
    """
    sentiment = list(read_sentiment(folder / "sentiment" / "train.tsv"))
    chance = random.Random(seed)  # noqa: S311 - a reproducible split, not a secret
    chance.shuffle(sentiment)
    held = list(read_complaints(folder / "complaints" / "train.csv")) if complaints else []
    train, val = split(held, seed)
    return Corpus(
        train=(*sentiment[:rows], *train),
        sentiment_val=tuple(read_sentiment(folder / "sentiment" / "val.tsv")),
        complaint_val=tuple(val),
    )


def read_sentiment(path: Path) -> Iterator[Row]:
    """Rows of a tab-separated file without quoting: a `"` in it is only a character."""
    with _open(path) as lines:
        for number, record in enumerate(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), start=2):
            if record.get("label") not in SENTIMENTS:
                raise BadInput(
                    f"{path}, line {number}: label {record.get('label')!r} is none of {', '.join(SENTIMENTS)}"
                )
            yield Row(normalise(record["text"]), sentiment=SENTIMENTS.index(record["label"]))


def read_complaints(path: Path) -> Iterator[Row]:
    """Rows of an ordinarily quoted CSV file with `text`, `label` (1: a complaint) and `domain`."""
    with _open(path) as lines:
        for number, record in enumerate(csv.DictReader(lines), start=2):
            if record.get("label") not in {"0", "1"}:
                raise BadInput(f"{path}, record {number}: label {record.get('label')!r} is neither 0 nor 1")
            yield Row(normalise(record["text"]), complaint=int(record["label"]), domain=record.get("domain") or "")


def split(rows: Sequence[Row], seed: int) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows to tune on, the latter FOLD of every label and kind of brand."""
    strata: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        strata.setdefault((row.complaint, row.domain), []).append(row)
    train: list[Row] = []
    held: list[Row] = []
    chance = random.Random(seed)  # noqa: S311 - a reproducible split, not a secret
    for _, members in sorted(strata.items()):
        chance.shuffle(members)
        cut = round(len(members) * FOLD)
        held += members[:cut]
        train += members[cut:]
    known = {row.text for row in held}
    return [row for row in train if row.text not in known], held


def balance(labels: Iterable[int], classes: int) -> list[float]:
    """A weight per class that makes each count the same, mean 1 over the rows that have a label."""
    counts = Counter(label for label in labels if label != IGNORE)
    total = sum(counts.values())
    return [total / (classes * counts[label]) if counts[label] else 0.0 for label in range(classes)]


def _open(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
