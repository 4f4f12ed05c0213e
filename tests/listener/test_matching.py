"""Whose mention it is, as far as collecting needs to know."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core import tables
from core.runtime import Runtime
from listener.matching import BrandMatcher, Watchlist, fold_handle
from tests.listener import made
from tests.listener.made import post


def load(runtime: Runtime) -> BrandMatcher:
    with runtime.db.read() as db:
        return BrandMatcher.load(db)


def test_each_brand_is_named_once_by_the_first_of_its_queries_that_matches(sqlite_runtime: Runtime) -> None:
    acme = made.brand(sqlite_runtime, "acme", "parcel", "acme")
    zeta = made.brand(sqlite_runtime, "zeta", "zeta", "lost")
    row = tables.Source(kind="x", name="x")
    with sqlite_runtime.db.read() as db:
        ids = {query.text: query.id for query in db.scalars(select(tables.Query))}
    assert load(sqlite_runtime).brands(post(1), row) == [(acme, ids["parcel"]), (zeta, ids["lost"])]
    assert load(sqlite_runtime).brands(post(1, "nothing"), row) == []


def test_queries_see_the_sources_name_and_the_links_beside_the_text(sqlite_runtime: Runtime) -> None:
    made.brand(sqlite_runtime, "acme", "source:blog late", "site:acme.example")
    matcher = load(sqlite_runtime)
    linked = post(1, "look", extra={"links": ["https://shop.acme.example/x"]})
    assert matcher.brands(post(1, "late"), tables.Source(kind="feed", name="Blog"))
    assert not matcher.brands(post(1, "late"), tables.Source(kind="feed", name="News"))
    assert matcher.brands(linked, tables.Source(kind="feed", name="News"))


def test_inactive_queries_match_nothing(sqlite_runtime: Runtime) -> None:
    made.brand(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        db.scalars(select(tables.Query)).one().active = False
    matcher = load(sqlite_runtime)
    assert matcher.brands(post(1), tables.Source(kind="x", name="x")) == []
    assert matcher.terms() == ()


def test_platforms_are_asked_for_the_words_of_all_queries(sqlite_runtime: Runtime) -> None:
    made.brand(sqlite_runtime, "acme", "acme", '"acme inc" refund', "from:ann")
    made.brand(sqlite_runtime, "zeta", "#zeta OR @zetahelp")
    terms = load(sqlite_runtime).terms()
    assert {"acme", "zeta", "zetahelp"} <= set(terms)
    assert list(terms) == sorted(set(terms))


def test_the_watchlist_says_whether_the_matcher_is_still_right(sqlite_runtime: Runtime) -> None:
    brand_id, matcher = made.brand(sqlite_runtime, own=["AcmeHelp"]), load(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        assert Watchlist.read(db) == matcher.watchlist
        db.add(tables.OwnAccount(brand_id=brand_id, platform="x", handle="acmejobs"))
        db.flush()
        assert Watchlist.read(db) != matcher.watchlist


@pytest.mark.parametrize("handle", ["Acme", "@ACME", "＠acme", " acme "])
def test_handles_are_folded_as_own_accounts_are_stored(handle: str) -> None:
    assert fold_handle(handle) == "acme"
