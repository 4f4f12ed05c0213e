"""The inbox: what stands in it, in which order, and that it stays quick."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event

from core.clock import HeldClock
from core.roles import EVERYTHING
from core.runtime import Runtime
from core.tables import Case, Verdict
from tests.web.stories import add_brand, add_case, add_source, add_user
from tests.web.visitor import Visitor, words
from web.queries import facets, inbox
from web.queries.inbox import GROUPS, Wanted


def _ids(runtime: Runtime, wanted: Wanted | None = None, window: int = inbox.WINDOW) -> list[int]:
    """All pages of the inbox, one after the other."""
    found, after = [], None
    with runtime.db.read() as db:
        while True:
            page = inbox.page(db, wanted or Wanted(EVERYTHING), after, window)
            found += [row.id for row in page.rows]
            if page.next is None:
                return found
            after = page.next


def test_the_most_urgent_stands_first_then_what_is_due_first(runtime: Runtime) -> None:
    late = add_case(runtime, priority=60, minutes_ago=50)
    low = add_case(runtime, priority=10, minutes_ago=300)
    high = add_case(runtime, priority=90, minutes_ago=1, state="drafted")
    never = add_case(runtime, priority=60, due_at=None)
    soon = add_case(runtime, priority=60, minutes_ago=10)
    assert _ids(runtime) == [high, late, soon, never, low]


def test_pages_follow_each_other_without_loss_or_repetition(runtime: Runtime) -> None:
    cases = [
        add_case(runtime, priority=number % 3, state=("new", "drafted")[number % 2], minutes_ago=number % 5)
        for number in range(2 * inbox.PAGE + 3)
    ]
    found = _ids(runtime)
    assert sorted(found) == sorted(cases)
    assert _ids(runtime, Wanted(EVERYTHING, GROUPS["all"])) != found
    assert sorted(_ids(runtime, Wanted(EVERYTHING, GROUPS["all"]))) == sorted(cases)


@pytest.mark.parametrize("group", ["todo", "all"])
def test_a_search_that_goes_step_by_step_finds_the_same_in_the_same_order(runtime: Runtime, group: str) -> None:
    for number in range(23):
        text = "the parcel" if number % 3 == 0 else "something else"
        add_case(runtime, text, priority=number % 4, state=("new", "drafted")[number % 2], minutes_ago=number % 5)
    wanted = Wanted(EVERYTHING, GROUPS[group], text="parcel")
    at_once = _ids(runtime, wanted)
    assert len(at_once) == 8
    assert _ids(runtime, wanted, window=3) == at_once


def test_a_search_that_has_not_looked_at_everything_says_so(agent: Visitor) -> None:
    for _ in range(3):
        add_case(agent.runtime)
    with agent.runtime.db.read() as db:
        page = inbox.page(db, Wanted(EVERYTHING, text="nowhere"), window=2)
    assert page.rows == []
    assert page.next


def test_what_is_done_stands_with_the_newest_change_first(runtime: Runtime) -> None:
    now = runtime.clock.now()
    cases = [
        add_case(runtime, state=state, changed_at=now - timedelta(hours=hours))
        for hours, state in ((3, "sent"), (1, "dismissed"), (2, "answered_by_hand"))
    ]
    assert _ids(runtime, Wanted(EVERYTHING, GROUPS["done"])) == [cases[1], cases[2], cases[0]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"brand": "hawkweed"}, {"plain", "question", "mine"}),
        ({"brand": "other"}, {"other"}),
        ({"brand": "nobody"}, set()),
        ({"platform": "reddit"}, {"question"}),
        ({"sentiment": "neutral"}, {"question"}),
        ({"text": "WHERE parcel"}, {"question"}),
        ({"text": "100%"}, {"other"}),
        ({"text": "%"}, {"other"}),
        ({"text": "_"}, set()),
        ({"owner": 1}, {"mine"}),
    ],
)
def test_filters_narrow_the_list(runtime: Runtime, wanted: dict[str, object], expected: set[str]) -> None:
    add_user(runtime)
    cases = {
        add_case(runtime): "plain",
        add_case(
            runtime, "Where is my parcel?", author={"platform": "reddit"}, verdict={"sentiment": "neutral"}
        ): "question",
        add_case(runtime, "100% broken", brand="Other"): "other",
        add_case(runtime, owner_id=1): "mine",
    }
    assert {cases[one] for one in _ids(runtime, Wanted(EVERYTHING, **wanted))} == expected  # type: ignore[arg-type]


def test_the_latest_verdict_counts(runtime: Runtime) -> None:
    case_id = add_case(runtime)
    with runtime.db.write() as db:
        mention_id = db.get_one(Case, case_id).mention_id
        changed = {"model": "next", "language": "en", "sentiment": "positive", "scores": {}, "complaint": False}
        db.add(Verdict(mention_id=mention_id, judged_at=runtime.clock.now(), **changed))
    assert _ids(runtime, Wanted(EVERYTHING, sentiment="negative")) == []
    assert _ids(runtime, Wanted(EVERYTHING, sentiment="positive")) == [case_id]


def test_a_row_says_who_where_what_how_urgent_and_why(agent: Visitor) -> None:
    add_case(
        agent.runtime,
        "Still waiting",
        author={"name": "Orla", "platform": "bluesky"},
        priority=82,
        reasons=["second message, no answer yet", "complaint (93%)"],
        minutes_ago=26,
    )
    page = words(agent.get("/"))
    assert (
        "82 Orla Bluesky 26 min ago Still waiting Complaint Negative second message, no answer yet due in 34 min"
        in page
    )


def test_a_case_is_a_complaint_if_any_of_its_mentions_is(agent: Visitor) -> None:
    verdict = {"sentiment": "neutral", "complaint": False}
    add_case(agent.runtime, verdict=verdict, facts={"complaint": True}, reasons=["complaint (97%)", "asks a question"])
    page = words(agent.get("/"))
    assert "Complaint Neutral asks a question" in page


def test_a_row_names_its_brand_where_there_are_several(agent: Visitor) -> None:
    add_case(agent.runtime, author={"name": "Orla"})
    assert "Orla Bluesky 30 min ago" in words(agent.get("/"))
    add_brand(agent.runtime, "Other")
    assert "Orla Bluesky · Hawkweed 30 min ago" in words(agent.get("/"))


def test_what_is_late_is_said(agent: Visitor) -> None:
    add_case(agent.runtime, minutes_ago=180)
    page = agent.get("/")
    assert "2 h overdue" in words(page)
    assert 'data-level="late"' in page.text


def test_soon_is_said_when_most_of_the_time_is_gone(agent: Visitor, clock: HeldClock) -> None:
    add_case(agent.runtime, warn_at=clock.now() + timedelta(minutes=1))
    assert 'data-level="fine"' in agent.get("/").text
    clock.advance(60)
    page = agent.get("/")
    assert "due in 29 min" in words(page)
    assert 'data-level="soon"' in page.text


def test_a_snooze_hides_no_clock_and_an_answer_ends_it(agent: Visitor, clock: HeldClock) -> None:
    add_case(agent.runtime, state="snoozed", snoozed_until=clock.now() + timedelta(days=1))
    assert "due in 30 min" in words(agent.get("/?state=snoozed"))
    add_case(agent.runtime, state="drafted", first_reply_at=clock.now())
    assert "due in" not in words(agent.get("/"))


def test_praise_stands_in_its_own_group_and_pushes_nothing_down(agent: Visitor) -> None:
    add_case(agent.runtime, "lovely boots", kind="praise", priority=99)
    add_case(agent.runtime, "late parcel")
    assert "lovely boots" not in words(agent.get("/"))
    assert "late parcel" in words(agent.get("/"))
    page = words(agent.get("/?state=thanks"))
    assert "lovely boots" in page
    assert "late parcel" not in page
    assert "lovely boots" in words(agent.get("/?state=all"))


def test_groups_that_wait_for_somebody_are_counted(runtime: Runtime) -> None:
    for state in ("new", "drafted", "drafted", "failed", "sent"):
        add_case(runtime, state=state)
    add_case(runtime, kind="praise")
    with runtime.db.read() as db:
        counted = {"todo": 3, "proposed": 0, "thanks": 1, "trouble": 1, "sending": 0, "snoozed": 0}
        assert facets.counts(db, EVERYTHING) == counted


def test_facets_keep_each_other(agent: Visitor) -> None:
    add_case(agent.runtime)
    add_case(agent.runtime, author={"platform": "reddit"})
    page = agent.get("/?state=all&platform=reddit&text=parcel").text
    assert 'href="/?state=done&amp;platform=reddit&amp;text=parcel"' in page or (
        'href="/?platform=reddit&amp;text=parcel&amp;state=done"' in page
    )
    assert 'href="/?state=all&amp;text=parcel"' in page


@pytest.mark.parametrize(
    "query", ["state=nonsense", "after=nonsense", "after=1_x_2", "after=1_2026-01-01_99999999999999999999", "mine=1"]
)
def test_an_address_that_somebody_made_up_does_no_harm(agent: Visitor, query: str) -> None:
    add_case(agent.runtime)
    assert agent.get(f"/?{query}").status_code == 200


def test_new_cases_are_announced_and_do_not_move_the_list(agent: Visitor) -> None:
    first = add_case(agent.runtime)
    assert "new case" not in words(agent.get(f"/fresh?newest={first}"))
    add_case(agent.runtime)
    add_case(agent.runtime, state="sent")
    fresh = agent.get(f"/fresh?newest={first}")
    assert words(fresh).startswith("1 new case: show")
    assert '<span hx-swap-oob="innerHTML:.count-todo">2</span>' in fresh.text
    assert "new case" not in words(agent.get(f"/fresh?newest={first}&platform=reddit"))


def test_the_list_grows_at_its_end(agent: Visitor) -> None:
    for _ in range(inbox.PAGE + 1):
        add_case(agent.runtime)
    more = agent.get("/").text.split('hx-get="/more?')[1].split('"')[0].replace("&amp;", "&")
    rows = agent.get(f"/more?{more}", HX_Request_Type="partial").text
    assert rows.count('class="row"') == 1
    assert "<html" not in rows
    assert "<html" in agent.get(f"/?{more}").text


def test_hostile_posts_stay_text_in_the_list(agent: Visitor) -> None:
    add_case(agent.runtime, '<script>alert(1)</script> "><img src=x>', author={"name": "<b>Mallory</b>\u202eevil"})
    page = agent.get("/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;Mallory&lt;/b&gt;" in page
    assert "<img src=x" not in page


def test_a_hundred_thousand_emoji_do_not_swell_the_list(agent: Visitor) -> None:
    add_case(agent.runtime, "😡" * 100_000)
    assert len(agent.get("/").data) < 60_000


@pytest.mark.parametrize(
    ("query", "what"),
    [("", "Nothing waits for you"), ("?state=trouble", "Nothing went wrong"), ("?platform=x", "Nothing fits")],
)
def test_an_empty_list_says_so_and_what_next(agent: Visitor, query: str, what: str) -> None:
    add_case(agent.runtime, state="sent")
    assert what in words(agent.get(f"/{query}"))


def test_an_empty_inbox_says_what_it_waits_for(agent: Visitor) -> None:
    assert "An admin has to set it up" in words(agent.get("/"))
    add_brand(agent.runtime)
    assert "Nobody is listening yet" in words(agent.get("/"))
    add_source(agent.runtime)
    assert "No complaint has come in so far" in words(agent.get("/"))


def test_what_needs_a_person_now_stands_above_every_page(agent: Visitor) -> None:
    assert 'class="alarm"' not in agent.get("/").text
    add_case(agent.runtime, state="unsure")
    add_case(agent.runtime, state="failed")
    add_source(agent.runtime, "bluesky", "Our Bluesky", state="paused", reason="401: the key was <revoked>")
    for path in ("/", "/playbook/", "/alarms"):
        page = words(agent.get(path))
        assert "1 reply may or may not have been sent. 1 reply was not sent. Look at them" in page
        assert "Our Bluesky is paused: 401: the key was <revoked> See why" in page


def test_no_list_reads_a_large_table_from_end_to_end(sqlite_runtime: Runtime) -> None:
    add_case(sqlite_runtime)
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    with sqlite_runtime.db.read() as db:
        event.listen(sqlite_runtime.db.engine, "before_cursor_execute", note)
        for group in GROUPS.values():
            for wanted in (
                Wanted(EVERYTHING, group),
                Wanted(EVERYTHING, group, "hawkweed", "bluesky", "negative", "parcel", 1),
            ):
                inbox.page(db, wanted)
                facets.newer(db, wanted, 0)
            facets.shares(db, group, EVERYTHING)
        facets.counts(db, EVERYTHING)
        facets.platforms(db)
        event.remove(sqlite_runtime.db.engine, "before_cursor_execute", note)
        plans = [
            step[-1]
            for statement, parameters in asked
            for step in db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert len(plans) > 50
    assert not [step for step in plans if re.match(r"SCAN (cases|mentions|verdicts|authors)\b", step)]


def test_rows_of_one_state_come_in_order_whatever_was_inserted_first(runtime: Runtime) -> None:
    for priority in (5, 50, 25, 99, 0, 75):
        add_case(runtime, priority=priority)
    with runtime.db.read() as db:
        rows = inbox.page(db, Wanted(EVERYTHING)).rows
    assert all(before.priority >= after.priority for before, after in pairwise(rows))
