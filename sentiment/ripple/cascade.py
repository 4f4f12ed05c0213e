"""One mention's spread as it was observed: who passed it on and when, or only how many had done so by when.

Platforms that name those who repost give a row for each, with their followers; others give a count that is read again
and again. Both become the same arrays, so that the forecast knows one form.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput

Floats = NDArray[np.float64]

Report = Callable[[str, int, str], None]
"""Is told of a bad line: the file's name, the line's number from 1, the reason."""

STEPS = 32
"""Into how many steps the growth between two readings of a count is laid out evenly."""

LONGEST = 10_000
"""Bytes in a line beyond which it is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Cascade:
    """A post and its reposts, in the order of time: the post itself is the first, at 0 seconds.

    `counts` says for how many posts an entry stands (1, or a part where only counts were read), `followers` how many
    people follow that account (not a number where nobody knows).
    """

    seconds: Floats
    counts: Floats
    followers: Floats

    @property
    def known(self) -> bool:
        """Whether the followers of at least half of the accounts are known."""
        return 2 * int(np.isfinite(self.followers).sum()) >= max(len(self.followers), 1)

    def until(self, at: float) -> Cascade:
        """What had been seen `at` seconds after the post."""
        seen = self.seconds <= at
        return Cascade(self.seconds[seen], self.counts[seen], self.followers[seen])


def of_shares(shares: Iterable[tuple[float, float | None]]) -> Cascade:
    """From (seconds, followers or None) of the post and of each repost, in any order."""
    rows = sorted(((at, math.nan if followers is None else float(followers)) for at, followers in shares), key=_time)
    table = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return Cascade(table[:, 0], np.ones(len(table)), table[:, 1])


def of_counts(readings: Iterable[tuple[float, float]]) -> Cascade:
    """From (seconds, reposts so far) in any order; between two readings the reposts are taken to come evenly.

    A count that sank (reposts were taken back) never was higher.
    """
    rows = np.array([(0.0, 0.0), *readings], dtype=np.float64)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    totals = np.minimum.accumulate(np.maximum(rows[::-1, 1], 0))[::-1]
    totals[0] = 0
    middles = (np.arange(STEPS) + 0.5) / STEPS
    spans, grown = np.diff(rows[:, 0]), np.diff(totals)
    seconds = (rows[:-1, :1] + spans[:, None] * middles).ravel()
    counts = np.repeat(grown / STEPS, STEPS)
    came = counts > 0
    seconds, counts = np.r_[0.0, seconds[came]], np.r_[1.0, counts[came]]
    return Cascade(seconds, counts, np.full(len(seconds), np.nan))


def read_cascade(lines: Iterable[bytes], name: str, *, strict: bool = False, report: Report) -> Cascade:
    """A CSV file with the columns `seconds` and `followers` (which may be empty): the post, then each repost.

    Each bad line is told to `report` and skipped; with `strict` the first one raises BadInput. So does a file that
    has no such columns or no good line. `name` is what the messages call the file.
    """
    shares = list(_shares(lines, name, strict=strict, report=report))
    if not shares:
        raise BadInput(f"{name}: no row that can be used")
    return of_shares(shares)


def _shares(lines: Iterable[bytes], name: str, *, strict: bool, report: Report) -> Iterator[tuple[float, float | None]]:
    columns: list[str] | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cells = _cells(line)
            if columns is None:
                columns = _columns(cells)
                continue
            yield _share(columns, cells)
        except BadInput as error:
            if strict or columns is None:
                raise BadInput(f"{name}, line {number}: {error}") from error
            report(name, number, str(error))


def _cells(line: bytes) -> list[str]:
    if len(line) > LONGEST:
        raise BadInput(f"the line is longer than {LONGEST:,} bytes")
    try:
        return next(csv.reader([line.decode("utf-8-sig")], strict=True))
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8 at byte {error.start + 1}") from error
    except csv.Error as error:
        raise BadInput(f"not CSV: {error}") from error


def _columns(cells: Sequence[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    if "seconds" not in columns:
        raise BadInput("the first line names no column seconds (wanted: seconds,followers)")
    return columns


def _share(columns: Sequence[str], row: Sequence[str]) -> tuple[float, float | None]:
    if len(row) > len(columns):
        raise BadInput(f"{len(row)} cells under {len(columns)} columns")
    cells = dict(zip(columns, row, strict=False))
    seconds = _number(cells.get("seconds", ""), "seconds")
    if seconds is None:
        raise BadInput("no seconds")
    if seconds < 0:
        raise BadInput(f"seconds {seconds:g} lie before the post itself")
    followers = _number(cells.get("followers", ""), "followers")
    if followers is not None and followers < 0:
        raise BadInput(f"followers {followers:g} are less than none")
    return seconds, followers


def _number(text: str, what: str) -> float | None:
    """The number that a cell holds; None for an empty one."""
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(f"{what} {text[:40]!r} is not a number")
    return number


def _time(row: tuple[float, float]) -> float:
    return row[0]
