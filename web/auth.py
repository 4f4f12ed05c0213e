"""Signing in and out, who may do what, and the one guard that every request passes.

Without a mark a page is for everybody who has signed in, and a form for agents and admins. `@public` lets strangers
in, `@needs("admin")` asks for more, `@needs("reader")` lets readers send a form that is about themselves.
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
from web import current, password
from web.throttle import Throttle
from web.user import SignedIn, of_session, signed_in

pages = Blueprint("auth", __name__)

View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Let strangers see this."""
    view.__dict__["needs"] = None
    return view


def needs(role: str) -> Callable[[View], View]:
    """Let only those see this who may do what `role` may."""

    def mark(view: View) -> View:
        view.__dict__["needs"] = role
        return view

    return mark


def init_app(app: Flask, clock: Clock) -> None:
    """Set the guard in front of every view."""
    manager = LoginManager(app)
    manager.session_protection = None  # people change networks; the session key is what ends a session
    manager.user_loader(_load)
    app.extensions["throttle"] = Throttle(clock)
    app.before_request(_guard)


def needed_role(endpoint: str, method: str) -> str | None:
    """The role that may use an endpoint with a method; None where strangers may."""
    if endpoint == "static":
        return None
    default = "reader" if method in {"GET", "HEAD", "OPTIONS"} else "agent"
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
    return None if user.may(role) else abort(403)


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
    login_user(signed_in(row))


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
@needs("reader")
def logout() -> ResponseReturnValue:
    """End the session."""
    logout_user()
    session.clear()
    return redirect(url_for("auth.login"))


@pages.get("/account")
def account() -> ResponseReturnValue:
    """Show who is signed in, and let them change their password."""
    return render_template("auth/account.html", values={}, errors={})


@pages.post("/account/password")
@needs("reader")
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


def _change_refused(row: User, old: str, new: str) -> dict[str, str]:
    throttle: Throttle = current_app.extensions["throttle"]
    address = request.remote_addr or ""
    if seconds := throttle.wait(row.name, address):
        return {"old": f"Too many wrong passwords. Try again in {seconds} s."}
    if not password.fits(row, old):
        throttle.failed(row.name, address)
        return {"old": "That is not your present password."}
    return {"password": problem} if (problem := password.problem(new)) else {}
