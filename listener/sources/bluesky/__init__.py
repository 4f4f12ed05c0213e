"""Bluesky, through public Jetstreams: every post of the network, keyless; with an app password also what they missed.

A host can lose a collection for hours while its socket lives. So the place that we resume from is that of the
collection that was heard least far, and when one has been silent for half a minute we turn to the second host, and hear
from there on. What no cursor brings back is asked for again: of the hosts while they keep it, and after that, where
somebody has signed in, of the search. Spread is counted once: an event before the place counts no more.

Bluesky asks that automated accounts answer only people who tagged them.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

from core.errors import BadInput, GiveUp, RetryLater
from core.types import Access, Author, Page, Permission, Recount, Rejected, Span
from listener import canary_post
from listener.source import Context, Field
from listener.sources.bluesky import jetstream
from listener.sources.bluesky.jetstream import Jetstream, Place, microseconds, moment
from listener.sources.bluesky.login import Login
from listener.sources.bluesky.page import NAMES, UNREADABLE, Cursor, Heard
from listener.sources.bluesky.public import POSTS_AT_ONCE, Public
from listener.sources.bluesky.records import POSTS, REPOSTS
from listener.sources.bluesky.reply import TEST_POST, BlueskyReplier, may_reply
from listener.sources.bluesky.stream import Stream

log = logging.getLogger(__name__)

PAGE_EVENTS = 1_000
PAGE_SECONDS = 1.0
"""A page ends with so many events, or so long after it was asked for."""
STEADY_SECONDS = 60.0
"""A connection that lives for less is waited after, each time for longer, up to LONGEST_WAIT."""
LONGEST_WAIT = 300.0
TURN_SECONDS = 30.0
"""After so long a silence of one collection we turn to the other host."""
NOTIFIED_SECONDS = 60.0
REASONS = ("mention", "reply", "quote")
LIMIT = "100"
"""Posts of one answer of a search, notifications of one list."""


@dataclass(frozen=True, slots=True)
class _Part:
    """How far a gap was fetched: replayed to the time `at`; then what the host `lacks` searched for, term by term."""

    at: int
    posts: int = 0
    lacks: tuple[int, int] | None = None
    term: int | None = None
    page: str | None = None

    @classmethod
    def read(cls, text: str) -> _Part:
        given = json.loads(text)
        return cls(**given | {"lacks": tuple(given["lacks"]) if given["lacks"] else None})

    def text(self) -> str:
        return json.dumps(asdict(self))


class Bluesky:
    """The whole network's posts, edits and deletions; which of them are mentions, the queries decide."""

    kind: ClassVar[str] = "bluesky"
    title: ClassVar[str] = "Bluesky"
    about: ClassVar[str] = "All public posts as they are written, matched here with your queries. Needs no key."
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "url",
            "Jetstream host",
            "Only if you run your own, or want another than the usual ones.",
            required=False,
            example="wss://jetstream1.us-west.bsky.network/subscribe",
        ),
        Field(
            "reposts",
            "Count reposts",
            "yes to hear all reposts of the network as well, to count them on what you hold. Quotes always count.",
            required=False,
            example="no",
        ),
        Field(
            "handle",
            "Handle",
            "To answer, to search for what was missed, and to hear notifications: your account's name.",
            required=False,
            example="acme.bsky.social",
        ),
        Field(
            "app_password",
            "App password",
            "With the handle; never your account's own password.",
            required=False,
            secret=True,
            example="abcd-efgh-ijkl-mnop",
        ),
        Field(
            "answer",
            "Answer",
            "tagged: only people who tagged, answered or quoted you, as Bluesky asks. everybody: others as well.",
            required=False,
            example="tagged",
        ),
        canary_post.field("https://bsky.app/profile/acme.bsky.social/post/3kgxj7hbb4c2a"),
    )
    steps: ClassVar[tuple[str, ...]] = (
        "All posts of the network are heard without an account: leave these steps out if that is enough.",
        "On bsky.app open Settings, Privacy and security, App passwords, and choose Add App Password.",
        "Name it Ripplewatch, do not allow access to direct messages, and copy the password.",
    )
    poll_seconds: ClassVar[float] = 0
    silent_seconds: ClassVar[float | None] = 60
    recount_ids: ClassVar[int] = POSTS_AT_ONCE
    author_ids: ClassVar[int] = POSTS_AT_ONCE
    recounted: ClassVar[frozenset[str]] = frozenset({"likes", "reposts", "replies"})
    reply: ClassVar[Permission] = Permission(
        "hand",
        "Replies to Bluesky need your handle and an app password: copy the text, open the post, and answer there.",
    )
    may_reply = staticmethod(may_reply)

    def __init__(self, context: Context, *, page_seconds: float = PAGE_SECONDS, request_seconds: float = 20) -> None:
        """Raises BadInput that names the field. The seconds are how long an event and an answer are waited for."""
        self._context, self._page_seconds, self._request_seconds = context, page_seconds, request_seconds
        self._hosts = _hosts(context)
        self._at_host = 0
        reposts = str(context.settings.get("reposts") or "no").casefold()
        if reposts not in ("yes", "no"):
            raise BadInput("Count reposts: yes or no")
        if str(context.settings.get("answer") or "tagged").casefold() not in ("tagged", "everybody"):
            raise BadInput("Answer: tagged or everybody")
        canary_post.named(context.settings, TEST_POST)
        self._collections = (POSTS, REPOSTS) if reposts == "yes" else (POSTS,)
        self._login = _login(context, request_seconds)
        self._public = Public(context.process.bluesky_public_url, context.clock, request_seconds)
        self._notified_at = context.clock.monotonic()
        self._stream: Stream | None = None
        self._cursor: str | None = None
        self._ended: RetryLater | None = None
        self._short_lives = 0
        self._replay: Stream | None = None
        self._replay_cursor: str | None = None

    def fetch(self, cursor: str | None) -> Page:
        """What comes within about a second; an empty page when nothing does."""
        ended, self._ended = self._ended, None
        if ended and cursor == self._cursor:
            raise ended
        known = Cursor.read(cursor)
        stream = self._stream
        if stream is None or cursor != self._cursor:
            self._hang_up()
            stream = self._stream = self._open(known.place)
        self._cursor = ""  # should this fail halfway, the stream has to go back
        heard = Heard(self._collections, since=known.counted)
        heard.events.update({NAMES[one]: 0 for one in self._collections})  # so that one that never comes is missed
        notified = self._notifications(known.notified, heard)
        self._hear(stream, heard)
        now = Cursor(stream.place(), max(known.counted, heard.counted), notified)
        self._cursor = cursor if now == known else now.text()
        self._turn(stream)
        return heard.page(
            self._cursor,
            more=True,
            heard_to=moment(now.place.time) if now.place.time else None,
            credentials=self._login.renewed() if self._login else {},
        )

    def close(self) -> None:
        """Close the connections."""
        self._hang_up()
        self._end_replay()
        self._public.close()
        if self._login:
            self._login.close()

    def access(self) -> Access:
        """Whether a host lets us hear, and as whom we are signed in, if we are."""
        self._open(Place()).jetstream.close()
        if not self._login:
            return Access(
                "nobody in particular",
                may=("hear all public posts of the network",),
                may_not=("search for what was missed, or hear notifications: that needs a handle and an app password",),
            )
        account = self._login.get("com.atproto.server.getSession")
        may = ("hear all public posts of the network", "search for what was missed", "hear notifications")
        return Access(f"@{account['handle']}", may)

    def fetch_gap(self, gap: Span, cursor: str | None) -> Page:
        """Part of a gap: what the hosts still have of it, then, of a signed-in account's search, what they lack."""
        part = _Part.read(cursor) if cursor else _Part(microseconds(gap.start))
        return self._replayed(gap, part, cursor) if part.term is None else self._searched(part)

    def recount(self, posts: Mapping[str, Mapping[str, object]]) -> Recount:
        """What everybody is shown. Who is not shown may be too new as well as gone: the stream tells of deletions."""
        uris = [uri for uri in posts if uri.startswith("at://")]
        return Recount(self._public.counts(uris) if uris else {})

    def authors(self, ids: Sequence[str]) -> Mapping[str, Author]:
        """What everybody is shown of these accounts."""
        return self._public.authors(ids)

    def _open(self, place: Place) -> Stream:
        """A stream from the host whose turn it is, or else from the other. What the last one says is raised."""
        refusal: Exception | None = None
        for _ in self._hosts:
            try:
                stream = Jetstream(
                    self._hosts[self._at_host], self._collections, place, open_seconds=self._request_seconds
                )
            except (RetryLater, GiveUp) as error:
                refusal = error if refusal is None or isinstance(error, RetryLater) else refusal
                self._at_host = (self._at_host + 1) % len(self._hosts)
            else:
                now = self._context.clock.monotonic()
                return Stream(stream, place, {}, now, dict.fromkeys(self._collections, now))
        raise refusal or RetryLater("no Jetstream host")

    def _hear(self, stream: Stream, heard: Heard, until: int | None = None) -> bool:
        """Hear for a page, or until an event that is later than `until`: whether that has come.

        A connection that ends after something was heard is an error for the next page: reconnecting at once, time
        and again, would help nobody.
        """
        clock = self._context.clock
        deadline = clock.monotonic() + self._page_seconds
        while heard.number < PAGE_EVENTS and not self._context.stop.is_set():
            try:
                event = stream.jetstream.next(deadline - clock.monotonic())
            except RetryLater as error:
                self._drop(stream)
                if not heard.number:
                    raise
                lived = clock.monotonic() - stream.opened_at
                self._short_lives = 0 if lived > STEADY_SECONDS else self._short_lives + 1
                self._ended = RetryLater(str(error), min(LONGEST_WAIT, 2.0**self._short_lives))
                return False
            if event is None:
                return False
            heard.number += 1
            if isinstance(event, Rejected):
                heard.rejected.append(event)
                continue
            if late := stream.late(event):
                heard.gaps.append(late)
            if until is not None and event.time > until:
                return True
            stream.reach(event, clock.monotonic())
            heard.take(event)
        return False

    def _turn(self, stream: Stream) -> None:
        """To the other host, when a collection has been silent on this one."""
        now = self._context.clock.monotonic()
        silent = [NAMES[one] for one, at in stream.heard_at.items() if now - at > TURN_SECONDS]
        if silent and len(self._hosts) > 1:
            self._at_host = (self._at_host + 1) % len(self._hosts)
            log.warning("no %s from %s: turning to the other host", " and ".join(silent), stream.jetstream.host)
            self._hang_up()

    def _notifications(self, known: str, heard: Heard) -> str:
        """What was put to the account since the newest notification that is known; the newest now.

        They come back to the first page of a list that begins with the newest. When the server fails, the stream is
        still worth hearing.
        """
        clock = self._context.clock
        if not self._login or clock.monotonic() < self._notified_at:
            return known
        self._notified_at = clock.monotonic() + NOTIFIED_SECONDS
        newest, page = known, ""
        try:
            while not self._context.stop.is_set():
                asked: dict[str, str | list[str]] = {"reasons": list(REASONS), "limit": LIMIT}
                asked |= {"cursor": page} if page else {}
                answer = self._login.get("app.bsky.notification.listNotifications", asked)
                fresh = [one for one in answer["notifications"] if one["indexedAt"] > known]
                heard.show(fresh, clock.now())
                newest = max([newest, *(one["indexedAt"] for one in fresh)])
                page = answer.get("cursor") or ""
                if not known or not page or len(fresh) < len(answer["notifications"]) or not fresh:
                    break
        except (RetryLater, *UNREADABLE) as error:
            log.warning("no notifications of Bluesky: %s", error)
            if isinstance(error, RetryLater) and error.after:
                self._notified_at = clock.monotonic() + error.after
            return known
        return newest or clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _replayed(self, gap: Span, part: _Part, cursor: str | None) -> Page:
        """The next part from the hosts' memory. They were counted when they were new, so nothing is counted here."""
        stream, end = self._replay, microseconds(gap.end)
        if stream is None or cursor != self._replay_cursor:
            self._end_replay()
            stream = self._replay = self._open(Place(part.at))
        heard = Heard(self._collections, since=2**63)
        ended = self._hear(stream, heard, end)
        self._ended = None
        if not heard.number:
            self._end_replay()
            raise RetryLater("Jetstream gave nothing of the time that was missed")
        lacks, heard.gaps = [(microseconds(one.start), microseconds(one.end)) for one in heard.gaps], []
        part = replace(
            part,
            at=max(part.at, stream.place().time or 0),
            posts=part.posts + heard.events["posts"],
            lacks=lacks[0] if lacks else part.lacks,
        )
        heard.events.clear()  # what a replay brings is no sign that the stream lives
        if ended:
            self._end_replay()
            return self._after_replay(gap, part, heard)
        self._replay_cursor = part.text()
        return heard.page(self._replay_cursor, more=True)

    def _after_replay(self, gap: Span, part: _Part, heard: Heard) -> Page:
        """What the hosts lack is searched for, or stays missing."""
        lacks = part.lacks
        if not part.posts and (gap.end - gap.start).total_seconds() > TURN_SECONDS:
            lacks = (microseconds(gap.start), microseconds(gap.end))
        if not lacks:
            return heard.page(part.text())
        if self._login and self._context.terms:
            return heard.page(replace(part, lacks=lacks, term=0).text(), more=True)
        start, end = moment(lacks[0]), moment(min(lacks[1], microseconds(gap.end)))
        heard.gaps = [Span(start, end, "Jetstream no longer has it, and nobody is signed in to search for it")]
        return heard.page(part.text())

    def _searched(self, part: _Part) -> Page:
        """The next page of a search for one of the words that every mention has one of."""
        terms, term = self._context.terms, part.term or 0
        if not self._login or not part.lacks or term >= len(terms):
            return Page(cursor=part.text())
        since, until = (moment(one).isoformat().replace("+00:00", "Z") for one in part.lacks)
        asked = {"q": '"' + terms[term].replace('"', " ") + '"', "sort": "latest", "limit": LIMIT}
        asked |= {"since": since, "until": until} | ({"cursor": part.page} if part.page else {})
        answer = self._login.get("app.bsky.feed.searchPosts", asked)
        posts, page, heard = answer.get("posts") or [], answer.get("cursor"), Heard()
        heard.show(posts, self._context.clock.now())
        part = replace(part, page=page) if posts and page else replace(part, page=None, term=term + 1)
        more = part.term is not None and part.term < len(terms)
        return heard.page(part.text(), more=more, credentials=self._login.renewed())

    def _drop(self, stream: Stream) -> None:
        stream.jetstream.close()
        self._stream = None if stream is self._stream else self._stream
        self._replay = None if stream is self._replay else self._replay

    def _hang_up(self) -> None:
        if self._stream:
            self._stream.jetstream.close()
            self._stream = None

    def _end_replay(self) -> None:
        if self._replay:
            self._replay.jetstream.close()
            self._replay = None


def _hosts(context: Context) -> tuple[str, ...]:
    """Where to hear: what the source names, or else the usual host and the one that takes its place."""
    own, process = context.settings.get("url"), context.process
    if own:
        return (jetstream.address(str(own), "Jetstream host"),)
    first = jetstream.address(process.bluesky_jetstream_url, "BLUESKY_JETSTREAM_URL")
    second = jetstream.address(process.bluesky_second_url, "BLUESKY_SECOND_URL")
    return tuple(dict.fromkeys((first, second)))


def _login(context: Context, seconds: float) -> Login | None:
    """Who signs in, if somebody does."""
    handle, password = (str(context.settings.get(name) or "").strip() for name in ("handle", "app_password"))
    if not re.fullmatch(r"@?[\w.-]*|did:[\w:.%-]+", handle):
        raise BadInput(f"Handle: {handle!r} is none (acme.bsky.social)")
    if not re.fullmatch(r"[!-~]*", password):
        raise BadInput("App password: copy it whole, without spaces")
    if bool(handle) != bool(password):
        raise BadInput("Handle and app password: give both, or neither")
    if not handle:
        return None
    session = str(context.settings.get("session") or "")
    return Login(context.process.bluesky_api_url, handle.lstrip("@"), password, session, context.clock, seconds)


SOURCE = Bluesky
REPLIER = BlueskyReplier
