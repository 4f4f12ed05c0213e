"""Whose mention is it: the queries and own accounts of all brands, as one matcher.

Read the watchlist again now and then; where it equals the matcher's, the matcher is still right.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import tables
from core.types import Mention
from listener.query import Matcher, Post, Query, QuerySyntaxError, links_in, parse, post_of, terms
from listener.query.tree import normal_value

log = logging.getLogger(__name__)

_HANDLE = re.compile(r"(?<![\w.])@([\w.-]+(?:@[\w.-]+)?)")


def fold_handle(handle: str) -> str:
    """A handle as it is compared and as OwnAccount stores it: folded, without @."""
    return normal_value("from", handle)


def names_one(text: str, handles: Collection[str]) -> bool:
    """Whether a text names one of these accounts, which are folded handles: @name, or @name@server."""
    if "@" not in text or not handles:
        return False
    ours = {*handles, *(handle.partition("@")[0] for handle in handles)}  # on Mastodon, neighbours leave it out
    return any(fold_handle(name.rstrip(".-")) in ours for name in _HANDLE.findall(text))


@dataclass(frozen=True, slots=True)
class Watchlist:
    """What the database says now: (query id, brand id, text) of active queries, (platform, handle) of own accounts, and
    (brand id, name, words) of lists."""

    queries: tuple[tuple[int, int, str], ...]
    own: frozenset[tuple[str, str]]
    lists: tuple[tuple[int, str, tuple[str, ...]], ...] = ()

    @classmethod
    def read(cls, db: Session) -> Watchlist:
        """Read it."""
        found = select(tables.Query.id, tables.Query.brand_id, tables.Query.text).where(tables.Query.active)
        own = db.execute(select(tables.OwnAccount.platform, tables.OwnAccount.handle))
        return cls(
            queries=tuple((row.id, row.brand_id, row.text) for row in db.execute(found.order_by(tables.Query.id))),
            own=frozenset((row.platform, fold_handle(row.handle)) for row in own),
            lists=tuple(
                (row.brand_id, row.name, tuple(row.words))
                for row in db.scalars(select(tables.WordList).order_by(tables.WordList.id))
            ),
        )


def stored_post(row: tables.Mention) -> Post:
    """The post to match for a mention that is stored."""
    return Post(
        row.text,
        row.author.handle,
        row.lang,
        row.url,
        row.platform,
        row.source.name if row.source else None,
        links_in(row.extra),
        row.author.followers,
        row.kind,
    )


def lists_of(db: Session, brand_id: int) -> dict[str, list[str]]:
    """The words of each of a brand's lists, which its queries may name."""
    rows = select(tables.WordList).where(tables.WordList.brand_id == brand_id).order_by(tables.WordList.name)
    return {row.name: row.words for row in db.scalars(rows)}


class BrandMatcher:
    """Says which brands a mention belongs to. Never changes once made, so that threads may share it."""

    def __init__(self, watchlist: Watchlist) -> None:
        self.watchlist = watchlist
        self._queries = _parsed(watchlist)
        self._matcher = Matcher(self._queries)

    @classmethod
    def load(cls, db: Session) -> BrandMatcher:
        """The matcher for what the database says now."""
        return cls(Watchlist.read(db))

    def brands(self, mention: Mention, source: tables.Source) -> list[tuple[int, int | None]]:
        """(brand id, query id) for every brand whose mention this is, by the first of its queries that matches.

        What a brand's own source gives is that brand's and nobody else's; there the query id is None.
        """
        if source.brand_id is not None:
            return [(source.brand_id, None)]
        found: dict[int, int | None] = {}
        for brand_id, query_id in self._matcher.match(post_of(mention, source.name)):
            found.setdefault(brand_id, query_id)
        return list(found.items())

    def is_own(self, mention: Mention) -> bool:
        """Whether the brand or an employee wrote it, by handle or by the platform's id of the author."""
        own, platform = self.watchlist.own, mention.platform
        if not own:
            return False
        author = mention.author
        return (platform, fold_handle(author.handle)) in own or (platform, fold_handle(author.native_id)) in own

    def own_on(self, platform: str) -> frozenset[str]:
        """The folded handles of our accounts on a platform."""
        return frozenset(handle for where, handle in self.watchlist.own if where == platform)

    def terms(self, brands: Collection[int] | None = None) -> tuple[str, ...]:
        """Words to ask a platform for that can only be asked for words; those of some brands, or of all.

        Every mention that matches contains at least one of them, unless it matches only queries that no word can
        narrow (`from:` or `lang:` alone): those hear only the platforms that give everything.
        """
        wanted = (query for (brand_id, _), query in self._queries.items() if brands is None or brand_id in brands)
        return tuple(sorted({term for query in wanted for term in terms(query)}))


def _parsed(watchlist: Watchlist) -> dict[tuple[int, int], Query]:
    """(brand id, query id) -> query. One that cannot be read any more is left out, and that is logged."""
    queries: dict[tuple[int, int], Query] = {}
    lists: dict[int, dict[str, tuple[str, ...]]] = {}
    for brand_id, name, words in watchlist.lists:
        lists.setdefault(brand_id, {})[name] = words
    for query_id, brand_id, text in watchlist.queries:
        try:
            queries[brand_id, query_id] = parse(text, lists.get(brand_id, {}))
        except QuerySyntaxError as error:
            log.error("query %d matches nothing until it is mended: %s", query_id, error)  # noqa: TRY400 - no news in a traceback
    return queries
