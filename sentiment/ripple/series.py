"""`timestamp,value` in, `timestamp,value,anomaly_score` out: the contract of `ripplewatch spikes`."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from math import floor

from core.errors import BadInput
from sentiment.ripple.spikes import Detector

COLUMNS = ("timestamp", "value")
LONGEST = 10_000_000
"""Bytes in a line beyond which it is refused unread."""

Report = Callable[[str, int, str], None]
"""Is told of a bad line: the file's name, the line's number from 1, the reason."""


def score_lines(
    lines: Iterable[bytes], name: str, *, strict: bool = False, report: Report
) -> Iterator[tuple[str, str, float]]:
    """For each good row its timestamp and value as they were written, and its score (0..1, an alert from 0.5 on).

    A score is given before the next line is read. Each bad line is told to `report` and skipped; with `strict` the
    first one raises BadInput. A first line that does not name the columns always does. `name` is what the messages
    call the file. Blank lines are passed over, and so is an empty file.
    """
    numbered = enumerate(lines, start=1)
    header = next(((number, line) for number, line in numbered if line.strip(b"\r\n\t \xef\xbb\xbf")), None)
    if header is None:
        return
    try:
        places = _places(_cells(header[1]))
    except BadInput as error:
        raise BadInput(f"{name}, line {header[0]}: {error}") from error
    scorer = _Scorer(places)
    for number, line in numbered:
        if not line.strip():
            continue
        try:
            yield scorer.score(_cells(line))
        except BadInput as error:
            if strict:
                raise BadInput(f"{name}, line {number}: {error}") from error
            report(name, number, str(error))


class _Scorer:
    def __init__(self, places: tuple[int, int]) -> None:
        self._places = places
        self._detector = Detector()
        self._latest: tuple[datetime, str] | None = None

    def score(self, cells: list[str]) -> tuple[str, str, float]:
        """A row with its score; BadInput says why there is none."""
        if len(cells) <= max(self._places):
            raise BadInput(f"{len(cells)} cells where {max(self._places) + 1} are needed")
        written, value = (cells[place].strip() for place in self._places)
        at, count = _time(written), _count(value)
        moment = at if at.tzinfo else at.replace(tzinfo=UTC)
        if self._latest and moment <= self._latest[0]:
            raise BadInput(f"{written} does not come after {self._latest[1]}: rows are read in the order of time")
        try:
            score = self._detector.update(at, count).score
        except ValueError as error:
            raise BadInput(str(error)) from error
        self._latest = (moment, written)
        return written, value, floor(score * 10_000) / 10_000  # rounding up must not make an alert


def _cells(line: bytes) -> list[str]:
    if len(line) > LONGEST:
        raise BadInput(f"the line is longer than {LONGEST:,} bytes")
    try:
        return next(csv.reader([line.decode("utf-8-sig").rstrip("\r\n")], strict=True), [])
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8 at byte {error.start + 1}") from error
    except csv.Error as error:
        raise BadInput(f"not CSV: {error}") from error


def _places(header: list[str]) -> tuple[int, int]:
    named = [cell.strip().lower() for cell in header]
    if missing := [column for column in COLUMNS if column not in named]:
        raise BadInput(f"the first line names no column {' and no column '.join(missing)}; begin with timestamp,value")
    return named.index("timestamp"), named.index("value")


def _time(written: str) -> datetime:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        raise BadInput(f"timestamp {written[:40]!r} is none; write 2026-11-22 09:30:00 or 2026-11-22T09:30Z") from None


def _count(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise BadInput(f"value {value[:40]!r} is no number") from None
