"""What a brand wants counted by itself: its topics, each a query, with what it would count while it is written."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from core import audit
from core.tables import Brand, HourCount, Topic
from sentiment.ripple import topics
from web import current
from web.auth import needs
from web.listening import query_form
from web.managing import brand_form

LONGEST_NAME = 60
MOST = 100
"""Topics of one brand: each is watched by itself."""

pages = Blueprint("topics", __name__, url_prefix="/brands/<slug>/topics")


@pages.get("/")
def every(slug: str) -> ResponseReturnValue:
    """All topics of a brand."""
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        rows = db.scalars(select(Topic).where(Topic.brand_id == brand.id).order_by(Topic.name)).all()
        return render_template("topics/topics.html", brand=brand, rows=rows, counts=_counts(db, brand))


@pages.post("/preview")
@needs("admin")
def preview(slug: str) -> ResponseReturnValue:
    """What a topic would count, while its query is typed."""
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        found = query_form.preview(db, brand, request.form.get("text", ""), current.rights(), own=True)
    return render_template("brands/_preview.html", preview=found)


@pages.get("/new")
@needs("admin")
def new(slug: str) -> ResponseReturnValue:
    """Ask for a new topic."""
    with current.runtime().db.read() as db:
        return _page(db, brand_form.by_slug(db, slug), None, {}, {})


@pages.post("/new")
@needs("admin")
def add(slug: str) -> ResponseReturnValue:
    """Add a topic; or only show what it would count."""
    runtime, name, query = current.runtime(), *_given()
    with runtime.db.write() as db:
        brand = brand_form.by_slug(db, slug)
        if "preview" in request.form:
            return _page(db, brand, None, request.form, {})
        if errors := _errors(db, brand, None, name, query):
            return _page(db, brand, None, request.form, errors), 422
        row = topics.add(db, runtime.clock, brand.id, name, query)
        _note(db, "added_topic", row)
    runtime.queue.nudge(topics.STAGE)
    flash(f"“{name}” is counted from now on; the last 30 days are counted for it now.")
    return redirect(url_for("topics.every", slug=slug))


@pages.get("/<int:topic_id>")
def show(slug: str, topic_id: int) -> ResponseReturnValue:
    """One topic, with what it counts."""
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        row = _topic(db, brand, topic_id)
        values = {"name": row.name, "text": row.query, "active": "1" if row.active else ""}
        return _page(db, brand, row, values, {})


@pages.post("/<int:topic_id>")
@needs("admin")
def change(slug: str, topic_id: int) -> ResponseReturnValue:
    """Change a topic or switch it off; or only show what it would count."""
    runtime, name, query = current.runtime(), *_given()
    with runtime.db.write() as db:
        brand = brand_form.by_slug(db, slug)
        row = _topic(db, brand, topic_id)
        if "preview" in request.form:
            return _page(db, brand, row, request.form, {})
        if errors := _errors(db, brand, row.id, name, query):
            return _page(db, brand, row, request.form, errors), 422
        topics.change(db, runtime.clock, row, name, query, active="active" in request.form)
        _note(db, "changed_topic", row)
    runtime.queue.nudge(topics.STAGE)
    flash(f"“{name}” is saved.")
    return redirect(url_for("topics.every", slug=slug))


def _given() -> tuple[str, str]:
    return " ".join(request.form.get("name", "").split()), request.form.get("text", "").strip()


def _errors(db: Session, brand: Brand, topic_id: int | None, name: str, query: str) -> dict[str, str]:
    errors = {}
    theirs = {row.name: row.id for row in db.scalars(select(Topic).where(Topic.brand_id == brand.id))}
    if not name or len(name) > LONGEST_NAME:
        errors["name"] = f"Give the topic a name of at most {LONGEST_NAME} characters."
    elif theirs.get(name, topic_id) != topic_id:
        errors["name"] = "This brand has a topic of that name already."
    elif topic_id is None and len(theirs) >= MOST:
        errors["name"] = f"A brand has at most {MOST} topics: change one that nobody looks at."
    wrong = query_form.problem(db, brand, query) if query else "Write at least one word to look for."
    return errors | ({"text": wrong} if wrong else {})


def _page(db: Session, brand: Brand, row: Topic | None, values: Mapping[str, str], errors: Mapping[str, str]) -> str:
    found = query_form.preview(db, brand, values.get("text", ""), current.rights(), own=True)
    return render_template("topics/topic.html", brand=brand, topic=row, values=values, errors=errors, preview=found)


def _counts(db: Session, brand: Brand) -> dict[str, Row[str, int, int]]:
    """Mentions and complaints of each topic since topics.REACH, by its id as counts hold it."""
    row, since = HourCount, current.runtime().clock.now() - topics.REACH
    summed = select(row.value, func.sum(row.mentions).label("mentions"), func.sum(row.complaints).label("complaints"))
    of_brand = summed.where(row.brand_id == brand.id, row.dimension == "topic", row.hour >= since)
    return {one.value: one for one in db.execute(of_brand.group_by(row.value))}


def _topic(db: Session, brand: Brand, topic_id: int) -> Topic:
    row = db.get(Topic, topic_id)
    return row if row and row.brand_id == brand.id else abort(404)


def _note(db: Session, action: str, row: Topic) -> None:
    detail = {"brand": row.brand_id, "topic": row.id, "active": row.active}
    audit.add(db, audit.Entry(current.runtime().clock.now(), action, user_id=current.user_id(), detail=detail))
