"""X's filtered stream over loopback: rules in step with the queries, and nothing lost however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from core.clock import HeldClock
from core.errors import GiveUp, RetryLater
from core.types import Page
from listener.sources.x import CONNECT_EVERY, TAG, X
from tests.listener.emulators import x as emulator
from tests.listener.emulators import x_source
from tests.listener.emulators.x import STREAM, problem
from tests.listener.emulators.x_source import PATIENT, SHORT, World, texts

MENTIONS = "/2/users/111/mentions"
Until = Callable[[Page], bool]


@pytest.fixture
def world(clock: HeldClock) -> Iterator[World]:
    with x_source.world(clock) as running:
        yield running


@pytest.fixture
def platform(world: World) -> emulator.X:
    return world.platform


def stream(world: World, *queries: str, **more: object) -> X:
    return world.source(*queries, mode="stream", **more)  # type: ignore[arg-type]


def opened(source: X, cursor: str | None = None) -> Page:
    """The page with which the stream is open: mentions come first, a page at a time."""
    pages = [source.fetch(cursor)]
    while pages[-1].events:
        pages.append(source.fetch(pages[-1].cursor))
    return pages[-1]


def heard(source: X, cursor: str | None, number: int) -> list[Page]:
    """Pages until so many mentions, edits and reposts came; some may be empty while X is still sending."""
    pages: list[Page] = []
    for _ in range(400):
        pages.append(source.fetch(cursor))
        cursor = pages[-1].cursor
        if sum(len(page.mentions) + len(page.edited) + sum(page.reposts.values()) for page in pages) >= number:
            return pages
    pytest.fail(f"only {texts(*pages)} came")


def ended(source: X, cursor: str | None) -> str:
    """Why the stream ended."""
    for _ in range(400):
        try:
            cursor = source.fetch(cursor).cursor
        except RetryLater as error:
            return str(error)
    pytest.fail("it did not end")


def test_posts_come_as_they_are_written(world: World, platform: emulator.X) -> None:
    source = stream(world, "#acme")
    page = opened(source)
    assert page.more
    assert not page.gaps
    platform.post("#acme one")
    platform.post("of no interest")
    platform.post("#acme two")
    pages = heard(source, page.cursor, 2)
    assert texts(*pages) == ["#acme one", "#acme two"]
    assert sum(page.spent.get("post_read", 0) for page in pages) == 2
    assert all(page.more for page in pages)


def test_rules_are_those_of_the_queries_and_those_of_others_are_left_alone(world: World, platform: emulator.X) -> None:
    platform.rules = {
        "1": {"id": "1", "value": "#other", "tag": "theirs"},
        "2": {"id": "2", "value": "#old", "tag": TAG},
    }
    opened(stream(world, "#acme", "#acmehelp", reposts="skip"))
    values = {rule["value"]: rule["tag"] for rule in platform.rules.values()}
    assert values == {"#other": "theirs", "#acme -is:retweet": TAG, "#acmehelp -is:retweet": TAG}
    world.made.pop().close()
    asked = len(platform.asked)
    opened(stream(world, "#acme", "#acmehelp", reposts="skip"))
    assert not [one for one in platform.asked[asked:] if one.method == "POST"]


def test_many_rules_are_added_a_hundred_at_a_time(world: World, platform: emulator.X) -> None:
    opened(stream(world, *(f'"brand {number}"' for number in range(250))))
    assert len(platform.rules) == 250
    assert sum(one.method == "POST" for one in platform.asked) == 3


def test_a_rule_that_x_refuses_is_named_and_the_others_are_heard(world: World, platform: emulator.X) -> None:
    page = opened(stream(world, '"refused-rule"', "#acme"))
    (rejected,) = page.rejected
    assert "refused" in rejected.where
    assert "not today" in rejected.reason
    assert len(platform.rules) == 1


def test_reposts_count_once_and_edits_replace_however_late_the_older_version_comes(
    world: World, platform: emulator.X
) -> None:
    source = stream(world, "#acme")
    page = opened(source)
    original = platform.post("#acme fals")
    repost = platform.repost(original)
    platform.end_streams(platform.posts[repost])
    second = platform.edit(original, "#acme flase")
    platform.edit(second, "#acme false")
    pages = heard(source, page.cursor, 2)
    while "#acme false" not in [one.text for page in pages for one in page.edited]:
        pages.append(source.fetch(pages[-1].cursor))
    for version in (second, original):
        platform.end_streams(platform.posts[version])
    platform.post("#acme last")
    while "#acme last" not in texts(*pages):
        pages.append(source.fetch(pages[-1].cursor))
    assert sum(page.reposts.get(original, 0) for page in pages) == 1
    edits = [(one.native_id, one.text) for page in pages for one in page.edited]
    assert edits[-1] == (original, "#acme false")
    assert "#acme fals" not in texts(pages[-1])


def test_mentions_are_read_once_a_minute_beside_the_stream(
    world: World, platform: emulator.X, clock: HeldClock
) -> None:
    source = stream(world, "#acme")
    page = opened(source)
    platform.post("@acme hello")
    for _ in range(5):
        page = source.fetch(page.cursor)
        assert not page.mentions
    clock.advance(60)
    assert texts(source.fetch(page.cursor)) == ["@acme hello"]
    assert platform.paths().count(f"GET {MENTIONS}") == 2


def test_a_limit_on_mentions_does_not_end_the_stream(world: World, platform: emulator.X, clock: HeldClock) -> None:
    source = stream(world, "#acme")
    page = opened(source)
    clock.advance(60)
    platform.fail(MENTIONS, lambda _: problem(429, "Too Many Requests", "x", retry_after="600"))
    platform.post("#acme meanwhile")
    pages = heard(source, page.cursor, 1)
    clock.advance(599)
    assert source.fetch(pages[-1].cursor).events == {"posts": 0}
    clock.advance(1)
    assert source.fetch(pages[-1].cursor).events == {"mentions": 0}
    assert len(platform.connections) == 1


def test_it_says_how_far_it_has_heard_by_its_last_sign_of_life(world: World, clock: HeldClock) -> None:
    source = stream(world, "#acme")
    cursor, began = opened(source).cursor, clock.now()
    clock.advance(30)
    for _ in range(100):
        page = source.fetch(cursor)
        cursor = page.cursor
        if '"heard": ' + str(clock.now().timestamp()) in (cursor or ""):
            break
    assert page.heard_to == began  # of the mentions
    clock.advance(30)
    page = source.fetch(source.fetch(cursor).cursor)
    assert page.heard_to is not None
    assert began < page.heard_to <= clock.now()


@pytest.mark.parametrize("how", [None, "cut", "hang"])
def test_however_it_ends_what_came_is_given_first_and_what_was_missed_is_a_gap(
    world: World, platform: emulator.X, clock: HeldClock, how: str | None
) -> None:
    source = stream(world, "#acme", timeouts=SHORT if how == "hang" else PATIENT)
    page = opened(source)
    platform.post("#acme before")
    cursor = heard(source, page.cursor, 1)[-1].cursor
    platform.end_streams(how)
    assert ended(source, cursor)
    away = clock.now()
    platform.post("#acme while it was away")
    clock.advance(CONNECT_EVERY)
    page = source.fetch(cursor)
    (gap,) = page.gaps
    assert gap.start <= away - timedelta(seconds=30)
    assert gap.end >= clock.now()
    clock.advance(120)
    pages = [source.fetch_gap(gap, None)]
    while pages[-1].more:
        pages.append(source.fetch_gap(gap, pages[-1].cursor))
    assert "#acme while it was away" in texts(*pages)
    platform.post("#acme after")
    assert "#acme after" in texts(*heard(source, page.cursor, 1))


def test_a_stream_that_x_ends_at_once_again_and_again_is_not_opened_more_often_than_x_allows(
    world: World, platform: emulator.X, clock: HeldClock
) -> None:
    source, cursor = stream(world, "#acme"), None
    began = clock.monotonic()
    while clock.monotonic() - began < 900:
        try:
            cursor = source.fetch(cursor).cursor
            platform.end_streams()
        except RetryLater as error:
            clock.advance(error.after or 1)
    assert 40 <= platform.paths().count(f"GET {STREAM}") <= 50


def test_why_x_ends_the_stream_is_said_in_its_words(world: World, platform: emulator.X) -> None:
    source = stream(world, "#acme")
    page = opened(source)
    platform.end_streams(
        b'{"errors":[{"title":"operational-disconnect","detail":"This stream has been disconnected upstream"}]}\r\n'
    )
    platform.end_streams()
    assert "disconnected upstream" in ended(source, page.cursor)


def test_a_second_connection_is_tried_again_after_a_minute_and_not_when_a_limit_opens(
    world: World, platform: emulator.X
) -> None:
    platform.most_connections = 0
    source = stream(world, "#acme")
    cursor = source.fetch(None).cursor
    with pytest.raises(RetryLater, match="maximum allowed connection limit") as caught:
        source.fetch(cursor)
    assert caught.value.after == 60


def test_an_app_that_may_not_stream_pauses_the_source(world: World, platform: emulator.X) -> None:
    platform.forbidden = {STREAM}
    source = stream(world, "#acme")
    cursor = source.fetch(None).cursor
    with pytest.raises(GiveUp, match="not enrolled"):
        source.fetch(cursor)


def test_without_a_query_that_x_can_be_asked_it_reads_mentions_alone(world: World, platform: emulator.X) -> None:
    platform.post("@acme hello")
    page = stream(world).fetch(None)
    assert texts(page) == ["@acme hello"]
    assert not page.more


def test_after_a_failed_commit_what_was_given_since_is_a_gap(
    world: World, platform: emulator.X, clock: HeldClock
) -> None:
    source = stream(world, "#acme")
    stored = opened(source).cursor
    platform.post("#acme lost with the commit")
    heard(source, stored, 1)
    clock.advance(CONNECT_EVERY)
    (gap,) = source.fetch(stored).gaps
    clock.advance(120)
    assert gap.start < clock.now() - timedelta(seconds=100)
    page = source.fetch_gap(gap, source.fetch_gap(gap, None).cursor)
    assert texts(page) == ["#acme lost with the commit"]


def test_after_a_restart_the_time_in_which_nothing_ran_is_a_gap(world: World, clock: HeldClock) -> None:
    first = stream(world, "#acme")
    stored = opened(first).cursor
    stopped = clock.now()
    first.close()
    clock.advance(3_600)
    (gap,) = opened(stream(world, "#acme"), stored).gaps
    assert gap.start <= stopped
    assert clock.now() <= gap.end


def test_a_line_that_cannot_be_read_is_named_and_the_stream_goes_on(world: World, platform: emulator.X) -> None:
    source = stream(world, "#acme")
    page = opened(source)
    for line in (b'{"data": {"id":\r\n', b"[1]\r\n", b'{"data": {"id": "x"}}\r\n', b'{"new": "kind of message"}\r\n'):
        platform.end_streams(line)
    platform.post("#acme good")
    pages = heard(source, page.cursor, 1)
    assert texts(*pages) == ["#acme good"]
    assert sum(len(page.rejected) for page in pages) == 3


def test_ten_thousand_posts_in_one_burst_are_all_heard(world: World, platform: emulator.X) -> None:
    """More than is read ahead: X has to wait for us, and nothing is dropped."""
    source = stream(world, "#acme")
    page = opened(source)
    for number in range(10_000):
        platform.post(f"#acme {number}")
    pages = heard(source, page.cursor, 10_000)
    assert len({one.native_id for page in pages for one in page.mentions}) == 10_000


def test_it_closes_at_once_while_nothing_comes(world: World, platform: emulator.X) -> None:
    source = stream(world, "#acme")
    opened(source)
    source.close()
    source.close()
    for _ in range(1_000):
        if not platform.connections:
            return
        world.source(mode="mentions").fetch(None)
    pytest.fail("the connection is still open")
