"""How often mentions were liked, passed on and answered by now: the same of every platform that can be asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from core.clock import HeldClock
from core.errors import RetryLater
from core.settings import Settings
from core.types import Counts, Recount
from listener.source import Context, Recounts, Source, kinds, load, recounted
from tests import loopback
from tests.listener.emulators import bluesky, mastodon, reddit, x, youtube
from tests.listener.emulators.x_server import serve
from tests.loopback import Answer, Asked

KINDS = ("bluesky", "hackernews", "mastodon", "reddit", "x", "youtube")


@dataclass(frozen=True, slots=True)
class Place:
    """A platform with two posts, by native id with what a mention keeps of them. `told` are the counts of the first.

    `down` lets the next request fail. `tells`: that a post is gone can be known from its missing.
    """

    source: Recounts
    posts: Mapping[str, Mapping[str, object]]
    told: Counts
    delete: Callable[[], object]
    down: Callable[[], None]
    tells: bool = True


def _source(kind: str, clock: HeldClock, settings: Mapping[str, object], **urls: str) -> Recounts:
    source = load(kind)(Context(settings, Settings(**urls), clock))  # type: ignore[arg-type]
    assert isinstance(source, Recounts)
    return source


def _down(honest: Answer) -> Answer:
    return Answer(503)


def _bluesky(stack: ExitStack, clock: HeldClock) -> Place:
    site = bluesky.Server()
    url = stack.enter_context(loopback.http(site.answer)).url
    for number in (1, 2):
        site.show(number, 10**15, likeCount=30, repostCount=12, quoteCount=3, replyCount=4)
    source = _source("bluesky", clock, {}, bluesky_public_url=url)
    posts: dict[str, Mapping[str, object]] = {bluesky.uri(number): {} for number in (1, 2)}
    return Place(source, posts, Counts(30, 15, 4), site.posts.pop, lambda: site.faults.append(_down), False)


def _hackernews(stack: ExitStack, clock: HeldClock) -> Place:
    below = [{"author": "bob", "children": [{"author": "cy", "children": []}, {"author": None, "children": []}]}]
    items = {str(one): {"id": one, "author": "ann", "points": 15, "children": below} for one in (1, 2)}
    broken: list[int] = []

    def answer(asked: Asked) -> Answer:
        found = items.get(asked.path.rpartition("/")[2])
        if broken:
            return Answer(broken.pop())
        return Answer(body=json.dumps(found).encode()) if found else Answer(404)

    source = _source("hackernews", clock, {}, hackernews_url=stack.enter_context(loopback.http(answer)).url)
    return Place(source, {"1": {}, "2": {}}, Counts(15, 0, 2), lambda: items.pop("2"), lambda: broken.append(503))


def _mastodon(stack: ExitStack, clock: HeldClock) -> Place:
    site = stack.enter_context(mastodon.server())
    counted: dict[str, Any] = {"favourites_count": 7, "reblogs_count": 40, "quotes_count": 2, "replies_count": 9}
    posts = [mastodon.status(number, clock.now(), **counted) for number in (1, 2)]
    site.post(*posts)
    host = site.url.removeprefix("http://")
    kept: dict[str, Mapping[str, object]] = {one["uri"]: {"server": host, "id": one["id"]} for one in posts}
    source = _source("mastodon", clock, {}, mastodon_url=site.url)
    return Place(source, kept, Counts(7, 42, 9), lambda: site.delete(posts[1]["id"]), lambda: site.faults.append(_down))


def _reddit(stack: ExitStack, clock: HeldClock) -> Place:
    site = stack.enter_context(reddit.reddit())
    posts = [reddit.submission(number, clock.now().timestamp(), score=140, num_comments=33) for number in (1, 2)]
    site.post("/r/acme/new", *posts)
    source = _source("reddit", clock, reddit.KEYS, reddit_url=site.url, reddit_oauth_url=site.url)
    return Place(
        source,
        {one["name"]: {} for one in posts},
        Counts(140, 0, 33),
        lambda: site.delete(posts[1]["name"]),
        lambda: site.faults.append(_down),
    )


def _x(stack: ExitStack, clock: HeldClock) -> Place:
    site = stack.enter_context(serve(clock))
    told = {"like_count": 90, "retweet_count": 40, "quote_count": 5, "reply_count": 8}
    first, edited, second = (site.post("@acme lost my parcel", "ann") for _ in range(3))
    for one in (edited, second):
        site.posts[one]["public_metrics"] = told
    source = _source("x", clock, {"bearer_token": x.TOKEN, "accounts": "acme"}, x_api_url=site.url)
    return Place(
        source,
        {first: {"latest_id": edited}, second: {}},
        Counts(90, 45, 8),
        lambda: site.posts.pop(second),
        lambda: site.fail("GET /2/tweets", _down),
    )


def _youtube(stack: ExitStack, clock: HeldClock) -> Place:
    site = stack.enter_context(youtube.youtube())
    names = [f"Ugx-comment-number-{number:07}" for number in (1, 2)]
    site.post(youtube.VIDEO, *(youtube.comment(one, clock.now().timestamp(), likeCount=21) for one in names))
    site.reply(names[0], *(youtube.comment(f"{names[0]}.r{one}", clock.now().timestamp()) for one in range(6)))
    source = _source("youtube", clock, {"api_key": youtube.KEY, "videos": youtube.VIDEO}, youtube_api_url=site.url)
    return Place(
        source,
        {one: {} for one in names},
        Counts(21, 0, 6),
        lambda: site.delete(names[1]),
        lambda: site.faults.append(_down),
    )


PLACES: Mapping[str, Callable[[ExitStack, HeldClock], Place]] = {
    "bluesky": _bluesky,
    "hackernews": _hackernews,
    "mastodon": _mastodon,
    "reddit": _reddit,
    "x": _x,
    "youtube": _youtube,
}


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, clock: HeldClock) -> Iterator[Place]:
    with ExitStack() as stack:
        made = PLACES[request.param](stack, clock)
        stack.callback(made.source.close)  # type: ignore[attr-defined]
        yield made


def test_these_kinds_can_be_asked_and_say_what_they_tell() -> None:
    able = {kind: recounted(kind) for kind in kinds() if recounted(kind)}
    assert set(able) == set(KINDS)
    assert all(told <= {"likes", "reposts", "replies"} for told in able.values())


def test_counts_are_told_as_they_are_now(place: Place) -> None:
    found = place.source.recount(place.posts)
    first = next(iter(place.posts))
    assert found.counts[first] == place.told
    assert set(found.counts) == set(place.posts)
    assert found.deleted == ()
    told = {name for name in ("likes", "reposts", "replies") if getattr(place.told, name)}
    assert told == place.source.recounted


def test_what_is_gone_is_said_to_be_gone_and_the_others_are_counted(place: Place) -> None:
    first, second = place.posts
    place.delete()
    found = place.source.recount(place.posts)
    assert set(found.counts) == {first}
    assert found.deleted == ((second,) if place.tells else ())


def test_a_platform_that_is_down_says_nothing_and_answers_later(place: Place) -> None:
    place.down()
    with pytest.raises(RetryLater):
        place.source.recount(place.posts)
    assert set(place.source.recount(place.posts).counts) == set(place.posts)


def test_what_was_imported_under_ids_of_its_own_is_not_asked_for(place: Place) -> None:
    assert place.source.recount({"ticket 4711": {}}) == Recount()


def test_x_bills_a_post_once_a_day(clock: HeldClock) -> None:
    with ExitStack() as stack:
        made = _x(stack, clock)
        spent = [dict(made.source.recount(made.posts).spent) for _ in range(2)]
        clock.advance(timedelta(days=1).total_seconds())
        spent.append(dict(made.source.recount(made.posts).spent))
        assert spent == [{"post_read": 2}, {}, {"post_read": 2}]


@pytest.mark.parametrize("asked", [{"spread": "skip"}, {"mentions_only": True}])
def test_x_is_not_asked_where_that_is_not_wanted(clock: HeldClock, asked: dict[str, object]) -> None:
    with serve(clock) as site:
        settings = {"bearer_token": x.TOKEN, "accounts": "acme", "spread": asked.get("spread")}
        context = Context(settings, Settings(x_api_url=site.url), clock, mentions_only=bool(asked.get("mentions_only")))
        source: Source = load("x")(context)
        assert isinstance(source, Recounts)
        assert source.recount({site.post("hi", "ann"): {}}) == Recount()
        assert site.asked == []
        source.close()


def test_an_older_mastodon_is_asked_for_each_by_itself(clock: HeldClock) -> None:
    with mastodon.server() as site:
        post = mastodon.status(1, clock.now(), reblogs_count=5)
        site.post(post)
        site.faults.append(lambda honest: Answer(404, b'{"error": "Not found"}'))
        source = _source("mastodon", clock, {}, mastodon_url=site.url)
        asked = {post["uri"]: {"server": site.url.removeprefix("http://"), "id": post["id"]}}
        assert [source.recount(asked).counts for _ in range(2)] == [{post["uri"]: Counts(0, 5, 0)}] * 2
        assert [one.path.rpartition("/")[2] for one in site.asked] == ["statuses", post["id"], post["id"]]
        source.close()  # type: ignore[attr-defined]
