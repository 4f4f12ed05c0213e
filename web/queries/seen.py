"""Which mentions somebody may see: those of a brand that they may see, and those that are no brand's (any more)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists, or_, true

from core.roles import Rights
from core.tables import Match


def seen(rights: Rights, mention_id: Any) -> ColumnElement[bool]:
    """The condition that somebody with these rights may see the mention with the id in this column."""
    if rights.sees_all:
        return true()
    theirs = exists().where(Match.mention_id == mention_id, rights.brands(Match.brand_id))
    return or_(theirs, ~exists().where(Match.mention_id == mention_id))


def of_brand(brand_id: int, mention_id: Any) -> ColumnElement[bool]:
    """The condition that a mention is this brand's, or no brand's: what may stand on a page of the brand."""
    return seen(Rights(by_brand={brand_id: "manager"}), mention_id)
