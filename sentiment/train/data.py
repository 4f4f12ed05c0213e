"""Reads the labelled texts to train on and splits off those to tune on.

Labels are small integers: a head's label by its place in LABELS, and IGNORE where a row says nothing about a head.
Every source is optional but the sentiment; `own.tsv` beside this file holds examples of our own for what the public
data lacks: care talk in neutral words, sarcasm beside sincere thanks, negation, insults that need no answer.
"""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from core.errors import BadInput
from core.types import EMOTIONS, SENTIMENTS
from sentiment.text import normalise
from sentiment.train.intents import INTENTS, read_intents, read_own_intents

IGNORE = -100
"""A missing label (torch's own default for rows that a loss passes over)."""

FOLD = 0.2
"""Share of the complaint rows that is kept for tuning."""

LABELS: dict[str, tuple[str, ...]] = {
    "sentiment": SENTIMENTS,
    "complaint": ("0", "1"),
    "emotion": EMOTIONS,
    "irony": ("non_irony", "irony"),
    "offensive": ("not-offensive", "offensive"),
    "intent": INTENTS,
}
"""What is tuned together with the encoder, with the labels as the files spell them; the last of two is a yes."""

OPTIONAL = {
    "complaints": "complaint",
    "emotion": "emotion",
    "irony": "irony",
    "offensive": "offensive",
    "intents": "intent",
}
"""Data that a model can be made without, and the head that it then lacks."""

OWN = Path(__file__).with_name("own.tsv")


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text, normalised. `domain` is the kind of brand it speaks to, or random_tweet, random_reply.

    `hint` is a sentiment that the row suggests without saying so: a complaint is seldom meant kindly.
    """

    text: str
    sentiment: int = IGNORE
    complaint: int = IGNORE
    emotion: int = IGNORE
    irony: int = IGNORE
    offensive: int = IGNORE
    intent: int = IGNORE
    domain: str = ""
    hint: int = IGNORE
    own: bool = False

    @classmethod
    def of(cls, text: str, labels: Mapping[str, int], *, own: bool = False) -> Row:
        """A row with the labels of some heads."""
        found = {head: labels.get(head, IGNORE) for head in LABELS}
        return cls(
            text,
            sentiment=found["sentiment"],
            complaint=found["complaint"],
            emotion=found["emotion"],
            irony=found["irony"],
            offensive=found["offensive"],
            intent=found["intent"],
            own=own,
        )

    @property
    def to_brand(self) -> bool:
        """Whether the text speaks to a brand (the hard part of the complaint data)."""
        return not self.domain.startswith("random_")


@dataclass(frozen=True, slots=True)
class Corpus:
    """What to train on and, per head, what to tune on. No text is in both."""

    train: tuple[Row, ...]
    val: dict[str, tuple[Row, ...]]


def read_corpus(folder: Path, *, without: Collection[str] = (), rows: int | None = None, seed: int = 0) -> Corpus:
    """Everything under `folder`, but what is in `without` (of OPTIONAL, or `own`), which is not opened.

    Layout: sentiment/, emotion/, irony/ and offensive/ with train.tsv and val.tsv, complaints/train.csv, and, where
    there is one, replies/dev.jsonl, whose mentions are taken without a label. `rows` keeps that many of the sentiment
    rows, drawn by `seed`.
    """
    sentiment = list(read_labelled(folder / "sentiment" / "train.tsv", "sentiment"))
    random.Random(seed).shuffle(sentiment)  # noqa: S311 - a reproducible split, not a secret
    train: list[Row] = [*sentiment[:rows]]
    val = {"sentiment": tuple(read_labelled(folder / "sentiment" / "val.tsv", "sentiment"))}
    for name in [name for name in OPTIONAL if name not in without]:
        if name == "complaints":
            kept, held = split(list(read_complaints(folder / name / "train.csv")), seed)
        elif name == "intents":
            kept, held = split(_intents(read_intents(folder, without=without)), seed)
        else:
            kept, held = (list(read_labelled(folder / name / f"{part}.tsv", name)) for part in ("train", "val"))
        train += kept
        val[OPTIONAL[name]] = tuple(held)
    replies = folder / "replies" / "dev.jsonl"
    train += read_mentions(replies) if replies.is_file() else []
    train += [*read_own(OWN), *_intents(read_own_intents(), own=True)] if "own" not in without else []
    held_out = {row.text for rows in val.values() for row in rows}
    return Corpus(tuple(row for row in train if row.text not in held_out), val)


def read_labelled(path: Path, head: str) -> Iterator[Row]:
    """Rows of a tab-separated file without quoting (a `"` in it is only a character) with `label` and `text`."""
    names = LABELS[head]
    for number, record in _records(path):
        if record.get("label") not in names:
            raise BadInput(f"{path}, line {number}: label {record.get('label')!r} is none of {', '.join(names)}")
        yield Row.of(normalise(record["text"]), {head: names.index(record["label"])})


def read_complaints(path: Path) -> Iterator[Row]:
    """Rows of an ordinarily quoted CSV file with `text`, `label` (1: a complaint) and `domain`."""
    negative = SENTIMENTS.index("negative")
    with _open(path) as lines:
        for number, record in enumerate(csv.DictReader(lines), start=2):
            if record.get("label") not in {"0", "1"}:
                raise BadInput(f"{path}, record {number}: label {record.get('label')!r} is neither 0 nor 1")
            yield Row(
                normalise(record["text"]),
                complaint=int(record["label"]),
                domain=record.get("domain") or "",
                hint=negative if record["label"] == "1" else IGNORE,
            )


def read_mentions(path: Path) -> list[Row]:
    """What customers first wrote in dialogues with a brand's care: the language that we will hear, without labels."""
    with _open(path) as lines:
        return [Row(normalise(json.loads(line)["mention"]), domain="care") for line in lines]


def read_own(path: Path) -> Iterator[Row]:
    """Rows of a tab-separated file with a column per head; one that is empty or missing says nothing of that head."""
    for _, record in _records(path):
        said = {
            head: int(record[head]) if head in {"irony", "offensive"} else names.index(record[head])
            for head, names in LABELS.items()
            if record.get(head)
        }
        yield Row.of(normalise(record["text"]), said, own=True)


def split(rows: Sequence[Row], seed: int) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows to tune on, the latter FOLD of every label and kind of brand (complaints, intents)."""
    strata: dict[tuple[int, int, str], list[Row]] = {}
    for row in rows:
        strata.setdefault((row.complaint, row.intent, row.domain), []).append(row)
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


def _intents(found: Iterable[tuple[str, str, str]], *, own: bool = False) -> list[Row]:
    return [Row.of(text, {"intent": INTENTS.index(intent)}, own=own) for text, intent, _ in found]


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with _open(path) as lines:
        yield from enumerate(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), start=2)


def _open(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
