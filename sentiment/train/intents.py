"""Reads what posts want of a brand, as labelled by hand: docs/intents.md says how, and what each label means.

Only ids and labels are kept in the project (intents.tsv beside this file); the texts come from the folder that the
model is trained from. intents_own.tsv holds examples that we wrote ourselves.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TextIO

from core.errors import BadInput
from sentiment.text import normalise

Record = dict[str, str]
"""One line of a file: column -> what stands there."""

INTENTS = ("fault", "question", "request", "purchase", "leaving", "praise", "chatter", "spam")
"""What a post can want, each explained in docs/intents.md."""

LABELS = Path(__file__).with_name("intents.tsv")
OWN = Path(__file__).with_name("intents_own.tsv")
"""Where the labels and our own examples lie."""

FILES = {
    "complaints": "complaints/train.csv",
    "replies": "replies/dev.jsonl",
    "sentiment": "sentiment/train.tsv",
    "topics": "topics/train.tsv",
    "intents": "intents/banking77_train.csv",
}
"""Pools that texts were drawn from, and where each lies in the data folder."""


def read_intents(folder: Path, *, labels: Path = LABELS, without: Collection[str] = ()) -> list[tuple[str, str, str]]:
    """(text, normalised; intent; pool) of every labelled text, in the order of `labels`.

    Pools in `without` are not opened. An id that its pool does not hold is an error: the figures would not be ours.
    """
    texts: dict[str, dict[str, str]] = {}
    found = []
    for where, record in _tabs(labels):
        pool, intent = record.get("pool") or "", _intent(where, record)
        if pool not in FILES:
            raise BadInput(f"{where}: pool {pool!r} is none of {', '.join(FILES)}")
        if pool in without:
            continue
        if pool not in texts:
            texts[pool] = dict(_texts(pool, folder / FILES[pool]))
        text = texts[pool].get(record["id"])
        if text is None:
            raise BadInput(f"{where}: {folder / FILES[pool]} holds no text with the id {record['id']!r}")
        found.append((normalise(text), intent, pool))
    return found


def read_own_intents(path: Path = OWN) -> list[tuple[str, str, str]]:
    """(text, normalised; intent; "own") of the examples that we wrote."""
    return [(normalise(record["text"]), _intent(where, record), "own") for where, record in _tabs(path)]


def _intent(where: str, record: Record) -> str:
    intent = record.get("intent") or ""
    if intent not in INTENTS:
        raise BadInput(f"{where}: intent {intent!r} is none of {', '.join(INTENTS)}")
    return intent


def _texts(pool: str, path: Path) -> Iterator[tuple[str, str]]:
    """Every id of a pool with its text. Questions to the bank have no id but their number, the first being 1."""
    column = "mention" if pool == "replies" else "text"
    read = {"replies": _json, "complaints": _commas, "intents": _commas}.get(pool, _tabs)
    for number, (where, record) in enumerate(read(path), start=1):
        key = str(number) if pool == "intents" else record.get("id")
        if not key or not record.get(column):
            raise BadInput(f"{where}: without an id or a {column}")
        yield key, record[column]


def _json(path: Path) -> Iterator[tuple[str, Record]]:
    with _open(path) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield f"{path}, line {number}", json.loads(line)
            except ValueError as error:
                raise BadInput(f"{path}, line {number}: not JSON: {error}") from error


def _commas(path: Path) -> Iterator[tuple[str, Record]]:
    with _open(path) as lines:
        yield from _lines(path, csv.DictReader(lines))


def _tabs(path: Path) -> Iterator[tuple[str, Record]]:
    """A `"` is only a character."""
    with _open(path) as lines:
        yield from _lines(path, csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def _lines(path: Path, reader: csv.DictReader[str]) -> Iterator[tuple[str, Record]]:
    for record in reader:
        yield f"{path}, line {reader.line_num}", record


def _open(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
