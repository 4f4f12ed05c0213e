"""One page becomes rows and cursor in one transaction, however hostile, repeated or raced for it is."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from core import tables, waiting
from core.clock import HeldClock
from core.db import Database
from core.runtime import Runtime
from core.setaside import set_aside
from core.settings import Settings
from core.types import Author, Page, Rejected, Span
from listener.collect import Collected, collect
from listener.matching import BrandMatcher
from tests.conftest import NudgeList
from tests.listener import made
from tests.listener.made import post


def test_a_page_becomes_mentions_authors_matches_work_and_cursor(runtime: Runtime) -> None:
    brand_id, source_id = made.brand(runtime), made.source(runtime)
    page = Page((post(1, likes=3, url="https://x.example/1"), post(2, author="bob")), cursor="c1")

    done = made.store(runtime, source_id, page)

    assert (done.new, done.known, done.to_judge) == (2, 0, 2)
    first, second = made.mentions(runtime)
    assert (first.text, first.likes, first.url) == ("acme lost my parcel", 3, "https://x.example/1")
    assert (first.created_at, first.heard_at) == (made.WRITTEN, runtime.clock.now())
    assert (first.author.handle, second.author.handle) == ("ann", "bob")
    assert made.waiting_for(runtime, "judge") == [first.id, second.id]
    with runtime.db.read() as db:
        assert {row.brand_id for row in db.scalars(select(tables.Match))} == {brand_id}
        row = db.get_one(tables.Source, source_id)
        assert (row.cursor, row.last_event_at) == ("c1", runtime.clock.now())


def test_the_same_page_again_adds_nothing(runtime: Runtime) -> None:
    made.brand(runtime)
    source_id, page = made.source(runtime), Page((post(1), post(2)), cursor="c1")
    made.store(runtime, source_id, page)
    assert made.store(runtime, source_id, page) == Collected(known=2)
    assert len(made.mentions(runtime)) == 2


def test_an_error_afterwards_leaves_neither_mentions_nor_cursor(runtime: Runtime) -> None:
    made.brand(runtime)
    source_id = made.source(runtime, cursor="before")

    def crash() -> None:
        with runtime.db.write() as db:
            row = db.get_one(tables.Source, source_id)
            collect(db, runtime.clock, row, Page((post(1),), cursor="after"), BrandMatcher.load(db))
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        crash()
    assert made.mentions(runtime) == []
    with runtime.db.read() as db:
        assert db.get_one(tables.Source, source_id).cursor == "before"


def test_many_that_collect_the_same_in_different_orders_store_each_once(runtime: Runtime) -> None:
    made.brand(runtime)
    sources = [made.source(runtime, name=f"s{number}") for number in range(4)]
    posts = [post(number, author=f"a{number % 7}", likes=number) for number in range(120)]
    totals: list[Collected] = []
    errors: list[Exception] = []

    def run(number: int, source_id: int) -> None:
        total = Collected()
        order = posts if number % 2 else posts[::-1]
        try:
            for start in range(0, len(posts), 20):
                total += made.store(runtime, source_id, order[start : start + 20])
        except Exception as error:  # noqa: BLE001 - handed to the assertion below
            errors.append(error)
        totals.append(total)

    threads = [threading.Thread(target=run, args=one) for one in enumerate(sources)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(made.mentions(runtime)) == 120
    assert sum(total.new for total in totals) == 120
    assert sum(total.new + total.known for total in totals) == 480
    with runtime.db.read() as db:
        assert len(list(db.scalars(select(tables.Author)))) == 7


def test_own_posts_are_dropped_by_handle_whatever_its_case_and_by_id(runtime: Runtime) -> None:
    made.brand(runtime, own=["acmehelp", "id-bot"])
    page = [post(1, author="AcmeHelp"), post(2, author="@acmehelp"), post(3, author="bot"), post(4)]
    assert made.store(runtime, made.source(runtime), page) == Collected(new=1, own=3)
    elsewhere = post(5, platform="reddit", author="acmehelp")
    assert made.store(runtime, made.source(runtime, name="other"), [elsewhere]).new == 1


def test_what_no_query_matches_is_dropped_and_counted(runtime: Runtime) -> None:
    made.brand(runtime)
    page = [post(1, "nothing to see"), post(2)]
    assert made.store(runtime, made.source(runtime), page) == Collected(new=1, unmatched=1)


def test_a_brands_own_source_gives_all_to_that_brand_alone(runtime: Runtime) -> None:
    acme, other = made.brand(runtime), made.brand(runtime, "other")
    source_id = made.source(runtime, brand_id=other)
    assert made.store(runtime, source_id, [post(1), post(2, "nothing to see")]).new == 2
    with runtime.db.read() as db:
        assert {(row.brand_id, row.query_id) for row in db.scalars(select(tables.Match))} == {(other, None)}
    assert made.store(runtime, made.source(runtime, name="all"), [post(1)]) == Collected(known=1, matched=1)
    with runtime.db.read() as db:
        assert {row.brand_id for row in db.scalars(select(tables.Match))} == {acme, other}


def test_a_query_that_can_no_longer_be_read_harms_no_other(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    made.brand(runtime, "acme", "acme", "((((")
    assert made.store(runtime, made.source(runtime), [post(1)]).new == 1
    assert "matches nothing until it is mended" in caplog.text


def test_known_mentions_get_newer_counts_and_names_but_zero_means_not_said(runtime: Runtime) -> None:
    made.brand(runtime)
    source_id = made.source(runtime)
    made.store(runtime, source_id, [post(1, likes=5, reposts=2, author="old")])
    newer = post(1, likes=9, replies=1)
    made.store(runtime, source_id, [replace(newer, author=Author("id-old", "new", "New Name", 1200))])
    made.store(runtime, source_id, [replace(newer, likes=0, author=Author("id-old", "new"))])
    made.store(runtime, source_id, [replace(newer, likes=0, author=Author("id-old", "id-old"))])
    (row,) = made.mentions(runtime)
    assert (row.likes, row.reposts, row.replies) == (9, 2, 1)
    assert (row.author.handle, row.author.name, row.author.followers) == ("new", "New Name", 1200)


def test_an_edit_replaces_text_and_has_it_judged_anew(runtime: Runtime) -> None:
    made.brand(runtime)
    source_id = made.source(runtime)
    made.store(runtime, source_id, [post(1)])
    (row,) = made.mentions(runtime)
    with runtime.db.write() as db:
        waiting.done(db, "judge", [row.id])
        set_aside(db, runtime.clock, "judge", "mention", row.id, ValueError("unreadable"))
        db.add(_verdict(runtime, row.id))

    same = made.store(runtime, source_id, Page(edited=(post(1),)))
    assert (same.edited, made.waiting_for(runtime, "judge")) == (0, [])

    done = made.store(runtime, source_id, Page(edited=(post(1, "acme found my parcel"),)))
    assert (done.edited, done.to_judge) == (1, 1)
    (row,) = made.mentions(runtime)
    assert (row.text, row.edited_at) == ("acme found my parcel", runtime.clock.now())
    assert made.waiting_for(runtime, "judge") == [row.id]
    with runtime.db.read() as db:
        assert db.scalars(select(tables.Verdict)).all() == []
        assert db.scalars(select(tables.SetAside)).all() == []


def test_an_edit_that_makes_a_post_a_mention_stores_it(runtime: Runtime) -> None:
    made.brand(runtime)
    assert made.store(runtime, made.source(runtime), Page(edited=(post(1),))).new == 1


def test_what_is_deleted_is_forgotten_and_never_comes_back(runtime: Runtime) -> None:
    made.brand(runtime)
    source_id = made.source(runtime)
    made.store(runtime, source_id, [post(1), post(2)])
    assert made.store(runtime, source_id, Page(deleted=("1", "unknown"))).deleted == 1
    again = Page((post(1), post(2)), edited=(post(1, "acme again"),), reposts={"1": 5})
    assert made.store(runtime, source_id, again) == Collected(known=2)
    first, second = made.mentions(runtime)
    assert (first.text, first.reposts, first.deleted_at) == ("", 0, runtime.clock.now())
    assert second.text == "acme lost my parcel"


def test_a_deleted_account_takes_all_its_posts_along(runtime: Runtime) -> None:
    made.brand(runtime)
    source_id = made.source(runtime)
    made.store(runtime, source_id, [post(1), post(2), post(3, author="bob")])
    assert made.store(runtime, source_id, Page(deleted_authors=("id-ann",))).deleted == 2
    assert [(row.text, row.author.handle) for row in made.mentions(runtime)] == [
        ("", ""),
        ("", ""),
        ("acme lost my parcel", "bob"),
    ]


def test_reposts_are_counts_on_what_we_hold(runtime: Runtime) -> None:
    made.brand(runtime)
    source_id = made.source(runtime)
    made.store(runtime, source_id, [post(1, reposts=2)])
    made.store(runtime, source_id, Page(reposts={"1": 3, "unknown": 9}))
    assert [row.reposts for row in made.mentions(runtime)] == [5]


def test_gaps_and_unreadable_items_are_kept_where_people_see_them(runtime: Runtime) -> None:
    source_id, now = made.source(runtime), runtime.clock.now()
    gap = Span(now - timedelta(hours=2), now, "down")
    made.store(runtime, source_id, Page(rejected=(Rejected("line 3", "not JSON"),) * 2, gaps=(gap,)))
    with runtime.db.read() as db:
        assert db.get_one(tables.Source, source_id).rejected == 2
        (row,) = db.scalars(select(tables.Gap))
        assert (row.start, row.end, row.reason, row.closed_at) == (gap.start, gap.end, "down", None)


def test_threads_hang_together_though_platforms_name_only_the_parent(runtime: Runtime) -> None:
    made.brand(runtime)
    source_id = made.source(runtime)
    made.store(runtime, source_id, [post("root")])
    later = [made.WRITTEN + timedelta(minutes=minute) for minute in range(3)]
    answers = [post("b", reply_to="a", created_at=later[2]), post("a", reply_to="root", created_at=later[1])]
    made.store(runtime, source_id, [*answers, post("c", reply_to="unheard"), post("d", conversation="told")])
    threads = {row.native_id: row.conversation for row in made.mentions(runtime)}
    assert threads == {"root": "root", "a": "root", "b": "root", "c": "unheard", "d": "told"}


HOSTILE = "acme \0 \ud83d \u202egnp.exe <script>alert(1)</script> =HYPERLINK() 👩‍👩‍👧 " + "é" * 10


def test_hostile_text_is_stored_as_it_came_but_for_what_no_database_takes(runtime: Runtime) -> None:
    made.brand(runtime)
    hostile = post("id\0\udc00", HOSTILE, url="javascript:alert(1)", likes=2**40, extra={"a\0": ["\0", "\ud800"]})
    made.store(runtime, made.source(runtime), [hostile])
    (row,) = made.mentions(runtime)
    assert row.text == HOSTILE.replace("\0", "").replace("\ud83d", "\ufffd")
    assert (row.native_id, row.url, row.likes, row.extra) == ("id\ufffd", None, 2**31 - 1, {"a": ["", "\ufffd"]})


def test_beyond_100_kb_a_text_is_cut_and_that_is_noted(runtime: Runtime) -> None:
    made.brand(runtime)
    made.store(runtime, made.source(runtime), [post(1, "acme " + "😡" * 40_000)])
    (row,) = made.mentions(runtime)
    assert row.text == "acme " + "😡" * 24_998
    assert row.extra == {"cut": "the first 100000 of 160005 bytes are kept"}


def test_ids_longer_than_an_index_takes_stay_apart(runtime: Runtime) -> None:
    made.brand(runtime)
    source_id, long = made.source(runtime), "tag:" + "x" * 5_000
    page = Page(tuple(post(long + end, author=long + end, conversation=long) for end in "ab"))
    assert made.store(runtime, source_id, page).new == 2
    assert made.store(runtime, source_id, page).known == 2
    assert made.store(runtime, source_id, Page(deleted=(long + "a",))).deleted == 1


def test_unknown_fields_that_are_no_json_are_dropped_and_counted(runtime: Runtime) -> None:
    made.brand(runtime)
    deep: list[object] = []
    for _ in range(3_000):
        deep = [deep]
    extra = {"kept": {"a": [1, None]}, "object": object(), "deep": deep, "large": "x" * 200_000, "nan": float("nan")}
    made.store(runtime, made.source(runtime), [post(1, extra=extra)])
    assert made.mentions(runtime)[0].extra == {"kept": {"a": [1, None]}, "dropped": 4}


def test_the_judge_is_asked_once_more_when_it_is_just_reading_the_old_text(
    settings: Settings, postgres_url: str, clock: HeldClock, queue: NudgeList
) -> None:
    """An edit that commits while a judge holds the mention must not end with the verdict of the old text."""
    runtime = Runtime(settings, Database(postgres_url), clock, queue)
    runtime.db.prepare()
    made.brand(runtime)
    source_id = made.source(runtime)
    made.store(runtime, source_id, [post(1)])
    (row,) = made.mentions(runtime)
    edit = threading.Thread(target=made.store, args=(runtime, source_id, Page(edited=(post(1, "acme is fine"),))))
    with runtime.db.claim() as claimed:
        assert waiting.take(claimed, clock, "judge", 9) == [row.id]
        edit.start()
        edit.join(0.3)
        assert edit.is_alive()  # it waits for us
        claimed.add(_verdict(runtime, row.id))
        waiting.done(claimed, "judge", [row.id])
    edit.join()
    assert made.waiting_for(runtime, "judge") == [row.id]
    with runtime.db.read() as db:
        assert db.scalars(select(tables.Verdict)).all() == []
    runtime.db.close()


def _verdict(runtime: Runtime, mention_id: int) -> tables.Verdict:
    return tables.Verdict(
        mention_id=mention_id, model="m1", language="en", sentiment="negative", judged_at=runtime.clock.now()
    )
