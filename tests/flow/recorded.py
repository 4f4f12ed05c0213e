"""The outside world, on 127.0.0.1: recorded answers of Bluesky, Hacker News and a feed, as their hosts serve them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets.sync.server import ServerConnection

from tests import loopback
from tests.listener.emulators import email, mastodon, reddit, x_server, youtube

_DATA = Path(__file__).parents[1] / "listener" / "data"
_EVENTS = (_DATA / "bluesky" / "events_v1.jsonl").read_text(encoding="utf-8").splitlines()
_HITS = {
    hit["objectID"]: hit
    for one in json.loads((_DATA / "hackernews" / "algolia.json").read_text(encoding="utf-8"))
    for hit in one["response"]["body"].get("hits", ())
}
_FEED = _DATA / "rss" / "wellformed__namespace__rss1.0withModules.xml"

POSTS = [
    event for event in map(json.loads, _EVENTS) if event.get("commit", {}).get("collection") == "app.bsky.feed.post"
]
STORIES = list(_HITS.values())
FEED_ENTRIES = 1
"""What there is to hear, counted from the recordings and not by the code under test."""


@dataclass(slots=True)
class World:
    """Where everything is, and how often each was asked."""

    jetstream: loopback.Server
    algolia: loopback.Server
    blog: loopback.Server
    mailbox: Mapping[str, str]
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def world() -> Iterator[World]:
    """Serve all of it."""
    with ExitStack() as stack:
        jetstream = stack.enter_context(loopback.websocket(_stream))
        algolia = stack.enter_context(loopback.http(_search))
        blog = stack.enter_context(loopback.http(lambda asked: loopback.Answer(body=_FEED.read_bytes())))
        site = stack.enter_context(reddit.recordings())
        mailbox = stack.enter_context(email.imap(email.three_mails()))
        x = stack.enter_context(x_server.recordings())
        town = stack.enter_context(mastodon.recordings())
        videos = stack.enter_context(youtube.recordings())
        environment = {
            "X_API_URL": x.url,
            "REDDIT_URL": site.url,
            "REDDIT_OAUTH_URL": site.url,
            "BLUESKY_JETSTREAM_URL": jetstream.url,
            "BLUESKY_SECOND_URL": jetstream.url,
            "HACKERNEWS_URL": algolia.url,
            "MASTODON_URL": town.url,
            "YOUTUBE_API_URL": videos.url,
            "FEED_ALLOW_NETWORKS": "127.0.0.1/32",
        }
        yield World(jetstream, algolia, blog, mailbox, environment)


def _stream(connection: ServerConnection, asked: loopback.Asked) -> None:
    """Everything from the cursor on, in order; then silence."""
    since = int(asked.query.get("cursor", ["0"])[0])
    for line in _EVENTS:
        if json.loads(line)["time_us"] >= since:
            connection.send(line)
    connection.recv()


def _search(asked: loopback.Asked) -> loopback.Answer:
    """Hits of a window of time whose text has the words, as Algolia finds them."""
    low, high = map(int, re.findall(r"\d+", asked.one("numericFilters").replace("created_at_i", "")))
    words = asked.one("query").strip('"').casefold()
    found = [hit for hit in STORIES if low <= hit["created_at_i"] < high and words in json.dumps(hit).casefold()]
    return loopback.Answer(body=json.dumps({"hits": found, "nbHits": len(found)}).encode())
