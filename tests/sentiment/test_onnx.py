"""What the bundled model says, and that it says the same of a text wherever it stands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from core.types import SENTIMENTS, UNSUPPORTED
from sentiment.classifier import BUNDLED, ModelUnusable, load
from sentiment.description import ModelDamaged
from sentiment.onnx import OnnxClassifier

COMPLAINTS = [
    "@TelcoHelp my internet has been down for three days and nobody answers. Fix this now!",
    "Third week waiting for my refund. Your support keeps closing my ticket.",
    "Hi, could you please look into my order? It was due last Monday and has still not arrived. Thank you!",
    "the jacket ripped the second time I wore it, very disappointed with the quality",
    "worst service ever",
    "You charged my card twice and I can't reach anyone 😡",
    "so your app crashes every time I open it. every. single. time.",
]
OTHERS = [
    "Just had the best coffee at my favourite place, thank you so much for the lovely service!",
    "What time do you open on Sunday?",
    "The new phone is out on Friday.",
    "Happy birthday to my wonderful sister!",
    "Thanks, all sorted now. Great support from your team 👍",
]


@pytest.mark.parametrize("text", COMPLAINTS)
def test_a_complaint_is_flagged_be_it_loud_or_polite(bundled: OnnxClassifier, text: str) -> None:
    (verdict,) = bundled.classify([text])
    assert verdict.complaint is True, verdict


@pytest.mark.parametrize("text", OTHERS)
def test_praise_questions_and_news_are_left_alone(bundled: OnnxClassifier, text: str) -> None:
    (verdict,) = bundled.classify([text])
    assert verdict.complaint is False, verdict


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love this, brilliant work!", "positive"),
        ("not good at all, I would never buy it again", "negative"),
        ("not bad at all, I would buy it again", "positive"),
        ("The meeting is at 10 on Tuesday.", "neutral"),
        ("I hate waiting for hours on the phone", "negative"),
    ],
)
def test_sentiment_minds_negation(bundled: OnnxClassifier, text: str, label: str) -> None:
    (verdict,) = bundled.classify([text])
    assert verdict.sentiment == label, verdict


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "\u200b\u200d",
        "https://example.org/status/1",
        "@brand",
        "😡",
        "?",
        "0/10",
        "\x00",
        "\ud800",
        "&#0;",
        "ok",
        "[PAD]",
    ],
)
def test_a_text_with_next_to_nothing_in_it_gets_a_verdict(bundled: OnnxClassifier, text: str) -> None:
    (verdict,) = bundled.classify([text])
    assert verdict.sentiment in SENTIMENTS
    assert set(verdict.scores) == set(SENTIMENTS)
    assert sum(verdict.scores.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "text", ["", "https://example.org/status/1", "@brand @other", "...", "@brand https://example.org"]
)
def test_nothing_to_read_is_not_a_complaint(bundled: OnnxClassifier, text: str) -> None:
    (verdict,) = bundled.classify([text])
    assert verdict.language == "und"
    assert verdict.complaint is False


def test_another_language_is_left_unjudged_rather_than_guessed(bundled: OnnxClassifier) -> None:
    texts = ["Mein Paket ist immer noch nicht da und niemand antwortet", "خدمة سيئة جدا ولم يصل طلبي", "最悪のサービス"]
    verdicts = bundled.classify(texts)
    assert [verdict.language for verdict in verdicts] == ["de", "ar", "ja"]
    for verdict in verdicts:
        assert (verdict.sentiment, dict(verdict.scores), verdict.complaint) == (UNSUPPORTED, {}, None)
        assert verdict.complaint_score is None


def test_a_hidden_character_or_direction_mark_changes_nothing(bundled: OnnxClassifier) -> None:
    plain, hidden = bundled.classify(["still no refund from you", "still no re\u200bfund \u202efrom\u202c you"])
    assert hidden == plain


def test_a_huge_text_is_judged_by_its_beginning_and_at_once(bundled: OnnxClassifier) -> None:
    begun = time.process_time()
    letter = "Dear team, my order of 3 October has still not arrived. I called four times and was cut off each time. "
    verdicts = bundled.classify([letter + "Kind regards, Anna. " * 5_000, "😡" * 100_000, "a" * 100_000])
    assert time.process_time() - begun < 3
    assert verdicts[0].complaint is True


def test_verdicts_come_in_the_order_of_the_texts(bundled: OnnxClassifier) -> None:
    texts = [*COMPLAINTS, "", *OTHERS, "Das ist nicht mehr lustig, wo bleibt mein Geld", *COMPLAINTS]
    verdicts = bundled.classify(texts)
    assert verdicts == [bundled.classify([text])[0] for text in texts]


def test_a_text_gets_the_same_verdict_alone_and_among_long_neighbours(bundled: OnnxClassifier) -> None:
    long = "and another thing, the engineer never came, the line is dead, I am furious!!! " * 8
    alone = bundled.classify(["is the shop open today"])[0]
    among = bundled.classify([long, "is the shop open today", long.upper()])[1]
    assert among == alone


def test_many_threads_may_ask_at_once(bundled: OnnxClassifier) -> None:
    expected = bundled.classify(COMPLAINTS)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(bundled.classify, [COMPLAINTS] * 8)) == [expected] * 8


def test_one_thread_and_many_say_the_same(bundled: OnnxClassifier) -> None:
    assert OnnxClassifier(BUNDLED, threads=1).classify(OTHERS) == bundled.classify(OTHERS)


def test_like_texts_lie_close_together(bundled: OnnxClassifier) -> None:
    vectors = bundled.embed(["where is my parcel?", "my package has not arrived", "the app will not let me log in", ""])
    assert vectors.shape == (4, 384)
    assert np.linalg.norm(vectors[:3], axis=1) == pytest.approx(np.ones(3), abs=1e-4)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1
    assert not vectors[3].any()
    assert bundled.embed([]).shape == (0, 384)


def test_a_text_that_was_just_judged_has_the_same_embedding_as_one_that_was_not(bundled: OnnxClassifier) -> None:
    bundled.classify(COMPLAINTS)
    fresh = OnnxClassifier(BUNDLED, threads=1)
    assert np.array_equal(bundled.embed([*COMPLAINTS, "new"]), fresh.embed([*COMPLAINTS, "new"]))


def test_no_texts_no_verdicts(bundled: OnnxClassifier) -> None:
    assert bundled.classify([]) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_made_by_fork_can_judge_too(bundled: OnnxClassifier) -> None:
    bundled.classify(["warm"])
    program = (
        "import os; from sentiment.classifier import load; model = load(threads=1); model.classify(['warm']);\n"
        "child = os.fork()\n"
        "if not child: os._exit(0 if model.classify(['great'])[0].sentiment == 'positive' else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_word_pieces_are_those_of_the_transformers_tokenizer() -> None:
    program = (
        "import json, sys\n"
        "from transformers import PreTrainedTokenizerFast\n"
        "theirs = PreTrainedTokenizerFast(tokenizer_file=sys.argv[1], pad_token='[PAD]')\n"
        "print(json.dumps(theirs(json.load(sys.stdin))['input_ids']))"
    )
    texts = [*COMPLAINTS, *OTHERS, "naïve ÇA VA?", "don't", "😡", "#BrokenAgain", "Ελλάδα 東京"]
    done = subprocess.run(
        [sys.executable, "-c", program, str(BUNDLED / "tokenizer.json")],
        input=json.dumps(texts),
        timeout=60,
        capture_output=True,
        text=True,
        check=True,
    )
    ours = Tokenizer.from_file(str(BUNDLED / "tokenizer.json"))
    ours.no_padding()
    assert json.loads(done.stdout) == [ours.encode(text).ids for text in texts]


def test_judging_needs_neither_torch_nor_a_network_nor_much_time() -> None:
    program = (
        "import socket, sys, time\n"
        "def refuse(*a, **k): raise AssertionError('a connection was tried')\n"
        "socket.socket.connect = socket.create_connection = refuse\n"
        "begun = time.process_time()\n"
        "from sentiment.classifier import load\n"
        "load().classify(['worst service ever'])\n"
        "print(time.process_time() - begun, 'torch' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True, check=True)
    seconds, torch = done.stdout.split()
    assert torch == "False"
    assert float(seconds) < 5
    assert done.stderr == ""


@pytest.mark.parametrize("file", ["model.onnx", "heads.npz"])
def test_a_damaged_file_is_refused_by_name_with_both_sums_and_what_to_do(tmp_path: Path, file: str) -> None:
    folder = shutil.copytree(BUNDLED, tmp_path / "model")
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: len(whole) // 2])
    expected = json.loads((folder / "model.json").read_text())["files"][file]
    with pytest.raises(ModelDamaged) as caught:
        OnnxClassifier(folder)
    assert all(part in str(caught.value) for part in (file, expected, "Install Ripplewatch again"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": 1}'])
def test_a_description_that_makes_no_sense_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelDamaged, match=r"model\.json"):
        OnnxClassifier(tmp_path)


def test_a_missing_model_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"model\.json"):
        OnnxClassifier(tmp_path)
    shutil.copy(BUNDLED / "model.json", tmp_path)
    with pytest.raises(ModelDamaged, match=r"model\.onnx|tokenizer\.json"):
        OnnxClassifier(tmp_path)


def test_the_default_is_the_bundled_model_by_name_and_version(bundled: OnnxClassifier) -> None:
    described = json.loads((BUNDLED / "model.json").read_text())
    assert bundled.name == f"{described['name']}-{described['version']}"
    assert load().name == load("bundled").name == bundled.name
