"""The first user: a one-time link, printed at the first start, is the only way to become it.

Whoever can read the terminal owns the machine; a stranger who finds the page first gets no further than /login.
"""

from __future__ import annotations

import hashlib
import secrets

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from core.runtime import Runtime
from core.tables import SetupLink, User
from web import current, password
from web.auth import enter, public

pages = Blueprint("setup", __name__)

LONGEST_NAME = 100


def first_link(runtime: Runtime) -> str | None:
    """A fresh one-time link for the first user, to be printed; None once there is one. The link before is void."""
    token = secrets.token_urlsafe(32)
    with runtime.db.write() as db:
        if _anybody(db):
            return None
        db.execute(delete(SetupLink))
        db.add(SetupLink(token_hash=_hash(token), created_at=runtime.clock.now()))
    return f"{runtime.settings.pages_url}/setup/{token}"


@pages.get("/setup/<token>")
@public
def first_user(token: str) -> ResponseReturnValue:
    """Ask for the first user's name and password."""
    with current.runtime().db.read() as db:
        valid = db.scalar(select(exists().where(SetupLink.token_hash == _hash(token)))) and not _anybody(db)
    return render_template("setup/first_user.html", values={}, errors={}) if valid else _void()


@pages.post("/setup/<token>")
@public
def make_first_user(token: str) -> ResponseReturnValue:
    """Make the first user, once, and sign them in."""
    name, given = request.form.get("name", "").strip(), request.form.get("password", "")
    if errors := new_user_errors(name, given):
        return render_template("setup/first_user.html", values=request.form, errors=errors), 422
    hashed = password.hashed(given)
    with current.runtime().db.write() as db:
        row = _first_user(db, token, name, hashed)
    if row is None:
        return _void()
    enter(row)
    return redirect(url_for("guide.begin"))


def new_user_errors(name: str, given: str) -> dict[str, str]:
    """What is wrong with a new user's name and password, by field."""
    errors = {}
    if not name:
        errors["name"] = "Enter your name, as the others will see it beside what you did."
    elif len(name) > LONGEST_NAME or not name.isprintable():
        errors["name"] = f"Use at most {LONGEST_NAME} characters, on one line."
    if problem := password.problem(given):
        errors["password"] = problem
    return errors


def _first_user(db: Session, token: str, name: str, hashed: str) -> User | None:
    """The first admin, if the link is still good: whoever removes its row has used it, and only one can."""
    used = db.scalar(delete(SetupLink).where(SetupLink.token_hash == _hash(token)).returning(SetupLink.id))
    if used is None or _anybody(db):
        return None
    now = current.runtime().clock.now()
    row = User(name=name, role="admin", created_at=now, seen_at=now)
    password.give(row, hashed)
    db.add(row)
    db.flush()
    return row


def _void() -> ResponseReturnValue:
    with current.runtime().db.read() as db:
        return render_template("setup/void.html", anybody=_anybody(db)), 404


def _anybody(db: Session) -> bool:
    return bool(db.scalar(select(exists().where(User.id > 0))))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
