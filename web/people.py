"""People: who may come in, and as what. They choose their passwords themselves, by a link that works once."""

from __future__ import annotations

import secrets

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.tables import ROLES, User
from web import current, password
from web.auth import enter, needs, public
from web.setup import LONGEST_NAME, base_url

pages = Blueprint("people", __name__)

LINK_DAYS = 7


@pages.get("/people")
@needs("admin")
def everybody() -> ResponseReturnValue:
    """List everybody who may come in, and who once could."""
    return _page({}, {})


@pages.post("/people")
@needs("admin")
def add() -> ResponseReturnValue:
    """Add a person, and show the link with which they choose a password."""
    name, role = " ".join(request.form.get("name", "").split()), request.form.get("role", "")
    with current.runtime().db.write() as db:
        errors = _errors(db, name, role)
        if not errors:
            row = User(
                name=name,
                role=role,
                password_hash="",
                session_key=secrets.token_urlsafe(24),
                created_at=current.runtime().clock.now(),
            )
            db.add(row)
            db.flush()
    if errors:
        return _page(request.form, errors), 422
    return _page({}, {}, link=_link(row), invited=row), 201


@pages.post("/people/<int:user_id>/link")
@needs("admin")
def link(user_id: int) -> ResponseReturnValue:
    """Make a new link for a person who has forgotten their password."""
    with current.runtime().db.read() as db:
        row = db.get(User, user_id) or abort(404)
    return _page({}, {}, link=_link(row), invited=row)


@pages.post("/people/<int:user_id>")
@needs("admin")
def change(user_id: int) -> ResponseReturnValue:
    """Change what a person may do, or whether they may come in."""
    try:
        with current.runtime().db.write() as db:
            said = _changed(db, db.get(User, user_id, with_for_update=True) or abort(404))
    except BadInput as error:
        return _page({}, {"": str(error)}), 422
    flash(said)
    return redirect(url_for("people.everybody"))


@pages.get("/join/<token>")
@public
def choose(token: str) -> ResponseReturnValue:
    """Ask whoever has the link for a password."""
    row = _of_link(token)
    return render_template("people/join.html", person=row, errors={}), 200 if row else 404


@pages.post("/join/<token>")
@public
def join(token: str) -> ResponseReturnValue:
    """Set the password, which uses the link up, and sign in."""
    row, given = _of_link(token), request.form.get("password", "")
    if row is None:
        return render_template("people/join.html", person=None, errors={}), 404
    if problem := password.problem(given):
        return render_template("people/join.html", person=row, errors={"password": problem}), 422
    hashed = password.hashed(given)
    with current.runtime().db.write() as db:
        now = db.get(User, row.id, with_for_update=True)
        if now is None or now.session_key != row.session_key:
            return render_template("people/join.html", person=None, errors={}), 404
        password.give(now, hashed)
        now.seen_at = current.runtime().clock.now()
    enter(now)
    return redirect(url_for("inbox.cases"))


def _changed(db: Session, row: User) -> str:
    role, active = request.form.get("role", row.role), request.form.get("active", "1") == "1"
    loses = row.role == "admin" and row.active and not (role == "admin" and active)
    if role not in ROLES:
        raise BadInput("There is no such role.")
    if loses and (db.scalar(select(func.count()).where(User.role == "admin", User.active)) or 0) < 2:
        raise BadInput(f"{row.name} is the only admin. Make somebody else an admin first.")
    if row.active and not active:
        row.session_key = secrets.token_urlsafe(24)
    row.role, row.active = role, active
    return f"{row.name} is {'an admin' if role == 'admin' else f'a {role}' if role == 'reader' else 'an agent'}" + (
        "." if active else ", and may not come in."
    )


def _errors(db: Session, name: str, role: str) -> dict[str, str]:
    errors = {}
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        errors["name"] = f"Enter a name of at most {LONGEST_NAME} characters."
    elif db.scalar(select(exists().where(User.name == name))):
        errors["name"] = "Somebody has this name already."
    if role not in ROLES:
        errors["role"] = "Choose a role."
    return errors


def _page(values: object, errors: dict[str, str], link: str | None = None, invited: User | None = None) -> str:
    with current.runtime().db.read() as db:
        people = db.scalars(select(User).order_by(User.active.desc(), User.name)).all()
    about = {"people": people, "link": link, "invited": invited, "days": LINK_DAYS}
    return render_template("people/people.html", values=values, errors=errors, **about)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="join")


def _link(row: User) -> str:
    """A link that lets a person choose a password. It carries the session key, which a new password changes."""
    base = current.runtime().settings.public_url and base_url(current.runtime().settings)
    path = url_for("people.choose", token=_signer().dumps([row.id, row.session_key]))
    return (base or request.host_url.rstrip("/")) + path


def _of_link(token: str) -> User | None:
    """The person whose link this is, as long as it is good."""
    try:
        user_id, key = _signer().loads(token, max_age=LINK_DAYS * 86400)
    except (BadData, ValueError, TypeError):
        return None
    with current.runtime().db.read() as db:
        row = db.get(User, user_id)
    return row if row and row.active and row.session_key == key else None
