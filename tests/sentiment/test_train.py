"""A small training run, end to end: from labelled files to a model that the service loads."""

from __future__ import annotations

import csv
import json
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from core.errors import BadInput
from sentiment.onnx import OnnxClassifier
from sentiment.train.calibrate import calibration
from sentiment.train.data import (
    IGNORE,
    OPTIONAL,
    OWN,
    Row,
    balance,
    read_corpus,
    read_own,
    split,
)

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install 'ripplewatch[torch]'")

WORDS = {
    "positive": ["love", "great", "thanks", "brilliant"],
    "negative": ["broken", "late", "refund", "awful"],
    "neutral": ["today", "shop", "monday", "train"],
}
EMOTION_OF = {"positive": "joy", "negative": "anger", "neutral": "optimism"}
FILLER = ["the", "my", "is", "at", "it", "was", "so", "and"]


def write_data(folder: Path) -> Path:
    """200 rows in which a word of its own gives every label away."""
    chance = random.Random(7)
    made = []
    for index in range(200):
        label = list(WORDS)[index % 3]
        made.append((str(index), label, " ".join([*chance.sample(FILLER, 4), *chance.choices(WORDS[label], k=3)])))
    (folder / "sentiment").mkdir(parents=True)
    (folder / "complaints").mkdir()
    for name, part in (("train", made[:160]), ("val", made[160:])):
        lines = ["\t".join(row) for row in part]
        (folder / "sentiment" / f"{name}.tsv").write_text("\n".join(["id\tlabel\ttext", *lines]) + "\n")
    with (folder / "complaints" / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "domain"])
        for number, label, text in made:
            domain = "food" if label == "negative" or int(number) % 2 else "random_tweet"
            writer.writerow([number, text + f" {number}", int(label == "negative"), domain])
    for head, yes, no in (("irony", "irony", "non_irony"), ("offensive", "offensive", "not-offensive")):
        write_labelled(folder / head, [(text, yes if label == "negative" else no) for _, label, text in made])
    write_labelled(folder / "emotion", [(text, EMOTION_OF[label]) for _, label, text in made])
    return folder


def write_labelled(folder: Path, rows: list[tuple[str, str]]) -> None:
    folder.mkdir()
    for name, part in (("train", rows[:160]), ("val", rows[160:])):
        lines = [f"{number}\t{label}\t{text} {name}" for number, (text, label) in enumerate(part)]
        (folder / f"{name}.tsv").write_text("\n".join(["id\tlabel\ttext", *lines]) + "\n")


def write_encoder(folder: Path) -> Path:
    """A BERT of two narrow layers with random weights."""
    import torch  # noqa: PLC0415 - an extra
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415 - with it
    from transformers import BertConfig, BertModel  # noqa: PLC0415 - needs torch

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    known = [*special, *FILLER, *(word for words in WORDS.values() for word in words)]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.set_num_threads(1)  # a network this small only waits for its threads
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(known), hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def load_pipeline(folder: Path) -> Any:
    from bench.pipeline import load  # noqa: PLC0415 - needs torch

    return load(folder)


def train(*arguments: str) -> dict[str, Any]:
    from sentiment.train.__main__ import main  # noqa: PLC0415 - what is under test

    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@needs_torch
@pytest.mark.filterwarnings("default")  # torch and transformers warn of each other's plans
def test_one_command_makes_a_model_that_has_learned(tmp_path: Path) -> None:
    data, encoder = write_data(tmp_path / "data"), write_encoder(tmp_path / "encoder")
    common = ("--data", str(data), "--encoder", str(encoder), "--without", "intents", "--without", "own")
    figures = train(
        *common, "--out", str(tmp_path / "model"), "--fp32", str(tmp_path / "fp32"), "--epochs", "4", "--rate", "0.003"
    )
    assert figures["sentiment"]["macro_recall"] > 0.9
    assert figures["complaint"]["macro_f1"] > 0.9
    for head in ("emotion", "irony", "offensive"):
        assert figures[head]["macro_f1"] > 0.9, head
    steps = figures["steps"]
    assert set(steps["after the first stage"]) == {"sentiment", "complaint"}
    assert (
        abs(steps["after the third stage, weights averaged"]["sentiment"] - steps["as the int8 graph"]["sentiment"])
        < 0.1
    )
    assert steps["the better of both"] == {
        head: max(steps["as the int8 graph"][head], steps["its heads fitted anew"][head])
        for head in figures["heads"]["seed 0"]
    }
    assert {"seed 0", "seed 1", "seed 2"} < set(figures["heads"])
    assert figures["heads"]["as they are"] == steps["its heads fitted anew"]
    classifier = OnnxClassifier(tmp_path / "model")
    bad, good = classifier.classify(["my refund is so late awful", "it was great thanks love"], ["en", "en"])
    assert (bad.sentiment, bad.complaint, good.sentiment, good.complaint) == ("negative", True, "positive", False)
    assert (bad.emotion, good.emotion) == ("anger", "joy")
    assert (bad.irony or 0) > 0.5 > (good.irony or 0)
    assert (bad.intent, dict(bad.intents)) == (None, {})
    assert classifier.embed(["the shop"]).shape == (1, 64)
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert classifier.name in card
    assert (
        "--epochs 4 --rate 0.003 --second-rate 4e-05 --third-rate 2e-05 --seed 0 --without intents --without own"
        in card
    )
    assert str(tmp_path) not in card
    (said,) = load_pipeline(tmp_path / "model")(["it was great thanks love"], top_k=3)
    assert said[0]["label"] == "positive", "bench compares with a pipeline that says the same"
    again = train(*common, "--out", str(tmp_path / "again"), "--trained", str(tmp_path / "fp32"))
    assert again == figures
    first = ("--first", str(tmp_path / "fp32" / "first"), "--epochs", "4", "--rate", "0.003")
    assert train(*common, *first, "--out", str(tmp_path / "third")) == figures


@needs_torch
@pytest.mark.filterwarnings("default")  # torch and transformers warn of each other's plans
def test_the_last_stage_runs_again_from_what_was_kept_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    data, encoder = write_data(tmp_path / "data"), write_encoder(tmp_path / "encoder")
    common = ["--data", str(data), "--encoder", str(encoder), "--seeds", "2"]
    common += [part for name in ("intents", "emotion", "irony", "offensive") for part in ("--without", name)]
    made = train(*common, "--out", str(tmp_path / "model"), "--fp32", str(tmp_path / "fp32"))
    assert made["again"] == {}
    goes_on = (*common, "--out", str(tmp_path / "model"), "--trained", str(tmp_path / "fp32"))
    found = train(*goes_on, "--again")["again"]
    assert found["seed 0"]["sentiment"] == made["steps"]["after the third stage, weights averaged"]["sentiment"]
    assert found["seed 0"] != found["seed 1"]
    held, free = found["seed 0"], found["seed 0, embedding not held to the untuned encoder's"]
    assert held["embedding"] > free["embedding"]
    assert "| mean of 2 seeds |" in (tmp_path / "model" / "MODEL_CARD.md").read_text()
    (tmp_path / "fp32" / "first" / "network.safetensors").unlink()
    assert train(*goes_on, "--again")["again"] == found, "nothing is run twice"


@needs_torch
def test_the_last_stage_cannot_run_again_from_nothing() -> None:
    from sentiment.train.__main__ import main  # noqa: PLC0415 - what is under test

    done = CliRunner().invoke(main, ["--data", "d", "--encoder", "e", "--out", "o", "--again"])
    assert (done.exit_code, "--fp32" in done.output) == (2, True)


@needs_torch
@pytest.mark.filterwarnings("default")  # torch and transformers warn of each other's plans
def test_a_model_made_without_complaints_is_unsure_of_every_text(tmp_path: Path) -> None:
    data, encoder = write_data(tmp_path / "data"), write_encoder(tmp_path / "encoder")
    (data / "complaints" / "train.csv").unlink()
    without = [part for name in (*OPTIONAL, "own") for part in ("--without", name)]
    train("--data", str(data), "--encoder", str(encoder), "--out", str(tmp_path / "model"), *without)
    (verdict,) = OnnxClassifier(tmp_path / "model").classify(["my refund is late"])
    assert (verdict.complaint, verdict.complaint_score) == (None, None)
    assert (verdict.emotion, verdict.irony, verdict.offensive, verdict.intent) == (None, None, None, None)
    assert "Made without a complaint head" in (tmp_path / "model" / "MODEL_CARD.md").read_text()


def test_calibration_is_judged_on_rows_that_it_was_not_set_on_beside_what_chance_would_show() -> None:
    chance = np.random.default_rng(5)
    lean = chance.normal(0, 2, 1000)
    honest = (chance.random(1000) < 1 / (1 + np.exp(-lean))).astype(np.int64)
    logits = np.stack([np.zeros(1000), lean, np.full(1000, -9.0), np.full(1000, -9.0)], axis=1).astype(np.float32)
    found = calibration("emotion", logits, honest)
    assert found["calibration error"] < 0.05
    assert calibration("emotion", logits[:50], honest[:50])["of a perfect model"] > 3 * found["of a perfect model"]
    sure_of_nothing = calibration("emotion", logits, np.where(chance.random(1000) < 0.5, 0, honest))
    assert sure_of_nothing["calibration error"] > found["calibration error"]


def test_no_text_is_both_trained_and_tuned_on(tmp_path: Path) -> None:
    corpus = read_corpus(write_data(tmp_path), without=["intents"])
    trained = {row.text for row in corpus.train}
    assert not trained & {row.text for rows in corpus.val.values() for row in rows}
    held = {row.text for row in corpus.val["complaint"]}
    assert len(held) == pytest.approx(40, abs=2)
    assert {row.domain for row in corpus.val["complaint"]} == {"food", "random_tweet"}
    assert read_corpus(tmp_path, without=["intents"]) == corpus


def test_a_repeated_text_stays_on_one_side_of_the_split() -> None:
    rows = [Row(f"text {number % 10}", complaint=1, domain="food") for number in range(100)]
    trained, held = split(rows, seed=1)
    assert not {row.text for row in trained} & {row.text for row in held}


def test_rare_classes_weigh_more() -> None:
    weights = balance([0, 1, 1, 1, IGNORE], 2)
    assert weights == [2.0, pytest.approx(2 / 3)]


def test_labels_and_files_that_are_wrong_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot read .*train\.tsv"):
        read_corpus(tmp_path)
    data = write_data(tmp_path / "data")
    (data / "complaints" / "train.csv").write_text("id,text,label,domain\n1,x,maybe,food\n")
    with pytest.raises(BadInput, match=r"train\.csv, record 2: label 'maybe'"):
        read_corpus(data, without=["intents"])


def test_our_own_examples_have_labels_that_are_known_and_no_text_twice() -> None:
    rows = list(read_own(OWN))
    assert len(rows) == len({row.text for row in rows}) > 300
    assert all(row.own and IGNORE not in {row.sentiment, row.complaint} for row in rows)
