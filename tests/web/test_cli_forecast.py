"""`ripplewatch forecast`: reposts in, one line with the total that they head for out, bad lines named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.ripplewatch import ripplewatch

HEADER = "seconds,followers"


def rows(reposts: int, until: int = 3600, followers: int | str = 250) -> list[str]:
    """A post at 0 and its reposts, the last one at `until`."""
    return ["0,900", *(f"{until * number / reposts:.1f},{followers}" for number in range(1, reposts + 1))]


def csv(lines: list[str], header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def forecast(lines: list[str], at: str = "3600") -> dict[str, int]:
    ran = ripplewatch("forecast", "--at", at, stdin=csv(lines))
    assert (ran.code, ran.err) == (0, "")
    [found] = ran.lines
    assert list(found) == ["expected_total", "low", "high"]
    return found


def test_one_line_says_what_the_rows_head_for() -> None:
    found = forecast(rows(1200))
    assert 1201 <= found["low"] < found["expected_total"] < found["high"] < 20_000


def test_three_reposts_in_an_hour_are_no_wave() -> None:
    found = forecast(rows(3))
    assert 4 <= found["low"] <= found["expected_total"] <= 6
    assert found["high"] <= 10


@pytest.mark.parametrize("at", ["0", "100", "3600"])
def test_rows_after_the_moment_change_nothing(at: str) -> None:
    seen = [row for row in rows(1200) if float(row.partition(",")[0]) <= float(at)]
    assert forecast(rows(1200), at) == forecast(seen, at)


def test_followers_may_be_missing_and_columns_stand_in_any_order(tmp_path: Path) -> None:
    file = tmp_path / "reposts.csv"
    turned = [f'{followers},"{seconds}"' for seconds, _, followers in (row.partition(",") for row in rows(900))]
    file.write_bytes(b"\xef\xbb\xbf" + csv(turned, "Followers, Seconds").replace("\n", "\r\n").encode())
    ran = ripplewatch("forecast", str(file), "--at", "3600")
    assert (ran.code, ran.err, ran.lines) == (0, "", [forecast(rows(900))])
    empty = forecast(rows(900, followers=""))
    without = ripplewatch(
        "forecast", "--at", "3600", stdin=csv([row.partition(",")[0] for row in rows(900)], "seconds")
    )
    assert without.lines == [empty]


BAD = [
    ("soon,3", "seconds 'soon' is not a number"),
    ("nan,3", "seconds 'nan' is not a number"),
    (",3", "no seconds"),
    ("-5,3", "seconds -5 lie before the post itself"),
    ("9,many", "followers 'many' is not a number"),
    ("9,-1", "followers -1 are less than none"),
    ("9,1,234", "3 cells under 2 columns"),
    ('9,"1', "not CSV"),
    ("9," + "1" * 20_000, "the line is longer than"),
]


def test_bad_lines_are_named_and_skipped_or_fatal(tmp_path: Path) -> None:
    good = rows(400)
    file = tmp_path / "reposts.csv"
    file.write_text(csv([good[0], *(line for line, _ in BAD), "", *good[1:]]), encoding="utf-8")
    ran = ripplewatch("forecast", str(file), "--at", "3600")
    assert (ran.code, ran.lines) == (0, [forecast(good)])
    assert len(ran.err.splitlines()) == len(BAD)
    for number, (reported, (_, reason)) in enumerate(zip(ran.err.splitlines(), BAD, strict=True), start=3):
        assert reported.startswith(f"{file}, line {number}: {reason}")
    strict = ripplewatch("forecast", str(file), "--at", "3600", "--strict")
    assert (strict.code, strict.out) == (1, "")
    assert f"{file}, line 3: seconds 'soon' is not a number" in strict.err


def test_a_line_that_is_not_utf8_is_named() -> None:
    ran = ripplewatch("forecast", "--at", "9", stdin=b"seconds,followers\n0,1\n\xff,2\n")
    assert (ran.code, ran.err) == (0, "stdin, line 3: not UTF-8 at byte 1\n")


@pytest.mark.parametrize("given", ["", "\n\n", HEADER + "\n", HEADER + "\nx,y\n"])
def test_a_file_without_a_row_fails(given: str) -> None:
    ran = ripplewatch("forecast", "--at", "9", stdin=given)
    assert (ran.code, ran.out) == (1, "")
    assert "stdin: no row that can be used" in ran.err


def test_a_file_without_a_header_fails() -> None:
    ran = ripplewatch("forecast", "--at", "9", stdin="0,100\n5,3\n")
    assert (ran.code, ran.out) == (1, "")
    assert "stdin, line 1: the first line names no column seconds" in ran.err


@pytest.mark.parametrize("wrong", [[], ["--at", "soon"], ["--at", "-1"], ["--at", "nan"], ["--at", "inf"]])
def test_the_moment_must_be_a_number_of_seconds(wrong: list[str]) -> None:
    assert ripplewatch("forecast", *wrong, stdin=csv(rows(3))).code == 2
