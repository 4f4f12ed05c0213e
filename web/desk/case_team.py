"""Handing a case over to a person or a team, and being given the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from core.errors import BadInput, Forbidden, Stale
from core.tables import Case, Team
from responder.desk import handing_out, teams
from responder.desk.states import OPEN_STATES
from web import current
from web.auth import needs
from web.desk import inbox

pages = Blueprint("case_team", __name__)

_HANDED_ON = "what they had not touched was handed on"


@dataclass(frozen=True, slots=True)
class Hands:
    """Whose queue a case stands in, and to whom it could be handed (id, name, away)."""

    team: Team | None
    people: Sequence[tuple[int, str, bool]]
    teams: Sequence[Team]
    open: bool


@pages.post("/next")
def take_next() -> ResponseReturnValue:
    """Be given the most pressing case that one may work on, and open it."""
    with current.runtime().db.write() as db:
        found = handing_out.next_case(db, current.runtime().clock, current.user_id(), current.rights())
    if found is None:
        flash("Nothing waits that is yours to take.")
        return redirect(url_for("inbox.cases"))
    return redirect(url_for("case.show", case_id=found))


@pages.post("/cases/<int:case_id>/hand-over")
def hand_over(case_id: int) -> ResponseReturnValue:
    """Give the case to somebody else, with a reason."""
    kind, _, number = request.form.get("to", "").partition("-")
    chosen = current.number({"to": number}, "to")
    to = {"user": "to_user", "team": "to_team"}.get(kind)
    version, why = current.number(request.form, "version"), request.form.get("why", "")
    try:
        with current.runtime().db.write() as db:
            about = {to: chosen} if to and chosen else {}
            teams.hand_over(db, current.runtime().clock, case_id, version, current.user_id(), why, **about)
    except (BadInput, Forbidden, Stale) as error:
        flash(f"{error}", "error")
        return redirect(_here(case_id))
    flash("Handed over.")
    return redirect(_here(case_id))


@pages.post("/people/<int:user_id>/hand-on")
@needs("admin", everywhere=True)
def hand_on(user_id: int) -> ResponseReturnValue:
    """Let a person's teams give what they have not touched to others."""
    with current.runtime().db.write() as db:
        count = teams.assign_again(
            db, current.runtime().clock, user_id, current.user_id(), "their cases were handed on"
        )
    flash(f"{count} {'case was' if count == 1 else 'cases were'} handed on.")
    return redirect(url_for("people.person", user_id=user_id))


def _here(case_id: int) -> str:
    return url_for("case.show", case_id=case_id, **inbox.chosen(request.args))


@pages.app_template_global("hands_of")
def hands_of(row: Case) -> Hands:
    """What the page of a case says about whose it is."""
    db = current.reading()
    team = db.get(Team, row.team_id) if row.team_id else None
    people, own = teams.people_for(db, row.brand_id), teams.teams_of(db, row.brand_id)
    return Hands(team, people, own, row.state in OPEN_STATES)
