"""How right the model is for a brand: figures from a sample that people label without seeing what the model said."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.tables import Brand, Match, Mention, Sample
from sentiment import accuracy, fits, samples
from sentiment.accuracy import ENOUGH, ENOUGH_OF_ONE, THRESHOLDS, Labelled
from sentiment.labels import HEADS, worded
from web import current
from web.auth import needs
from web.desk.labels import TITLES
from web.insight import threshold

pages = Blueprint("accuracy", __name__, url_prefix="/accuracy")

_ROWS = 2_000
"""Labels that figures are made of, the newest: later fits and models count, not what was true a year ago."""
_SKIPPED = 50


@pages.get("/")
def every() -> ResponseReturnValue:
    """List the brands that can be measured; the page of the only one where there is one."""
    with current.runtime().db.read() as db:
        brands = db.scalars(select(Brand).where(current.rights().brands(Brand.id)).order_by(Brand.name)).all()
    if len(brands) == 1:
        return show(brands[0].slug)
    return render_template("accuracy/brands.html", brands=brands)


@pages.get("/<slug>")
def show(slug: str) -> ResponseReturnValue:
    """One brand's figures, as far as there are labels for them."""
    with current.runtime().db.read() as db:
        brand = _brand(db, slug)
        rows = _labelled(db, brand.id)
        about = {
            "brand": brand,
            "count": len(rows),
            "waiting": _waiting(db, brand.id),
            "a_week": samples.A_WEEK,
            "enough": ENOUGH,
            "enough_of_one": ENOUGH_OF_ONE,
            "titles": TITLES,
            "fit": fits.newest(db, brand.id),
        }
        if len(rows) < ENOUGH:
            return render_template("accuracy/accuracy.html", heads=(), **about)
        heads = [found for head in HEADS if (found := accuracy.of_head(head, rows)).right.of]
        return render_template(
            "accuracy/accuracy.html",
            heads=heads,
            platforms=accuracy.by(lambda row: row.platform, rows),
            languages=accuracy.by(lambda row: row.language, rows),
            tradeoff=_tradeoff(db, brand.id, rows),
            thresholds=THRESHOLDS,
            draw=threshold,
            **about,
        )


@pages.get("/<slug>/label")
def ask(slug: str) -> ResponseReturnValue:
    """Show one post of the sample, without what the model says of it; draw this week's sample first if need be."""
    skipped = [int(one) for one in request.args.get("skipped", "").split("-") if one.isdecimal()][-_SKIPPED:]
    with current.runtime().db.write() as db:
        brand = _brand(db, slug)
        samples.draw(db, current.runtime().clock, brand.id)
        row = samples.following(db, brand.id, skipped)
        about = {"brand": brand, "row": row, "waiting": _waiting(db, brand.id), "count": _count(db, brand.id)}
        skipping = "-".join(map(str, (*skipped, row.id))) if row else ""
        labels = {"heads": HEADS, "titles": TITLES, "skipped": "-".join(map(str, skipped)), "skipping": skipping}
        return render_template("accuracy/label.html", enough=ENOUGH, **about, **labels)


@pages.post("/<slug>/label")
@needs("manager")
def label(slug: str) -> ResponseReturnValue:
    """Keep what a person says of a post of the sample; then the next one."""
    labels = {head: request.form[head] for head in HEADS if request.form.get(head)}
    try:
        with current.runtime().db.write() as db:
            brand = _brand(db, slug)
            number = current.number(request.form, "sample")
            row = samples.label(db, current.runtime().clock, brand.id, number, labels, current.user_name())
            otherwise = {head: said for head, said in row.said.items() if labels.get(head, said) != said}
            mention_id = row.mention_id
    except BadInput as error:
        flash(str(error), "error")
        return redirect(url_for("accuracy.ask", slug=slug, skipped=request.form.get("skipped")))
    if "complaint" in otherwise or "sentiment" in otherwise:
        return redirect(url_for("accuracy.compared", slug=slug, mention=mention_id))
    flash("Kept." if otherwise else "Kept. The model says the same.")
    return redirect(url_for("accuracy.ask", slug=slug, skipped=request.form.get("skipped")))


@pages.get("/<slug>/compared")
def compared(slug: str) -> ResponseReturnValue:
    """Where the model said otherwise than a person: after the labels, what it said, and one click to correct that."""
    with current.runtime().db.read() as db:
        brand = _brand(db, slug)
        mine = select(Sample).where(Sample.brand_id == brand.id, Sample.labelled_at.is_not(None))
        row = db.scalars(mine.where(Sample.mention_id == current.number(request.args, "mention"))).one_or_none()
        labels = row.labels.items() if row else ()
        otherwise = [(head, row.said[head], one) for head, one in labels if row and row.said.get(head, one) != one]
        about = {"brand": brand, "row": row, "otherwise": otherwise, "titles": TITLES}
        return render_template("accuracy/compared.html", worded=worded, **about)


def _tradeoff(db: Session, brand_id: int, rows: list[Labelled]) -> threshold.Tradeoff | None:
    """The slider's picture; None while nobody has labelled a complaint."""
    points = accuracy.at_thresholds(rows)
    if not points[0].missed.of:
        return None
    since = current.runtime().clock.now() - samples.WITHIN
    heard = select(func.count()).select_from(Match).join(Mention, Mention.id == Match.mention_id)
    weekly = db.scalar(heard.where(Match.brand_id == brand_id, Mention.heard_at > since)) or 0
    return threshold.tradeoff(points, threshold.asked(request.args.get("threshold", "")), weekly)


def _labelled(db: Session, brand_id: int) -> list[Labelled]:
    mine = select(Sample).where(Sample.brand_id == brand_id, Sample.labelled_at.is_not(None))
    rows = db.scalars(mine.order_by(Sample.id.desc()).limit(_ROWS))
    return [Labelled(row.said, row.labels, row.platform, row.language, row.complaint_score) for row in rows]


def _count(db: Session, brand_id: int) -> int:
    mine = select(func.count()).select_from(Sample).where(Sample.brand_id == brand_id)
    return db.scalar(mine.where(Sample.labelled_at.is_not(None))) or 0


def _waiting(db: Session, brand_id: int) -> int:
    mine = select(func.count()).select_from(Sample).where(Sample.brand_id == brand_id)
    return db.scalar(mine.where(Sample.labelled_at.is_(None))) or 0


def _brand(db: Session, slug: str) -> Brand:
    return db.scalars(select(Brand).where(Brand.slug == slug)).one_or_none() or abort(404)
