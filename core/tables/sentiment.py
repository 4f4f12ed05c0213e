"""What the models said: one verdict per mention and model version."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.tables.listener import Mention
from core.tables.row import Row


class Verdict(Row):
    """core.types.Verdict as a row. `complaint` None is unsure; an unsupported language has no scores."""

    __tablename__ = "verdicts"
    __table_args__ = (UniqueConstraint("mention_id", "model"), Index(None, "complaint"))

    id: Mapped[int] = mapped_column(primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"))
    model: Mapped[str]
    language: Mapped[str]
    sentiment: Mapped[str]
    scores: Mapped[dict[str, float]] = mapped_column(default=dict)
    complaint: Mapped[bool | None]
    complaint_score: Mapped[float | None]
    emotion: Mapped[str | None]
    emotions: Mapped[dict[str, float]] = mapped_column(default=dict)
    irony: Mapped[float | None]
    offensive: Mapped[float | None]
    intent: Mapped[str | None]
    intents: Mapped[dict[str, float]] = mapped_column(default=dict)
    reasons: Mapped[list[str]] = mapped_column(default=list)
    judged_at: Mapped[datetime]

    mention: Mapped[Mention] = relationship()


class Relevance(Row):
    """Whether a mention is about a brand at all, not about something else of that name.

    `score` is what the brand's own filter thinks (1: about the brand; sentiment/relevance.py), None where it has
    none; `about_us` is what a person said, and counts before it.
    """

    __tablename__ = "relevances"
    __table_args__ = (UniqueConstraint("mention_id", "brand_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"))
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    score: Mapped[float | None]
    about_us: Mapped[bool | None]
    said_by: Mapped[str | None]
    said_at: Mapped[datetime | None]
