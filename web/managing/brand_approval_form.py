"""Which replies of a brand need a second person: the form for responder/checks/second_person.py."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from core.tables import Brand
from responder.checks.second_person import KINDS, MOST_REPLIES, SEVERITIES, Rules
from web import current
from web.auth import needs
from web.managing import brand_form

pages = Blueprint("brand_approval", __name__, url_prefix="/brands")

_FROM = (("", "No severity"), ("urgent", "Urgent ones"), ("high", "High and urgent ones"), ("normal", "All"))


def init_app(app: Flask) -> None:
    """Let the brand's page say in a sentence what is set here."""
    app.add_template_global(summary, "approval_rules")


@pages.get("/<slug>/approval")
@needs("admin")
def show(slug: str) -> ResponseReturnValue:
    """What is set now."""
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        rules = Rules.of(brand.approval)
        return _page(brand, rules, str(rules.new_agent or ""), {})


@pages.post("/<slug>/approval")
@needs("admin")
def change(slug: str) -> ResponseReturnValue:
    """Change it."""
    rules, errors = _read(request.form)
    with current.runtime().db.write() as db:
        brand = brand_form.by_slug(db, slug)
        if errors:
            return _page(brand, rules, request.form.get("new_agent", ""), errors), 422
        brand.approval = rules.stored
    flash("Who approves is saved.")
    return redirect(url_for("brands.show", slug=slug))


def summary(brand: Brand) -> str:
    """What is set, in a sentence."""
    rules = Rules.of(brand.approval)
    asked = ["all"] if rules.always else []
    if rules.severity and not rules.always:
        asked.append(f"those to cases of severity {' or '.join(SEVERITIES[: SEVERITIES.index(rules.severity) + 1])}")
    asked += ["those to incidents"] if rules.incident else []
    asked += [f"the first {rules.new_agent} of an agent"] if rules.new_agent else []
    asked += [f"those that speak of {KINDS[kind]}" for kind in KINDS if kind in rules.kinds]
    if not asked:
        return "No reply needs a second person."
    own = "; nobody approves what they wrote themselves" if rules.two else ""
    return f"Replies that need a second person: {', '.join(asked)}{own}."


def _read(form: MultiDict[str, str]) -> tuple[Rules, Mapping[str, str]]:
    given, errors = form.get("new_agent", "").strip() or "0", {}
    first = int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else -1
    if not 0 <= first <= MOST_REPLIES:
        errors["new_agent"] = f"Enter a whole number up to {MOST_REPLIES:,}, or leave it empty."
    severity = form.get("severity", "")
    rules = Rules(
        always="always" in form,
        severity=severity if severity in SEVERITIES else "",
        incident="incident" in form,
        new_agent=max(0, first),
        kinds=frozenset(kind for kind in form.getlist("kinds") if kind in KINDS),
        two="two" in form,
    )
    return rules, errors


def _page(brand: Brand, rules: Rules, new_agent: str, errors: Mapping[str, str]) -> str:
    values = {"severity": rules.severity, "new_agent": new_agent}
    about = {"values": values, "errors": errors, "severities": _FROM, "kinds": KINDS}
    return render_template("brands/approval.html", brand=brand, rules=rules, **about)
