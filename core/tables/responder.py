"""What answering needs: cases, drafts, replies, the playbook, and the audit of who did what."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.tables.listener import Brand, Mention
from core.tables.row import Row
from core.tables.web import User


class Case(Row):
    """A mention (with its thread) that a person should look at.

    `state` changes only in responder/desk/cases.py, by an update conditional on `version`. `priority` is 0..100,
    `reasons` say why in words, `facts` hold what they were found from (responder/desk/triage.py). `permission` is api,
    hand or no, with its reason. `due_at`: first reply is due. `author_id` and `thread` (platform and first item of
    the thread) are the mention's: by them later mentions find the case.

    `kind` is complaint, question, purchase, praise or other; `severity` urgent, high or normal. `team_id` is whose
    queue it stands in, `owner_id` whose it is since `claimed_at`. Who has it open to answer holds it from `held_since`
    until `held_until`. `proposed_by` wrote a text that waits for a second person because of `proposed_why`.

    The clock: `due_at` and `resolve_due_at`, met at `first_reply_at` and `resolved_at`; most of the time to them is
    gone at `warn_at` and `resolve_warn_at`. Somebody was warned of them at `warned_at`, of their passing at
    `breached_at`. After our reply: a word to ask is proposed at `follow_up_at`, and `outcome` (better, same, worse) is
    what the author's next word, `outcome_mention_id`, sounds like. `platform` and `followers` are the first mention's
    and its author's when the case was opened, for the figures by platform and audience.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index(None, "state", "priority"),
        Index(None, "brand_id", "state", "priority"),
        Index(None, "state", "changed_at"),
        Index(None, "team_id", "state", "priority"),
        Index(None, "owner_id", "state", "priority"),
        Index(None, "state", "due_at"),
        Index(None, "kind", "state", "priority"),
        Index(None, "held_until"),
        Index(None, "brand_id", "opened_at"),
        Index(None, "kind", "state", "due_at"),  # every page counts the complaints that are late
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
    kind: Mapped[str] = mapped_column(default="other")
    severity: Mapped[str] = mapped_column(default="normal")
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    claimed_at: Mapped[datetime | None]
    holder_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    held_since: Mapped[datetime | None]
    held_until: Mapped[datetime | None]
    proposed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    proposed_at: Mapped[datetime | None]
    proposed_why: Mapped[list[str]] = mapped_column(default=list)
    known_issue_id: Mapped[int | None] = mapped_column(ForeignKey("known_issues.id", ondelete="SET NULL"), index=True)
    due_at: Mapped[datetime | None]
    warn_at: Mapped[datetime | None]
    resolve_due_at: Mapped[datetime | None]
    resolve_warn_at: Mapped[datetime | None]
    first_reply_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    warned_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    follow_up_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    outcome_at: Mapped[datetime | None]
    outcome_mention_id: Mapped[int | None] = mapped_column(ForeignKey("mentions.id", ondelete="SET NULL"))
    snoozed_until: Mapped[datetime | None]
    platform: Mapped[str] = mapped_column(default="", server_default="")
    followers: Mapped[int | None]
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    mention: Mapped[Mention] = relationship(foreign_keys=[mention_id])
    brand: Mapped[Brand] = relationship()
    owner: Mapped[User | None] = relationship(foreign_keys=[owner_id])
    holder: Mapped[User | None] = relationship(foreign_keys=[holder_id])
    drafts: Mapped[list[Draft]] = relationship(back_populates="case", cascade="all, delete-orphan")
    replies: Mapped[list[Reply]] = relationship(back_populates="case", cascade="all, delete-orphan")
    mentions: Mapped[list[CaseMention]] = relationship(back_populates="case", cascade="all, delete-orphan")


class CareChange(Row):
    """That the figures of a brand's care changed for the cases that were opened on a day (UTC). Written by triggers
    on cases (core/care_index.py); gone once the day is packed. The brand may be gone."""

    __tablename__ = "care_changes"
    __table_args__ = (Index(None, "brand_id", "day"), Index(None, "day"))

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int]
    day: Mapped[date]


class CareDay(Row):
    """What the figures of care need of every case of a platform that was opened on a day (UTC) and not dismissed,
    packed (responder/timing/care_days.py). It holds as long as there is no CareChange of the day."""

    __tablename__ = "care_days"

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    platform: Mapped[str] = mapped_column(primary_key=True)
    cases: Mapped[bytes] = mapped_column(LargeBinary)


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
    """A suggested reply. `origin` is playbook, past (like our reply `reply_id`), holding, writer, person, kept or
    proposal.

    Of a person there is one per case and `user_id`: what they typed so far; its `version` rises with every save. What
    a later save from another window replaced is `kept`. A proposal is the one text of a case that waits for a second
    person. Holding is the reply that its incident holds ready, `version` that incident's. `unresolved` are
    placeholders to fill in.
    """

    __tablename__ = "drafts"
    __table_args__ = (UniqueConstraint("case_id", "origin", "playbook_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    origin: Mapped[str]
    why: Mapped[str]
    playbook_id: Mapped[int | None] = mapped_column(ForeignKey("playbook.id", ondelete="SET NULL"))
    reply_id: Mapped[int | None] = mapped_column(ForeignKey("replies.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    score: Mapped[float | None]
    unresolved: Mapped[list[str]] = mapped_column(default=list)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]

    case: Mapped[Case] = relationship(back_populates="drafts")


class Reply(Row):
    """A text that a person approved; posted at most once. The outbox is the replies of approved cases.

    `turn` counts a case's replies: a new approval after a failure is a new row, never the old one again.
    `key` is handed to platforms that recognise a repeated request. `via` is the replier, or hand. `account` is as
    whom it was approved (empty: whichever the replier has). `error` is what went wrong last, in the platform's words.
    It goes out at `send_after`, until when it can be taken back. `proposed_by` wrote it where a second person had to
    approve. `confirmed_at`: the listener saw it on the platform.
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
    proposed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    send_after: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    sending_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    native_id: Mapped[str | None] = mapped_column(index=True)
    url: Mapped[str | None]
    error: Mapped[str | None]

    case: Mapped[Case] = relationship(back_populates="replies")


class PlaybookEntry(Row):
    """A reply that the brand has approved in general, with {placeholders}. `about` says when to use it.

    From `expires_at` on it is suggested no longer.
    """

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
    expires_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class PlaybookVersion(Row):
    """How a playbook entry read at one version, and who made it so."""

    __tablename__ = "playbook_versions"
    __table_args__ = (UniqueConstraint("entry_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("playbook.id", ondelete="CASCADE"))
    version: Mapped[int]
    name: Mapped[str]
    text: Mapped[str]
    about: Mapped[str] = mapped_column(default="")
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class Team(Row):
    """People of a brand who share a queue. It is given the cases whose mention matches `query` (empty: all others).

    `assign` says how a case finds its owner: hand (people take it), round_robin, or load (who has the fewest).
    """

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("brand_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    name: Mapped[str]
    query: Mapped[str] = mapped_column(default="")
    assign: Mapped[str] = mapped_column(default="hand")
    created_at: Mapped[datetime]


class TeamMember(Row):
    """That a user is in a team, and when it last gave them a case."""

    __tablename__ = "team_members"

    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    given_at: Mapped[datetime | None]


class CaseTag(Row):
    """A word that people put on a case."""

    __tablename__ = "case_tags"

    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True, index=True)


class Note(Row):
    """What somebody wrote about a case for colleagues only. It is never sent to anybody outside."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    text: Mapped[str]
    at: Mapped[datetime]


class Notification(Row):
    """Something that a user should know of a case: `kind` is mentioned, assigned, taken_over, propose, due, breach ...
    or of an alert: `kind` is alert, or trouble (it was not delivered).

    `key` tells one occasion from another: each is said once.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("user_id", "case_id", "kind", "key"),
        UniqueConstraint("user_id", "alert_id", "kind", "key"),
        Index(None, "user_id", "seen_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), index=True)
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alerts.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    key: Mapped[str] = mapped_column(default="")
    words: Mapped[str]
    at: Mapped[datetime]
    seen_at: Mapped[datetime | None]


class KnownIssue(Row):
    """Something that is wrong and that we know of; drafts of the cases linked to it quote its `status`."""

    __tablename__ = "known_issues"

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    status: Mapped[str] = mapped_column(default="")
    url: Mapped[str | None]
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Audit(Row):
    """Who did what to which case, and when. Rows are only ever added, by core/audit.py, which chains them.

    `user_id` None is the service itself. Ids and names are kept as they were: a row outlives what it tells of.
    `place` numbers the chain from 1, `hash` covers the row and the hash before it.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    user_id: Mapped[int | None]
    who: Mapped[str] = mapped_column(default="")
    case_id: Mapped[int | None] = mapped_column(index=True)
    action: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    place: Mapped[int | None] = mapped_column(unique=True)
    hash: Mapped[str | None]


class AuditHead(Row):
    """The end of the audit's chain: how many rows it has, and the hash of the last. One row, `id` 1."""

    __tablename__ = "audit_heads"

    id: Mapped[int] = mapped_column(primary_key=True)
    rows: Mapped[int]
    hash: Mapped[str]
