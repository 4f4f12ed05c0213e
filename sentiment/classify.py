"""JSON Lines in, verdicts as JSON out: the contract of `ripplewatch classify` that people's scripts depend on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from core.errors import BadInput
from core.types import Verdict
from sentiment.classifier import Classifier

CHUNK = 512
"""Lines that are judged together: enough to keep every core busy, few enough to hold in memory."""

LONGEST = 10_000_000
"""Bytes in a line beyond which it is refused unread."""

Report = Callable[[str, int, str], None]
"""Is told of a bad line: the file's name, the line's number from 1, the reason."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of input. `lang` is what the platform declares, if the line says so."""

    id: str | int
    text: str
    lang: str | None = None


def classify_lines(
    lines: Iterable[bytes], classifier: Classifier, name: str, *, strict: bool = False, report: Report
) -> Iterator[dict[str, object]]:
    """One answer per good line, in order, a chunk at a time.

    Each bad line is told to `report` and skipped; with `strict` the first one raises BadInput, after the answers to
    the lines before it. `name` is what the messages call the file. Blank lines are passed over.
    """
    items = _items(lines, name, strict=strict, report=report)
    while chunk := list(islice(items, CHUNK)):
        wrong = chunk.pop() if isinstance(chunk[-1], BadInput) else None
        good = [item for item in chunk if isinstance(item, Item)]
        verdicts = classifier.classify([item.text for item in good], [item.lang for item in good])
        for item, verdict in zip(good, verdicts, strict=True):
            yield {"id": item.id, **as_json(verdict)}
        if isinstance(wrong, BadInput):
            raise wrong


def as_json(verdict: Verdict) -> dict[str, object]:
    """A verdict in the shape of the contract. What the model does not judge has the label or score null."""
    return {
        "language": verdict.language,
        "sentiment": {"label": verdict.sentiment, "scores": _rounded(verdict.scores)},
        "complaint": {"label": verdict.complaint, "score": _short(verdict.complaint_score)},
        "emotion": {"label": verdict.emotion, "scores": _rounded(verdict.emotions)},
        "irony": {"score": _short(verdict.irony)},
        "offensive": {"score": _short(verdict.offensive)},
        "intent": {"label": verdict.intent, "scores": _rounded(verdict.intents)},
        "model": verdict.model,
    }


def read_item(line: bytes) -> Item:
    """One line of input. Raises BadInput with the reason."""
    if len(line) > LONGEST:
        raise BadInput(f"the line is longer than {LONGEST:,} bytes")
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8 at byte {error.start + 1}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadInput('not an object like {"id": "1", "text": "..."}')
    return _item(found)


def _item(found: Mapping[str, object]) -> Item:
    missing = [key for key in ("id", "text") if key not in found]
    if missing:
        raise BadInput(f"no {' and no '.join(missing)}")
    identity, text, lang = found["id"], found["text"], found.get("lang")
    if not isinstance(identity, str | int) or isinstance(identity, bool):
        raise BadInput("id is neither text nor a whole number")
    if not isinstance(text, str):
        raise BadInput("text is not text")
    return Item(identity, text, lang if isinstance(lang, str) else None)


def _items(lines: Iterable[bytes], name: str, *, strict: bool, report: Report) -> Iterator[Item | BadInput]:
    """The good lines; with `strict`, ends with the first bad line's error."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield read_item(line)
        except BadInput as error:
            if strict:
                yield BadInput(f"{name}, line {number}: {error}")
                return
            report(name, number, str(error))


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {label: round(score, 4) for label, score in scores.items()}


def _short(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
