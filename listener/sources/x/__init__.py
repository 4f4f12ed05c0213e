"""X, through its API v2 and tweepy: own mentions, and what else is said, by filtered stream or by recent search.

X bills every post that it hands out, so it is asked for our queries in its own words (rules.py), and the
timeline of mentions, five times as cheap, is read in any case (polls.py). The stream is one connection. What
was posted while it was away is a gap, and is searched for, since X plays nothing back to others than Enterprise.
tweepy reads the stream in a thread of its own and does nothing there but hand lines over: it neither connects again
nor waits by itself, and no post that it stumbles over ends the stream. Deletions: jobs.py.
"""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, ClassVar

import requests
import tweepy

from core.clock import Clock
from core.errors import GiveUp, PlatformError, RetryLater
from core.types import Access, Page, Permission, Recount, Rejected, Span
from listener import canary_post
from listener.chunks import chunks
from listener.source import Context, Field
from listener.sources.x.border import Border, Timeouts, json_of
from listener.sources.x.counts import FIELDS as COUNTED
from listener.sources.x.counts import Lookups
from listener.sources.x.jobs import AT_ONCE, Jobs, latest
from listener.sources.x.polls import OVERLAP, Place, Poll, gap_page, next_page, page_of
from listener.sources.x.posts import FIELDS, Reader, answers_of
from listener.sources.x.reply import TEST_POST, XReplier, may_reply
from listener.sources.x.rules import Asked, searches, stream_rules
from listener.sources.x.settings import FIELDS as SETTINGS
from listener.sources.x.settings import Chosen

log = logging.getLogger(__name__)

TAG = "ripplewatch"
"""What our rules of the stream are called; others are left alone."""
PAGE_LINES = 500
HELD_LINES = 2_000
"""Lines that are read ahead; then X has to wait, and ends the connection if that takes long."""
MENTIONS_EVERY = 60.0
CONNECT_EVERY = 20.0
"""Seconds: X takes 50 connections in a quarter of an hour."""
JUST_NOW = timedelta(seconds=10)
"""What was posted so long before the stream was opened may or may not come through it."""
_ABILITIES = {
    "/2/tweets/search/stream/rules": "hear posts as they are written (filtered stream)",
    "/2/compliance/jobs?type=tweets": "ask which posts were deleted (batch compliance)",
}


class X:
    """One app's view of X: the mentions of own accounts, and the posts that the queries ask for."""

    kind: ClassVar[str] = "x"
    title: ClassVar[str] = "X"
    about: ClassVar[str] = (
        "Mentions of your accounts, and posts that your queries ask for, as they are written. X bills every post read."
    )
    fields: ClassVar[tuple[Field, ...]] = SETTINGS
    steps: ClassVar[tuple[str, ...]] = (
        "Sign in to https://console.x.com with the account that shall pay.",
        "Buy credits, and set a spending limit. Give this source a budget here that is no higher.",
        "Create an app. As its use say that you read what is said about your brand, and that people answer.",
        "Open the app, choose Keys and tokens, and generate its bearer token. Copy it: it is shown once.",
        "To answer from here: let the app read and write, and generate API key and secret and, signed in as the "
        "account that answers, access token and secret.",
    )
    poll_seconds: ClassVar[float] = MENTIONS_EVERY
    silent_seconds: ClassVar[float | None] = None
    recheck_seconds: ClassVar[float] = 43_200
    recheck_ids: ClassVar[int] = 10_000
    recount_ids: ClassVar[int] = AT_ONCE
    recounted: ClassVar[frozenset[str]] = frozenset({"likes", "reposts", "replies"})
    parent_ids: ClassVar[int] = AT_ONCE
    reply: ClassVar[Permission] = Permission(
        "hand",
        "X lets self-serve apps reply only where the author mentioned or quoted your account: copy the text, open the "
        "post, and answer there yourself.",
    )
    may_reply = staticmethod(may_reply)

    def __init__(self, context: Context, timeouts: Timeouts | None = None) -> None:
        """Raises BadInput when a setting is missing or is none of those that there are."""
        self._context, self._timeouts, self._clock = context, timeouts or Timeouts(), context.clock
        self._chosen = chosen = Chosen.read(context.settings)
        canary_post.named(context.settings, TEST_POST)
        self._mode = "mentions" if context.mentions_only else chosen.mode
        asks, nothing = self._mode != "mentions", Asked(())
        self._rules = stream_rules(context.queries, reposts=chosen.reposts) if self._mode == "stream" else nothing
        self._searches = searches(context.queries, chosen.accounts) if asks else nothing
        self._unheard = {one.wanted.text: one.reason for one in (*self._rules.unheard, *self._searches.unheard)}
        self._unheard_said = False
        self._border = Border(context.process.x_api_url, self._clock, self._timeouts)
        self._client = tweepy.Client(chosen.token, return_type=requests.Response)
        self._client.session = self._border.session()
        self._reader, self._jobs = Reader(), Jobs(self._call, self._move)
        self._lookups = Lookups(lambda ids: json_of(self._client.get_tweets(list(ids), **COUNTED)))
        self._stream: _Stream | None = None
        self._ended = "the stream was not open"
        self._given: str | None = None
        self._connect_at = self._mentions_at = self._clock.monotonic()
        self._mentions_to: datetime | None = None

    def fetch(self, cursor: str | None) -> Page:
        """A page of a timeline or of a search, or what the stream brings within about a second."""
        if cursor == self._given:
            self._reader.settle()
        else:
            self._reader.forget()
            self._hang_up()  # what it has given since is not stored: from the cursor on it is a gap
        place = self._located(Place.read(cursor))
        page = self._streamed(place) if self._rules.texts else self._polled(place)
        if not self._unheard_said:
            unheard = (Rejected(f"query {text[:80]!r}", reason) for text, reason in self._unheard.items())
            page, self._unheard_said = replace(page, rejected=(*unheard, *page.rejected)), True
        self._given = page.cursor
        return page

    def fetch_gap(self, gap: Span, cursor: str | None) -> Page:
        """One page of a timeline or of a search of what was posted in a gap."""
        polls = self._polls(self._located(Place.read(self._given)), searching=True)
        return gap_page(gap, cursor, polls, self._reader, self._clock.now())

    def recheck(self, ids: Sequence[str]) -> Page:
        """What X has deleted of these, and how edited ones read now. RetryLater while X is at work on it."""
        found = self._jobs.actions(ids)
        deleted = tuple(one for one, action in found.items() if action == "delete")
        edited = [one for one, action in found.items() if action == "rehydrate"]
        page = page_of(self._reader.read(latest(edited, self._look_up)), "posts")
        return replace(page, mentions=(), edited=(*page.edited, *page.mentions), deleted=deleted, events={}, reposts={})

    def recount(self, posts: Mapping[str, Mapping[str, object]]) -> Recount:
        """The counts of these, if whoever set the source up wants to pay for that."""
        if not self._chosen.spread or self._context.mentions_only:
            return Recount()
        return replace(self._lookups.counts(posts, self._clock.now()), rest_until=self._border.rest_until)

    def parents(self, ids: Sequence[str]) -> Page:
        """The posts with these ids, if whoever set the source up wants to pay for them."""
        known = [one for one in ids if one.isascii() and one.isdecimal()]
        if not known or not self._chosen.parents or self._context.mentions_only:
            return Page()
        page = page_of(self._reader.read([self._look_up(known)]), "posts")
        return Page((*page.mentions, *page.edited), spent=page.spent)

    def access(self) -> Access:
        """Whose mentions we read, and what the app may do, by asking for profiles, rules, jobs and usage."""
        names = [str(one["username"]) for one in self._users(self._chosen.accounts)]
        may, may_not = ["read the mentions of your accounts"], list[str]()
        for path, what in _ABILITIES.items():
            try:
                self._call("GET", path)
                may.append(what)
            except GiveUp as error:
                may_not.append(f"{what}: {error}")
        with suppress(GiveUp, KeyError):  # not every app may ask for it, and nothing depends on it
            usage = self._call("GET", "/2/usage/tweets").get("data") or {}
            may.append(f"read {usage['project_cap']} posts a month; {usage['project_usage']} were read")
        if self._context.settings.get("reply_as"):
            replier = XReplier(self._context, self._timeouts)
            try:
                replier.check()
                may.append(f"answer as {replier.account()}")
            except GiveUp as error:
                may_not.append(f"answer: {error}")
            finally:
                replier.close()
        may_not += [f"look for {text[:80]!r}: {reason}" for text, reason in self._unheard.items()]
        return Access(", ".join(f"@{name}" for name in names), tuple(may), tuple(may_not))

    def close(self) -> None:
        """Close the connections."""
        self._hang_up()
        self._client.session.close()

    def _streamed(self, place: Place) -> Page:
        """The next page of the stream or, once a minute, of mentions. A limit on these does not end the stream."""
        if self._clock.monotonic() < self._mentions_at:
            return self._stream_page(place)
        try:
            page = next_page(place, self._polls(place, searching=False), self._reader, self._clock.now())
        except RetryLater as error:
            log.warning("mentions on X: %s", error)
            self._mentions_at = self._clock.monotonic() + (error.after or MENTIONS_EVERY)
            return self._stream_page(place)
        if not page.more:
            rest = self._border.rest_until
            wait = max(MENTIONS_EVERY, (rest - self._clock.now()).total_seconds() if rest else 0)
            self._mentions_at, self._mentions_to = self._clock.monotonic() + wait, page.heard_to
        return replace(page, more=True, heard_to=None)

    def _stream_page(self, place: Place) -> Page:
        """What came since the last page; once a stream that has ended is empty, RetryLater."""
        stream = self._stream
        if stream is None:
            return self._connect(place)
        lines, alive = stream.take(PAGE_LINES, self._timeouts.page)
        answers, unreadable, said = answers_of(lines)
        stream.reason = said or stream.reason
        if stream.over:
            self._ended = stream.reason
            self._hang_up()
            if not lines:
                raise RetryLater(self._ended)
        page = page_of(self._reader.read(answers), "posts")
        place = replace(place, heard=alive.timestamp() if alive else place.heard, pages=place.pages + bool(lines))
        heard_to = min(_time(place.heard), self._mentions_to) if place.heard and self._mentions_to else None
        rejected = (*unreadable, *page.rejected)
        return replace(page, cursor=place.text(), more=True, heard_to=heard_to, rejected=rejected)

    def _connect(self, place: Place) -> Page:
        """Open the stream, with our rules as the queries are now; what was posted while it was away is a gap."""
        wait = self._connect_at - self._clock.monotonic()
        if wait > 0:
            raise RetryLater(self._ended, wait)
        self._connect_at = self._clock.monotonic() + CONNECT_EVERY
        border = Border(self._context.process.x_api_url, self._clock, self._timeouts)
        stream = self._stream = _Stream(self._chosen.token, border, self._clock)
        try:
            rejected = _keep_rules(stream, self._rules.texts)
            stream.open(self._timeouts.connect + self._timeouts.alive)
        except BaseException:
            self._hang_up()
            raise
        now = self._clock.now()
        missed = (Span(_time(place.heard) - OVERLAP, now + JUST_NOW, self._ended),) if place.heard else ()
        cursor = replace(place, heard=now.timestamp()).text()
        return Page(cursor=cursor, more=True, gaps=missed, rejected=rejected)

    def _hang_up(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _polled(self, place: Place) -> Page:
        polls = self._polls(place, searching=self._mode == "search")
        page = next_page(place, polls, self._reader, self._clock.now())
        return replace(page, rest_until=self._border.rest_until)

    def _polls(self, place: Place, *, searching: bool) -> list[Poll]:
        """The mentions of each of our accounts and, if `searching`, what the queries ask for."""

        def mentions(account: str, token: str | None, **since: Any) -> dict[str, Any]:
            asked = {"pagination_token": token, "max_results": AT_ONCE, **since, **FIELDS}
            return json_of(self._client.get_users_mentions(account, **asked))

        def search(text: str, token: str | None, **since: Any) -> dict[str, Any]:
            asked = {"next_token": token, "max_results": AT_ONCE, **since, **FIELDS}
            return json_of(self._client.search_recent_tweets(text, **asked))

        accounts = [place.accounts[handle] for handle in self._chosen.accounts]
        texts = self._searches.texts if searching else ()
        return [
            *(Poll(f"m{account}", "mentions", partial(mentions, account)) for account in accounts),
            *(Poll(f"s{sha256(text.encode()).hexdigest()[:12]}", "posts", partial(search, text)) for text in texts),
        ]

    def _located(self, place: Place) -> Place:
        """With the ids of all own accounts, each of which is looked up once."""
        unknown = [handle for handle in self._chosen.accounts if handle not in place.accounts]
        found = {str(one["username"]).lower(): str(one["id"]) for one in self._users(unknown)} if unknown else {}
        return replace(place, accounts={**place.accounts, **found})

    def _users(self, handles: Sequence[str]) -> list[Mapping[str, Any]]:
        answer = json_of(self._client.get_users(usernames=list(handles)))
        given = answer.get("data")
        users = [one for one in given if {"id", "username"} <= set(one)] if isinstance(given, list) else []
        missing = set(handles) - {str(one["username"]).lower() for one in users}
        if missing:
            raise GiveUp(f"X knows no account @{', @'.join(sorted(missing))}. Mend the accounts of this source")
        return users

    def _look_up(self, ids: Sequence[str]) -> dict[str, Any]:
        return json_of(self._client.get_tweets(list(ids), **FIELDS))

    def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        response = self._client.request(method, path, **more)
        return json_of(response) if response.content else {}

    def _move(self, method: str, url: str, body: bytes | None) -> bytes:
        """X gives addresses of its own, where our token is wanted, or of a store, which must not see it."""
        headers = {"Content-Type": "text/plain"}
        if self._border.is_x(url):
            headers["Authorization"] = f"Bearer {self._chosen.token}"
        return bytes(self._client.session.request(method, url, data=body, headers=headers).content)


class _Stream(tweepy.StreamingClient):  # type: ignore[misc]
    """One connection to the filtered stream, read in a thread of its own: lines with the time at which they came.

    tweepy connects again as soon as `running` is left as it is; here every end is the end.
    """

    def __init__(self, token: str, border: Border, clock: Clock) -> None:
        super().__init__(token, return_type=requests.Response, max_retries=0, daemon=True)
        self.session = border.session()
        self.reason = ""
        self._failure: Exception | None = None
        self._done = self._closed = False
        self._border, self._clock = border, clock
        self._lines: queue.Queue[tuple[datetime, bytes] | None] = queue.Queue(HELD_LINES)

    def open(self, seconds: float) -> None:
        """Connect. Raises what X answered, or RetryLater when it does not."""
        self.filter(threaded=True, **FIELDS)
        try:
            first = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise RetryLater("X does not open the stream") from None
        if first is None:
            raise self._failure if isinstance(self._failure, PlatformError) else RetryLater(self.reason)

    def take(self, most: int, seconds: float) -> tuple[list[bytes], datetime | None]:
        """At most so many lines, from at most so many seconds; and when the last sign of life came."""
        lines: list[bytes] = []
        alive = None
        deadline = self._clock.monotonic() + seconds
        while len(lines) < most and (left := deadline - self._clock.monotonic()) > 0:
            try:
                item = self._lines.get(not self._done, left)
            except queue.Empty:
                break
            if item is None:
                break
            alive = item[0]
            lines += [item[1]] if item[1] else []
        return lines, alive

    @property
    def over(self) -> bool:
        """Whether it has ended and everything was taken."""
        return self._done and self._lines.empty()

    def close(self) -> None:
        """End it, whatever it and whoever reads it are waiting for."""
        self._closed = True
        self._end("stopping")
        with suppress(queue.Full):
            self._lines.put_nowait(None)
        if (response := self._border.response) is not None:
            with suppress(ValueError, RuntimeError, OSError):
                response.raw.shutdown()
        self.session.close()
        if self.thread is not None:
            self.thread.join(2)

    def on_connect(self) -> None:
        """The answer was 200."""
        self._put(b"")

    def on_data(self, raw_data: bytes) -> None:
        """Hand a line over, unread: nothing in it can do harm here."""
        self._put(raw_data)

    def on_keep_alive(self) -> None:
        """An empty line."""
        self._put(b"")

    def on_closed(self, response: requests.Response) -> None:
        """A clean end."""
        self._end("X ended the stream")

    def on_connection_error(self) -> None:
        """Cut off, or silent for too long; tweepy calls this where it has caught the error."""
        self._end(f"the stream broke off: {sys.exception()}")

    def on_exception(self, exception: Exception) -> None:
        """Anything else, among it what our border raises."""
        self._failure = exception
        self._end(str(exception))

    def on_disconnect(self) -> None:
        """The thread's last act."""
        self._done = True
        with suppress(queue.Full):
            self._lines.put_nowait(None)

    def _end(self, reason: str) -> None:
        self.reason, self.running = self.reason or reason, False

    def _put(self, line: bytes) -> None:
        """Waits while nobody takes anything, and X waits with us. A thread that began after its end was called ends."""
        self.running = self.running and not self._closed
        while self.running:
            with suppress(queue.Full):
                self._lines.put((self._clock.now(), line), timeout=0.2)
                return


def _keep_rules(stream: _Stream, texts: Sequence[str]) -> tuple[Rejected, ...]:
    """Make the rules of the stream ours as they are now; those that X refuses. Rules of others are left alone."""
    held = json_of(stream.get_rules()).get("data") or ()
    known, wanted = {one.get("value") for one in held}, set(texts)
    stale = [one["id"] for one in held if one.get("tag") == TAG and one.get("value") not in wanted]
    fresh = [text for text in texts if text not in known]
    refused = []
    for ids in chunks(stale, AT_ONCE):
        stream.delete_rules(list(ids))
    for part in chunks(fresh, AT_ONCE):
        errors = json_of(stream.add_rules([tweepy.StreamRule(text, TAG) for text in part])).get("errors") or ()
        refused += [one for one in errors if "duplicate" not in str(one.get("title")).lower()]
    return tuple(
        Rejected(f"rule {str(one.get('value'))[:80]!r}", str(one.get("details") or one.get("title"))) for one in refused
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


SOURCE = X
REPLIER = XReplier
