"""Mentions on their way out: the columns of import, then what was made of them. Read page by page, never all at once.

What was deleted on its platform is left out. Personal data in texts is masked (core/mask.py). In CSV a cell that a
spreadsheet would run as a formula begins with an apostrophe; `ripplewatch import` takes it off again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import aliased

from core.db import Database
from core.mask import mask
from core.tables import Author, Brand, Case, CaseMention, Match, Mention, Reply, Verdict

COLUMNS = (
    "platform",
    "id",
    "author",
    "text",
    "created_at",
    "url",
    "author_name",
    "followers",
    "reply_to",
    "lang",
    "likes",
    "reposts",
    "replies",
    "sentiment",
    "complaint",
    "complaint_score",
    "priority",
    "case_state",
    "reply",
)
_PAGE = 1_000
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a cell begins that spreadsheets run (OWASP, CSV injection), or that we had to defuse already."""


def exported(
    db: Database, *, brand: str | None = None, since: datetime | None = None, masked: bool = True
) -> Iterator[dict[str, object]]:
    """Every mention (of the brand with this slug, made at or after `since`), oldest stored first, by COLUMNS.

    `complaint` None is unsure, or not judged yet when `sentiment` is None too; `reply` is what was sent last.
    """
    clean = mask if masked else str
    after = 0
    while rows := _page(db, _wanted(brand, since), after):
        for row in rows:
            yield _record(row, clean)
        after = rows[-1].mention_id


def cells(record: Mapping[str, object]) -> list[str]:
    """A record as CSV cells."""
    return [cell(record[column]) for column in COLUMNS]


def _page(db: Database, wanted: Select[Any], after: int) -> list[Row[Any]]:
    """A short transaction for each page: whoever reads our output slowly holds up nobody."""
    with db.read() as session:
        return list(session.execute(wanted.where(Mention.id > after).order_by(Mention.id).limit(_PAGE)))


def _wanted(brand: str | None, since: datetime | None) -> Select[Any]:
    newer = aliased(Verdict)
    last_verdict = select(func.max(newer.id)).where(newer.mention_id == Mention.id).scalar_subquery()
    last_sent = select(Reply.text).where(Reply.case_id == Case.id, Reply.sent_at.is_not(None))
    wanted = (
        select(
            Mention.id.label("mention_id"),
            Mention.platform,
            Mention.native_id.label("id"),
            Author.handle.label("author"),
            Mention.text,
            Mention.created_at,
            Mention.url,
            func.nullif(Author.name, "").label("author_name"),
            Author.followers,
            Mention.reply_to,
            Mention.lang,
            Mention.likes,
            Mention.reposts,
            Mention.replies,
            Verdict.sentiment,
            Verdict.complaint,
            Verdict.complaint_score,
            Case.priority,
            Case.state.label("case_state"),
            last_sent.order_by(Reply.turn.desc()).limit(1).scalar_subquery().label("reply"),
        )
        .join(Author, Mention.author_id == Author.id)
        .outerjoin(Verdict, Verdict.id == last_verdict)
        .outerjoin(CaseMention, CaseMention.mention_id == Mention.id)
        .outerjoin(Case, Case.id == CaseMention.case_id)
        .where(Mention.deleted_at.is_(None))
    )
    if since:
        wanted = wanted.where(Mention.created_at >= since)
    theirs = select(Match.id).where(Match.mention_id == Mention.id)  # what has none is only context of others
    if brand:
        theirs = theirs.join(Brand).where(Brand.slug == brand)
    return wanted.where(theirs.exists())


def _record(row: Row[Any], clean: Callable[[str], str]) -> dict[str, object]:
    record: dict[str, object] = {column: getattr(row, column) for column in COLUMNS}
    return record | {
        "text": clean(row.text),
        "created_at": row.created_at.isoformat(),
        "reply": clean(row.reply) if row.reply else None,
    }


def cell(value: object) -> str:
    """A value as a CSV cell that no spreadsheet runs."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if _FORMULA.match(value) else value
        case _:
            return str(value)
