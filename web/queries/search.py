"""Search over everything: mentions, notes, replies, authors and the playbook, by words and "phrases".

The databases' own full-text indexes find the newest rows that hold all terms (core/text_index.py); filters look through
no more than LOOKED of them, so that a page takes a bounded time whatever is asked. Only what is of a brand that one may
see is found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, text, true
from sqlalchemy.orm import Session

from core import text_index
from core.roles import Rights
from core.tables import Author, Brand, Case, CaseMention, Match, Mention, Note, PlaybookEntry, Reply, User
from web.queries.seen import seen

PAGE = 20
"""Of each kind."""
LOOKED = 2_000
LONGEST = 200
_AROUND = 120
_TERM = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched for. Empty means everything; moments are a span in which it was written."""

    rights: Rights
    terms: Sequence[str]
    brand: str = ""
    platform: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found. `id` is its own; `by` who wrote it."""

    id: int
    text: str
    by: str
    brand: str
    at: datetime | None = None
    case_id: int | None = None
    state: str | None = None
    platform: str | None = None
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, by kind: of each the newest, PAGE at most."""

    mentions: Sequence[Hit] = ()
    notes: Sequence[Hit] = ()
    replies: Sequence[Hit] = ()
    authors: Sequence[Hit] = ()
    playbook: Sequence[Hit] = ()

    @property
    def nothing(self) -> bool:
        """Whether it was not found anywhere."""
        return not (self.mentions or self.notes or self.replies or self.authors or self.playbook)


def terms_of(typed: str) -> list[str]:
    """Words and phrases of what somebody typed; what has no letter or digit is none."""
    plain = "".join(letter if letter.isprintable() else " " for letter in typed[:LONGEST])
    found = [phrase or word for phrase, word in _TERM.findall(plain)]
    return [term for term in found if re.search(r"\w", term.replace("_", ""))]


def search(db: Session, asked: Asked) -> Found:
    """Everything that holds all terms, newest first."""
    if not asked.terms:
        return Found()
    of_case = bool(asked.state)
    plain = not (asked.platform or of_case or asked.since or asked.until)
    return Found(
        _mentions(db, asked),
        _notes(db, asked),
        _replies(db, asked),
        _authors(db, asked) if plain and not asked.brand else (),
        _playbook(db, asked) if plain else (),
    )


def _holding(db: Session, table: str, asked: Asked) -> Sequence[int]:
    """The ids of the newest rows that hold all terms; asked for alone, since in one query SQLite would begin with the
    rows instead (400,000 mentions: 1,200 ms for a word that nobody wrote, against 1)."""
    sql, values = text_index.condition(db.get_bind().dialect.name, table, list(asked.terms))
    return db.scalars(text(sql).bindparams(**values, most=LOOKED)).all()


def _mentions(db: Session, asked: Asked) -> list[Hit]:
    mine = Case.__table__.join(CaseMention.__table__, CaseMention.case_id == Case.id)
    cased = select(CaseMention.mention_id, Case.id, Case.state, Case.brand_id).select_from(mine)
    holding = _holding(db, "mentions", asked)
    # narrowed here as well: else SQLite first makes a table of all cases (200,000 of them: 250 times as long)
    cases = cased.where(asked.rights.brands(Case.brand_id), CaseMention.mention_id.in_(holding)).subquery()
    query = (
        select(Mention.id, Mention.text, Author.handle, Author.name, Mention.platform, Mention.created_at)
        .add_columns(cases.c.id.label("case_id"), cases.c.state)
        .join(Author, Author.id == Mention.author_id)
        .outerjoin(cases, cases.c.mention_id == Mention.id)
        .where(Mention.id.in_(holding))
        .where(Mention.deleted_at.is_(None), seen(asked.rights, Mention.id))
        .order_by(Mention.id.desc())
        .limit(PAGE)
    )
    if asked.brand:
        of_brand = Match.brand_id == _brand(asked)
        query = query.where(exists().where(Match.mention_id == Mention.id, of_brand))
    if asked.platform:
        query = query.where(Mention.platform == asked.platform)
    if asked.state:
        query = query.where(cases.c.state == asked.state)
    query = query.where(*_written(Mention.created_at, asked))
    return [
        Hit(
            row.id,
            _around(row.text, asked),
            row.name or row.handle,
            "",
            row.created_at,
            row.case_id,
            row.state,
            row.platform,
        )
        for row in db.execute(query)
    ]


def _notes(db: Session, asked: Asked) -> list[Hit]:
    query = select(Note.id, Note.text, User.name, Note.at, Note.case_id).outerjoin(User, User.id == Note.user_id)
    query = query.join(Case, Case.id == Note.case_id)
    return _of_case(db, query, Note, Note.at, asked)


def _replies(db: Session, asked: Asked) -> list[Hit]:
    query = select(Reply.id, Reply.text, User.name, Reply.approved_at.label("at"), Reply.case_id)
    query = query.outerjoin(User, User.id == Reply.approved_by).join(Case, Case.id == Reply.case_id)
    return _of_case(db, query, Reply, Reply.approved_at, asked)


def _of_case(db: Session, query: Any, table: type[Note] | type[Reply], at: Any, asked: Asked) -> list[Hit]:
    """What is written on cases, and belongs to their brand."""
    query = query.add_columns(Case.state, Mention.platform, Brand.name.label("brand"))
    query = query.join(Mention, Mention.id == Case.mention_id).join(Brand, Brand.id == Case.brand_id)
    query = query.where(table.id.in_(_holding(db, table.__tablename__, asked)))
    query = query.where(asked.rights.brands(Case.brand_id), *_written(at, asked))
    if asked.brand:
        query = query.where(Brand.slug == asked.brand)
    if asked.platform:
        query = query.where(Mention.platform == asked.platform)
    if asked.state:
        query = query.where(Case.state == asked.state)
    return [
        Hit(row.id, _around(row.text, asked), row.name or "", row.brand, row.at, row.case_id, row.state, row.platform)
        for row in db.execute(query.order_by(table.id.desc()).limit(PAGE))
    ]


def _authors(db: Session, asked: Asked) -> list[Hit]:
    wrote = (
        true()
        if asked.rights.sees_all
        else exists().where(Mention.author_id == Author.id, seen(asked.rights, Mention.id))
    )
    query = (
        select(Author)
        .where(Author.id.in_(_holding(db, "authors", asked)), wrote)
        .order_by(Author.id.desc())
        .limit(PAGE)
    )
    return [Hit(row.id, row.name or row.handle, row.handle, "", platform=row.platform) for row in db.scalars(query)]


def _playbook(db: Session, asked: Asked) -> list[Hit]:
    query = select(PlaybookEntry.id, PlaybookEntry.text, PlaybookEntry.name, Brand.slug, Brand.name.label("brand"))
    query = query.join(Brand, Brand.id == PlaybookEntry.brand_id)
    query = query.where(PlaybookEntry.id.in_(_holding(db, "playbook", asked)))
    query = query.where(asked.rights.brands(Brand.id)).order_by(PlaybookEntry.id.desc()).limit(PAGE)
    if asked.brand:
        query = query.where(Brand.slug == asked.brand)
    return [Hit(row.id, _around(row.text, asked), row.name, row.brand, slug=row.slug) for row in db.execute(query)]


def _brand(asked: Asked) -> Any:
    mine = select(Brand.id).where(Brand.slug == asked.brand, asked.rights.brands(Brand.id))
    return mine.scalar_subquery()


def _written(at: Any, asked: Asked) -> list[Any]:
    return [*([at >= asked.since] if asked.since else ()), *([at < asked.until] if asked.until else ())]


def _around(whole: str, asked: Asked) -> str:
    """The part of a text around the first term that stands in it."""
    folded = whole.casefold()
    places = [at for term in asked.terms if (at := folded.find(term.casefold())) >= 0]
    start = max(0, min(places, default=0) - _AROUND)
    cut = whole[start : start + 3 * _AROUND]
    return ("…" if start else "") + cut + ("…" if start + len(cut) < len(whole) else "")
