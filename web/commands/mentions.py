"""`ripplewatch export` and `forget`: mentions on their way out."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from datetime import datetime

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import text_index
from core.errors import BadInput
from core.tables import Mention
from listener.forget import ERASED, forget_author, forget_mentions, forget_older_than
from web.commands.lines import say
from web.commands.moments import Moment
from web.commands.opened import brand_of, opened
from web.export import COLUMNS, cells, exported


@click.command(
    short_help="Write mentions and what was made of them.",
    epilog="Example: ripplewatch export --format csv --since 2026-11-01 --brand acme > mentions.csv",
)
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option(
    "--since", type=Moment(), help="Only what was written at or after this time (2026-11-22, or 90d: so long ago)."
)
@click.option("--brand", help="Only of the brand with this slug.")
@click.option("--unmasked", is_flag=True, help="Leave e-mail addresses, phone, card and order numbers in the texts.")
def export(form: str, since: datetime | None, brand: str | None, unmasked: bool) -> None:
    """Write mentions with what was made of them to stdout: what `import` reads, and more columns.

    Deleted mentions are left out; personal data in texts is masked.
    """
    with opened() as runtime:
        if brand:
            with runtime.db.read() as db:
                brand_of(db, brand)
        records = exported(runtime.db, brand=brand, since=since, masked=not unmasked)
        write = _write_csv if form == "csv" else _write_jsonl
        write(records)


def _write_jsonl(records: Iterator[dict[str, object]]) -> None:
    for record in records:
        say(record)


def _write_csv(records: Iterator[dict[str, object]]) -> None:
    stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(stdout)
        writer.writerow(COLUMNS)
        writer.writerows(map(cells, records))
    finally:
        stdout.detach()


@click.command(
    short_help="Erase mentions by id, author or age.",
    epilog="Example: ripplewatch forget --author bluesky jane.example --yes",
)
@click.option("--mention", nargs=2, multiple=True, metavar="PLATFORM ID", help="One mention; may be repeated.")
@click.option("--author", nargs=2, multiple=True, metavar="PLATFORM HANDLE", help="All by an author; may be repeated.")
@click.option(
    "--older-than", type=Moment(), help="All that was written before this time (2026-01-01, or 365d: so long ago)."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(
    mention: tuple[tuple[str, str], ...], author: tuple[tuple[str, str], ...], older_than: datetime | None, yes: bool
) -> None:
    """Erase the texts of mentions, and all that was made from them; counts stay. This cannot be undone."""
    if not (mention or author or older_than):
        raise click.UsageError("say what to forget: --mention, --author or --older-than")
    if not yes:
        click.confirm("Erase these mentions for good?", abort=True, err=True)
    with opened() as runtime, runtime.db.write() as db:
        count = forget_mentions(db, runtime.clock, [_id_of(db, *one) for one in mention], ERASED)
        for platform, handle in author:
            count += forget_author(db, runtime.clock, platform, handle)
        if older_than:
            count += forget_older_than(db, runtime.clock, older_than)
        text_index.scrub(db)
    say({"forgotten": count})


def _id_of(db: Session, platform: str, native_id: str) -> int:
    found = db.scalar(select(Mention.id).where(Mention.platform == platform, Mention.native_id == native_id))
    if found is None:
        raise BadInput(f"no mention {native_id!r} on {platform}; nothing was forgotten")
    return found
