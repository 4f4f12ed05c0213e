"""`ripplewatch classify`: the JSON that people's scripts read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pytest

from core.errors import BadInput
from core.types import Verdict
from sentiment.classify import CHUNK, LONGEST, classify_lines
from sentiment.lexicon import LexiconClassifier
from sentiment.onnx import OnnxClassifier
from sentiment.train.intents import INTENTS


class FakeClassifier:
    """Calls everything that contains "bad" a complaint; remembers how much it was given at once."""

    name = "fake-1"

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.langs: list[str | None] = []

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        self.batches.append(len(texts))
        self.langs += langs or []
        scores = {"negative": 0.2, "neutral": 0.7, "positive": 0.1}
        return [
            Verdict(self.name, "en", "neutral", scores, complaint="bad" in text, complaint_score=float("bad" in text))
            for text in texts
        ]


def run(lines: Iterable[bytes], *, strict: bool = False) -> tuple[list[dict[str, object]], list[tuple[str, int, str]]]:
    reports: list[tuple[str, int, str]] = []
    answers = classify_lines(
        lines, FakeClassifier(), "posts.jsonl", strict=strict, report=lambda *told: reports.append(told)
    )
    return list(answers), reports


def test_an_answer_has_every_key_of_the_contract(bundled: OnnxClassifier) -> None:
    line = json.dumps({"id": "7", "text": "my parcel never arrived and nobody answers"}).encode()
    (answer,) = classify_lines([line], bundled, "-", strict=True, report=lambda *told: pytest.fail(str(told)))
    assert list(answer) == [
        "id", "language", "sentiment", "complaint", "emotion", "irony", "offensive", "intent", "model",
    ]  # fmt: skip
    assert answer["id"] == "7"
    assert answer["language"] == "en"
    assert answer["model"] == bundled.name
    shown = json.loads(json.dumps(answer))
    assert set(shown["sentiment"]["scores"]) == {"negative", "neutral", "positive"}
    assert shown["sentiment"]["label"] == "negative"
    assert shown["complaint"]["label"] is True
    assert 0.5 < shown["complaint"]["score"] <= 1
    assert set(shown["emotion"]["scores"]) == {"anger", "joy", "optimism", "sadness"}
    assert shown["emotion"]["label"] in shown["emotion"]["scores"]
    assert set(shown["intent"]["scores"]) == set(INTENTS)
    assert shown["intent"]["label"] == "fault"
    for head in ("emotion", "intent"):
        assert sum(shown[head]["scores"].values()) == pytest.approx(1, abs=1e-3)
    for head in ("irony", "offensive"):
        assert 0 <= shown[head]["score"] <= 1


def test_a_model_without_complaints_says_unsure() -> None:
    lines = [b'{"id": 1, "text": "awful"}', '{"id": 2, "text": "Wo bleibt mein Paket? Unmöglich!"}'.encode()]
    answers = list(classify_lines(lines, LexiconClassifier(), "-", strict=True, report=lambda *_: None))
    assert [answer["complaint"] for answer in answers] == [{"label": None, "score": None}] * 2
    assert answers[1]["sentiment"] == {"label": "unsupported", "scores": {}}
    assert answers[1]["emotion"] == answers[1]["intent"] == {"label": None, "scores": {}}
    assert answers[1]["irony"] == answers[1]["offensive"] == {"score": None}


def test_a_model_with_more_heads_has_them_in_the_answer() -> None:
    class Rich(FakeClassifier):
        def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
            return [
                Verdict(
                    "rich", "en", "negative", {"negative": 1.0}, None, 0.51239,
                    emotion="anger", emotions={"anger": 0.9}, irony=0.25, offensive=0.0,
                    intent="refund", intents={"refund": 0.8},
                )
            ]  # fmt: skip

    (answer,) = classify_lines([b'{"id": "1", "text": "x"}'], Rich(), "-", strict=True, report=lambda *_: None)
    assert answer["complaint"] == {"label": None, "score": 0.5124}
    assert answer["emotion"] == {"label": "anger", "scores": {"anger": 0.9}}
    assert answer["irony"] == {"score": 0.25}
    assert answer["offensive"] == {"score": 0.0}
    assert answer["intent"] == {"label": "refund", "scores": {"refund": 0.8}}


def test_bad_lines_are_told_with_file_number_and_reason_and_the_rest_goes_on() -> None:
    lines = [
        b'\xef\xbb\xbf{"id": "1", "text": "first"}\n',
        b"not json\n",
        b"\n",
        b'{"id": "2"}\n',
        b'{"text": "no id"}\n',
        b'{"id": "3", "text": 5}\n',
        b'{"id": true, "text": "x"}\n',
        b"[1, 2]\n",
        b'{"id": "4", "text": "\xff"}\n',
        b"[" * 100_000 + b"\n",
        b'{"id": 9, "text": "bad", "lang": "en"}',
    ]
    answers, reports = run(lines)
    assert [answer["id"] for answer in answers] == ["1", 9]
    assert {name for name, _, _ in reports} == {"posts.jsonl"}
    assert [number for _, number, _ in reports] == [2, 4, 5, 6, 7, 8, 9, 10]
    reasons = [reason for _, _, reason in reports]
    for reason, said in zip(
        reasons,
        ["not JSON", "no text", "no id", "text is not text", "id is neither", "not an object", "not UTF-8", "not JSON"],
        strict=True,
    ):
        assert said in reason


def test_a_line_too_long_to_be_a_post_is_refused() -> None:
    answers, reports = run([b'{"id": "1", "text": "' + b"a" * LONGEST + b'"}', b'{"id": "2", "text": "fine"}'])
    assert [answer["id"] for answer in answers] == ["2"]
    assert "longer than" in reports[0][2]


def test_strict_ends_at_the_first_bad_line_after_the_answers_before_it() -> None:
    answers = classify_lines(
        [b'{"id": "1", "text": "a"}', b"oops", b'{"id": "2", "text": "b"}'],
        FakeClassifier(),
        "posts.jsonl",
        strict=True,
        report=lambda *told: pytest.fail(str(told)),
    )
    assert next(answers)["id"] == "1"
    with pytest.raises(BadInput, match=r"posts\.jsonl, line 2: not JSON"):
        next(answers)


def test_a_long_file_is_read_a_chunk_at_a_time_and_keeps_its_order() -> None:
    fake = FakeClassifier()
    read: list[int] = []

    def lines() -> Iterable[bytes]:
        for number in range(3 * CHUNK + 7):
            read.append(number)
            yield json.dumps({"id": number, "text": "t", "lang": "de" if number % 2 else None}).encode()

    answers = classify_lines(lines(), fake, "-", report=lambda *_: None)
    assert next(answers)["id"] == 0
    assert len(read) <= CHUNK + 1
    assert [answer["id"] for answer in answers] == list(range(1, 3 * CHUNK + 7))
    assert fake.batches == [CHUNK, CHUNK, CHUNK, 7]
    assert fake.langs[:3] == [None, "de", None]
