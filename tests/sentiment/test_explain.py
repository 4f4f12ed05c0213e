"""Why a mention was flagged, in words."""

from __future__ import annotations

from collections.abc import Sequence

from core.types import UNSUPPORTED, Verdict
from sentiment.explain import LOOKED_AT, SHOWN, explain
from sentiment.lexicon import LexiconClassifier


class WordCounter:
    """A complaint is worth half for "broken", and a quarter less for "thanks"."""

    name = "counter-1"

    def __init__(self) -> None:
        self.asked = 0

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        self.asked += len(texts)
        scores = {"negative": 1.0, "neutral": 0.0, "positive": 0.0}
        chances = [0.3 + 0.5 * ("broken" in text) - 0.25 * ("thanks" in text) for text in texts]
        return [Verdict(self.name, "en", "negative", scores, chance > 0.5, chance) for chance in chances]


class SpeaksNothing:
    """Judges no language."""

    name = "nothing-1"

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        return [Verdict(self.name, "de", UNSUPPORTED, {}, None, None) for _ in texts]


def test_the_weightiest_word_comes_first_and_without_its_punctuation() -> None:
    assert explain(WordCounter(), "it arrived “broken”, thanks") == (
        "“broken” makes it read more like a complaint (+0.50)",
        "“thanks” makes it read less like a complaint (-0.25)",
    )


def test_a_text_of_one_word_or_none_or_in_another_language_has_no_reasons() -> None:
    assert explain(WordCounter(), "broken") == ()
    assert explain(WordCounter(), "") == ()
    assert explain(WordCounter(), "nothing of note here") == ()
    assert explain(SpeaksNothing(), "das ist kaputt") == ()


def test_a_long_text_costs_a_bounded_number_of_judgements() -> None:
    counter = WordCounter()
    assert explain(counter, "word " * 100_000) == ()
    assert counter.asked == LOOKED_AT + 1


def test_a_model_without_complaints_is_explained_by_its_negative_score() -> None:
    reasons = explain(LexiconClassifier(), "the staff were horrible and the food was awful, dreadful and disgusting")
    assert 1 <= len(reasons) <= SHOWN
    assert all("more like negative" in reason for reason in reasons)
