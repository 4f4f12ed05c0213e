"""Sources: where we listen, how each is doing in one sentence, and what a person can do about it."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tables import Brand, Gap, Source
from listener.source import kinds, load
from web import current, source_form
from web.auth import needs

pages = Blueprint("sources", __name__, url_prefix="/sources")

_GAPS = 50


@pages.get("/")
def every() -> ResponseReturnValue:
    """List all sources with their state."""
    with current.runtime().db.read() as db:
        sources = db.scalars(select(Source).order_by(Source.name)).all()
        return render_template("sources/sources.html", sources=sources, kinds=source_form.kinds(), titles=_titles())


@pages.get("/new/<kind>")
@needs("admin")
def new(kind: str) -> ResponseReturnValue:
    """Ask for what a source of this kind needs."""
    with current.runtime().db.read() as db:
        return _form(db, source_form.kind_of(kind), {}, {})


@pages.post("/new/<kind>")
@needs("admin")
def add(kind: str) -> ResponseReturnValue:
    """Add a source; the listener hears it within seconds."""
    chosen = source_form.kind_of(kind)
    with current.runtime().db.write() as db:
        given = source_form.read(db, current.runtime(), chosen, request.form)
        if given.errors:
            return _form(db, chosen, request.form, given.errors), 422
        row = source_form.add(db, current.runtime(), given)
        db.flush()
        number = row.id
    flash(f"Listening to {given.name}.")
    return redirect(url_for("sources.show", source_id=number))


@pages.get("/<int:source_id>")
def show(source_id: int) -> ResponseReturnValue:
    """One source: what it last heard, what is wrong, what it may have missed."""
    with current.runtime().db.read() as db:
        row = _source(db, source_id)
        gaps = select(Gap).where(Gap.source_id == row.id).order_by(Gap.closed_at.is_not(None), Gap.start.desc())
        brand = db.get(Brand, row.brand_id) if row.brand_id else None
        about = {"gaps": db.scalars(gaps.limit(_GAPS)).all(), "brand": brand, "titles": _titles()}
        kind = load(row.kind) if row.kind in kinds() else None
        return render_template("sources/source.html", source=row, kind=kind, **about)


@pages.post("/<int:source_id>/pause")
@needs("admin")
def pause(source_id: int) -> ResponseReturnValue:
    """Stop listening until somebody says go on."""
    with current.runtime().db.write() as db:
        row = _source(db, source_id)
        row.active, row.state, row.reason, row.next_try_at = False, "off", None, None
    flash(f"{row.name} is off. What is posted meanwhile is fetched later only where the platform keeps it.")
    return redirect(url_for("sources.show", source_id=source_id))


@pages.post("/<int:source_id>/resume")
@needs("admin")
def resume(source_id: int) -> ResponseReturnValue:
    """Listen again, at once."""
    with current.runtime().db.write() as db:
        row = _source(db, source_id)
        row.active, row.state, row.reason, row.failures, row.next_try_at = True, "running", None, 0, None
    flash(f"{row.name} is being listened to again.")
    return redirect(url_for("sources.show", source_id=source_id))


@pages.post("/<int:source_id>/remove")
@needs("admin")
def remove(source_id: int) -> ResponseReturnValue:
    """Remove a source; the mentions that it heard stay."""
    with current.runtime().db.write() as db:
        row = _source(db, source_id)
        name = row.name
        db.delete(row)
    flash(f"{name} is removed. The mentions that it heard stay.")
    return redirect(url_for("sources.every"))


def _form(db: Session, kind: object, values: object, errors: dict[str, str]) -> str:
    brands = [("", "No: queries decide"), *((brand.slug, brand.name) for brand in db.scalars(select(Brand)))]
    return render_template("sources/new.html", kind=kind, values=values, errors=errors, brands=brands)


def _titles() -> dict[str, str]:
    return {name: load(name).title for name in kinds()}


def _source(db: Session, source_id: int) -> Source:
    return db.get(Source, source_id) or abort(404)
