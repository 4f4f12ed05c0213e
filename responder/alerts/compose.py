"""What a message says of an alert at this moment, from what it is about; the senders make it fit for their place.

Posts are masked and cut, at most three of them, and never those that were forgotten; which ones a message quotes is
given along, so that it can be changed when one of them is (tables.Quoted).
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.mask import mask
from core.settings import Settings
from core.tables import (
    Alert,
    Brand,
    Case,
    Channel,
    Delivery,
    Incident,
    IncidentEvent,
    IncidentMention,
    Mention,
    Ripple,
    Source,
    User,
)
from responder.alerts import digest, incident_chart
from responder.alerts.channel import Message
from responder.alerts.places import address, path_of

LATE = timedelta(minutes=2)
"""What arrives so long after it was noticed says how old it is."""

_EXAMPLES, _LONGEST = 3, 280
_BUTTONS = (("take", "I take it"), ("snooze", "Snooze 1 h"), ("dismiss", "Not us"))


@dataclass(frozen=True, slots=True)
class Composed:
    """A message, the mentions that it quotes, and a fingerprint of all that people see of it."""

    message: Message
    quotes: tuple[int, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Two messages with the same one need not be told apart; the picture and the age of one do not count."""
        seen = astuple(replace(self.message, chart=None, age=""))
        return hashlib.sha256(repr(seen).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def compose(db: Session, settings: Settings, row: Delivery, now: datetime, *, drawn: bool = True) -> Composed:
    """What a delivery says now. `drawn`: with its chart, which costs more than all the rest."""
    alert = row.alert
    brand = db.get(Brand, alert.brand_id) if alert.brand_id is not None else None
    zone = ZoneInfo(brand.timezone if brand else "UTC")
    url = address(settings, path_of(alert.kind, alert.subject_id))
    plain = Message(_TITLES.get(alert.kind, "Alert"), alert.severity, alert.words, url, alert_id=alert.id)
    said = Composed(replace(plain, brand=brand.name if brand else "", state=_over(alert, zone)))
    if alert.kind == "incident" and (incident := db.get(Incident, alert.subject_id)) is not None:
        said = _incident(db, incident, said.message, zone, now, drawn)
    elif alert.kind == "spread":
        said = _spread(db, settings, alert, said.message)
    elif alert.kind == "digest" and brand is not None:
        said = Composed(digest.message(db, settings, brand, alert.key, said.message, drawn=drawn))
    else:
        said = _about(db, alert, said)
    age = "" if alert.kind == "digest" else _age(alert, row, now, zone)
    title = said.message.title
    if row.kind == "escalation":
        title = f"Nobody has taken it yet: {title}"
    return replace(said, message=replace(said.message, age=age, title=title))


def thread_line(db: Session, row: Delivery) -> str | None:
    """What a line below a message says: the event of an incident's timeline; None when that is gone."""
    event = db.get(IncidentEvent, int(row.key))
    if event is None:
        return None
    return f"{event.who}: {event.words}" if event.who else event.words


_TITLES = {
    "spread": "A post is taking off",
    "breach": "A reply is late",
    "source": "A source needs a person",
    "canary": "Our own test message was not heard",
    "channel": "Alerts cannot be delivered",
}


def _over(alert: Alert, zone: ZoneInfo) -> str:
    return f"over since {_clock(alert.closed_at, zone)}" if alert.closed_at else ""


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"


def _age(alert: Alert, row: Delivery, now: datetime, zone: ZoneInfo) -> str:
    """How late it is told, once that is worth saying. A message that is changed keeps the age that it had."""
    late = (row.sent_at or now) - (row.due if row.kind == "escalation" else alert.at)
    if late < LATE:
        return ""
    local = alert.at.astimezone(zone)
    day = f"{local:%a} {local.day} {local:%b} " if late > timedelta(hours=18) else ""
    return f"noticed {day}{local:%H:%M}, delivered {_span(late)} later"


def _span(late: timedelta) -> str:
    minutes = int(late.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _incident(db: Session, incident: Incident, plain: Message, zone: ZoneInfo, now: datetime, drawn: bool) -> Composed:
    people = f"{incident.authors:,} {'person' if incident.authors == 1 else 'people'}"
    complaints = f"{incident.mentions:,} {'complaint' if incident.mentions == 1 else 'complaints'}"
    facts = [("Complaints", f"{incident.mentions:,} from {people}"), ("Since", _moment(incident.began_at, now, zone))]
    if incident.peak and incident.peak_at:
        facts.append(("Busiest hour", f"{incident.peak:,} from {_clock(incident.peak_at, zone)}"))
    if incident.reach:
        facts.append(("Followers of who wrote", f"{incident.reach:,}"))
    if incident.angry:
        facts.append(("Angry", f"{incident.angry:,}"))
    posts = _examples(db, incident.id)
    words = f"{complaints} from {people} since {_moment(incident.began_at, now, zone)}"
    ripple = _ripple(db, incident.id)
    reasons = "; ".join(incident.reasons)
    message = replace(
        plain,
        title=incident.name,
        severity=incident.severity,
        sentence=". ".join(part for part in (ripple or words, reasons[:1].upper() + reasons[1:]) if part),
        facts=tuple(facts),
        examples=tuple(text for _, text in posts),
        state=_state(db, incident, zone, now),
        buttons=_buttons(incident),
        chart=incident_chart.image(db, incident, now, str(zone)) if drawn else None,
        incident_id=incident.id,
        version=incident.version,
    )
    return Composed(message, tuple(mention_id for mention_id, _ in posts))


def _moment(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    same_day = local.date() == now.astimezone(zone).date()
    return f"{local:%H:%M}" if same_day else f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


def _ripple(db: Session, incident_id: int) -> str | None:
    """How fast: the newest spike that belongs to it, in its own words."""
    newest = select(Ripple.sentence).where(Ripple.incident_id == incident_id, Ripple.kind != "spread")
    return db.scalars(newest.order_by(Ripple.at.desc()).limit(1)).one_or_none()


def _buttons(incident: Incident) -> tuple[tuple[str, str], ...]:
    if incident.state != "open":
        return ()
    return tuple(one for one in _BUTTONS if one[0] != "take" or incident.owner_id is None)


def _state(db: Session, incident: Incident, zone: ZoneInfo, now: datetime) -> str:
    if incident.state == "merged":
        other = db.get(Incident, incident.merged_into) if incident.merged_into else None
        return f"part of “{other.name}” now" if other else "part of another incident now"
    if incident.state != "open":
        when = f" {_moment(incident.ended_at, now, zone)}" if incident.ended_at else ""
        return f"{incident.state}{when}{': ' if incident.why_ended else ''}{incident.why_ended}"
    parts = ["open"]
    owner = db.get(User, incident.owner_id) if incident.owner_id else None
    if owner is not None:
        parts = [f"taken by {owner.name}"]
    if incident.snoozed_until and incident.snoozed_until > now:
        parts.append(f"snoozed until {_moment(incident.snoozed_until, now, zone)}")
    return ", ".join(parts)


def _examples(db: Session, incident_id: int) -> list[tuple[int, str]]:
    """The likest posts of an incident that are still there, one per author, masked and cut."""
    wanted = select(Mention.id, Mention.text, Mention.author_id).join(
        IncidentMention, IncidentMention.mention_id == Mention.id
    )
    wanted = wanted.where(IncidentMention.incident_id == incident_id, Mention.deleted_at.is_(None))
    rows = db.execute(wanted.order_by(IncidentMention.joined_at, Mention.id).limit(50)).all()
    found: dict[int, tuple[int, str]] = {}
    for row in rows:
        if row.text.strip():
            found.setdefault(row.author_id, (row.id, example(row.text)))
    return list(found.values())[:_EXAMPLES]


def example(text: str) -> str:
    """A post as it may leave the pages: masked, on one line, cut."""
    plain = " ".join(mask(text[:5_000]).split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1].rstrip() + "…"


def _spread(db: Session, settings: Settings, alert: Alert, plain: Message) -> Composed:
    """One post that is taking off; its case is where people act."""
    ripple = db.get(Ripple, alert.subject_id)
    mention = db.get(Mention, ripple.mention_id) if ripple and ripple.mention_id else None
    if mention is None or mention.deleted_at is not None:
        return Composed(plain)
    case_id = db.scalar(select(Case.id).where(Case.mention_id == mention.id, Case.brand_id == alert.brand_id))
    url = address(settings, path_of("breach", case_id)) if case_id else plain.url
    return Composed(replace(plain, examples=(example(mention.text),), url=url), (mention.id,))


def _about(db: Session, alert: Alert, said: Composed) -> Composed:
    """Alerts whose words say all of it; the title names the source or the channel."""
    row: Source | Channel | None = None
    if alert.kind in ("source", "canary"):
        row = db.get(Source, alert.subject_id)
    elif alert.kind == "channel":
        row = db.get(Channel, alert.subject_id)
    return replace(said, message=replace(said.message, title=f"{said.message.title}: {row.name}")) if row else said
