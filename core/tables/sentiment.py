"""What the models said, what people said of it, and what was learned from that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.tables.listener import Brand, Mention
from core.tables.row import Row


class Verdict(Row):
    """core.types.Verdict as a row. `complaint` None is unsure; an unsupported language has no scores.

    The newest of a mention is what counts. Where people corrected it, that is a row whose `model` is "people": the
    model's verdict with their labels in it (sentiment/corrections.py). `reasons` come with the verdict; `words` are
    what a person was told of single words, None until somebody asked.
    """

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
    words: Mapped[list[str] | None]
    judged_at: Mapped[datetime]

    mention: Mapped[Mention] = relationship()


class Relevance(Row):
    """Whether a mention is about a brand at all, not about something else of that name.

    `score` is what the brand's own filter thinks (1: about the brand; sentiment/relevance.py), None where it has
    none; `about_us` is what a person said, and counts before it.
    """

    __tablename__ = "relevances"
    __table_args__ = (UniqueConstraint("mention_id", "brand_id"), Index(None, "about_us", "score"))

    id: Mapped[int] = mapped_column(primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"))
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), index=True)
    score: Mapped[float | None]
    about_us: Mapped[bool | None]
    said_by: Mapped[str | None]
    said_at: Mapped[datetime | None]


class Correction(Row):
    """What a person says one head of a mention's verdict should be. `was` is what the model said, as `model`.

    `platform` is the mention's: what may be learned from depends on it. `user_name` outlives the user. Goes with the
    mention's text.
    """

    __tablename__ = "corrections"
    __table_args__ = (UniqueConstraint("mention_id", "head"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"))
    head: Mapped[str]
    label: Mapped[str]
    was: Mapped[str | None]
    platform: Mapped[str]
    model: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    user_name: Mapped[str]
    at: Mapped[datetime]


class GlossaryRule(Row):
    """What a phrase means for a brand: where it stands, `head` is `label`.

    History is looked through from the newest mention down: those below `cursor` are still to come, None says that it
    is done. One that is not `active` is being taken back, and goes when history is.
    """

    __tablename__ = "glossary"
    __table_args__ = (UniqueConstraint("brand_id", "phrase", "head"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    phrase: Mapped[str]
    head: Mapped[str]
    label: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    cursor: Mapped[int | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]

    brand: Mapped[Brand] = relationship()


class Fit(Row):
    """What a brand's corrections taught its heads (sentiment/refit.py). At most one of a brand is `active`.

    `model` is the model that it belongs to: with another one it does nothing. `weights` are what is added to that
    model's logits (sentiment/adjustment.py), `figures` how it compared with what was in use.
    """

    __tablename__ = "fits"
    __table_args__ = (UniqueConstraint("brand_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    number: Mapped[int]
    model: Mapped[str]
    weights: Mapped[dict[str, Any]]
    figures: Mapped[dict[str, Any]]
    active: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime]

    brand: Mapped[Brand] = relationship()


class Sample(Row):
    """A mention that was drawn at random for people to label, so that the model can be measured by it.

    `said` is what the model said of each head when it was drawn, `labels` what a person said who had not seen that;
    both by head, in words (sentiment/labels.py). Without labels it goes when the mention is forgotten; with them it
    stays, since it says nothing of anybody.
    """

    __tablename__ = "samples"
    __table_args__ = (UniqueConstraint("mention_id", "brand_id"), Index(None, "brand_id", "week"))

    id: Mapped[int] = mapped_column(primary_key=True)
    mention_id: Mapped[int] = mapped_column(ForeignKey("mentions.id", ondelete="CASCADE"))
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"))
    week: Mapped[str]
    platform: Mapped[str]
    language: Mapped[str]
    model: Mapped[str]
    said: Mapped[dict[str, str]]
    complaint_score: Mapped[float | None]
    labels: Mapped[dict[str, str]] = mapped_column(default=dict)
    labelled_by: Mapped[str | None]
    labelled_at: Mapped[datetime | None]
    drawn_at: Mapped[datetime]

    mention: Mapped[Mention] = relationship()
