"""Which mentions belong to an incident, and what follows from that: its counts, its name, its severity.

Everything is found anew from the rows of its mentions, so that nothing drifts however often it is done. Those rows
outlive a mention's text, and so do the counts: forgetting changes none. Of what needs the texts (words, name,
centroid) the last is kept when no text is left.

`hold` comes first, before any row of an incident is locked or changed: of two who find the same wave at the same
moment the second then sees the incident that the first has made. Nothing here raises an incident's `version`: people
who look at one are not interrupted because it grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from core import alerts
from core.clock import Clock
from core.db import insert
from core.tables import (
    Author,
    Embedding,
    HourCount,
    Incident,
    IncidentEvent,
    IncidentMention,
    Mention,
    Spread,
    Verdict,
    WordCount,
)
from listener.chunks import chunks
from sentiment.ripple import words as wording
from sentiment.ripple.naming import UNNAMED, Name, candidates, name_of
from sentiment.ripple.severity import Size, severity, worse

ANGRY = 0.5
"""From this share of anger on a complaint counts as angry."""
HOUR = timedelta(hours=1)
NEWS = timedelta(hours=48)
"""Nobody is alerted of what came to rest so long ago: an imported history. It stands on the page of incidents."""
USUAL_DAYS = timedelta(days=28)
"""So far back it is looked which words a brand's complaints usually have."""

_LOCK = 0x494E_4349
"""First key of the PostgreSQL advisory lock on a brand's incidents ("INCI"); the second is the brand's id."""
_READ = 200
"""Texts from which an incident is named, and vectors from which its centroid is found: the newest."""


@dataclass(frozen=True, slots=True)
class Member:
    """A mention that is to belong to an incident: how like the others it is (0..1), or that a person put it there."""

    mention_id: int
    likeness: float | None = None
    by_hand: bool = False


def hold(db: Session, brand_id: int) -> None:
    """Until the end of this transaction nobody else decides what belongs to which incident of the brand.

    Free where this transaction holds it already, and on SQLite, where there is one writer anyway.
    """
    if db.get_bind().dialect.name != "sqlite":
        db.execute(text("SELECT pg_advisory_xact_lock(:lock, :brand)"), {"lock": _LOCK, "brand": brand_id})


def join(db: Session, clock: Clock, incident: Incident, members: Iterable[Member]) -> list[int]:
    """Let mentions belong to an incident; gives the ids of those that are new in it. `recount` is up to the caller.

    What belongs to another incident, or what a person took out of one, stays as it is; unless a person moves it.
    """
    wanted = {one.mention_id: one for one in members}
    joined: list[int] = []
    for part in chunks(sorted(wanted)):
        known = select(IncidentMention.mention_id, IncidentMention.incident_id)
        mine = (IncidentMention.mention_id.in_(part), IncidentMention.brand_id == incident.brand_id)
        where: dict[int, int | None] = dict(db.execute(known.where(*mine)).all())
        fresh = [one for one in part if one not in where or (wanted[one].by_hand and where[one] != incident.id)]
        people = select(Mention.id, Author.followers).join(Mention.author).where(Mention.id.in_(fresh))
        rows = [
            {
                "mention_id": row.id,
                "brand_id": incident.brand_id,
                "incident_id": incident.id,
                "likeness": wanted[row.id].likeness,
                "by_hand": wanted[row.id].by_hand,
                "followers": row.followers or 0,
                "joined_at": clock.now(),
            }
            for row in db.execute(people.order_by(Mention.id))
        ]
        if rows:
            statement = insert(db, IncidentMention)
            taken = {name: statement.excluded[name] for name in ("incident_id", "likeness", "by_hand", "joined_at")}
            db.execute(statement.on_conflict_do_update(index_elements=["mention_id", "brand_id"], set_=taken), rows)
        joined += [row["mention_id"] for row in rows]
    return joined


def leave(db: Session, clock: Clock, brand_id: int, mention_ids: Iterable[int], *, by_hand: bool = False) -> list[int]:
    """Take mentions out of the incidents of a brand that they are in; gives these incidents' ids, to be recounted.

    `by_hand` they join none by themselves again; otherwise what a person put somewhere stays.
    """
    left: set[int] = set()
    for part in chunks(sorted(mention_ids)):
        mine = select(IncidentMention).where(
            IncidentMention.mention_id.in_(part),
            IncidentMention.brand_id == brand_id,
            IncidentMention.incident_id.is_not(None),
        )
        for row in db.scalars(mine.order_by(IncidentMention.mention_id).execution_options(populate_existing=True)):
            if by_hand:
                left.add(row.incident_id or 0)
                row.incident_id, row.by_hand, row.likeness, row.joined_at = None, True, None, clock.now()
            elif not row.by_hand:
                left.add(row.incident_id or 0)
                db.delete(row)
        db.flush()
    return sorted(left)


def open_incident(
    db: Session,
    clock: Clock,
    brand_id: int,
    origin: str,
    members: Sequence[Member],
    *,
    could_at: datetime | None = None,
    mention_id: int | None = None,
) -> Incident:
    """A new incident of these mentions: counted, named, on its timeline, and told of once if it is news.

    `origin` is likeness, spike or spread (of `mention_id`); `could_at` when we could have known at the earliest. The
    caller holds the brand.
    """
    now = clock.now()
    incident = Incident(
        brand_id=brand_id, origin=origin, name=UNNAMED, began_at=now, last_at=now, noticed_at=now, changed_at=now
    )
    incident.could_at, incident.mention_id = could_at, mention_id
    db.add(incident)
    db.flush()
    join(db, clock, incident, members)
    recount(db, clock, incident)
    note(db, clock, incident, "noticed", "", f"Noticed: {so_many(incident)}")
    if incident.last_at > now - NEWS:
        tell(db, clock, incident)
    return incident


def grow(db: Session, clock: Clock, incident: Incident, members: Iterable[Member], *, quiet: bool = False) -> list[int]:
    """Let mentions join an incident and bring it up to date; gives the ids of the new ones. The caller holds the brand.

    It is told of again only where it became more severe or twice as big, and never when `quiet`.
    """
    joined = join(db, clock, incident, members)
    before, step = incident.severity, _step(incident)
    if not joined:
        return []
    recount(db, clock, incident, words=False)
    if _step(incident) > step:
        rename(db, incident)
    if quiet:
        return joined
    _tell_if_more(db, clock, incident, before, step)
    return joined


def recount(db: Session, clock: Clock, incident: Incident, *, words: bool = True) -> None:
    """Bring an incident up to date with the mentions that belong to it now; without `words`, its name stays.

    The severity only rises, so that what a person raised is not lowered. One that nothing is left of keeps its times.
    """
    db.flush()
    db.refresh(incident, with_for_update=True)
    _count(db, incident)
    incident.centroid = _centroid(db, incident.id) or incident.centroid
    if words:
        rename(db, incident)
    _weigh(db, incident)
    incident.changed_at = clock.now()
    db.flush()


def weigh(db: Session, clock: Clock, incident: Incident) -> None:
    """Find its severity anew, as its mentions spread; told of if it rises. The caller holds the brand."""
    before = incident.severity
    recount(db, clock, incident, words=False)
    if incident.state == "open":
        _tell_if_more(db, clock, incident, before, _step(incident))


def _tell_if_more(db: Session, clock: Clock, incident: Incident, severity_before: str, step: int) -> None:
    """Tell of an incident that became more severe, which also ends its snooze, or twice as big."""
    rose = worse(incident.severity, severity_before)
    if rose:
        incident.snoozed_until = None
        why = "; ".join(incident.reasons)
        note(db, clock, incident, "severity", incident.severity, f"Now {incident.severity}: {why}")
    if _step(incident) > step:
        note(db, clock, incident, "grew", str(_step(incident)), f"Grew to {so_many(incident)}")
    if (rose or _step(incident) > step) and incident.last_at > clock.now() - NEWS:
        tell(db, clock, incident)


def tell(db: Session, clock: Clock, incident: Incident) -> int:
    """Say that there is this incident, or bring up to date what was said; gives the alert's id."""
    said = f"{incident.name}: {so_many(incident)}"
    return alerts.tell(db, clock, "incident", incident.id, incident.brand_id, incident.severity, said)


def so_many(incident: Incident) -> str:
    """How many complaints of how many people an incident is, in words."""
    complaints = "1 complaint" if incident.mentions == 1 else f"{incident.mentions:,} complaints"
    return f"{complaints} from {'1 person' if incident.authors == 1 else f'{incident.authors:,} people'}"


def busiest(times: Sequence[datetime]) -> tuple[datetime, int]:
    """When the hour began in which most of these (sorted) times lie, the first of such hours, and how many do."""
    best, number, end = times[0], 0, 0
    for start, first in enumerate(times):
        while end < len(times) and times[end] < first + HOUR:
            end += 1
        if end - start > number:
            best, number = first, end - start
    return best, number


def rename(db: Session, incident: Incident) -> None:
    """Find the incident's words anew in its texts, and its name, unless a person gave it one."""
    wanted = select(Mention.text, Verdict.language, Mention.author_id).join(Verdict, Verdict.mention_id == Mention.id)
    mine = wanted.where(Verdict.id.in_(_newest_verdicts(incident.id)), Mention.deleted_at.is_(None))
    rows = db.execute(mine.order_by(Mention.created_at.desc()).limit(_READ)).all()
    if not rows:
        return
    names = wording.names_of(incident.brand.name, incident.brand.slug)
    said: dict[int, set[str]] = {}
    for row in rows:  # what one person says ten times counts once
        said.setdefault(row.author_id, set()).update(wording.without(wording.terms(row.text, row.language), names))
    shares = candidates([sorted(terms) for terms in said.values()])
    named: Name = name_of(shares, _usual(db, incident, shares))
    incident.words = list(named.words)
    incident.name = incident.name if incident.named_by else named.name


def _usual(db: Session, incident: Incident, terms: Iterable[str]) -> dict[str, float]:
    """Which share of the brand's complaints had each term in the weeks before the incident began."""
    last = incident.began_at
    complaints = select(func.sum(HourCount.complaints)).where(
        HourCount.brand_id == incident.brand_id, HourCount.dimension == "all"
    )
    number = db.scalar(complaints.where(HourCount.hour >= last - USUAL_DAYS, HourCount.hour < last)) or 0
    if not number:
        return {}
    sums = select(WordCount.word, func.sum(WordCount.complaints)).where(
        WordCount.brand_id == incident.brand_id,
        WordCount.word.in_(sorted(terms)),
        WordCount.day.between((last - USUAL_DAYS).date(), (last - timedelta(days=1)).date()),
    )
    return {word: int(count) / int(number) for word, count in db.execute(sums.group_by(WordCount.word))}


def _newest_verdicts(incident_id: int) -> Select[int]:
    mine = select(IncidentMention.mention_id).where(IncidentMention.incident_id == incident_id)
    return select(func.max(Verdict.id)).where(Verdict.mention_id.in_(mine)).group_by(Verdict.mention_id)


def _count(db: Session, incident: Incident) -> None:
    wanted = select(Mention.author_id, Mention.created_at, IncidentMention.followers).join(
        IncidentMention, IncidentMention.mention_id == Mention.id
    )
    rows = db.execute(wanted.where(IncidentMention.incident_id == incident.id)).all()
    reach: dict[int, int] = {}
    for row in rows:
        reach[row.author_id] = max(reach.get(row.author_id, 0), row.followers)
    incident.mentions, incident.authors, incident.reach = len(rows), len(reach), sum(reach.values())
    emotions = select(Verdict.emotions).where(Verdict.id.in_(_newest_verdicts(incident.id)))
    incident.angry = sum(shares.get("anger", 0.0) >= ANGRY for shares in db.scalars(emotions))
    if rows:
        times = sorted(row.created_at for row in rows)
        incident.began_at, incident.last_at = times[0], times[-1]
        incident.peak_at, incident.peak = busiest(times)


def _centroid(db: Session, incident_id: int) -> bytes | None:
    """The mean of the newest vectors, as they are stored; None where no text is left that has one."""
    mine = select(Embedding.vector, Embedding.model).join(
        IncidentMention,
        (IncidentMention.mention_id == Embedding.mention_id) & (IncidentMention.brand_id == Embedding.brand_id),
    )
    rows = db.execute(mine.where(IncidentMention.incident_id == incident_id).order_by(Embedding.at.desc()).limit(_READ))
    found = rows.all()
    vectors = [np.frombuffer(row.vector, np.float16) for row in found if row.model == found[0].model]
    return np.mean(np.stack(vectors), axis=0, dtype=np.float32).astype(np.float16).tobytes() if vectors else None


def _weigh(db: Session, incident: Incident) -> None:
    """Find the severity; one that is lower than what was said before changes nothing."""
    expected = select(func.max(Spread.expected)).join(IncidentMention, IncidentMention.mention_id == Spread.mention_id)
    passed_on = int(db.scalar(expected.where(IncidentMention.incident_id == incident.id)) or 0)
    found = severity(Size(incident.peak, incident.authors, incident.reach, incident.angry, passed_on))
    if not worse(incident.severity, found.name):
        incident.severity, incident.reasons = found.name, list(found.reasons)


def _step(incident: Incident) -> int:
    """How often it doubled: growing is told of at 2, 4, 8, 16 ... complaints."""
    return 1 << (incident.mentions.bit_length() - 1) if incident.mentions else 0


def note(db: Session, clock: Clock, incident: Incident, kind: str, key: str, words: str) -> None:
    """A line on the timeline, once per kind and key. `words` hold nothing of any post."""
    row = {"incident_id": incident.id, "at": clock.now(), "kind": kind, "key": key, "words": words}
    db.execute(insert(db, IncidentEvent).values(row).on_conflict_do_nothing())
