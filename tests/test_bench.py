"""The table of measurements says what could not be measured, and goes on."""

from __future__ import annotations

import pytest

from bench.__main__ import main, measure, table


def test_a_measurement_that_fails_stands_in_the_table_and_the_others_go_on() -> None:
    def fail() -> list[tuple[str, str]]:
        raise OSError("no such machine\nwent wrong")

    rows, failed = measure({"first": fail, "second": lambda: [("speed", "5 posts/s")]})
    assert failed == ["first"]
    assert ("first", "failed: OSError: went wrong") in rows
    assert ("speed", "5 posts/s") in rows
    assert "| speed" in table(rows)


def test_a_measurement_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speed"]) == 2
    assert "no measurement speed; there are: classify" in capsys.readouterr().err
