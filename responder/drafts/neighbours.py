"""What was answered to the likest mentions of the past, as a measure of what answers this one.

Likeness of mentions is by meaning, by shared words and by whom they address. A reply that could be given is then
compared, by meaning and by words, with what was given to the likest of them; the liker, the more it counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from responder.drafts.likeness import Floats, SharedWords

_NEIGHBOURS = 10
_SAME_ACCOUNT = 0.5
_BY_MEANING, _BY_WORDS = 0.2, 0.4
"""How much each counts beside the likeness of mention and reply. Found by cross-validation on 525 dialogues."""

_ACCOUNT = re.compile(r"@(\w+)")
_ANYBODY = frozenset({"user"})
"""Who is addressed where names were masked."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A mention of the past and the text that answered it."""

    mention: str
    reply: str


class Neighbours:
    """Compares a fixed set of replies with what was answered before.

    `mentions` and `answers` are unit vectors of the history's two sides, `replies` of what can be suggested; `words`
    compares with the latter's words.
    """

    def __init__(
        self, history: Sequence[Answered], mentions: Floats, answers: Floats, replies: Floats, words: SharedWords
    ) -> None:
        self._history = history
        self._mentions, self._answers, self._replies = mentions, answers, replies
        self._said = SharedWords([pair.mention for pair in history])
        self._words = words
        self._accounts = [_accounts(pair.mention) for pair in history]

    def scores(self, texts: Sequence[str], meanings: Floats) -> Floats:
        """Texts x replies; `meanings` are the texts' unit vectors, as the history's mentions are."""
        return np.stack([self._score(text, meaning) for text, meaning in zip(texts, meanings, strict=True)])

    def _score(self, text: str, meaning: Floats) -> Floats:
        alike = self._mentions @ meaning + self._said.score(text)
        if addressed := _accounts(text):
            alike = alike + _SAME_ACCOUNT * np.array([bool(addressed & one) for one in self._accounts])
        nearest = np.argsort(-alike, kind="stable")[:_NEIGHBOURS]
        weights = np.maximum(alike[nearest], 0.0) ** 2
        if not weights.any():
            return np.zeros(len(self._replies), dtype=np.float32)
        weights = weights / weights.sum()
        answer = weights @ self._answers[nearest]
        by_meaning = self._replies @ (answer / max(float(np.linalg.norm(answer)), 1e-9))
        by_words = weights @ np.stack([self._words.score(self._history[at].reply) for at in nearest])
        return np.asarray(_BY_MEANING * by_meaning + _BY_WORDS * by_words, dtype=np.float32)


def _accounts(text: str) -> frozenset[str]:
    return frozenset(found.casefold() for found in _ACCOUNT.findall(text)) - _ANYBODY
