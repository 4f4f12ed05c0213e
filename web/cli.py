"""The `ripplewatch` command: a group whose commands stand in web/commands/, one file per noun.

A command's file is imported when the command is used, so that none pays for what another needs. What goes wrong in
an expected way ends here as one line on stderr: exit 0 is ok, 1 failed, 2 wrong use; stdout carries only results.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, cast

import click
from sqlalchemy.exc import DatabaseError, OperationalError

from core.errors import RipplewatchError
from core.log import redact

COMMANDS = {
    "run": "serving:run",
    "listen": "serving:listen",
    "judge": "serving:judge",
    "respond": "serving:respond",
    "web": "serving:web",
    "import": "hearing:import_files",
    "export": "mentions:export",
    "replay": "hearing:replay",
    "forget": "mentions:forget",
    "classify": "reading:classify",
    "match": "reading:match",
    "suggest": "reading:suggest",
    "spikes": "spikes:spikes",
    "forecast": "forecast:forecast",
    "train": "models:train",
    "evaluate": "models:evaluate",
    "audit": "audit:audit",
    "doctor": "upkeep:doctor",
    "migrate": "upkeep:migrate",
    "user": "users:user",
    "brand": "brands:brand",
    "source": "sources:source",
    "query": "queries:query",
}
"""Where each command stands in web/commands/, in the order of `ripplewatch --help`."""


class Commands(click.Group):
    """Finds commands when they are asked for, and turns expected errors into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order in which a person needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return cast("click.Command", getattr(importlib.import_module(f"web.commands.{module}"), name))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; see the class."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _stdout_is_gone()
            return None
        except RipplewatchError as error:
            raise click.ClickException(str(error)) from error
        except DatabaseError as error:
            if type(error) not in {DatabaseError, OperationalError}:
                raise  # a statement of ours is wrong: that is no message for a person
            what = redact(str(error.orig)).strip()
            raise click.ClickException(
                f"the database does not do what it should: {what}; see `ripplewatch doctor`"
            ) from error
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'input or output'}: {error.strerror or error}") from error
        return result


def _stdout_is_gone() -> None:
    """Whoever read our output has seen enough (`| head`): end quietly, also when Python flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: ripplewatch run --sample",
)
@click.version_option(package_name="ripplewatch", prog_name="ripplewatch")
def cli() -> None:
    """Hear what people say about your brand, flag the complaints, answer each once.

    Settings come from the environment and a file `.env`; `ripplewatch doctor` checks them all.
    """


def main() -> None:
    """The `ripplewatch` command."""
    cli(prog_name="ripplewatch")
