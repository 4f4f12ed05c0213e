"""The complaints among some mentions, as incidents are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.tables import Author, Brand, Match, Mention, OwnAccount, Verdict
from listener.chunks import chunks
from listener.matching import fold_handle

EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Complaint:
    """One complaint, the brands (no competitors) that it is about, and the threads that it is in."""

    id: int
    author_id: int
    at: datetime
    text: str = field(repr=False)
    brands: frozenset[int]
    threads: tuple[tuple[str, str], ...] = ()


def read(db: Session, mention_ids: Sequence[int], since: datetime) -> list[Complaint]:
    """Those of the mentions that are complaints for sure, are there, were written after `since` and not by us."""
    found = []
    for part in chunks(sorted(mention_ids)):
        brands = _brands(db, part)
        newest = select(func.max(Verdict.id)).where(Verdict.mention_id.in_(part)).group_by(Verdict.mention_id)
        wanted = select(Mention.id, Mention.author_id, Mention.created_at, Mention.text)
        wanted = wanted.add_columns(Mention.platform, Mention.reply_to, Mention.conversation)
        wanted = wanted.join(Verdict, Verdict.mention_id == Mention.id).where(
            Verdict.id.in_(newest), Verdict.complaint.is_(True), Mention.deleted_at.is_(None)
        )
        for row in db.execute(wanted.where(Mention.created_at > since).order_by(Mention.created_at, Mention.id)):
            if row.id in brands:
                theirs = frozenset(brands[row.id])
                threads = tuple((row.platform, one) for one in (row.reply_to, row.conversation) if one)
                found.append(Complaint(row.id, row.author_id, row.created_at, row.text, theirs, threads))
    return sorted(found, key=lambda one: (one.at, one.id))


def _brands(db: Session, mention_ids: Sequence[int]) -> dict[int, set[int]]:
    """Whose complaint each mention would be: of the brands that it matches, without competitors and its author."""
    matches = select(Match.mention_id, Match.brand_id, Mention.platform, Author.handle).join(Match.mention)
    matches = matches.join(Mention.author).join(Match.brand).where(Brand.competitor.is_(False))
    rows = db.execute(matches.where(Match.mention_id.in_(mention_ids))).all()
    accounts = select(OwnAccount.brand_id, OwnAccount.platform, OwnAccount.handle)
    own = {tuple(row) for row in db.execute(accounts)}
    found: dict[int, set[int]] = {}
    for row in rows:
        if (row.brand_id, row.platform, fold_handle(row.handle)) not in own:
            found.setdefault(row.mention_id, set()).add(row.brand_id)
    return found
