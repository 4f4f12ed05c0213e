"""What research says about answering a complaint in public, as advice on one reply.

An immediate apology or a move to a private channel keeps a complaint from spreading; long exchanges in public make
it spread. Those who are angry want to be heard first, and to be told why it happened. (Herhausen et al., Journal of
Marketing, 2019 and 2023; Golmohammadi et al., 2021.)

It reads the languages of responder/checks/wording.py and is silent about others.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from responder.checks import wording
from responder.checks.finding import Finding, Situation

_SENTENCE = regex.compile(r"[^.!?\n…]+[.!?\n…]*")
_GREETING = 3
"""A first sentence of no more words greets."""
_ORDINALS = ("first", "second", "third", "fourth", "fifth")


def advice(text: str, situation: Situation) -> Iterator[Finding]:
    """What could be better in a reply in public."""
    if situation.language.casefold().partition("-")[0] not in wording.LANGUAGES:
        return
    private = bool(wording.PRIVATE.search(text))
    if situation.turns and not private:
        message = f"this would be our {_ordinal(situation.turns + 1)} public reply here: move to private"
        yield Finding("turn", "", message, blocks="turn" in situation.blocks)
    if not (situation.complaint or situation.angry):
        return
    first, early = _openings(text)
    sorry, heard = wording.APOLOGY.search, wording.EMPATHY.search
    if situation.angry and not (sorry(first) or heard(first)):
        message = "the customer is angry: show first that you have heard them, then the rest"
        yield Finding("empathy", first.strip(), message, blocks=False)
    elif not situation.turns and not (sorry(early) or heard(early) or wording.PRIVATE.search(early)):
        message = "an apology, or a move to a private channel, comes first: that keeps a complaint from spreading"
        yield Finding("apology", first.strip(), message, blocks=False)
    if situation.angry and not situation.turns and not wording.REASON.search(text):
        message = "the customer is angry: say why it happened, or that you are finding out"
        yield Finding("explanation", "", message, blocks=False)


def _openings(text: str) -> tuple[str, str]:
    """The first sentence that says something, with the greeting before it; and the one after that as well."""
    sentences = [found[0] for found in _SENTENCE.finditer(text[:2_000]) if found[0].strip()]
    said = 0 if not sentences or len(sentences[0].split()) > _GREETING else 1
    return "".join(sentences[: said + 1]), "".join(sentences[: said + 2])


def _ordinal(number: int) -> str:
    return _ORDINALS[number - 1] if number <= len(_ORDINALS) else f"{number}th"
