"""`ripplewatch user`: who may sign in."""

from __future__ import annotations

import secrets
import sys
from typing import TextIO

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.tables import ROLES, User
from web import password
from web.commands.lines import note, say
from web.commands.opened import opened
from web.setup import new_user_errors


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
@_password_file
def add(name: str, role: str, password_file: TextIO | None) -> None:
    """Add NAME. admin sets up and sends, agent sends, reader only looks."""
    name = name.strip()
    if wrong := new_user_errors(name, "").get("name"):
        raise BadInput(wrong)
    with opened() as runtime:
        with runtime.db.read() as db:
            if _find(db, name):
                raise BadInput(f"there is a user {name!r} already; `ripplewatch user password` changes the password")
        kept = _hashed(password_file)
        with runtime.db.write() as db:
            row = User(name=name, role=role, created_at=runtime.clock.now())
            password.give(row, kept)
            db.add(row)
    say({"name": name, "role": role})


@user.command("list", epilog="Example: ripplewatch user list")
def list_users() -> None:
    """List who may sign in, as JSON Lines."""
    with opened() as runtime, runtime.db.read() as db:
        for row in db.scalars(select(User).order_by(User.name)):
            seen = row.seen_at.isoformat() if row.seen_at else None
            say({"name": row.name, "role": row.role, "active": row.active, "seen_at": seen})


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
        if not undo and row.active and row.role == "admin" and _admins(db) == 1:
            raise BadInput(f"{name} is the only admin; make another first: `ripplewatch user add NAME --role admin`")
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


def _admins(db: Session) -> int:
    return len(db.scalars(select(User.id).where(User.role == "admin", User.active)).all())


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
