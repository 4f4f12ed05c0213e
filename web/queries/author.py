"""What one author on one platform wrote about us, and what became of it. Nobody is matched across platforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from core.roles import Rights
from core.tables import Author, Brand, Case, CaseMention, Mention, Reply
from web.queries.seen import seen

_POSTS, _CASES = 100, 50
_SNIPPET = 300


@dataclass(frozen=True, slots=True)
class Post:
    """One post of theirs; `case_id` is the case that it belongs to, if whoever asks may see that."""

    id: int
    text: str
    url: str | None
    created_at: datetime
    case_id: int | None


@dataclass(frozen=True, slots=True)
class Dealt:
    """One case with them: its state, our replies in it, and how they sounded afterwards (None: nothing is known)."""

    id: int
    state: str
    kind: str
    priority: int
    brand: str
    opened_at: datetime
    text: str
    replies: int
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """All that the page shows; the newest first."""

    author: Author
    posts: Sequence[Post]
    cases: Sequence[Dealt]

    @property
    def recovered(self) -> int:
        """How many of their complaints ended well."""
        return sum(one.kind == "complaint" and one.outcome == "better" for one in self.cases)


def known(db: Session, rights: Rights, author_id: int) -> Known | None:
    """What is known of an author to somebody with these rights; None where nothing is, or nothing any more."""
    author = db.get(Author, author_id)
    posts = _posts(db, rights, author_id) if author else ()
    cases = _cases(db, rights, author_id) if author and author.handle else ()
    return Known(author, posts, cases) if author and (posts or cases) else None


def _posts(db: Session, rights: Rights, author_id: int) -> Sequence[Post]:
    theirs = and_(CaseMention.mention_id == Mention.id, CaseMention.case_id == Case.id)
    case_id = select(Case.id).where(theirs, rights.brands(Case.brand_id)).correlate(Mention).scalar_subquery()
    columns = (Mention.id, Mention.text, Mention.url, Mention.created_at, case_id.label("case_id"))
    mine = (Mention.author_id == author_id, Mention.deleted_at.is_(None), seen(rights, Mention.id))
    rows = db.execute(select(*columns).where(*mine).order_by(Mention.created_at.desc()).limit(_POSTS))
    return [Post(**row._mapping) for row in rows]


def _cases(db: Session, rights: Rights, author_id: int) -> Sequence[Dealt]:
    replies = select(func.count()).where(Reply.case_id == Case.id, Reply.sent_at.is_not(None)).scalar_subquery()
    columns = (
        Case.id,
        Case.state,
        Case.kind,
        Case.priority,
        Brand.name.label("brand"),
        Case.opened_at,
        func.substr(Mention.text, 1, _SNIPPET).label("text"),
        replies.label("replies"),
        Case.outcome,
    )
    query = select(*columns).join(Brand, Brand.id == Case.brand_id).join(Mention, Mention.id == Case.mention_id)
    rows = db.execute(
        query.where(Case.author_id == author_id, rights.brands(Case.brand_id)).order_by(Case.id.desc()).limit(_CASES)
    )
    return [Dealt(**row._mapping) for row in rows]
