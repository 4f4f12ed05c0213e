"""What answering needs: cases, drafts, replies, the playbook, and the audit of who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.tables.listener import Brand, Mention
from core.tables.row import Row
from core.tables.web import User


class Case(Row):
    """A mention (with its thread) that a person should look at.

    `state` changes only in responder/cases.py, by an update conditional on `version`. `priority` is 0..100,
    `reasons` say why in words, `facts` hold what they were found from (responder/triage.py). `permission` is api,
    hand or no, with its reason. `due_at`: first reply is due. `author_id` and `thread` (platform and first item of
    the thread) are the mention's: by them later mentions find the case. `owner_id` has had it since `claimed_at`.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index(None, "state", "priority"),
        Index(None, "brand_id", "state", "priority"),
        Index(None, "state", "changed_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), unique=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(default="new")
    version: Mapped[int] = mapped_column(default=1)
    priority: Mapped[int] = mapped_column(default=0)
    reasons: Mapped[list[str]] = mapped_column(default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id", ondelete="SET NULL"), index=True)
    thread: Mapped[str | None] = mapped_column(index=True)
    permission: Mapped[str]
    permission_why: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    claimed_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    snoozed_until: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    mention: Mapped[Mention] = relationship()
    brand: Mapped[Brand] = relationship()
    owner: Mapped[User | None] = relationship()
    drafts: Mapped[list[Draft]] = relationship(back_populates="case", cascade="all, delete-orphan")
    replies: Mapped[list[Reply]] = relationship(back_populates="case", cascade="all, delete-orphan")
    mentions: Mapped[list[CaseMention]] = relationship(back_populates="case", cascade="all, delete-orphan")


class CaseMention(Row):
    """That a mention belongs to a case: its own, or an open one of the same author or thread. One case each."""

    __tablename__ = "case_mentions"

    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    why: Mapped[str]
    joined_at: Mapped[datetime]

    case: Mapped[Case] = relationship(back_populates="mentions")
    mention: Mapped[Mention] = relationship()


class Draft(Row):
    """A suggested reply. `origin` is playbook, person or writer; `unresolved` are placeholders to fill in."""

    __tablename__ = "drafts"
    __table_args__ = (UniqueConstraint("case_id", "origin", "playbook_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    origin: Mapped[str]
    why: Mapped[str]
    playbook_id: Mapped[int | None] = mapped_column(ForeignKey("playbook.id", ondelete="SET NULL"))
    score: Mapped[float | None]
    unresolved: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime]

    case: Mapped[Case] = relationship(back_populates="drafts")


class Reply(Row):
    """A text that a person approved; posted at most once. The outbox is the replies of approved cases.

    `turn` counts a case's replies: a new approval after a failure is a new row, never the old one again.
    `key` is handed to platforms that recognise a repeated request. `via` is the replier, or hand. `account` is as
    whom it was approved (empty: whichever the replier has). `error` is what went wrong last, in the platform's words.
    """

    __tablename__ = "replies"
    __table_args__ = (UniqueConstraint("case_id", "turn"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"))
    turn: Mapped[int]
    key: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    account: Mapped[str]
    via: Mapped[str]
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    approved_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    sending_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    native_id: Mapped[str | None]
    url: Mapped[str | None]
    error: Mapped[str | None]

    case: Mapped[Case] = relationship(back_populates="replies")


class PlaybookEntry(Row):
    """A reply that the brand has approved in general, with {placeholders}. `about` says when to use it."""

    __tablename__ = "playbook"
    __table_args__ = (UniqueConstraint("brand_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    text: Mapped[str]
    about: Mapped[str] = mapped_column(default="")
    tags: Mapped[list[str]] = mapped_column(default=list)
    language: Mapped[str] = mapped_column(default="en")
    platform: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime]


class Audit(Row):
    """Who did what to which case, and when. Rows are only ever added. `user_id` None is the service itself."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id", ondelete="SET NULL"), index=True)
    action: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
