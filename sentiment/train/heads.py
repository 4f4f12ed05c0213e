"""Fits the heads anew on what the finished encoder reads, once its weights are int8.

Training moves encoder and heads together, a batch at a time. Once the encoder stands still, the best head for it can be
found outright, on the rows of the second stage, our own examples among them with more weight; and it is fitted to the
rounded encoder that will be used, not to the one that was trained. It takes seconds, so it is done with other seeds
and settings as well, which says how far figures scatter and what each setting gains.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from tokenizers import Tokenizer
from torch.nn import functional
from tqdm import tqdm

from sentiment.train.calibrate import Floats, Labels
from sentiment.train.data import IGNORE, LABELS, Corpus, Row
from sentiment.train.export import FEATURES
from sentiment.train.mix import lessons, second_rows
from sentiment.train.stages import Measured, score


@dataclass(frozen=True, slots=True)
class Fit:
    """How the heads are fitted. `own` is the weight of our own examples, `penalty` that of large weights.

    With a `seed` the rows are drawn anew from themselves, some several times and some not at all (bootstrap).
    """

    own: float = 3.0
    penalty: float = 0.1
    seed: int | None = None


OTHERS = {
    "our own examples left out": Fit(own=0.0),
    "our own examples at their own weight": Fit(own=1.0),
    "a tenth of the penalty": Fit(penalty=0.01),
    "ten times the penalty": Fit(penalty=1.0),
}
"""Settings that are compared with the one that is used."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """`weights` (classes x what the encoder gives) and `bias` (classes)."""

    weights: Floats
    bias: Floats

    def logits(self, features: Floats) -> Floats:
        """A line per text."""
        return np.asarray(features @ self.weights.T + self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What the encoder reads of each text that a head is fitted on or tuned by."""

    texts: Mapping[str, int]
    features: Floats

    def of(self, rows: Sequence[Row]) -> Floats:
        """A line per row."""
        return self.features[[self.texts[row.text] for row in rows]]


def fitted_on(corpus: Corpus, seed: int) -> list[Row]:
    """What heads are fitted on: each labelled row of the second stage, once."""
    labelled = (row for row in second_rows(corpus.train, seed) if any(getattr(row, head) != IGNORE for head in LABELS))
    return list(dict.fromkeys(labelled))


def read_rows(graph: bytes, tokenizer: Tokenizer, rows: Sequence[Row], kept: Path | None) -> Readings:
    """Read each text by itself, as the service does. `graph` puts out FEATURES; shows a progress bar on stderr.

    In the file `kept`, if it is of the same graph, what was read stands already; afterwards it holds all of it.
    """
    digest = hashlib.sha256(graph).hexdigest()
    known = _known(kept, digest) if kept else {}
    texts = sorted({row.text for row in rows})
    new = [text for text in texts if text not in known]
    pieces = (np.array([piece.ids]) for piece in tokenizer.encode_batch_fast(new))
    run = _runner(graph)
    bar = tqdm(pieces, total=len(new), unit="text", desc="reading for the heads")
    known |= zip(new, [run([FEATURES], {"input_ids": ids})[0][0] for ids in bar], strict=True)
    features = np.stack([known[text] for text in texts])
    if kept and new:
        np.savez(kept, graph=digest, texts=json.dumps(texts), features=features)
    return Readings({text: place for place, text in enumerate(texts)}, features)


def fit_heads(heads: Collection[str], rows: Sequence[Row], readings: Readings, how: Fit) -> dict[str, Head]:
    """For each, the head that is likeliest to have given the labels of `rows`, every class weighing the same."""
    found = {}
    for head in heads:
        labelled = [row for row in rows if getattr(row, head) != IGNORE]
        if how.seed is not None:
            chance = random.Random(how.seed)  # noqa: S311 - a reproducible choice, not a secret
            labelled = chance.choices(labelled, k=len(labelled))
        found[head] = _fit(head, labelled, readings, how)
    return found


def tuning_logits(heads: Mapping[str, Head], corpus: Corpus, readings: Readings) -> dict[str, tuple[Floats, Labels]]:
    """Logits and labels of each head's tuning rows."""
    return {
        name: (head.logits(readings.of(corpus.val[name])), np.array([getattr(row, name) for row in corpus.val[name]]))
        for name, head in heads.items()
        if corpus.val[name]
    }


def measure_heads(heads: Mapping[str, Head], corpus: Corpus, readings: Readings) -> dict[str, float]:
    """The measure of each head on its tuning rows."""
    found = tuning_logits(heads, corpus, readings)
    return {name: score(name, logits, labels) for name, (logits, labels) in found.items()}


def compare(corpus: Corpus, rows: Sequence[Row], readings: Readings, seeds: Sequence[int]) -> Measured:
    """What heads reach that are fitted with each of the seeds, and in each of the OTHERS ways."""
    ways = {"as they are": Fit(), **{f"seed {seed}": Fit(seed=seed) for seed in seeds}, **OTHERS}
    return {
        name: measure_heads(fit_heads(corpus.val, rows, readings, how), corpus, readings) for name, how in ways.items()
    }


def _known(kept: Path, digest: str) -> dict[str, Floats]:
    if not kept.is_file():
        return {}
    with np.load(kept) as found:
        same = str(found["graph"]) == digest
        return dict(zip(json.loads(str(found["texts"])), found["features"], strict=True)) if same else {}


def _runner(graph: bytes) -> Callable[..., Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    run: Callable[..., Any] = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"]).run
    return run


def _fit(head: str, rows: Sequence[Row], readings: Readings, how: Fit) -> Head:
    """Standardised, so that the penalty means the same for each thing read; found by LBFGS from nothing."""
    own = torch.tensor([how.own if row.own else 1.0 for row in rows])
    wanted = np.stack([lesson.answers[head] for lesson in lessons(rows, {head: len(LABELS[head])}, {})])
    answers = torch.tensor(wanted) * own[:, None]
    features = torch.tensor(readings.of(rows))
    middle, spread = features.mean(0), features.std(0) + 1e-6
    inputs, total = (features - middle) / spread, answers.sum()
    layer = torch.nn.Linear(inputs.shape[1], len(LABELS[head]))
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        surprise = -(answers * functional.log_softmax(layer(inputs), -1)).sum() / total
        found = surprise + how.penalty * layer.weight.square().sum()
        found.backward()
        return found

    optimizer.step(loss)
    with torch.no_grad():
        weights = layer.weight / spread
        return Head(weights.numpy(), (layer.bias - weights @ middle).numpy())
