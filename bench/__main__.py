"""Every measurement, one after the other, as one table: `python -m bench`, or `python -m bench matcher` for some.

A measurement is a module of this folder with `run()`, which gives rows of what was measured and the figure. One that
fails is reported in the table and the others go on; the exit code then says so.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial

MEASUREMENTS = (
    "classify", "matcher", "imports", "collect", "stream", "spikes", "series", "spread", "purity", "two_weeks",
    "replies", "startup", "pages", "alerts",
)  # fmt: skip

Rows = list[tuple[str, str]]


def main(names: list[str]) -> int:
    """Run the named measurements (all without names) and print their table; 1 if any failed, 2 for a wrong name."""
    if unknown := sorted(set(names) - set(MEASUREMENTS)):
        print(f"no measurement {', '.join(unknown)}; there are: {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    rows, failed = measure({name: partial(_run, name) for name in names or MEASUREMENTS})
    print(table(rows))
    return 1 if failed else 0


def measure(measurements: Mapping[str, Callable[[], Rows]]) -> tuple[Rows, list[str]]:
    """The rows of every measurement, and the names of those that failed."""
    rows: Rows = [("machine", f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")]
    failed = []
    for name, run in measurements.items():
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        started = time.monotonic()
        try:
            rows += run()
        except Exception as error:  # noqa: BLE001 - one that fails must not hide the figures of the others
            traceback.print_exc()
            rows.append((name, f"failed: {type(error).__name__}: {str(error).strip().rpartition(chr(10))[2]}"))
            failed.append(name)
        rows.append((f"({name} measured in", f"{time.monotonic() - started:.0f} s)"))
    return rows, failed


def _run(name: str) -> Rows:
    rows: Rows = importlib.import_module(f"bench.{name}").run()
    return rows


def table(rows: Rows) -> str:
    """The rows as a Markdown table whose columns line up in a terminal as well."""
    rows = [(what, figure.replace("\n", " ")) for what, figure in rows]
    width = max(len(what) for what, _ in rows)
    lines = [f"| {what:<{width}} | {figure} |" for what, figure in rows]
    return "\n".join([f"| {'what':<{width}} | figure |", f"|{'-' * (width + 2)}|---|", *lines])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
