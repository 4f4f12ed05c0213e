"""VADER as the yardstick."""

from __future__ import annotations

from core.types import UNSUPPORTED
from sentiment.classifier import load


def test_the_yardstick_reads_sentiment_and_leaves_complaints_open() -> None:
    lexicon = load("lexicon")
    texts = ["I love this shop, brilliant staff!", "Terrible. The worst support I ever had.", "The shop opens at nine."]
    verdicts = lexicon.classify(texts)
    assert [verdict.sentiment for verdict in verdicts] == ["positive", "negative", "neutral"]
    assert {verdict.model for verdict in verdicts} == {lexicon.name}
    assert [verdict.complaint for verdict in verdicts] == [None, None, None]


def test_the_yardstick_does_not_judge_what_it_cannot_read() -> None:
    (verdict,) = load("lexicon").classify(["Mein Paket ist immer noch nicht da, furchtbar"])
    assert (verdict.language, verdict.sentiment, dict(verdict.scores)) == ("de", UNSUPPORTED, {})
