"""Any Hugging Face model as the judge; and what a person is told where torch is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.types import SENTIMENTS, UNSUPPORTED
from sentiment.classifier import ModelUnusable, load
from sentiment.transformer import read_labels

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install 'ripplewatch[torch]'")
without_torch = pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")


@pytest.mark.parametrize(
    ("labels", "read"),
    [
        (["negative", "neutral", "positive"], SENTIMENTS),
        (["POS", "NEU", "NEG"], ("positive", "neutral", "negative")),
        (["LABEL_0", "LABEL_1", "LABEL_2"], SENTIMENTS),
        (["LABEL_0", "LABEL_1"], ("negative", "positive")),
        (["NEGATIVE", "POSITIVE"], ("negative", "positive")),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], ("negative",) * 2 + ("neutral",) + ("positive",) * 2),
        (["complaint", "no_complaint"], ("complaint", "other")),
        (["Non-Complaint", "Complaint"], ("other", "complaint")),
    ],
)
def test_labels_of_common_models_are_understood(labels: list[str], read: tuple[str, ...]) -> None:
    assert read_labels(dict(enumerate(labels))) == read


@pytest.mark.parametrize("labels", [["toxic", "fine"], ["LABEL_0"], ["complaint", "positive"], ["positive", "spam"]])
def test_labels_that_mean_something_else_are_refused_by_name(labels: list[str]) -> None:
    with pytest.raises(ModelUnusable, match=", ".join(labels)):
        read_labels(dict(enumerate(labels)))


@without_torch
def test_without_torch_a_person_is_told_what_to_install() -> None:
    with pytest.raises(ModelUnusable, match=r"pip install 'ripplewatch\[torch\]'"):
        load("cardiffnlp/twitter-roberta-base-sentiment-latest")


@without_torch
def test_without_torch_training_says_what_to_install(tmp_path: Path) -> None:
    folder = str(tmp_path)
    command = [sys.executable, "-m", "sentiment.train", "--data", folder, "--encoder", folder, "--out", folder]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'ripplewatch[torch]'" in done.stderr


@needs_torch
def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=tmp_path.name):
        load(str(tmp_path))


@needs_torch
@pytest.mark.parametrize("labels", [SENTIMENTS, ("no_complaint", "complaint")])
def test_a_model_in_a_folder_judges(tmp_path: Path, labels: tuple[str, ...]) -> None:
    classifier = load(str(make_model(tmp_path / "tiny", labels)), threads=1)
    texts = ["late again", "", "so good " * 500, "Wo bleibt mein Paket? Das ist unmöglich"]
    verdicts = classifier.classify(texts)
    assert classifier.name.startswith("tiny@")
    assert [verdict.language for verdict in verdicts] == ["en", "und", "en", "de"]
    again = classifier.classify(texts[::-1])[::-1]
    for verdict, other in zip(verdicts, again, strict=True):
        if "complaint" in labels:
            assert (verdict.sentiment, dict(verdict.scores)) == (UNSUPPORTED, {})
            assert verdict.complaint == (verdict.complaint_score >= 0.5)  # type: ignore[operator]
            assert verdict.complaint_score == pytest.approx(other.complaint_score, abs=1e-4)
        else:
            assert verdict.sentiment == max(verdict.scores, key=lambda label: verdict.scores[label])
            assert sum(verdict.scores.values()) == pytest.approx(1, abs=1e-4)
            assert verdict.scores == pytest.approx(other.scores, abs=1e-4)
            assert verdict.complaint is None


def make_model(folder: Path, labels: tuple[str, ...]) -> Path:
    """A tiny BERT with random weights and its tokenizer, in Hugging Face's layout."""
    import torch  # noqa: PLC0415 - an extra
    from transformers import BertConfig, BertForSequenceClassification  # noqa: PLC0415 - needs torch

    torch.manual_seed(0)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "late", "again", "so", "good", "wo", "paket"]
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    BertForSequenceClassification(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    return folder
