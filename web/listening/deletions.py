"""Deletions: the clock of each platform, and what was forgotten, without saying what it was."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from web import current
from web.auth import needs
from web.queries import deletions as queries

pages = Blueprint("deletions", __name__, url_prefix="/deletions")


@pages.get("/")
@needs("manager", everywhere=True)
def show() -> ResponseReturnValue:
    """The platforms with their clocks, and the records."""
    now = current.runtime().clock.now()
    with current.runtime().db.read() as db:
        found = queries.deletions(db, now)
    return render_template("deletions/deletions.html", found=found, limit=queries.LIMIT, back=queries.BACK)
