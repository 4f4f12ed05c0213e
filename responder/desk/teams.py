"""Whose a case is: the team that its mention is given to, and by the team's rule one of its people.

A case goes to the first team of its brand whose query its mention matches, else to the first that has none. There a
person takes it (hand), or it is given to who was given one longest ago (round_robin) or has the fewest open ones
(load): of the members who are not away, may come in, and may answer for the brand.

A team's row is locked while it gives cases away, so that two batches do not count the same people twice; on SQLite
there is one writer anyway. Assigning is a conditional update: who took the case meanwhile keeps it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session, joinedload

from core import audit
from core.clock import Clock
from core.errors import BadInput, Forbidden, Stale
from core.roles import holds
from core.tables import Brand, Case, CaseMention, Mention, Team, TeamMember, User
from listener.matching import lists_of, stored_post
from listener.query import Query, QuerySyntaxError, matches, parse
from responder.desk.holding import LONGEST_WHY
from responder.desk.notifications import tell
from responder.desk.states import NOBODY, OPEN_STATES, free_for, name_of

log = logging.getLogger(__name__)

RULES = ("hand", "round_robin", "load")
UNTOUCHED = ("new", "snoozed")
"""States of a case that its owner has done nothing to so far."""
_TICK = timedelta(microseconds=1)
_AT_ONCE = 500


@dataclass(slots=True)
class _Giving:
    """A team while it gives cases away: (when last given one, or how many are open; id) of each who may get one."""

    team: Team
    query: Query | None
    turns: list[tuple[Any, int]] = field(default_factory=list)

    def next(self, now: datetime) -> int | None:
        """Whose turn it is."""
        if not self.turns:
            return None
        key, user_id = min(self.turns)
        after = key + 1 if self.team.assign == "load" else max(now, max(turn for turn, _ in self.turns) + _TICK)
        self.turns[self.turns.index((key, user_id))] = (after, user_id)
        return user_id


def assign(db: Session, clock: Clock, mention_ids: Sequence[int]) -> int:
    """Give the open cases of these mentions that are nobody's to teams and people; gives how many found a person."""
    ids = select(CaseMention.case_id).where(CaseMention.mention_id.in_(mention_ids))
    return assign_cases(db, clock, Case.id.in_(ids))


def assign_again(db: Session, clock: Clock, user_id: int, asked_by: int, why: str) -> int:
    """Hand on what a person has not touched: back to its team, which gives it to somebody else; gives how many."""
    now = clock.now()
    mine = update(Case).where(Case.owner_id == user_id, Case.state.in_(UNTOUCHED), free_for(None, now))
    freed = mine.values(owner_id=None, claimed_at=None, version=Case.version + 1)
    ids = list(db.scalars(freed.returning(Case.id).execution_options(synchronize_session=False)))
    detail = {"why": why[:LONGEST_WHY]}
    audit.add(db, *(audit.Entry(now, "hand_on", case_id, asked_by, detail) for case_id in ids))
    for start in range(0, len(ids), _AT_ONCE):
        assign_cases(db, clock, Case.id.in_(ids[start : start + _AT_ONCE]))
    return len(ids)


def assign_cases(db: Session, clock: Clock, which: ColumnElement[bool]) -> int:
    """Give the open cases that `which` says and that are nobody's to teams and people; gives how many found one."""
    rows = db.execute(
        select(Case.id, Case.brand_id, Case.team_id, Case.mention_id)
        .where(which, Case.owner_id.is_(None), Case.state.in_(OPEN_STATES))
        .order_by(Case.priority.desc(), Case.id)
    ).all()
    if not rows:
        return 0
    giving = _giving(db, {row.brand_id for row in rows})
    if not giving:
        return 0
    posts = _posts(db, [row.mention_id for row in rows if row.team_id is None], giving)
    given = 0
    for row in rows:
        one = (
            _team_for(giving[row.brand_id], row.team_id, posts.get(row.mention_id)) if row.brand_id in giving else None
        )
        if one is not None:
            given += _give(db, clock, row.id, row.team_id, one)
    for one in (each for teams in giving.values() for each in teams if each.team.assign == "round_robin"):
        for moment, user_id in one.turns:
            member = update(TeamMember).where(TeamMember.team_id == one.team.id, TeamMember.user_id == user_id)
            db.execute(member.values(given_at=moment).execution_options(synchronize_session=False))
    return given


def _give(db: Session, clock: Clock, case_id: int, team_id: int | None, one: _Giving) -> bool:
    """Whether somebody got the case; it stands in the team's queue in any case."""
    now, owner = clock.now(), one.next(clock.now())
    if owner is None and team_id == one.team.id:
        return False
    values = {"team_id": one.team.id, "owner_id": owner, "claimed_at": now if owner else None}
    free = update(Case).where(Case.id == case_id, Case.owner_id.is_(None), Case.state.in_(OPEN_STATES))
    done = free.values(**values, version=Case.version + 1).returning(Case.version)
    version = db.execute(done.execution_options(synchronize_session=False)).scalar_one_or_none()
    if version is None:
        return False
    audit.add(db, audit.Entry(now, "assign", case_id, detail={"team": one.team.id, "to": owner}))
    if owner is not None:
        tell(db, clock, [owner], case_id, "assigned", f"{one.team.name} gave you this case", key=version)
    return owner is not None


def _giving(db: Session, brand_ids: set[int]) -> dict[int, list[_Giving]]:
    """The teams of these brands, those with a query first, with whose turn it is; their rows stay locked."""
    teams = db.scalars(select(Team).where(Team.brand_id.in_(brand_ids)).order_by(Team.id).with_for_update()).all()
    found: dict[int, list[_Giving]] = {}
    for team in sorted(teams, key=lambda team: (not team.query, team.id)):
        try:
            query = parse(team.query, lists_of(db, team.brand_id)) if team.query else None
        except QuerySyntaxError as error:
            log.error("team %d is given nothing until its query is mended: %s", team.id, error)  # noqa: TRY400 - no news in a traceback
            continue
        turns = _turns(db, team) if team.assign != "hand" else []
        found.setdefault(team.brand_id, []).append(_Giving(team, query, turns))
    return found


def _turns(db: Session, team: Team) -> list[tuple[Any, int]]:
    able = able_members(team)
    if team.assign == "load":
        has = select(func.count()).where(Case.owner_id == User.id, Case.state.in_(OPEN_STATES)).scalar_subquery()
        return [(count, user_id) for user_id, count in db.execute(select(User.id, has).where(able))]
    since = select(User.id, TeamMember.given_at).join(TeamMember, TeamMember.user_id == User.id)
    rows = db.execute(since.where(able, TeamMember.team_id == team.id))
    return [(given_at or team.created_at, user_id) for user_id, given_at in rows]


def able_members(team: Team) -> ColumnElement[bool]:
    """The condition on users that this team may give them a case."""
    members = select(TeamMember.user_id).where(TeamMember.team_id == team.id)
    return User.id.in_(members) & ~User.away & holds("agent", team.brand_id)


def _posts(db: Session, mention_ids: Sequence[int], giving: dict[int, list[_Giving]]) -> dict[int, Any]:
    """What queries read of these mentions; nothing where no team has a query."""
    if not any(one.query for teams in giving.values() for one in teams):
        return {}
    whole = select(Mention).options(joinedload(Mention.author), joinedload(Mention.source))
    return {row.id: stored_post(row) for row in db.scalars(whole.where(Mention.id.in_(mention_ids)))}


def _team_for(teams: Sequence[_Giving], team_id: int | None, post: Any) -> _Giving | None:
    if team_id is not None:
        return next((one for one in teams if one.team.id == team_id), None)
    fits = (one for one in teams if one.query is None or (post is not None and matches(one.query, post)))
    return next(fits, None)


def hand_over(
    db: Session,
    clock: Clock,
    case_id: int,
    version: int,
    user_id: int,
    why: str,
    *,
    to_user: int | None = None,
    to_team: int | None = None,
) -> Case:
    """Give a case to a person, or back to a team's queue, with a reason; who gets it is told."""
    why = why.strip()[:LONGEST_WHY]
    if not why:
        raise BadInput("Say why you hand it over: whoever gets it reads that.")
    row = db.get(Case, case_id, populate_existing=True)
    if row is None:
        raise Forbidden("this case is no longer there")
    team_id = _team_of_brand(db, row.brand_id, to_team) if to_team else row.team_id
    if to_user is not None and not db.scalar(select(User.id).where(User.id == to_user, holds("agent", row.brand_id))):
        raise BadInput("They may not answer for this brand. Choose somebody else.")
    if to_user is None and to_team is None:
        raise BadInput("Choose to whom.")
    now = clock.now()
    mine = free_for(user_id, now)
    wanted = update(Case).where(Case.id == case_id, Case.version == version, Case.state.in_(OPEN_STATES), mine)
    values = {"owner_id": to_user, "claimed_at": now if to_user else None, "team_id": team_id, **NOBODY}
    changed = wanted.values(**values, version=version + 1, changed_at=now).returning(Case.id)
    if db.execute(changed.execution_options(synchronize_session=False)).scalar_one_or_none() is None:
        raise Stale("this case has changed, or somebody is answering it. Look again before you hand it over")
    detail = {"to": to_user, "team": team_id, "why": why}
    audit.add(db, audit.Entry(now, "hand_over", case_id, user_id, detail))
    if to_user is not None and to_user != user_id:
        tell(
            db,
            clock,
            [to_user],
            case_id,
            "assigned",
            f"{name_of(db, user_id)} handed this to you: {why}",
            key=version + 1,
        )
    return db.get_one(Case, case_id, populate_existing=True)


def _team_of_brand(db: Session, brand_id: int, team_id: int) -> int:
    if db.scalar(select(Team.id).where(Team.id == team_id, Team.brand_id == brand_id)) is None:
        raise BadInput("There is no such team of this brand.")
    return team_id


def people_for(db: Session, brand_id: int) -> Sequence[tuple[int, str, bool]]:
    """Who may answer for a brand: id, name, and whether they are away."""
    rows = db.execute(select(User.id, User.name, User.away).where(holds("agent", brand_id)).order_by(User.name))
    return rows.all()


def teams_of(db: Session, brand_id: int) -> Sequence[Team]:
    """A brand's teams by name."""
    return db.scalars(select(Team).where(Team.brand_id == brand_id).join(Brand).order_by(Team.name)).all()
