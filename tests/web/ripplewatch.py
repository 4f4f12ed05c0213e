"""Runs `ripplewatch` in this process, and says what a terminal would have seen."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner

from web.cli import cli


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """stdout as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def ripplewatch(*args: str, stdin: str | bytes = "") -> Ran:
    """Run it with these arguments; an unexpected error is raised here."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        result = CliRunner().invoke(cli, args, input=stdin, prog_name="ripplewatch")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)
