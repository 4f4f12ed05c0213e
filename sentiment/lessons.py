"""What there is to teach a brand's heads: its corrections, and beside them mentions that nobody had to correct.

Corrections alone are nearly all mistakes; who learned from nothing else would turn everything over. So mentions that a
person dealt with and left as they were stand beside them, and where these are few, the newest ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.tables import Case, CaseMention, Correction, Match, Mention
from sentiment.fence import FORBIDDEN, may_learn_from
from sentiment.language import identify

MOST = 1_000
"""Corrections of one brand that are learned from, the newest."""
KEPT = 300
"""Mentions that nobody corrected which stand beside them."""

_DEALT_WITH = ("sent", "answered_by_hand", "dismissed")


@dataclass(frozen=True, slots=True)
class Lesson:
    """One text with what a person says of it, by head; `taught` None: nobody corrected it. `at`: when it was said."""

    text: str
    taught: Mapping[str, str] | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Lessons:
    """What may be learned from, and how many corrections may not be, by platform."""

    corrected: Sequence[Lesson]
    kept: Sequence[Lesson]
    left_out: Mapping[str, int]


def read(db: Session, brand_id: int) -> Lessons:
    """All that may be learned from for a brand, the newest first. English, since the model reads nothing else."""
    labels: dict[int, dict[str, str]] = {}
    said_at: dict[int, datetime] = {}
    rows = select(Correction).join(Match, Match.mention_id == Correction.mention_id).where(Match.brand_id == brand_id)
    for row in db.scalars(rows.where(_allowed(Correction.platform)).order_by(Correction.at.desc()).limit(MOST)):
        labels.setdefault(row.mention_id, {})[row.head] = row.label
        said_at.setdefault(row.mention_id, row.at)
    texts = _texts(db, list(labels))
    corrected = [Lesson(texts[one], labels[one], said_at[one]) for one in labels if one in texts]
    return Lessons(corrected, _kept(db, brand_id), _left_out(db, brand_id))


def _texts(db: Session, ids: Sequence[int]) -> dict[int, str]:
    """The texts of these mentions that may be learned from."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), 500):
        rows = select(Mention).where(Mention.id.in_(ids[start : start + 500]), Mention.deleted_at.is_(None))
        found |= {row.id: row.text for row in db.scalars(rows) if _readable(row)}
    return found


def _kept(db: Session, brand_id: int) -> list[Lesson]:
    """Mentions that nobody corrected: those that a person dealt with first, then the newest."""
    wanted = select(Mention).join(Match, Match.mention_id == Mention.id).where(Match.brand_id == brand_id)
    uncorrected = ~exists().where(Correction.mention_id == Mention.id)
    wanted = wanted.where(Mention.deleted_at.is_(None), _allowed(Mention.platform), uncorrected)
    newest = wanted.order_by(Mention.id.desc()).limit(KEPT)
    dealt = select(CaseMention.mention_id).join(Case, Case.id == CaseMention.case_id)
    seen = newest.where(Mention.id.in_(dealt.where(Case.brand_id == brand_id, Case.state.in_(_DEALT_WITH))))
    found = {row.id: row for row in (*db.scalars(seen), *db.scalars(newest)) if _readable(row)}
    return [Lesson(row.text, None, None) for row in list(found.values())[:KEPT]]


def _left_out(db: Session, brand_id: int) -> dict[str, int]:
    count = select(Correction.platform, func.count()).join(Match, Match.mention_id == Correction.mention_id)
    forbidden = count.where(Match.brand_id == brand_id, Correction.platform.in_(FORBIDDEN))
    return dict(db.execute(forbidden.group_by(Correction.platform)).all())


def _allowed(platform: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    return platform.not_in(FORBIDDEN)


def _readable(row: Mention) -> bool:
    return may_learn_from(row.platform) and identify(row.text, row.lang).english
