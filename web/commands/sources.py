"""`ripplewatch source`: the places that we hear from."""

from __future__ import annotations

import shlex
from functools import partial

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.roles import EVERYTHING
from core.tables import Brand, Source
from listener import source as listening
from listener.source import Source as Kind
from web.commands.lines import note, say
from web.commands.opened import opened
from web.listening import source_form, source_switch


class _Kinds(click.Group):
    """One command per kind of source; its options are the fields that the kind declares."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return listening.kinds()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _adding(listening.load(cmd_name)) if cmd_name in listening.kinds() else None


@click.group(short_help="The places that we hear from.", epilog="Example: ripplewatch source add hackernews")
def source() -> None:
    """Add sources, see how they are, pause, resume and remove them."""


@source.group(cls=_Kinds, epilog="Example: ripplewatch source add hackernews --name 'Hacker News'")
def add() -> None:
    """Add a source. Each kind has its own options: `ripplewatch source add KIND --help`."""


@source.command("list", epilog="Example: ripplewatch source list")
def list_sources() -> None:
    """List sources with their state, as JSON Lines. Secrets are not shown."""
    with opened() as runtime, runtime.db.read() as db:
        for row in db.scalars(select(Source).order_by(Source.kind, Source.name)):
            brand = db.get(Brand, row.brand_id) if row.brand_id else None
            say(
                {
                    "kind": row.kind,
                    "name": row.name,
                    "brand": brand.slug if brand else None,
                    "state": row.state if row.active else "off",
                    "reason": row.reason,
                    "last_ok_at": row.last_ok_at.isoformat() if row.last_ok_at else None,
                    "rejected": row.rejected,
                    "settings": _shown(row),
                }
            )


@source.command(epilog="Example: ripplewatch source pause feed 'Company blog'")
@click.argument("kind")
@click.argument("name")
def pause(kind: str, name: str) -> None:
    """Stop listening to the source NAME of this KIND; it goes on from there when it is resumed."""
    with opened() as runtime, runtime.db.write() as db:
        source_switch.switch_off(db, runtime.settings, _existing(db, kind, name))
    note(f"{kind}/{name} is paused")


@source.command(epilog="Example: ripplewatch source resume feed 'Company blog'")
@click.argument("kind")
@click.argument("name")
def resume(kind: str, name: str) -> None:
    """Listen again to the source NAME of this KIND, also after it was paused because of an error."""
    with opened() as runtime, runtime.db.write() as db:
        source_switch.switch_on(db, runtime.settings, _existing(db, kind, name))
    note(f"{kind}/{name} is heard again")


@source.command(epilog="Example: ripplewatch source remove feed 'Company blog' --yes")
@click.argument("kind")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(kind: str, name: str, yes: bool) -> None:
    """Remove the source NAME of this KIND. What was heard there stays."""
    with opened() as runtime:
        with runtime.db.read() as db:
            _existing(db, kind, name)
        if not yes:
            click.confirm(f"Remove {kind}/{name}?", abort=True, err=True)
        with runtime.db.write() as db:
            source_switch.remove(db, runtime.settings, _existing(db, kind, name))
    note(f"removed {kind}/{name}")


def _existing(db: Session, kind: str, name: str) -> Source:
    found = db.scalar(select(Source).where(Source.kind == kind, Source.name == name))
    if found is None:
        raise BadInput(f"no source {name!r} of kind {kind}; `ripplewatch source list` shows them all")
    return found


def _shown(row: Source) -> dict[str, object]:
    """The source's settings; of its secrets (and of what its kind no longer knows) only that they are there."""
    fields = listening.load(row.kind).fields if row.kind in listening.kinds() else ()
    known = {asked.name for asked in fields if not asked.secret}
    shown = {name: value if name in known else "set, not shown" for name, value in row.settings.items()}
    return shown | ({"keys": "set, not shown"} if row.credentials else {})


def _adding(kind: type[Kind]) -> click.Command:
    options = [
        click.Option(
            [f"--{asked.name.replace('_', '-')}", source_form.field_name(kind, asked.name)],
            required=asked.required,
            help=" ".join(filter(None, (asked.help, asked.example and f"Such as {asked.example}"))),
        )
        for asked in kind.fields
    ]
    if source_form.has_prices(kind):
        options.append(click.Option(["--budget"], help="Most dollars that it may cost in a month."))
    options.append(click.Option(["--name"], default=kind.title, show_default=True, help="What you call it."))
    options.append(click.Option(["--brand"], help="Slug of a brand whose own place this is: all of it is kept."))
    given = [
        f"--{asked.name.replace('_', '-')} {shlex.quote(asked.example)}" for asked in kind.fields if asked.required
    ]
    return click.Command(
        kind.kind,
        params=list(options),
        callback=partial(_add, kind),
        help=kind.about,
        epilog=" ".join(("Example: ripplewatch source add", kind.kind, *given)),
    )


def _add(kind: type[Kind], **given: str | None) -> None:
    form = {name: value for name, value in given.items() if value is not None}
    with opened() as runtime, runtime.db.write() as db:
        read = source_form.read(db, runtime, kind, form, EVERYTHING)
        if read.errors:
            raise BadInput(" ".join(read.errors.values()))
        source_form.add(db, runtime, read)
    say({"kind": read.kind, "name": read.name})
