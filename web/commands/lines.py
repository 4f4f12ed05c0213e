"""How commands talk: JSON Lines on stdout, words on stderr, a bad line reported with where and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import click


def say(record: Mapping[str, object]) -> None:
    """Write one JSON line to stdout, in UTF-8 whatever the terminal's locale; a lone surrogate stays an escape."""
    line = json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str) + "\n"
    sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace"))


def note(message: str) -> None:
    """Say something to the person, on stderr."""
    click.echo(message, err=True)


def report(file: str, line: int, reason: str) -> None:
    """Say which line could not be used and why."""
    note(f"{file}, line {line}: {reason}")


LONGEST = 10_000_000
"""Bytes of a line that are read; of a longer one so much and one byte, which every reader refuses."""


def bounded(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a stream, so that a file that is one endless line fills no memory."""
    while line := stream.readline(LONGEST + 1):
        yield line
        while len(line) > LONGEST and not line.endswith(b"\n"):
            line = stream.readline(LONGEST + 1)  # the rest of it is not wanted


def name_of(stream: BinaryIO) -> str:
    """What messages call a stream: the path, or stdin."""
    name = str(getattr(stream, "name", "stdin"))
    return "stdin" if name.startswith("<") else name
