"""Who may come in: users, and the one-time link that makes the first of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from core.tables.row import Row

ROLES = ("admin", "approver", "agent", "manager")
NO_ROLE = "none"
"""As the role for all brands: only those that memberships name. As that of a membership: not this brand."""


class User(Row):
    """A person who signs in. `role` (core/roles.py) holds for every brand that no Membership of theirs names.

    `session_key` is part of every session: a new one signs the user out everywhere. Who is `away` is handed no cases.
    """

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="agent")
    session_key: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    away: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]


class Membership(Row):
    """That a user has another role for one brand than their own for all; "none" keeps them out of it."""

    __tablename__ = "memberships"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str]


class SetupLink(Row):
    """The hash of the one-time link that lets the first user in. At most one row; gone once used."""

    __tablename__ = "setup_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str]
    created_at: Mapped[datetime]
