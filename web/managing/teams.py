"""Teams: who shares a queue, which cases it is given, and how these find their people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core import audit
from core.roles import holds
from core.tables import Brand, Case, Team, TeamMember, User
from responder.desk import teams as rules
from responder.desk.states import OPEN_STATES
from web import current
from web.auth import needs
from web.listening import query_form
from web.managing import brand_form

pages = Blueprint("teams", __name__, url_prefix="/teams")

LONGEST_NAME = 100
RULES = {
    "hand": "People take them, by Next or from the list",
    "round_robin": "Each member in turn",
    "load": "Whoever has the fewest open ones",
}


@pages.get("/")
def every() -> ResponseReturnValue:
    """List the teams of every brand that one may see."""
    seen = current.rights().brands
    with current.runtime().db.read() as db:
        brands = db.scalars(select(Brand).where(seen(Brand.id)).order_by(Brand.name)).all()
        found = db.scalars(select(Team).where(seen(Team.brand_id)).order_by(Team.name)).all()
        names = select(TeamMember.team_id, User.name, User.away).join(User, User.id == TeamMember.user_id)
        members: dict[int, list[tuple[str, bool]]] = {team.id: [] for team in found}
        for team_id, name, away in db.execute(names.where(TeamMember.team_id.in_(members)).order_by(User.name)):
            members[team_id].append((name, away))
        waiting = select(Case.team_id, func.count()).where(Case.team_id.in_(members), Case.state.in_(OPEN_STATES))
        counts = dict(db.execute(waiting.group_by(Case.team_id)).all())
    about = {"brands": brands, "teams": found, "members": members, "counts": counts, "rules": RULES}
    return render_template("teams/teams.html", **about)


@pages.get("/new/<slug>")
@needs("admin")
def new(slug: str) -> ResponseReturnValue:
    """Ask for a new team."""
    with current.runtime().db.read() as db:
        return _page(db, brand_form.by_slug(db, slug), None, {"assign": "hand"}, set(), {})


@pages.post("/new/<slug>")
@needs("admin")
def add(slug: str) -> ResponseReturnValue:
    """Add a team; or only show which mentions its query matches."""
    with current.runtime().db.write() as db:
        brand = brand_form.by_slug(db, slug)
        return _saved(db, brand, None)


@pages.get("/<int:team_id>")
def show(team_id: int) -> ResponseReturnValue:
    """One team."""
    with current.runtime().db.read() as db:
        team = db.get_one(Team, team_id)
        members = set(db.scalars(select(TeamMember.user_id).where(TeamMember.team_id == team_id)))
        values = {"name": team.name, "text": team.query, "assign": team.assign}
        return _page(db, db.get_one(Brand, team.brand_id), team, values, members, {})


@pages.post("/<int:team_id>")
@needs("admin")
def change(team_id: int) -> ResponseReturnValue:
    """Change a team; or only show which mentions its query matches."""
    with current.runtime().db.write() as db:
        team = db.get_one(Team, team_id, with_for_update=True)
        return _saved(db, db.get_one(Brand, team.brand_id), team)


@pages.post("/<int:team_id>/remove")
@needs("admin")
def remove(team_id: int) -> ResponseReturnValue:
    """Remove a team; its cases keep their owners and stand in no queue."""
    with current.runtime().db.write() as db:
        team = db.get_one(Team, team_id)
        _record(db, "team_removed", team)
        db.delete(team)
    flash(f"{team.name} is removed. Its cases keep their owners, and stand in no team’s queue.")
    return redirect(url_for("teams.every"))


def _saved(db: Session, brand: Brand, team: Team | None) -> ResponseReturnValue:
    form = request.form
    able = {row.id for row in _people(db, brand)}
    members = {int(one) for one in form.getlist("member") if one.isdecimal() and int(one) in able}
    if "preview" in form:
        return _page(db, brand, team, form, members, {})
    name, text, assign = " ".join(form.get("name", "").split()), form.get("text", "").strip(), form.get("assign", "")
    if errors := _errors(db, brand, team, name, text, assign):
        return _page(db, brand, team, form, members, errors), 422
    if team is None:
        team = Team(brand_id=brand.id, created_at=current.runtime().clock.now())
        db.add(team)
    team.name, team.query, team.assign = name, text, assign
    db.flush()
    _keep_members(db, team, members)
    _record(db, "team", team, members=sorted(members))
    flash(f"{name} is saved.")
    return redirect(url_for("teams.every"))


def _keep_members(db: Session, team: Team, members: set[int]) -> None:
    there = set(db.scalars(select(TeamMember.user_id).where(TeamMember.team_id == team.id)))
    db.execute(delete(TeamMember).where(TeamMember.team_id == team.id, TeamMember.user_id.not_in(members)))
    db.add_all(TeamMember(team_id=team.id, user_id=one) for one in sorted(members - there))


def _record(db: Session, action: str, team: Team, **detail: object) -> None:
    about = {"team": team.id, "name": team.name, "brand": team.brand_id, "assign": team.assign} | detail
    audit.add(db, audit.Entry(current.runtime().clock.now(), action, user_id=current.user_id(), detail=about))


def _errors(db: Session, brand: Brand, team: Team | None, name: str, text: str, assign: str) -> dict[str, str]:
    errors = {}
    same = select(Team.id).where(Team.brand_id == brand.id, Team.name == name)
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        errors["name"] = f"Give the team a name of at most {LONGEST_NAME} characters."
    elif db.scalar(same) not in {None, team.id if team else None}:
        errors["name"] = "This brand has a team of that name already."
    if text and (wrong := query_form.problem(db, brand, text)):
        errors["text"] = wrong
    if assign not in rules.RULES:
        errors["assign"] = "Choose how cases find their people."
    return errors


def _people(db: Session, brand: Brand) -> Sequence[User]:
    """Who may answer for the brand, and so be in a team."""
    return db.scalars(select(User).where(holds("agent", brand.id)).order_by(User.name)).all()


def _page(
    db: Session, brand: Brand, team: Team | None, values: Mapping[str, str], members: set[int], errors: dict[str, str]
) -> str:
    about = {"brand": brand, "team": team, "values": values, "members": members, "errors": errors, "rules": RULES}
    preview = query_form.preview(db, brand, values.get("text", ""), current.rights())
    return render_template("teams/team.html", **about, people=_people(db, brand), preview=preview)
