"""A random sample of what was judged, a few a week, for people to label: the ruler by which a brand measures its model.

Every mention of the last seven days has the same chance, whoever wrote it and whatever the model said of it. The draw
is made once a week of the calendar (Monday to Sunday, UTC), when somebody first asks for it; while fewer were heard
than wanted, it is filled up. What the model said is noted at the draw, so later corrections and fits change no figure.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.db import insert
from core.errors import BadInput
from core.tables import Match, Mention, Sample, Verdict
from listener.chunks import chunks
from sentiment.corrections import of_models
from sentiment.labels import known, said

A_WEEK = 50
WITHIN = timedelta(days=7)


def week_of(moment: datetime) -> str:
    """The week of the calendar: "2026-W47"."""
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02}"


def draw(db: Session, clock: Clock, brand_id: int, wanted: int = A_WEEK) -> int:
    """Draw what is missing of this week's sample; gives how many were drawn."""
    now = clock.now()
    week = week_of(now)
    drawn = select(func.count()).select_from(Sample).where(Sample.brand_id == brand_id, Sample.week == week)
    missing = wanted - (db.scalar(drawn) or 0)
    if missing <= 0:
        return 0
    candidates = _candidates(db, brand_id, now)
    seeded = random.Random(f"{brand_id} {week} {missing}")  # noqa: S311 - no secret; repeatable for whoever checks it
    chosen = sorted(seeded.sample(candidates, min(missing, len(candidates))))
    rows = [row for part in chunks(chosen) for row in _sampled(db, brand_id, week, now, part)]
    if rows:  # whoever draws at the same moment draws the same
        db.execute(insert(db, Sample).on_conflict_do_nothing(), rows)
    return len(rows)


def following(db: Session, brand_id: int, passed_over: Sequence[int] = ()) -> Sample | None:
    """The next one that waits for its labels, the oldest draw first."""
    unlabelled = select(Sample).join(Mention, Mention.id == Sample.mention_id)
    unlabelled = unlabelled.where(Sample.brand_id == brand_id, Sample.labelled_at.is_(None))
    wanted = unlabelled.where(Mention.deleted_at.is_(None), Sample.id.not_in(passed_over))
    return db.scalars(wanted.order_by(Sample.week, Sample.id).limit(1)).one_or_none()


def label(db: Session, clock: Clock, brand_id: int, sample_id: int, labels: Mapping[str, str], who: str) -> Sample:
    """Keep what a person says of one. Raises BadInput for labels that there are not, or none at all."""
    row = db.get(Sample, sample_id, with_for_update=True)
    if row is None or row.brand_id != brand_id:
        raise BadInput("this post is no longer in the sample")
    if not labels or not all(known(head, one) for head, one in labels.items()):
        raise BadInput("say at least whether it is a complaint")
    row.labels, row.labelled_by, row.labelled_at = dict(labels), who, clock.now()
    db.flush()
    return row


def _candidates(db: Session, brand_id: int, now: datetime) -> list[int]:
    """The ids of all that may be drawn, in order."""
    heard = select(Mention.id).join(Match, Match.mention_id == Mention.id).where(Match.brand_id == brand_id)
    judged = exists().where(Verdict.mention_id == Mention.id)
    drawn = exists().where(Sample.mention_id == Mention.id, Sample.brand_id == brand_id)
    recent = (Mention.heard_at > now - WITHIN, Mention.deleted_at.is_(None))
    return list(db.scalars(heard.where(*recent, judged, ~drawn).order_by(Mention.id)))


def _sampled(db: Session, brand_id: int, week: str, now: datetime, ids: Sequence[int]) -> list[dict[str, object]]:
    heard = select(Mention.id, Mention.platform).where(Mention.id.in_(ids))
    platforms = {row.id: row.platform for row in db.execute(heard)}
    return [
        {
            "mention_id": one,
            "brand_id": brand_id,
            "week": week,
            "platform": platforms[one],
            "language": verdict.language,
            "model": verdict.model,
            "said": said(verdict),
            "complaint_score": verdict.complaint_score,
            "labels": {},
            "drawn_at": now,
        }
        for one, verdict in sorted(of_models(db, ids).items())
    ]
