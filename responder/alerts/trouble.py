"""What people are told when alerts do not get through: once, on the pages and through another channel."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import alerts
from core.clock import Clock
from core.roles import holds
from core.tables import Channel, Delivery, User
from responder.desk.notifications import tell_of_alert


def pause(db: Session, clock: Clock, channel: Channel, reason: str) -> None:
    """Send nothing there until a person has acted, and say so once."""
    if channel.state == "paused":
        return
    channel.state, channel.reason = "paused", reason
    db.flush()
    words = f"{channel.name}: {reason}. What waits for it goes when somebody has mended it"
    alerts.tell(db, clock, "channel", channel.id, channel.brand_id, "high", words, key=clock.now().isoformat())


def undelivered(db: Session, clock: Clock, row: Delivery) -> None:
    """Somebody has to see to one message by hand: the pages tell who sets up the brand."""
    brand_id = row.alert.brand_id
    able = User.active & (User.role == "admin") if brand_id is None else holds("admin", brand_id)
    sure = "may not have reached" if row.state == "unsure" else "did not reach"
    words = f"An alert {sure} {row.channel.name}: {row.alert.words}"
    users = db.scalars(select(User.id).where(able)).all()
    tell_of_alert(db, clock, users, row.alert_id, "trouble", words, key=f"{row.id} {row.attempts}")
