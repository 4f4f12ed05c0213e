"""`ripplewatch spikes`: a series in, the same with scores out, bad lines named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.web.ripplewatch import Ran, ripplewatch

HEADER = "timestamp,value,anomaly_score"


def rows(count: int, wave_from: int | None = None) -> list[str]:
    """Five minutes each, a few mentions, and 60 from `wave_from` on."""
    start = datetime(2026, 3, 2, 0, 2, 53, tzinfo=UTC)
    stamps = ((start + number * timedelta(minutes=5)).strftime("%Y-%m-%d %H:%M:%S") for number in range(count))
    waved = range(wave_from if wave_from is not None else count, count)
    return [f"{stamp},{60 if number in waved else number % 4}" for number, stamp in enumerate(stamps)]


def csv(lines: list[str], header: str = "timestamp,value") -> str:
    return "\n".join([header, *lines]) + "\n"


def scores(ran: Ran) -> list[float]:
    header, *lines = ran.out.splitlines()
    assert header == HEADER
    return [float(line.rpartition(",")[2]) for line in lines]


def test_a_wave_is_one_alert_and_every_row_comes_back_as_it_was() -> None:
    given = rows(3 * 288, 800)
    ran = ripplewatch("spikes", stdin=csv(given))
    assert (ran.code, ran.err) == (0, "")
    assert [line.rpartition(",")[0] for line in ran.out.splitlines()[1:]] == given
    assert all(0 <= score <= 1 for score in scores(ran))
    assert [number for number, score in enumerate(scores(ran)) if score >= 0.5] == [800]


def test_a_shorter_file_has_the_same_scores() -> None:
    given = rows(3 * 288, 800)
    whole = scores(ripplewatch("spikes", stdin=csv(given)))
    assert scores(ripplewatch("spikes", stdin=csv(given[:801]))) == whole[:801]


def test_files_from_windows_and_from_spreadsheets_are_read(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    lines = [f'"{stamp}",x,"{value}"' for stamp, _, value in (row.partition(",") for row in rows(20))]
    file.write_bytes(b"\xef\xbb\xbf" + csv(lines, "Timestamp,note, Value").replace("\n", "\r\n").encode())
    ran = ripplewatch("spikes", str(file))
    assert (ran.code, ran.err) == (0, "")
    assert scores(ran) == scores(ripplewatch("spikes", stdin=csv(rows(20))))


BAD = [
    ("2026-03-02 01:00:00,many", "value 'many' is no number"),
    ("2026-03-02 01:00:00,-3", "-3 is no number of mentions"),
    ("2026-03-02 01:00:00,nan", "nan is no number of mentions"),
    ("2026-03-02 01:00:00,", "value '' is no number"),
    ("yesterday,3", "timestamp 'yesterday' is none; write 2026-11-22 09:30:00"),
    ("2026-03-02 01:00:00", "1 cells where 2 are needed"),
    ("2026-03-02 00:00:00,3", "2026-03-02 00:00:00 does not come after 2026-03-02 00:07:53"),
    ("2026-03-02T00:07:53+00:00,3", "does not come after 2026-03-02 00:07:53"),
    ('2026-03-02 01:00:00,"3', "not CSV: unexpected end of data"),
    ("2026-03-02 01:00:00,\udcff", "not UTF-8 at byte 21"),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_line_is_named_and_skipped_or_fatal(tmp_path: Path, line: str, reason: str) -> None:
    good = rows(4)
    file = tmp_path / "series.csv"
    file.write_bytes(csv([*good[:2], line, "", *good[2:]]).encode("utf-8", "surrogateescape"))
    ran = ripplewatch("spikes", str(file))
    assert ran.code == 0
    assert ran.err.startswith(f"{file}, line 4: ")
    assert reason in ran.err
    assert scores(ran) == scores(ripplewatch("spikes", stdin=csv(good)))
    strict = ripplewatch("spikes", "--strict", str(file))
    assert strict.code == 1
    assert len(scores(strict)) == 2
    assert f"{file}, line 4: " in strict.err


def test_what_has_no_columns_of_these_names_is_refused() -> None:
    ran = ripplewatch("spikes", stdin="\n".join(rows(3)))
    assert ran.code == 1
    assert "stdin, line 1: the first line names no column timestamp and no column value" in ran.err
    assert ripplewatch("spikes", "no-such-file.csv").code == 2


@pytest.mark.parametrize("nothing", [b"", b"\n\n", b"\xef\xbb\xbf", b"timestamp,value\n"])
def test_nothing_in_nothing_out(nothing: bytes) -> None:
    ran = ripplewatch("spikes", stdin=nothing)
    assert (ran.code, ran.out, ran.err) == (0, HEADER + "\n", "")
