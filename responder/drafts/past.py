"""Replies that a brand has sent before, to be suggested for like posts.

Only what was approved and sent counts, only the brand's own, and only the newest: a reply of long ago is rarely how
one would answer today. Of the post it keeps what is compared, with personal data masked. The reply becomes a text
with placeholders again: whom it addressed, who signed it, and what was personal are no part of the next answer.

Nothing of a case of which any mention was forgotten is used, from the moment that it was.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, joinedload

from core.mask import mask
from core.tables import Author, Case, CaseMention, Mention, Reply, User, Verdict
from responder.checks import names

NEWEST = 2_000
"""Replies of a brand that are looked at."""
AT_ONCE = 400
"""So many are read in one go, the newest first; the others' turn comes with the next ones."""
_LONGEST = 1_000
"""Characters of a post that are compared."""
_MASKED = re.compile(r"\[(order number|number|phone|e-mail|card|IBAN)\]")
_FIELDS = {"order number": "order", "number": "order", "e-mail": "email", "IBAN": "iban"}
_NAMED_TWICE = re.compile(r"\{name\}(?:[ ,]+\{name\})+")


@dataclass(frozen=True, slots=True)
class PastReply:
    """A reply that was sent: `asked` is the post it answered, `text` has placeholders, `day` is told to people."""

    id: int
    asked: str
    text: str
    language: str
    sentiment: str
    complaint: bool | None
    sent_by: str
    day: str


class PastReplies:
    """What this process has read of them, per brand. Safe to use from several threads."""

    def __init__(self, newest: int = NEWEST) -> None:
        self._newest = newest
        self._known: dict[int, dict[int, PastReply]] = {}
        self._turn = threading.Lock()

    def of(self, db: Session, brand_id: int) -> tuple[PastReply, ...]:
        """The brand's newest replies, the newest first."""
        ids = _newest(db, brand_id, self._newest)
        with self._turn:
            before = self._known.get(brand_id, {})
        missing = [one for one in ids if one not in before][:AT_ONCE]
        known = before | {one.id: one for one in _read(db, missing)}
        left = {one: known[one] for one in ids if one in known}
        with self._turn:
            self._known[brand_id] = left
        return tuple(left.values())


def _newest(db: Session, brand_id: int, most: int) -> list[int]:
    """Ids of replies that were sent, to cases of which no mention was forgotten."""
    gone = (
        exists()
        .where(CaseMention.case_id == Case.id, Mention.id == CaseMention.mention_id, Mention.deleted_at.is_not(None))
        .correlate(Case)
    )
    sent = select(Reply.id).join(Reply.case).join(Mention, Mention.id == Case.mention_id)
    sent = sent.where(Case.brand_id == brand_id, Reply.sent_at.is_not(None), Reply.text != "")
    sent = sent.where(Mention.deleted_at.is_(None), Mention.text != "", ~gone)
    return list(db.scalars(sent.order_by(Reply.sent_at.desc(), Reply.id.desc()).limit(most)))


def _read(db: Session, ids: list[int]) -> Iterable[PastReply]:
    if not ids:
        return
    whole = joinedload(Reply.case)
    rows = db.scalars(
        select(Reply)
        .where(Reply.id.in_(ids))
        .options(whole.joinedload(Case.mention).joinedload(Mention.author), whole.joinedload(Case.brand))
    ).all()
    verdicts = _verdicts(db, [row.case.mention_id for row in rows])
    people = {user.id: user.name for user in db.execute(select(User.id, User.name))}
    for row in rows:
        yield _past(row, verdicts.get(row.case.mention_id), people.get(row.approved_by or 0, ""))


def _verdicts(db: Session, mention_ids: list[int]) -> dict[int, Verdict]:
    """The latest verdict of each mention."""
    latest = select(func.max(Verdict.id)).where(Verdict.mention_id.in_(mention_ids)).group_by(Verdict.mention_id)
    return {row.mention_id: row for row in db.scalars(select(Verdict).where(Verdict.id.in_(latest)))}


def _past(row: Reply, verdict: Verdict | None, sent_by: str) -> PastReply:
    case, mention = row.case, row.case.mention
    return PastReply(
        row.id,
        mask(mention.text[:_LONGEST]),
        templated(row.text, mention.author, sent_by),
        verdict.language if verdict else mention.lang or "",
        verdict.sentiment if verdict else "",
        verdict.complaint if verdict else None,
        sent_by,
        _day(row.sent_at, case.brand.timezone) if row.sent_at else "",
    )


def templated(text: str, author: Author, sent_by: str) -> str:
    """A reply without whom it was to, who signed it, and personal data: these become placeholders."""
    for start, end in reversed(names.named_in(text, names.folded(author.name, author.handle))):
        text = f"{text[:start]}{{name}}{text[end:]}"
    if not author.handle.lstrip("@").isalpha() and author.handle:  # else it may be a word
        text = re.sub(rf"(?<!\w)@?{re.escape(author.handle.lstrip('@'))}(?!\w)", "{name}", text, flags=re.IGNORECASE)
    text = _NAMED_TWICE.sub("{name}", text)
    if sent_by:
        text = re.sub(rf"(?<!\w){re.escape(sent_by)}(?=\W*$)", "{agent}", text)
    return _MASKED.sub(lambda found: f"{{{_FIELDS.get(found[1], found[1])}}}", mask(text))


def _day(when: datetime, timezone: str) -> str:
    local = when.astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%B %Y}"
