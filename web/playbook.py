"""The playbook: replies that a brand has approved in general, from which drafts are made."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.tables import Brand, PlaybookEntry
from responder import playbook
from web import brand_form, current

pages = Blueprint("playbook", __name__, url_prefix="/playbook")

_EXAMPLE = {
    "name": "Sam",
    "brand": "Acme",
    "link": "https://example.com/help",
    "order": "10-4711",
    "product": "lamp",
    "date": "Friday",
}
"""What a preview fills in; {agent} is whoever looks."""


@pages.get("/")
def entries() -> ResponseReturnValue:
    """List every brand's entries."""
    with current.runtime().db.read() as db:
        brands = db.scalars(select(Brand).order_by(Brand.name)).all()
        rows = db.scalars(select(PlaybookEntry).order_by(PlaybookEntry.active.desc(), PlaybookEntry.name)).all()
        by_brand = {brand.id: [row for row in rows if row.brand_id == brand.id] for brand in brands}
        return render_template("playbook/entries.html", brands=brands, by_brand=by_brand)


@pages.get("/<slug>/new")
def new(slug: str) -> ResponseReturnValue:
    """Ask for a new entry."""
    with current.runtime().db.read() as db:
        return _form(brand_form.by_slug(db, slug), None, {"language": "en"}, {})


@pages.post("/<slug>/new")
def add(slug: str) -> ResponseReturnValue:
    """Add an entry; or only show it filled in."""
    return _save(slug, None)


@pages.get("/<slug>/<int:entry_id>")
def entry(slug: str, entry_id: int) -> ResponseReturnValue:
    """One entry, as it is and filled in."""
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        row = _entry(db, brand, entry_id)
        values = {
            "name": row.name,
            "text": row.text,
            "about": row.about,
            "tags": ", ".join(row.tags),
            "language": row.language,
            "platform": row.platform or "",
        }
        return _form(brand, row, values, {})


@pages.post("/<slug>/<int:entry_id>")
def change(slug: str, entry_id: int) -> ResponseReturnValue:
    """Change an entry; or only show it filled in."""
    return _save(slug, entry_id)


@pages.post("/<slug>/<int:entry_id>/active")
def switch(slug: str, entry_id: int) -> ResponseReturnValue:
    """Stop suggesting an entry, or suggest it again."""
    with current.runtime().db.write() as db:
        row = _entry(db, brand_form.by_slug(db, slug), entry_id)
        row.active = not row.active
        said = f"“{row.name}” is {'suggested again' if row.active else 'not suggested any more'}."
    flash(said)
    return redirect(url_for("playbook.entries"))


@pages.post("/preview")
def preview() -> ResponseReturnValue:
    """An entry filled in, while it is typed."""
    return render_template("playbook/_preview.html", filled=_filled(request.form.get("text", "")))


def _save(slug: str, entry_id: int | None) -> ResponseReturnValue:
    form = request.form
    with current.runtime().db.write() as db:
        brand = brand_form.by_slug(db, slug)
        row = _entry(db, brand, entry_id) if entry_id is not None else None
        if "preview" in form:
            return _form(brand, row, form, {})
        try:
            _written(db, brand, form, entry_id)
        except BadInput as error:
            field, _, what = str(error).partition(": ")
            errors = {field: what} if field in {"name", "text"} else {"": str(error)}
            return _form(brand, row, form, errors), 422
    flash(f"“{form['name'].strip()}” is saved.")
    return redirect(url_for("playbook.entries"))


def _written(db: Session, brand: Brand, form: Mapping[str, str], entry_id: int | None) -> PlaybookEntry:
    return playbook.save(
        db,
        current.runtime().clock,
        brand.id,
        name=form.get("name", ""),
        text=form.get("text", ""),
        about=form.get("about", ""),
        tags=form.get("tags", "").split(","),
        language=form.get("language", "en"),
        platform=form.get("platform", "").strip().casefold() or None,
        entry_id=entry_id,
    )


def _form(brand: Brand, row: PlaybookEntry | None, values: Mapping[str, str], errors: dict[str, str]) -> str:
    about = {"known": playbook.PLACEHOLDERS, "filled": _filled(values.get("text", ""))}
    return render_template("playbook/entry.html", brand=brand, entry=row, values=values, errors=errors, **about)


def _filled(text: str) -> tuple[str, tuple[str, ...]]:
    user = current.user()
    return playbook.fill(text, _EXAMPLE | {"agent": user.name if user else "you"})


def _entry(db: Session, brand: Brand, entry_id: int) -> PlaybookEntry:
    row = db.get(PlaybookEntry, entry_id)
    return row if row and row.brand_id == brand.id else abort(404)
