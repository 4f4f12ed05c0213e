"""Who hears of an alert: the `alert` stage.

Each alert that is new or changed comes through here. Of every rule of its brand that hears it a delivery is made, one
per channel however many rules, mentions or crashes (deliveries are unique), due when the rule's hours begin; a second
one to the channel that it is escalated to, due when nobody has taken it for so long. What was delivered before is
brought up to date where that can be done, and new lines of an incident's timeline go below it.

Of incidents, and of channels that nothing can be sent to, the pages themselves tell who looks after the brand
(responder/desk/notifications.py), with or without any rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core import waiting
from core.alerts import lane_of
from core.clock import Clock
from core.db import insert
from core.roles import holds
from core.runtime import Runtime
from core.tables import Alert, AlertRule, Brand, Channel, Delivery, IncidentEvent, User
from responder.alerts import rules
from responder.alerts.channel import HEARD
from responder.desk.notifications import tell_of_alert

STAGE = "alert"
BATCH = 50

UPDATE_EVERY = timedelta(seconds=5)
"""A message is changed once in so long at most, however often its subject does."""

CHANGED = frozenset({"slack"})
"""Kinds of channels whose messages can be changed, and have threads."""

_ON_THE_PAGES = frozenset({"incident", "channel"})
ESCALATED = frozenset({"incident", "spread", "breach", "source", "canary"})
"""Kinds of alerts that somebody is to take, and that go further when nobody does."""


def work(runtime: Runtime) -> int:
    """Route what is due; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, STAGE):
            return 0
    with runtime.db.write() as db:
        return route_alerts(db, runtime.clock)


def route_alerts(db: Session, clock: Clock, limit: int = BATCH) -> int:
    """Find who hears of the alerts that wait, at most `limit`; gives how many it saw to."""
    ids = waiting.take(db, clock, STAGE, limit)
    for alert in db.scalars(select(Alert).where(Alert.id.in_(ids)).order_by(Alert.id)):
        route(db, clock, alert)
    waiting.done(db, STAGE, ids)
    return len(ids)


def route(db: Session, clock: Clock, alert: Alert) -> None:
    """Write down who hears of one alert, and which messages about it have to change."""
    if alert.closed_at is None:
        if alert.kind in _ON_THE_PAGES:
            tell_of_alert(db, clock, _lookers_after(db, alert.brand_id), alert.id, "alert", alert.words)
        _send(db, clock, alert, _rules(db, alert))
    _bring_up_to_date(db, clock, alert)


def _rules(db: Session, alert: Alert) -> list[tuple[AlertRule, Brand]]:
    """The rules that hear an alert, with their brand; of one that is of no brand, those of all brands."""
    wanted = select(AlertRule, Brand).join(Brand, Brand.id == AlertRule.brand_id).join(AlertRule.channel)
    wanted = wanted.where(AlertRule.active, Channel.active).order_by(AlertRule.id)
    if alert.brand_id is not None:
        wanted = wanted.where(AlertRule.brand_id == alert.brand_id)
    return [(rule, brand) for rule, brand in db.execute(wanted).all() if rules.hears(rule, alert)]


def _lookers_after(db: Session, brand_id: int | None) -> Sequence[int]:
    """Who approves or sets up for the brand."""
    able = User.active & (User.role == "admin") if brand_id is None else holds("approver", brand_id)
    return db.scalars(select(User.id).where(able)).all()


def _send(db: Session, clock: Clock, alert: Alert, heard: Iterable[tuple[AlertRule, Brand]]) -> None:
    """One delivery per channel at the earliest of its rules, and one per channel that it may be escalated to."""
    now = clock.now()
    first: dict[int, datetime] = {}
    later: dict[int, datetime] = {}
    for rule, brand in heard:
        begins = rules.due(rule.hours, brand, alert.severity, now)
        first[rule.channel_id] = min(begins, first.get(rule.channel_id, begins))
        if rule.escalate_minutes and rule.escalate_to and alert.kind in ESCALATED and alert.taken_at is None:
            up = begins + timedelta(minutes=rule.escalate_minutes)
            later[rule.escalate_to] = min(up, later.get(rule.escalate_to, up))
    _write(db, clock, alert, "alert", first)
    _write(db, clock, alert, "escalation", later)


def _write(db: Session, clock: Clock, alert: Alert, kind: str, due: Mapping[int, datetime]) -> None:
    """Make these deliveries, by channel; of one that waits already the earlier time counts."""
    for channel_id, moment in due.items():
        row = {"alert_id": alert.id, "channel_id": channel_id, "kind": kind, "key": "", "due": moment}
        made = insert(db, Delivery).values(**row, state="waiting", attempts=0, place={}, shown="")
        new = db.scalar(made.on_conflict_do_nothing().returning(Delivery.id))
        if new is not None:
            waiting.add(db, clock, "deliver", [new], moment, lane=lane_of(alert.kind, alert.severity))
        else:
            _sooner(db, clock, alert, kind, channel_id, moment)


def _sooner(db: Session, clock: Clock, alert: Alert, kind: str, channel_id: int, moment: datetime) -> None:
    """What is more severe by now need not wait for the hours of the channel any more."""
    mine = (Delivery.alert_id == alert.id, Delivery.channel_id == channel_id, Delivery.kind == kind)
    row = db.scalars(select(Delivery).where(*mine, Delivery.state == "waiting", Delivery.due > moment)).one_or_none()
    if row is not None and row.attempts == 0:
        row.due = moment
        db.flush()
        waiting.done(db, "deliver", [row.id])
        waiting.add(db, clock, "deliver", [row.id], moment, lane=lane_of(alert.kind, alert.severity))


def _bring_up_to_date(db: Session, clock: Clock, alert: Alert) -> None:
    """Let the messages that stand somewhere be changed, and the incident's timeline go on below them."""
    sent = select(Delivery).options(joinedload(Delivery.channel)).join(Delivery.channel)
    sent = sent.where(Delivery.alert_id == alert.id, Delivery.kind.in_(("alert", "escalation")))
    for row in db.scalars(sent.where(Delivery.state == "sent", Channel.kind.in_(CHANGED))):
        last = row.updated_at or row.sent_at
        soonest = max(clock.now(), last + UPDATE_EVERY) if last else clock.now()
        waiting.add(db, clock, "deliver", [row.id], soonest)
        if alert.kind == "incident":
            _continue_thread(db, clock, alert, row)


def _continue_thread(db: Session, clock: Clock, alert: Alert, above: Delivery) -> None:
    """What happened to an incident since its message was written, as lines below it, one each."""
    since = above.sending_at or above.sent_at
    events = select(IncidentEvent.id).where(IncidentEvent.incident_id == alert.subject_id, IncidentEvent.at > since)
    events = events.where(IncidentEvent.key.not_like(f"{HEARD}{above.place.get('channel', '')}:%"))
    for event_id in db.scalars(events.order_by(IncidentEvent.id)):
        row = {"alert_id": alert.id, "channel_id": above.channel_id, "kind": "thread", "key": str(event_id)}
        made = insert(db, Delivery).values(**row, due=clock.now(), state="waiting", attempts=0, place={}, shown="")
        new = db.scalar(made.on_conflict_do_nothing().returning(Delivery.id))
        if new is not None:
            waiting.add(db, clock, "deliver", [new])
