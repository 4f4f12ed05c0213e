"""Replies that the brand has approved in general: their placeholders, how an entry is saved, and how it read before.

A placeholder is a word in braces: {name}. They are filled in one pass, so what a customer calls themselves can
never become a placeholder, and what could not be filled in stays visible and blocks the approval.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import BadInput
from core.tables import PlaybookEntry, PlaybookVersion

PLACEHOLDERS: Mapping[str, str] = {
    "name": "how the author calls themselves, or their handle",
    "brand": "the brand's name",
    "agent": "the name of whoever answers",
    "link": "a web address that the agent puts in",
    "order": "an order number that the agent puts in",
    "product": "the product, put in by the agent",
    "date": "a date, put in by the agent",
    "status": "how it stands with the known issue that the case is linked to",
}
"""Every placeholder that an entry may have, and what it stands for. What we do not know the agent puts in."""

FOLLOW_UP, KNOWN_ISSUE, ISSUE_ENDED = "follow-up", "known-issue", "issue-ended"
OCCASIONS = frozenset({FOLLOW_UP, KNOWN_ISSUE, ISSUE_ENDED})
"""Tags of entries for an occasion that no post gives (responder/drafts/tagged.py); they are not suggested for posts."""

_PLACEHOLDER = re.compile(r"\{\s*([^\W\d]\w*)\s*\}")


def fill(text: str, values: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The text with every placeholder replaced that `values` knows, and the names of the others, in order."""
    unresolved: dict[str, None] = {}

    def replaced(found: re.Match[str]) -> str:
        name = found[1].casefold()
        if values.get(name):
            return values[name]
        unresolved[name] = None
        return f"{{{name}}}"

    return _PLACEHOLDER.sub(replaced, text), tuple(unresolved)


def placeholders(text: str) -> tuple[str, ...]:
    """Names of the placeholders in a text, each once, in order."""
    return tuple(dict.fromkeys(found[1].casefold() for found in _PLACEHOLDER.finditer(text)))


def unknown(text: str) -> tuple[str, ...]:
    """Names of placeholders in a text that no entry may have."""
    return tuple(name for name in placeholders(text) if name not in PLACEHOLDERS)


def save(
    db: Session,
    clock: Clock,
    brand_id: int,
    *,
    name: str,
    text: str,
    about: str = "",
    tags: Sequence[str] = (),
    language: str = "en",
    platform: str | None = None,
    expires_at: datetime | None = None,
    entry_id: int | None = None,
    changed_by: str = "",
) -> PlaybookEntry:
    """Add an entry to a brand's playbook or change one, and keep this version. Raises BadInput that says what is wrong.

    From `expires_at` on it is not suggested. `changed_by` is the name of who did it.
    """
    name, text = name.strip(), text.replace("\r\n", "\n").strip()
    _check(db, brand_id, entry_id, name, text)
    if entry_id is None:
        entry = PlaybookEntry(brand_id=brand_id, version=0)
        db.add(entry)
    else:
        entry = _own(db, brand_id, entry_id)
        _keep(db, entry, "")  # one from before versions were kept
    entry.name, entry.text, entry.about = name, text, about.strip()
    entry.tags = sorted({tag.strip().casefold() for tag in tags if tag.strip()})
    entry.language, entry.platform = language.strip().casefold() or "en", platform or None
    entry.expires_at = expires_at
    entry.version, entry.changed_at = entry.version + 1, clock.now()
    db.flush()
    _keep(db, entry, changed_by)
    return entry


def versions(db: Session, entry_id: int) -> Sequence[PlaybookVersion]:
    """How an entry has read, the newest version first."""
    kept = select(PlaybookVersion).where(PlaybookVersion.entry_id == entry_id)
    return db.scalars(kept.order_by(PlaybookVersion.version.desc())).all()


def restore(
    db: Session, clock: Clock, brand_id: int, entry_id: int, version: int, *, changed_by: str = ""
) -> PlaybookEntry:
    """Let an entry read as it did at a version, as a new version of its own. Raises BadInput where that is not kept."""
    entry = _own(db, brand_id, entry_id)
    kept = select(PlaybookVersion).where(PlaybookVersion.entry_id == entry_id, PlaybookVersion.version == version)
    old = db.scalars(kept).one_or_none()
    if old is None:
        raise BadInput(f"version {version} of this entry is not kept")
    return save(
        db,
        clock,
        brand_id,
        name=old.name,
        text=old.text,
        about=old.about,
        tags=entry.tags,
        language=entry.language,
        platform=entry.platform,
        expires_at=entry.expires_at,
        entry_id=entry_id,
        changed_by=changed_by,
    )


def _keep(db: Session, entry: PlaybookEntry, changed_by: str) -> None:
    """Remember how the entry reads at its version, unless that is known."""
    known = select(PlaybookVersion.id).where(PlaybookVersion.entry_id == entry.id)
    if db.scalars(known.where(PlaybookVersion.version == entry.version)).first() is not None:
        return
    wording = {"name": entry.name, "text": entry.text, "about": entry.about}
    made = {"changed_by": changed_by, "changed_at": entry.changed_at}
    db.add(PlaybookVersion(entry_id=entry.id, version=entry.version, **wording, **made))
    db.flush()


def _check(db: Session, brand_id: int, entry_id: int | None, name: str, text: str) -> None:
    if not name:
        raise BadInput("name: an entry needs a name")
    if not text:
        raise BadInput("text: an entry needs a text")
    if bad := unknown(text):
        known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
        raise BadInput(f"text: no placeholder is called {', '.join(f'{{{one}}}' for one in bad)}; there are: {known}")
    same = select(PlaybookEntry.id).where(PlaybookEntry.brand_id == brand_id, PlaybookEntry.name == name)
    if db.scalars(same.where(PlaybookEntry.id != (entry_id or 0))).first() is not None:
        raise BadInput(f"name: there is already an entry called {name!r}")


def _own(db: Session, brand_id: int, entry_id: int) -> PlaybookEntry:
    entry = db.get(PlaybookEntry, entry_id)
    if entry is None or entry.brand_id != brand_id:
        raise BadInput("this entry is no longer in the playbook")
    return entry
