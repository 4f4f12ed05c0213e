"""One author on one platform: their posts about us, our cases with them, and how each ended."""

from __future__ import annotations

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from web import current
from web.queries import author as read

pages = Blueprint("author", __name__, url_prefix="/authors")


@pages.get("/<int:author_id>")
def show(author_id: int) -> ResponseReturnValue:
    """Show what is known of them, of the brands that whoever asks may see."""
    with current.runtime().db.read() as db:
        known = read.known(db, current.rights(), author_id) or abort(404)
        return render_template("author/author.html", known=known, author=known.author)
