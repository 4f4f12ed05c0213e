"""`ripplewatch user`: who may sign in."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from typing import TextIO

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, roles
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import NO_ROLE, ROLES, Brand, Membership, User
from web import password
from web.commands.lines import note, say
from web.commands.opened import opened
from web.managing.setup import new_user_errors

_ONLY_ADMIN = "{name} is the only admin; make another first: `ripplewatch user add NAME --role admin`"


@click.group(short_help="Who may sign in.", epilog="Example: ripplewatch user add jane --role admin")
def user() -> None:
    """Add people who may sign in, change their password, shut them out.

    A password is asked for on the terminal, or read from a file; it is never an argument, where others could see it.
    """


_password_file = click.option(
    "--password-file",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Take the password from the first line of FILE (- for stdin) instead of asking.",
)


@user.command(epilog="Example: ripplewatch user add jane --role admin")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="agent", show_default=True, help="What they may do.")
@click.option("--brand", "slugs", multiple=True, metavar="SLUG", help="Only for this brand; may be repeated.")
@_password_file
def add(name: str, role: str, slugs: tuple[str, ...], password_file: TextIO | None) -> None:
    """Add NAME.

    A manager looks, an agent answers, an approver also gives the second word where a reply needs one, an admin sets up.
    """
    name = name.strip()
    if wrong := new_user_errors(name, "").get("name"):
        raise BadInput(wrong)
    with opened() as runtime:
        with runtime.db.read() as db:
            if _find(db, name):
                raise BadInput(f"there is a user {name!r} already; `ripplewatch user password` changes the password")
            brands = _brands(db, slugs)
        kept = _hashed(password_file)
        with runtime.db.write() as db:
            row = User(name=name, role=NO_ROLE if brands else role, created_at=runtime.clock.now())
            password.give(row, kept)
            db.add(row)
            db.flush()
            for brand in brands:
                roles.give(db, row.id, brand.id, role)
            _record(db, runtime, row, role, brands)
            said = _told(db, row)
    say(said)


@user.command("role", epilog="Example: ripplewatch user role jane approver --brand acme")
@click.argument("name")
@click.argument("role", type=click.Choice([*ROLES, NO_ROLE]))
@click.option("--brand", "slugs", multiple=True, metavar="SLUG", help="Only for this brand; may be repeated.")
def change_role(name: str, role: str, slugs: tuple[str, ...]) -> None:
    """Give NAME another ROLE, for all brands or for those that are named. none keeps them out."""
    with opened() as runtime, runtime.db.write() as db:
        row, brands = _existing(db, name), _brands(db, slugs)
        if not brands and role != "admin" and roles.is_only_admin(db, row):
            raise BadInput(_ONLY_ADMIN.format(name=name))
        for brand in brands:
            roles.give(db, row.id, brand.id, role)
        if not brands:
            row.role = role
        _record(db, runtime, row, role, brands)
        said = _told(db, row)
    say(said)


@user.command("list", epilog="Example: ripplewatch user list")
def list_users() -> None:
    """List who may sign in, as JSON Lines."""
    with opened() as runtime, runtime.db.read() as db:
        for row in db.scalars(select(User).order_by(User.name)):
            seen = row.seen_at.isoformat() if row.seen_at else None
            say(_told(db, row) | {"active": row.active, "seen_at": seen})


@user.command("password", epilog="Example: ripplewatch user password jane --password-file new.txt")
@click.argument("name")
@_password_file
def change_password(name: str, password_file: TextIO | None) -> None:
    """Give NAME a new password and sign them out everywhere."""
    with opened() as runtime:
        with runtime.db.read() as db:
            _existing(db, name)
        kept = _hashed(password_file)
        with runtime.db.write() as db:
            password.give(_existing(db, name), kept)
    note(f"{name} has a new password and is signed out everywhere")


@user.command(epilog="Example: ripplewatch user disable jane")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let them in again.")
def disable(name: str, undo: bool) -> None:
    """Shut NAME out at once. What they did stays on record."""
    with opened() as runtime, runtime.db.write() as db:
        row = _existing(db, name)
        if not undo and roles.is_only_admin(db, row):
            raise BadInput(_ONLY_ADMIN.format(name=name))
        row.active = undo
        row.session_key = secrets.token_urlsafe(24)  # letting them in again must not revive old sessions
    note(f"{name} {'may sign in again' if undo else 'is shut out'}")


def _find(db: Session, name: str) -> User | None:
    return db.scalar(select(User).where(User.name == name))


def _existing(db: Session, name: str) -> User:
    found = _find(db, name)
    if found is None:
        raise BadInput(f"no user {name!r}; `ripplewatch user list` shows them all")
    return found


def _brands(db: Session, slugs: Sequence[str]) -> list[Brand]:
    rows = {row.slug: row for row in db.scalars(select(Brand).where(Brand.slug.in_(slugs)))}
    if unknown := [slug for slug in slugs if slug not in rows]:
        raise BadInput(f"no brand {unknown[0]!r}; `ripplewatch brand list` shows them all")
    return list(rows.values())


def _told(db: Session, row: User) -> dict[str, object]:
    own = select(Brand.slug, Membership.role).join(Membership, Membership.brand_id == Brand.id)
    brands = dict(db.execute(own.where(Membership.user_id == row.id).order_by(Brand.slug)).all())
    return {"name": row.name, "role": row.role, "brands": brands}


def _record(db: Session, runtime: Runtime, row: User, role: str, brands: Sequence[Brand]) -> None:
    detail = {"user": row.id, "name": row.name, "role": role, "brands": [brand.id for brand in brands]}
    audit.add(db, audit.Entry(runtime.clock.now(), "role", detail=detail))


def _hashed(file: TextIO | None) -> str:
    """The hash of a password from a file's first line, or typed twice."""
    if file:
        given = file.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        given = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    else:
        raise BadInput("no terminal to ask for the password on; use --password-file FILE (- for stdin)")
    if wrong := password.problem(given):
        raise BadInput(wrong)
    return password.hashed(given)
