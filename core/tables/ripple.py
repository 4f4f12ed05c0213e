"""Counts of what was said, what is watched in them, and what rose above the usual."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.tables.listener import Brand, Mention
from core.tables.row import Row


class Topic(Row):
    """What a brand wants counted by itself: the mentions that match `query`.

    While history is counted anew `cursor` is the id of the mention that it has come down to.
    """

    __tablename__ = "topics"
    __table_args__ = (UniqueConstraint("brand_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    name: Mapped[str]
    query: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    cursor: Mapped[int | None]
    created_at: Mapped[datetime]


class Counted(Row):
    """As what a mention stands in the counts of a brand, so that another verdict can move it and none count it twice.

    Goes with the mention's text; the counts stay. `words` are those that WordCount counted.
    """

    __tablename__ = "counted"
    __table_args__ = (Index(None, "brand_id", "hour"),)

    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[datetime]
    platform: Mapped[str]
    source_id: Mapped[int] = mapped_column(default=0)
    language: Mapped[str]
    sentiment: Mapped[str]
    complaint: Mapped[bool | None]
    angry: Mapped[bool] = mapped_column(default=False)
    intent: Mapped[str] = mapped_column(default="")
    followers: Mapped[int] = mapped_column(default=0)
    topics: Mapped[list[str]] = mapped_column(default=list)
    words: Mapped[list[str]] = mapped_column(default=list)


class HourCount(Row):
    """How many mentions of a brand were written in one hour (UTC), by one `dimension` and its `value`.

    Dimensions are all (value ""), platform, source (its id), topic (its id), language and intent. `reach` adds up the
    authors' followers. Kept up as verdicts arrive: pages read these and never the mentions.
    """

    __tablename__ = "hour_counts"

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    mentions: Mapped[int] = mapped_column(default=0)
    negative: Mapped[int] = mapped_column(default=0)
    neutral: Mapped[int] = mapped_column(default=0)
    positive: Mapped[int] = mapped_column(default=0)
    complaints: Mapped[int] = mapped_column(default=0)
    unsure: Mapped[int] = mapped_column(default=0)
    angry: Mapped[int] = mapped_column(default=0)
    reach: Mapped[int] = mapped_column(default=0)


class WordCount(Row):
    """In how many mentions of a brand a word stood on one day (UTC), and in how many of them that were complaints."""

    __tablename__ = "word_counts"

    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
    mentions: Mapped[int] = mapped_column(default=0)
    complaints: Mapped[int] = mapped_column(default=0)


class Series(Row):
    """One detector's memory: what it watches, how far it was fed, and its state (sentiment/ripple/spikes.py), packed.

    `kind` is mentions, complaints or negative (a share); `dimension` and `value` as in HourCount.
    """

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("brand_id", "kind", "dimension", "value"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    kind: Mapped[str]
    dimension: Mapped[str]
    value: Mapped[str]
    fed_to: Mapped[datetime]
    state: Mapped[bytes] = mapped_column(LargeBinary)


class Ripple(Row):
    """Growth that is out of the usual: `observed` (of `of`) in `window` seconds where `expected` is usual.

    It began at `since`. `kind` is mentions, complaints, negative, or spread: one mention that is taking off. `at` is
    when it showed, on the clock of what was written; `noticed_at` when we saw it. `about` are the words it is mostly
    about, `sentence` says all of it to a person. `ended_at`: all is calm again.
    """

    __tablename__ = "ripples"
    __table_args__ = (
        UniqueConstraint("brand_id", "kind", "dimension", "value", "at"),
        Index(None, "brand_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    kind: Mapped[str]
    dimension: Mapped[str]
    value: Mapped[str]
    mention_id: Mapped[int | None] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), index=True)
    since: Mapped[datetime]
    at: Mapped[datetime]
    noticed_at: Mapped[datetime]
    window: Mapped[int]
    observed: Mapped[float]
    of: Mapped[float | None]
    expected: Mapped[float]
    score: Mapped[float]
    about: Mapped[list[str]] = mapped_column(default=list)
    sentence: Mapped[str]
    ended_at: Mapped[datetime | None]
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id", ondelete="SET NULL"), index=True)

    brand: Mapped[Brand] = relationship()


class Reading(Row):
    """How often a mention had been liked, passed on and answered when we looked: one point of its curve."""

    __tablename__ = "readings"

    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    likes: Mapped[int]
    reposts: Mapped[int]
    replies: Mapped[int]


class Spread(Row):
    """A mention whose curve is followed: how far it is expected to go (reposts, with an 80% interval) and since when.

    It is looked at again when it waits for the stage `spread`; None in `ended_at` says that it still does.
    """

    __tablename__ = "spreads"

    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"), primary_key=True)
    began_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(default=0)
    expected: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    ended_at: Mapped[datetime | None]

    mention: Mapped[Mention] = relationship()
