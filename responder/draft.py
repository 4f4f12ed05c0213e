"""Suggested replies. The playbook's drafter picks the entries that fit a mention best, or none: no draft is better
than a wrong one.

An entry fits if it is about the same (responder/likeness.py), may be used on the platform, and is in the author's
language; one in English is offered to others too, and says so. Praise is not answered with an apology: entries
tagged `praise` are for praise only, and one tagged `complaint` or `question` only for those. An entry tagged
`general` is offered for want of anything closer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.types import UNSUPPORTED, Author, Draft
from responder.likeness import Embed, Floats, Likeness
from responder.playbook import fill
from sentiment.language import UNDETERMINED

MOST = 3
"""Suggestions per case."""

_FITS, _FITS_BY_WORDS = 0.38, 0.13
"""Likeness from which an entry fits, with and without a model's embedding. Read off the sample brand's mentions:
below, what came first was wrong more often than right."""
_NEAR_BEST = 0.75
"""Further suggestions must be this share as like as the best."""
_KINDS = frozenset({"complaint", "praise", "question"})

_LONGEST_NAME = 40
_MOST_WORDS = 4
_NAME_ENDS = re.compile(r"(?<=\S)\s*(?:[(\[|•·]|\s[-–—:]\s).*", re.DOTALL)
"""What follows a name rather than being part of it: "(she/her)", "| views my own", "- now in Leeds"."""
_HIDDEN = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
_NOT_A_NAME = re.compile(r"https?:|www\.|://|\w\.(?:com|net|org|io|co|example)\b|@\w", re.IGNORECASE)
_NAME_SIGNS = re.compile(r"[^\w\s.,'’\-]|_", re.UNICODE)

_LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a reply is wanted for. `complaint` None is unsure; `language` what the author writes (BCP 47)."""

    text: str
    platform: str
    language: str
    sentiment: str
    complaint: bool | None
    question: bool
    author: Author
    brand: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An active playbook entry, as a drafter reads it. `version` rises with every change."""

    id: int
    version: int
    name: str
    text: str
    about: str
    tags: tuple[str, ...]
    language: str
    platform: str | None


class Drafter(Protocol):
    """Suggests replies."""

    def draft(self, occasions: Sequence[Occasion], playbook: Sequence[Entry]) -> list[tuple[Draft, ...]]:
        """For each occasion the suggestions, best first; often none. All belong to one brand with this playbook."""
        ...


class PlaybookDrafter:
    """Suggests the playbook's own entries, their placeholders filled in as far as we know."""

    def __init__(self, embed: Embed | None = None) -> None:
        self._embed = embed
        self._fits = _FITS if embed else _FITS_BY_WORDS
        self._read: tuple[frozenset[tuple[int, int]], Likeness] | None = None

    def draft(self, occasions: Sequence[Occasion], playbook: Sequence[Entry]) -> list[tuple[Draft, ...]]:
        """See Drafter."""
        if not playbook:
            return [()] * len(occasions)
        scores = self._likeness(playbook).scores([occasion.text for occasion in occasions])
        return [self._pick(occasion, playbook, row) for occasion, row in zip(occasions, scores, strict=True)]

    def _likeness(self, playbook: Sequence[Entry]) -> Likeness:
        """Kept until an entry changes: embedding a whole playbook takes a while."""
        versions = frozenset((entry.id, entry.version) for entry in playbook)
        if self._read is None or self._read[0] != versions:
            documents = [f"{one.name}. {one.about} {' '.join(one.tags)} {one.text}" for one in playbook]
            self._read = versions, Likeness(documents, self._embed)
        return self._read[1]

    def _pick(self, occasion: Occasion, playbook: Sequence[Entry], scores: Floats) -> tuple[Draft, ...]:
        ranked = zip(scores.tolist(), playbook, strict=True)
        usable = [(score, entry) for score, entry in ranked if _usable(entry, occasion)]
        usable.sort(key=lambda one: (-one[0], one[1].name))
        own = [one for one in usable if _speaks(one[1], occasion)]
        near = self._near(own) or self._near(usable)
        if not near:
            near = [(0.0, entry) for _, entry in own or usable if "general" in entry.tags]
        return tuple(_written(occasion, entry, score) for score, entry in near[:MOST])

    def _near(self, ranked: Sequence[tuple[float, Entry]]) -> list[tuple[float, Entry]]:
        """Those that fit, and of these the ones about as like as the best."""
        specific = [one for one in ranked if "general" not in one[1].tags and one[0] >= self._fits]
        return [one for one in specific if one[0] >= specific[0][0] * _NEAR_BEST]


def addressed(author: Author) -> str:
    """How to call an author: their display name if it can be read as one, else their handle.

    A display name is the author's to choose, so of it only letters, digits and the signs of names are left, and what
    stands in brackets or behind a bar is left away; a whole sentence is no name, and what looks like a link, another
    account or a placeholder is not repeated.
    """
    name = _HIDDEN.sub("", unicodedata.normalize("NFC", author.name))
    if "{" in name or "<" in name or _NOT_A_NAME.search(name):
        name = ""
    words = _NAME_SIGNS.sub(" ", _NAME_ENDS.sub("", name)).split()
    name = " ".join(words).strip(" .,'’-")
    readable = any(sign.isalpha() for sign in name) and len(words) <= _MOST_WORDS and len(name) <= _LONGEST_NAME
    return name if readable else _plain_handle(author.handle)


def _plain_handle(handle: str) -> str:
    return re.sub(r"[^\w.@-]", "", _HIDDEN.sub("", handle)).lstrip("@")[:_LONGEST_NAME]


def _usable(entry: Entry, occasion: Occasion) -> bool:
    """Whether the entry is meant for this platform, language and kind of mention."""
    if entry.platform not in (None, occasion.platform):
        return False
    kinds = _KINDS.intersection(entry.tags)
    if kinds and not kinds & _kinds(occasion):
        return False
    return _speaks(entry, occasion) or _base(entry.language) == "en"


def _kinds(occasion: Occasion) -> set[str]:
    """What the mention may be. One that the model could not read may be anything."""
    if occasion.sentiment == UNSUPPORTED:
        return set(_KINDS)
    kinds = {"question"} if occasion.question else set()
    if occasion.complaint is not False or occasion.sentiment == "negative":
        kinds.add("complaint")
    if occasion.sentiment == "positive" and not occasion.complaint:
        kinds.add("praise")
    return kinds


def _speaks(entry: Entry, occasion: Occasion) -> bool:
    return _base(entry.language) == _base(occasion.language)


def _base(language: str) -> str:
    """The language without its region. A text without words (a picture, an emoji) is answered in English."""
    base = language.casefold().partition("-")[0]
    return "en" if base in ("", UNDETERMINED) else base


def _written(occasion: Occasion, entry: Entry, score: float) -> Draft:
    values = {"name": addressed(occasion.author), "brand": occasion.brand}
    text, unresolved = fill(entry.text, values)
    why = f"similar to “{entry.name}”" if score else f"general reply “{entry.name}”"
    why += f"; in {_called(entry.language)}"
    if not _speaks(entry, occasion):
        why += f", but the author writes {_called(occasion.language)}"
    return Draft(text, "playbook", why, entry.id, round(score, 3) or None, unresolved)


def _called(language: str) -> str:
    return _LANGUAGES.get(_base(language), language)
