"""The way from an empty database to the first complaint, in three steps: brand, query, source. Or the sample."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from core.tables import Brand, Query, Source
from web import current
from web.auth import needs
from web.listening import query_form, source_form
from web.managing import brand_form, sample_brand

pages = Blueprint("guide", __name__, url_prefix="/guide")


@pages.get("/")
@needs("admin", everywhere=True)
def begin() -> ResponseReturnValue:
    """Go to the first step that is not done."""
    with current.runtime().db.read() as db:
        brand = db.scalars(select(Brand).order_by(Brand.id)).first()
        query = brand and db.scalars(select(Query).where(Query.brand_id == brand.id)).first()
    if brand is None:
        return redirect(url_for("guide.brand"))
    if brand.sample:
        return redirect(url_for("inbox.cases"))
    return redirect(url_for("guide.sources") if query else url_for("guide.query", slug=brand.slug))


@pages.get("/brand")
@needs("admin", everywhere=True)
def brand() -> ResponseReturnValue:
    """Step 1: whose name we listen for."""
    return render_template("guide/brand.html", values={"timezone": "UTC"}, errors={}, zones=brand_form.zones())


@pages.post("/brand")
@needs("admin", everywhere=True)
def make_brand() -> ResponseReturnValue:
    """Make the brand, and go on to its first query."""
    read = brand_form.read(request.form)
    if not read.errors:
        with current.runtime().db.write() as db:
            slug = brand_form.make(db, current.runtime().clock, read)
        return redirect(url_for("guide.query", slug=slug))
    page = render_template("guide/brand.html", values=request.form, errors=read.errors, zones=brand_form.zones())
    return page, 422


@pages.get("/query/<slug>")
@needs("admin", everywhere=True)
def query(slug: str) -> ResponseReturnValue:
    """Step 2: what a mention must say, and what that would match."""
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        text = f'"{brand.name}"' if " " in brand.name else brand.name
        preview = query_form.preview(db, brand, text, current.rights())
    return render_template("guide/query.html", brand=brand, values={"text": text}, errors={}, preview=preview)


@pages.post("/query/<slug>")
@needs("admin", everywhere=True)
def make_query(slug: str) -> ResponseReturnValue:
    """Add the query, and go on to the sources; or only show what it would match."""
    text, errors = request.form.get("text", ""), {}
    if "preview" not in request.form:
        with current.runtime().db.write() as db:
            brand = brand_form.by_slug(db, slug)
            name, broad_too = request.form.get("name", brand.name), "broad_too" in request.form
            errors = query_form.add(db, current.runtime().clock, brand, name, text, broad_too=broad_too)
        if not errors:
            return redirect(url_for("guide.sources"))
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        preview = query_form.preview(db, brand, text, current.rights())
    page = render_template("guide/query.html", brand=brand, values=request.form, errors=errors, preview=preview)
    return page, 422 if errors else 200


@pages.get("/sources")
@needs("admin", everywhere=True)
def sources() -> ResponseReturnValue:
    """Step 3: where to listen."""
    with current.runtime().db.read() as db:
        listening = db.scalars(select(Source).order_by(Source.id)).all()
    return render_template("guide/sources.html", kinds=source_form.keyless(), listening=listening, values={}, errors={})


@pages.post("/sources/<kind>")
@needs("admin", everywhere=True)
def add_source(kind: str) -> ResponseReturnValue:
    """Add one source; more may follow."""
    chosen = source_form.kind_of(kind)
    with current.runtime().db.write() as db:
        given = source_form.read(db, current.runtime(), chosen, request.form, current.rights())
        if not given.errors:
            source_form.add(db, current.runtime(), given)
        listening = db.scalars(select(Source).order_by(Source.id)).all()
    if not given.errors:
        flash(f"Listening to {given.name}.")
        return redirect(url_for("guide.sources"))
    shown = {"kinds": source_form.keyless(), "listening": listening, "wrong_kind": kind}
    return render_template("guide/sources.html", **shown, values=request.form, errors=given.errors), 422


@pages.post("/sample")
@needs("admin", everywhere=True)
def load_sample() -> ResponseReturnValue:
    """Load the sample brand, to look around."""
    sample_brand.load_sample(current.runtime())
    flash("The sample is in: Hawkweed, an invented brand, with two weeks of mentions. They are being judged now.")
    return redirect(url_for("inbox.cases"))
