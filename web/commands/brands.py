"""`ripplewatch brand`: whose name we listen for."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.tables import Brand, OwnAccount
from web.commands.lines import note, say
from web.commands.opened import brand_of, opened
from web.managing.brand_removal import remove_brand

_SLUG_LIKE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class _Slug(click.ParamType[str]):
    name = "slug"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _SLUG_LIKE.fullmatch(value):
            self.fail(f"{value!r}: use lower-case letters, digits and -, for example acme-outdoor", param, ctx)
        return value


class _TimeZone(click.ParamType[str]):
    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"{value!r}: write it as Europe/Berlin or America/New_York", param, ctx)


@click.group(short_help="Whose name we listen for.", epilog="Example: ripplewatch brand add acme --name 'Acme Outdoor'")
def brand() -> None:
    """Add brands and their own accounts; list and remove them."""


@brand.command(epilog="Example: ripplewatch brand add acme --name 'Acme Outdoor' --timezone Europe/Berlin")
@click.argument("slug", type=_Slug())
@click.option("--name", help="What people call it (default: SLUG).")
@click.option(
    "--timezone", default="UTC", type=_TimeZone(), show_default=True, help="In which its days and hours are counted."
)
def add(slug: str, name: str | None, timezone: str) -> None:
    """Add the brand SLUG (lower-case letters, digits and -)."""
    with opened() as runtime, runtime.db.write() as db:
        if db.scalar(select(Brand.id).where(Brand.slug == slug)):
            raise BadInput(f"there is a brand {slug!r} already")
        db.add(Brand(slug=slug, name=name or slug, timezone=timezone, created_at=runtime.clock.now()))
    say({"slug": slug, "name": name or slug, "timezone": timezone})


@brand.command("list", epilog="Example: ripplewatch brand list")
def list_brands() -> None:
    """List brands with their queries and own accounts, as JSON Lines."""
    with opened() as runtime, runtime.db.read() as db:
        for row in db.scalars(select(Brand).order_by(Brand.slug)):
            say(
                {
                    "slug": row.slug,
                    "name": row.name,
                    "timezone": row.timezone,
                    "sample": row.sample,
                    "queries": {query.name: query.text for query in row.queries},
                    "own_accounts": [f"{account.platform}:{account.handle}" for account in row.own_accounts],
                }
            )


@brand.command(epilog="Example: ripplewatch brand remove acme --yes")
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(slug: str, yes: bool) -> None:
    """Remove the brand SLUG with its queries, sources, cases and all mentions that are no other brand's."""
    with opened() as runtime:
        with runtime.db.read() as db:
            name = brand_of(db, slug).name
        if not yes:
            click.confirm(f"Remove {name} and everything that was heard for it?", abort=True, err=True)
        with runtime.db.write() as db:
            mentions = remove_brand(db, runtime.clock, brand_of(db, slug))
    note(f"removed {name} and {mentions} mention(s)")


@brand.command("own-account", epilog="Example: ripplewatch brand own-account acme bluesky @acme.example")
@click.argument("slug")
@click.argument("platform")
@click.argument("handle")
@click.option("--remove", "removes", is_flag=True, help="Take the account off the list instead.")
def own_account(slug: str, platform: str, handle: str, removes: bool) -> None:
    """Say that HANDLE on PLATFORM is of the brand SLUG or its people: what it posts is never a mention."""
    folded = handle.strip().removeprefix("@").casefold()
    if not folded:
        raise BadInput("an account needs a handle")
    with opened() as runtime, runtime.db.write() as db:
        brand_id = brand_of(db, slug).id
        found = _own(db, brand_id, platform, folded)
        if removes and not found:
            raise BadInput(f"{folded} on {platform} is not listed as an account of {slug}")
        if removes and found:
            db.delete(found)
        elif not found:
            db.add(OwnAccount(brand_id=brand_id, platform=platform, handle=folded))
    note(f"{folded} on {platform} is {'no longer' if removes else 'now'} an account of {slug}")


def _own(db: Session, brand_id: int, platform: str, handle: str) -> OwnAccount | None:
    same = (OwnAccount.brand_id == brand_id, OwnAccount.platform == platform, OwnAccount.handle == handle)
    return db.scalar(select(OwnAccount).where(*same))
