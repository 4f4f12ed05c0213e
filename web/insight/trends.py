"""Trends: what is said of a brand, how it is answered, and what changed, over any period; every point leads on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Flask, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.tables import Brand
from responder.alerts import chart as drawn
from responder.timing import care_days
from web import current
from web.insight import charts, period
from web.insight.figures import ENOUGH, Mover
from web.insight.headline import Figure, figures, heard
from web.insight.looked import MOVING_DAYS, Looked
from web.insight.period import Period
from web.insight.trend_charts import CHARTS, names
from web.queries import care as cases_of
from web.queries import trend_rows
from web.queries import trends as read

pages = Blueprint("trends", __name__, url_prefix="/trends")

_CHOICES = ("period", "from", "to", "by", "against", "only")
_SIDE_BY_SIDE = 28
"""Days that the brands are shown side by side for."""
_MOST_MOVERS = 10
_LAST_PAGE = 200
_HOUR = "%Y-%m-%dT%H"


def init_app(app: Flask) -> None:
    """Let templates draw charts and say what is in them."""
    app.jinja_env.filters["chart_data"] = charts.data
    app.jinja_env.globals["picture"] = _picture


def _picture(chart: charts.Chart) -> Markup:
    """A chart as SVG; every text in it is escaped by who draws it."""
    return Markup(drawn.svg(charts.drawing(chart)))  # noqa: S704


@pages.get("/")
def every() -> ResponseReturnValue:
    """All brands that one may see, side by side; the only one at once."""
    now = current.runtime().clock.now()
    with current.runtime().db.read() as db:
        mine = select(Brand).where(current.rights().brands(Brand.id)).order_by(Brand.competitor, Brand.name)
        brands = db.scalars(mine).all()
        rows = [_side(db, one, now) for one in brands] if len(brands) > 1 else []
    if len(brands) == 1:
        return show(brands[0].slug)
    return render_template("trends/brands.html", rows=rows, days=_SIDE_BY_SIDE)


def _side(db: Session, brand: Brand, now: datetime) -> tuple[Brand, list[Figure], str]:
    """A brand, its figures, and its mentions as points of a small curve."""
    looked = Looked(db, brand, period.chosen({}, brand.timezone, now), read.ALL, "", now, {}, current.rights())
    counts = [one.mentions for one in looked.counts]
    most = max(1, *counts)
    points = (
        f"{place * 100 / max(1, len(counts) - 1):.1f},{29 - 28 * one / most:.1f}" for place, one in enumerate(counts)
    )
    return brand, heard(looked), " ".join(points)


@pages.get("/<slug>")
def show(slug: str) -> ResponseReturnValue:
    """One brand's trends."""
    wrong = ""
    with current.runtime().db.read() as db:
        brand = _brand(db, slug)
        try:
            looked = _looked(db, brand, request.args)
        except BadInput as error:
            looked, wrong = _looked(db, brand, {}), str(error)
        about = _about(db, looked)
        page = render_template("trends/trends.html", looked=looked, brand=brand, wrong=wrong, **about)
    current.runtime().queue.nudge(care_days.STAGE)
    return page, 422 if wrong else 200


@pages.get("/<slug>/moving")
def moving(slug: str) -> ResponseReturnValue:
    """Topics and words that rise or fall; the page of trends fetches them when it stands."""
    with current.runtime().db.read() as db:
        looked = _asked(db, slug)
        found = {"topics": looked.topics, "words": looked.words}
        rising = {name: [one for one in some if one.surely > 0][:_MOST_MOVERS] for name, some in found.items()}
        falling = {
            name: [one for one in reversed(some) if one.surely < 0][:_MOST_MOVERS] for name, some in found.items()
        }
        about = {"rising": rising, "falling": falling, "topics": read.topics(db, looked.brand.id)}
        template = "trends/_moving.html" if current.wants_fragment() else "trends/moving.html"
        return render_template(template, looked=looked, brand=looked.brand, chosen=looked.chosen, **about)


@pages.get("/<slug>/<chart>.csv")
def download(slug: str, chart: str) -> ResponseReturnValue:
    """A chart or table as CSV."""
    with current.runtime().db.read() as db:
        looked = _asked(db, slug)
        if chart in CHARTS:
            text = charts.as_csv(CHARTS[chart](looked))
        elif chart in _TABLES:
            text = charts.table(*_TABLES[chart](looked))
        else:
            abort(404)
    return _file(text.encode("utf-8"), "text/csv; charset=utf-8", f"{_filename(looked, chart)}.csv")


@pages.get("/<slug>/<chart>.png")
def draw(slug: str, chart: str) -> ResponseReturnValue:
    """A chart as a picture."""
    with current.runtime().db.read() as db:
        looked = _asked(db, slug)
        one = CHARTS[chart](looked) if chart in CHARTS else abort(404)
    titled = drawn.png(charts.drawing(one))
    return _file(titled, "image/png", f"{_filename(looked, chart)}.png")


@pages.get("/<slug>/mentions")
def mentions(slug: str) -> ResponseReturnValue:
    """The mentions behind a point."""
    args, page = request.args, min(current.number(request.args, "page"), _LAST_PAGE)
    with current.runtime().db.read() as db:
        brand = _brand(db, slug)
        start, end = _span(brand, args)
        dimension, value = _only(args) or read.ALL
        sentiment = args.get("sentiment", "")
        point = trend_rows.Point(
            brand.id,
            start,
            end,
            dimension,
            value,
            sentiment if sentiment in trend_rows.SENTIMENTS else "",
            args.get("complaint") == "yes",
            args.get("word", "")[:100],
        )
        found = trend_rows.behind(db, point, page)
        about = {"brand": brand, "point": point, "found": found, "page": page, "args": args.to_dict()}
        about["only_name"] = read.topics(db, brand.id).get(value, value) if dimension == "topic" else value
    return render_template("trends/mentions.html", **about)


@pages.get("/<slug>/cases")
def cases(slug: str) -> ResponseReturnValue:
    """The cases behind a figure."""
    args, page = request.args, min(current.number(request.args, "page"), _LAST_PAGE)
    with current.runtime().db.read() as db:
        brand = _brand(db, slug)
        narrowed = (args.get(name, "") for name in ("kind", "platform", "audience", "outcome"))
        wanted = trend_rows.Opened(brand.id, *_span(brand, args), *narrowed)
        found = trend_rows.opened(db, wanted, page)
        about = {"brand": brand, "wanted": wanted, "found": found, "page": page, "args": args.to_dict()}
    return render_template("trends/cases.html", audiences=cases_of.AUDIENCE_NAMES, **about)


def _about(db: Session, looked: Looked) -> dict[str, Any]:
    """What the template of a brand's trends needs beside it."""
    return {
        "figures": figures(looked),
        "charts": [CHARTS[name](looked) for name in names(looked)],
        "options": _options(db, looked),
        "audiences": cases_of.AUDIENCE_NAMES,
        "brands": db.scalars(select(Brand).where(current.rights().brands(Brand.id)).order_by(Brand.name)).all(),
        "few": ENOUGH,
        "may_be_hourly": period.may_be_hourly(looked.period),
    }


def _options(db: Session, looked: Looked) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the page can be narrowed to: by dimension, values that were there lately."""
    lately = looked.period.tail(MOVING_DAYS)
    named = read.topics(db, looked.brand.id)
    groups = [("Topic", [(f"topic:{topic_id}", name) for topic_id, name in named.items()])]
    dimensions = ("platform", "language", "intent")
    for dimension, found in read.by_values(db, looked.brand.id, dimensions, lately).items():
        values = sorted((value for value in found if value), key=lambda value: -found[value])
        chosen = looked.only[1]
        if looked.only[0] == dimension and chosen not in values:
            values.append(chosen)
        groups.append((dimension.capitalize(), [(f"{dimension}:{value}", value) for value in values]))
    return [(title, values) for title, values in groups if values]


def _brand(db: Session, slug: str) -> Brand:
    return db.scalar(select(Brand).where(Brand.slug == slug)) or abort(404)


def _asked(db: Session, slug: str) -> Looked:
    try:
        return _looked(db, _brand(db, slug), request.args)
    except BadInput as error:
        abort(400, str(error))


def _looked(db: Session, brand: Brand, args: Mapping[str, str]) -> Looked:
    now = current.runtime().clock.now()
    chosen = {name: args[name] for name in _CHOICES if args.get(name)}
    only = _only(args)
    if only is None:
        chosen.pop("only", None)
    against = "year" if args.get("against") == "year" else ""
    return Looked(
        db, brand, period.chosen(args, brand.timezone, now), only or read.ALL, against, now, chosen, current.rights()
    )


def _only(args: Mapping[str, str]) -> tuple[str, str] | None:
    """What an address narrows to: "platform:bluesky"."""
    dimension, _, value = args.get("only", "").partition(":")
    return (dimension, value[:100]) if dimension in read.FILTERS and value else None


def _span(brand: Brand, args: Mapping[str, str]) -> tuple[datetime, datetime]:
    """From and to of a list, as hours (UTC); the last 28 days where the address says nothing."""
    if "from" not in args and "to" not in args:
        lately = period.chosen({}, brand.timezone, current.runtime().clock.now())
        return lately.start, lately.end
    try:
        start, end = (datetime.strptime(args.get(one, ""), _HOUR).replace(tzinfo=UTC) for one in ("from", "to"))
    except ValueError:
        abort(400, "The address says no span of time.")
    return start, end


def _movers_table(found: list[Mover], named: Mapping[str, str]) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = [
        [named.get(one.name, one.name), one.now, one.before, round(one.times, 3), round(one.surely, 2)] for one in found
    ]
    return ["name", "mentions", "mentions before", "times as often", "standard errors"], rows


def _answers_table(looked: Looked) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = [["platform", name, share.hits, share.of] for name, share in looked.by_platform.items()]
    rows += [["followers", cases_of.AUDIENCE_NAMES[name], one.hits, one.of] for name, one in looked.by_audience.items()]
    return ["by", "of", "complaints answered", "complaints"], rows


def _voices_table(looked: Looked) -> tuple[list[str], list[list[object]]]:
    rows: list[list[object]] = [
        [brand.name, now.mentions, now.negative, now.positive, before.mentions if before else None]
        for brand, now, before in looked.voices
    ]
    return ["brand", "mentions", "negative", "positive", "mentions before"], rows


_TABLES = {
    "topics": lambda looked: _movers_table(looked.topics, read.topics(looked.db, looked.brand.id)),
    "words": lambda looked: _movers_table(looked.words, {}),
    "answered": _answers_table,
    "voices": _voices_table,
}


def _filename(looked: Looked, chart: str) -> str:
    span: Period = looked.period
    return f"{looked.brand.slug}-{chart}-{span.first}-to-{span.last}"


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
