"""Notes and tags on a case: what colleagues tell each other, never anybody outside."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from core.errors import BadInput, Forbidden
from core.tables import Case, CaseTag, Note, User
from responder.desk import notes
from web import current
from web.desk import inbox

pages = Blueprint("case_notes", __name__, url_prefix="/cases")

_OFFERED = 200


@pages.post("/<int:case_id>/notes")
def write(case_id: int) -> ResponseReturnValue:
    """Put a note on the case."""
    try:
        with current.runtime().db.write() as db:
            notes.write_note(db, current.runtime().clock, case_id, current.user_id(), request.form.get("text", ""))
    except BadInput as error:
        flash(str(error), "error")
        return redirect(_here(case_id))
    flash("Your note is there, for colleagues only.")
    return redirect(_here(case_id))


@pages.post("/<int:case_id>/notes/<int:note_id>/remove")
def remove(case_id: int, note_id: int) -> ResponseReturnValue:
    """Take one's own note back."""
    try:
        with current.runtime().db.write() as db:
            notes.remove_note(db, current.runtime().clock, note_id, current.user_id())
    except Forbidden:
        abort(403)
    flash("Your note is gone.")
    return redirect(_here(case_id))


@pages.post("/<int:case_id>/tags")
def tag(case_id: int) -> ResponseReturnValue:
    """Put a tag on the case."""
    try:
        with current.runtime().db.write() as db:
            put = notes.add_tag(db, current.runtime().clock, case_id, current.user_id(), request.form.get("tag", ""))
    except BadInput as error:
        flash(str(error), "error")
        return redirect(_here(case_id))
    flash(f"Tagged “{put}”.")
    return redirect(_here(case_id))


@pages.post("/<int:case_id>/tags/remove")
def untag(case_id: int) -> ResponseReturnValue:
    """Take a tag off the case."""
    with current.runtime().db.write() as db:
        notes.remove_tag(db, current.runtime().clock, case_id, current.user_id(), request.form.get("tag", ""))
    return redirect(_here(case_id))


def _here(case_id: int) -> str:
    return url_for("case.show", case_id=case_id, **inbox.chosen(request.args))


@pages.app_template_global("notes_of")
def notes_of(case_id: int) -> Sequence[tuple[Note, str]]:
    """The notes on a case, oldest first, each with who wrote it."""
    rows = select(Note, User.name).outerjoin(User, User.id == Note.user_id).where(Note.case_id == case_id)
    db = current.reading()
    return [(note, name or "Somebody who left") for note, name in db.execute(rows.order_by(Note.id))]


@pages.app_template_global("tags_of")
def tags_of(case_id: int) -> Sequence[str]:
    """The tags of a case."""
    db = current.reading()
    return notes.tags_of(db, case_id)


@pages.app_template_global("all_tags")
def all_tags() -> Sequence[str]:
    """The tags that were put on cases of the brands that who asks may see, to be offered."""
    seen = current.rights().brands(Case.brand_id)
    query = select(CaseTag.tag).join(Case, Case.id == CaseTag.case_id).where(seen).distinct().order_by(CaseTag.tag)
    db = current.reading()
    return db.scalars(query.limit(_OFFERED)).all()
