"""Posts per second of the bundled model, beside transformers' own pipeline on the same weights and machine.

`python -m bench.classify --fp32 DIR` wants the folder that `python -m sentiment.train --fp32 DIR` writes, and torch;
without them only our side is measured, and said so. Posts are put together from pieces by a seed: about as long as
real ones (a mean of some 29 word pieces), no two the same.
"""

from __future__ import annotations

import itertools
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from sentiment.classifier import BUNDLED, load_bundled
from sentiment.text import normalise

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


def posts(count: int = POSTS) -> list[str]:
    """`count` different posts of one to three sentences."""
    chance = random.Random(1)
    made: list[str] = []
    for number in range(count):
        middles = chance.sample(_MIDDLES, chance.choice([1, 2, 2, 3]))
        made.append(f"{chance.choice(_OPENINGS)} {'. '.join(middles)} {number} {chance.choice(_ENDINGS)}".strip())
    return made


def run(fp32: Path | None = None) -> list[tuple[str, str]]:
    """(what, figure) for a table. `fp32` is the folder with the weights as trained."""
    if not (BUNDLED / "model.json").is_file():
        return [("classify", "not measured: no bundled model here")]
    texts = posts()
    model = load_bundled()
    model.classify(texts[:50])
    ours = _rate(lambda: model.classify(texts), len(texts))
    bare = _bare(texts)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [
        (f"classify, {cores} cores: language, cleaning, tokens, model", f"{ours:,.0f} posts/s"),
        ("bare onnxruntime session, tokens ready, batches of like length", f"{bare:,.0f} posts/s"),
    ]
    if find_spec("torch") is None:
        return [*rows, ("transformers' fp32 pipeline", "not measured: torch is not installed")]
    if fp32 is None:
        return [*rows, ("transformers' fp32 pipeline", "not measured: no folder given with --fp32")]
    for size in (1, 32):
        theirs = _pipeline(fp32, texts, size)
        rows.append((f"transformers' fp32 pipeline, batch_size={size}", f"{theirs:,.0f} posts/s"))
        rows.append((f"classify is faster than that by (batch_size={size})", f"{ours / theirs:.1f} times"))
    return rows


def _bare(texts: Sequence[str]) -> float:
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
    session = onnxruntime.InferenceSession(str(BUNDLED / "model.onnx"), providers=["CPUExecutionProvider"])
    session.run(None, batches[0])
    return _rate(lambda: [session.run(None, batch) for batch in batches], len(texts))


def _pipeline(folder: Path, texts: Sequence[str], size: int) -> float:
    hub: Any = import_module("transformers")
    path = str(folder / "tokenizer.json")
    tokenizer = hub.PreTrainedTokenizerFast(tokenizer_file=path, pad_token="[PAD]", model_max_length=128)
    pipeline = hub.TextClassificationPipeline(model=_network(hub, folder), tokenizer=tokenizer, device=-1)
    ready = [normalise(text) for text in texts]
    pipeline(ready[:50], batch_size=size, truncation=True)
    return _rate(lambda: pipeline(ready, batch_size=size, truncation=True), len(texts), rounds=1)


def _network(hub: Any, folder: Path) -> Any:
    """The trained network in the form that the pipeline asks for."""
    from safetensors.torch import load_file  # noqa: PLC0415 - an extra

    from sentiment.train.network import Network  # noqa: PLC0415 - needs torch

    class Judge(hub.BertPreTrainedModel):  # type: ignore[misc] # known only where torch is
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.network = Network(hub.BertModel(config, add_pooling_layer=False), config.hidden_size)

        def forward(self, input_ids: Any, attention_mask: Any, **_: Any) -> Any:
            logits = self.network(input_ids, attention_mask)[0]
            return hub.modeling_outputs.SequenceClassifierOutput(logits=logits)

    judge: Any = Judge(hub.AutoConfig.from_pretrained(folder, num_labels=3))
    judge.network.load_state_dict(load_file(folder / "network.safetensors"))
    return judge.eval()


def _rate(work: Callable[[], object], count: int, rounds: int = 3) -> float:
    """Posts per second: the median of `rounds`."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return count / statistics.median(taken)


@click.command()
@click.option("--fp32", type=click.Path(path_type=Path, exists=True, file_okay=False), help="The weights as trained.")
def main(fp32: Path | None) -> None:
    """Print the table."""
    for what, figure in run(fp32):
        click.echo(f"{what:<64}{figure:>40}")


if __name__ == "__main__":
    main()
