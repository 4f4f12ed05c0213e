"""What a text counts as beside its verdict: the topics of a brand that it matches, and its distinctive words."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.tables import Brand, Topic, WordList
from listener.query import Matcher, Post, Query, QuerySyntaxError, parse
from sentiment.ripple.words import names_of, terms, without

log = logging.getLogger(__name__)

Found = tuple[tuple[str, ...], tuple[str, ...]]
"""The ids of the topics, as HourCount holds them, and the words."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the database says now: (brand id, topic id, query) of active topics, (brand id, name, words) of lists, and
    (brand id, name, slug) of brands."""

    topics: tuple[tuple[int, int, str], ...]
    lists: tuple[tuple[int, str, tuple[str, ...]], ...]
    names: tuple[tuple[int, str, str], ...]

    @classmethod
    def read(cls, db: Session) -> Rules:
        """Read it."""
        topics = select(Topic.brand_id, Topic.id, Topic.query).where(Topic.active).order_by(Topic.id)
        lists = select(WordList.brand_id, WordList.name, WordList.words).order_by(WordList.id)
        names = select(Brand.id, Brand.name, Brand.slug).order_by(Brand.id)
        return cls(
            tuple((row.brand_id, row.id, row.query) for row in db.execute(topics)),
            tuple((row.brand_id, row.name, tuple(row.words)) for row in db.execute(lists)),
            tuple((row.id, row.name, row.slug) for row in db.execute(names)),
        )


class Reader:
    """Reads texts by one set of rules, and remembers what it read, for whoever has to read the same again."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._matcher = _matcher(rules.topics, rules.lists)
        self._names = {brand_id: names_of(name, slug) for brand_id, name, slug in rules.names}
        self._read: dict[int, tuple[Post, str, dict[int, Found]]] = {}

    def read(self, mention_id: int, post: Post, language: str, brands: Collection[int]) -> dict[int, Found]:
        """What a mention counts as for each of these brands."""
        before = self._read.get(mention_id)
        if before and before[:2] == (post, language) and before[2].keys() == set(brands):
            return before[2]
        matched = self._matcher.match(post) if self._matcher else []
        words = terms(post.text, language)
        found: dict[int, Found] = {}
        for brand_id in brands:
            topics = tuple(str(topic_id) for theirs, topic_id in matched if theirs == brand_id)
            found[brand_id] = topics, tuple(without(words, self._names.get(brand_id, frozenset())))
        self._read[mention_id] = post, language, found
        return found


@lru_cache(maxsize=2)
def _matcher(
    topics: tuple[tuple[int, int, str], ...], lists: tuple[tuple[int, str, tuple[str, ...]], ...]
) -> Matcher[tuple[int, int]] | None:
    """All topics as one matcher. One whose query cannot be read any more is left out, and that is logged."""
    queries: dict[tuple[int, int], Query] = {}
    named: dict[int, dict[str, tuple[str, ...]]] = {}
    for brand_id, name, words in lists:
        named.setdefault(brand_id, {})[name] = words
    for brand_id, topic_id, query in topics:
        try:
            queries[brand_id, topic_id] = parse(query, named.get(brand_id, {}))
        except QuerySyntaxError as error:
            log.error("topic %d counts nothing until its query is mended: %s", topic_id, error)  # noqa: TRY400 - no news in a traceback
    return Matcher(queries) if queries else None
