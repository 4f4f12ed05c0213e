"""Incidents: many like complaints, as one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.tables.listener import Brand, Mention
from core.tables.responder import KnownIssue
from core.tables.row import Row
from core.tables.web import User


class Embedding(Row):
    """What a model makes of a complaint's text: 384 numbers (float16), by which like finds like. Goes with the text."""

    __tablename__ = "embeddings"
    __table_args__ = (Index(None, "brand_id", "at"),)

    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str]
    at: Mapped[datetime]
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class Incident(Row):
    """Many like complaints as one: one owner, one timeline, one holding reply.

    `state` is open, ended, dismissed (it was none, or not ours) or merged (into `merged_into`); it changes only by an
    update conditional on `version`. `origin` is likeness (like complaints), spike (more complaints than usual, however
    unlike) or spread (one complaint that is taking off: `mention_id`). `severity` is urgent, high or normal, with its
    reasons. `words` are its own, of which `name` is made unless a person (`named_by`) gave one.

    `began_at`: its first complaint. `could_at`: when we could have known, at the earliest. `noticed_at`: when we knew.
    `peak` complaints came in the hour from `peak_at`. `centroid` is the mean of its embeddings. The counts stay when
    its mentions are forgotten. `holding` is the reply that is suggested in each of its cases; its public status text
    is that of its known issue.
    """

    __tablename__ = "incidents"
    __table_args__ = (Index(None, "brand_id", "state", "changed_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(default="open")
    version: Mapped[int] = mapped_column(default=1)
    origin: Mapped[str]
    mention_id: Mapped[int | None] = mapped_column(ForeignKey("mentions.id", ondelete="SET NULL"))
    name: Mapped[str]
    named_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    words: Mapped[list[str]] = mapped_column(default=list)
    severity: Mapped[str] = mapped_column(default="normal")
    reasons: Mapped[list[str]] = mapped_column(default=list)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    taken_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    began_at: Mapped[datetime]
    could_at: Mapped[datetime | None]
    noticed_at: Mapped[datetime]
    last_at: Mapped[datetime]
    first_reply_at: Mapped[datetime | None]
    peak_at: Mapped[datetime | None]
    peak: Mapped[int] = mapped_column(default=0)
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    why_ended: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime]
    mentions: Mapped[int] = mapped_column(default=0)
    authors: Mapped[int] = mapped_column(default=0)
    reach: Mapped[int] = mapped_column(default=0)
    angry: Mapped[int] = mapped_column(default=0)
    centroid: Mapped[bytes | None] = mapped_column(LargeBinary)
    holding: Mapped[str] = mapped_column(default="")
    holding_version: Mapped[int] = mapped_column(default=0)
    known_issue_id: Mapped[int | None] = mapped_column(ForeignKey("known_issues.id", ondelete="SET NULL"))
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("incidents.id", ondelete="SET NULL"))

    brand: Mapped[Brand] = relationship()
    owner: Mapped[User | None] = relationship(foreign_keys=[owner_id])
    known_issue: Mapped[KnownIssue | None] = relationship()


class IncidentMention(Row):
    """That a mention belongs to an incident of a brand: by its likeness (0..1), or because a person (`by_hand`) put it
    there, or took it out of the one it was in (`incident_id` None: it joins none by itself again).

    `followers` are its author's when it joined: what an incident reached stays when the author is forgotten.
    """

    __tablename__ = "incident_mentions"
    __table_args__ = (Index(None, "incident_id", "joined_at"),)

    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True)
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    likeness: Mapped[float | None]
    by_hand: Mapped[bool] = mapped_column(default=False)
    followers: Mapped[int] = mapped_column(default=0)
    joined_at: Mapped[datetime]

    mention: Mapped[Mention] = relationship()


class IncidentEvent(Row):
    """One line of an incident's timeline. `words` hold nothing of any post. `key`: each occasion is told once."""

    __tablename__ = "incident_events"
    __table_args__ = (UniqueConstraint("incident_id", "kind", "key"), Index(None, "incident_id", "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str]
    key: Mapped[str]
    words: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    who: Mapped[str] = mapped_column(default="")
