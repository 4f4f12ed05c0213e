"""`ripplewatch spikes`: a series in, the same with anomaly scores out; no database is touched."""

from __future__ import annotations

import csv
import io
import sys
from typing import BinaryIO

import click

from sentiment.ripple.series import COLUMNS, score_lines
from web.commands.lines import bounded, name_of, report


@click.command(
    short_help="Score a series of counts: CSV in, CSV out.", epilog="Example: ripplewatch spikes mentions.csv"
)
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--strict", is_flag=True, help="End with exit code 1 at the first bad line.")
def spikes(file: BinaryIO, strict: bool) -> None:
    """Find spikes in a series: FILE (or stdin) is CSV with the columns timestamp,value, in the order of time.

    stdout gets timestamp,value,anomaly_score: 0 to 1, and 0.5 or more is an alert. Each score is made from the rows up
    to it. Hours and weekdays are those of the timestamps as they are written.
    """
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=True)
    try:
        write = csv.writer(out, lineterminator="\n").writerow
        write((*COLUMNS, "anomaly_score"))
        for timestamp, value, score in score_lines(bounded(file), name_of(file), strict=strict, report=report):
            write((timestamp, value, f"{score:.4f}"))
    finally:
        out.detach()
