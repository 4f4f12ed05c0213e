"""Sources: where we listen, how each is doing in one sentence, and what a person can do about it."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.secrets import sealed_at
from core.tables import Brand, Gap, Source
from listener.source import SignsIn, kinds, load
from web import current
from web.auth import needs
from web.listening import coverage, source_form, source_switch

pages = Blueprint("sources", __name__, url_prefix="/sources")

_GAPS = 50


@pages.get("/")
def every() -> ResponseReturnValue:
    """List all sources with their state."""
    with current.runtime().db.read() as db:
        return render_template("sources/sources.html", heard=coverage.all_heard(db), kinds=source_form.kinds())


@pages.get("/<int:source_id>")
def show(source_id: int) -> ResponseReturnValue:
    """One source: what it last heard, what is wrong, what it may have missed."""
    return page_of(source_id)


def page_of(source_id: int, **more: object) -> str:
    """The page of one source."""
    with current.runtime().db.read() as db:
        row = by_id(db, source_id)
        gaps = select(Gap).where(Gap.source_id == row.id).order_by(Gap.closed_at.is_not(None), Gap.start.desc())
        brand = db.get(Brand, row.brand_id) if row.brand_id else None
        kind = load(row.kind) if row.kind in kinds() else None
        [one] = coverage.all_heard(db, row.id)
        return render_template(
            "sources/source.html",
            source=row,
            one=one,
            kind=kind,
            has_secrets=kind is not None and any(asked.secret for asked in kind.fields),
            since=sealed_at(row.credentials) if row.credentials else None,
            gaps=db.scalars(gaps.limit(_GAPS)).all(),
            brand=brand,
            signs_in=kind is not None and issubclass(kind, SignsIn),
            way_back=f"{current.runtime().settings.pages_url}{url_for('source_sign_in.back')}",
            **more,
        )


@pages.post("/<int:source_id>/pause")
@needs("admin")
def pause(source_id: int) -> ResponseReturnValue:
    """Stop listening until somebody says go on."""
    with current.runtime().db.write() as db:
        row = by_id(db, source_id)
        source_switch.switch_off(db, current.runtime().settings, row)
    flash(f"{row.name} is off. What is posted meanwhile is fetched later only where the platform keeps it.")
    return redirect(url_for("sources.show", source_id=source_id))


@pages.post("/<int:source_id>/resume")
@needs("admin")
def resume(source_id: int) -> ResponseReturnValue:
    """Listen again, at once."""
    with current.runtime().db.write() as db:
        row = by_id(db, source_id)
        source_switch.switch_on(db, current.runtime().settings, row)
    flash(f"{row.name} is being listened to again.")
    return redirect(url_for("sources.show", source_id=source_id))


@pages.post("/<int:source_id>/remove")
@needs("admin")
def remove(source_id: int) -> ResponseReturnValue:
    """Remove a source; the mentions that it heard stay."""
    with current.runtime().db.write() as db:
        row = by_id(db, source_id)
        name = row.name
        source_switch.remove(db, current.runtime().settings, row)
    flash(f"{name} is removed. The mentions that it heard stay.")
    return redirect(url_for("sources.every"))


def by_id(db: Session, source_id: int) -> Source:
    """The source; answers "not found" if there is none."""
    return db.get(Source, source_id) or abort(404)
