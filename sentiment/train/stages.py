"""The three stages of training (see `mix.py`), what is kept of each, and how good the network is after each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from sentiment.measures import f1, macro_f1, macro_recall
from sentiment.train.calibrate import Floats, Labels, read_as, reading
from sentiment.train.data import IGNORE, LABELS, Corpus, Row
from sentiment.train.fit import Stage, adopt, answers, fit, read, untuned_copy
from sentiment.train.mix import first_rows, lessons, second_rows, third_rows
from sentiment.train.network import Network
from sentiment.train.probe import in_folds, left_out

FIRST = ("sentiment", "complaint")
"""Heads of the first stage."""

MEASURED_LENGTH = 64
"""Word pieces of a text that are read to measure a step: nearly all texts are shorter."""

WEIGHTS = "network.safetensors"
"""File of the weights that are kept of a stage."""

Said = Mapping[str, Mapping[str, Floats]]
"""What the first stage says: head -> text -> shares."""

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


@dataclass(frozen=True, slots=True)
class Part:
    """What a stage after the first sees, what the first stage says of those texts, and how they are learned."""

    rows: Sequence[Row]
    said: Said
    stage: Stage


def learn(
    network: Network,
    tokenizer: PreTrainedTokenizerFast,
    corpus: Corpus,
    recipe: Recipe,
    load_first: Callable[[Network], None] | None,
    keep: Callable[[Network, str], None],
) -> tuple[Measured, Measured]:
    """Train `network` in place; gives what each step reached, and what the probes found before labels were seen.

    `load_first`, if given, brings the weights of a first stage that was kept. `keep` is given the network after the
    "first" and the "second" stage.
    """
    untuned = untuned_copy(network)
    if load_first:
        load_first(network)
    else:
        heads = {name: len(LABELS[name]) for name in network.heads}
        fit(network, untuned, tokenizer, lessons(first_rows(corpus.train), heads, {}), recipe.stage(1))
    keep(network, "first")
    probes = probe(untuned, network, tokenizer, corpus)
    measured = {"after the first stage": measure(network, tokenizer, corpus, FIRST)}
    network.freeze_lower()
    second, third = second_rows(corpus.train, recipe.seed), third_rows(corpus.train, recipe.seed)
    said = said_of([*second, *third], network, tokenizer, recipe.length)
    for number, name, rows in ((2, "second", second), (3, "third", third)):
        part = Part(rows, said, recipe.stage(number))
        at_last, averaged = learn_part(network, untuned, tokenizer, corpus, part)
        measured |= {f"after the {name} stage": at_last, f"after the {name} stage, weights averaged": averaged}
        if number == 2:
            keep(network, "second")
    return measured, probes


def learn_part(
    network: Network, untuned: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, part: Part
) -> tuple[dict[str, float], dict[str, float]]:
    """One stage after the first; gives what its last weights reach, and the averaged ones, which `network` keeps."""
    heads = {name: len(LABELS[name]) for name in network.heads}
    average = fit(network, untuned, tokenizer, lessons(part.rows, heads, part.said), part.stage)
    at_last = measure(network, tokenizer, corpus)
    adopt(network, average)
    return at_last, measure(network, tokenizer, corpus)


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
        head: score(head, logits, labels)
        for head, (logits, labels) in _tuning_logits(network, tokenizer, corpus, heads).items()
    }


def _tuning_logits(
    network: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus, heads: Sequence[str]
) -> dict[str, tuple[Floats, Labels]]:
    """Logits and labels of the tuning rows of those `heads` that there are."""
    found = {}
    for head, rows in corpus.val.items():
        if head in heads and rows:
            features, _ = read(network, tokenizer, [row.text for row in rows], MEASURED_LENGTH)
            found[head] = answers(network, features)[head], np.array([getattr(row, head) for row in rows])
    return found


def score(head: str, logits: Floats, labels: Labels) -> float:
    """The measure that a head is compared by, of logits that are read as they will be once calibrated."""
    found = read_as(reading(head, logits, labels), logits)
    said = (found[:, 1] >= 0.5).astype(int) if found.shape[1] == 2 else found.argmax(1)
    if head == "sentiment":
        return macro_recall(labels, said)
    return f1(labels == 1, said == 1) if head == "irony" else macro_f1(labels, said)


def said_of(rows: Sequence[Row], first: Network, tokenizer: PreTrainedTokenizerFast, length: int) -> Said:
    """What the first stage says of the texts whose sentiment nobody labelled."""
    several = sorted({row.text for row in rows if row.sentiment == IGNORE})
    if not several:
        return {}
    logits = answers(first, read(first, tokenizer, several, length)[0])
    return {
        head: dict(zip(several, torch.tensor(logits[head]).softmax(-1).numpy(), strict=True))
        for head in FIRST
        if head in logits
    }
