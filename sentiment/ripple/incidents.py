"""Ripples in, incidents out: the `ripple` stage. Whatever finds a wave first, it is one incident.

* More complaints than usual, or a larger share of bad news: where an incident that is there explains it (its
  complaints are a good part of what is above the usual), that one has the ripple on its timeline. Where none does, the
  window's complaints that belong nowhere become one, however unlike they are, if there are enough people behind them.
  What turns out later to be a group of like ones stays in it (cluster.py).
* A complaint that is taking off: the incident that it belongs to knows of it, or it becomes one, with those who
  answered it.
* More mentions than usual, whatever they say: no incident. Praise and giveaways are marked on the trends alone.

A ripple waits until the complaints of its window have been looked at one by one, so that like ones are known as such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.runtime import Runtime
from core.tables import Brand, Counted, Incident, Match, Mention, Ripple, Waiting
from sentiment.ripple import cluster, membership, taking_in
from sentiment.ripple.complaints import EVER, Complaint, read
from sentiment.ripple.likeness import LEAST, most_in
from sentiment.ripple.membership import Member

STAGE = "ripple"

BATCH = 50
"""Ripples per transaction."""

KINDS = ("complaints", "negative", "spread")
"""The kinds of ripples that make incidents."""

PATIENCE = timedelta(minutes=2)
"""So long a ripple waits for its complaints to be looked at, each time for SHORTLY."""
SHORTLY = timedelta(seconds=2)

EXPLAINS = 0.5
"""The share of what is above the usual that an incident must hold to be the reason of it."""
SLOT = timedelta(minutes=5)


def work(runtime: Runtime) -> int:
    """Look at one batch; see core/queue.py."""
    clock = runtime.clock
    with runtime.db.read() as db:
        if not waiting.any_for(db, clock, STAGE):
            return 0
    with runtime.db.write() as db:
        ids = waiting.take(db, clock, STAGE, BATCH)
        waiting.done(db, STAGE, ids)
        wanted = select(Ripple).join(Ripple.brand).where(Ripple.id.in_(ids), Ripple.kind.in_(KINDS))
        rows = db.scalars(wanted.where(Brand.competitor.is_(False)).order_by(Ripple.brand_id, Ripple.id)).all()
        for row in rows:
            membership.hold(db, row.brand_id)
            if row.kind == "spread":
                _spread(db, clock, row)
            else:
                _spike(db, clock, row)
    return len(ids)


def _spike(db: Session, clock: Clock, ripple: Ripple) -> None:
    """Find what explains a rise, or make an incident of it."""
    if ripple.incident_id is not None:
        return
    found = _complaints(db, clock, ripple)
    if _unread(db, found) and clock.now() < ripple.noticed_at + PATIENCE:
        waiting.add(db, clock, STAGE, [ripple.id], clock.now() + SHORTLY)
        return
    incidents = {one.id: one for one in taking_in.live(db, clock, ripple.brand_id)}
    inside, barred = taking_in.homes(db, clock, ripple.brand_id, incidents)
    homeless = [one for one in found if one.id not in inside and one.id not in barred]
    incident_id = _reason(ripple, found, inside) or _lasting(ripple, incidents.values())
    members = [Member(one.id) for one in homeless]
    if incident_id is None:
        if len({one.author_id for one in homeless}) < LEAST:
            return
        at = ripple.at + SLOT
        incident = membership.open_incident(db, clock, ripple.brand_id, "spike", members, could_at=min(at, clock.now()))
    else:
        incident = incidents[incident_id]
        if incident.origin == "spike":
            membership.grow(db, clock, incident, members, quiet=incident.state != "open")
    ripple.incident_id = incident.id
    membership.note(db, clock, incident, "spike", str(ripple.id), ripple.sentence)


def _complaints(db: Session, clock: Clock, ripple: Ripple) -> list[Complaint]:
    """The complaints that were written in the time of a rise, where it was seen."""
    start = min(ripple.since, ripple.at - timedelta(seconds=ripple.window))
    of = Match.mention_id == Mention.id
    wanted = (
        select(Mention.id)
        .join(Match, of)
        .where(
            Match.brand_id == ripple.brand_id,
            Mention.created_at >= max(start, clock.now() - taking_in.LIVE),
            Mention.created_at < clock.now() + SLOT,
        )
    )
    if ripple.dimension == "source":
        wanted = wanted.where(Mention.source_id == int(ripple.value))
    ids = list(db.scalars(wanted))
    found = [one for one in read(db, ids, clock.now() - taking_in.LIVE) if ripple.brand_id in one.brands]
    if ripple.dimension != "topic":
        return found
    counted = select(Counted.mention_id, Counted.topics).where(
        Counted.brand_id == ripple.brand_id, Counted.mention_id.in_([one.id for one in found])
    )
    about = {row.mention_id for row in db.execute(counted) if ripple.value in row.topics}
    return [one for one in found if one.id in about]


def _unread(db: Session, found: Sequence[Complaint]) -> bool:
    """Whether some of them still wait to be looked at one by one."""
    ids = [one.id for one in found]
    return bool(db.scalar(select(exists().where(Waiting.stage == cluster.STAGE, Waiting.subject_id.in_(ids)))))


def _reason(ripple: Ripple, found: Sequence[Complaint], inside: dict[int, int]) -> int | None:
    """The incident that holds a good part of the complaints, or of what is above the usual."""
    held = Counter(inside[one.id] for one in found if one.id in inside)
    best = min(held, key=lambda one: (-held[one], one), default=None)
    if best is not None and held[best] >= EXPLAINS * (ripple.observed - ripple.expected):
        return best
    return most_in([inside.get(one.id) for one in found])


def _lasting(ripple: Ripple, incidents: Iterable[Incident]) -> int | None:
    """The incident of an earlier rise that is not over: this is more of it."""
    since = min(ripple.since, ripple.at - timedelta(seconds=ripple.window)) - membership.HOUR
    lasting = [one for one in incidents if one.origin == "spike" and one.state == "open" and one.last_at >= since]
    return max(lasting, key=lambda one: one.last_at).id if lasting else None


def _spread(db: Session, clock: Clock, ripple: Ripple) -> None:
    """Let the incident of a complaint know that it is taking off, or make one of it and those who answer it."""
    mention = db.get(Mention, ripple.mention_id) if ripple.mention_id is not None else None
    if mention is None or not read(db, [mention.id], EVER):
        return
    incidents = {one.id: one for one in taking_in.live(db, clock, ripple.brand_id)}
    inside, barred = taking_in.homes(db, clock, ripple.brand_id, incidents)
    if ripple.incident_id in incidents or mention.id in inside:
        incident = incidents[ripple.incident_id if ripple.incident_id in incidents else inside[mention.id]]
        incident.mention_id = incident.mention_id or mention.id
        membership.weigh(db, clock, incident)
    elif mention.id in barred:
        return
    else:
        answers = [one for one in _answers(db, clock, mention, ripple.brand_id) if one.id not in inside]
        ids = [mention.id, *(one.id for one in answers if one.id not in barred)]
        members = [Member(one) for one in ids]
        incident = membership.open_incident(
            db, clock, ripple.brand_id, "spread", members, could_at=ripple.at, mention_id=mention.id
        )
    ripple.incident_id = incident.id
    membership.note(db, clock, incident, "spread", str(ripple.id), ripple.sentence)


def _answers(db: Session, clock: Clock, mention: Mention, brand_id: int) -> list[Complaint]:
    """Complaints of the brand that answer a mention."""
    under = or_(Mention.reply_to == mention.native_id, Mention.conversation == mention.native_id)
    ids = db.scalars(select(Mention.id).where(Mention.platform == mention.platform, under)).all()
    return [one for one in read(db, ids, clock.now() - taking_in.LIVE) if brand_id in one.brands]
