"""The measure of incidents: what a perfect, a lumped and a late clustering are worth, and what it says without data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.purity import Found, Said, Texts, figures, halves, leaders, ours, run, stream

SAID = [
    *(Said(60.0 * n, n, n, "late", 0) for n in range(10)),
    *(Said(60.0 * n + 30, 100 + n, n, "broken", 1) for n in range(10)),
    *(Said(60.0 * n + 45, 200 + n, n, "", -1) for n in range(4)),
]
LATE, BROKEN, REST = list(range(10)), list(range(10, 20)), list(range(20, 24))


def mean(part: tuple[float, ...]) -> float:
    return sum(part) / len(part)


def test_without_data_it_says_what_is_wanted(tmp_path: Path) -> None:
    [(what, figure)] = run(tmp_path)
    assert what == "purity"
    assert figure.startswith("not measured: --data")


def test_one_incident_per_wave_is_perfect() -> None:
    found = figures(SAID, [Found(120.0, LATE), Found(150.0, BROKEN)])
    assert (mean(found.purity), mean(found.inverse), found.false) == (1, 1, 0)
    assert found.delays == (0.3, 0.3)


def test_what_is_lumped_together_is_not_pure_and_what_is_split_is_not_whole() -> None:
    lumped = figures(SAID, [Found(120.0, [*LATE, *BROKEN, *REST])])
    assert mean(lumped.purity) == pytest.approx((10 * 10 + 10 * 10 + 4) / 24 / 24)
    assert mean(lumped.inverse) == 1
    split = figures(SAID, [Found(120.0, LATE[:5]), Found(400.0, LATE[5:]), Found(999.0, REST)])
    assert mean(split.purity[:10]) == 1
    assert mean(split.inverse) == pytest.approx(0.25)
    assert (split.delays, split.incidents, split.false) == ((0.3, 1.0), 3, 1)


def test_both_find_waves_that_nobody_could_miss_and_the_stream_is_the_same_for_a_seed() -> None:
    """Vectors that lie far apart: every intent has its own axis."""
    names = [f"intent-{n}" for n in range(40)]
    intents = np.array([name for name in names for _ in range(90)] + [""] * 500)
    rng = np.random.default_rng(1)
    vectors = rng.normal(0, 0.02, (len(intents), 64)).astype(np.float32)
    for row, name in zip(vectors, intents, strict=True):
        row[names.index(str(name)) if name else rng.integers(40, 64)] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = Texts(intents, vectors, (frozenset[str](),) * len(intents))
    said = stream(texts, names, 3)
    assert said == stream(texts, names, 3)
    mine, simple = (figures(said, cluster(said, texts)) for cluster in (ours, leaders))
    assert max(mine.delays) < 0.5
    assert mean(mine.purity) > 0.95
    assert sorted(simple.delays)[3] < 0.5, "all but those of usual intents, which it takes for waves all the time"
    assert mine.false < simple.false


def test_the_intents_of_the_waves_are_held_out() -> None:
    drawn = halves(["", *(f"intent-{n}" for n in range(9))])
    assert not set(drawn["tuning"]) & set(drawn["held-out"])
    assert len(drawn["tuning"]) + len(drawn["held-out"]) == 9
