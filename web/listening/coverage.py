"""Coverage: the proof that nothing is missing, or where it is; every source in one glance and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Flask, abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from core.tables import Gap, Source
from web import current, words
from web.auth import needs
from web.listening import drawing
from web.listening.hearing import Light
from web.listening.past_hours import PastHours
from web.queries import coverage as queries
from web.queries.coverage import STRIP, Heard

pages = Blueprint("coverage", __name__, url_prefix="/coverage")


@dataclass(frozen=True, slots=True)
class Total:
    """What is true of all sources together."""

    light: Light
    says: str
    then: str
    spent: int
    forecast: int


def init_app(app: Flask) -> None:
    """Keep the past hours for as long as the process lives, and let templates draw."""
    app.extensions["past_hours"] = PastHours()
    app.jinja_env.globals.update(curve=drawing.curve, strip=drawing.strip, STRIP=STRIP, drawing=drawing)


@pages.get("/")
def show() -> ResponseReturnValue:
    """Every source, what needs a person first."""
    now = current.runtime().clock.now()
    with current.runtime().db.read() as db:
        heard = all_heard(db)
    return render_template("coverage/coverage.html", heard=heard, total=total(heard, now))


@pages.get("/gaps/<int:gap_id>")
def gap(gap_id: int) -> ResponseReturnValue:
    """One gap: why it is there, what came of the source meanwhile, and what has been done about it."""
    with current.runtime().db.read() as db:
        row = db.get(Gap, gap_id) or abort(404)
        source = db.get_one(Source, row.source_id)
        about = queries.around(db, row, current.rights())
        return render_template("coverage/gap.html", gap=row, source=source, about=about)


@pages.post("/gaps/<int:gap_id>/accept")
@needs("admin")
def accept(gap_id: int) -> ResponseReturnValue:
    """Close a gap of which nothing more can be had, in one's own name."""
    user = current.user()
    with current.runtime().db.write() as db:
        row = db.get(Gap, gap_id) or abort(404)
        if row.closed_at is None:
            row.closed_at, row.accepted_by = current.runtime().clock.now(), user.name if user else ""
    flash("The gap is closed in your name. It stays on the list.")
    return redirect(url_for("coverage.gap", gap_id=gap_id))


def all_heard(db: Session, source_id: int | None = None) -> list[Heard]:
    """What is known of every source that who asks may see, or of one."""
    past: PastHours = current_app.extensions["past_hours"]
    heard, rights = queries.coverage(db, past, current.runtime().clock.now(), source_id), current.rights()
    return [one for one in heard if rights.sees_source_of(one.source.brand_id)]


def total(heard: Sequence[Heard], now: datetime) -> Total:
    """The sentence above all: what is missing, or up to when nothing is."""
    costs = [one.cost for one in heard if one.cost]
    spent, forecast = sum(cost.spent for cost in costs), sum(cost.forecast for cost in costs)
    light, says, then = _missing(heard, now)
    return Total(light, says, then, spent, forecast)


def _missing(heard: Sequence[Heard], now: datetime) -> tuple[Light, str, str]:
    active = [one for one in heard if one.hearing.light != "off"]
    needing = [one for one in active if one.hearing.light == "red"]
    gaps = [gap for one in heard for gap in one.open_gaps]
    need = (
        f"{len(needing):,} {'source needs' if len(needing) == 1 else 'sources need'} somebody now." if needing else ""
    )
    if gaps:
        oldest = words.at(min(gap.start for gap in gaps), now)
        are = "gaps are open, the oldest" if len(gaps) > 1 else "gap is open,"
        return "red" if needing else "amber", f"{len(gaps):,} {are} since {oldest}.", need
    if not active:
        return "off", "Nobody is listening." if heard else "Nobody is listening yet.", ""
    if needing:
        return "red", need, "No gap is open, but what is not being heard is not known to be whole."
    heard_to = [one.source.heard_to for one in active if one.source.heard_to]
    whole = f"Everything up to {words.at(min(heard_to), now)} has been heard." if len(heard_to) == len(active) else ""
    return "green", "Nothing is missing.", whole
