"""Traps of tweepy, each of which was seen to catch somebody: none of them catches the x source."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from core.clock import HeldClock
from core.errors import GiveUp, PlatformError, RetryLater
from core.log import redact
from core.settings import Settings
from listener.source import Context
from listener.sources.x import X
from listener.sources.x.border import Border
from tests import loopback
from tests.listener.emulators import faults, x_source
from tests.listener.emulators import x as emulator
from tests.listener.emulators.x import STREAM, problem
from tests.listener.emulators.x_source import PATIENT, SHORT, World, texts

MENTIONS = "/2/users/111/mentions"


@pytest.fixture
def world(clock: HeldClock) -> Iterator[World]:
    with x_source.world(clock) as running:
        yield running


def test_its_one_host_is_replaced_by_ours_with_whatever_path_that_has(world: World, clock: HeldClock) -> None:
    settings = {"bearer_token": emulator.TOKEN, "accounts": "acme"}
    source = X(Context(settings, Settings(x_api_url=f"{world.platform.url}/through/here/"), clock), PATIENT)
    with pytest.raises(GiveUp, match="there is no GET /through/here/2/users/by"):
        source.fetch(None)
    source.close()


def test_it_has_no_timeout_and_we_have_one(world: World) -> None:
    source = world.source(mode="mentions", timeouts=SHORT)
    source.fetch(None)
    world.platform.fail(MENTIONS, faults.hang)
    with pytest.raises(RetryLater, match="timed out"):
        source.fetch(None)


def test_an_answer_that_comes_without_end_is_given_up(world: World) -> None:
    source = world.source(mode="mentions", timeouts=replace(PATIENT, whole=-1))
    with pytest.raises(RetryLater, match="too slow"):
        source.fetch(None)


def test_its_own_waiting_ends_in_a_recursion_error_and_ours_asks_once(world: World) -> None:
    source = world.source(mode="mentions")
    world.platform.fail(MENTIONS, *[faults.too_many_and_no_word] * 3)
    with pytest.raises(RetryLater):
        source.fetch(None)
    assert world.platform.paths().count(f"GET {MENTIONS}") == 1


@pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        {"error": 7},
        {"errors": 7},
        {"errors": [7, None, {"code": 88}]},
        {"errors": {"message": "x"}},
        {"title": 7, "detail": ["x"]},
        [7],
        7,
        None,
        "x",
    ],
)
def test_its_type_errors_on_error_bodies_do_not_reach_us(world: World, status: int, body: object) -> None:
    world.platform.fail(MENTIONS, lambda _: emulator.reply(body, status))
    with pytest.raises(PlatformError, match=f"X answered {status}"):
        world.source(mode="mentions").fetch(None)


def test_its_value_error_on_a_reset_header_that_is_no_number_does_not_reach_us(world: World) -> None:
    world.platform.fail(MENTIONS, lambda _: problem(429, "Too Many Requests", "x", x_rate_limit_reset="tomorrow"))
    with pytest.raises(RetryLater, match="Too Many Requests"):
        world.source(mode="mentions").fetch(None)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"7", b"null", b"\xff\xfe"])
def test_a_success_that_is_no_object_is_tried_later(world: World, body: bytes) -> None:
    world.platform.fail(MENTIONS, lambda _: loopback.Answer(200, body))
    with pytest.raises(RetryLater, match="X's answer is no"):
        world.source(mode="mentions").fetch(None)


@pytest.mark.parametrize("answer", [{"data": 7}, {"data": [7, None]}, {"data": {"id": "x"}}, {"data": [{"id": "5"}]}])
def test_a_success_with_posts_that_are_none_is_read_on_and_says_so(world: World, answer: object) -> None:
    world.platform.fail(MENTIONS, lambda _: emulator.reply(answer))
    page = world.source(mode="mentions").fetch(None)
    assert page.rejected
    assert not page.mentions


@pytest.mark.parametrize(
    "more", [{"includes": []}, {"includes": {"users": 7}}, {"meta": []}, {"meta": {"newest_id": {}}}]
)
def test_what_stands_beside_the_posts_may_be_anything(world: World, more: dict[str, object]) -> None:
    world.platform.post("@acme hello")

    def strange(answer: loopback.Answer) -> loopback.Answer:
        return emulator.reply(json.loads(answer.body) | more)

    world.platform.fail(MENTIONS, strange)
    assert texts(world.source(mode="mentions").fetch(None)) == ["@acme hello"]


def test_a_post_that_it_stumbles_over_ends_its_stream_and_not_ours(world: World) -> None:
    source = world.source("#acme", mode="stream")
    cursor = source.fetch(source.fetch(None).cursor).cursor
    world.platform.end_streams(b'{"data": {"text": "a post without id"}, "matching_rules": 7}\r\n')
    world.platform.post("#acme still here")
    said: list[str] = []
    for _ in range(200):
        page = source.fetch(cursor)
        cursor = page.cursor
        said += texts(page)
        if said:
            break
    assert said == ["#acme still here"]
    assert world.platform.paths().count(f"GET {STREAM}") == 1


@pytest.mark.parametrize("how", [None, "cut"])
def test_after_an_end_it_connects_again_at_once_and_we_do_not(world: World, how: str | None) -> None:
    source = world.source("#acme", mode="stream")
    cursor = source.fetch(source.fetch(None).cursor).cursor
    world.platform.end_streams(how)
    for _ in range(200):
        try:
            source.fetch(cursor)
        except RetryLater:
            break
    with pytest.raises(RetryLater) as caught:
        source.fetch(cursor)
    assert caught.value.after == 20
    assert world.platform.paths().count(f"GET {STREAM}") == 1


def test_whatever_it_does_a_stream_is_asked_for_once_only(world: World, clock: HeldClock) -> None:
    world.platform.rules = {"1": {"id": "1", "value": "#acme", "tag": ""}}
    session = Border(world.platform.url, clock, PATIENT).session()
    headers = {"Authorization": f"Bearer {emulator.TOKEN}"}
    with session.get(f"https://api.twitter.com{STREAM}", headers=headers, stream=True) as response:
        assert response.status_code == 200
        with pytest.raises(RetryLater):
            session.get(f"https://api.twitter.com{STREAM}", headers=headers, stream=True)
    session.close()


def test_it_follows_redirects_and_we_do_not_carry_our_token_elsewhere(world: World) -> None:
    with loopback.http(lambda asked: loopback.Answer(200, b"{}")) as elsewhere:
        away = loopback.Answer(302, b"", {"Location": f"{elsewhere.url}/2/users/111/mentions"})
        world.platform.fail(MENTIONS, lambda _: away)
        with pytest.raises(RetryLater, match="302"):
            world.source(mode="mentions").fetch(None)
        assert not elsewhere.asked


def test_its_debug_log_has_our_token_and_what_is_written_of_it_has_not(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        world.source(mode="mentions").fetch(None)
    said = [record.getMessage() for record in caplog.records]
    assert any(emulator.TOKEN in one for one in said)
    assert not any(emulator.TOKEN in redact(one) for one in said)


def test_the_token_is_not_shown_where_a_source_is_printed(world: World) -> None:
    source = world.source(mode="mentions")
    assert emulator.TOKEN not in repr(source) + repr(vars(source))
