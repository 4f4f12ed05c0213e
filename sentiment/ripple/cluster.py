"""Complaints in, incidents out: the `cluster` stage. Like complaints become one incident as they arrive.

One batch:

1. Take the mentions that have waited longest; find their vectors (of what was just judged, the model remembers them).
2. Brand by brand, holding it (membership.hold), keep the vectors and look at the complaints in the order in which they
   were written: each joins the incident to which the mention belongs that it answers; or the open incident that it is
   nearest to, or whose rare word it has (kin.py); or the one to which the group belongs that it is part of; or opens
   one, where that group is more than usual (likeness.py, kin.py); or nothing.
3. What is no complaint any more leaves the incident that it was in, unless a person put it there.

Incidents, vectors and the list of what still waits change in one transaction. What belongs to an incident already, or
was taken out of one by a person, stays where it is however often it comes.

No incident comes from competitors' mentions, our own posts, what was deleted, or what was written so long ago (an
imported history) that nobody can do anything about it: that says what is usual. Of one that was over when it was found
nobody is alerted. What was dismissed takes in the rest of its wave in silence, and so does for a while what was ended:
they are not told of again.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.errors import ItemsSetAside
from core.runtime import Runtime
from core.setaside import set_aside
from core.settings import Settings
from core.tables import Embedding, Incident, IncidentMention, Mention, Waiting
from sentiment import judge
from sentiment.ripple import membership, recall, taking_in
from sentiment.ripple.complaints import EVER, Complaint, read
from sentiment.ripple.kin import Growing, by_rare_word, home_of, risen
from sentiment.ripple.likeness import Floats, Pool, nearest
from sentiment.ripple.membership import Member
from sentiment.ripple.rare import words_of
from sentiment.ripple.recall import REMEMBERED, Vectors
from sentiment.ripple.taking_in import RECENT

log = logging.getLogger(__name__)

STAGE = "cluster"

BATCH = 200
"""Mentions per transaction."""


def work(runtime: Runtime) -> int:
    """Look at one batch; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, STAGE):
            return 0
    return cluster_batch(runtime, _vectors(runtime.settings))


@functools.cache
def _vectors(settings: Settings) -> Vectors:
    return recall.vectors_of(judge.loaded(settings))


def cluster_batch(runtime: Runtime, vectors: Vectors, limit: int = BATCH) -> int:
    """Look at no more than `limit` waiting mentions; gives how many. Raises ItemsSetAside when some failed."""
    clock = runtime.clock
    with runtime.db.claim() as claimed:
        ids = waiting.take(claimed, clock, STAGE, limit)
        if not ids:
            return 0
        ids = _there(claimed, ids)
        texts = {one.id: one.text for one in read(claimed, ids, clock.now() - REMEMBERED)}
        known, failures = _embedded(vectors, texts)
        with runtime.db.settle(claimed) as db:
            ids = _ours(db, ids)
            found = [one for one in read(db, ids, clock.now() - REMEMBERED) if texts.get(one.id) == one.text]
            failures = {one: error for one, error in failures.items() if one in ids}
            _retract(db, clock, sorted(set(ids) - {one.id for one in found} - failures.keys()))
            for brand_id in sorted({brand_id for one in found for brand_id in one.brands}):
                theirs = [one for one in found if brand_id in one.brands and one.id in known]
                _Brand(runtime, db, brand_id, vectors).take(theirs, known)
            waiting.done(db, STAGE, ids)
            for mention_id, error in failures.items():
                set_aside(db, clock, STAGE, "mention", mention_id, error)
    if failures:
        raise ItemsSetAside(STAGE, len(failures))
    return len(ids)


def _ours(db: Session, ids: Sequence[int]) -> list[int]:
    """Those that still wait: on SQLite another thread may have been faster."""
    return list(db.scalars(select(Waiting.subject_id).where(Waiting.stage == STAGE, Waiting.subject_id.in_(ids))))


def _there(db: Session, ids: Sequence[int]) -> list[int]:
    """Those that nobody else holds, who may be forgetting them: what is held waits on. Forgetting waits for us."""
    mine = select(Mention.id).where(Mention.id.in_(ids))
    ours = set(db.scalars(mine.with_for_update(read=True, key_share=True, skip_locked=True)))
    held = set(db.scalars(mine)) - ours if len(ours) < len(ids) else set()
    return [one for one in ids if one not in held]


def _embedded(vectors: Vectors, texts: dict[int, str]) -> tuple[dict[int, Floats], dict[int, Exception]]:
    """The vector per mention id; when they fail as a whole, each text is tried alone to find the culprit."""
    try:
        return dict(zip(texts, vectors.embed(list(texts.values())), strict=True)) if texts else {}, {}
    except Exception as error:  # noqa: BLE001 - whatever a model raises, its neighbours must be looked at
        if len(texts) == 1:
            return {}, dict.fromkeys(texts, error)
        log.warning("%d texts could not be embedded at once (%s); trying each alone", len(texts), error)
    known: dict[int, Floats] = {}
    failures: dict[int, Exception] = {}
    for one, text in texts.items():
        good, bad = _embedded(vectors, {one: text})
        known |= good
        failures |= bad
    return known, failures


def _retract(db: Session, clock: Clock, mention_ids: Sequence[int]) -> None:
    """Take what is no complaint any more out of what it was in; what was forgotten stays, and counts."""
    there = list(db.scalars(select(Mention.id).where(Mention.id.in_(mention_ids), Mention.deleted_at.is_(None))))
    brands: set[int] = set()
    for table in (Embedding, IncidentMention):
        brands |= set(db.scalars(select(table.brand_id).where(table.mention_id.in_(there)).distinct()))
    complaints = read(db, there, EVER) if brands else []
    for brand_id in sorted(brands):
        membership.hold(db, brand_id)
        told = {one.id for one in complaints if brand_id in one.brands}
        gone = [one for one in there if one not in told]
        recall.forget(db, gone, brand_id)
        for incident_id in membership.leave(db, clock, brand_id, gone):
            membership.recount(db, clock, db.get_one(Incident, incident_id), words=False)


@dataclass(slots=True)
class _Near:
    """An incident that takes in what is like it, and what is to join it."""

    row: Incident
    it: Growing
    joining: list[Member] = field(default_factory=list)

    def add(self, member: Member, vector: Floats | None, at: float) -> None:
        self.joining.append(member)
        self.it.add(member.mention_id, vector, at)


class _Brand:
    """One brand's complaints and incidents, while a batch is looked at."""

    def __init__(self, runtime: Runtime, db: Session, brand_id: int, vectors: Vectors) -> None:
        self._db, self._clock, self._brand_id, self._vectors = db, runtime.clock, brand_id, vectors
        self._database = runtime.db

    def take(self, complaints: Sequence[Complaint], known: dict[int, Floats]) -> None:
        """Let these complaints join or open incidents."""
        db, clock = self._db, self._clock
        membership.hold(db, self._brand_id)
        pool = recall.pool(self._database, db, self._brand_id, self._vectors)
        written = {one.id: min(one.at, clock.now()) for one in complaints}  # some clocks are ahead
        found = {one.id: (written[one.id], known[one.id]) for one in complaints}
        recall.store(db, self._brand_id, self._vectors.name, found, clock.now())
        pool.drop([one.id for one in complaints])
        since = clock.now() - RECENT
        incidents = taking_in.live(db, clock, self._brand_id, max(min(written.values(), default=since), since))
        nears = {row.id: _Near(row, _growing(row)) for row in incidents}
        homes, barred = taking_in.homes(db, clock, self._brand_id, nears)
        for mention_id, home in sorted(homes.items()):
            nears[home].it.members.append(mention_id)
        answered = taking_in.answered(db, [thread for one in complaints for thread in one.threads])
        for one in complaints:
            at, vector = written[one.id].timestamp(), known[one.id]
            pool.add([one.id], [one.author_id], [at], vector[None], [words_of(one.text)])
            if one.id in homes or one.id in barred or written[one.id] <= since:
                continue
            above = [homes[answered[thread]] for thread in one.threads if answered.get(thread) in homes]
            if above:
                nears[above[0]].add(Member(one.id), None, at)
                homes[one.id] = above[0]
            elif one.id in pool:
                self._place(one.id, pool, nears, homes, barred)
        for near in nears.values():
            if near.joining:
                membership.grow(db, clock, near.row, near.joining, quiet=near.row.state != "open")

    def _place(
        self, mention_id: int, pool: Pool, nears: dict[int, _Near], homes: dict[int, int], barred: set[int]
    ) -> None:
        """Let one complaint join an incident, alone or with its group, or open one with that."""
        measure, vector, at = self._vectors.measure, pool.vector(mention_id), pool.time(mention_id)
        growing = {one: near.it for one, near in nears.items() if near.row.origin == "likeness"}
        means = {one: it.mean for one, it in growing.items() if it.mean is not None}
        likeness = {one: float(pool.likeness(vector[None], mean)[0]) for one, mean in means.items()}
        best = nearest(likeness, measure)
        alone = best[0] if best else by_rare_word(mention_id, likeness, growing, pool)
        if alone is not None:
            nears[alone].add(Member(mention_id, likeness[alone]), vector, at)
            homes[mention_id] = alone
            return
        group = pool.group(mention_id, measure, barred) or risen(mention_id, pool, homes.keys() | barred)
        if group is None:
            return
        which = home_of(group, [homes.get(one) for one in group.likeness], growing, pool)
        members = [Member(one, score) for one, score in group.likeness.items() if one not in homes]
        if which is None:
            could_at = datetime.fromtimestamp(group.could_at, UTC)
            row = membership.open_incident(
                self._db, self._clock, self._brand_id, "likeness", members, could_at=could_at
            )
            nears[row.id] = _Near(row, _growing(row))
            nears[row.id].it.members += [one.mention_id for one in members]
            which = row.id
        else:
            for one in members:
                nears[which].add(one, pool.vector(one.mention_id), pool.time(one.mention_id))
        homes |= dict.fromkeys((one.mention_id for one in members), which)


def _growing(row: Incident) -> Growing:
    return Growing(_mean(row.centroid), row.mentions, row.last_at.timestamp())


def _mean(centroid: bytes | None) -> Floats | None:
    return np.frombuffer(centroid, np.float16).astype(np.float32) if centroid else None
