"""`ripplewatch classify`, `match` and `suggest`: files in, answers out; no database is touched."""

from __future__ import annotations

from typing import BinaryIO

import click

from core import settings
from listener.match import match_lines
from sentiment import classifier
from sentiment.classify import classify_lines
from web.commands.lines import bounded, name_of, report, say

_INPUT = click.File("rb")
_file = click.argument("file", type=_INPUT, default="-")
_strict = click.option("--strict", is_flag=True, help="End with exit code 1 at the first bad line.")


@click.command(epilog='Example: echo \'{"id": "1", "text": "Still no parcel."}\' | ripplewatch classify')
@_file
@click.option("--model", help="Another model than MODEL says: bundled, lexicon, or a Hugging Face id or folder.")
@_strict
def classify(file: BinaryIO, model: str | None, strict: bool) -> None:
    """Judge texts: FILE (or stdin) holds JSON Lines {"id", "text"}, stdout gets one verdict a line, in order.

    A complaint's label is true, false, or null for unsure.
    """
    chosen = settings.load()
    judge = classifier.load(model or chosen.model, chosen.model_threads)
    for verdict in classify_lines(bounded(file), judge, name_of(file), strict=strict, report=report):
        say(verdict)


@click.command(epilog="Example: ripplewatch match --queries queries.jsonl mentions.jsonl")
@click.option("--queries", required=True, type=_INPUT, help='JSON Lines {"id", "query"}.')
@_file
@_strict
def match(queries: BinaryIO, file: BinaryIO, strict: bool) -> None:
    """Match mentions against queries: FILE (or stdin) holds JSON Lines {"id", "text", "author", "lang", ...}.

    For every mention stdout gets {"id", "queries": [ids]}, in order. The query language: docs/queries.md.
    """
    names = (name_of(queries), name_of(file))
    for matched in match_lines(bounded(queries), bounded(file), report, strict, names=names):
        say(matched)
