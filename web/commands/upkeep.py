"""`ripplewatch doctor` and `migrate`: is everything well, and how to get on after an update."""

from __future__ import annotations

import sys

import click

from core import settings
from core.clock import SystemClock
from core.db import Database
from web.commands.lines import say
from web.doctor import Finding, examine

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(short_help="Check everything, and say what to do.", epilog="Example: ripplewatch doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Write JSON Lines.")
def doctor(as_json: bool) -> None:
    """Check every setting, key, source, queue and the model. Exit code 1: something needs you. Changes nothing."""
    failed = False
    for finding in examine(SystemClock()):
        failed |= finding.level == "fail"
        if as_json:
            say({"level": finding.level, "what": finding.what, "says": finding.says, "do": finding.do})
        else:
            click.echo(_line(finding))
    sys.exit(failed)


@click.command(short_help="Bring the database to this version.", epilog="Example: ripplewatch migrate")
def migrate() -> None:
    """Bring the database to this program's version. Make a copy of it first; nothing else may be running."""
    database = Database(settings.load().database)
    try:
        before, after = database.migrate()
    finally:
        database.close()
    say({"from": before, "to": after})


def _line(finding: Finding) -> str:
    level = click.style(f"{finding.level:4}", fg=_COLOURS[finding.level])
    line = f"{level}  {finding.what}: {finding.says}"
    return f"{line}; do: {finding.do}" if finding.do else line
