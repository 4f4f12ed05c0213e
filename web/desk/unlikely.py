"""What is probably not about us: listed beside the inbox, so that nothing is lost, and brought back with one click."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from core import audit, waiting
from sentiment import relevance
from web import current
from web.queries import unlikely as read

pages = Blueprint("unlikely", __name__, url_prefix="/unlikely")


@pages.get("/")
def every() -> ResponseReturnValue:
    """List the mentions that opened no case because they are probably not about the brand."""
    with current.runtime().db.read() as db:
        found = read.listed(db, current.rights(), current.number(request.args, "before"))
        count = read.count(db, current.rights())
        about = {"rows": found[: read.PAGE], "more": len(found) > read.PAGE, "count": count, "noted": _noted()}
    return render_template("unlikely/unlikely.html", **about)


@pages.post("/<int:mention_id>/<int:brand_id>")
def say(mention_id: int, brand_id: int) -> ResponseReturnValue:
    """Hear from a person whether a mention is about the brand: then it becomes a case like any other."""
    about_us, runtime = request.form.get("about_us") == "yes", current.runtime()
    with runtime.db.write() as db:
        if not read.is_listed(db, mention_id, brand_id):
            abort(404)
        relevance.say(db, runtime.clock, mention_id, brand_id, about_us, current.user_name())
        _keep(db, "about_us" if about_us else "not_about_us", mention_id, brand_id)
        if about_us:
            waiting.add(db, runtime.clock, "open_case", [mention_id])
    if not about_us:
        return redirect(url_for("unlikely.every", mention=mention_id, brand=brand_id))
    runtime.queue.nudge("open_case")
    flash("It is on its way to the inbox.")
    return redirect(url_for("unlikely.every"))


@pages.post("/<int:mention_id>/<int:brand_id>/undo")
def undo(mention_id: int, brand_id: int) -> ResponseReturnValue:
    """Take "not about us" back: it stands in the list again, and the filter learns nothing from it."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        if not read.is_listed(db, mention_id, brand_id, said=True):
            abort(404)
        relevance.unsay(db, runtime.clock, mention_id, brand_id)
        _keep(db, "undo_not_about_us", mention_id, brand_id)
    flash("Taken back: it stands in the list again.")
    return redirect(url_for("unlikely.every"))


def _noted() -> tuple[int, int] | None:
    """The mention and brand of which "not about us" was just said, so that it can be taken back."""
    mention_id, brand_id = (current.number(request.args, name) for name in ("mention", "brand"))
    return (mention_id, brand_id) if mention_id and brand_id else None


def _keep(db: Session, action: str, mention_id: int, brand_id: int) -> None:
    detail = {"mention": mention_id, "brand": brand_id}
    audit.add(db, audit.Entry(current.runtime().clock.now(), action, user_id=current.user_id(), detail=detail))
