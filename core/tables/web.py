"""Who may come in: users, and the one-time link that makes the first of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from core.tables.row import Row

ROLES = ("admin", "agent", "reader")


class User(Row):
    """A person who signs in. `role`: admin sets up and sends, agent sends, reader only looks.

    `session_key` is part of every session: a new one signs the user out everywhere.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="agent")
    session_key: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]


class SetupLink(Row):
    """The hash of the one-time link that lets the first user in. At most one row; gone once used."""

    __tablename__ = "setup_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    created_at: Mapped[datetime]
