"""What is probably not about us: listed beside the inbox, so that nothing is lost, and brought back with one click."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

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
        about = {"rows": found[: read.PAGE], "more": len(found) > read.PAGE, "count": count}
    return render_template("unlikely/unlikely.html", **about)


@pages.post("/<int:mention_id>/<int:brand_id>")
def say(mention_id: int, brand_id: int) -> ResponseReturnValue:
    """Hear from a person whether a mention is about the brand: then it becomes a case like any other."""
    about_us, runtime = request.form.get("about_us") == "yes", current.runtime()
    with runtime.db.write() as db:
        if not read.is_listed(db, mention_id, brand_id):
            abort(404)
        relevance.say(db, runtime.clock, mention_id, brand_id, about_us, current.user_name())
        action, detail = "about_us" if about_us else "not_about_us", {"mention": mention_id, "brand": brand_id}
        audit.add(db, audit.Entry(runtime.clock.now(), action, user_id=current.user_id(), detail=detail))
        if about_us:
            waiting.add(db, runtime.clock, "open_case", [mention_id])
    if about_us:
        runtime.queue.nudge("open_case")
    flash("It is on its way to the inbox." if about_us else "Noted: not about us. The filter learns from it.")
    return redirect(url_for("unlikely.every"))
