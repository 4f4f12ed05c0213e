"""YouTube over loopback: threads walked back to what is known, replies beyond the shown ones, units, and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater
from core.settings import Settings
from listener.source import Context
from listener.sources.youtube import SWEEP_EVERY, YouTube
from tests.listener.emulators import faults
from tests.listener.emulators import youtube as emulator
from tests.listener.emulators.run import ids, pages
from tests.listener.emulators.youtube import CHANNEL, KEY, VIDEO, Site, comment, error
from tests.loopback import Answer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON = NOW.timestamp()


@pytest.fixture
def site() -> Iterator[Site]:
    with emulator.youtube() as site:
        yield site


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(NOW)


def context(site: Site, clock: HeldClock, **settings: str) -> Context:
    given = {"api_key": KEY} | (settings or {"videos": VIDEO})
    return Context(given, Settings(youtube_api_url=site.url, google_token_url=f"{site.url}/token"), clock)


@contextmanager
def hearing(site: Site, clock: HeldClock, **settings: str) -> Iterator[YouTube]:
    """A source of one video, unless `settings` say otherwise."""
    with closing(YouTube(context(site, clock, **settings))) as source:
        yield source


def name(number: int) -> str:
    return f"Ugx-comment-{number:04}-AaABAg"


def threads(*numbers: int, video: str = VIDEO) -> list[dict[str, Any]]:
    """First comments, a second apart, all of the last two hours."""
    return [comment(name(n), NOON - 7200 + n, video) for n in numbers]


def replies(thread: int, *numbers: int) -> list[dict[str, Any]]:
    return [comment(f"{name(thread)}.r{n}", NOON - 60 + n) for n in numbers]


def test_recorded_comments_come_in_as_people_read_them(clock: HeldClock) -> None:
    with emulator.recordings() as site, hearing(site, clock) as source:
        page = source.fetch(None)
    assert len(page.mentions) == 8
    first = next(one for one in page.mentions if one.native_id == "Ugy4OzAuz5uJuFt3FH54AaABAg")
    assert first.text == "Please use CLS on your own search results page.."
    assert (first.author.native_id, first.author.handle) == ("UCGBUkig1Ala-Z2gF73WSTdw", "el bojo loco")
    assert first.url == "https://www.youtube.com/watch?v=F1UP7wRCPH8&lc=Ugy4OzAuz5uJuFt3FH54AaABAg"
    assert (first.kind, first.likes, first.conversation) == ("comment", 1, first.native_id)
    assert first.created_at == datetime(2019, 11, 21, 19, 18, 39, tzinfo=UTC)
    reply = next(one for one in page.mentions if one.text == "this is the third reply!")
    assert reply.reply_to == reply.conversation == "Ugw5zYU6n9pmIgAZWvN4AaABAg"
    assert reply.url == f"https://www.youtube.com/watch?v=F1UP7wRCPH8&lc={reply.native_id}"


def test_the_key_travels_in_a_header_and_never_in_an_address(site: Site, clock: HeldClock) -> None:
    with hearing(site, clock) as source:
        source.fetch(None)
        source.access()
    assert site.asked
    assert all(KEY not in str(asked.query) and asked.headers["X-Goog-Api-Key"] == KEY for asked in site.asked)


def test_a_channel_is_asked_for_by_its_id_and_a_handle_is_looked_up_once(site: Site, clock: HeldClock) -> None:
    site.handles["@acme"] = CHANNEL
    site.post(CHANNEL, *threads(1, 2))
    with hearing(site, clock, channels="https://www.youtube.com/@acme") as source:
        first = source.fetch(None)
        source.fetch(first.cursor)
    assert ids([first]) == {name(1), name(2)}
    assert first.events == {"channel @acme": 2}
    assert [asked.path for asked in site.asked] == ["/channels", "/commentThreads", "/commentThreads"]
    asked = site.asked[1]
    assert asked.one("allThreadsRelatedToChannelId") == CHANNEL
    assert (asked.one("order"), asked.one("textFormat"), asked.one("maxResults")) == ("time", "plainText", "100")
    assert first.spent == {"unit": 2}


def test_more_than_a_page_between_two_polls_is_followed_to_the_end(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(*range(60)))
    with hearing(site, clock) as source:
        cursor = source.fetch(None).cursor
        site.post(VIDEO, *threads(*range(60, 1260)))
        found = pages(source, cursor)
    assert {name(n) for n in range(60, 1260)} <= ids(found)
    assert sum(page.events.get(f"video {VIDEO}", 0) for page in found) == 1200
    assert all(page.gaps == () for page in found)
    assert len(site.asked) < 20


def test_replies_that_a_thread_does_not_show_are_asked_for_by_their_parent(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(1, 2, 3))
    site.reply(name(1), *replies(1, *range(230)))
    site.reply(name(2), *replies(2, *range(5)))
    with hearing(site, clock) as source:
        found = pages(source, None)
        assert ids(found) == set(site.everything())
        assert [asked.one("parentId") for asked in site.requests("comments")] == [name(1)] * 3
        parent = next(one for page in found for one in page.mentions if one.native_id == name(1))
        assert parent.replies == 230

        asked = len(site.requests("comments"))
        assert source.fetch(found[-1].cursor).cursor == found[-1].cursor
        assert len(site.requests("comments")) == asked  # they are as they were

        site.reply(name(1), *replies(1, 500))
        again = pages(source, found[-1].cursor)
        assert f"{name(1)}.r500" in ids(again)
        assert again[-1].cursor != found[-1].cursor


def test_replies_of_a_page_that_was_not_stored_are_heard_again(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(1))
    site.reply(name(1), *replies(1, *range(20)))
    with hearing(site, clock) as source:
        cursor = pages(source, None)[-1].cursor
        site.reply(name(1), *replies(1, *range(20, 40)))
        lost = source.fetch(cursor)
        assert ids([source.fetch(cursor)]) == ids([lost]) >= {f"{name(1)}.r{n}" for n in range(40)}

        site.reply(name(1), *replies(1, *range(40, 60)))
        site.faults.extend([lambda answer: answer, faults.unavailable])
        kept = source.fetch(lost.cursor)
        assert kept.heard_to is not None
        assert ids(pages(source, lost.cursor)) >= {f"{name(1)}.r{n}" for n in range(60)}


def test_replies_to_threads_of_the_week_are_found_by_a_longer_walk(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(*range(400)))
    with hearing(site, clock) as source:
        cursor = pages(source, None)[-1].cursor
        site.reply(name(1), *replies(1, 1, 2))
        assert f"{name(1)}.r1" not in ids(pages(source, cursor))
        clock.advance(SWEEP_EVERY + 1)
        found = pages(source, cursor)
        assert f"{name(1)}.r1" in ids(found)
        asked = len(site.asked)
        pages(source, found[-1].cursor)
        assert len(site.asked) == asked + 1  # and not again for hours


def test_a_thread_that_goes_while_its_replies_are_asked_for_is_passed(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(1, 2))
    site.reply(name(1), *replies(1, *range(20)))
    site.faults.extend([lambda answer: answer, lambda answer: error(404, "parentCommentNotFound", "gone")])
    with hearing(site, clock) as source:
        found = pages(source, None)
    assert {name(1), name(2)} <= ids(found)
    assert len(site.asked) == 2


def test_a_page_whose_token_no_longer_works_begins_again(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(*range(700)))
    site.reply(name(5), *replies(5, *range(150)))
    with hearing(site, clock) as source:
        first = source.fetch(None)
        site.epoch += 1
        found = [first, *pages(source, first.cursor)]
    assert ids(found) == set(site.everything())
    assert len(site.asked) < 25


def test_tokens_that_never_work_are_tried_later(site: Site, clock: HeldClock) -> None:
    def forgetful(answer: Answer) -> Answer:
        site.epoch += 1
        return answer

    site.post(VIDEO, *threads(*range(300)))
    site.faults.extend([forgetful] * 50)
    with hearing(site, clock) as source:
        page = source.fetch(None)
        assert (page.more, page.heard_to) == (False, NOW - timedelta(days=1))
        assert len(site.asked) < 10
        site.faults.clear()
        assert ids(pages(source, page.cursor)) == set(site.everything())


def test_what_youtube_no_longer_lists_is_a_gap(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(1))
    with hearing(site, clock) as source:
        cursor = source.fetch(None).cursor
        site.threads[VIDEO] = []
        site.post(VIDEO, *threads(*range(1000, 1150)))
        found = pages(source, cursor)
    (gap,) = (gap for page in found for gap in page.gaps)
    assert (gap.start.timestamp(), gap.end.timestamp()) == (NOON - 7199, NOON - 6200)


def test_closed_comments_of_one_video_are_told_once_and_the_rest_goes_on(site: Site, clock: HeldClock) -> None:
    closed = "a-closed-vi"
    site.refused[closed] = error(403, "commentsDisabled", "The video has <code>disabled comments</code>.")
    site.post(VIDEO, *threads(1))
    with hearing(site, clock, videos=f"{closed}, https://youtu.be/{VIDEO}?si=x") as source:
        first = source.fetch(None)
        again = source.fetch(first.cursor)
    (told,) = first.rejected
    assert told.where == f"video {closed}"
    assert told.reason == "YouTube answered 403: The video has disabled comments. (commentsDisabled)"
    assert (ids([first]), again.rejected, first.heard_to) == ({name(1)}, (), None)


@pytest.mark.parametrize(
    "answer", [error(404, "videoNotFound", "no such video"), error(403, "forbidden", "private"), Answer(404)]
)
def test_when_all_are_closed_a_person_must_act(site: Site, clock: HeldClock, answer: Answer) -> None:
    site.refused[VIDEO] = answer
    with hearing(site, clock) as source, pytest.raises(GiveUp, match="YouTube answered 40"):
        source.fetch(None)


def test_a_channel_that_is_not_there_is_closed(site: Site, clock: HeldClock) -> None:
    with hearing(site, clock, channels="@nobody") as source, pytest.raises(GiveUp, match="no channel @nobody"):
        source.fetch(None)


def test_when_the_units_of_the_day_are_spent_it_rests_until_midnight_in_california(
    site: Site, clock: HeldClock
) -> None:
    site.post(VIDEO, *threads(1))
    site.units = 1
    midnight = datetime(2026, 11, 21, 8, tzinfo=UTC)
    with hearing(site, clock, videos=VIDEO, channels=CHANNEL) as source:
        page = source.fetch(None)  # the channel, and then no more
        assert page.rest_until == midnight
        assert page.spent == {"unit": 2}
        with pytest.raises(RetryLater, match=r"exceeded your quota\. \(quotaExceeded\)") as caught:
            source.fetch(page.cursor)
        assert caught.value.after == (midnight - NOW).total_seconds()
        site.units = 100
        assert ids([source.fetch(page.cursor)]) == {name(1)}


def test_units_are_spread_over_the_day(site: Site, clock: HeldClock) -> None:
    """Once the fifth that may be used at once is spent, the rounds come at the day's pace."""
    videos = " ".join(f"video-{n:05}" for n in range(10))
    spent, end, cursor = 0, clock.now() + timedelta(days=1), None
    with hearing(site, clock, videos=videos, units="300") as source:
        while clock.now() < end:
            page = source.fetch(cursor)
            cursor, spent = page.cursor, spent + page.spent.get("unit", 0)
            rest = page.rest_until - clock.now() if page.rest_until else timedelta()
            clock.advance(max(rest.total_seconds(), 0 if page.more else source.poll_seconds))
    assert 290 <= spent == len(site.asked) <= 301


def test_edited_comments_replace_what_we_hold(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(1), comment(name(2), NOON, updatedAt="2026-11-20T12:30:00.000Z"))
    with hearing(site, clock) as source:
        page = source.fetch(None)
    assert [one.native_id for one in page.mentions] == [name(1)]
    assert [one.native_id for one in page.edited] == [name(2)]


@pytest.mark.parametrize(
    "broken",
    [
        {"publishedAt": "yesterday"},
        {"publishedAt": None},
        {"textOriginal": "", "textDisplay": " "},
        {"textOriginal": ["a"]},
        {"authorChannelId": "UC", "authorDisplayName": "x"},
        {"authorChannelId": None, "authorDisplayName": ""},
        {"likeCount": "many"},
    ],
)
def test_a_comment_that_cannot_be_read_is_reported_and_the_others_are_heard(
    site: Site, clock: HeldClock, broken: dict[str, Any]
) -> None:
    site.post(VIDEO, *threads(1), comment(name(2), NOON, **broken), *threads(3))
    with hearing(site, clock) as source:
        page = source.fetch(None)
    assert ids([page]) == {name(1), name(3)}
    assert len(page.rejected) == 1


@pytest.mark.parametrize("item", [None, {}, {"snippet": {}}, "thread", {"snippet": {"topLevelComment": None}}])
def test_something_else_in_a_list_is_reported_too(site: Site, clock: HeldClock, item: object) -> None:
    site.post(VIDEO, *threads(1))
    site.faults.append(lambda answer: emulator.with_items(answer, lambda items: [item, *items]))
    with hearing(site, clock) as source:
        page = source.fetch(None)
    assert (ids([page]), len(page.rejected)) == ({name(1)}, 1)


def test_a_comment_on_a_channel_itself_leads_there(site: Site, clock: HeldClock) -> None:
    talk = comment(name(1), NOON, channelId=CHANNEL)
    del talk["snippet"]["videoId"]
    site.post(CHANNEL, talk)
    with hearing(site, clock, channels=CHANNEL) as source:
        (mention,) = source.fetch(None).mentions
    assert mention.url == f"https://www.youtube.com/channel/{CHANNEL}"


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (Answer(429, b"slow down", {"Retry-After": "30"}), 30),
        (Answer(429), None),
        (Answer(503), None),
        (error(403, "rateLimitExceeded", "too fast"), None),
        (error(400, "processingFailure", "The API server failed"), None),
        (Answer(500, b'{"error": "internal"}'), None),
        (Answer(200, b'{"items": ['), None),
        (Answer(200, b"[]"), None),
        (Answer(200, b'{"items": {}}'), None),
        (Answer(200, b'{"items": [', declared=500), None),
    ],
)
def test_what_may_pass_is_tried_later_and_asked_for_once(
    site: Site, clock: HeldClock, answer: Answer, after: float | None
) -> None:
    site.refused[VIDEO] = answer
    with hearing(site, clock) as source, pytest.raises(RetryLater) as caught:
        source.fetch(None)
    assert caught.value.after == after
    assert len(site.asked) == 1


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_patience(site: Site, clock: HeldClock) -> None:
    class Impatient(YouTube):
        patience = 0.3

    site.faults.append(faults.hang)
    with closing(Impatient(context(site, clock))) as source, pytest.raises(RetryLater, match="cannot be reached"):
        source.fetch(None)


@pytest.mark.parametrize(
    "answer",
    [
        error(400, "badRequest", "API key not valid. Please pass a valid API key.", "global"),
        error(
            403, "accessNotConfigured", "YouTube Data API v3 has not been used in project 1 before or it is disabled."
        ),
        Answer(401),
    ],
)
def test_a_key_that_does_not_work_says_where_to_look(site: Site, clock: HeldClock, answer: Answer) -> None:
    site.refused[VIDEO] = answer
    with hearing(site, clock) as source, pytest.raises(GiveUp, match=r"YouTube answered 40.*look at the key") as caught:
        source.fetch(None)
    assert KEY not in str(caught.value)


def test_access_says_what_a_key_may(site: Site, clock: HeldClock) -> None:
    site.handles["@acme"] = CHANNEL
    for settings in ({"videos": VIDEO}, {"channels": CHANNEL}, {"channels": "@acme"}):
        with hearing(site, clock, **settings) as source:
            assert source.access().may == ("read public comments",)
    with hearing(site, clock, channels="@nobody") as source, pytest.raises(GiveUp, match="knows no channel @nobody"):
        source.access()
    assert len(site.asked) == 4


def test_a_refresh_token_that_ends_says_when(site: Site, clock: HeldClock) -> None:
    site.handles["@acme"] = CHANNEL
    with hearing(site, clock, channels="@acme", **emulator.SIGNED_IN) as source:
        assert source.access().expires_at is None
    site.ends = {"refresh_token_expires_in": 604_799}
    with hearing(site, clock, channels="@acme", **emulator.SIGNED_IN) as source:
        assert source.access().expires_at == clock.now() + timedelta(seconds=604_799)


def test_what_we_hold_is_looked_at_again(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(1), comment(name(2), NOON, updatedAt="2026-11-20T12:30:00.000Z", textOriginal="better"))
    with hearing(site, clock) as source:
        page = source.recheck([name(1), name(2), name(3), "from-a-file"])
    assert page.deleted == (name(3),)
    assert [mention.text for mention in page.edited] == ["better"]
    assert (page.mentions, page.cursor, page.spent) == ((), None, {"unit": 2})


def test_what_a_reply_answers_is_given_while_it_is_there(site: Site, clock: HeldClock) -> None:
    site.post(VIDEO, *threads(1), comment(name(2), NOON, updatedAt="2026-11-20T12:30:00.000Z"))
    with hearing(site, clock) as source:
        page = source.parents([name(1), name(2), name(3), "from-a-file"])
    assert {mention.native_id for mention in page.mentions} == {name(1), name(2)}
    assert (page.deleted, page.spent) == ((), {"unit": 1})


def test_an_answer_that_knows_of_nothing_deletes_nothing(site: Site, clock: HeldClock) -> None:
    with hearing(site, clock) as source, pytest.raises(RetryLater, match="nothing of 2 comments"):
        source.recheck([name(1), name(2)])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"api_key": "", "videos": VIDEO}, "API key"),
        ({"channels": "no channel"}, "Channels: 'no' is not one"),
        ({"videos": "https://example.com/watch?v=F1UP7wRCPH8"}, "Videos: 'https://example.com"),
        ({"videos": VIDEO, "units": "many"}, "Units a day: 'many'"),
        ({"videos": VIDEO, "units": "0"}, "Units a day: '0'"),
        ({"units": "100"}, "Channels: name one, or a video"),
    ],
)
def test_settings_that_cannot_be_are_refused(site: Site, clock: HeldClock, settings: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        YouTube(context(site, clock, **settings))
