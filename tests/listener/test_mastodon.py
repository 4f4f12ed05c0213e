"""Mastodon over a loopback server: recorded answers, and the traps of its timelines, streams and ids."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater
from core.settings import Settings
from core.types import Mention, Page
from listener.source import Context
from listener.sources.mastodon import Mastodon
from tests.listener.emulators import mastodon
from tests.listener.emulators.mastodon import Server, id_at, status
from tests.loopback import Answer

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WAIT = 0.2
"""Seconds that a stream is waited for; all that a test waits for comes at once, and is asked for again if not."""


@pytest.fixture
def site() -> Iterator[Server]:
    with mastodon.server() as running:
        yield running


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(NOON)


@contextmanager
def hearing(site: Server, clock: HeldClock, **settings: str) -> Iterator[Mastodon]:
    given = {"server": site.url, "timelines": "#acme"} | settings
    source = Mastodon(Context(given, Settings(), clock), request_seconds=5, page_seconds=WAIT)
    try:
        yield source
    finally:
        source.close()


def pages(source: Mastodon, page: Page, what: Callable[[Page], object]) -> list[Page]:
    """This page and those after it until one is as wanted: what a server sends is there a little later."""
    heard = [page]
    while not what(heard[-1]):
        assert len(heard) < 100, "it did not come"
        heard.append(source.fetch(heard[-1].cursor))
    return heard


def until(source: Mastodon, page: Page, what: Callable[[Page], object]) -> Page:
    return pages(source, page, what)[-1]


def opened(source: Mastodon, site: Server, streams: int = 2) -> Page:
    """The first page, once the server knows of all subscriptions."""
    page = source.fetch(None)
    for _ in range(streams):
        assert site.subscribed.acquire(timeout=10)
    return page


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def numbers(page: Page) -> list[str]:
    return [one.native_id.rpartition("/")[2] for one in page.mentions]


def test_a_recorded_hashtag_and_mention_come_in_whole() -> None:
    clock = HeldClock(mastodon.NOW)
    with mastodon.recordings() as site, hearing(site, clock, timelines="#hoot", token=mastodon.TOKEN) as source:
        found = {one.text: one for one in source.fetch(None).mentions}
    assert set(found) == {"#hoot (hashtag toot)", "@mastodonpy_test hello!"}
    hoot = found["#hoot (hashtag toot)"]
    assert hoot.native_id == "http://localhost:3000/ap/users/117020566092212359/statuses/117020593741189701"
    assert hoot.url == "http://localhost:3000/@mastodonpy_test_2/117020593741189701"
    assert hoot.author.native_id == "http://localhost:3000/ap/users/117020566092212359"
    assert hoot.author.handle == f"mastodonpy_test_2@{site.url.removeprefix('http://')}"
    assert (hoot.created_at, hoot.lang) == (datetime(2026, 8, 1, 13, 55, 55, 867_000, UTC), "ja")
    assert hoot.extra["id"] == "117020593741189701"


def test_a_recorded_stream_is_heard_but_for_what_is_private(site: Server, clock: HeldClock) -> None:
    with hearing(site, clock, token=mastodon.TOKEN) as source:
        page = opened(source, site)
        for event, payload in mastodon.recorded_events():
            own = event == "notification"
            site.tell(event, payload, ["user"] if own else ["hashtag", "acme"])
        heard = pages(source, page, lambda page: page.deleted)
    uri = "http://localhost:3000/ap/users/117020617404561855/statuses/117024236332527350"
    assert {one.text for page in heard for one in page.mentions} <= {
        "only real cars respond.",
        "@mastodonpy_test beep beep I'm a jeep",
    }
    assert "@mastodonpy_test beep beep I'm a jeep" in {one.text for page in heard for one in page.mentions}
    assert heard[-1].deleted == (uri,)
    assert sum(page.events.get("notifications", 0) for page in heard) == 2


def test_pages_are_followed_to_the_end_and_the_next_round_goes_on_there(site: Server, clock: HeldClock) -> None:
    with hearing(site, clock) as source:
        page = source.fetch(None)
        site.post(*(status(number, at(0)) for number in range(500)))
        heard: list[str] = []
        for _ in range(10):
            page = source.fetch(page.cursor)
            heard += numbers(page)
            if not page.more:
                break
        assert sorted(map(int, heard)) == list(range(500))
        assert page.heard_to == NOON
        assert numbers(source.fetch(page.cursor)) == []


def test_a_first_look_gives_the_last_page(site: Server, clock: HeldClock) -> None:
    site.post(*(status(number, at(-60 + number)) for number in range(50)))
    with hearing(site, clock) as source:
        page = source.fetch(None)
    assert (len(page.mentions), page.more, page.events) == (40, False, {"#acme": 40})


def test_a_post_that_reached_the_server_late_is_found_by_the_second_reading(site: Server, clock: HeldClock) -> None:
    with hearing(site, clock) as source:
        page = source.fetch(None)
        site.post(status(1, at(-1)), status(2, at(1)))
        page = source.fetch(page.cursor)
        assert numbers(page) == ["2", "1"]
        site.post(status(3, at(0)))
        page = source.fetch(page.cursor)
        assert numbers(page) == []
        clock.advance(3_600)
        assert "3" in numbers(source.fetch(page.cursor))


def test_an_answer_in_which_all_was_filtered_does_not_hide_what_comes_after_it(site: Server, clock: HeldClock) -> None:
    with hearing(site, clock) as source:
        page = source.fetch(None)
        site.post(*(status(number, at(0)) for number in range(60)))
        site.faults.append(mastodon.empty_with_a_next_page)
        page = source.fetch(page.cursor)
        assert page.mentions == ()
        page = source.fetch(page.cursor)
    assert [int(number) for number in numbers(page)] == list(range(59, 39, -1))


def test_the_same_post_heard_through_two_servers_has_one_id(clock: HeldClock) -> None:
    found: list[Mention] = []
    for number in ("115000000000000001", "116000000000000002"):
        with mastodon.server() as site, hearing(site, clock) as source:
            site.post(status(1, at(0), id=number))
            found += source.fetch(None).mentions
    assert found[0].native_id == found[1].native_id
    assert found[0].author == found[1].author
    assert found[0].extra["id"] != found[1].extra["id"]


def test_the_content_warning_is_part_of_what_is_said_and_breaks_are_kept(site: Server, clock: HeldClock) -> None:
    content = "<p>Two weeks!<br>No parcel &amp; no answer.</p><p><a href='https://a.example'>#<span>acme</span></a></p>"
    site.post(status(1, at(0), spoiler_text="acme, again", content=content))
    with hearing(site, clock) as source:
        (mention,) = source.fetch(None).mentions
    assert mention.text == "acme, again\n\nTwo weeks!\nNo parcel & no answer.\n\n#acme"


def test_a_wordless_post_says_what_its_picture_shows(site: Server, clock: HeldClock) -> None:
    pictures: list[dict[str, Any]] = [{"description": "A broken acme box"}, {"description": None}]
    site.post(status(1, at(0), content="", media_attachments=pictures), status(2, at(0), content=""))
    with hearing(site, clock) as source:
        assert [one.text for one in source.fetch(None).mentions] == ["A broken acme box"]


def test_a_boost_is_the_original_with_its_counts(site: Server, clock: HeldClock) -> None:
    original = status(1, at(-5), reblogs_count=3, quotes_count=2, favourites_count=7)
    site.post(status(2, at(0), content="", reblog=original))
    with hearing(site, clock) as source:
        (mention,) = source.fetch(None).mentions
    assert mention.native_id == original["uri"]
    assert (mention.reposts, mention.likes) == (5, 7)


@pytest.mark.parametrize("visibility", ["private", "direct"])
def test_what_is_not_for_everybody_is_never_heard(site: Server, clock: HeldClock, visibility: str) -> None:
    site.notify(1, status(1, at(0), visibility=visibility))
    with hearing(site, clock, token=mastodon.TOKEN) as source:
        page = source.fetch(None)
    assert (page.mentions, page.rejected, page.events["notifications"]) == ((), (), 1)


def test_a_reply_knows_its_parent_by_the_name_that_all_servers_use(site: Server, clock: HeldClock) -> None:
    parent = status(1, at(-60), tag="other")
    orphan = status(3, at(0), in_reply_to_id=id_at(at(-90)))
    site.post(parent, status(2, at(0), in_reply_to_id=parent["id"]), orphan)
    with hearing(site, clock) as source:
        found = {one.native_id: one for one in source.fetch(None).mentions}
    assert [one.kind for one in found.values()] == ["reply", "reply"]
    assert found["https://far.example/users/ann/statuses/2"].reply_to == parent["uri"]
    assert found[orphan["uri"]].reply_to is None
    assert len(site.requests("/api/v1/statuses")) == 1


def test_a_server_that_cannot_be_asked_for_parents_is_asked_once(site: Server, clock: HeldClock) -> None:
    site.lacks = ("/api/v1/statuses",)
    with hearing(site, clock) as source:
        page = source.fetch(None)
        for number in (1, 2):
            site.post(status(number, at(0), in_reply_to_id=id_at(at(-number))))
            page = source.fetch(page.cursor)
            assert len(page.mentions) == 1
    assert len(site.requests("/api/v1/statuses")) == 1


def test_the_stream_brings_posts_edits_and_deletions_at_once(site: Server, clock: HeldClock) -> None:
    with hearing(site, clock, token=mastodon.TOKEN) as source:
        page = opened(source, site)
        one, two = status(1, at(0)), status(2, at(0))
        site.post(one, two)
        page = until(source, page, lambda page: "2" in numbers(page))
        site.edit(one["id"], "acme found it")
        page = until(source, page, lambda page: page.edited)
        assert [mention.text for mention in page.edited] == ["acme found it"]
        site.delete(two["id"])
        page = until(source, page, lambda page: page.deleted)
        assert page.deleted == (two["uri"],)
        site.notify(5, status(9, at(0), tag="other"))
        assert numbers(until(source, page, lambda page: page.mentions)) == ["9"]
    assert len(site.requests("/api/v1/timelines")) == 1
    assert {"type": "subscribe", "stream": "hashtag", "tag": "acme"} in site.subscriptions
    assert {"type": "subscribe", "stream": "user"} in site.subscriptions


def test_an_edit_is_told_again_until_it_is_stored(site: Server, clock: HeldClock) -> None:
    with hearing(site, clock, token=mastodon.TOKEN) as source:
        before = opened(source, site)
        site.post(one := status(1, at(0)))
        before = until(source, before, lambda page: page.mentions)
        site.edit(one["id"], "acme found it")
        page = until(source, before, lambda page: page.edited)
        again = source.fetch(before.cursor)
        assert again.edited == page.edited
        assert source.fetch(again.cursor).edited == ()


@pytest.mark.parametrize("end", [mastodon.CLOSE, mastodon.CUT])
def test_what_came_while_the_stream_was_lost_is_read_from_the_timeline(
    site: Server, clock: HeldClock, end: str
) -> None:
    with hearing(site, clock, token=mastodon.TOKEN) as source:
        page = opened(source, site)
        site.say(end)
        page = until(source, page, lambda page: not page.more)
        site.post(status(1, at(0)))
        page = source.fetch(page.cursor)
        assert numbers(page) == ["1"]
        assert page.more
        for _ in range(2):
            assert site.subscribed.acquire(timeout=10)
        site.post(status(2, at(0)))
        until(source, page, lambda page: numbers(page) == ["2"])


def test_a_server_without_a_stream_is_read_all_the_same(site: Server, clock: HeldClock) -> None:
    site.streaming = "ws://127.0.0.1:9"
    site.post(status(1, at(0)))
    with hearing(site, clock, token=mastodon.TOKEN) as source:
        page = source.fetch(None)
    assert (numbers(page), page.more) == (["1"], False)


@pytest.mark.parametrize(
    "message",
    ["", "[]", "{}", '{"event": "update"}', '{"stream": ["hashtag", "acme"], "event": "update", "payload": 1}'],
)
def test_an_event_that_cannot_be_read_is_reported_and_the_next_is_heard(
    site: Server, clock: HeldClock, message: str
) -> None:
    with hearing(site, clock, token=mastodon.TOKEN) as source:
        page = opened(source, site)
        site.say(message)
        site.post(status(1, at(0)))
        heard = pages(source, page, lambda page: page.mentions)
    assert sum(len(page.rejected) for page in heard) == 1


def test_a_status_that_cannot_be_read_is_reported_and_the_next_is_heard(site: Server, clock: HeldClock) -> None:
    site.post(status(1, at(0)), status(2, at(0), account=None), status(3, at(0), created_at="soon"))
    with hearing(site, clock) as source:
        page = source.fetch(None)
        assert numbers(page) == ["1"]
        assert len(page.rejected) == 2
        assert source.fetch(page.cursor).rejected == ()


def test_limits_are_kept_by_the_servers_own_clock(site: Server, clock: HeldClock) -> None:
    site.limits = mastodon.used_up(seconds=90)  # on the machine's clock, which ours is not
    with hearing(site, clock) as source:
        until = source.fetch(None).rest_until
    assert until
    assert timedelta(seconds=60) < until - NOON <= timedelta(seconds=91)


def test_too_many_requests_wait_until_the_count_begins_anew(site: Server, clock: HeldClock) -> None:
    site.faults.append(mastodon.too_many)
    with hearing(site, clock) as source, pytest.raises(RetryLater, match="too many requests") as caught:
        source.fetch(None)
    assert caught.value.after
    assert 270 < caught.value.after <= 301


def test_a_timeline_that_fails_does_not_keep_the_others_from_being_heard(site: Server, clock: HeldClock) -> None:
    with hearing(site, clock, timelines="#broken #acme") as source:
        site.post(status(1, at(0)))
        site.faults.append(lambda answer: Answer(503))
        with pytest.raises(RetryLater):
            source.fetch(None)
        site.faults.append(lambda answer: answer)
        site.faults.append(lambda answer: Answer(503))
        page = source.fetch(None)
        assert (numbers(page), page.more, page.heard_to) == (["1"], True, None)


def test_a_revoked_token_asks_for_a_person_in_the_servers_words(site: Server, clock: HeldClock) -> None:
    site.token = "another"
    with hearing(site, clock, token=mastodon.TOKEN) as source, pytest.raises(GiveUp, match="token was revoked"):
        source.fetch(None)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(200, b"{}"), "another form"),
        (Answer(301, headers={"Location": "https://new.example/"}), "moved to https://new.example"),
    ],
)
def test_what_is_no_mastodon_server_is_said_so(site: Server, clock: HeldClock, answer: Answer, words: str) -> None:
    site.faults.append(lambda _: answer)
    with hearing(site, clock) as source, pytest.raises(GiveUp, match=words):
        source.fetch(None)


def test_access_says_who_we_are_and_what_we_may(site: Server, clock: HeldClock) -> None:
    with hearing(site, clock, token=mastodon.TOKEN) as source:
        access = source.access()
        assert access.account.startswith("@acme_care@127.0.0.1")
        assert access.may_not == ()
        assert access.longest == 5000
        site.lacks = ("/api/v1/notifications", "/api/v2/instance")
        silent = source.access()
        assert "read:notifications" in silent.may_not[0]
        assert silent.longest is None
        site.lacks = ()
    with hearing(site, clock) as source:
        assert source.access().account == "nobody in particular, at town.example"
    site.token = "another"
    with hearing(site, clock, token=mastodon.TOKEN) as source, pytest.raises(GiveUp, match="revoked"):
        source.access()


def test_a_recheck_finds_what_is_gone_and_what_was_edited(site: Server, clock: HeldClock) -> None:
    here, gone = status(1, at(0), content="<p>edited</p>"), status(2, at(0))
    site.post(here)
    with hearing(site, clock, token=mastodon.TOKEN) as source:
        page = source.recheck([here["uri"], gone["uri"], "imported-17"])
    assert page.deleted == (gone["uri"],)
    assert [one.text for one in page.edited] == ["edited"]
    with hearing(site, clock) as source, pytest.raises(RetryLater):
        source.recheck([here["uri"]])


@pytest.mark.parametrize("wrong", ["acme", "#", "#a-b", "http://x", "#acme; #other"])
def test_a_timeline_that_is_none_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(BadInput, match="Timelines: "):
        Mastodon(Context({"timelines": wrong}, Settings(), HeldClock()))


def test_timelines_are_heard_once_each_however_they_are_written(site: Server, clock: HeldClock) -> None:
    with hearing(site, clock, timelines=" #Acme, #acme  public,local ") as source:
        page = source.fetch(None)
    assert set(json.loads(page.cursor or "")["newest"]) == {"#acme", "public", "local"}
    assert [asked.query.get("local") for asked in site.requests("/api/v1/timelines/public")] == [None, ["true"]]
