"""Tunes the whole encoder together with its heads, in mixed batches of texts of about equal length."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast

from sentiment.train.mix import Floats, Lesson
from sentiment.train.network import Network

BATCH = 32
WARM_UP = 0.06
"""Share of the steps in which the learning rate climbs; it falls to zero in the rest."""
ANCHORED = 8
"""Rows of a batch whose embedding is held to what the untuned encoder says of them."""
REMEMBERED = 0.99
"""Of the averaged weights, what remains at each step: they are the mean of about the last hundred steps."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of training. `head_rate` is the learning rate of the heads beside that of the encoder."""

    rate: float
    head_rate: float = 1.0
    epochs: int = 1
    length: int = 64
    anchor: float = 2.0
    seed: int = 0


def fit(
    network: Network, untuned: Network, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Lesson], stage: Stage
) -> list[Tensor]:
    """Train `network` in place; `untuned` is what it was before all training. Shows a progress bar on stderr.

    Gives the weights averaged over the last steps, for `adopt`.
    """
    torch.manual_seed(stage.seed)
    chance = random.Random(stage.seed)  # noqa: S311 - a reproducible order, not a secret
    learned = _learned(network)
    optimizer = _optimizer(network, stage)
    steps = stage.epochs * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    average = [parameter.detach().clone() for parameter in learned]
    untuned.eval()
    network.train()
    bar = tqdm(total=steps, unit="batch", desc="training", smoothing=0.05)
    running = 0.0
    for epoch in range(stage.epochs):
        for batch in _batches(rows, chance):
            loss = _loss(network, untuned, tokenizer, batch, stage)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            schedule.step()
            _blend(average, learned)
            running = loss.item() if not running else 0.98 * running + 0.02 * loss.item()
            bar.set_postfix(epoch=epoch + 1, loss=f"{running:.3f}", refresh=False)
            bar.update()
    bar.close()
    return average


def adopt(network: Network, average: Sequence[Tensor]) -> None:
    """Take the averaged weights that `fit` gave."""
    with torch.no_grad():
        for parameter, mean in zip(_learned(network), average, strict=True):
            parameter.copy_(mean)


@torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore] # torch is an extra
def read(
    network: Network, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], length: int
) -> tuple[Floats, Floats]:
    """For each text, in order, what the heads read of it, and its embedding."""
    network.eval()
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    parts: list[tuple[Tensor, ...]] = []
    for start in range(0, len(order), BATCH):
        parts.append(network(*_encode(tokenizer, [texts[index] for index in order[start : start + BATCH]], length)))
    back = np.argsort(order)
    features, embeddings = (torch.cat(column).numpy()[back] for column in zip(*parts, strict=True))
    return features, embeddings


@torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore] # torch is an extra
def answers(network: Network, features: Floats) -> dict[str, Floats]:
    """Logits per head for texts that were `read`."""
    return {head: logits.numpy() for head, logits in network.read(torch.tensor(features)).items()}


def untuned_copy(network: Network) -> Network:
    """The network as it is now, to hold embeddings to."""
    untuned = copy.deepcopy(network)
    untuned.eval().requires_grad_(requires_grad=False)
    return untuned


def _learned(network: Network) -> list[Tensor]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore] # torch is an extra
def _blend(average: list[Tensor], learned: list[Tensor]) -> None:
    torch._foreach_lerp_(average, learned, 1 - REMEMBERED)


def _optimizer(network: Network, stage: Stage) -> torch.optim.Optimizer:
    groups = [
        {"params": [one for one in network.encoder.parameters() if one.requires_grad], "lr": stage.rate},
        {"params": list(network.heads.parameters()), "lr": stage.rate * stage.head_rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=0.01, fused=True)


def _loss(
    network: Network, untuned: Network, tokenizer: PreTrainedTokenizerFast, batch: Sequence[Lesson], stage: Stage
) -> Tensor:
    ids, mask = _encode(tokenizer, [row.text for row in batch], stage.length)
    features, embedding = network(ids, mask)
    with torch.no_grad():
        target = untuned(ids[:ANCHORED], mask[:ANCHORED])[1]
    loss = stage.anchor * (1 - (embedding[:ANCHORED] * target).sum(-1)).mean()
    for head, logits in network.read(features).items():
        wanted = torch.tensor(np.stack([row.answers[head] for row in batch]))
        loss = loss - (wanted * functional.log_softmax(logits, -1)).sum() / BATCH
    return loss


def _encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
    encoded = tokenizer(list(texts), padding=True, truncation=True, max_length=length, return_tensors="pt")
    return encoded["input_ids"], encoded["attention_mask"]


def _batches(rows: Sequence[Lesson], chance: random.Random) -> Iterator[list[Lesson]]:
    """All rows once, in random batches whose members are about equally long."""
    shuffled = list(rows)
    chance.shuffle(shuffled)
    pool = 50 * BATCH
    for start in range(0, len(shuffled), pool):
        sized = sorted(shuffled[start : start + pool], key=lambda row: len(row.text))
        batches = [sized[first : first + BATCH] for first in range(0, len(sized), BATCH)]
        chance.shuffle(batches)
        for batch in batches:
            chance.shuffle(batch)
            yield batch


def _rate(step: int, steps: int) -> float:
    climb = max(1, round(steps * WARM_UP))
    return (step + 1) / climb if step < climb else max(0.0, (steps - step) / max(1, steps - climb))
