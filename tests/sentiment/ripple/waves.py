"""Complaints of made people, as they stand in the database once they are judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.runtime import Runtime
from core.tables import Alert, Author, Brand, Incident, IncidentEvent, IncidentMention, Match, Mention, Verdict
from sentiment.ripple.membership import Member

CARD = (
    "my card payment fails at the checkout again",
    "card payment fails for the third time, the checkout is broken",
    "checkout says card payment fails, what now",
    "cannot buy anything: card payment fails at checkout",
    "is your checkout down? card payment fails all the time",
    "card payment fails and the checkout just hangs",
    "the checkout is rubbish, card payment fails every single time",
    "three tries at the checkout and the card payment fails",
)
PARCEL = (
    "my parcel was due on monday and the courier lost it",
    "the courier left my parcel in the rain",
    "parcel still not delivered, courier never came",
    "where is my parcel? the courier says delivered",
    "courier threw the parcel over the fence",
    "another parcel the courier has lost",
)
OTHERS = (
    "the zip of the jacket broke after one day",
    "nobody answers the phone in the Leeds branch",
    "the newsletter keeps coming though I unsubscribed",
    "the coffee in the cafe tastes burnt",
    "my points have gone from the loyalty scheme",
    "the size chart is plain wrong",
)


def add_brand(runtime: Runtime, slug: str = "acme", *, competitor: bool = False) -> int:
    with runtime.db.write() as db:
        brand = Brand(slug=slug, name=slug.title(), competitor=competitor, created_at=runtime.clock.now())
        db.add(brand)
        db.flush()
        return brand.id


def complain(
    runtime: Runtime,
    brand_id: int,
    texts: Iterable[str],
    *,
    at: datetime | None = None,
    apart: timedelta = timedelta(minutes=2),
    by: str = "",
    followers: int = 10,
    anger: float = 0.0,
    complaint: bool | None = True,
    **more: object,
) -> list[int]:
    """Judged complaints, `apart` from each other from `at` on, each by somebody else unless `by` one; their ids."""
    first = at or runtime.clock.now()
    with runtime.db.write() as db:
        return [
            _add(db, brand_id, text, first + n * apart, by, followers, anger, complaint, more)
            for n, text in enumerate(texts)
        ]


def _add(
    db: Session,
    brand_id: int,
    text: str,
    at: datetime,
    by: str,
    followers: int,
    anger: float,
    complaint: bool | None,
    more: dict[str, object],
) -> int:
    number = (db.scalar(select(Mention.id).order_by(Mention.id.desc()).limit(1)) or 0) + 1
    who = by or f"person-{number}"
    author = db.scalar(select(Author).where(Author.native_id == who))
    author = author or Author(platform="files", native_id=who, handle=who, followers=followers)
    row = Mention(platform="files", native_id=f"m{number}", author=author, text=text, lang="en", created_at=at)
    row.heard_at, row.matches = at, [Match(brand_id=brand_id)]
    for name, value in more.items():
        setattr(row, name, value)
    db.add(row)
    db.flush()
    verdict = Verdict(mention_id=row.id, model="fake-1", language="en", sentiment="negative", complaint=complaint)
    verdict.complaint_score, verdict.emotions, verdict.judged_at = 0.9, {"anger": anger}, at
    db.add(verdict)
    return row.id


def members(ids: Iterable[int], *, by_hand: bool = False) -> list[Member]:
    return [Member(one, None if by_hand else 0.8, by_hand) for one in ids]


def incidents(runtime: Runtime) -> Sequence[Incident]:
    with runtime.db.read() as db:
        return db.scalars(select(Incident).order_by(Incident.id)).all()


def belonging(runtime: Runtime) -> dict[int, set[int]]:
    """The ids of the mentions of each incident, by its id."""
    found: dict[int, set[int]] = {}
    with runtime.db.read() as db:
        for row in db.scalars(select(IncidentMention).where(IncidentMention.incident_id.is_not(None))):
            found.setdefault(row.incident_id or 0, set()).add(row.mention_id)
    return found


def alerts(runtime: Runtime) -> Sequence[Alert]:
    with runtime.db.read() as db:
        return db.scalars(select(Alert).order_by(Alert.id)).all()


def events(runtime: Runtime, incident_id: int) -> list[str]:
    with runtime.db.read() as db:
        mine = select(IncidentEvent.kind).where(IncidentEvent.incident_id == incident_id)
        return list(db.scalars(mine.order_by(IncidentEvent.id)))
