"""`ripplewatch forecast`: how far one mention will spread, from a file of those who passed it on."""

from __future__ import annotations

import math
from typing import BinaryIO

import click

from sentiment.ripple.cascade import read_cascade
from sentiment.ripple.spread import forecast as forecast_spread
from web.commands.lines import bounded, name_of, report, say


def _finite(ctx: click.Context, param: click.Parameter, value: float) -> float:
    del ctx, param
    if not math.isfinite(value):
        raise click.BadParameter("not a number of seconds")
    return value


@click.command(
    short_help="How far a post will spread, from its first reposts.",
    epilog="Example: ripplewatch forecast reposts.csv --at 3600",
)
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--at",
    type=click.FloatRange(min=0),
    required=True,
    callback=_finite,
    metavar="SECONDS",
    help="Age of the post at which to forecast; later rows are not looked at.",
)
@click.option("--strict", is_flag=True, help="End with exit code 1 at the first bad line.")
def forecast(file: BinaryIO, at: float, strict: bool) -> None:
    """Forecast a post's spread: FILE (or stdin) is CSV `seconds,followers`, the post at 0, then a row for each repost.

    Followers may be empty. stdout gets {"expected_total", "low", "high"}: rows that such a file has after seven days,
    the post itself included; the truth lies from low to high four times in five.
    """
    found = forecast_spread(read_cascade(bounded(file), name_of(file), strict=strict, report=report), at)
    say({"expected_total": found.expected + 1, "low": found.low + 1, "high": found.high + 1})
