"""VADER, a word list with rules: no learning, no complaint head. The yardstick that a model must beat."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from core.types import UNSUPPORTED, Verdict
from sentiment.language import identify
from sentiment.text import LONGEST

NEUTRAL = 0.05
"""The compound score within which VADER's authors call a text neutral (github.com/cjhutto/vaderSentiment)."""


class LexiconClassifier:
    """Sentiment of English text by VADER. Complaints are always unsure: it knows nothing of them."""

    def __init__(self) -> None:
        self.name = f"vader-{version('vaderSentiment')}"
        self._analyzer = SentimentIntensityAnalyzer()

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict per text, in order; `scores` are VADER's shares of negative, neutral and positive words."""
        return [self._judge(text, lang) for text, lang in zip(texts, langs or [None] * len(texts), strict=True)]

    def _judge(self, text: str, lang: str | None) -> Verdict:
        language = identify(text, lang)
        if not language.english:
            return Verdict(self.name, language.code, UNSUPPORTED, {}, None, None)
        found = self._analyzer.polarity_scores(text[:LONGEST])
        compound = found["compound"]
        label = "positive" if compound >= NEUTRAL else "negative" if compound <= -NEUTRAL else "neutral"
        scores = {"negative": found["neg"], "neutral": found["neu"], "positive": found["pos"]}
        return Verdict(self.name, language.code, label, scores, None, None)
