"""The labels of a verdict as words, one per head: what people correct, what rules and samples hold.

A head that says yes or no has the labels "yes" and "no"; a complaint may also be "unsure", which only a model says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.tables import Verdict as VerdictRow
from core.types import EMOTIONS, SENTIMENTS, UNSUPPORTED, Verdict
from sentiment.train.intents import INTENTS

YES, NO, UNSURE = "yes", "no", "unsure"

HEADS: Mapping[str, tuple[str, ...]] = {
    "complaint": (YES, NO),
    "sentiment": SENTIMENTS,
    "emotion": EMOTIONS,
    "irony": (YES, NO),
    "offensive": (YES, NO),
    "intent": INTENTS,
}
"""What can be corrected, and to which labels; what matters most to whom a mention is put first."""

_YES_OR_NO = {
    "complaint": ("a complaint", "not a complaint"),
    "irony": ("ironic", "not ironic"),
    "offensive": ("offensive", "not offensive"),
}


Judged = Verdict | VerdictRow
"""A verdict, as a value or as a row."""


def known(head: str, label: str) -> bool:
    """Whether a person can say this."""
    return label in HEADS.get(head, ())


def said(verdict: Judged) -> dict[str, str]:
    """What a verdict says, by head; without the heads that it says nothing of."""
    found = {
        "complaint": _of_complaint(verdict),
        "sentiment": None if verdict.sentiment == UNSUPPORTED else verdict.sentiment,
        "emotion": verdict.emotion,
        "irony": _of_chance(verdict.irony),
        "offensive": _of_chance(verdict.offensive),
        "intent": verdict.intent,
    }
    return {head: label for head, label in found.items() if label}


def with_label(verdict: Verdict, head: str, label: str) -> Verdict:
    """The verdict in which one head says this, and is sure of it."""
    yes = label == YES
    match head:
        case "complaint":
            return replace(verdict, complaint=yes, complaint_score=float(yes))
        case "sentiment":
            return replace(verdict, sentiment=label, scores=_sure(SENTIMENTS, label))
        case "emotion":
            return replace(verdict, emotion=label, emotions=_sure(EMOTIONS, label))
        case "intent":
            return replace(verdict, intent=label, intents=_sure(INTENTS, label))
        case "irony":
            return replace(verdict, irony=float(yes))
        case "offensive":
            return replace(verdict, offensive=float(yes))
    raise KeyError(head)


def worded(head: str, label: str) -> str:
    """What a label says of a mention, in words: "not a complaint", "neutral", "anger"."""
    if label == UNSURE:
        return "unsure whether a complaint"
    if head in _YES_OR_NO:
        return _YES_OR_NO[head][label != YES]
    return f"a case of {label}" if head == "intent" else label


def _of_complaint(verdict: Judged) -> str | None:
    if verdict.complaint is None:
        return None if verdict.complaint_score is None else UNSURE
    return YES if verdict.complaint else NO


def _of_chance(chance: float | None) -> str | None:
    return None if chance is None else YES if chance >= 0.5 else NO


def _sure(names: tuple[str, ...], label: str) -> dict[str, float]:
    return {name: float(name == label) for name in names}
