"""Alerts: what people should hear of, who hears it where, and what was delivered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.tables.listener import Brand
from core.tables.row import Row


class Channel(Row):
    """A place outside where people are told: `kind` is slack (a bot), slack_webhook or apprise (everything else).

    `settings` are its open settings, `credentials` its secret ones, encrypted (core/secrets.py). Without a `brand_id`
    any brand's rules may use it. `state` is ok or paused (a person must act; `reason` says how, in the service's
    words); nothing is sent before `rest_until`.
    """

    __tablename__ = "channels"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int | None] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    name: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    credentials: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    state: Mapped[str] = mapped_column(default="ok")
    reason: Mapped[str | None]
    rest_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class AlertRule(Row):
    """Who hears what of a brand, where: alerts of these `kinds`, from this `severity` on, in these `hours`.

    `kinds` are some of core.alerts.KINDS. `hours` are {"when": always | business | custom, ...}; outside of them an
    alert waits for them to begin, unless it is at least as severe as `hours["break_from"]`. Where nobody has taken it
    after `escalate_minutes` it also goes to `escalate_to`.
    """

    __tablename__ = "alert_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), index=True)
    kinds: Mapped[list[str]] = mapped_column(default=list)
    severity: Mapped[str] = mapped_column(default="normal")
    hours: Mapped[dict[str, Any]] = mapped_column(default=dict)
    escalate_minutes: Mapped[int | None]
    escalate_to: Mapped[int | None] = mapped_column(ForeignKey("channels.id", ondelete="SET NULL"))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]

    channel: Mapped[Channel] = relationship(foreign_keys=[channel_id])


class Alert(Row):
    """One occasion on which people should be told of something: once, however often it is noticed.

    `subject_id` is the id of what `kind` (core.alerts.KINDS) says: an incident, a ripple, a case, a source, a brand.
    `key` tells one occasion from another. `changed_at`: the subject changed, so messages about it are to be brought
    up to date. It is escalated while nobody has taken it (`taken_at`) and it is not over (`closed_at`).
    """

    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("kind", "subject_id", "key"), Index(None, "brand_id", "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int | None] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    kind: Mapped[str]
    subject_id: Mapped[int]
    key: Mapped[str] = mapped_column(default="")
    severity: Mapped[str]
    words: Mapped[str]
    at: Mapped[datetime]
    changed_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    brand: Mapped[Brand | None] = relationship()


class Delivery(Row):
    """One message to one channel about one alert, written before it is sent.

    `kind` is alert, escalation, or thread (a line under the alert: `key` is the timeline event's id). `state` is
    waiting, sending, sent, failed (`error` says why, in the service's words), unsure (it may have arrived: it is not
    sent again) or dropped. It goes at `due` at the earliest. `place` is where it stands outside (Slack: channel, ts),
    `shown` the fingerprint of what it says there, so that it is changed only when that has, `updated_at` when it was.
    """

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("alert_id", "channel_id", "kind", "key"), Index(None, "state", "due"))

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channels.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(default="alert")
    key: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="waiting")
    due: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    sending_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    place: Mapped[dict[str, str]] = mapped_column(default=dict)
    shown: Mapped[str] = mapped_column(default="")
    error: Mapped[str | None]

    alert: Mapped[Alert] = relationship()
    channel: Mapped[Channel] = relationship()


class Quoted(Row):
    """That a delivered message quotes a mention: when that is forgotten, the message has to be changed."""

    __tablename__ = "quoted"

    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True, index=True)


class SlackPerson(Row):
    """Who somebody in a Slack workspace is here, since they connected the two."""

    __tablename__ = "slack_people"

    workspace: Mapped[str] = mapped_column(primary_key=True)
    native_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    linked_at: Mapped[datetime]
