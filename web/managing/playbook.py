"""The playbook: replies that a brand has approved in general, from which drafts are made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.tables import Brand, PlaybookEntry
from responder.checks import guard
from responder.drafts import playbook
from web import current
from web.managing import brand_form

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
    """List every brand's entries, or those that have one tag."""
    tag = request.args.get("tag", "").strip().casefold()
    with current.runtime().db.read() as db:
        seen = current.rights().brands
        brands = db.scalars(select(Brand).where(seen(Brand.id)).order_by(Brand.name)).all()
        entries = select(PlaybookEntry).where(seen(PlaybookEntry.brand_id))
        rows = db.scalars(entries.order_by(PlaybookEntry.active.desc(), PlaybookEntry.name)).all()
        by_brand = {
            brand.id: [row for row in rows if row.brand_id == brand.id and (not tag or tag in row.tags)]
            for brand in brands
        }
        about = {"tag": tag, "tags": sorted({one for row in rows for one in row.tags})}
        return render_template(
            "playbook/entries.html", brands=brands, by_brand=by_brand, ended=_ended, too_long=_too_long, **about
        )


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
            "until": _last_day(row.expires_at, brand.timezone) if row.expires_at else "",
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


@pages.get("/<slug>/<int:entry_id>/versions")
def versions(slug: str, entry_id: int) -> ResponseReturnValue:
    """How an entry has read, and who made it so."""
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        row = _entry(db, brand, entry_id)
        return render_template(
            "playbook/versions.html", brand=brand, entry=row, versions=playbook.versions(db, entry_id)
        )


@pages.post("/<slug>/<int:entry_id>/versions")
def restore(slug: str, entry_id: int) -> ResponseReturnValue:
    """Let an entry read as it did before."""
    version = current.number(request.form, "version")
    with current.runtime().db.write() as db:
        brand = brand_form.by_slug(db, slug)
        _entry(db, brand, entry_id)
        try:
            by = current.user_name()
            row = playbook.restore(db, current.runtime().clock, brand.id, entry_id, version, changed_by=by)
        except BadInput as error:
            said = f"Nothing was changed: {error}."
        else:
            said = f"“{row.name}” reads as it did at version {version}. That is version {row.version} now."
    flash(said)
    return redirect(url_for("playbook.entry", slug=slug, entry_id=entry_id))


@pages.post("/preview")
def preview() -> ResponseReturnValue:
    """An entry filled in, while it is typed."""
    text = request.form.get("text", "")
    long = _too_long(text, request.form.get("platform"))
    return render_template("playbook/_preview.html", filled=_filled(text), long=long)


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
            errors = {field: what} if field in {"name", "text", "until"} else {"": str(error)}
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
        expires_at=_end_of(form.get("until", "").strip(), brand.timezone),
        entry_id=entry_id,
        changed_by=current.user_name(),
    )


def _end_of(day: str, timezone: str) -> datetime | None:
    """The moment at which a day (2026-12-24) is over in the brand's zone; None where none is given."""
    if not day:
        return None
    try:
        next_day = date.fromisoformat(day) + timedelta(days=1)
        return datetime(next_day.year, next_day.month, next_day.day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput("until: enter a day such as 2026-12-24, or nothing") from error


def _last_day(expires_at: datetime, timezone: str) -> str:
    """The last day on which an entry is suggested, in the brand's zone."""
    return (expires_at - timedelta(seconds=1)).astimezone(ZoneInfo(timezone)).date().isoformat()


def _ended(row: PlaybookEntry) -> bool:
    return row.expires_at is not None and row.expires_at <= current.runtime().clock.now()


def _too_long(text: str, platform: str | None) -> list[str]:
    """Platforms on which a text, filled in, is too long to be suggested."""
    filled, _ = _filled(text)
    asked = [one for one in guard.LIMITS if platform in (None, one, "")]
    return [one for one in asked if guard.count(filled, one) > guard.LIMITS[one]]


def _form(brand: Brand, row: PlaybookEntry | None, values: Mapping[str, str], errors: dict[str, str]) -> str:
    text = values.get("text", "")
    about = {"known": playbook.PLACEHOLDERS, "filled": _filled(text), "long": _too_long(text, values.get("platform"))}
    ended = row is not None and _ended(row)
    return render_template(
        "playbook/entry.html", brand=brand, entry=row, values=values, errors=errors, ended=ended, **about
    )


def _filled(text: str) -> tuple[str, tuple[str, ...]]:
    user = current.user()
    return playbook.fill(text, _EXAMPLE | {"agent": user.name if user else "you"})


def _entry(db: Session, brand: Brand, entry_id: int) -> PlaybookEntry:
    row = db.get(PlaybookEntry, entry_id)
    return row if row and row.brand_id == brand.id else abort(404)
