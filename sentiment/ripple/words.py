"""What texts are about: their distinctive words and phrases of two words, and which of them a wave is mostly about.

Words are counted by mention, day and brand as verdicts arrive (count.py). What stands out of a wave is found by
log-odds with an informative Dirichlet prior (Monroe, Colaresi, Quinn: "Fightin' Words", Political Analysis 16, 2008,
section 3.5.1), over mentions that hold a word instead of over words: nobody is louder for saying it twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from math import log, sqrt

import regex
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.tables import Counted, HourCount, Mention, WordCount
from listener.query.words import without_links
from sentiment.ripple.stop_words import ENGLISH, STOP_WORDS

MOST_WORDS = 12
MOST_PHRASES = 8
"""Of one text: who writes a hundred words is not about all of them."""
READ = 1_500
"""Characters of a text that are read, of those that were written first."""
LONGEST = 30
"""Letters of a word; what is longer is no word."""

USUAL_DAYS = 14
"""Days before a wave that say what is usual."""
LOOKED_AT = 500
"""Mentions of a wave whose words are looked at, the newest."""
PRIOR = 20.0
"""Mentions that the prior is worth."""
CLEAR = 1.96
"""Standard deviations from which on a word stands out."""
_LEAST_SHARE = 0.2
_LEAST = 3
_CANDIDATES = 100
_SAME = 0.7
_BESIDE = 0.5

_TOKEN = regex.compile(r"(?V1)[@#$]?[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*(?:['’\-.@][\p{L}\p{M}\p{N}_]+)*|[.!?;:,()\n]")
_RUNS = regex.compile(r"(?V1)\p{Han}+|\p{Katakana}[\p{Katakana}ー]*")
_SPACELESS = regex.compile(r"(?V1)[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]")
_NO_WORD = regex.compile(r"[\p{N}_.@$]")
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Span:
    """The mentions of a brand that are looked at: of one kind (as in Ripple), dimension and value, written in it."""

    brand_id: int
    kind: str
    dimension: str
    value: str
    start: datetime
    end: datetime


def terms(text: str, language: str = "en") -> list[str]:
    """The distinctive words of a text, then its phrases of two, each once, in their order; lower case.

    Left out are stop words, handles, links, and whatever holds a digit: numbers are somebody's, or mean nothing.
    """
    stop = STOP_WORDS.get(language, ENGLISH)
    words: dict[str, None] = {}
    phrases: dict[str, None] = {}
    before = ""
    for token in _TOKEN.findall(without_links(text[:READ]).lower()):
        if _SPACELESS.search(token):
            words.update(dict.fromkeys(_runs(token)))
            before = ""
            continue
        word = _word(token)
        kept = word if len(word) >= _SHORTEST and word not in stop else ""
        if kept:
            words[kept] = None
        if kept and before:
            phrases[f"{before} {kept}"] = None
        before = kept
        if len(words) >= MOST_WORDS and len(phrases) >= MOST_PHRASES:
            break
    return [*list(words)[:MOST_WORDS], *list(phrases)[:MOST_PHRASES]]


def without(found: Iterable[str], names: AbstractSet[str]) -> list[str]:
    """The terms that hold none of these words."""
    return [term for term in found if names.isdisjoint(term.split())]


def names_of(*names: str) -> frozenset[str]:
    """The words of a brand's names, which none of its waves is about."""
    return frozenset(_word(token) for name in names for token in _TOKEN.findall(name.lower())) - {""}


@lru_cache(maxsize=50_000)  # most of what people write are the same words
def _word(token: str) -> str:
    """A token as it is counted; empty for what is no word."""
    token = token.removeprefix("#").replace("’", "'").removesuffix("'s")
    return "" if len(token) > LONGEST or _NO_WORD.search(token) or not token[:1].isalpha() else token


def _runs(token: str) -> list[str]:
    """What stands for words in scripts without spaces: runs of Han and of Katakana."""
    return [run for run in _RUNS.findall(token) if 2 <= len(run) <= 8]


def about(db: Session, span: Span) -> list[str]:
    """The words that a wave is mostly about, against what is usual for the brand; at most three, clearest first.

    What stands beside the first is at least half as frequent."""
    said = _said(db, span)
    number = len(said)
    counts = Counter(term for one in said for term in one)
    least = max(_LEAST, _LEAST_SHARE * number)
    often = {term: count for term, count in counts.most_common(_CANDIDATES) if count >= least}
    if not often:
        return []
    usual, of = _usual(db, span, often)
    clear = {}
    for term, count in often.items():
        before = max(0, usual.get(term, 0) - count)
        clear[term] = stands_out(count, number, before, max(before, of - number))
    found = sorted((term for term in clear if clear[term] >= CLEAR), key=lambda term: (-clear[term], term))
    told = _told_once(found, often)
    return [term for term in told if often[term] >= _BESIDE * often[told[0]]][:3]


def stands_out(count: int, number: int, usual: int, of: int) -> float:
    """By how many standard deviations a word in `count` of `number` is more frequent than in `usual` of `of`."""
    if not of:
        return 0.0
    prior = PRIOR * (count + usual) / (number + of)
    here = (count + prior) / max(number + PRIOR - count - prior, 0.5)
    there = (usual + prior) / max(of + PRIOR - usual - prior, 0.5)
    return (log(here) - log(there)) / sqrt(1 / (count + prior) + 1 / (usual + prior))


def _told_once(found: Sequence[str], often: Mapping[str, int]) -> list[str]:
    """Without words that stand in a phrase that is about as frequent, and phrases whose words are more frequent."""
    left: list[str] = []
    for term in found:
        others = [one for one in found if one != term and (term in one.split() or one in term.split())]
        phrase = " " in term
        if all((often[term] >= _SAME * often[one]) if phrase else (often[one] < _SAME * often[term]) for one in others):
            left.append(term)
    return left


def _said(db: Session, span: Span) -> list[list[str]]:
    rows = select(Counted.words, Counted.topics).join(Mention, Mention.id == Counted.mention_id)
    rows = rows.where(
        Counted.brand_id == span.brand_id, Mention.created_at >= span.start, Mention.created_at < span.end
    )
    if span.kind == "complaints":
        rows = rows.where(Counted.complaint.is_(True))
    elif span.kind == "negative":
        rows = rows.where(Counted.sentiment == "negative")
    if span.dimension == "source":
        rows = rows.where(Counted.source_id == int(span.value))
    found = db.execute(rows.order_by(Mention.created_at.desc()).limit(LOOKED_AT)).all()
    return [row.words for row in found if span.dimension != "topic" or span.value in row.topics]


def _usual(db: Session, span: Span, terms: Iterable[str]) -> tuple[dict[str, int], int]:
    """In how many mentions of the brand (of its complaints, for those) each word stood lately, and of how many."""
    first = (span.end - timedelta(days=USUAL_DAYS)).astimezone(UTC).date()
    last = span.end.astimezone(UTC).date()
    column, of = WordCount.mentions, HourCount.mentions
    if span.kind == "complaints":
        column, of = WordCount.complaints, HourCount.complaints
    sums = select(WordCount.word, func.sum(column)).where(WordCount.brand_id == span.brand_id)
    sums = sums.where(WordCount.word.in_(terms), WordCount.day.between(first, last)).group_by(WordCount.word)
    all_of = select(func.sum(of)).where(HourCount.brand_id == span.brand_id, HourCount.dimension == "all")
    begin = datetime.combine(first, time(), UTC)
    number = db.scalar(all_of.where(HourCount.hour >= begin, HourCount.hour < begin + timedelta(days=USUAL_DAYS + 1)))
    return {word: int(count or 0) for word, count in db.execute(sums)}, int(number or 0)
