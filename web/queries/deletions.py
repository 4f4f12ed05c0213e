"""The clock of deletions, by platform: what was forgotten and how fast, and what has not been looked at for longest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import case, extract, func, select
from sqlalchemy.orm import Session

from core.tables import Forgetting, Mention, Source
from listener.source import kinds, load

LIMIT = timedelta(hours=24)
"""How soon platforms want a deletion to be followed."""
BACK = timedelta(days=30)
GRACE = timedelta(hours=1)
"""How much later than due a look may come."""
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform in the last days: deletions asked for, mentions that were emptied, how many took longer than LIMIT,
    and the longest. Where the platform tells of no deletion, mentions are looked at every `recheck`; the one that was
    not for longest has not been since `unchecked_since`."""

    name: str
    asked: int = 0
    mentions: int = 0
    late: int = 0
    slowest: timedelta | None = None
    recheck: timedelta | None = None
    unchecked_since: datetime | None = None

    def overdue(self, now: datetime) -> bool:
        """Whether a mention has not been looked at for longer than it should."""
        if self.recheck is None or self.unchecked_since is None:
            return False
        return now - self.unchecked_since > max(LIMIT, self.recheck + GRACE)


@dataclass(frozen=True, slots=True)
class Deletions:
    """Everything that the page shows: the platforms, and the newest records of `count`."""

    platforms: Sequence[Platform]
    records: Sequence[Forgetting]
    count: int


def deletions(db: Session, now: datetime) -> Deletions:
    """See the module."""
    found = {name: Platform(name) for name in db.scalars(select(Source.kind).distinct())} | _asked(db, now)
    newest = select(Forgetting).order_by(Forgetting.asked_at.desc(), Forgetting.id.desc()).limit(_SHOWN)
    count = db.scalar(select(func.count()).select_from(Forgetting)) or 0
    platforms = [_rechecked(db, found[name]) for name in sorted(found)]
    return Deletions(platforms, db.scalars(newest).all(), count)


def _asked(db: Session, now: datetime) -> dict[str, Platform]:
    took = extract("epoch", Forgetting.done_at) - extract("epoch", Forgetting.asked_at)
    late = func.sum(case((took > LIMIT.total_seconds(), 1), else_=0))
    sums = select(Forgetting.platform, func.count(), func.sum(Forgetting.mentions), late, func.max(took))
    recent = sums.where(Forgetting.asked_at >= now - BACK).group_by(Forgetting.platform)
    return {
        name: Platform(name, asked, mentions, late, timedelta(seconds=float(slowest)))
        for name, asked, mentions, late, slowest in db.execute(recent)
    }


def _rechecked(db: Session, platform: Platform) -> Platform:
    """With the oldest look, if the platform has to be asked; an index finds it."""
    seconds = getattr(load(platform.name), "recheck_seconds", None) if platform.name in kinds() else None
    if seconds is None:
        return platform
    oldest = select(Mention.checked_at).where(Mention.platform == platform.name, Mention.checked_at.is_not(None))
    since = db.scalar(oldest.where(Mention.deleted_at.is_(None)).order_by(Mention.checked_at).limit(1))
    return replace(platform, recheck=timedelta(seconds=seconds), unchecked_since=since)
