"""The last stage again, from the weights of the second: with other seeds, and without each of its parts in turn.

That tells how far a figure scatters and what a part gains, where whole runs are too dear. Each run is written down as
soon as it is done, so that a second call goes on where the first one was stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from core.errors import BadInput
from sentiment.train.card import EMBEDDING
from sentiment.train.data import IGNORE, LABELS, Corpus, Row
from sentiment.train.fit import read, untuned_copy
from sentiment.train.mix import third_rows
from sentiment.train.network import Network
from sentiment.train.stages import MEASURED_LENGTH, WEIGHTS, Measured, Part, Recipe, learn_part, said_of

FILE = "repeats.json"


def _labelled(row: Row) -> bool:
    return any(getattr(row, head) != IGNORE for head in LABELS)


def _brand(row: Row) -> bool:
    return row.complaint != IGNORE and row.to_brand and not row.own


Change = Callable[[Part], Part]

CHANGES: dict[str, Change] = {
    "embedding not held to the untuned encoder's": lambda part: replace(part, stage=replace(part.stage, anchor=0.0)),
    "without our own examples": lambda part: replace(part, rows=[row for row in part.rows if not row.own]),
    "without care talk that has no label": lambda part: replace(
        part, rows=[row for row in part.rows if _labelled(row)]
    ),
    "without what the first stage says": lambda part: replace(part, said={}),
    "a complaint hints at no sentiment": lambda part: replace(
        part, rows=[replace(row, hint=IGNORE) for row in part.rows]
    ),
    "complaints to brands twice": lambda part: replace(part, rows=[*part.rows, *filter(_brand, part.rows)]),
}
"""What is changed, each alone, with the first of the seeds."""


def repeat(
    network: Network,
    tokenizer: PreTrainedTokenizerFast,
    corpus: Corpus,
    recipe: Recipe,
    kept: Path,
    seeds: Sequence[int],
) -> Measured:
    """What the last stage reaches with each of `seeds`, and with each of CHANGES; and what earlier calls found.

    `network` is untuned, and is left so. `kept` holds the folders `first` and `second` with the weights of those
    stages; the figures are kept there too.
    """
    file = kept / FILE
    found: Measured = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    drawn = {seed: third_rows(corpus.train, seed) for seed in seeds}
    asked: dict[str, tuple[int, Change]] = {f"seed {seed}": (seed, lambda part: part) for seed in drawn}
    asked |= {f"seed {recipe.seed}, {name}": (recipe.seed, change) for name, change in CHANGES.items() if seeds}
    asked = {name: how for name, how in asked.items() if name not in found}
    if not asked:
        return found
    first, second = (_weights(kept / stage) for stage in ("first", "second"))
    learned = untuned_copy(network)
    learned.load_state_dict(first, strict=False)
    said = said_of([row for rows in drawn.values() for row in rows], learned, tokenizer, recipe.length)
    for name, (seed, change) in asked.items():
        learned = untuned_copy(network).requires_grad_()
        learned.load_state_dict(second)
        learned.freeze_lower()
        part = change(Part(drawn[seed], said, replace(recipe, seed=seed).stage(3)))
        at_last, averaged = learn_part(learned, network, tokenizer, corpus, part)
        found[name] = averaged | {EMBEDDING: _closeness(learned, network, tokenizer, corpus)}
        if name == f"seed {recipe.seed}":
            found[f"{name}, last weights instead of averaged ones"] = at_last
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found


def _weights(folder: Path) -> dict[str, Tensor]:
    try:
        found: dict[str, Tensor] = load_file(folder / WEIGHTS)
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder} holds no weights of that stage: {error}. Train with --fp32 first") from error
    return found


def _closeness(learned: Network, untuned: Network, tokenizer: PreTrainedTokenizerFast, corpus: Corpus) -> float:
    texts = [row.text for row in next(iter(corpus.val.values()))]
    now, before = (read(network, tokenizer, texts, MEASURED_LENGTH)[1] for network in (learned, untuned))
    return round(float((now * before).sum(1).mean()), 4)
