"""`ripplewatch classify`, `match` and `suggest`: files in, answers out. Only `classify --brand` opens the database."""

from __future__ import annotations

from typing import BinaryIO

import click

from core import settings
from listener.match import match_lines
from responder.drafts.suggest import suggest_lines
from sentiment import classifier
from sentiment.brand_models import as_taught
from sentiment.classify import classify_lines
from sentiment.glossary import Ruled, glossaries
from web.commands.lines import bounded, name_of, report, say
from web.commands.opened import brand_of, opened

_INPUT = click.File("rb")
_file = click.argument("file", type=_INPUT, default="-")
_strict = click.option("--strict", is_flag=True, help="End with exit code 1 at the first bad line.")


@click.command(
    short_help="Judge texts: JSON Lines in, verdicts out.",
    epilog='Example: echo \'{"id": "1", "text": "Still no parcel."}\' | ripplewatch classify',
)
@_file
@click.option("--model", help="Another model than MODEL says: bundled, lexicon, or a Hugging Face id or folder.")
@click.option("--brand", help="Read as mentions of this brand are read: as it taught the model, and by its rules.")
@_strict
def classify(file: BinaryIO, model: str | None, brand: str | None, strict: bool) -> None:
    """Judge texts: FILE (or stdin) holds JSON Lines {"id", "text"}, stdout gets one verdict a line, in order.

    A complaint's label is true, false, or null for unsure.
    """
    chosen = settings.load()
    judge = classifier.load(model or chosen.model, chosen.model_threads)
    if brand:
        with opened() as runtime, runtime.db.read() as db:
            row = brand_of(db, brand)
            judge = as_taught(db, judge, row.id)
            rules = glossaries(db, [row.id])
            judge = Ruled(judge, rules[row.id]) if rules else judge
    for verdict in classify_lines(bounded(file), judge, name_of(file), strict=strict, report=report):
        say(verdict)


@click.command(
    short_help="Which queries match which mentions.",
    epilog="Example: ripplewatch match --queries queries.jsonl mentions.jsonl",
)
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


@click.command(
    short_help="Rank replies for mentions.",
    epilog="Example: ripplewatch suggest --replies replies.jsonl --history answered.jsonl mentions.jsonl",
)
@click.option("--replies", required=True, type=_INPUT, help='JSON Lines {"id", "text"}: what may be suggested.')
@click.option("--history", type=_INPUT, help='JSON Lines {"mention", "reply"}: answers given before, to learn from.')
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="How many for each mention.")
@click.option("--words", is_flag=True, help="Compare shared words alone, without the model: faster, less apt.")
@_file
@_strict
def suggest(replies: BinaryIO, history: BinaryIO | None, top: int, words: bool, file: BinaryIO, strict: bool) -> None:
    """Rank replies for mentions: FILE (or stdin) holds JSON Lines {"id", "text"}.

    For every mention stdout gets {"id", "suggestions": [{"id", "score"}]}, the best first.
    """
    answers = suggest_lines(
        bounded(replies),
        bounded(file),
        report,
        strict,
        history_lines=bounded(history) if history else (),
        embed=None if words else classifier.load_bundled(settings.load().model_threads).embed,
        top=top,
        names=(name_of(replies), name_of(history) if history else "history", name_of(file)),
    )
    for answer in answers:
        say(answer)
