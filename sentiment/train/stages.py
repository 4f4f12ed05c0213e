"""The three stages of training (see `mix.py`), what is kept of each, and how good the network is after each step."""

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
from sentiment.train.mix import first_rows, lessons, second_rows, third_rows
from sentiment.train.network import Network
from sentiment.train.probe import in_folds, left_out

FIRST = ("sentiment", "complaint")
"""Heads of the first stage."""

MEASURED_LENGTH = 64
"""Word pieces of a text that are read to measure a step: nearly all texts are shorter."""

Measured = dict[str, dict[str, float]]
"""Step of training, or probe -> head, or what was probed -> its measure."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults made the bundled model. The learning rates are those of the three stages."""

    epochs: int = 1
    rate: float = 5e-5
    second_rate: float = 4e-5
    third_rate: float = 2e-5
    head_rate: float = 10.0
    length: int = 64
    anchor: float = 2.0
    seed: int = 0

    def stage(self, number: int) -> Stage:
        """Stage 1, 2 or 3. After the first the heads learn faster than the encoder: most are new then."""
        rate = (self.rate, self.second_rate, self.third_rate)[number - 1]
        head_rate = 1.0 if number == 1 else self.head_rate
        return Stage(rate, head_rate, self.epochs, self.length, self.anchor, self.seed)


def learn(
    network: Network,
    tokenizer: PreTrainedTokenizerFast,
    corpus: Corpus,
    recipe: Recipe,
    load_first: Callable[[Network], None] | None,
    keep_first: Callable[[Network], None],
) -> tuple[Measured, Measured]:
    """Train `network` in place; gives what each step reached, and what the probes found before labels were seen.

    `load_first`, if given, brings the weights of a first stage that was kept.
    """
    untuned = untuned_copy(network)
    heads = {name: len(LABELS[name]) for name in network.heads}
    if load_first:
        load_first(network)
    else:
        fit(network, untuned, tokenizer, lessons(first_rows(corpus.train), heads, {}), recipe.stage(1))
        keep_first(network)
    probes = probe(untuned, network, tokenizer, corpus)
    measured = {"after the first stage": measure(network, tokenizer, corpus, FIRST)}
    network.freeze_lower()
    rows = second_rows(corpus.train, recipe.seed)
    said = _said(network, tokenizer, [row.text for row in rows if row.sentiment == IGNORE], recipe.length)
    for number, name, part in (
        (2, "second", rows),
        (3, "third", third_rows(corpus.train, recipe.seed)),
    ):
        average = fit(network, untuned, tokenizer, lessons(part, heads, said), recipe.stage(number))
        measured[f"after the {name} stage"] = measure(network, tokenizer, corpus)
        adopt(network, average)
        measured[f"after the {name} stage, weights averaged"] = measure(network, tokenizer, corpus)
    return measured, probes


def probe(untuned: Network, first: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus) -> Measured:
    """Complaints by an encoder that has seen none of them, intents by one that has seen no intent; see `probe.py`."""
    found: Measured = {}
    for head, network in (("complaint", untuned), ("intent", first)):
        if head not in corpus.val:
            continue
        rows = [row for row in (*corpus.train, *corpus.val[head]) if getattr(row, head) != IGNORE and not row.own]
        features, _ = read(network, tokenizer, [row.text for row in rows], MEASURED_LENGTH)
        labels = np.array([getattr(row, head) for row in rows])
        if head == "complaint":
            found["complaints at a kind of brand that was left out"] = left_out(
                features, labels, [row.domain for row in rows]
            )
        else:
            found["intents in folds"] = in_folds(features, labels, LABELS[head])
    return found


def measure(
    network: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, heads: Sequence[str] = tuple(LABELS)
) -> dict[str, float]:
    """The measure of each head on its tuning rows, read as it will be once calibrated."""
    return {
        head: _score(head, logits, labels)
        for head, (logits, labels) in tuning_logits(network, tokenizer, corpus, heads, MEASURED_LENGTH).items()
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
