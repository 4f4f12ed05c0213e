"""The two stages of training (see `mix.py`), what is kept of each, and how good the network is after each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from sentiment.measures import f1, macro_f1, macro_recall
from sentiment.train.calibrate import Floats, Labels, read_as, reading
from sentiment.train.data import IGNORE, LABELS, Corpus
from sentiment.train.fit import Stage, adopt, answers, fit, read, untuned_copy
from sentiment.train.mix import first_rows, lessons, second_rows
from sentiment.train.network import Network

FIRST = ("sentiment", "complaint")
"""Heads of the first stage."""

Measured = dict[str, dict[str, float]]
"""After a step of training: head -> its measure on the tuning rows."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults made the bundled model. `second_rate` is the learning rate of the second stage."""

    epochs: int = 1
    rate: float = 5e-5
    second_rate: float = 4e-5
    head_rate: float = 10.0
    length: int = 64
    anchor: float = 2.0
    seed: int = 0

    def stage(self, number: int) -> Stage:
        """Stage 1 or 2. In the second the heads are new and learn faster than the encoder."""
        rate, head_rate = (self.rate, 1.0) if number == 1 else (self.second_rate, self.head_rate)
        return Stage(rate, head_rate, self.epochs, self.length, self.anchor, self.seed)


def learn(
    network: Network,
    tokenizer: PreTrainedTokenizerFast,
    corpus: Corpus,
    recipe: Recipe,
    load_first: Callable[[Network], None] | None,
    keep_first: Callable[[Network], None],
) -> Measured:
    """Train `network` in place. `load_first`, if given, brings the weights of a first stage that was kept."""
    untuned = untuned_copy(network)
    heads = {name: len(LABELS[name]) for name in network.heads}
    measured: Measured = {}
    if load_first:
        load_first(network)
    else:
        rows = first_rows(corpus.train)
        fit(network, untuned, tokenizer, lessons(rows, heads, {}), recipe.stage(1))
        keep_first(network)
    measured["after the first stage"] = measure(network, tokenizer, corpus, FIRST)
    rows = second_rows(corpus.train, recipe.seed)
    network.freeze_lower()
    said = _said(network, tokenizer, [row.text for row in rows if row.sentiment == IGNORE], recipe.length)
    average = fit(network, untuned, tokenizer, lessons(rows, heads, said), recipe.stage(2))
    measured["after the second"] = measure(network, tokenizer, corpus)
    adopt(network, average)
    measured["with averaged weights"] = measure(network, tokenizer, corpus)
    return measured


def measure(
    network: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, heads: Sequence[str] = tuple(LABELS)
) -> dict[str, float]:
    """The measure of each head on its tuning rows, read as it will be once calibrated."""
    return {
        head: _score(head, logits, labels)
        for head, (logits, labels) in tuning_logits(network, tokenizer, corpus, heads, 64).items()
    }


def tuning_logits(
    network: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, heads: Sequence[str], length: int
) -> dict[str, tuple[Floats, Labels]]:
    """Logits and labels of the tuning rows of those `heads` that there are."""
    found = {}
    for head, rows in corpus.val.items():
        if head in heads and rows:
            features, _ = read(network, tokenizer, [row.text for row in rows], length)
            found[head] = answers(network, features)[head], np.array([getattr(row, head) for row in rows])
    return found


def _score(head: str, logits: Floats, labels: Labels) -> float:
    found = read_as(reading(head, logits, labels), logits)
    said = (found[:, 1] >= 0.5).astype(int) if found.shape[1] == 2 else found.argmax(1)
    if head == "sentiment":
        return macro_recall(labels, said)
    return f1(labels == 1, said == 1) if head == "irony" else macro_f1(labels, said)


def _said(
    network: Network, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], length: int
) -> Mapping[str, Mapping[str, Floats]]:
    """What the first stage says of texts without a label of their own: head -> text -> shares."""
    several = sorted(set(texts))
    if not several:
        return {}
    logits = answers(network, read(network, tokenizer, several, length)[0])
    return {
        head: dict(zip(several, torch.tensor(logits[head]).softmax(-1).numpy(), strict=True))
        for head in FIRST
        if head in logits
    }
