"""How the service itself is doing: what was set aside for a person, who is alive, what is switched off."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.tables.row import Row


class Waiting(Row):
    """That a stage has an item to work on, from `due` on. Comes with the work and goes with its result, each in one
    transaction with it. `lane` 0 overtakes: it presses; 1 is usual; 2 is what lets others pass."""

    __tablename__ = "waiting"
    __table_args__ = (Index(None, "stage", "due"), Index(None, "stage", "lane", "due"))

    stage: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    due: Mapped[datetime]
    lane: Mapped[int] = mapped_column(default=1, server_default="1")


class SetAside(Row):
    """An item that a stage could not handle. It waits here, not in `waiting`, until a person says "try again"."""

    __tablename__ = "set_aside"
    __table_args__ = (UniqueConstraint("stage", "subject_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str]
    subject: Mapped[str]
    subject_id: Mapped[int]
    reason: Mapped[str]
    detail: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]


class Heartbeat(Row):
    """When a process last said that it is alive, and what it runs (listener, sentiment, responder, web)."""

    __tablename__ = "heartbeats"

    process: Mapped[str] = mapped_column(primary_key=True)
    runs: Mapped[str]
    at: Mapped[datetime]


class Switch(Row):
    """A switch that stops something for everybody at once. `sending` stops all outgoing replies."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(primary_key=True)
    stopped: Mapped[bool] = mapped_column(default=False)
    why: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime]
