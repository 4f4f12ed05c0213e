"""What a person would notice of the bundled model: negation, manners, sarcasm, emoji, hashtags, mixed languages.

None of these sentences stands in the examples that the model learned from.
"""

from __future__ import annotations

import pytest

from core.types import EMOTIONS, Verdict
from sentiment.onnx import OnnxClassifier
from sentiment.text import normalise
from sentiment.train.data import OWN, read_own
from sentiment.train.intents import INTENTS, read_own_intents

NEGATION = [
    ("not bad at all, I would buy it again", "positive"),
    ("not good at all, I would never buy it again", "negative"),
    ("I can't complain, everything worked the first time", "positive"),
    ("they did not help me and I am not going back", "negative"),
    ("I could not be happier with it", "positive"),
]
POLITE = [
    "still waiting for my order",
    "@shop still waiting for my order from last week, thanks",
    "@shop hello, sorry to ask again, but my parcel from the 3rd has not turned up yet",
    "Dear team, the lamp I bought last week stopped working this morning. What can I do?",
    "@air my luggage did not arrive with me in Lisbon, who do I talk to please",
]
INSULTS = ["@shop lol you clowns are pathetic", "@shop you are all morons, go to hell", "what a bunch of stupid idiots"]
SARCASM = [
    "Great, another update that breaks everything",
    "wow thanks @telco, a whole evening without internet, just what I wanted",
    "oh wonderful, my flight is delayed for the third time today. love it",
    "@air thanks for losing my bag again, great job",
]
BITTER = SARCASM[2:]
"""Sarcasm that names what went wrong plainly enough; the model card says what becomes of the rest."""
SINCERE = [
    "Great, the update fixed everything, thank you",
    "@shop thank you, it came a day early",
]


def judge(model: OnnxClassifier, text: str) -> Verdict:
    (verdict,) = model.classify([text])
    return verdict


def test_these_sentences_were_not_learned_from() -> None:
    learned = {row.text.lower() for row in read_own(OWN)} | {text.lower() for text, _, _ in read_own_intents()}
    here = [text for text, _ in NEGATION] + POLITE + INSULTS + SARCASM + SINCERE
    assert not learned & {normalise(text).lower() for text in here}


@pytest.mark.parametrize(("text", "label"), NEGATION)
def test_negation_turns_the_sentiment(bundled: OnnxClassifier, text: str, label: str) -> None:
    assert judge(bundled, text).sentiment == label


@pytest.mark.parametrize("text", POLITE)
def test_a_polite_complaint_is_a_complaint(bundled: OnnxClassifier, text: str) -> None:
    verdict = judge(bundled, text)
    assert verdict.complaint is True
    assert verdict.sentiment != "positive"
    assert (verdict.offensive or 0) < 0.5


@pytest.mark.parametrize("text", INSULTS)
def test_an_insult_is_offensive_and_needs_no_answer(bundled: OnnxClassifier, text: str) -> None:
    verdict = judge(bundled, text)
    assert verdict.complaint is not True
    assert verdict.sentiment == "negative"
    assert (verdict.offensive or 0) > 0.5


@pytest.mark.parametrize("text", SARCASM)
def test_sarcasm_is_noticed(bundled: OnnxClassifier, text: str) -> None:
    assert (judge(bundled, text).irony or 0) > 0.5


@pytest.mark.parametrize("text", BITTER)
def test_a_sarcastic_complaint_is_not_taken_for_praise(bundled: OnnxClassifier, text: str) -> None:
    verdict = judge(bundled, text)
    assert verdict.sentiment == "negative"
    assert verdict.complaint is True


def test_nobody_is_told_that_a_sarcastic_line_about_a_fault_is_no_complaint(bundled: OnnxClassifier) -> None:
    assert judge(bundled, "Great, another update that breaks everything").complaint is not False


@pytest.mark.parametrize("text", SINCERE)
def test_praise_in_the_same_words_is_praise(bundled: OnnxClassifier, text: str) -> None:
    verdict = judge(bundled, text)
    assert verdict.sentiment == "positive"
    assert verdict.complaint is False


def test_emoji_are_read(bundled: OnnxClassifier) -> None:
    assert judge(bundled, "my new shoes from @shop 😍😍").sentiment == "positive"
    assert judge(bundled, "my new shoes from @shop 😡😡").sentiment == "negative"


@pytest.mark.parametrize("text", ["where is my refund", "i love this so much", "when do you open"])
def test_capitals_are_read_as_the_same_words(bundled: OnnxClassifier, text: str) -> None:
    assert judge(bundled, text.upper()) == judge(bundled, text)


def test_hashtags_are_words(bundled: OnnxClassifier) -> None:
    assert judge(bundled, "@shop #WorstServiceEver #NeverAgain").sentiment == "negative"
    assert judge(bundled, "@shop #SoHappy #ThankYou").sentiment == "positive"


@pytest.mark.parametrize(
    "text",
    [
        "@telco hola, my internet has been down since lunes, can somebody help por favor",
        "@shop yaar my order is still missing",
    ],
)
def test_a_foreign_word_or_two_do_not_hide_a_complaint(bundled: OnnxClassifier, text: str) -> None:
    verdict = judge(bundled, text)
    assert verdict.sentiment != "positive"
    assert verdict.complaint is True


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I am so furious, they lied to my face", "anger"),
        ("best day of my life, we are so happy!", "joy"),
        ("I miss my dad so much, cannot stop crying", "sadness"),
        ("it will get better, never give up, keep fighting for your dreams", "optimism"),
    ],
)
def test_a_plain_emotion_is_named(bundled: OnnxClassifier, text: str, emotion: str) -> None:
    verdict = judge(bundled, text)
    assert verdict.emotion == emotion
    assert set(verdict.emotions) == set(EMOTIONS)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("@bank my card was declined three times today and nobody can tell me why", "fault"),
        ("@shop what time do you close on Saturdays?", "question"),
        ("@telco I am cancelling my contract and moving to somebody else", "leaving"),
        ("@shop thank you so much, the staff were lovely", "praise"),
        ("FOLLOW and RETWEET to win a free iPad, click the link http://example.org/win", "spam"),
        ("watching the game with my brother tonight", "chatter"),
    ],
)
def test_a_plain_intent_is_named(bundled: OnnxClassifier, text: str, intent: str) -> None:
    verdict = judge(bundled, text)
    assert verdict.intent == intent
    assert set(verdict.intents) == set(INTENTS)


def test_what_says_nothing_has_no_emotion_and_no_intent(bundled: OnnxClassifier) -> None:
    verdict = judge(bundled, "@brand https://example.org/status/1")
    assert (verdict.emotion, verdict.intent) == (None, None)
    assert (verdict.complaint, verdict.irony, verdict.offensive) == (False, 0.0, 0.0)
