"""Posts per second of the bundled model, beside transformers' own pipeline on the same weights and machine.

Beside the posts a second stand the posts per CPU second, which say the same on a machine that others use as well.

The pipeline is measured by a Python that has torch (`make torch` makes one); without it only our side is measured,
and said so. Posts are put together from pieces by a seed: about as long as real ones (a mean of some 29 word
pieces), no two the same.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sentiment.classifier import BUNDLED, load_bundled
from sentiment.text import normalise

TORCH = Path(__file__).parent.parent / ".venv-torch" / "bin" / "python"
"""The Python that `make torch` makes."""
POSTS = 1_000
_OPENINGS = ("@Shop", "hey @Shop", "so", "honestly", "Hi there,", "@Shop @Help", "just wow", "ok", "update:", "lol")
_MIDDLES = (
    "my order from last week has still not arrived",
    "the new store in the city centre opens on Friday",
    "loved the concert last night, what a voice",
    "your app logs me out every five minutes",
    "waited two hours on the phone and then got cut off",
    "is anyone else watching the match tomorrow?",
    "best sandwich I have had in a long time",
    "the engineer never came and nobody called",
)
_ENDINGS = ("", "please help", "thank you!", "not happy 😡", "see https://example.org/a1b2", "#fail", "can't wait :)")


@dataclass(frozen=True, slots=True)
class Rate:
    """Posts a second, and posts per second of a core's work."""

    by_clock: float
    by_cpu: float

    def __str__(self) -> str:
        return f"{self.by_clock:,.0f} posts/s, {self.by_cpu:,.0f} per CPU second"

    def beside(self, other: Rate) -> str:
        """How many times as fast as another."""
        return f"{self.by_clock / other.by_clock:.2f} times, {self.by_cpu / other.by_cpu:.2f} by CPU seconds"


def posts(count: int = POSTS) -> list[str]:
    """`count` different posts of one to three sentences."""
    chance = random.Random(1)
    made: list[str] = []
    for number in range(count):
        middles = chance.sample(_MIDDLES, chance.choice([1, 2, 2, 3]))
        made.append(f"{chance.choice(_OPENINGS)} {'. '.join(middles)} {number} {chance.choice(_ENDINGS)}".strip())
    return made


def run() -> list[tuple[str, str]]:
    """(what, figure) for a table."""
    if not (BUNDLED / "model.json").is_file():
        return [("classify", "not measured: no bundled model here")]
    texts = posts()
    model = load_bundled()
    model.classify(texts[:50])
    ours = measure(lambda: model.classify(texts), len(texts))
    bare = _bare(texts)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [
        (f"classify, {cores} cores: language, cleaning, tokens, model", str(ours)),
        ("bare onnxruntime session, tokens ready, batches of like length", str(bare)),
        ("classify beside the bare session", ours.beside(bare)),
    ]
    python = sys.executable if find_spec("torch") else str(TORCH)
    if not Path(python).exists():
        return [*rows, ("transformers' fp32 pipeline", "not measured: no torch here (make torch)")]
    for size, theirs in _pipeline(python, texts).items():
        rows.append((f"transformers' fp32 pipeline, batch_size={size}", str(theirs)))
        rows.append((f"classify beside that (batch_size={size})", ours.beside(theirs)))
    return rows


def _bare(texts: Sequence[str]) -> Rate:
    """The graph alone: tokens ready, texts of the same length together, every core on one batch."""
    import numpy as np  # noqa: PLC0415 - after the checks
    import onnxruntime  # noqa: PLC0415 - likewise
    from tokenizers import Tokenizer  # noqa: PLC0415 - likewise

    tokenizer = Tokenizer.from_file(str(BUNDLED / "tokenizer.json"))
    ids = sorted((piece.ids for piece in tokenizer.encode_batch([normalise(text) for text in texts])), key=len)
    alike = [list(group) for _, group in itertools.groupby(ids, key=len)]
    batches = [
        {"input_ids": np.array(group[start : start + 32])} for group in alike for start in range(0, len(group), 32)
    ]
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting is no work
    session = onnxruntime.InferenceSession(str(BUNDLED / "model.onnx"), options, providers=["CPUExecutionProvider"])
    session.run(None, batches[0])
    return measure(lambda: [session.run(None, batch) for batch in batches], len(texts))


def _pipeline(python: str, texts: Sequence[str]) -> dict[str, Rate]:
    """How fast transformers' pipeline is, by batch size; cleaning is not on its clock."""
    done = subprocess.run(
        [python, "-m", "bench.pipeline"],
        input=json.dumps([normalise(text) for text in texts]),
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {size: Rate(*found) for size, found in json.loads(done.stdout).items()}


def measure(work: Callable[[], object], count: int, rounds: int = 3) -> Rate:
    """How fast `work` does `count` posts: the best of some rounds, since nothing makes a machine faster than it is."""
    taken, busy = [], []
    for _ in range(rounds):
        begun, busy_before = time.perf_counter(), time.process_time()
        work()
        taken.append(time.perf_counter() - begun)
        busy.append(time.process_time() - busy_before)
    return Rate(count / min(taken), count / min(busy))


if __name__ == "__main__":
    for what, figure in run():
        print(f"{what:<64}{figure:>40}")
