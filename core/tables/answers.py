"""What accounts of ours answered on a platform by themselves, past Ripplewatch."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.tables.row import Row


class OwnAnswer(Row):
    """A post of one of our own accounts that answers another post (`reply_to`) and did not go out from here.

    It waits for the case of that post, which may open later. Once it is a reply of the case, `text` is empty.
    """

    __tablename__ = "own_answers"
    __table_args__ = (
        UniqueConstraint("platform", "native_id"),
        Index(None, "platform", "reply_to"),
        Index(None, "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    platform: Mapped[str]
    native_id: Mapped[str]
    reply_to: Mapped[str]
    account: Mapped[str]
    text: Mapped[str]
    url: Mapped[str | None]
    created_at: Mapped[datetime]
