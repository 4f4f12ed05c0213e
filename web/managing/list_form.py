"""A brand's lists of words: read from its form, one name and one text box each, and written to their rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.tables import Brand, Team, Topic, WordList
from listener.matching import lists_of
from listener.query import MOST_WORDS, Lists, QuerySyntaxError, parse, read_listed
from sentiment.ripple import topics

_NAME = re.compile(r"[\w-]{1,40}")
_MOST_LISTS = 50


def fields(values: Mapping[str, str]) -> list[int]:
    """Which numbers the form's lists have: those that are there, and one more for a new one."""
    used = [number for number in range(_MOST_LISTS) if any(_field(values, number, part) for part in ("name", "words"))]
    return [*used, max(used, default=-1) + 1]


def read(form: Mapping[str, str], errors: dict[str, str]) -> dict[str, list[str]]:
    """The lists that a form gives, words by name; what is wrong goes to `errors`. A list without words is none."""
    lists: dict[str, list[str]] = {}
    known: set[str] = set()
    for number in range(_MOST_LISTS):
        name, typed = _field(form, number, "name"), _field(form, number, "words")
        if not typed:
            continue
        if not _NAME.fullmatch(name):
            errors[f"list_{number}_name"] = "Give the list a short name of letters, digits and hyphens."
        elif name.casefold() in known:
            errors[f"list_{number}_name"] = f"There is a list called “{name}” already."
        known.add(name.casefold())
        lists[name] = _words(typed, f"list_{number}_words", errors)
    return lists


def values_of(db: Session, brand: Brand) -> dict[str, str]:
    """A brand's lists as the form's values."""
    values: dict[str, str] = {}
    for number, (name, words) in enumerate(lists_of(db, brand.id).items()):
        values |= {f"list_{number}_name": name, f"list_{number}_words": "\n".join(words)}
    return values


def change(db: Session, clock: Clock, brand: Brand, lists: Lists) -> dict[str, str]:
    """Let the brand have these lists and no others; gives what is wrong by field, and then changes nothing.

    Topics that name a list which changed are counted anew: nudge topics.STAGE after the commit.
    """
    before = lists_of(db, brand.id)
    for what, name, text in _named(db, brand):
        if _works(text, before) and not _works(text, lists):
            return {"lists": f"The {what} “{name}” uses a list that would be gone or empty. Change the {what} first."}
    db.execute(delete(WordList).where(WordList.brand_id == brand.id, WordList.name.not_in(lists)))
    rows = {row.name: row for row in db.scalars(select(WordList).where(WordList.brand_id == brand.id))}
    for name, words in lists.items():
        if name in rows:
            rows[name].words = list(words)
        else:
            db.add(WordList(brand_id=brand.id, name=name, words=list(words)))
    topics.relisted(db, clock, brand.id, before, lists)
    return {}


def _named(db: Session, brand: Brand) -> Iterator[tuple[str, str, str]]:
    """All of the brand's that may name a list: what it is, its name, its query."""
    yield from (("query", query.name, query.text) for query in brand.queries)
    for topic in db.scalars(select(Topic).filter_by(brand_id=brand.id, active=True)):
        yield "topic", topic.name, topic.query
    for team in db.scalars(select(Team).where(Team.brand_id == brand.id, Team.query != "")):
        yield "team", team.name, team.query


def _field(values: Mapping[str, str], number: int, part: str) -> str:
    return values.get(f"list_{number}_{part}", "").strip()


def _words(typed: str, name: str, errors: dict[str, str]) -> list[str]:
    """One word or phrase a line, each once; quotes around it are taken off."""
    words: dict[str, None] = {}
    for number, line in enumerate(typed.splitlines(), 1):
        word = " ".join(line.split()).strip('"“”')
        if not word:
            continue
        try:
            read_listed(word)
        except QuerySyntaxError as error:
            errors.setdefault(name, f"Line {number}, “{word[:40]}”: {error}")
        words[word] = None
    if len(words) > MOST_WORDS:
        errors[name] = f"A list has at most {MOST_WORDS} words; this one has {len(words)}. Make two of it."
    return list(words)


def _works(text: str, lists: Lists) -> bool:
    try:
        parse(text, lists)
    except QuerySyntaxError:
        return False
    return True
