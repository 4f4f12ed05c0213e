"""`ripplewatch audit`: whether what is kept of who did what is as it was written."""

from __future__ import annotations

import sys

import click

from core import audit as chain
from web.commands.lines import say
from web.commands.opened import opened


@click.group(short_help="Check who did what.", epilog="Example: ripplewatch audit verify")
def audit() -> None:
    """Check what is kept of who saw, changed, approved and sent what."""


@audit.command(epilog="Example: ripplewatch audit verify")
def verify() -> None:
    """Walk the whole chain of audit rows, and name every row that was changed, removed or put in.

    Writes {"rows", "hash"}: keep the hash somewhere else, and a chain that was rewritten whole is found too. Exit code
    1: something is wrong.
    """
    with opened() as runtime, runtime.db.read() as db:
        found = chain.verify(db)
    for problem in found.problems:
        click.echo(problem, err=True)
    say({"rows": found.rows, "hash": found.hash, "problems": len(found.problems)})
    sys.exit(bool(found.problems))
