"""Known issues: what is wrong and known, its status for drafts to quote, and the cases that are about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.tables import Brand, Case, KnownIssue
from listener.query import QuerySyntaxError
from responder.incidents import known_issues
from web import current
from web.desk import posts
from web.managing import brand_form
from web.queries import inbox

pages = Blueprint("known_issues", __name__, url_prefix="/known-issues")

_SHOWN = 100


def init_app(app: Flask) -> None:
    """Let the page of a case offer the issues that it may be about."""
    app.jinja_env.globals["issues_going_on"] = going_on


def going_on(brand_id: int) -> Sequence[KnownIssue]:
    """The issues of a brand that have not ended."""
    db = current.reading()
    return known_issues.going_on(db, brand_id)


@pages.get("/")
def every() -> ResponseReturnValue:
    """List all issues: those that go on first, then those that ended, the newest first."""
    rights = current.rights()
    linked = select(func.count()).where(Case.known_issue_id == KnownIssue.id).scalar_subquery()
    query = select(KnownIssue, Brand.name, linked).join(Brand, Brand.id == KnownIssue.brand_id)
    query = query.where(rights.brands(KnownIssue.brand_id))
    with current.runtime().db.read() as db:
        ended_last = query.order_by(KnownIssue.ended_at.is_not(None), KnownIssue.id.desc()).limit(_SHOWN)
        brands = db.scalars(select(Brand).where(rights.brands(Brand.id, "agent")).order_by(Brand.name)).all()
        return render_template("known_issues/issues.html", issues=db.execute(ended_last).all(), brands=brands)


@pages.get("/of/<slug>/new")
def new(slug: str) -> ResponseReturnValue:
    """Ask for a new issue."""
    with current.runtime().db.read() as db:
        return _form(db, brand_form.by_slug(db, slug), None, {}, {})


@pages.post("/of/<slug>/new")
def add(slug: str) -> ResponseReturnValue:
    """Add an issue."""
    try:
        with current.runtime().db.write() as db:
            issue = _save(db, brand_form.by_slug(db, slug), None)
    except BadInput as error:
        with current.runtime().db.read() as db:
            return _form(db, brand_form.by_slug(db, slug), None, request.form, _errors(error)), 422
    flash(f"{issue.name} is known. Link the cases that are about it.")
    return redirect(url_for("known_issues.show", issue_id=issue.id))


@pages.get("/<int:issue_id>")
def show(issue_id: int) -> ResponseReturnValue:
    """One issue with its status and its cases."""
    with current.runtime().db.read() as db:
        issue = db.get(KnownIssue, issue_id) or abort(404)
        values = {"name": issue.name, "status": issue.status, "url": issue.url or ""}
        return _form(db, db.get_one(Brand, issue.brand_id), issue, values, {})


@pages.post("/<int:issue_id>")
def change(issue_id: int) -> ResponseReturnValue:
    """Change its name or status; drafts that quote it read so from now on."""
    try:
        with current.runtime().db.write() as db:
            issue = db.get(KnownIssue, issue_id) or abort(404)
            _save(db, db.get_one(Brand, issue.brand_id), issue)
    except BadInput as error:
        with current.runtime().db.read() as db:
            row = db.get(KnownIssue, issue_id) or abort(404)
            return _form(db, db.get_one(Brand, row.brand_id), row, request.form, _errors(error)), 422
    flash("Saved. Drafts of the linked cases quote it so.")
    return redirect(url_for("known_issues.show", issue_id=issue_id))


@pages.post("/<int:issue_id>/end")
def end(issue_id: int) -> ResponseReturnValue:
    """Say that it is over; its open cases come back."""
    with current.runtime().db.write() as db:
        issue = db.get(KnownIssue, issue_id) or abort(404)
        try:
            count = known_issues.end(db, current.runtime().clock, issue, current.user_id())
        except BadInput:
            abort(409)
    current.runtime().queue.nudge(known_issues.ISSUES)
    flash(f"Ended. {_cases(count)} {'came' if count <= known_issues.AT_ONCE else 'come'} back to the inbox.")
    return redirect(url_for("known_issues.show", issue_id=issue_id))


@pages.post("/<int:issue_id>/link")
def link(issue_id: int) -> ResponseReturnValue:
    """Link open cases: those a query finds, or whose posts are nearly the same as one that is linked."""
    text = request.form.get("query", "").strip()
    with current.runtime().db.write() as db:
        issue = db.get(KnownIssue, issue_id) or abort(404)
        try:
            found = known_issues.matching(db, issue, text) if text else known_issues.alike(db, issue)
        except QuerySyntaxError as error:
            values = {"name": issue.name, "status": issue.status, "url": issue.url or "", "query": text}
            return _form(db, db.get_one(Brand, issue.brand_id), issue, values, {"query": error.message}), 422
        count = known_issues.link(db, current.runtime().clock, issue, found, current.user_id())
    flash(f"{_cases(count)} linked." if count else "No other open case fits.")
    return redirect(url_for("known_issues.show", issue_id=issue_id))


@pages.post("/case/<int:case_id>")
def of_case(case_id: int) -> ResponseReturnValue:
    """Link one case to the issue that the form names, or to none."""
    issue_id = current.number(request.form, "issue")
    with current.runtime().db.write() as db:
        issue = db.get(KnownIssue, issue_id) if issue_id else None
        if issue is None:
            known_issues.unlink(db, current.runtime().clock, case_id, current.user_id())
        elif issue.brand_id != db.get_one(Case, case_id).brand_id:
            abort(404)
        else:
            known_issues.link(db, current.runtime().clock, issue, [case_id], current.user_id())
    flash(f"Linked to {issue.name}." if issue else "Linked to no known issue any more.")
    return redirect(current.local_path(request.form.get("next"), url_for("case.show", case_id=case_id)))


def _save(db: Session, brand: Brand, issue: KnownIssue | None) -> KnownIssue:
    given, url = request.form, request.form.get("url", "").strip()
    if url and not posts.web_address(url):
        raise BadInput("url: enter an address that begins with https:// or http://")
    clock = current.runtime().clock
    return known_issues.save(db, clock, brand.id, given.get("name", ""), given.get("status", ""), url or None, issue)


def _errors(error: BadInput) -> dict[str, str]:
    name, _, why = str(error).partition(": ")
    return {name: f"{why[:1].upper()}{why[1:]}."}


def _cases(count: int) -> str:
    return f"{count} {'case' if count == 1 else 'cases'}"


def _form(
    db: Session, brand: Brand, issue: KnownIssue | None, values: Mapping[str, str], errors: dict[str, str]
) -> str:
    linked = select(Case.id).where(Case.known_issue_id == (issue.id if issue else 0)).order_by(Case.id.desc())
    about = {
        "rows": inbox.load(db, db.scalars(linked.limit(_SHOWN)).all()),
        "alike": len(known_issues.alike(db, issue)) if issue else 0,
        "findings": known_issues.check(values.get("status", "")) if values.get("status") else (),
    }
    return render_template("known_issues/issue.html", brand=brand, issue=issue, values=values, errors=errors, **about)
