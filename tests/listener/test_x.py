"""X over loopback: what becomes of posts, how mentions and searches are read page by page, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater
from core.types import Mention, Page, Span
from listener.sources.x import X
from listener.sources.x.posts import time_of
from tests.listener.emulators import x as emulator
from tests.listener.emulators import x_source
from tests.listener.emulators.x import problem
from tests.listener.emulators.x_source import World, round_of, texts
from tests.loopback import Answer

MENTIONS = "/2/users/111/mentions"
SEARCH = "/2/tweets/search/recent"


@pytest.fixture
def world(clock: HeldClock) -> Iterator[World]:
    with x_source.world(clock) as running:
        yield running


@pytest.fixture
def platform(world: World) -> emulator.X:
    return world.platform


@pytest.fixture
def make(world: World) -> Callable[..., X]:
    return world.source


def only(pages: list[Page]) -> Mention:
    (mention,) = [one for page in pages for one in page.mentions]
    return mention


def test_a_post_comes_with_all_that_is_known_of_it(make: Callable[..., X], platform: emulator.X) -> None:
    post_id = platform.post(
        "@acme 3 &lt; 4 &amp; late https://t.co/1",
        lang="in",
        conversation_id="77",
        referenced_tweets=[{"type": "replied_to", "id": "88"}],
        entities={"urls": [{"url": "https://t.co/1", "expanded_url": "https://shop.example/x"}]},
        public_metrics={"retweet_count": 2, "quote_count": 1, "reply_count": 5, "like_count": 7},
        reply_settings="following",
    )
    mention = only(round_of(make()))
    assert mention.platform == "x"
    assert mention.native_id == post_id
    assert (mention.author.handle, mention.author.name, mention.author.followers) == ("ann", "Ann", 1_234)
    assert mention.text == "@acme 3 < 4 & late https://t.co/1"
    assert mention.url == f"https://x.com/ann/status/{post_id}"
    assert (mention.kind, mention.reply_to, mention.conversation, mention.lang) == ("reply", "88", "77", "id")
    assert (mention.likes, mention.reposts, mention.replies) == (7, 3, 5)
    assert mention.extra == {"links": ["https://shop.example/x"], "reply_settings": "following"}


def test_a_long_post_comes_whole(make: Callable[..., X], platform: emulator.X) -> None:
    whole = "@acme " + "so very late " * 100
    platform.post("@acme so very…", note_tweet={"text": whole, "entities": {"urls": [{"expanded_url": "https://a.b"}]}})
    mention = only(round_of(make()))
    assert mention.text == whole
    assert mention.extra["links"] == ["https://a.b"]


def test_an_edit_is_a_new_text_of_the_same_mention_though_x_gives_it_a_new_id(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make()
    first = platform.post("@acme you thieves")
    cursor = round_of(source)[-1].cursor
    clock.advance(60)
    second = platform.edit(first, "@acme you kind people")
    (page,) = round_of(source, cursor)
    assert not page.mentions
    (edited,) = page.edited
    assert (edited.native_id, edited.text) == (first, "@acme you kind people")
    assert edited.extra["latest_id"] == second


def test_quotes_and_reposts_count_on_the_original_and_only_quotes_are_mentions(
    make: Callable[..., X], platform: emulator.X
) -> None:
    original = platform.post("buy our thing", "acme")
    platform.post("@acme never again", referenced_tweets=[{"type": "quoted", "id": original}])
    platform.post("RT @acme: buy our thing", "bob", referenced_tweets=[{"type": "retweeted", "id": original}])
    pages = round_of(make())
    assert only(pages).kind == "quote"
    assert pages[0].reposts == {original: 2}


def test_what_comes_twice_is_counted_and_billed_once_unless_it_was_not_stored(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make()
    platform.post("@acme never again", referenced_tweets=[{"type": "quoted", "id": "5"}])
    first = source.fetch(None)
    assert (first.reposts, first.spent) == ({"5": 1}, {"own_mention_read": 1, "user_read": 1})
    lost = source.fetch(None)
    assert (lost.reposts, lost.spent) == (first.reposts, first.spent)
    clock.advance(30)
    again = source.fetch(lost.cursor)
    assert texts(again) == ["@acme never again"]
    assert (again.reposts, again.spent) == ({}, {})


def test_all_pages_are_followed_with_one_since_id_and_what_is_posted_meanwhile_comes_next_time(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make()
    cursor = round_of(source)[-1].cursor
    clock.advance(600)
    for number in range(250):
        platform.post(f"@acme number {number}")
        clock.advance(2)
    asked = len(platform.asked)
    first = source.fetch(cursor)
    platform.post("@acme meanwhile")
    pages = [first, *round_of(source, first.cursor)]
    assert [len(page.mentions) for page in pages] == [100, 100, 50]
    assert len({one.one("since_id") for one in platform.asked[asked:]}) == 1
    clock.advance(60)
    assert "@acme meanwhile" in texts(*round_of(source, pages[-1].cursor))
    newest = first.mentions[0].created_at
    assert newest - time_of(platform.asked[-1].one("since_id")) <= timedelta(minutes=1, seconds=1)


def test_what_becomes_findable_late_is_still_heard(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make()
    platform.post("@acme new")
    cursor = round_of(source)[-1].cursor
    platform.post("@acme late in the index", at=clock.now() - timedelta(seconds=40))
    assert texts(*round_of(source, cursor)) == ["@acme late in the index", "@acme new"]


def test_where_the_clocks_differ_by_minutes_nothing_is_passed_over(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make()
    cursor = round_of(source)[-1].cursor
    clock.advance(7_200)
    cursor = round_of(source, cursor)[-1].cursor
    platform.post("@acme by a clock that is slow", at=clock.now() - timedelta(minutes=10))
    assert texts(*round_of(source, cursor)) == ["@acme by a clock that is slow"]


def test_an_empty_page_with_a_next_token_is_not_the_end(make: Callable[..., X], platform: emulator.X) -> None:
    for number in range(150):
        platform.post(f"@acme {number}")
    empty = emulator.reply({"meta": {"result_count": 0, "next_token": str((1 << 62) - 1)}})
    platform.fail(MENTIONS, lambda _: empty)
    assert len(texts(*round_of(make()))) == 150


def test_a_new_source_begins_a_day_back_with_mentions_and_an_hour_back_with_searches(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    for hours in (0.5, 2, 30):
        at = clock.now() - timedelta(hours=hours)
        platform.post(f"@acme {hours}", at=at)
        platform.post(f"acme shop {hours}", at=at)
    assert texts(*round_of(make('"acme shop"'))) == ["@acme 0.5", "@acme 2", "acme shop 0.5"]


def test_polls_that_find_nothing_for_weeks_lose_nothing_and_report_no_gap(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make("#acme")
    cursor = round_of(source)[-1].cursor
    for _ in range(20):
        clock.advance(86_400)
        pages = round_of(source, cursor)
        assert not any(page.gaps for page in pages)
        cursor = pages[-1].cursor
    platform.post("#acme at last")
    assert texts(*round_of(source, cursor)) == ["#acme at last"]


def test_after_more_than_seven_days_the_rest_is_searched_and_what_search_cannot_give_is_a_gap(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make("#acme")
    cursor, stopped = round_of(source)[-1].cursor, clock.now()
    clock.advance(8 * 86_400)
    platform.post("#acme yesterday", at=clock.now() - timedelta(days=1))
    pages = round_of(make("#acme"), cursor)
    assert texts(*pages) == ["#acme yesterday"]
    (gap,) = [gap for page in pages for gap in page.gaps]
    assert abs(gap.start - stopped) < timedelta(hours=1, minutes=1)
    assert abs(gap.end - (clock.now() - timedelta(days=7))) <= timedelta(hours=1)
    assert "seven days" in gap.reason


def test_more_mentions_than_a_timeline_gives_are_a_gap(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make(mode="mentions")
    cursor = round_of(source)[-1].cursor
    clock.advance(3_600)
    for number in range(900):
        platform.post(f"@acme {number}")
        clock.advance(1)
    pages = round_of(source, cursor)
    assert len(texts(*pages)) == 800
    (gap,) = pages[-1].gaps
    assert gap.start < clock.now() - timedelta(seconds=800) <= gap.end + timedelta(seconds=1)


def test_changed_queries_go_on_where_the_old_ones_were(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    cursor = round_of(make("#acme"))[-1].cursor
    clock.advance(3 * 86_400)
    platform.post("#rival two days ago", at=clock.now() - timedelta(days=2))
    assert texts(*round_of(make("#acme OR #rival"), cursor)) == ["#rival two days ago"]


def test_when_money_runs_short_only_mentions_are_asked_for_and_the_rest_goes_on_where_it_was(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    cursor = round_of(make("#acme"))[-1].cursor
    clock.advance(86_400)
    platform.post("#acme in hard times")
    platform.post("@acme hello")
    asked = len(platform.asked)
    short = make("#acme", mode="stream", mentions_only=True)
    pages = round_of(short, cursor)
    assert texts(*pages) == ["@acme hello"]
    assert {one.path for one in platform.asked[asked:]} == {MENTIONS}
    clock.advance(86_400)
    assert "#acme in hard times" in texts(*round_of(make("#acme"), pages[-1].cursor))


def test_what_was_read_is_metered_by_what_x_bills(make: Callable[..., X], platform: emulator.X) -> None:
    platform.post("@acme one", "ann")
    platform.post("#acme two", "ann")
    platform.post("#acme three", "bob")
    spent: dict[str, int] = {}
    for page in round_of(make("#acme")):
        for item, units in page.spent.items():
            spent[item] = spent.get(item, 0) + units
    assert spent == {"own_mention_read": 1, "post_read": 2, "user_read": 2}


def test_a_limit_that_is_used_up_is_rested_on_before_x_says_no(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    platform.remaining = 0
    assert make().fetch(None).rest_until == clock.now() + timedelta(seconds=601)
    platform.remaining = 1
    assert make().fetch(None).rest_until is None


def test_a_query_that_x_cannot_be_asked_is_named_once(make: Callable[..., X], platform: emulator.X) -> None:
    source = make("ship*", "#acme")
    first, *others = round_of(source)
    (rejected,) = first.rejected
    assert "ship*" in rejected.where
    assert not any(page.rejected for page in (*others, *round_of(source, first.cursor)))


def test_a_post_that_cannot_be_read_is_named_and_the_others_are_heard(
    make: Callable[..., X], platform: emulator.X
) -> None:
    platform.post("@acme good")
    platform.post("@acme bad", author_id=None, created_at="yesterday")
    (page,) = round_of(make())
    assert texts(page) == ["@acme good"]
    assert "unreadable" in page.rejected[0].reason


def test_accounts_are_looked_up_once_and_mentions_of_each_are_read(
    make: Callable[..., X], platform: emulator.X
) -> None:
    platform.post("@acme one")
    platform.post("@AcmeHelp two")
    pages = round_of(make(accounts=" @Acme, acmehelp,acme "))
    assert texts(*pages) == ["@AcmeHelp two", "@acme one"]
    round_of(make(accounts="acme, acmehelp"), pages[-1].cursor)
    assert platform.paths().count("GET /2/users/by") == 1


def test_an_account_that_x_does_not_know_pauses_the_source_by_name(make: Callable[..., X]) -> None:
    with pytest.raises(GiveUp, match="@akme"):
        make(accounts="acme, akme").fetch(None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bearer_token": "with space and more"}, "Bearer token"),
        ({"accounts": "not a handle!"}, "Your accounts"),
        ({"accounts": " , "}, "Your accounts"),
        ({"mode": "firehose"}, "How to listen"),
        ({"reposts": "some"}, "Reposts"),
        ({"parents": "all"}, "What replies answer"),
    ],
)
def test_a_wrong_setting_is_named(make: Callable[..., X], settings: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        make(**settings)


def test_access_says_who_we_are_and_what_the_app_may_do(make: Callable[..., X], platform: emulator.X) -> None:
    access = make("#acme", accounts="acme, acmehelp").access()
    assert access.account == "@acme, @acmehelp"
    assert any("filtered stream" in one for one in access.may)
    assert any("2000000 posts a month; 4711 were read" in one for one in access.may)
    assert access.may_not == ()
    assert {one.method for one in platform.asked} == {"GET"}


def test_access_says_what_the_app_may_not_do_in_the_words_of_x(make: Callable[..., X], platform: emulator.X) -> None:
    platform.forbidden = {"/2/tweets/search/stream", "/2/compliance", "/2/usage"}
    access = make("ship*").access()
    stream, jobs, query = access.may_not
    assert "not enrolled" in stream
    assert "deleted" in jobs
    assert "ship*" in query


def test_what_a_reply_answers_is_read_where_that_is_wanted_and_paid_for(
    make: Callable[..., X], platform: emulator.X
) -> None:
    parents = [platform.post(f"what it is about {number}") for number in range(2)]
    asked = len(platform.asked)
    assert make().parents(parents) == make(parents="read", mentions_only=True).parents(parents) == Page()
    assert len(platform.asked) == asked
    page = make(parents="read").parents([*parents, "5", "at://no/id/of/x"])
    assert sorted(one.native_id for one in page.mentions) == sorted(parents)
    assert page.spent == {"post_read": 2, "user_read": 1}
    assert page.cursor is None


def test_a_search_that_x_refuses_stops_nothing_else_and_is_a_gap_until_x_takes_it(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    names = [f"brand {number} {'x' * 100}" for number in range(5)]
    for name in names:
        platform.post(name)
    source = make(*(f'"{name}"' for name in names))
    platform.fail(SEARCH, lambda _: problem(400, "Invalid Request", "There was something wrong with the query"))
    pages = round_of(source)
    heard = texts(*pages)
    assert 0 < len(heard) < 5
    (gap,) = [gap for page in pages for gap in page.gaps]
    assert "something wrong with the query" in gap.reason
    assert gap.start < clock.now() == gap.end
    clock.advance(86_400)
    assert set(names) <= {*texts(*round_of(source, pages[-1].cursor)), *heard}


def test_a_gap_is_read_by_mentions_and_searches_within_its_span(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make("#acme")
    start = clock.now()
    for number in range(150):
        platform.post(f"@acme {number}")
        platform.post(f"#acme {number}")
    clock.advance(60)
    platform.post("#acme after it")
    clock.advance(3_600)
    cursor = round_of(source)[-1].cursor
    assert cursor
    gap = Span(start, start + timedelta(seconds=30), "the line was down")
    pages = [source.fetch_gap(gap, None)]
    while pages[-1].more:
        pages.append(source.fetch_gap(gap, pages[-1].cursor))
    assert len(pages) == 4
    assert len({one.native_id for page in pages for one in page.mentions}) == 300
    assert not any(page.gaps for page in pages)


def test_a_gap_is_asked_for_once_x_can_find_what_was_posted_in_it(make: Callable[..., X], clock: HeldClock) -> None:
    source = make("#acme")
    source.fetch(None)
    gap = Span(clock.now() - timedelta(seconds=50), clock.now(), "the line was down")
    with pytest.raises(RetryLater) as caught:
        source.fetch_gap(gap, None)
    assert caught.value.after == 60
    clock.advance(60)
    assert not source.fetch_gap(gap, None).gaps


def test_of_a_gap_what_is_older_than_seven_days_can_no_longer_be_had(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock
) -> None:
    source = make("#acme")
    source.fetch(None)
    platform.post("#acme here", at=clock.now() - timedelta(days=6))
    gap = Span(clock.now() - timedelta(days=9), clock.now() - timedelta(days=5), "nothing ran")
    pages = [source.fetch_gap(gap, None)]
    while pages[-1].more:
        pages.append(source.fetch_gap(gap, pages[-1].cursor))
    assert texts(*pages) == ["#acme here"]
    (lost,) = pages[-1].gaps
    assert lost.start == gap.start
    older = replace(gap, end=clock.now() - timedelta(days=8))
    asked = len(platform.searched())
    while (page := source.fetch_gap(older, pages[-1].cursor)).more:
        pages.append(page)
    assert page.gaps == (replace(older, reason=lost.reason),)
    assert len(platform.searched()) == asked


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_where_a_person_must_act_it_gives_up_in_the_words_of_x(
    make: Callable[..., X], platform: emulator.X, status: int
) -> None:
    platform.fail(MENTIONS, lambda _: problem(status, "CreditsDepleted", "your account has no credits"))
    with pytest.raises(GiveUp, match=f"X answered {status}: CreditsDepleted: your account has no credits"):
        make().fetch(None)
    assert platform.paths().count(f"GET {MENTIONS}") == 1


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (problem(429, "Too Many Requests", "x", x_rate_limit_remaining="0", x_rate_limit_reset="{soon}"), 121),
        (problem(429, "Too Many Requests", "x", x_rate_limit_reset="{soon}"), 121),
        (problem(429, "Too Many Requests", "x", x_rate_limit_remaining="7", x_rate_limit_reset="{soon}"), 60),
        (problem(429, "Too Many Requests", "x", x_rate_limit_reset="soon"), 60),
        (problem(429, "Too Many Requests", "x", x_rate_limit_reset="12"), 60),
        (problem(429, "Too Many Requests", "x", retry_after="33"), 33),
        (problem(429, "Too Many Requests", "x"), 60),
        (problem(429, "UsageCapExceeded", "Monthly product cap", "usage-capped", x_rate_limit_reset="{soon}"), 3_600),
        (problem(503, "Service Unavailable", "over capacity", retry_after="9"), 9),
        (problem(503, "Service Unavailable", "over capacity"), None),
        (problem(408, "Timeout", "x"), None),
    ],
)
def test_later_means_when_x_says_if_it_says_so(
    make: Callable[..., X], platform: emulator.X, clock: HeldClock, answer: Answer, after: float | None
) -> None:
    soon = str(int(clock.now().timestamp()) + 120)
    headers = {name: value.replace("{soon}", soon) for name, value in answer.headers.items()}
    platform.fail(MENTIONS, lambda _: replace(answer, headers=headers))
    with pytest.raises(RetryLater) as caught:
        make().fetch(None)
    assert caught.value.after == after
    assert platform.paths().count(f"GET {MENTIONS}") == 1
