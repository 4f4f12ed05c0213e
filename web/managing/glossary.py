"""What phrases mean for a brand: rules, each previewed on what was heard before it is saved.

A rule is saved only as it was previewed: change the phrase and there is another preview first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.errors import BadInput
from core.tables import Brand, GlossaryRule, Match, Mention
from sentiment import glossary
from sentiment.glossary import Rule, checked
from sentiment.labels import HEADS, worded
from web import current
from web.auth import needs

pages = Blueprint("glossary", __name__, url_prefix="/brands/<slug>/glossary")


@pages.get("/")
def rules(slug: str) -> ResponseReturnValue:
    """All rules of a brand, and the form for another one."""
    with current.runtime().db.read() as db:
        return _page(db, _brand(db, slug), request.args)


@pages.post("/")
@needs("approver")
def save(slug: str) -> ResponseReturnValue:
    """Preview a rule; or save one that was previewed just so."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        brand = _brand(db, slug)
        try:
            rule = _rule(request.form)
        except BadInput as error:
            return _page(db, brand, request.form, {"phrase": str(error)}), 422
        if request.form.get("seen") != _mark(rule):
            return _page(db, brand, request.form, rule=rule)
        glossary.add(db, runtime.clock, brand.id, rule, current.user_name())
        detail = {"brand": brand.id, "head": rule.head, "label": rule.label}
        audit.add(db, audit.Entry(runtime.clock.now(), "added_rule", user_id=current.user_id(), detail=detail))
    runtime.queue.nudge("glossary")
    flash(f"“{rule.phrase}” is {worded(rule.head, rule.label)} from now on; what was heard before is judged again.")
    return redirect(url_for("glossary.rules", slug=slug))


@pages.post("/remove")
@needs("approver")
def remove(slug: str) -> ResponseReturnValue:
    """Take a rule back."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        brand = _brand(db, slug)
        row = db.get(GlossaryRule, current.number(request.form, "rule"))
        if row is None or row.brand_id != brand.id:
            abort(404)
        phrase = row.phrase
        glossary.remove(db, runtime.clock, row)
        detail = {"brand": brand.id, "head": row.head, "label": row.label}
        audit.add(db, audit.Entry(runtime.clock.now(), "removed_rule", user_id=current.user_id(), detail=detail))
    runtime.queue.nudge("glossary")
    flash(f"“{phrase}” has no meaning of its own any more; what it had changed is judged again.")
    return redirect(url_for("glossary.rules", slug=slug))


def _page(
    db: Session,
    brand: Brand,
    values: Mapping[str, str],
    errors: Mapping[str, str] | None = None,
    rule: Rule | None = None,
) -> str:
    rows = select(GlossaryRule).where(GlossaryRule.brand_id == brand.id).order_by(GlossaryRule.phrase, GlossaryRule.id)
    about: dict[str, Any] = {
        "brand": brand,
        "rows": db.scalars(rows).all(),
        "values": values,
        "errors": errors or {},
        "meanings": [(f"{head}:{label}", worded(head, label)) for head, labels in HEADS.items() for label in labels],
        "about": _mention(db, brand, current.number(values, "mention")),
        "preview": glossary.preview(db, brand.id, rule) if rule else None,
        "rule": rule,
        "seen": _mark(rule) if rule else "",
    }
    return render_template("glossary/rules.html", worded=worded, **about)


def _mention(db: Session, brand: Brand, mention_id: int) -> Mention | None:
    """The mention for which somebody came here, to choose the phrase from."""
    mine = select(Mention).join(Match, Match.mention_id == Mention.id).where(Match.brand_id == brand.id)
    return db.scalars(mine.where(Mention.id == mention_id, Mention.deleted_at.is_(None))).one_or_none()


def _rule(form: Mapping[str, str]) -> Rule:
    head, _, label = form.get("means", "").partition(":")
    return checked(form.get("phrase", ""), head, label)


def _mark(rule: Rule) -> str:
    """What a form says of the rule whose preview its reader has seen."""
    return f"{rule.head}:{rule.label}:{rule.phrase}"


def _brand(db: Session, slug: str) -> Brand:
    return db.scalars(select(Brand).where(Brand.slug == slug)).one_or_none() or abort(404)
