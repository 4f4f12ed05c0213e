"""Bluesky's two hosts and two versions: what one loses the other gives, and what neither keeps is searched for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater
from core.settings import Settings
from core.types import Page, Span
from listener.source import Context
from listener.sources.bluesky import TURN_SECONDS, Bluesky
from listener.sources.bluesky.jetstream import OVERLAP, moment
from listener.sources.bluesky.page import Cursor
from tests.listener.emulators import bluesky, faults
from tests.listener.emulators.bluesky import HANDLE, PASSWORD, Host, Server, event
from tests.loopback import Answer

START = 1_783_175_888_000_000
MINUTE = 60_000_000
CLOSED = "ws://127.0.0.1:9/subscribe"
LOGIN = {"handle": HANDLE, "app_password": PASSWORD}


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    with bluesky.hosts() as running:
        yield running


@pytest.fixture
def host(hosts: tuple[Host, Host]) -> Host:
    return hosts[0]


@pytest.fixture
def server() -> Iterator[Server]:
    with bluesky.server() as running:
        yield running


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(moment(START + 10 * MINUTE))


@contextmanager
def hearing(
    clock: HeldClock,
    first: str,
    second: str = "",
    api: str = CLOSED,
    terms: tuple[str, ...] = (),
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Bluesky]:
    process = Settings(bluesky_jetstream_url=first, bluesky_second_url=second or first, bluesky_api_url=api)
    source = Bluesky(Context(settings, process, clock, terms), page_seconds=0.3, request_seconds=5)
    try:
        yield source
    finally:
        source.close()


def until(source: Bluesky, what: Callable[[Page], object], cursor: str | None = None) -> Page:
    """The first page that is as wanted: what a server sends is there a little later."""
    page = source.fetch(cursor)
    for _ in range(50):
        if what(page):
            return page
        page = source.fetch(page.cursor)
    raise AssertionError("it did not come")


def texts(page: Page) -> list[str]:
    return [one.text for one in page.mentions]


@pytest.mark.parametrize("version", [1, 2])
def test_recorded_events_come_the_same_in_both_versions_and_compressed(
    host: Host, clock: HeldClock, version: int
) -> None:
    host.tell(*bluesky.recorded())
    with hearing(clock, host.url if version == 1 else host.second()) as source:
        page = until(source, lambda page: page.mentions)
    assert len(page.mentions) == page.events["posts"] == 8
    assert page.rejected == ()
    first = page.mentions[0]
    assert first.native_id == "at://did:plc:dclwtltrt2ggsryagfzk7dp4/app.bsky.feed.post/3mptbyoeyc22k"
    assert first.created_at == datetime(2026, 7, 4, 14, 38, 6, 240_000, UTC)
    assert "compress" in host.asked[0].query or host.asked[0].query["zstdDictionary"] == ["20260811"]


def test_version_2_goes_on_by_its_count_and_another_host_by_the_time(
    hosts: tuple[Host, Host], clock: HeldClock
) -> None:
    first, second = hosts
    first.first_seq, second.first_seq = 500, 90_000
    for host in hosts:
        host.tell(*(event(number, START + number) for number in range(3)))
    with hearing(clock, first.second()) as source:
        cursor = until(source, lambda page: page.mentions).cursor
    with hearing(clock, first.second()) as source:
        page = until(source, lambda page: page.mentions, cursor)
        assert texts(page) == ["acme lost parcel 2"]  # its cursor is inclusive
    assert first.asked[-1].one("cursor") == "502"
    with hearing(clock, second.second()) as source:
        source.fetch(cursor)
    assert second.asked[-1].one("cursor") == str(START + 2 - OVERLAP)


def test_a_count_that_is_too_old_becomes_a_time_and_what_is_gone_a_gap(host: Host, clock: HeldClock) -> None:
    host.tell(event(1, START), event(2, START + 5 * MINUTE), event(3, START + 6 * MINUTE))
    with hearing(clock, host.second()) as source:
        cursor = until(source, lambda page: page.mentions).cursor
    host.keeps_from = START + 20 * MINUTE
    host.tell(event(4, START + 21 * MINUTE))
    with hearing(clock, host.second()) as source:
        page = until(source, lambda page: page.mentions, cursor)
    assert texts(page) == ["acme lost parcel 4"]
    assert [(one.start, one.end) for one in page.gaps] == [(moment(START + 6 * MINUTE), moment(START + 21 * MINUTE))]


def test_a_host_that_counts_anew_is_heard_by_the_time(host: Host, clock: HeldClock) -> None:
    host.first_seq = 1_000
    host.tell(event(1, START))
    with hearing(clock, host.second()) as source:
        cursor = until(source, lambda page: page.mentions).cursor
    host.first_seq = 1
    host.tell(event(2, START + 1))
    with hearing(clock, host.second()) as source:
        page = until(source, lambda page: page.mentions, cursor)
    assert "acme lost parcel 2" in texts(page)


def test_a_dictionary_that_is_no_longer_known_is_done_without(host: Host, clock: HeldClock) -> None:
    host.refusals.append(Answer(400, b'{"error": "UnknownZstdDictionary", "message": "20270101"}'))
    host.tell(event(1, START))
    with hearing(clock, host.second()) as source:
        assert texts(until(source, lambda page: page.mentions)) == ["acme lost parcel 1"]
    assert "zstdDictionary" not in host.asked[-1].query


@pytest.mark.parametrize("refusal", [Answer(403, b"no"), Answer(503, b"down")])
def test_the_second_host_takes_the_place_of_one_that_refuses(
    hosts: tuple[Host, Host], clock: HeldClock, refusal: Answer
) -> None:
    first, second = hosts
    first.refusals.append(refusal)
    second.tell(event(1, START))
    with hearing(clock, first.url, second.url) as source:
        assert texts(until(source, lambda page: page.mentions)) == ["acme lost parcel 1"]


def test_when_both_refuse_it_is_tried_later_or_given_up(hosts: tuple[Host, Host], clock: HeldClock) -> None:
    first, second = hosts
    first.refusals.extend([Answer(403, b"no"), Answer(403, b"no")])
    second.refusals.extend([Answer(503, b"down"), Answer(404, b"gone")])
    with hearing(clock, first.url, second.url) as source:
        with pytest.raises(RetryLater, match="503"):
            source.fetch(None)
        with pytest.raises(GiveUp, match="403"):
            source.fetch(None)


def test_a_collection_that_a_host_loses_is_heard_from_the_other_and_nothing_is_missing(
    hosts: tuple[Host, Host], clock: HeldClock
) -> None:
    first, second = hosts
    for host in hosts:
        host.tell(event(1, START))
    with hearing(clock, first.url, second.url) as source:
        page = until(source, lambda page: page.mentions)
        first.lost = {bluesky.POSTS}
        for host in hosts:
            host.tell(event(2, START + MINUTE), *(bluesky.account(START + MINUTE + n) for n in range(5)))
        page = source.fetch(page.cursor)
        assert (page.mentions, Cursor.read(page.cursor).place.time) == ((), START)
        clock.advance(TURN_SECONDS + 1)
        page = source.fetch(page.cursor)
        page = until(source, lambda page: page.mentions, page.cursor)
    assert "acme lost parcel 2" in texts(page)
    assert second.asked[0].one("cursor") == str(START - OVERLAP)


def test_reposts_and_quotes_are_counted_on_the_original_and_once(host: Host, clock: HeldClock) -> None:
    embed = {"$type": "app.bsky.embed.record", "record": {"uri": bluesky.uri(1), "cid": "c"}}
    pictures = {"$type": "app.bsky.embed.recordWithMedia", "record": embed, "media": {}}
    host.tell(
        event(1, START),
        event(2, START + 1, embed=embed),
        event(3, START + 2, embed=pictures),
        bluesky.repost(1, START + 3, bluesky.uri(1)),
        event(4, START + 4),
    )
    with hearing(clock, host.url, settings={"reposts": "yes"}) as source:
        page = until(source, lambda page: page.mentions)
        assert page.reposts == {bluesky.uri(1): 3}
        assert [one.kind for one in page.mentions] == ["post", "quote", "quote", "post"]
        assert page.events == {"posts": 4, "reposts": 1}
    with hearing(clock, host.url, settings={"reposts": "yes"}) as source:
        again = until(source, lambda page: page.mentions, page.cursor)
    assert again.mentions
    assert again.reposts == {}
    with hearing(clock, host.url) as source:
        assert until(source, lambda page: page.mentions).reposts == {bluesky.uri(1): 2}


def whole_gap(source: Bluesky, gap: Span) -> list[Page]:
    """All parts of a gap."""
    pages = [source.fetch_gap(gap, None)]
    while pages[-1].more:
        assert len(pages) < 50
        pages.append(source.fetch_gap(gap, pages[-1].cursor))
    return pages


def heard(pages: list[Page]) -> set[str]:
    return {one.text.removeprefix("acme lost parcel ") for page in pages for one in page.mentions}


def gap(minutes: float) -> Span:
    return Span(moment(START), moment(START + int(minutes * MINUTE)), "test")


def test_a_gap_is_replayed_while_the_hosts_keep_it(host: Host, clock: HeldClock) -> None:
    host.tell(*(event(number, START + number * 1_000) for number in range(3_000)), event(9_999, START + 2 * MINUTE))
    with hearing(clock, host.url) as source:
        pages = whole_gap(source, gap(1))
    assert heard(pages) == {str(number) for number in range(3_000)}
    assert pages[-1].gaps == ()
    assert not any(page.events for page in pages)
    assert len(pages) > 1
    assert len(host.asked) == 1


def test_what_no_host_keeps_stays_missing_where_nobody_is_signed_in(host: Host, clock: HeldClock) -> None:
    host.keeps_from = START + 4 * MINUTE
    host.tell(event(1, START + 1), event(2, START + 5 * MINUTE), event(3, START + 9 * MINUTE))
    with hearing(clock, host.url, terms=("acme",)) as source:
        pages = whole_gap(source, gap(8))
    assert heard(pages) == {"2"}
    assert [(one.start, one.end) for one in pages[-1].gaps] == [(moment(START), moment(START + 5 * MINUTE))]


def test_what_no_host_keeps_is_searched_for_word_by_word_to_the_end(
    host: Host, server: Server, clock: HeldClock
) -> None:
    host.keeps_from = START + 4 * MINUTE
    host.tell(event(1, START + 5 * MINUTE), event(2, START + 9 * MINUTE))
    for number in range(100, 350):
        server.show(number, START + number * 1_000)
    server.show(900, START + MINUTE, text="the zeta broke")
    server.show(901, START + 7 * MINUTE, text="acme, later")
    with hearing(clock, host.url, api=server.url, terms=("acme", "zeta"), settings=LOGIN) as source:
        pages = whole_gap(source, gap(8))
    assert heard(pages) == {"1", "the zeta broke", *map(str, range(100, 350))}
    assert pages[-1].gaps == ()
    found = {one.text: one for page in pages for one in page.mentions}["the zeta broke"]
    assert (found.author.handle, found.author.name, found.likes, found.reposts) == ("ann.bsky.social", "Ann", 3, 3)
    assert len(server.requests("app.bsky.feed.searchPosts")) == 4


def test_a_time_in_which_a_host_has_accounts_and_no_posts_was_lost(
    host: Host, server: Server, clock: HeldClock
) -> None:
    host.lost = {bluesky.POSTS}
    host.tell(*(bluesky.account(START + minute * MINUTE) for minute in range(9)))
    server.show(1, START + MINUTE)
    with hearing(clock, host.url, api=server.url, terms=("acme",), settings=LOGIN) as source:
        assert heard(whole_gap(source, gap(5))) == {"1"}


def test_a_replay_of_which_nothing_comes_is_tried_later(host: Host, clock: HeldClock) -> None:
    with hearing(clock, host.url) as source, pytest.raises(RetryLater, match="gave nothing"):
        source.fetch_gap(gap(1), None)


def notified(number: int, time: int, server: Server) -> None:
    view = server.show(number, time, reason="mention")
    server.notifications.append(view)


def test_notifications_are_heard_to_the_last_that_is_known(host: Host, server: Server, clock: HeldClock) -> None:
    notified(1, START, server)
    with hearing(clock, host.url, api=server.url, settings=LOGIN) as source:
        page = source.fetch(None)
        assert texts(page) == ["acme lost parcel 1"]
        for number in range(2, 300):
            notified(number, START + number, server)
        page = source.fetch(page.cursor)
        assert page.mentions == ()
        clock.advance(61)
        page = source.fetch(page.cursor)
        assert len(page.mentions) == 298
        clock.advance(61)
        assert source.fetch(page.cursor).mentions == ()
    assert server.requests("app.bsky.notification.listNotifications")[0].query["reasons"] == [
        "mention",
        "reply",
        "quote",
    ]


def test_notifications_that_fail_do_not_stop_the_stream(host: Host, server: Server, clock: HeldClock) -> None:
    host.tell(event(1, START))
    server.faults.extend([faults.bad_gateway, faults.too_many, faults.half])
    with hearing(clock, host.url, api=server.url, settings=LOGIN) as source:
        assert texts(until(source, lambda page: page.mentions)) == ["acme lost parcel 1"]


def test_one_session_is_kept_over_restarts_and_renewed_without_the_password(
    host: Host, server: Server, clock: HeldClock
) -> None:
    with hearing(clock, host.url, api=server.url, settings=LOGIN) as source:
        kept = dict(source.fetch(None).credentials)
        assert source.fetch(None).credentials == {}
    with hearing(clock, host.url, api=server.url, settings=LOGIN | kept) as source:
        assert source.fetch(None).credentials == {}
        server.expire()
        clock.advance(61)
        assert source.fetch(None).credentials["session"] != kept["session"]
    assert len(server.requests("com.atproto.server.createSession")) == 1
    with hearing(clock, host.url, api=server.url, settings=LOGIN | kept) as source:  # both tokens are of yesterday
        assert source.fetch(None).credentials
    assert len(server.requests("com.atproto.server.createSession")) == 2
    assert PASSWORD not in repr(kept)


def test_a_password_that_is_refused_asks_for_a_person(host: Host, server: Server, clock: HeldClock) -> None:
    server.password = "another"
    host.tell(event(1, START))
    with hearing(clock, host.url, api=server.url, settings=LOGIN) as source:
        with pytest.raises(GiveUp, match="refuses the handle or its app password"):
            source.fetch(None)
        server.password = PASSWORD
        clock.advance(61)
        assert texts(until(source, lambda page: page.mentions)) == ["acme lost parcel 1"]


def test_access_says_whether_a_host_lets_us_hear_and_as_whom(host: Host, server: Server, clock: HeldClock) -> None:
    with hearing(clock, host.url) as source:
        assert source.access().may == ("hear all public posts of the network",)
    with hearing(clock, host.url, api=server.url, settings=LOGIN) as source:
        assert source.access().account == f"@{HANDLE}"
    with hearing(clock, CLOSED) as source, pytest.raises(RetryLater):
        source.access()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"reposts": "perhaps"}, "Count reposts"),
        ({"handle": HANDLE}, "give both"),
        ({"app_password": PASSWORD}, "give both"),
        ({"handle": "acme bsky", "app_password": PASSWORD}, "Handle"),
        ({"handle": HANDLE, "app_password": "a b"}, "App password"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Bluesky(Context(settings, Settings(), HeldClock()))


def test_a_cursor_of_before_the_change_is_understood(host: Host, clock: HeldClock) -> None:
    host.tell(event(1, START - 3 * OVERLAP), event(2, START))
    with hearing(clock, host.url) as source:
        assert texts(until(source, lambda page: page.mentions, str(START))) == ["acme lost parcel 2"]
