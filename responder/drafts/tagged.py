"""Playbook entries for an occasion that no post gives: to ask whether all is well, or to tell of something known.

Such an entry carries one of playbook.OCCASIONS as a tag. It is never suggested for a post by likeness; it becomes a
draft when its occasion comes, in the author's language or else in English. Where there is none, there is no draft.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.tables import Author, Case, Draft, PlaybookEntry, Verdict
from core.types import Author as Writer
from responder.drafts.draft import addressed
from responder.drafts.languages import spoken
from responder.drafts.playbook import fill


def entry_for(db: Session, now: datetime, row: Case, tag: str) -> PlaybookEntry | None:
    """The entry with this tag that may be used for a case."""
    unexpired = or_(PlaybookEntry.expires_at.is_(None), PlaybookEntry.expires_at > now)
    here = or_(PlaybookEntry.platform.is_(None), PlaybookEntry.platform == row.mention.platform)
    wanted = select(PlaybookEntry).where(PlaybookEntry.brand_id == row.brand_id, PlaybookEntry.active, unexpired, here)
    fits = [one for one in db.scalars(wanted.order_by(PlaybookEntry.name)) if tag in one.tags]
    by_language = {spoken(one.language): one for one in reversed(fits)}
    return by_language.get(_language(db, row)) or by_language.get("en")


def suggest(db: Session, clock: Clock, row: Case, entry: PlaybookEntry, why: str) -> None:
    """Make a draft of the case from this entry; {status} stays, and is filled in when it is read (known_issues.py)."""
    author = db.get_one(Author, row.mention.author_id)
    writer = Writer(author.native_id, author.handle, author.name, author.followers)
    text, unresolved = fill(entry.text, {"name": addressed(writer), "brand": row.brand.name})
    db.execute(delete(Draft).where(Draft.case_id == row.id, Draft.playbook_id == entry.id))
    draft = Draft(case_id=row.id, text=text, origin="playbook", why=why, playbook_id=entry.id, score=1.0)
    draft.unresolved, draft.created_at = [one for one in unresolved if one != "status"], clock.now()
    db.add(draft)
    db.flush()


def _language(db: Session, row: Case) -> str:
    newest = select(Verdict.language).where(Verdict.mention_id == row.mention_id).order_by(Verdict.id.desc()).limit(1)
    return spoken(db.scalar(newest) or "en")
