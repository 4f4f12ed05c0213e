"""Signing in and out, who may do what, and the one guard that every request passes.

Without a mark a page is for those who may look (managers and up), and a form for those who answer (agents and up).
`@public` lets strangers in, `@needs("admin")` asks for more, `@needs("none")` is for everybody who has signed in: what
is about themselves.

What the address names has to be of a brand for which the role holds (web/of_brand.py): what one may not see is not
found, what one may only see is refused. Where an address names nothing, the role must hold for some brand, and the page
shows what is of these (`current.rights()`); with `everywhere` it must hold for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, login_user, logout_user
from sqlalchemy import exists, select, update

from core.clock import Clock
from core.tables import User
from responder.desk import teams
from web import current, of_brand, password
from web.throttle import Throttle
from web.user import SignedIn, of_session, signed_in

pages = Blueprint("auth", __name__)

View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Let strangers see this."""
    view.__dict__["needs"] = None
    return view


def needs(role: str, *, everywhere: bool = False) -> Callable[[View], View]:
    """Let only those see this who may do what `role` may: for what the address names, or (`everywhere`) for all."""

    def mark(view: View) -> View:
        view.__dict__.update(needs=role, everywhere=everywhere)
        return view

    return mark


def init_app(app: Flask, clock: Clock) -> None:
    """Set the guard in front of every view."""
    manager = LoginManager(app)
    manager.session_protection = None  # people change networks; the session key is what ends a session
    manager.user_loader(_load)
    app.extensions["throttle"] = Throttle(clock)
    app.before_request(_guard)


def guard_brands(app: Flask) -> None:
    """Set the guard of what addresses name; it asks the database, so only after CSRF."""
    app.before_request(_guard_brand)


def needed_role(endpoint: str, method: str) -> str | None:
    """The role that may use an endpoint with a method; None where strangers may."""
    if endpoint == "static":
        return None
    default = "manager" if method in {"GET", "HEAD", "OPTIONS"} else "agent"
    return cast("str | None", getattr(current_app.view_functions[endpoint], "needs", default))


def _load(remembered: str) -> SignedIn | None:
    with current.runtime().db.read() as db:
        return of_session(db, remembered)


def _guard() -> ResponseReturnValue | None:
    role = needed_role(request.endpoint, request.method) if request.endpoint else None
    if role is None:
        return None
    user = current.user()
    if user is None:
        return _to_login()
    everywhere = getattr(current_app.view_functions[request.endpoint or ""], "everywhere", False)
    return None if (user.may(role) if everywhere else user.may_somewhere(role)) else abort(403)


def _guard_brand() -> None:
    """Refuse what is of a brand for which the user's role is too little; what they may not even see is not found."""
    role = needed_role(request.endpoint, request.method) if request.endpoint else None
    user = current.user()
    if role is None or user is None or not request.view_args:
        return
    with current.runtime().db.read() as db:
        brands = of_brand.brands_of(db, request.view_args)
    if brands is None or not all(user.rights.sees_source_of(brand_id) for brand_id in brands):
        abort(404)
    if role != "manager" and not all(user.may(role, brand_id) for brand_id in brands):
        abort(403)


def _to_login() -> ResponseReturnValue:
    """Ask to sign in, and remember where to go on. What htmx sends may be a reply half typed: then the page stays."""
    if "HX-Request" in request.headers and request.method != "GET":
        return render_template("auth/_signed_out.html"), 401, {"HX-Retarget": "#alarms", "HX-Reswap": "innerHTML"}
    here = request.full_path.rstrip("?") if request.method == "GET" and not current.wants_fragment() else _came_from()
    target = url_for("auth.login", next=None if here == "/" else here)
    if "HX-Request" in request.headers:
        return "", 401, {"HX-Redirect": target}
    return redirect(target)


def _came_from() -> str:
    parts = urlsplit(request.referrer or "")
    return current.local_path(f"{parts.path}?{parts.query}".rstrip("?"))


def enter(row: User) -> None:
    """Begin a session of its own for a user."""
    session.clear()  # nothing that a stranger put there is carried in
    session.permanent = True
    with current.runtime().db.read() as db:
        login_user(signed_in(db, row))


@pages.get("/login")
@public
def login() -> ResponseReturnValue:
    """Ask for name and password."""
    if current.user():
        return redirect(current.local_path(request.args.get("next")))
    with current.runtime().db.read() as db:
        anybody = db.scalar(select(exists().where(User.id > 0)))
    return render_template("auth/login.html", anybody=anybody, values={}, errors={})


@pages.post("/login")
@public
def sign_in() -> ResponseReturnValue:
    """Check name and password."""
    name, address = request.form.get("name", "").strip(), request.remote_addr or ""
    throttle: Throttle = current_app.extensions["throttle"]
    if seconds := throttle.wait(name, address):
        return _refused(f"Too many wrong passwords. Try again in {seconds} s.", 429, {"Retry-After": str(seconds)})
    with current.runtime().db.read() as db:
        row = db.scalar(select(User).where(User.name == name))
    if not password.fits(row, request.form.get("password", "")) or row is None:
        throttle.failed(name, address)
        return _refused("This name and password do not belong together.", 401)
    throttle.succeeded(name, address)
    with current.runtime().db.write() as db:
        db.execute(update(User).where(User.id == row.id).values(seen_at=current.runtime().clock.now()))
    enter(row)
    return redirect(current.local_path(request.form.get("next")))


def _refused(why: str, status: int, headers: dict[str, str] | None = None) -> ResponseReturnValue:
    page = render_template("auth/login.html", anybody=True, values=request.form, errors={"password": why})
    return page, status, headers or {}


@pages.post("/logout")
@needs("none")
def logout() -> ResponseReturnValue:
    """End the session."""
    logout_user()
    session.clear()
    return redirect(url_for("auth.login"))


@pages.get("/account")
@needs("none")
def account() -> ResponseReturnValue:
    """Show who is signed in, and let them change their password."""
    return render_template("auth/account.html", values={}, errors={})


@pages.post("/account/password")
@needs("none")
def change_password() -> ResponseReturnValue:
    """Change the own password; every other session of this user ends."""
    new = request.form.get("password", "")
    with current.runtime().db.read() as db:
        row = db.get_one(User, current.user_id())
    if errors := _change_refused(row, request.form.get("old", ""), new):
        return render_template("auth/account.html", values={}, errors=errors), 422
    hashed = password.hashed(new)
    with current.runtime().db.write() as db:
        row = db.get_one(User, row.id)
        password.give(row, hashed)
    enter(row)
    flash("Your password is changed. Everywhere else you are signed out.")
    return redirect(url_for("auth.account"))


@pages.post("/account/away")
@needs("none")
def set_away() -> ResponseReturnValue:
    """Be given no cases for a while, or again; those that one has stay."""
    away = request.form.get("away") == "1"
    with current.runtime().db.write() as db:
        db.execute(update(User).where(User.id == current.user_id()).values(away=away))
    flash("You are away: no case is given to you." if away else "You are back: cases may be given to you.")
    return redirect(url_for("auth.account"))


@pages.post("/account/hand-on")
@needs("none")
def hand_on() -> ResponseReturnValue:
    """Let one's teams give to others what one has not touched."""
    with current.runtime().db.write() as db:
        asking = current.user_id()
        count = teams.assign_again(db, current.runtime().clock, asking, asking, "their owner is away")
    flash(f"{count} {'case was' if count == 1 else 'cases were'} handed on.")
    return redirect(url_for("auth.account"))


def _change_refused(row: User, old: str, new: str) -> dict[str, str]:
    throttle: Throttle = current_app.extensions["throttle"]
    address = request.remote_addr or ""
    if seconds := throttle.wait(row.name, address):
        return {"old": f"Too many wrong passwords. Try again in {seconds} s."}
    if not password.fits(row, old):
        throttle.failed(row.name, address)
        return {"old": "That is not your present password."}
    return {"password": problem} if (problem := password.problem(new)) else {}
