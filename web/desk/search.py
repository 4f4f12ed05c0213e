"""Search over everything that one may see, by words and "phrases"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from core.tables import Brand
from web import current, words
from web.queries import facets, search

pages = Blueprint("search", __name__)


@pages.get("/search")
def show() -> ResponseReturnValue:
    """What was found, by kind, newest first."""
    args = request.args
    typed = (args.get("q") or args.get("text", ""))[: search.LONGEST]
    asked = search.Asked(
        current.rights(),
        search.terms_of(typed),
        args.get("brand", ""),
        args.get("platform", ""),
        args.get("state", "") if args.get("state", "") in words.STATES else "",
        _day(args, "since"),
        _day(args, "until", following=True),
    )
    with current.runtime().db.read() as db:
        found = search.search(db, asked)
        brands = db.scalars(select(Brand).where(current.rights().brands(Brand.id)).order_by(Brand.name)).all()
        about = {"found": found, "brands": brands, "platforms": facets.platforms(db), "states": words.STATES}
    return render_template("search/search.html", asked=asked, typed=typed, args=args, **about)


def _day(args: Mapping[str, str], name: str, *, following: bool = False) -> datetime | None:
    """The begin of a day (UTC), or of the following one."""
    try:
        day = datetime.fromisoformat(args.get(name, "")[:10]).replace(tzinfo=UTC)
        return day + timedelta(days=following)
    except (ValueError, OverflowError):
        return None
