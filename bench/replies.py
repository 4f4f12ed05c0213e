"""How often the true reply of a customer-care dialogue is ranked first among 100, by what `ripplewatch suggest` does.

    python -m bench.replies [--data FOLDER]

FOLDER/replies (or that of the folder that RIPPLEWATCH_DATA names) holds dev.jsonl, lines of `{"mention", "reply"}`.
The dialogues are shuffled and cut into five parts; of each part a hundred are ranked, each mention against the hundred
replies, by shared words (TF-IDF) alone, by the bundled model, and by the model with the other parts as its history.
The dialogues are of many companies, and none that is ranked is in the history.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from pathlib import Path

from responder.drafts.likeness import Embed
from responder.drafts.neighbours import Answered
from responder.drafts.suggest import Suggester
from sentiment.classifier import load_bundled
from sentiment.classify import Item

PARTS, CHOICES, SEED = 5, 100, 20261122


def run(data: Path | None = None) -> list[tuple[str, str]]:
    """Rows of (what was measured, figure)."""
    folder = data or (Path(os.environ["RIPPLEWATCH_DATA"]) if "RIPPLEWATCH_DATA" in os.environ else None)
    pairs = _pairs(folder) if folder is not None else []
    if len(pairs) < PARTS * CHOICES:
        return [("replies", "not measured: --data or RIPPLEWATCH_DATA must name a folder with replies/dev.jsonl")]
    embed = load_bundled().embed
    ways = {"shared words": (None, False), "the model": (embed, False), "the model and history": (embed, True)}
    what = f"replies: the true one first of {CHOICES}, {PARTS * CHOICES} dialogues,"
    return [(f"{what} by {name}", f"{first(pairs, *way):.1%}") for name, way in ways.items()]


def first(pairs: list[Answered], embed: Embed | None, history: bool) -> float:
    """The share of mentions for which their own reply comes first."""
    parts = [pairs[number::PARTS] for number in range(PARTS)]
    hits = 0
    for part in parts:
        others = [pair for other in parts if other is not part for pair in other] if history else []
        asked = part[:CHOICES]
        replies = [Item(number, pair.reply) for number, pair in enumerate(asked)]
        found = Suggester(replies, others, embed).suggest([pair.mention for pair in asked], 1)
        hits += sum(best == number for number, [(best, _)] in enumerate(found))
    return hits / (PARTS * CHOICES)


def _pairs(folder: Path) -> list[Answered]:
    path = folder / "replies" / "dev.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pairs = [Answered(said["mention"], said["reply"]) for said in map(json.loads, lines)]
    random.Random(SEED).shuffle(pairs)
    return pairs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    for what, figure in run(parser.parse_args().data):
        print(f"{what}: {figure}")
