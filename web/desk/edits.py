"""What an author changed in a post: how it read before, with what went and what came marked, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from core.tables import Mention, MentionVersion

MOST_WORDS = 1_000
"""Of a longer text the earlier wording is shown as a whole: comparing takes time with the square of its length."""
_PIECE = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit, at a time. `parts` are (what, text): "same", "gone" or "new", in reading order."""

    at: datetime
    parts: Sequence[tuple[str, str]]


def edits_of(mention: Mention, versions: Sequence[MentionVersion]) -> list[Edit]:
    """The edits of a post, the newest first; `versions` are in the order in which they were replaced."""
    texts = [*(one.text for one in versions), mention.text]
    return [Edit(one.until, compared(one.text, then)) for one, then in zip(versions, texts[1:], strict=True)][::-1]


def compared(before: str, after: str) -> list[tuple[str, str]]:
    """What went and what came."""
    old, new = _PIECE.findall(before), _PIECE.findall(after)
    if max(len(old), len(new)) > MOST_WORDS:
        return [("gone", before)]
    parts: list[tuple[str, str]] = []
    for tag, from_old, to_old, from_new, to_new in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append(("same", "".join(old[from_old:to_old])))
        else:
            parts += [("gone", "".join(old[from_old:to_old])), ("new", "".join(new[from_new:to_new]))]
    return [part for part in parts if part[1]]
