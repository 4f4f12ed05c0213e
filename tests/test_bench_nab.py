"""The benchmark's scoring gives what its paper says it gives."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bench.nab import Series, normalised, read, score

START = datetime.fromisoformat("2026-03-02 00:00:00")


def series(*windows: tuple[int, int]) -> Series:
    stamps = tuple(START + number * timedelta(minutes=5) for number in range(1_000))
    return Series("made up", stamps, (1.0,) * 1_000, windows, 150)


def test_silence_is_worth_nothing_and_perfection_a_hundred() -> None:
    one = series((200, 299), (600, 699))
    assert normalised([score(one, [])]) == 0
    assert normalised([score(one, [200, 600])]) == pytest.approx(100, abs=0.02)


def test_a_window_counts_once_by_its_first_detection() -> None:
    one = series((200, 299))
    first, late = score(one, [200]).raw, score(one, [290]).raw
    assert first > 0.99
    assert 0.3 > late > 0
    assert score(one, [200, 250, 290]).raw == first
    assert score(one, [249]).raw == pytest.approx(0.86, abs=0.01)


def test_a_false_alarm_costs_most_far_behind_a_window_and_nothing_in_the_probation() -> None:
    one = series((200, 299))
    silence = score(one, []).raw
    assert score(one, [180]).raw == pytest.approx(silence - 0.11)
    assert score(one, [900]).raw == pytest.approx(silence - 0.11, abs=0.001)
    assert silence - 0.02 < score(one, [304]).raw < silence
    assert score(one, [149]).raw == silence
    assert score(one, [180, 900, 149]).false == 2


def test_a_window_within_the_probation_is_not_scored(tmp_path: Path) -> None:
    stamps = [START + number * timedelta(minutes=5) for number in range(1_000)]
    lines = "".join(f"{stamp:%Y-%m-%d %H:%M:%S},{number}\n" for number, stamp in enumerate(stamps))
    (tmp_path / "made_up.csv").write_text("timestamp,value\n" + lines, encoding="utf-8")
    windows = [[f"{stamps[at]}.000000", f"{stamps[at + 50]}.000000"] for at in (40, 130, 600)]
    (tmp_path / "windows.json").write_text(json.dumps({"made_up": windows}), encoding="utf-8")
    [one] = read(tmp_path)
    assert one.windows == ((130, 180), (600, 650))
    assert one.probation == 150
    assert one.values[600] == 600
