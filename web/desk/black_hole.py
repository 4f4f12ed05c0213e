"""The black hole: complaints that nobody sees to. It has no filter, and nothing on it can be hidden."""

from __future__ import annotations

from flask import Blueprint, Flask, g, render_template
from flask.typing import ResponseReturnValue

from web import current
from web.queries import black_hole as read

pages = Blueprint("black_hole", __name__, url_prefix="/black-hole")


def init_app(app: Flask) -> None:
    """Let every page say how many there are that should have been answered."""
    app.jinja_env.globals["untouched"] = untouched


def untouched() -> int:
    """How many are older than their target, of what who asks may see; looked at once per request."""
    if "untouched" not in g:
        db = current.reading()
        g.untouched = read.late(db, current.rights(), current.runtime().clock.now())
    return int(g.untouched)


@pages.get("/")
def show() -> ResponseReturnValue:
    """List them by age, the longest due first."""
    runtime, rights = current.runtime(), current.rights()
    now = runtime.clock.now()
    with runtime.db.read() as db:
        rows = read.listed(db, rights, now)
        about = {"rows": rows[: read.PAGE], "more": len(rows) > read.PAGE, "reasons": read.REASONS}
        about |= {"ages": read.ages(db, rights, now), "stuck": read.stuck(db, rights)}
    return render_template("black_hole/black_hole.html", **about)
