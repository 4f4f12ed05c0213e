"""How fast a file of mentions becomes rows, and how much of the bare model's speed is left when all stages run.

    python -m bench.imports [COUNT]

An empty SQLite database in a temporary folder, COUNT generated mentions (a seventh of them complaints) of one brand
as JSON Lines. The bare model reads the same texts in batches of the same size, in this process, with nothing around.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core import tables
from core.clock import SystemClock
from core.db import Database
from core.queue import STAGES, ThreadQueue, run_stage
from core.runtime import Runtime
from core.settings import Settings
from listener.importing import import_files
from sentiment import classifier
from sentiment.judge import BATCH

COUNT = 10_000
GOAL = 0.8
"""Share of the bare model's throughput that importing with all stages must reach."""
SEED = 20_261_122

_COMPLAINTS = (
    "Still waiting for my order from acme, it has been three weeks and nobody answers",
    "acme charged me twice and support just closes the chat",
    "my acme bottle broke after two days, so disappointed",
)
_OTHERS = (
    "just unboxed the new acme bottle, love the colour",
    "acme opens a shop in Leeds next month",
    "does anyone know whether acme ships to Norway?",
    "running with my acme bottle this morning",
    "acme posted their results today, about as expected",
    "my brother works at acme and likes it there",
)
_MORE = "and then of course it rained all day but we went on because the others were already there with the dog".split()  # noqa: SIM905


def run(count: int = COUNT) -> list[tuple[str, str]]:
    """Rows of (what was measured, figure)."""
    with tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
        file, texts = Path(folder) / "mentions.jsonl", _texts(count)
        _write(file, texts)
        runtime = _runtime(Path(folder))
        model = classifier.load(runtime.settings.model, runtime.settings.model_threads)
        model.classify(texts[:BATCH], [None] * len(texts[:BATCH]))  # the first batch warms it up
        imported = _seconds(lambda: import_files(runtime, [file]))
        again = _seconds(lambda: import_files(runtime, [file]))
        stages = _seconds(lambda: [run_stage(runtime, STAGES[name], seconds=3_600) for name in ("judge", "open_case")])
        bare = _seconds(lambda: [model.classify(part, [None] * len(part)) for part in _batches(texts)])
        runtime.db.close()
    share = bare / (imported + stages)
    return [
        (f"import: {count:,} mentions, without judging", f"{count / imported:,.0f} mentions/s"),
        ("import: the same file again", f"{count / again:,.0f} mentions/s"),
        ("import: all stages (judged, cases opened)", f"{count / (imported + stages):,.0f} mentions/s"),
        ("import: the bare model on the same texts", f"{count / bare:,.0f} texts/s"),
        ("import: all stages beside the bare model", f"{share:.2f} (goal {GOAL})"),
    ]


def _runtime(folder: Path) -> Runtime:
    settings = Settings(ripplewatch_home=folder, database_url="", redis_url="")
    runtime = Runtime(settings, Database(settings.database), SystemClock(), ThreadQueue())
    runtime.db.prepare()
    with runtime.db.write() as db:
        db.add(tables.Brand(slug="acme", name="Acme", created_at=runtime.clock.now()))
    return runtime


def _texts(count: int) -> list[str]:
    dice = random.Random(SEED)
    return [
        f"{dice.choice(_OTHERS if number % 7 else _COMPLAINTS)} {' '.join(dice.choices(_MORE, k=dice.randrange(25)))}"
        for number in range(count)
    ]


def _write(file: Path, texts: list[str]) -> None:
    with file.open("w", encoding="utf-8") as lines:
        for number, text in enumerate(texts):
            record = {"platform": "x", "id": str(number), "author": f"person{number % 5_000}", "text": text}
            times = {"created_at": f"2026-11-{1 + number % 20:02}T{number % 24:02}:00:00Z", "likes": number % 9}
            lines.write(json.dumps(record | times) + "\n")


def _batches(texts: list[str]) -> list[list[str]]:
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    for what, figure in run(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT):
        print(f"{what:<56}{figure:>24}")
