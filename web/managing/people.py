"""People: who may come in, and as what. They choose their passwords themselves, by a link that works once.

Only admins of all brands let people in and out; an admin of some brands says who may do what for these.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from core import audit, roles
from core.errors import BadInput
from core.tables import NO_ROLE, ROLES, Brand, Membership, User
from web import current, password
from web.auth import enter, needs, public
from web.managing import brand_form
from web.managing.setup import LONGEST_NAME

pages = Blueprint("people", __name__)

LINK_DAYS = 7
TITLES = {
    "agent": "Agent: answers, and keeps the playbook",
    "approver": "Approver: also approves what needs a second person",
    "admin": "Admin: also sets up",
    "manager": "Manager: looks, and changes nothing",
    NO_ROLE: "None",
}
"""The roles as forms offer them."""


@pages.get("/people")
@needs("admin")
def everybody() -> ResponseReturnValue:
    """List everybody who may come in, who is invited, and who once could come in."""
    return _page({}, {})


@pages.post("/people")
@needs("admin", everywhere=True)
def add() -> ResponseReturnValue:
    """Add a person, and show the link with which they choose a password."""
    name, role = " ".join(request.form.get("name", "").split()), request.form.get("role", "")
    with current.runtime().db.write() as db:
        own = _own_roles(db)
        errors = _errors(db, name, role, own)
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
            for brand_id, one in own.items():
                roles.give(db, row.id, brand_id, one)
            _record(db, "invite", row, role=role, brands={str(brand_id): one for brand_id, one in own.items()})
    if errors:
        return _page(request.form, errors), 422
    return _page({}, {}, link=_link(row), invited=row), 201


@pages.get("/people/<int:user_id>")
@needs("admin")
def person(user_id: int) -> ResponseReturnValue:
    """One person: what they may do for each brand that one sets up oneself."""
    return _person(user_id)


@pages.post("/people/<int:user_id>/link")
@needs("admin", everywhere=True)
def link(user_id: int) -> ResponseReturnValue:
    """Make a new link for a person who has forgotten their password, or lost the first."""
    with current.runtime().db.read() as db:
        row = db.get(User, user_id) or abort(404)
    return _page({}, {}, link=_link(row), invited=row)


@pages.post("/people/<int:user_id>/withdraw")
@needs("admin", everywhere=True)
def withdraw(user_id: int) -> ResponseReturnValue:
    """Take an invitation back: whoever has the link cannot use it any more."""
    with current.runtime().db.write() as db:
        row = db.get(User, user_id, with_for_update=True) or abort(404)
        waiting = not row.password_hash
        if waiting:
            _record(db, "withdraw_invitation", row)
            db.delete(row)
    flash(f"{row.name} is no longer invited." if waiting else f"{row.name} has come in already.")
    return redirect(url_for("people.everybody"))


@pages.post("/people/<int:user_id>")
@needs("admin", everywhere=True)
def change(user_id: int) -> ResponseReturnValue:
    """Change what a person may do, or whether they may come in."""
    try:
        with current.runtime().db.write() as db:
            said = _changed(db, db.get(User, user_id, with_for_update=True) or abort(404))
    except BadInput as error:
        return _page({}, {"": str(error)}), 422
    flash(said)
    return redirect(url_for("people.everybody"))


@pages.post("/people/<int:user_id>/brands/<slug>")
@needs("admin")
def change_for_brand(user_id: int, slug: str) -> ResponseReturnValue:
    """Change what a person may do for one brand."""
    with current.runtime().db.write() as db:
        row, brand = db.get(User, user_id, with_for_update=True) or abort(404), brand_form.by_slug(db, slug)
        role = request.form.get("role", "") or None
        problem = _refused(row, role)
        if not problem:
            roles.give(db, row.id, brand.id, role)
            _record(db, "role", row, role=role or row.role, brand=brand.id)
    if problem:
        return _person(user_id, problem), 422
    flash(f"{row.name} {_told(role or row.role)} for {brand.name}.")
    return redirect(url_for("people.person", user_id=user_id))


def _refused(row: User, role: str | None) -> str:
    """Why who asks may not give this role for a brand of theirs; empty if they may."""
    if role not in {None, NO_ROLE, *ROLES}:
        return "There is no such role."
    if row.role == "admin" and not current.rights().may("admin"):
        return f"{row.name} is an admin of all brands. Only another one can change that."
    return ""


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
    if role not in {*ROLES, NO_ROLE}:
        raise BadInput("There is no such role.")
    if not (role == "admin" and active) and roles.is_only_admin(db, row):
        raise BadInput(f"{row.name} is the only admin. Make somebody else an admin first.")
    if row.active and not active:
        row.session_key = secrets.token_urlsafe(24)
    row.role, row.active = role, active
    _record(db, "role", row, role=role, active=active)
    return f"{row.name} {_told(role)}" + ("." if active else ", and may not come in.")


def _told(role: str) -> str:
    return "has no role" if role == NO_ROLE else f"is {'a' if role == 'manager' else 'an'} {role}"


def _record(db: Session, action: str, row: User, **detail: object) -> None:
    at = current.runtime().clock.now()
    audit.add(
        db, audit.Entry(at, action, user_id=current.user_id(), detail={"user": row.id, "name": row.name} | detail)
    )


def _own_roles(db: Session) -> dict[int, str]:
    """The roles for single brands in a form: those that differ from the one for all."""
    brands = db.scalars(select(Brand.id)).all()
    return {brand_id: role for brand_id in brands if (role := request.form.get(f"brand-{brand_id}", ""))}


def _errors(db: Session, name: str, role: str, own: Mapping[int, str]) -> dict[str, str]:
    errors = {}
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        errors["name"] = f"Enter a name of at most {LONGEST_NAME} characters."
    elif db.scalar(select(exists().where(User.name == name))):
        errors["name"] = "Somebody has this name already."
    if not {role, *own.values()} <= {*ROLES, NO_ROLE}:
        errors["role"] = "Choose a role."
    elif role == NO_ROLE and set(own.values()) <= {NO_ROLE}:
        errors["role"] = "Choose a role for all brands, or for at least one of them below."
    return errors


def _page(values: object, errors: dict[str, str], link: str | None = None, invited: User | None = None) -> str:
    with current.runtime().db.read() as db:
        people = db.scalars(select(User).order_by(User.active.desc(), User.name)).all()
        brands, own = _brands(db), _memberships(db)
    about = {"people": people, "brands": brands, "own": own, "link": link, "invited": invited, "days": LINK_DAYS}
    return render_template("people/people.html", values=values, errors=errors, titles=TITLES, **about)


def _person(user_id: int, problem: str = "") -> str:
    with current.runtime().db.read() as db:
        row = db.get(User, user_id) or abort(404)
        brands, own = _brands(db), _memberships(db).get(user_id, {})
    errors = {"": problem} if problem else {}
    return render_template("people/person.html", person=row, brands=brands, own=own, titles=TITLES, errors=errors)


def _brands(db: Session) -> Sequence[Brand]:
    """The brands that who asks sets up."""
    return db.scalars(select(Brand).where(current.rights().brands(Brand.id, "admin")).order_by(Brand.name)).all()


def _memberships(db: Session) -> dict[int, dict[int, str]]:
    """By user and brand, of the brands that who asks sets up."""
    found: dict[int, dict[int, str]] = {}
    for row in db.scalars(select(Membership).where(current.rights().brands(Membership.brand_id, "admin"))):
        found.setdefault(row.user_id, {})[row.brand_id] = row.role
    return found


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="join")


def _link(row: User) -> str:
    """A link that lets a person choose a password. It carries the session key, which a new password changes."""
    base = current.runtime().settings.public_url and current.runtime().settings.pages_url
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
