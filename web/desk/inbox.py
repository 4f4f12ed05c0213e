"""The inbox: the cases that wait for a person, the most urgent first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from core.tables import Brand, Case, Source, Team, TeamMember
from core.types import SENTIMENTS, UNSUPPORTED
from responder.desk import notes
from web import current
from web.queries import facets, inbox, unlikely
from web.queries.inbox import GROUPS, Wanted

pages = Blueprint("inbox", __name__)

FILTERS = ("state", "brand", "platform", "sentiment", "mine", "team", "unowned", "named", "tag", "incident", "text")
_LONGEST_SEARCH = 200
_MOST_TEAMS = 20


@pages.get("/")
def cases() -> ResponseReturnValue:
    """List the cases that are wanted, with room for the one that is opened."""
    with current.runtime().db.read() as db:
        return render_template("inbox/inbox.html", **listing(db, request.args))


@pages.get("/more")
def more() -> ResponseReturnValue:
    """The next page of rows, for the list that grows at its end."""
    with current.runtime().db.read() as db:
        shown = listing(db, request.args)
    return render_template("inbox/_rows.html" if current.wants_fragment() else "inbox/inbox.html", **shown)


@pages.get("/fresh")
def fresh() -> ResponseReturnValue:
    """How many cases have come since the list was made: said above it, so that it never jumps."""
    with current.runtime().db.read() as db:
        count = facets.newer(db, wanted(request.args), current.number(request.args, "newest"))
        counts = facets.counts(db, current.rights())
    return render_template("inbox/_fresh.html", count=count, counts=counts, chosen=chosen(request.args))


def listing(db: Session, args: Mapping[str, str]) -> dict[str, Any]:
    """All that the list of cases shows."""
    want = wanted(args)
    page = inbox.page(db, want, args.get("after"))
    return {
        "page": page,
        "wanted": want,
        "chosen": chosen(args),
        "newest": facets.newest(db),
        "groups": GROUPS,
        "counts": facets.counts(db, current.rights()),
        "unlikely": unlikely.count(db, current.rights()),
        "shares": facets.shares(db, want.group, current.rights()),
        "brands": db.scalars(select(Brand).where(current.rights().brands(Brand.id)).order_by(Brand.name)).all(),
        "teams": _teams(db),
        "tags": facets.tags(db, current.rights()),
        "platforms": facets.platforms(db),
        "sentiments": (*SENTIMENTS, UNSUPPORTED),
        "waiting_for": None if page.rows or want.narrowed else _next_step(db),
    }


def wanted(args: Mapping[str, str]) -> Wanted:
    """What a person chose, as far as it makes sense."""
    user = current.user()
    return Wanted(
        current.rights(),
        GROUPS.get(args.get("state", ""), GROUPS["todo"]),
        args.get("brand", ""),
        args.get("platform", ""),
        args.get("sentiment", ""),
        args.get("text", "").strip()[:_LONGEST_SEARCH],
        user.id if user and args.get("mine") else None,
        current.number(args, "team") or None,
        bool(args.get("unowned")),
        user.id if user and args.get("named") else None,
        notes.folded(args.get("tag", "")),
        current.number(args, "incident") or None,
    )


def chosen(args: Mapping[str, str]) -> dict[str, Any]:
    """The filters in an address, to be carried from page to page."""
    return {name: args[name] for name in FILTERS if args.get(name)}


def _teams(db: Session) -> list[tuple[int, str]]:
    """The queues of teams: one's own first."""
    own = exists().where(TeamMember.team_id == Team.id, TeamMember.user_id == current.user_id())
    seen = select(Team.id, Team.name).where(current.rights().brands(Team.brand_id))
    return [(row.id, row.name) for row in db.execute(seen.order_by(own.desc(), Team.name).limit(_MOST_TEAMS))]


def _next_step(db: Session) -> str:
    """What an empty inbox waits for: a brand, a source, mentions, or nothing at all."""
    if not db.scalar(select(exists().where(Brand.id > 0))):
        return "brand"
    if not db.scalar(select(exists().where(Source.id > 0))):
        return "source"
    return "nothing" if db.scalar(select(exists().where(Case.id > 0))) else "mentions"
