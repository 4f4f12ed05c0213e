"""Suggested replies: entries of the playbook that fit a mention, and what we answered to like posts before. Two or
three of them, or none: no draft is better than a wrong one.

An entry fits if it is about the same (responder/drafts/likeness.py), may be used on the platform, and is in the
author's language; one in English is offered to others too, and says so. Where one fits alone, the next stands beside it
as a second choice. Praise is not answered with an apology: entries
tagged `praise` are for praise only, and one tagged `complaint`, `question` or `purchase` only for those (any question
may be one about buying). An entry tagged `general` is offered for want of anything closer. A past reply fits if the
post that it answered is like this one (responder/drafts/nearest.py), of the same kind and in the same language, and if
it is not much the same as another suggestion. What would be too long for the platform once filled in is not suggested.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.types import UNSUPPORTED, Author, Draft
from responder.checks import guard
from responder.drafts.languages import called, spoken
from responder.drafts.likeness import Embed, Floats, Likeness
from responder.drafts.nearest import Nearest
from responder.drafts.past import PastReply
from responder.drafts.playbook import OCCASIONS, fill

MOST = 3
"""Suggestions per case."""
MOST_PAST = 2
"""Past replies among them."""

_FITS, _FITS_BY_WORDS = 0.38, 0.13
"""Likeness from which an entry fits, with and without a model's embedding. Read off the sample brand's mentions:
below, what came first was wrong more often than right."""
_NEAR_BEST, _SECOND = 0.75, 0.55
"""Further suggestions must be this share as like as the best; where none is, the next one of this share is a second
choice, and says that it is less close."""
_SAME = 0.6
"""Two suggestions that share so many of their words are one."""
_WORD = re.compile(r"\w+")
_KINDS = frozenset({"complaint", "praise", "purchase", "question"})

_LONGEST_NAME = 40
_MOST_WORDS = 4
_NAME_ENDS = re.compile(r"(?<=\S)\s*(?:[(\[|•·]|\s[-–—:]\s).*", re.DOTALL)
"""What follows a name rather than being part of it: "(she/her)", "| views my own", "- now in Leeds"."""
_HIDDEN = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
_NOT_A_NAME = re.compile(r"https?:|www\.|://|\w\.(?:com|net|org|io|co|example)\b|@\w", re.IGNORECASE)
_NAME_SIGNS = re.compile(r"[^\w\s.,'’\-]|_", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a reply is wanted for. `complaint` None is unsure; `language` what the author writes (BCP 47).

    `longest` is the limit of whoever will send the reply, where that has one of its own; `purchase`: they want to buy,
    `praise`: they have only a kind word.
    """

    text: str
    platform: str
    language: str
    sentiment: str
    complaint: bool | None
    question: bool
    author: Author
    brand: str
    longest: int | None = None
    purchase: bool = False
    praise: bool = False


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


@dataclass(frozen=True, slots=True)
class Answers:
    """What one brand can answer with: its active playbook entries, and its past replies, the newest first."""

    brand_id: int
    playbook: Sequence[Entry] = ()
    past: Sequence[PastReply] = ()


class Drafter(Protocol):
    """Suggests replies."""

    def draft(self, occasions: Sequence[Occasion], answers: Answers) -> list[tuple[Draft, ...]]:
        """For each occasion the suggestions, best first; often none. All belong to the brand of `answers`."""
        ...


class OwnDrafter:
    """Suggests the brand's own words, the placeholders filled in as far as we know."""

    def __init__(self, embed: Embed | None = None) -> None:
        self._embed = embed
        self._fits = _FITS if embed else _FITS_BY_WORDS
        self._nearest = Nearest(embed)
        self._read: tuple[frozenset[tuple[int, int]], Likeness] | None = None

    def draft(self, occasions: Sequence[Occasion], answers: Answers) -> list[tuple[Draft, ...]]:
        """See Drafter."""
        if not occasions:
            return []
        texts = [occasion.text for occasion in occasions]
        past = self._from_past(occasions, texts, answers)
        if not answers.playbook:
            return [_several(occasion, (), (), some) for occasion, some in zip(occasions, past, strict=True)]
        scores = self._likeness(answers.playbook).scores(texts)
        return [
            _several(occasion, *self._from_playbook(occasion, answers.playbook, row), some)
            for occasion, row, some in zip(occasions, scores, past, strict=True)
        ]

    def _likeness(self, playbook: Sequence[Entry]) -> Likeness:
        """Kept until an entry changes: embedding a whole playbook takes a while."""
        versions = frozenset((entry.id, entry.version) for entry in playbook)
        if self._read is None or self._read[0] != versions:
            documents = [f"{one.name}. {one.about} {' '.join(one.tags)} {one.text}" for one in playbook]
            self._read = versions, Likeness(documents, self._embed)
        return self._read[1]

    def _from_playbook(
        self, occasion: Occasion, playbook: Sequence[Entry], scores: Floats
    ) -> tuple[list[Draft], list[Draft]]:
        """Drafts from the entries that fit, best first; and from general ones, which fit anything."""
        ranked = zip(scores.tolist(), playbook, strict=True)
        usable = [(score, entry) for score, entry in ranked if _usable(entry, occasion)]
        usable.sort(key=lambda one: (-one[0], one[1].name))
        own = [one for one in usable if _speaks(one[1].language, occasion)]
        near = self._near(own) or self._near(usable)
        general = [(0.0, entry) for _, entry in own or usable if _fills_in(entry, occasion)]
        close = near[0][0] * _NEAR_BEST if near else 0.0
        drafts = [_written(occasion, *one, close=close) for one in near]
        return drafts, [_written(occasion, *one) for one in general]

    def _near(self, ranked: Sequence[tuple[float, Entry]]) -> list[tuple[float, Entry]]:
        """Those that fit, of these the ones about as like as the best; where that is alone, the next one as well."""
        specific = [one for one in ranked if "general" not in one[1].tags and one[0] >= self._fits]
        near = [one for one in specific if one[0] >= specific[0][0] * _NEAR_BEST]
        if len(near) == 1:
            others = (one for one in ranked if "general" not in one[1].tags and one is not near[0])
            near += [one for one in others if one[0] >= near[0][0] * _SECOND][:1]
        return near

    def _from_past(self, occasions: Sequence[Occasion], texts: Sequence[str], answers: Answers) -> list[list[Draft]]:
        """For each occasion drafts from past replies to like posts, best first."""
        if not answers.past:
            return [[] for _ in occasions]
        found = []
        for occasion, row in zip(occasions, self._nearest.scores(answers.brand_id, texts, answers.past), strict=True):
            ranked = sorted(((score, at) for at, score in enumerate(row.tolist())), key=lambda one: (-one[0], one[1]))
            alike = [(score, answers.past[at]) for score, at in ranked[:20] if score >= self._nearest.fits]
            found.append([_again(occasion, one, score) for score, one in alike if _answers(one, occasion)])
        return found


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


def _several(
    occasion: Occasion, near: Sequence[Draft], general: Sequence[Draft], past: Sequence[Draft]
) -> tuple[Draft, ...]:
    """Those that the platform takes, none much the same as one before it: the playbook's first, then past ones."""
    near, general, past = ([one for one in some if _fits(one, occasion)] for some in (near, general, past))
    first = MOST - bool(past)
    chosen: list[Draft] = []
    for one in [*near[:first], *past, *near[first:]] or general:
        again = one.origin == "past" and sum(other.origin == "past" for other in chosen) == MOST_PAST
        if len(chosen) < MOST and not again and not _told(one, chosen):
            chosen.append(one)
    return tuple(chosen)


def _fits(draft: Draft, occasion: Occasion) -> bool:
    """Whether the platform takes it, filled in as far as it is."""
    most = guard.limit(occasion.platform, occasion.longest)
    return most is None or guard.count(draft.text, occasion.platform) <= most


def _told(draft: Draft, chosen: Sequence[Draft]) -> bool:
    """Whether one of those chosen says much the same."""
    words = set(_WORD.findall(draft.text.casefold()))
    others = (set(_WORD.findall(one.text.casefold())) for one in chosen)
    return any(len(words & other) >= _SAME * len(words | other) for other in others)


def _usable(entry: Entry, occasion: Occasion) -> bool:
    """Whether the entry is meant for this platform, language and kind of mention."""
    if entry.platform not in (None, occasion.platform) or OCCASIONS.intersection(entry.tags):
        return False
    kinds = _KINDS.intersection(entry.tags)
    if occasion.praise and not {"praise", "general"}.intersection(entry.tags):
        return False
    may_be = _kinds(occasion.sentiment, occasion.complaint, question=occasion.question)
    if occasion.purchase or occasion.question:
        may_be.add("purchase")
    if kinds and not kinds & may_be:
        return False
    return _speaks(entry.language, occasion) or spoken(entry.language) == "en"


def _fills_in(entry: Entry, occasion: Occasion) -> bool:
    """Whether the entry does for want of anything closer: any thanks do for praise, any advice for who wants to buy."""
    wanted = {"general"} | ({"praise"} if occasion.praise else set()) | ({"purchase"} if occasion.purchase else set())
    return bool(wanted.intersection(entry.tags))


def _answers(past: PastReply, occasion: Occasion) -> bool:
    """Whether the past post was in the same language, and may be of the same kind."""
    before = _kinds(past.sentiment, past.complaint)
    now = _kinds(occasion.sentiment, occasion.complaint)
    return _speaks(past.language, occasion) and bool(before & now or not before | now)


def _kinds(sentiment: str, complaint: bool | None, *, question: bool = False) -> set[str]:
    """What a mention may be. One that the model could not read may be anything."""
    if sentiment == UNSUPPORTED:
        return set(_KINDS)
    kinds = {"question"} if question else set()
    if complaint is not False or sentiment == "negative":
        kinds.add("complaint")
    if sentiment == "positive" and not complaint:
        kinds.add("praise")
    return kinds


def _speaks(language: str, occasion: Occasion) -> bool:
    return spoken(language) == spoken(occasion.language)


def _written(occasion: Occasion, score: float, entry: Entry, close: float = 0.0) -> Draft:
    text, unresolved = fill(entry.text, _values(occasion))
    fits = ", for want of anything closer" if not score else ", less close" if score < close else ""
    why = f"from the playbook: “{entry.name}”{fits}; in {called(entry.language)}"
    if not _speaks(entry.language, occasion):
        why += f", but the author writes {called(occasion.language)}"
    return Draft(text, "playbook", why, entry.id, round(score, 3) or None, unresolved)


def _again(occasion: Occasion, past: PastReply, score: float) -> Draft:
    text, unresolved = fill(past.text, _values(occasion))
    why = f"like a reply {past.sent_by or 'somebody'} sent on {past.day} to a similar post"
    return Draft(text, "past", why, None, round(score, 3), unresolved, past.id)


def _values(occasion: Occasion) -> dict[str, str]:
    return {"name": addressed(occasion.author), "brand": occasion.brand}
