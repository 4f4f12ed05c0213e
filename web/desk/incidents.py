"""Incidents: which there are, one with its cases and its timeline, its holding reply, and what is learned of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Flask, Response, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import alerts, roles
from core.errors import BadInput, Forbidden, Stale
from core.tables import Case, Incident, User
from responder.checks import guard
from responder.incidents import after_action, ended_issues, holding_reply, incident_cases, incidents
from responder.incidents.holding_reply import Done
from responder.incidents.incident_moves import VERBS
from web import current
from web.desk import incident_curve
from web.desk.incident_actions import ACTIONS, Asked
from web.queries import inbox
from web.queries import incidents as read
from web.queries.incidents import Whole

pages = Blueprint("incidents", __name__, url_prefix="/incidents")

LISTS = {"open": "Open", "ended": "Ended", "dismissed": "Dismissed"}
DISMISSALS = ("not an incident", "not ours", "unrelated complaints", "spam or a campaign")
"""Why incidents are mostly dismissed; anything else can be typed."""

_FILES = {"md": "text/markdown", "csv": "text/csv"}


def init_app(app: Flask) -> None:
    """Let every page say how many incidents are open, and the page of a case which it is part of."""
    app.jinja_env.globals.update(
        incidents_open=number_open, incident_of_case=of_case_now, open_incidents_of=open_of_brand
    )


def number_open() -> tuple[int, int]:
    """How many incidents are open, and how many of them are urgent and nobody's; asked once per request."""
    if "incidents" not in g:
        db = current.reading()
        g.incidents = read.number_open(db, current.runtime().clock.now(), current.rights())
    found: tuple[int, int] = g.incidents
    return found


def of_case_now(case_id: int) -> Incident | None:
    """The incident that a case is part of, unless that was dismissed."""
    db = current.reading()
    found = incident_cases.incident_of(db, case_id)
    return found if found is not None and found.state != "dismissed" else None


def open_of_brand(brand_id: int) -> Sequence[Incident]:
    """The open incidents of a brand."""
    db = current.reading()
    return read.open_of_brand(db, brand_id)


@pages.get("/")
def every() -> ResponseReturnValue:
    """List them: those that are open, by severity and speed; or those that ended, or that were none."""
    state = request.args.get("state", "open")
    state = state if state in LISTS else "open"
    now, rights = current.runtime().clock.now(), current.rights()
    with current.runtime().db.read() as db:
        rows, counts = read.listed(db, now, rights, state), read.counts(db, rights)
        return render_template("incidents/incidents.html", rows=rows, counts=counts, lists=LISTS, state=state)


@pages.get("/<int:incident_id>")
def show(incident_id: int) -> ResponseReturnValue:
    """One incident."""
    with current.runtime().db.read() as db:
        return _page(db, incident_id)


@pages.post("/<int:incident_id>/<verb>")
def act(incident_id: int, verb: str) -> ResponseReturnValue:
    """Do one thing to it; see incident_actions.py. What was typed for something that failed stays on the page."""
    action, runtime = ACTIONS.get(verb) or abort(404), current.runtime()
    try:
        with runtime.db.write() as db:
            row = db.get(Incident, incident_id) or abort(404)
            if not current.rights().may(VERBS[verb].role, row.brand_id):
                abort(403)
            said = action(_asked(db, row))
    except (BadInput, Forbidden, Stale) as error:
        with runtime.db.read() as db:
            return _page(db, incident_id, _sentence(error), request.form), 422 if isinstance(error, BadInput) else 409
    for stage in ("alert", "incident", "issue"):
        runtime.queue.nudge(stage)
    flash(said)
    if verb == "end":
        return redirect(url_for("incidents.after", incident_id=incident_id))
    where = "incidents.holding" if verb == "set_holding" and request.form.get("holding") else "incidents.show"
    return redirect(url_for(where, incident_id=incident_id))


@pages.get("/<int:incident_id>/holding")
def holding(incident_id: int) -> ResponseReturnValue:
    """What the holding reply would say in each of the open cases."""
    return _holding(incident_id)


@pages.post("/<int:incident_id>/holding/approve")
def approve_holding(incident_id: int) -> ResponseReturnValue:
    """Approve it for the cases that were ticked, each by itself; those that could not be are listed with why."""
    runtime, user_id, done = current.runtime(), current.user_id(), list[Done]()
    for ticked in dict.fromkeys(request.form.getlist("case")[: holding_reply.SHOWN]):
        case_id = current.number({"case": ticked.partition(".")[0]}, "case")
        try:
            with runtime.db.write() as db:
                done.append(holding_reply.approve(db, runtime, incident_id, user_id, ticked))
        except (BadInput, Forbidden, Stale) as error:
            done.append(Done(case_id, "refused", str(error)))
    if not done:
        flash("Tick the cases that it should go out to.", "error")
        return redirect(url_for("incidents.holding", incident_id=incident_id))
    for stage in ("post", "incident"):
        runtime.queue.nudge(stage)
    return _holding(incident_id, done)


@pages.get("/<int:incident_id>/after")
def after(incident_id: int) -> ResponseReturnValue:
    """What is learned of it."""
    with current.runtime().db.read() as db:
        found = read.whole(db, incident_id) or abort(404)
        report = after_action.report(read.facts(db, incident_id))
        return render_template("incidents/after.html", **_about(found), report=report, length=after_action.length)


@pages.get("/<int:incident_id>/after.md")
def after_markdown(incident_id: int) -> ResponseReturnValue:
    """The same for a wiki or a ticket; it quotes no post."""
    return _file(incident_id, "md")


@pages.get("/<int:incident_id>/after.csv")
def after_csv(incident_id: int) -> ResponseReturnValue:
    """The same for a sheet."""
    return _file(incident_id, "csv")


@pages.post("/case/<int:case_id>")
def of_case(case_id: int) -> ResponseReturnValue:
    """Put what a case is about into the incident that the form names, or take it out of the one it is in."""
    wanted, runtime = current.number(request.form, "incident"), current.runtime()
    try:
        with runtime.db.write() as db:
            case = db.get_one(Case, case_id)
            row = db.get(Incident, wanted) if wanted else incident_cases.incident_of(db, case_id)
            if row is None or row.brand_id != case.brand_id:
                abort(404)
            verb = incidents.put_in if wanted else incidents.take_out
            ids = [case.mention_id] if wanted else incident_cases.members(db, row.id, case_id)
            verb(db, runtime.clock, row.id, row.version, current.user_id(), ids)
    except (BadInput, Forbidden, Stale) as error:
        flash(_sentence(error), "error")
    else:
        flash(f"Part of “{row.name}” now." if wanted else "Part of no incident any more.")
        runtime.queue.nudge("alert")
    return redirect(current.local_path(request.form.get("next"), url_for("case.show", case_id=case_id)))


def _file(incident_id: int, kind: str) -> Response:
    with current.runtime().db.read() as db:
        row = db.get(Incident, incident_id) or abort(404)
        report, zone = after_action.report(read.facts(db, incident_id)), row.brand.timezone
    text = after_action.markdown(report, zone) if kind == "md" else after_action.as_csv(report)
    answer = Response(text, content_type=f"{_FILES[kind]}; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="incident-{incident_id}.{kind}"'
    return answer


def _asked(db: Session, row: Incident) -> Asked:
    form = request.form
    ticked = [current.number({"one": one}, "one") for one in form.getlist("mention")]
    version, zone = current.number(form, "version"), row.brand.timezone
    return Asked(db, current.runtime().clock, row.id, version, current.user_id(), zone, form, ticked)


def _page(db: Session, incident_id: int, problem: str = "", typed: Mapping[str, str] | None = None) -> str:
    found = read.whole(db, incident_id) or abort(404)
    row, clock = found.row, current.runtime().clock
    able = select(User).where(roles.holds("agent", row.brand_id)).order_by(User.name)
    worse = alerts.SEVERITIES[alerts.SEVERITIES.index(row.severity) + 1 :]
    return render_template(
        "incidents/incident.html",
        **_about(found),
        cases=inbox.load(db, found.case_ids),
        problem=problem,
        values=_values(found) | dict(typed or {}),
        people=db.scalars(able).all(),
        worse=worse,
        dismissals=DISMISSALS,
        offered=holding_reply.offered(db, clock, row) if row.state == "open" else (),
        findings=guard.check(row.holding, platform="") if row.holding else (),
        coming_back=ended_issues.coming_back(db, row.known_issue) if row.known_issue else 0,
    )


def _values(found: Whole) -> dict[str, str]:
    """What stands in the fields of an incident's forms."""
    issue = found.row.known_issue
    status = issue.status if issue and issue.ended_at is None else ""
    return {"name": found.row.name, "status": status, "holding": found.row.holding, "words": ""}


def _about(found: Whole) -> dict[str, Any]:
    """What every page of one incident shows of it."""
    row = found.row
    moments = (
        ("noticed", row.noticed_at),
        ("taken", row.taken_at),
        ("first reply", found.first_reply_at),
        ("over", row.ended_at),
    )
    may = {verb for verb, kind in VERBS.items() if row.state in kind.states and _may(kind.role, row)}
    resting = read.resting(row, current.runtime().clock.now())
    return {
        "whole": found,
        "incident": row,
        "zone": row.brand.timezone,
        "can": may,
        "resting": resting,
        "curve": incident_curve.curve(found.times, moments),
    }


def _may(role: str, row: Incident) -> bool:
    return current.rights().may(role, row.brand_id)


def _holding(incident_id: int, done: Sequence[Done] = ()) -> str:
    runtime, tick = current.runtime(), request.args.get("tick", "")
    with runtime.db.read() as db:
        row = db.get(Incident, incident_id) or abort(404)
        shown, number = holding_reply.for_cases(db, runtime, row, current.user_id()) if row.holding else ([], 0)
        return render_template(
            "incidents/holding.html",
            incident=row,
            zone=row.brand.timezone,
            may=_may("agent", row),
            shown=shown if row.state == "open" else [],
            number=number,
            tick=tick,
            done=done,
            became={name: sum(one.became == name for one in done) for name in ("approved", "proposed")},
        )


def _sentence(error: Exception) -> str:
    """What went wrong as a sentence, without the name of the field."""
    name, _, why = str(error).partition(": ")
    said = why if why and name.isidentifier() and name.islower() else str(error)
    return f"{said[:1].upper()}{said[1:]}."
