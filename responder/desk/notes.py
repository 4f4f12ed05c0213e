"""What people put on a case for each other: notes, in which @name calls a colleague, and tags.

None of it ever leaves the service: no reply, export or message to the outside is made from these rows. The audit says
that something was noted, not what.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.db import insert
from core.errors import BadInput, Forbidden
from core.roles import holds
from core.tables import Case, CaseTag, Note, User
from responder.desk.notifications import tell
from responder.desk.states import name_of

LONGEST_NOTE = 5_000
LONGEST_TAG = 40
MOST_TAGS = 20
"""On one case."""


def write_note(db: Session, clock: Clock, case_id: int, user_id: int, text: str) -> Note:
    """Put a note on a case. Whoever it names with an @ and may see the brand is told that there is one."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise BadInput("Write something first.")
    if len(text) > LONGEST_NOTE:
        raise BadInput(f"A note has at most {LONGEST_NOTE:,} characters; this one has {len(text):,}.")
    brand_id = _brand_of(db, case_id)
    note = Note(case_id=case_id, user_id=user_id, text=text, at=clock.now())
    db.add(note)
    db.flush()
    called = [one for one in named_in(db, brand_id, text) if one != user_id]
    words = f"{name_of(db, user_id)} named you in a note"
    tell(db, clock, called, case_id, "mentioned", words, key=f"note {note.id}")
    detail = {"note": note.id, "named": called}
    audit.add(db, audit.Entry(clock.now(), "note", case_id, user_id, detail))
    return note


def remove_note(db: Session, clock: Clock, note_id: int, user_id: int) -> None:
    """Take one's own note back."""
    note = db.get(Note, note_id)
    if note is None:
        return
    if note.user_id != user_id:
        raise Forbidden("Only who wrote a note removes it.")
    db.delete(note)
    db.flush()
    audit.add(db, audit.Entry(clock.now(), "unnote", note.case_id, user_id, {"note": note_id}))


def named_in(db: Session, brand_id: int, text: str) -> list[int]:
    """The ids of those who may see the brand and whose name stands after an @; of two names the longer one counts."""
    if "@" not in text:
        return []
    people = db.execute(select(User.id, User.name).where(holds("manager", brand_id))).all()
    by_name = {row.name.casefold(): row.id for row in people}
    if not by_name:
        return []
    names = "|".join(re.escape(name) for name in sorted(by_name, key=len, reverse=True))
    found = re.findall(rf"(?<!\w)@({names})(?!\w)", text.casefold())
    return sorted({by_name[name] for name in found})


def add_tag(db: Session, clock: Clock, case_id: int, user_id: int, given: str) -> str:
    """Put a tag on a case, and give it as it is kept; once is enough."""
    tag = folded(given)
    if not tag or len(tag) > LONGEST_TAG or not tag.isprintable():
        raise BadInput(f"A tag is one to {LONGEST_TAG} characters.")
    _brand_of(db, case_id)
    if tag not in (there := tags_of(db, case_id)) and len(there) >= MOST_TAGS:
        raise BadInput(f"A case has at most {MOST_TAGS} tags.")
    row = insert(db, CaseTag).values(case_id=case_id, tag=tag).on_conflict_do_nothing()
    if db.execute(row.returning(CaseTag.tag)).first() is not None:
        audit.add(db, audit.Entry(clock.now(), "tag", case_id, user_id))
    return tag


def remove_tag(db: Session, clock: Clock, case_id: int, user_id: int, tag: str) -> None:
    """Take a tag off a case."""
    gone = delete(CaseTag).where(CaseTag.case_id == case_id, CaseTag.tag == folded(tag)).returning(CaseTag.tag)
    if db.execute(gone.execution_options(synchronize_session=False)).first() is not None:
        audit.add(db, audit.Entry(clock.now(), "untag", case_id, user_id))


def tags_of(db: Session, case_id: int) -> Sequence[str]:
    """The tags of a case, in order."""
    return db.scalars(select(CaseTag.tag).where(CaseTag.case_id == case_id).order_by(CaseTag.tag)).all()


def folded(tag: str) -> str:
    """A tag as it is kept: small letters, single blanks, no # before it."""
    return " ".join(tag.casefold().split()).removeprefix("#").strip()


def _brand_of(db: Session, case_id: int) -> int:
    found = db.scalar(select(Case.brand_id).where(Case.id == case_id))
    if found is None:
        raise Forbidden("this case is no longer there")
    return found
