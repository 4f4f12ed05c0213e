"""Whose mention it is, as far as collecting needs to know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from core import tables
from core.runtime import Runtime
from core.types import Author
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


def add_list(runtime: Runtime, brand_id: int, name: str, *words: str) -> None:
    with runtime.db.write() as db:
        db.add(tables.WordList(brand_id=brand_id, name=name, words=list(words)))


def test_a_query_may_name_the_lists_of_its_brand_and_no_others(sqlite_runtime: Runtime) -> None:
    acme = made.brand(sqlite_runtime, "acme", "acme list:slow")
    made.brand(sqlite_runtime, "zeta", "zeta list:slow")
    add_list(sqlite_runtime, acme, "slow", "late", "lost*")
    matcher = load(sqlite_runtime)
    found = matcher.brands(post(1, "zeta and acme: losing parcels, lost and late"), tables.Source(kind="x", name="x"))
    assert [brand_id for brand_id, _ in found] == [acme]
    assert matcher.brands(post(1, "acme lost"), tables.Source(kind="x", name="x"))
    assert not matcher.brands(post(1, "acme"), tables.Source(kind="x", name="x"))


def test_a_changed_list_makes_a_new_matcher(sqlite_runtime: Runtime) -> None:
    brand_id = made.brand(sqlite_runtime, "acme", "acme list:slow")
    add_list(sqlite_runtime, brand_id, "slow", "late")
    matcher = load(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        assert Watchlist.read(db) == matcher.watchlist
        db.scalars(select(tables.WordList)).one().words = ["lost"]
        db.flush()
        assert Watchlist.read(db) != matcher.watchlist


def test_queries_see_how_many_followers_and_which_kind(sqlite_runtime: Runtime) -> None:
    made.brand(sqlite_runtime, "acme", "acme followers:>=100 is:reply")
    matcher, source = load(sqlite_runtime), tables.Source(kind="x", name="x")
    reply = post(1, "acme", kind="reply")
    assert matcher.brands(replace(reply, author=Author("1", "ann", followers=100)), source)
    assert not matcher.brands(replace(reply, author=Author("1", "ann", followers=99)), source)
    assert not matcher.brands(reply, source)


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
