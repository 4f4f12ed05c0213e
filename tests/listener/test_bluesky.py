"""Bluesky over a loopback Jetstream: recorded events, and everything that can go wrong on a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater
from core.settings import Settings
from core.types import Page
from listener.source import Context
from listener.sources.bluesky import Bluesky
from listener.sources.bluesky.jetstream import OVERLAP, Place, microseconds
from listener.sources.bluesky.page import Cursor
from tests import loopback
from tests.listener.emulators import bluesky

EVENTS = (Path(__file__).parent / "data" / "bluesky" / "events_v1.jsonl").read_text(encoding="utf-8").splitlines()
POSTS = sum('"app.bsky.feed.post","rkey"' in line for line in EVENTS)
START = 1_783_175_888_000_000

Talk = Callable[[ServerConnection, loopback.Asked], None]


def context(url: str) -> Context:
    return Context({"url": url}, Settings(), HeldClock(datetime(2026, 7, 4, 15, tzinfo=UTC)))


@contextmanager
def hearing(talk: Talk) -> Iterator[tuple[Bluesky, loopback.Server]]:
    with loopback.websocket(talk) as server:
        source = Bluesky(context(server.url))
        try:
            yield source, server
        finally:
            source.close()


def saying(*lines: str) -> Talk:
    def talk(connection: ServerConnection, asked: loopback.Asked) -> None:
        for line in lines:
            connection.send(line)

    return talk


def event(number: int, **commit: Any) -> str:
    commit = {"collection": "app.bsky.feed.post", "operation": "create", "rkey": f"r{number}"} | commit
    if commit["operation"] != "delete":
        commit.setdefault("record", {"text": f"post {number}", "createdAt": "2026-07-04T14:38:08Z"})
    return json.dumps({"did": "did:plc:ann", "time_us": START + number, "kind": "commit", "commit": commit})


def test_recorded_posts_come_in_whole_and_the_rest_of_the_network_does_not() -> None:
    with hearing(saying(*EVENTS)) as (source, server):
        page = source.fetch(None)
    assert len(page.mentions) == POSTS == 8
    assert server.asked[0].query == {"wantedCollections": ["app.bsky.feed.post"], "compress": ["true"]}
    first = page.mentions[0]
    assert first.native_id == "at://did:plc:dclwtltrt2ggsryagfzk7dp4/app.bsky.feed.post/3mptbyoeyc22k"
    assert first.url == "https://bsky.app/profile/did:plc:dclwtltrt2ggsryagfzk7dp4/post/3mptbyoeyc22k"
    assert first.text == "www.youtube.com/watch?v=V5lD..."
    assert first.extra["links"] == ["https://www.youtube.com/watch?v=V5lDo-jw8mA"]
    assert (first.lang, first.author.native_id) == ("en", "did:plc:dclwtltrt2ggsryagfzk7dp4")
    assert first.created_at == datetime(2026, 7, 4, 14, 38, 6, 240_000, UTC)
    posts = [one["time_us"] for one in bluesky.recorded() if one.get("commit", {}).get("collection") == bluesky.POSTS]
    assert Cursor.read(page.cursor).place == Place(max(posts))
    assert page.events == {"posts": len(posts)}
    assert page.heard_to
    assert microseconds(page.heard_to) == max(posts)


def test_a_reply_knows_its_parent_and_its_thread() -> None:
    golden = (Path(__file__).parent / "data" / "bluesky" / "golden_v1.jsonl").read_text(encoding="utf-8").splitlines()
    with hearing(saying(*golden)) as (source, _):
        (reply,) = source.fetch(None).mentions
    assert reply.kind == "reply"
    parent = "at://did:plc:j76trmiofvaxxpvx2vnb2vwf/app.bsky.feed.post/3mmojbrjwbs26"
    assert (reply.reply_to, reply.conversation) == (parent, parent)


def test_after_a_restart_it_asks_from_a_little_before_the_cursor() -> None:
    with hearing(saying(event(1))) as (source, server):
        source.fetch(str(START))
    assert server.asked[0].one("cursor") == str(START - OVERLAP)


def test_a_page_that_was_not_stored_is_heard_again() -> None:
    with hearing(saying(event(1), event(2))) as (source, server):
        first = source.fetch(str(START))
        again = source.fetch(str(START))
    assert again.mentions == first.mentions
    assert len(server.asked) == 2


def test_the_stream_goes_on_where_it_was_without_connecting_anew() -> None:
    def talk(connection: ServerConnection, asked: loopback.Asked) -> None:
        connection.send(event(1))
        connection.recv()  # held open until the client goes

    with hearing(talk) as (source, server):
        page = source.fetch(None)
        assert source.fetch(page.cursor).mentions == ()
    assert len(server.asked) == 1


def test_deleted_posts_and_accounts_are_told_and_edits_replace() -> None:
    gone = {"did": "did:plc:bob", "time_us": START + 9, "kind": "account"}
    lines = [
        event(1),
        event(1, operation="delete"),
        event(2, operation="update", record={"text": "edited", "createdAt": "2026-07-04T14:38:08Z"}),
        json.dumps(gone | {"account": {"active": False, "status": "deleted", "did": "did:plc:bob"}}),
        json.dumps(gone | {"did": "did:plc:eve", "account": {"active": False, "status": "deactivated"}}),
    ]
    with hearing(saying(*lines)) as (source, _):
        page = source.fetch(None)
    assert page.mentions == ()
    assert page.deleted == ("at://did:plc:ann/app.bsky.feed.post/r1",)
    assert [mention.text for mention in page.edited] == ["edited"]
    assert page.deleted_authors == ("did:plc:bob",)


@pytest.mark.parametrize(
    "line",
    [
        event(2)[:60],
        "[]",
        "{}",
        "null",
        '{"time_us": "soon"}',
        event(2, record={"createdAt": "2026-07-04T14:38:08Z"}),
        event(2, record=None),
        event(2, record={"text": "x", "reply": {"parent": {}}}),
    ],
)
def test_an_event_that_cannot_be_read_is_reported_and_the_next_is_heard(line: str) -> None:
    with hearing(saying(event(1), line, event(3))) as (source, _):
        page = source.fetch(None)
    assert [mention.text for mention in page.mentions] == ["post 1", "post 3"]
    assert len(page.rejected) == 1


@pytest.mark.parametrize("written", ["yesterday", "2999-01-01T00:00:00Z", None])
def test_a_time_that_cannot_be_true_becomes_the_time_it_was_seen(written: str | None) -> None:
    with hearing(saying(event(1, record={"text": "hi", "createdAt": written}))) as (source, _):
        (mention,) = source.fetch(None).mentions
    assert mention.created_at == datetime.fromtimestamp((START + 1) / 1e6, UTC)


def test_a_host_that_no_longer_has_what_is_missing_opens_a_gap() -> None:
    later = START + 3_600_000_000
    with hearing(saying(event(later - START))) as (source, _):
        page = source.fetch(str(START))
    (gap,) = page.gaps
    assert (gap.start.timestamp(), gap.end.timestamp()) == (START / 1e6, later / 1e6)


def test_a_clean_close_keeps_what_came_and_then_asks_to_wait() -> None:
    with hearing(saying(event(1))) as (source, server):
        page = source.fetch(None)
        assert len(page.mentions) == 1
        with pytest.raises(RetryLater, match="ended the connection"):  # rather than reconnect as fast as it can
            source.fetch(page.cursor)
        assert len(server.asked) == 1

    with hearing(saying()) as (source, _), pytest.raises(RetryLater, match="ended the connection"):
        source.fetch(None)


def test_silence_gives_an_empty_page_and_does_not_hang() -> None:
    with hearing(lambda connection, asked: (connection.recv(), None)[1]) as (source, _):
        page = source.fetch(str(START))
    assert page == Page(
        cursor=str(START), more=True, events={"posts": 0}, heard_to=datetime.fromtimestamp(START / 1e6, UTC)
    )


def test_a_message_beyond_all_measure_ends_the_connection_only() -> None:
    with hearing(saying("x" * 3_000_000)) as (source, _), pytest.raises(RetryLater):
        source.fetch(None)


@pytest.mark.parametrize(("status", "error"), [(403, GiveUp), (404, GiveUp), (429, RetryLater), (503, RetryLater)])
def test_a_refusal_is_told_in_the_hosts_words(status: int, error: type[Exception]) -> None:
    def refuse(asked: loopback.Asked) -> loopback.Answer:
        return loopback.Answer(status, b"not today", {"Retry-After": "7"})

    with loopback.http(refuse) as server:
        source = Bluesky(context(server.url.replace("http", "ws")))
        with pytest.raises(error, match=f"{status}: not today") as caught:
            source.fetch(None)
        source.close()
    if isinstance(caught.value, RetryLater):
        assert caught.value.after == 7


def test_a_wrong_address_is_refused_at_once() -> None:
    with pytest.raises(BadInput, match="Jetstream host"):
        Bluesky(context("https://jetstream.example"))
