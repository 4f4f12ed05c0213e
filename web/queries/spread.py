"""How a case's post was passed on: a small curve with where it is heading, for web/templates/case/_spread.html."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tables import Case, CaseMention, Mention, Reading, Spread
from responder.spread.taking_off import outlook
from sentiment.ripple.spread import Spread as Outlook

WIDTH, HEIGHT = 320, 96
"""Of the picture, in its own units."""
NOW = 220
"""Where in its width the last reading stands; right of it lies what is forecast."""
_LEAST = 2
"""Readings that make a curve."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One post's curve: `line` and `cone` are points of the picture, `readings` what was read, in the order of time.

    `what` is what is counted: reposts, or likes or replies where a platform knows no reposts.
    """

    mention: Mention
    what: str
    readings: Sequence[tuple[datetime, int]]
    ahead: Outlook | None
    most: int
    line: str
    cone: str
    middle: str

    @property
    def count(self) -> int:
        """What was read last."""
        return self.readings[-1][1]


def of_case(db: Session, case: Case) -> Curve | None:
    """The curve of the case's post that was passed on most; None where nothing is to be seen."""
    member = CaseMention
    followed = select(Mention, Spread).join(Spread, Spread.mention_id == Mention.id)
    mine = followed.join(member, member.mention_id == Mention.id).where(member.case_id == case.id)
    mine = mine.where(Mention.deleted_at.is_(None)).order_by(Mention.reposts.desc(), Mention.likes.desc(), Mention.id)
    found = db.execute(mine.limit(1)).first()
    if found is None:
        return None
    mention, spread = found
    rows = db.scalars(select(Reading).where(Reading.mention_id == mention.id).order_by(Reading.at)).all()
    what = next((name for name in ("reposts", "likes", "replies") if any(getattr(row, name) for row in rows)), None)
    if what is None or len(rows) < _LEAST:
        return None
    ahead = outlook(spread, mention) if what == "reposts" and spread.ended_at is None else None
    return drawn(mention, what, [(row.at, getattr(row, what)) for row in rows], ahead)


def drawn(mention: Mention, what: str, readings: Sequence[tuple[datetime, int]], ahead: Outlook | None) -> Curve:
    """The curve as points: time and counts evenly, from nothing when it was written to the last reading."""
    last = max((readings[-1][0] - mention.created_at).total_seconds(), 1.0)
    most = max([count for _, count in readings] + ([ahead.high] if ahead else []) + [1])
    right = NOW if ahead else WIDTH

    def point(share: float, count: float) -> str:
        return f"{share:.1f},{HEIGHT - HEIGHT * count / most:.1f}"

    seen = [(max((at - mention.created_at).total_seconds(), 0.0) / last * right, count) for at, count in readings]
    line = " ".join(point(*one) for one in [(0.0, 0), *seen])
    end = seen[-1]
    cone = " ".join([point(*end), point(WIDTH, ahead.high), point(WIDTH, ahead.low)]) if ahead else ""
    middle = " ".join([point(*end), point(WIDTH, ahead.expected)]) if ahead else ""
    return Curve(mention, what, readings, ahead, most, line, cone, middle)
