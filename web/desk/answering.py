"""While somebody answers a case: holding it, keeping what they type, and telling others who has it."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Flask, abort, flash, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.errors import Forbidden
from core.tables import User
from responder.desk import holding, typing_in
from responder.outbox import approving
from web import current
from web.desk import case
from web.queries import case as read
from web.queries import desk, inbox

pages = Blueprint("answering", __name__, url_prefix="/cases")


@pages.post("/<int:case_id>/draft")
def save_draft(case_id: int) -> ResponseReturnValue:
    """Keep what is typed so far, and say what the guard thinks of it."""
    text = case.typed() or ""
    try:
        saved = _save(case_id, text)
    except Forbidden:
        abort(404)
    if not request.headers.get("HX-Target", "").endswith("#check"):
        flash("Your draft is saved.")
        return redirect(case.here(case_id))
    with current.runtime().db.read() as db:
        found = read.whole(db, case_id) or abort(404)
        say = approving.say_of(db, found.case, current.user_id(), text)
        return render_template(
            "case/_saved.html",
            **case.checked(db, found, text),
            saved=saved,
            say=say,
            holder=db.get(User, saved.holder_id) if saved.holder_id else None,
            redecide=request.form.get("deciding") != ("approve" if say.may_approve else "propose"),
            row=inbox.load(db, [case_id])[0],
            whole=found,
            mention=found.case.mention,
            account=case.account_of(db, found),
            others=desk.typed_for(db, found.case, current.user_id()),
            chosen=case.chosen(),
        )


@pages.post("/<int:case_id>/hold")
def hold(case_id: int) -> ResponseReturnValue:
    """Begin to answer, or go on: nobody else decides meanwhile."""
    with current.runtime().db.write() as db:
        held = holding.hold(db, current.runtime().clock, case_id, current.user_id(), _lease())
    if _by_script():
        return "", 204
    if held:
        flash("You are answering this case. Others see that.")
    return redirect(f"{case.here(case_id)}#reply")


@pages.post("/<int:case_id>/leave")
def leave(case_id: int) -> ResponseReturnValue:
    """Stop answering; what was typed last comes along and is kept."""
    text = case.typed()
    if text is not None:
        _save(case_id, text)
    with current.runtime().db.write() as db:
        holding.leave(db, case_id, current.user_id())
    if _by_script():
        return "", 204
    flash("Others can answer this case now.")
    return redirect(case.here(case_id))


@pages.get("/<int:case_id>/held")
def held(case_id: int) -> ResponseReturnValue:
    """Who has the case, for pages that stand open; nothing where that is what they show."""
    with current.runtime().db.read() as db:
        found = read.whole(db, case_id) or abort(404)
        held = desk.held(found.case, current.user_id(), current.runtime().clock.now())
        if request.args.get("shown") == held.sign:
            return "", 204
        seen = current.number(request.args, "version")
        about = {"case": found.case, "held": held, "seen": seen, "chosen": case.chosen()}
        return render_template("case/_held_alone.html", **about, last=found.last_move)


@pages.get("/held")
def all_held() -> ResponseReturnValue:
    """Who has which case open to answer, for the list."""
    return render_template("case/_held_now.html")


def _save(case_id: int, text: str) -> typing_in.Saved:
    base = current.number(request.form, "base")
    with current.runtime().db.write() as db:
        return typing_in.save(db, current.runtime().clock, case_id, current.user_id(), text, base, _lease())


def _lease() -> timedelta:
    """A page with our script renews its hold while somebody writes; one without keeps it from form to form."""
    return holding.LEASE if _by_script() else holding.PLAIN_LEASE


def _by_script() -> bool:
    return "HX-Request" in request.headers or "beacon" in request.form


def init_app(app: Flask) -> None:
    """Let every list mark who answers what, and when replies go out."""
    app.jinja_env.globals.update(marks=_marks)


def _marks() -> desk.Marks:
    """Looked at once per request, however many rows ask."""
    if "marks" not in g:
        db = current.reading()
        g.marks = desk.marks(db, current.runtime().clock.now(), current.rights())
    found: desk.Marks = g.marks
    return found
