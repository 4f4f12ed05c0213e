"""Why a model says so: the words without which it would say less of it.

Leave-one-out costs one judgement per word, so it is computed when a person looks, not for every mention.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.types import Verdict
from sentiment.classifier import Classifier

LOOKED_AT = 40
"""Words that are left out in turn; further ones are not looked at."""
SHOWN = 3
MATTERS = 0.02
"""A word that moves the score by less than this is not worth a line."""

_WORD = re.compile(r"\S+")
_EDGES = ".,;:!?\"'()[]{}…“”‘’"


def explain(classifier: Classifier, text: str, lang: str | None = None) -> tuple[str, ...]:
    """Up to SHOWN sentences, the weightiest word first; empty where nothing stands out or the text is not judged."""
    spans = [found.span() for found in _WORD.finditer(text[:2_000])][:LOOKED_AT]
    if len(spans) < 2:
        return ()
    shorter = [text[:start] + text[end:] for start, end in spans]
    whole, *parts = classifier.classify([text, *shorter], [lang] + ["en"] * len(spans))
    if not whole.scores and whole.complaint_score is None:
        return ()
    what = "a complaint" if whole.complaint_score is not None else "negative"
    moved = sorted(_moved(text, spans, whole, parts), reverse=True)
    return tuple(_sentence(word, change, what) for _, word, change in moved[:SHOWN])


def _moved(
    text: str, spans: Sequence[tuple[int, int]], whole: Verdict, parts: Sequence[Verdict]
) -> list[tuple[float, str, float]]:
    found: dict[str, float] = {}
    for (start, end), part in zip(spans, parts, strict=True):
        word = text[start:end].strip(_EDGES)
        change = _score(whole) - _score(part)
        if word and abs(change) >= max(MATTERS, abs(found.get(word, 0.0))):
            found[word] = change
    return [(abs(change), word, change) for word, change in found.items()]


def _sentence(word: str, change: float, what: str) -> str:
    return f"“{word}” makes it read {'more' if change > 0 else 'less'} like {what} ({change:+.2f})"


def _score(verdict: Verdict) -> float:
    return verdict.complaint_score if verdict.complaint_score is not None else verdict.scores.get("negative", 0.0)
