"""The forecast's measurement: its baselines are what they are called, and without cascades it says so."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bench.spread import run, seismic, szabo_huberman
from sentiment.ripple.cascade import of_shares
from sentiment.ripple.spread import CONSTANT, unseen


def test_without_cascades_it_says_what_is_wanted(tmp_path: Path) -> None:
    [(what, figure)] = run(tmp_path)
    assert what == "spread"
    assert figure.startswith("not measured: --data")


def test_seismic_is_what_its_paper_says() -> None:
    at = 280.0  # everything lies in the even part of the reaction time, so that integrals are easily done by hand
    seen = of_shares([(0, 1000), (100, 50), (200, 30)])
    recent = sum(1 - (at - seconds) / 300 for seconds in (100, 200))
    exposed = sum(n * CONSTANT * ((at - s) - (at - s) ** 2 / 600) for s, n in ((0, 1000), (100, 50), (200, 30)))
    infectious = recent / exposed
    assert seismic(seen, at) == math.inf  # each of them begets more than one other
    more = of_shares([(0, 1_000_000), (100, 50), (200, 30)])
    infectious *= exposed / (exposed + 999_000 * CONSTANT * (at - at**2 / 600))
    first = infectious * float(more.followers @ unseen(at - more.seconds))
    assert seismic(more, at) == pytest.approx(3 + first / (1 - 100 * infectious))


def test_szabo_huberman_learns_from_all_others() -> None:
    found = szabo_huberman(np.log([10.0, 10.0, 40.0]), np.log([20.0, 40.0, 80.0]))
    assert found["log-linear, median"] == pytest.approx([10 * math.sqrt(8), 20, 40 * math.sqrt(8)])
    assert found["constant scaling"][1] == pytest.approx(20)
    assert found["log-linear"][1] == pytest.approx(20)
