"""Posts per second of transformers' own pipeline, on the weights of the bundled model.

    .venv-torch/bin/python -m bench.pipeline <texts.json

Reads a JSON list of texts from stdin and writes to stdout, by batch size, {"1": [posts/s, posts per CPU second], "32":
...}. Run by `bench.classify` with a Python that has torch (`make torch`), since the service's own has none. The weights
are the int8 ones of the graph, multiplied out to fp32: so both sides compute the same function.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import transformers
from numpy.typing import NDArray
from transformers.modeling_outputs import SequenceClassifierOutput

from bench.classify import Rate, measure
from core.types import SENTIMENTS
from sentiment.classifier import BUNDLED
from sentiment.onnx import HEADS
from sentiment.train.network import Network

Floats = NDArray[np.float32]


def main() -> None:
    """Measure batches of 1 (on some of the texts: they are slow) and of 32 on the texts from stdin."""
    transformers.logging.set_verbosity(logging.CRITICAL)  # it would list all models but ours
    texts: list[str] = json.load(sys.stdin)
    pipeline = load(BUNDLED)
    parts = {1: texts[:200], 32: texts}
    json.dump({str(size): astuple(_rate(pipeline, part, size)) for size, part in parts.items()}, sys.stdout)


def load(folder: Path) -> Any:
    """The model in `folder` as a transformers text-classification pipeline in fp32."""
    graph = onnx.load(str(folder / "model.onnx")).graph
    found = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    if (folder / HEADS).is_file():
        with np.load(folder / HEADS) as heads:
            found |= dict(heads)
    weights = {name: torch.tensor(value) for name, value in weights_of(found).items()}
    attention = next(one.i for node in graph.node for one in node.attribute if one.name == "num_heads")
    words, positions = (weights[f"encoder.embeddings.{name}_embeddings.weight"] for name in ("word", "position"))
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=words.shape[1],
        num_hidden_layers=sum(name.endswith("intermediate.dense.bias") for name in weights),
        num_attention_heads=attention,
        intermediate_size=len(weights["encoder.encoder.layer.0.intermediate.dense.bias"]),
        max_position_embeddings=len(positions),
    )
    config.id2label = dict(enumerate(SENTIMENTS))
    heads_found = [name for name in weights if name.startswith("heads.") and name.endswith(".bias")]
    sizes = {name.split(".")[1]: len(weights[name]) for name in heads_found}
    judge: Any = _Judge(config, sizes)
    judge.network.load_state_dict(weights)
    tokenizer = transformers.PreTrainedTokenizerFast(  # type: ignore[no-untyped-call, unused-ignore]
        tokenizer_file=str(folder / "tokenizer.json"),
        pad_token="[PAD]",  # not that kind of token
        model_max_length=json.loads((folder / "model.json").read_text(encoding="utf-8"))["length"],
    )
    return transformers.TextClassificationPipeline(model=judge.eval(), tokenizer=tokenizer, device=-1)


def weights_of(graph: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """The state of a `Network` from the constants of the graph that `sentiment/train/export.py` made of it."""
    state: dict[str, Floats] = {
        "encoder.embeddings.word_embeddings.weight": graph["words"] * graph["words.scale"],
        "encoder.embeddings.position_embeddings.weight": graph["positions"],
        "encoder.embeddings.token_type_embeddings.weight": np.zeros((2, graph["positions"].shape[1]), np.float32),
    }
    for name, value in graph.items():
        if name.endswith(".int8"):
            place = name.removesuffix(".int8")
            weight = (value * graph[f"{place}.scale"]).T
            parts = ("self.query", "self.key", "self.value") if place.endswith(".attention") else ("",)
            biases = np.split(graph[f"{place}.bias"], len(parts))
            for part, rows, bias in zip(parts, np.split(weight, len(parts)), biases, strict=True):
                full = f"{place}.{part}" if part else place
                state |= {f"{full}.weight": rows, f"{full}.bias": bias}
        elif name.startswith("heads.") or ".LayerNorm." in name:
            state[name] = value
    return state


class _Judge(transformers.BertPreTrainedModel):  # type: ignore[misc, unused-ignore] # torch is an extra
    """The network in the form that the pipeline asks for: all heads are computed, sentiment is what it reads."""

    def __init__(self, config: transformers.BertConfig, heads: Mapping[str, int]) -> None:
        super().__init__(config)
        encoder: Any = transformers.BertModel(config, add_pooling_layer=False)
        self.network = Network(encoder, config.hidden_size, heads)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: object) -> SequenceClassifierOutput:
        logits = self.network.read(self.network(input_ids, attention_mask)[0])
        return SequenceClassifierOutput(logits=logits["sentiment"])


def _rate(pipeline: Any, texts: list[str], size: int) -> Rate:
    """The better of two rounds, after some posts that warm up."""
    pipeline(texts[:20], batch_size=size, truncation=True)
    return measure(lambda: pipeline(texts, batch_size=size, truncation=True), len(texts), rounds=2)


if __name__ == "__main__":
    main()
