"""Which mentions are followed as they spread: those that somebody has a case of, where the platform can be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import tables, waiting
from core.clock import Clock
from core.types import Counts
from listener import recount
from listener.chunks import chunks
from listener.prices import PRICES
from listener.source import kinds, recounted
from responder.spread.following import next_look

LARGE_AUDIENCE = 10_000
"""Followers of an author whose every complaint is followed."""

MOST, MOST_QUIET = 400, 200
"""Mentions of one brand that are followed at once; those without any sign of spreading only up to the second."""


@dataclass(frozen=True, slots=True)
class Post:
    """One mention that is followed, or may be."""

    mention: tables.Mention
    followers: int
    case: tables.Case
    source: tables.Source | None
    spread: tables.Spread | None
    sentiment: str

    @property
    def id(self) -> int:
        """The mention's."""
        return self.mention.id

    @property
    def told(self) -> frozenset[str]:
        """Which counts its source can be asked for."""
        kind = self.source.kind if self.source else ""
        return recounted(kind) if kind in kinds() else frozenset()

    @property
    def shows(self) -> bool:
        """Whether it deserves more than a glance."""
        one = self.mention
        return self.followers >= LARGE_AUDIENCE or recount.shows(one.likes, one.reposts, one.replies)

    @property
    def counts(self) -> Counts:
        """As we hold them."""
        return Counts(self.mention.likes, self.mention.reposts, self.mention.replies)

    @property
    def followed(self) -> bool:
        """Whether it is, at this moment."""
        return self.spread is not None and self.spread.ended_at is None


def read(db: Session, ids: Sequence[int]) -> list[Post]:
    """Those of these mentions that are in a case, with what decides about them."""
    verdict, mention, member = tables.Verdict, tables.Mention, tables.CaseMention
    newest = select(func.max(verdict.id)).where(verdict.mention_id == mention.id).correlate(mention).scalar_subquery()
    rows = (
        select(mention, tables.Author.followers, tables.Case, tables.Source, tables.Spread, verdict.sentiment)
        .join(tables.Author, tables.Author.id == mention.author_id)
        .join(member, member.mention_id == mention.id)
        .join(tables.Case, tables.Case.id == member.case_id)
        .outerjoin(tables.Source, tables.Source.id == mention.source_id)
        .outerjoin(tables.Spread, tables.Spread.mention_id == mention.id)
        .outerjoin(verdict, verdict.id == newest)
        .order_by(mention.id)
        .execution_options(populate_existing=True)
    )
    return [
        Post(one, followers or 0, case, source, spread, sentiment or "")
        for part in chunks(sorted(ids))
        for one, followers, case, source, spread, sentiment in db.execute(rows.where(mention.id.in_(part)))
    ]


def consider(db: Session, clock: Clock, mention_ids: Sequence[int]) -> None:
    """Let the stage look at those of these that are in a case and whose source can be asked; all have been judged."""
    member, mention, source = tables.CaseMention, tables.Mention, tables.Source
    cased = select(mention.id, source.kind).join(member, member.mention_id == mention.id)
    cased = cased.join(source, source.id == mention.source_id)
    recent = mention.created_at > clock.now() - recount.FOLLOWED_FOR
    for part in chunks(sorted(mention_ids)):
        rows = db.execute(cased.where(mention.id.in_(part), mention.deleted_at.is_(None), recent)).all()
        able = {kind for kind in {row.kind for row in rows} if kind in kinds() and recounted(kind)}
        waiting.add(db, clock, recount.STAGE, [row.id for row in rows if row.kind in able])


def is_wanted(post: Post, now: datetime) -> bool:
    """Whether it is worth following: no praise, nothing that was dismissed, where the source can be asked.

    Where that costs money only what shows a sign of spreading is.
    """
    if post.mention.deleted_at is not None or post.case.state == "dismissed" or not post.told:
        return False
    if post.sentiment == "positive" or post.case.kind == "praise":
        return False
    paid = post.source is not None and post.source.kind in PRICES
    return now - post.mention.created_at < recount.FOLLOWED_FOR and (post.shows or not paid)


def begin(db: Session, clock: Clock, posts: Sequence[Post]) -> list[Post]:
    """Begin to follow those that are not followed yet, as far as there is room; gives all that are followed now."""
    now, room = clock.now(), _room(db, {one.case.brand_id for one in posts if not one.followed})
    left_out: list[int] = []
    for post in posts:
        if post.followed:
            continue
        if room[post.case.brand_id] >= (MOST if post.shows else MOST_QUIET) or not _has_a_next(post, now):
            left_out.append(post.id)
            continue
        room[post.case.brand_id] += 1
        if post.spread is None:
            db.add(tables.Spread(mention_id=post.id, began_at=now, looks=0))
        else:
            post.spread.ended_at = None
        if post.counts != Counts():
            recount.read(db, {post.id: post.counts}, now)
    db.flush()
    waiting.done(db, recount.STAGE, left_out)
    return read(db, [one.id for one in posts if one.id not in left_out])


def _has_a_next(post: Post, now: datetime) -> bool:
    return next_look(post.mention.created_at, now, post.shows) is not None


def _room(db: Session, brand_ids: Iterable[int]) -> dict[int, int]:
    """How many are followed of each brand."""
    case, member, spread = tables.Case, tables.CaseMention, tables.Spread
    brands = sorted(set(brand_ids))
    counted = select(case.brand_id, func.count()).join(member, member.case_id == case.id)
    counted = counted.join(spread, spread.mention_id == member.mention_id).where(spread.ended_at.is_(None))
    found = db.execute(counted.where(case.brand_id.in_(brands)).group_by(case.brand_id)).all() if brands else ()
    return dict.fromkeys(brands, 0) | {row[0]: row[1] for row in found}
