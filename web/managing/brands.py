"""Brands: whose name we listen for, their working hours and own accounts, and their queries."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from core.tables import Brand, Query
from responder.timing.sla import WEEKDAYS
from sentiment.ripple import topics
from web import current
from web.auth import needs
from web.listening import query_form
from web.managing import brand_clock_form, brand_form, brand_removal, list_form, sample_brand

pages = Blueprint("brands", __name__, url_prefix="/brands")

NEW = {"timezone": "UTC", "first_reply_minutes": "60", "urgent_reply_minutes": "15", "thanks": "1"}
"""What the form of a new brand begins with."""


@pages.get("/")
def every() -> ResponseReturnValue:
    """List all brands with their queries."""
    with current.runtime().db.read() as db:
        seen = select(Brand).where(current.rights().brands(Brand.id)).options(selectinload(Brand.queries))
        brands = db.scalars(seen.order_by(Brand.name)).all()
        return render_template("brands/brands.html", brands=brands)


@pages.get("/new")
@needs("admin", everywhere=True)
def new() -> ResponseReturnValue:
    """Ask for a new brand."""
    return _form(None, NEW, {})


@pages.post("/new")
@needs("admin", everywhere=True)
def add() -> ResponseReturnValue:
    """Add a brand, and go on to its queries."""
    given = brand_form.read(request.form)
    if given.errors:
        return _form(None, request.form, given.errors), 422
    with current.runtime().db.write() as db:
        slug = brand_form.make(db, current.runtime().clock, given)
    flash(f"{given.name} is added. Now say what a post must contain to be about it.")
    return redirect(url_for("brands.new_query", slug=slug))


@pages.get("/<slug>")
def show(slug: str) -> ResponseReturnValue:
    """One brand: its settings, and its queries."""
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        return _form(brand, brand_form.values_of(db, brand), {})


@pages.post("/<slug>")
@needs("admin")
def change(slug: str) -> ResponseReturnValue:
    """Change a brand's settings."""
    given = brand_form.read(request.form)
    runtime = current.runtime()
    with runtime.db.write() as db:
        brand = brand_form.by_slug(db, slug)
        if errors := given.errors or list_form.change(db, runtime.clock, brand, given.lists):
            return _form(brand, request.form, errors), 422
        brand_form.change(brand, given)
    runtime.queue.nudge(topics.STAGE)
    flash(f"{given.name} is saved.")
    return redirect(url_for("brands.show", slug=slug))


@pages.get("/<slug>/remove")
@needs("admin")
def ask_to_remove(slug: str) -> ResponseReturnValue:
    """Say what goes with a brand before it goes."""
    with current.runtime().db.read() as db:
        return render_template("brands/remove.html", brand=brand_form.by_slug(db, slug))


@pages.post("/<slug>/remove")
@needs("admin")
def remove(slug: str) -> ResponseReturnValue:
    """Remove a brand with everything that is its alone."""
    with current.runtime().db.write() as db:
        brand = brand_form.by_slug(db, slug)
        name = brand.name
        count = brand_removal.remove_brand(db, current.runtime().clock, brand)
    flash(f"{name} is removed, with {count} {'mention' if count == 1 else 'mentions'}.")
    return redirect(url_for("brands.every"))


@pages.post("/sample/remove")
@needs("admin", everywhere=True)
def remove_sample() -> ResponseReturnValue:
    """Remove the sample brand with all that belongs to it."""
    sample_brand.remove_sample(current.runtime())
    flash("The sample is removed.")
    return redirect(url_for("brands.every"))


@pages.post("/<slug>/preview")
@needs("admin")
def preview(slug: str) -> ResponseReturnValue:
    """What a query means and would match, while it is typed."""
    with current.runtime().db.read() as db:
        found = query_form.preview(db, brand_form.by_slug(db, slug), request.form.get("text", ""), current.rights())
    return render_template("brands/_preview.html", preview=found)


@pages.get("/<slug>/queries/new")
@needs("admin")
def new_query(slug: str) -> ResponseReturnValue:
    """Ask for a new query."""
    with current.runtime().db.read() as db:
        return _query_page(db, brand_form.by_slug(db, slug), None, {}, {})


@pages.post("/<slug>/queries/new")
@needs("admin")
def add_query(slug: str) -> ResponseReturnValue:
    """Add a query; or only show what it would match."""
    name, text, broad_too = request.form.get("name", ""), request.form.get("text", ""), "broad_too" in request.form
    with current.runtime().db.write() as db:
        brand = brand_form.by_slug(db, slug)
        if "preview" in request.form:
            return _query_page(db, brand, None, request.form, {})
        if errors := query_form.add(db, current.runtime().clock, brand, name, text, broad_too=broad_too):
            return _query_page(db, brand, None, request.form, errors), 422
    flash(f"Listening for “{name}”.")
    return redirect(url_for("brands.show", slug=slug))


@pages.get("/<slug>/queries/<int:query_id>")
def query(slug: str, query_id: int) -> ResponseReturnValue:
    """One query, with what it matches."""
    with current.runtime().db.read() as db:
        row = _query(db, slug, query_id)
        values = {"name": row.name, "text": row.text, "active": "1" if row.active else ""}
        return _query_page(db, row.brand, row, values, {})


@pages.post("/<slug>/queries/<int:query_id>")
@needs("admin")
def change_query(slug: str, query_id: int) -> ResponseReturnValue:
    """Change a query; or only show what it would match."""
    name, text, broad_too = request.form.get("name", ""), request.form.get("text", ""), "broad_too" in request.form
    with current.runtime().db.write() as db:
        row = _query(db, slug, query_id)
        if "preview" in request.form:
            return _query_page(db, row.brand, row, request.form, {})
        if errors := query_form.change(db, row, name, text, active="active" in request.form, broad_too=broad_too):
            return _query_page(db, row.brand, row, request.form, errors), 422
    flash(f"“{name}” is saved.")
    return redirect(url_for("brands.show", slug=slug))


@pages.post("/<slug>/queries/<int:query_id>/remove")
@needs("admin")
def remove_query(slug: str, query_id: int) -> ResponseReturnValue:
    """Remove a query; what it has matched stays the brand's."""
    with current.runtime().db.write() as db:
        row = _query(db, slug, query_id)
        name = row.name
        db.delete(row)
    flash(f"“{name}” is removed. What it had matched stays.")
    return redirect(url_for("brands.show", slug=slug))


def _form(brand: Brand | None, values: Mapping[str, str], errors: dict[str, str]) -> str:
    about = {
        "lists": list_form.fields(values),
        "zones": brand_form.zones(),
        "days": WEEKDAYS,
        "severities": brand_clock_form.titles(),
        "countries": brand_clock_form.countries(),
        "closed": brand_clock_form.next_closed(brand, current.runtime().clock.now()) if brand else [],
        "platforms": brand_form.platforms(),
    }
    return render_template("brands/brand.html", brand=brand, values=values, errors=errors, **about)


def _query_page(db: Session, brand: Brand, row: Query | None, values: object, errors: dict[str, str]) -> str:
    text = values.get("text", "") if hasattr(values, "get") else ""
    about = {"preview": query_form.preview(db, brand, text, current.rights()), "values": values, "errors": errors}
    return render_template("brands/query.html", brand=brand, query=row, **about)


def _query(db: Session, slug: str, query_id: int) -> Query:
    row = db.get(Query, query_id)
    return row if row and row.brand.slug == slug else abort(404)
