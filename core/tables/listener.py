"""What the listener remembers: brands, queries, sources, authors, mentions, and the gaps in between."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.tables.row import Row


class Brand(Row):
    """Whose name we listen for. `hours` maps weekday ("mon".."sun") to ["09:00", "17:00"]; {} means always open.

    `holidays` are closed days: {"country": "DE", "region": "BE", "days": ["2026-12-24"]}. `targets` are minutes of open
    time by severity ({"urgent": {"first": 15, "resolve": 240}}); what is not there falls back to the two columns.
    `approval` says which replies need a second person, `guard` what the guard blocks, `voice` how the brand sounds,
    `writer` whether a language model may suggest texts and on which platforms that was confirmed as allowed.
    `follow_up_hours` after a reply a word to ask whether all is well is proposed; None: never. `thanks`: praise that
    speaks to us becomes a case, to thank for it.

    A `competitor` is listened for to compare with: its mentions never become cases, and it is the first to be left
    out when the money for a source runs short.
    """

    __tablename__ = "brands"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    timezone: Mapped[str] = mapped_column(default="UTC")
    hours: Mapped[dict[str, Any]] = mapped_column(default=dict)
    first_reply_minutes: Mapped[int] = mapped_column(default=60)
    urgent_reply_minutes: Mapped[int] = mapped_column(default=15)
    holidays: Mapped[dict[str, Any]] = mapped_column(default=dict)
    targets: Mapped[dict[str, Any]] = mapped_column(default=dict)
    follow_up_hours: Mapped[int | None]
    thanks: Mapped[bool] = mapped_column(default=True)
    approval: Mapped[dict[str, Any]] = mapped_column(default=dict)
    guard: Mapped[dict[str, Any]] = mapped_column(default=dict)
    voice: Mapped[str] = mapped_column(default="")
    writer: Mapped[dict[str, Any]] = mapped_column(default=dict)
    competitor: Mapped[bool] = mapped_column(default=False)
    sample: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]

    queries: Mapped[list[Query]] = relationship(back_populates="brand", cascade="all, delete-orphan")
    own_accounts: Mapped[list[OwnAccount]] = relationship(back_populates="brand", cascade="all, delete-orphan")


class OwnAccount(Row):
    """An account of the brand or its employees: what it posts is never a mention. `handle` is stored folded, no @."""

    __tablename__ = "own_accounts"
    __table_args__ = (UniqueConstraint("platform", "handle", "brand_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    platform: Mapped[str]
    handle: Mapped[str]

    brand: Mapped[Brand] = relationship(back_populates="own_accounts")


class Query(Row):
    """A boolean expression that a mention must match to be the brand's."""

    __tablename__ = "queries"
    __table_args__ = (UniqueConstraint("brand_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    text: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]

    brand: Mapped[Brand] = relationship(back_populates="queries")


class Source(Row):
    """A configured place that we hear from, and how far we have heard it.

    With a `brand_id` everything it gives is that brand's (its own mailbox, an import); without one a mention
    is kept only if a query matches. `state` is one of running, waiting (trying again at `next_try_at`), paused
    (a person must act; `reason` says how), off. `cursor` is the source's own and moves only with the mentions.
    `holder` is the listener process that hears it until `held_until`, and renews that; then any other may.

    `credentials` are its secret settings, encrypted (core/secrets.py); `account` is whom they stand for and
    `expires_at` how long. Everything up to `heard_to` on the platform's clock has been heard, save what the gaps say.
    `last_events` maps each collection to the time of its last event (ISO 8601). `budget` is in US dollars a month.
    From `recheck_at` on the platform is asked whether mentions are still there. `longest`: see types.Access.
    """

    __tablename__ = "sources"
    __table_args__ = (UniqueConstraint("kind", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    brand_id: Mapped[int | None] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]

    credentials: Mapped[str | None]
    account: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    longest: Mapped[int | None]
    budget: Mapped[int | None]
    recheck_at: Mapped[datetime | None]

    cursor: Mapped[str | None]
    heard_to: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default="running")
    reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]
    last_ok_at: Mapped[datetime | None]
    last_event_at: Mapped[datetime | None]
    last_events: Mapped[dict[str, str]] = mapped_column(default=dict)
    rejected: Mapped[int] = mapped_column(default=0)
    holder: Mapped[str | None]
    held_until: Mapped[datetime | None]


class Author(Row):
    """Who writes, per platform. Never matched across platforms."""

    __tablename__ = "authors"
    __table_args__ = (UniqueConstraint("platform", "native_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[str]
    native_id: Mapped[str]
    handle: Mapped[str]
    name: Mapped[str] = mapped_column(default="")
    followers: Mapped[int | None]


class Mention(Row):
    """One public item by one author, stored once. `deleted_at`: the text is gone, the count stays.

    `checked_at`: when the platform was last asked whether it is still there, where it does not tell by itself.
    """

    __tablename__ = "mentions"
    __table_args__ = (
        UniqueConstraint("platform", "native_id"),
        Index(None, "conversation", "platform"),  # not led by platform: PostgreSQL would look ids up by it
        Index(None, "author_id", "created_at"),
        Index(None, "checked_at", "platform"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[str]
    native_id: Mapped[str]
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id", ondelete="SET NULL"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"))
    text: Mapped[str]
    url: Mapped[str | None]
    kind: Mapped[str] = mapped_column(default="post")
    reply_to: Mapped[str | None]
    conversation: Mapped[str | None]
    lang: Mapped[str | None]
    likes: Mapped[int] = mapped_column(default=0)
    reposts: Mapped[int] = mapped_column(default=0)
    replies: Mapped[int] = mapped_column(default=0)
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(index=True)
    heard_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]

    author: Mapped[Author] = relationship()
    source: Mapped[Source | None] = relationship()
    matches: Mapped[list[Match]] = relationship(back_populates="mention", cascade="all, delete-orphan")


class Match(Row):
    """That a mention is a brand's: by a query of it, or (`query_id` None) because its source is the brand's."""

    __tablename__ = "matches"
    __table_args__ = (UniqueConstraint("mention_id", "brand_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"))
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    query_id: Mapped[int | None] = mapped_column(ForeignKey("queries.id", ondelete="SET NULL"))

    mention: Mapped[Mention] = relationship(back_populates="matches")
    brand: Mapped[Brand] = relationship()


class MentionVersion(Row):
    """How a mention read before its author edited it, at `until`. Goes when the mention is forgotten."""

    __tablename__ = "mention_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    until: Mapped[datetime]


class Gap(Row):
    """A span of time in which a source may have missed something; open until refetched (`closed_at`).

    One that is `lost` the source's own cursor cannot bring back: it has to be asked for, part by part from `cursor`,
    the next at `next_try_at`. `accepted_by` is who decided that what was in it will not be had.
    """

    __tablename__ = "gaps"
    __table_args__ = (Index(None, "source_id", "closed_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    start: Mapped[datetime]
    end: Mapped[datetime]
    reason: Mapped[str]
    lost: Mapped[bool] = mapped_column(default=False)
    cursor: Mapped[str | None]
    next_try_at: Mapped[datetime | None]
    accepted_by: Mapped[str | None]
    closed_at: Mapped[datetime | None]


class SourceHour(Row):
    """What one source heard of one collection in one hour (UTC): `events` came, `kept` of them became mentions."""

    __tablename__ = "source_hours"
    __table_args__ = (UniqueConstraint("source_id", "hour", "collection"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    hour: Mapped[datetime]
    collection: Mapped[str]
    events: Mapped[int] = mapped_column(default=0)
    kept: Mapped[int] = mapped_column(default=0)


class Spending(Row):
    """What one source used of one paid item on one day (UTC): units, and their price then in millionths of a dollar."""

    __tablename__ = "spendings"
    __table_args__ = (UniqueConstraint("source_id", "day", "item"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    day: Mapped[date]
    item: Mapped[str]
    units: Mapped[int] = mapped_column(default=0)
    cost: Mapped[int] = mapped_column(BigInteger, default=0)


class Canary(Row):
    """A message that we sent to ourselves through a source, to prove that it is heard end to end.

    One that was published for all to see is `native_id` there, and is deleted at `remove_at`.
    """

    __tablename__ = "canaries"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), index=True)
    token: Mapped[str] = mapped_column(unique=True)
    sent_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    error: Mapped[str | None]
    native_id: Mapped[str | None]
    remove_at: Mapped[datetime | None]


class Forgetting(Row):
    """That something was forgotten, without saying what: why, when it was asked for, when done, how many mentions."""

    __tablename__ = "forgettings"

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[str]
    why: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(index=True)
    done_at: Mapped[datetime]
    mentions: Mapped[int]


class Copy(Row):
    """That a mention says nearly the same as an earlier one of the same brand: the first of its kind is `first_id`."""

    __tablename__ = "copies"

    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True)
    first_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), index=True)


class Wording(Row):
    """Fingerprints of a mention's words: two texts that share one are compared (listener/copies.py)."""

    __tablename__ = "wordings"
    __table_args__ = (Index(None, "fingerprint"),)

    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[int] = mapped_column(BigInteger)


class WordList(Row):
    """A brand's list of words or phrases, for use in its queries as `list:NAME`."""

    __tablename__ = "word_lists"
    __table_args__ = (UniqueConstraint("brand_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    name: Mapped[str]
    words: Mapped[list[str]] = mapped_column(default=list)
