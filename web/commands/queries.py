"""`ripplewatch query`: what a mention must say to be a brand's."""

from __future__ import annotations

import click
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core.errors import BadInput
from core.mask import mask
from core.tables import Brand, Mention, Query
from listener import query as language
from listener.matching import lists_of, stored_post
from web.commands.lines import note, say
from web.commands.opened import brand_of, opened
from web.listening import query_form

_lists = click.option("--brand", help="The brand, by its slug, whose lists of words the query names.")


@click.group(short_help="What a mention must say.", epilog="Example: ripplewatch query test 'acme* -job'")
def query() -> None:
    """Add queries to brands, try them out, list and remove them. The language: docs/queries.md."""


@query.command(epilog="Example: ripplewatch query add acme 'The shop' 'acme* AND (shop OR parcel*) -job'")
@click.argument("brand")
@click.argument("name")
@click.argument("text")
def add(brand: str, name: str, text: str) -> None:
    """Add the query TEXT, called NAME, to the brand with the slug BRAND."""
    with opened() as runtime, runtime.db.write() as db:
        row = brand_of(db, brand)
        if too_broad := language.too_broad(_read(text, lists_of(db, row.id))):
            note(too_broad)
        errors = query_form.add(db, runtime.clock, row, name, text, broad_too=True)
    if errors:
        raise BadInput(" ".join(errors.values()))
    say({"brand": brand, "name": name, "query": text})


@query.command("list", epilog="Example: ripplewatch query list --brand acme")
@click.option("--brand", help="Only of the brand with this slug.")
def list_queries(brand: str | None) -> None:
    """List queries as JSON Lines."""
    with opened() as runtime, runtime.db.read() as db:
        wanted = select(Query).join(Brand).options(joinedload(Query.brand)).order_by(Brand.slug, Query.name)
        if brand:
            wanted = wanted.where(Query.brand_id == brand_of(db, brand).id)
        for row in db.scalars(wanted):
            say({"brand": row.brand.slug, "name": row.name, "query": row.text, "active": row.active})


@query.command("test", epilog="Example: ripplewatch query test 'acme* -job' --last 5000")
@click.argument("text")
@_lists
@click.option("--last", type=click.IntRange(1), default=1_000, show_default=True, help="How many mentions to look at.")
def try_out(text: str, brand: str | None, last: int) -> None:
    """Try the query TEXT on the newest stored mentions: those that match go to stdout as JSON Lines."""
    looked = hits = 0
    with opened() as runtime, runtime.db.read() as db:
        wanted = _read(text, lists_of(db, brand_of(db, brand).id) if brand else {})
        for post, mention in _newest(db, last):
            looked += 1
            if language.matches(wanted, post):
                hits += 1
                about = {"platform": mention.platform, "id": mention.native_id, "author": post.author}
                say(about | {"text": mask(post.text)})
    note(f"{hits} of {looked} mention(s) match")


@query.command(epilog="Example: ripplewatch query explain 'acme NEAR/5 (late OR lost) lang:en'")
@click.argument("text")
@_lists
def explain(text: str, brand: str | None) -> None:
    """Say in words what the query TEXT matches."""
    lists: language.Lists = {}
    if brand:
        with opened() as runtime, runtime.db.read() as db:
            lists = lists_of(db, brand_of(db, brand).id)
    say({"query": text, "meaning": language.explain(_read(text, lists))})


@query.command(epilog="Example: ripplewatch query remove acme 'The shop'")
@click.argument("brand")
@click.argument("name")
def remove(brand: str, name: str) -> None:
    """Remove the query NAME of the brand with the slug BRAND. What it has found stays."""
    with opened() as runtime, runtime.db.write() as db:
        row = db.scalar(select(Query).where(Query.brand_id == brand_of(db, brand).id, Query.name == name))
        if row is None:
            raise BadInput(f"{brand} has no query {name!r}; `ripplewatch query list --brand {brand}` shows them")
        db.delete(row)
    note(f"removed the query {name!r} of {brand}")


def _read(text: str, lists: language.Lists) -> language.Query:
    """The query, or BadInput that points at the character that is wrong."""
    try:
        return language.parse(text, lists)
    except language.QuerySyntaxError as error:
        raise BadInput(f"{error.message}\n  {text}\n  {' ' * error.position}^") from None


def _newest(db: Session, last: int) -> list[tuple[language.Post, Mention]]:
    newest = select(Mention).where(Mention.deleted_at.is_(None)).order_by(Mention.id.desc()).limit(last)
    rows = db.scalars(newest.options(joinedload(Mention.author), joinedload(Mention.source)))
    return [(stored_post(row), row) for row in rows]
