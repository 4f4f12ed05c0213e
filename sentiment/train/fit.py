"""Tunes the whole encoder together with its heads, one pass over mixed batches of rows of equal length."""

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

from sentiment.train.data import IGNORE, Row, balance
from sentiment.train.network import HEADS, Network

BATCH = 32
WARM_UP = 0.06
"""Share of the steps in which the learning rate climbs; it falls to zero in the rest."""
REPEAT = 3
"""How often a complaint row is seen for one sight of a sentiment row: there are twenty times fewer of them."""
ANCHORED = 8
"""Rows of a batch whose embedding is held to what the untuned encoder says of them."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults made the bundled model."""

    epochs: int = 1
    rate: float = 5e-5
    length: int = 64
    anchor: float = 2.0
    seed: int = 0


def fit(network: Network, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Row], recipe: Recipe) -> None:
    """Train `network` in place. Shows a progress bar with the running loss on stderr."""
    torch.manual_seed(recipe.seed)
    mixed = [*rows, *(row for row in rows for _ in range(REPEAT - 1) if row.complaint != IGNORE)]
    chance = random.Random(recipe.seed)  # noqa: S311 - a reproducible order, not a secret
    untuned = copy.deepcopy(network).eval()
    weights = {head: torch.tensor(balance((getattr(row, head) for row in rows), size)) for head, size in HEADS.items()}
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=recipe.rate, weight_decay=0.01, fused=True)
    steps = recipe.epochs * -(-len(mixed) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    network.train()
    bar = tqdm(total=steps, unit="batch", desc="training", smoothing=0.05)
    running = 0.0
    for step in range(recipe.epochs):
        for batch in _batches(mixed, chance):
            loss = _loss(network, untuned, tokenizer, batch, weights, recipe)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            schedule.step()
            running = loss.item() if not running else 0.98 * running + 0.02 * loss.item()
            bar.set_postfix(epoch=step + 1, loss=f"{running:.3f}", refresh=False)
            bar.update()
    bar.close()


@torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore] # torch is an extra
def predict(
    network: Network, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], length: int
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """The network's outputs for `texts`, in order: sentiment logits, complaint logits, embeddings."""
    network.eval()
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    parts: list[tuple[Tensor, ...]] = []
    for start in range(0, len(order), BATCH):
        parts.append(network(*_encode(tokenizer, [texts[index] for index in order[start : start + BATCH]], length)))
    back = np.argsort(order)
    return [torch.cat(column).numpy()[back] for column in zip(*parts, strict=True)]


def _loss(
    network: Network,
    untuned: Network,
    tokenizer: PreTrainedTokenizerFast,
    batch: Sequence[Row],
    weights: dict[str, Tensor],
    recipe: Recipe,
) -> Tensor:
    ids, mask = _encode(tokenizer, [row.text for row in batch], recipe.length)
    sentiment, complaint, embedding = network(ids, mask)
    with torch.no_grad():
        target = untuned(ids[:ANCHORED], mask[:ANCHORED])[2]
    loss = recipe.anchor * (1 - (embedding[:ANCHORED] * target).sum(-1)).mean()
    for head, logits, share in (("sentiment", sentiment, 1.0), ("complaint", complaint, 2.0)):
        labels = torch.tensor([getattr(row, head) for row in batch])
        summed = functional.cross_entropy(
            logits, labels, weights[head], ignore_index=IGNORE, reduction="sum", label_smoothing=0.05
        )
        loss = loss + share * summed / BATCH
    return loss


def _encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
    encoded = tokenizer(list(texts), padding=True, truncation=True, max_length=length, return_tensors="pt")
    return encoded["input_ids"], encoded["attention_mask"]


def _batches(rows: Sequence[Row], chance: random.Random) -> Iterator[list[Row]]:
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
