"""What surrounds every page: words for templates, what is wrong right now, light or dark, errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, current_app, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from web import current, words
from web.auth import public
from web.desk import posts
from web.queries import alarms

pages = Blueprint("shell", __name__)

THEMES = ("auto", "light", "dark")
_STATIC = Path(__file__).parent / "static"
_A_YEAR = 365 * 86400
_WHAT_TO_DO = {
    400: "Something in this request could not be read.",
    403: "Your role does not allow this here. An admin can change it on the People page.",
    404: "There is nothing at this address. It may have been removed.",
    405: "This address does not take what was sent.",
    413: "That is more than one form may carry (1 MB).",
}


def init_app(app: Flask) -> None:
    """Teach templates our words and errors our looks."""
    for word in (*words.FILTERS, posts.linked, posts.web_address):
        app.jinja_env.filters[word.__name__] = word
    app.jinja_env.globals.update(asset=asset, without=without, changed=changed, AT_ONCE=posts.AT_ONCE)
    app.context_processor(_around)
    app.register_error_handler(CSRFError, _old_form)
    app.register_error_handler(HTTPException, _error)
    app.register_blueprint(pages)


def asset(name: str) -> str:
    """The address of a static file, with its fingerprint, so that browsers may keep it for ever."""
    return url_for("static", filename=name, v=_fingerprint(name))


def without(chosen: Mapping[str, str], name: str) -> dict[str, str]:
    """The chosen filters but one."""
    return {other: value for other, value in chosen.items() if other != name}


def changed(chosen: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    """The chosen filters with one chosen anew."""
    return without(chosen, name) | {name: value}


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:12]


def theme() -> str:
    """What this browser's user chose: auto, light or dark."""
    chosen = request.cookies.get("theme", "auto")
    return chosen if chosen in THEMES else "auto"


def _around() -> dict[str, Any]:
    return {"me": current.user(), "now": current.runtime().clock.now(), "theme": theme(), "alarms": _alarms}


def _alarms() -> alarms.Alarms:
    """Looked at once per request, however often the page asks."""
    if "alarms" not in g:
        db = current.reading()
        g.alarms = alarms.now(db, current.runtime().clock.now(), current.rights())
    found: alarms.Alarms = g.alarms
    return found


@pages.post("/theme")
@public
def set_theme() -> ResponseReturnValue:
    """Remember light, dark or as the system has it."""
    chosen = request.form.get("theme", "auto")
    answer = redirect(current.local_path(request.form.get("next")))
    answer.set_cookie(
        "theme", chosen if chosen in THEMES else "auto", max_age=_A_YEAR, httponly=True, samesite="Lax",
        secure=request.is_secure,
    )  # fmt: skip
    return answer


@pages.get("/alarms")
def show_alarms() -> ResponseReturnValue:
    """What needs a person now, for pages that stand open all day."""
    return render_template("_alarms.html", swapped=True)


@pages.get("/keys")
def keys() -> ResponseReturnValue:
    """The keyboard, as a page."""
    return render_template("keys.html")


def _old_form(error: CSRFError) -> ResponseReturnValue:
    """A form of an ended session; what was typed is given back."""
    del error
    why = "This form was made before you signed in, or your browser keeps no cookies. Go back, reload and send again."
    typed = request.form.get("text", "")
    return render_template("error.html", title="This form is too old", why=why, typed=typed), 400


def _error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error  # a redirect
    typed = request.form.get("text", "") if status not in {400, 413} else ""
    if status >= 500:  # perhaps the database is gone, so nothing is asked of it
        return current_app.jinja_env.get_template("broken.html").render(typed=typed), status
    why = _WHAT_TO_DO.get(status, error.description or "")
    return render_template("error.html", title=error.name, why=why, typed=typed), status
