"""Whether an approved reply still fits: nobody approved it as the answer to what its author has said since."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from core.tables import Case, Match, Mention

WROTE_AGAIN = "the author has written again since the reply was approved: read it before you send"


def why_not(db: Session, case_id: int, approved_at: datetime) -> str | None:
    """Why the reply of this case, approved then, must not go out any more, as far as its author's words say.

    Counted is what they wrote to the brand after the post that is answered, and what we did not know of by then.
    """
    post, later = aliased(Mention), aliased(Mention)
    again = (
        exists()
        .where(later.author_id == post.author_id, later.id != post.id, later.created_at > post.created_at)
        .where(later.heard_at > approved_at, later.deleted_at.is_(None))
        .where(exists().where(Match.mention_id == later.id, Match.brand_id == Case.brand_id))
    )
    wrote = select(again).select_from(Case).join(post, post.id == Case.mention_id).where(Case.id == case_id)
    return WROTE_AGAIN if db.scalar(wrote) else None
