"""YouTube, through its Data API v3 with a key: the comments under a channel's videos, or under single ones.

Threads come newest first and are walked back to what was heard before (listener/walk.py). A thread brings a few of its
replies along; when it has more, and their number or the ones shown have changed, they are asked for by their parent.
Threads do not move up when somebody replies, so every few hours a walk goes back a week for the sake of replies alone.

Each request costs a unit, of 10,000 a day (until midnight in California). Requests are spread over the day, so that
there are units left when something happens in the evening.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

import httpx2

from core.errors import BadInput, GiveUp, RetryLater
from core.tls import trusted
from core.types import Access, Page, Permission, Recount, Rejected
from listener import canary_post
from listener.http import retry_after
from listener.markup import plain_text
from listener.rounds import Heard, Refused, Rounds
from listener.source import Context, Field
from listener.sources.youtube.comments import COMMENT_ID, hear
from listener.sources.youtube.login import NAMES, Login
from listener.sources.youtube.quota import Quota, next_day
from listener.sources.youtube.reply import KEY_ONLY, TEST_POST, YouTubeReplier, may_reply
from listener.walk import Walk, Walks

PAGE = 100
"""Threads or replies that YouTube gives at a time."""
UNITS = 10_000
"""Units a day that a project has unless Google has granted more."""
SWEEP_EVERY = 21_600
SWEEP_BACK = 604_800
"""Every so many seconds a walk goes back so many, to find replies to older threads."""
MOST_THREADS = 50_000
"""Threads of which we remember what replies they had."""
MOST_RESTARTS = 3
"""How often a walk begins again because YouTube no longer knows where it was."""

_OF_CHANNEL = "allThreadsRelatedToChannelId"
_CHANNEL = re.compile(r"(?:(?:https?://)?(?:www\.|m\.)?youtube\.com/)?(?:channel/)?(UC[\w-]{22}|@[\w.·-]{3,30})/?")
_VIDEO = re.compile(
    r"(?:(?:https?://)?(?:www\.|m\.)?(?:youtube\.com/(?:watch\?v=|shorts/|live/)|youtu\.be/))?([\w-]{11})(?:[?&].*)?"
)
_CLOSED = frozenset({"commentsDisabled", "videoNotFound", "channelNotFound", "notFound", "forbidden"})
_SPENT = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_LATER = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "processingFailure", "backendError", "internalError"})


class _PageGone(Exception):
    """YouTube no longer knows a page's token."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """Threads of a channel or a video: what to ask for by which parameter. `place` may be a handle."""

    name: str
    parameter: str
    place: str


class YouTube:
    """Comments and replies under the videos of channels, and under single videos."""

    kind: ClassVar[str] = "youtube"
    title: ClassVar[str] = "YouTube"
    about: ClassVar[str] = (
        "Comments under the videos of channels, and under single videos. Needs a free key from Google."
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field("api_key", "API key", "Made in the Google Cloud console.", secret=True, example="AIza-and-so-on"),
        Field(
            "channels",
            "Channels",
            "Handles, ids or addresses, with commas between: your own, or others.",
            required=False,
            example="@acme, UC_x5XG1OV2P6uZZ5FSM9Ttw",
        ),
        Field(
            "videos",
            "Videos",
            "Ids or addresses of single videos, with commas between.",
            required=False,
            example="https://www.youtube.com/watch?v=F1UP7wRCPH8",
        ),
        Field(
            "units",
            "Units a day",
            f"What Google has granted your project; {UNITS:,} if you never asked for more.",
            required=False,
            example=str(UNITS),
        ),
        Field(
            "oauth_client_id",
            "OAuth client id",
            "To answer as your channel: of an OAuth client of your project. Otherwise replies go out by hand.",
            required=False,
        ),
        Field("oauth_client_secret", "OAuth client secret", "Of the same client.", required=False, secret=True),
        Field(
            "refresh_token",
            "Refresh token",
            "That your channel gave the client, with the scope youtube.force-ssl.",
            required=False,
            secret=True,
        ),
        canary_post.field("https://www.youtube.com/watch?v=F1UP7wRCPH8&lc=UgzDE9tasmRZ0f6LqMR4AaABAg"),
    )
    steps: ClassVar[tuple[str, ...]] = (
        "Open https://console.cloud.google.com and create a project, or choose one.",
        "Under “APIs & Services”, “Library”, look for “YouTube Data API v3” and choose “Enable”.",
        "Under “APIs & Services”, “Credentials”, choose “Create credentials”, “API key”, and restrict it to that API.",
        "Copy the key into this form.",
        "To answer from here: make an OAuth client there as well, of the kind “Desktop app”, and let the owner of "
        "your channel sign in to it with the scope youtube.force-ssl, for a refresh token.",
    )
    poll_seconds: ClassVar[float] = 60
    silent_seconds: ClassVar[float | None] = None
    reply: ClassVar[Permission] = Permission("hand", "Copy the text, open the comment on YouTube, and answer there.")
    may_reply = staticmethod(may_reply)
    recheck_seconds: ClassVar[float] = 64_800
    recheck_ids: ClassVar[int] = 50
    recount_ids: ClassVar[int] = 50
    recounted: ClassVar[frozenset[str]] = frozenset({"likes", "replies"})
    parent_ids: ClassVar[int] = 50
    patience: ClassVar[float] = 20
    """Seconds that any one answer may take to begin, or to go on."""

    def __init__(self, context: Context) -> None:
        """Raises BadInput for what cannot be a channel, a video or a number of units, or when there is neither."""
        self._context = context
        canary_post.named(context.settings, TEST_POST)
        self._key, self._listings, units = _checked(context.settings)
        self._quota = Quota(context.clock, units)
        self._rounds = Rounds(context, list(self._listings), self._quota.rest_until)
        self._ids: dict[str, str] = {}
        self._replies: dict[str, str] = {}
        self._stored_replies: dict[str, str] = {}
        self._asked: str | None = None
        self._gave: str | None = None
        self._http = httpx2.Client(
            verify=trusted(), timeout=httpx2.Timeout(self.patience), headers={"User-Agent": "ripplewatch"}
        )

    def fetch(self, cursor: str | None) -> Page:
        """One round through all channels and videos, or as much of it as makes a page."""
        if cursor == self._gave:  # what was heard last has been stored
            self._stored_replies = self._replies
        elif cursor != self._asked:
            self._stored_replies = {}
        self._replies, self._asked, self._gave = dict(self._stored_replies), cursor, ""
        page = self._rounds.hear(cursor, self._listen)
        self._gave = page.cursor
        return replace(page, spent=self._spent())

    def access(self) -> Access:
        """That the key works, and for what; a key has no account of its own."""
        listing = next(iter(self._listings.values()))
        which = _which(listing.place) if listing.parameter != "videoId" else {"id": listing.place}
        found = self._get("videos" if listing.parameter == "videoId" else "channels", {"part": "snippet"} | which)
        if not found["items"]:
            raise GiveUp(f"YouTube knows no {listing.name}")
        if not self._context.settings.get("refresh_token"):
            return Access(KEY_ONLY, ("read public comments",), ("answer, or see held comments",))
        login = Login(self._context, self.patience)
        try:
            may = ("read public comments", "answer as this channel")
            return Access(login.channel()[1], may, expires_at=login.ends)
        finally:
            login.http.close()

    def recheck(self, ids: Sequence[str]) -> Page:
        """Which are gone, and which were edited."""
        heard = self._as_they_are([one for one in ids if COMMENT_ID.fullmatch(one)])
        heard.mentions.clear()
        return heard.page(rest_until=self._quota.rest_until(), spent=self._spent())

    def recount(self, posts: Mapping[str, Mapping[str, object]]) -> Recount:
        """Likes and, of what begins a thread, the number of replies."""
        if rest := self._quota.rest_until():
            return Recount(rest_until=rest)
        heard = self._as_they_are([one for one in posts if COMMENT_ID.fullmatch(one)])
        self._count_replies([one for one in heard.mentions | heard.edited if "." not in one], heard)
        return heard.recount(rest_until=self._quota.rest_until(), spent=self._spent())

    def parents(self, ids: Sequence[str]) -> Page:
        """The comments that these ids name, as far as they are still there."""
        heard = Heard()
        self._look_at([one for one in ids if COMMENT_ID.fullmatch(one)], heard)
        found = tuple((heard.mentions | heard.edited).values())
        return Page(found, rest_until=self._quota.rest_until(), spent=self._spent())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _listen(self, name: str, at: Walks, heard: Heard) -> bool:
        """Take one page of threads or of replies; whether the walk is over."""
        now, begins = self._context.clock.now().timestamp(), name not in at.walks
        walk = at.walks[name] = at.walk(name, now)
        swept = at.notes.setdefault(name, {"swept": now})["swept"]
        if begins and now - swept > SWEEP_EVERY:
            walk.until = now - SWEEP_BACK
        try:
            if walk.branches:
                self._hear_replies(walk, heard)
            else:
                self._hear_threads(name, walk, at, heard)
        except _PageGone:
            _begin_again(walk)
        if walk.branches or not walk.ended:
            return False
        missed = at.finish(name, walk, PAGE, f"{name}: YouTube lists only the newest {walk.seen:,} threads")
        heard.gaps += [missed] if missed else []
        at.notes[name] = {"swept": walk.begun if walk.until else swept, "replies": walk.digest}
        return not walk.is_old(now)

    def _hear_threads(self, name: str, walk: Walk, at: Walks, heard: Heard) -> None:
        """Take a page of threads."""
        listing = self._listings[name]
        asked = {
            "part": "snippet,replies",
            "order": "time",
            "textFormat": "plainText",
            "maxResults": str(PAGE),
            listing.parameter: self._id_of(listing.place),
        }
        body = self._get("commentThreads", asked | ({"pageToken": walk.anchor} if walk.anchor else {}))
        threads, token = body["items"], str(body.get("nextPageToken") or "")
        if at.again(name, walk, empty=not threads and bool(token or walk.anchor)):
            return
        mark = self._rounds.since(name, at)
        for thread in {json.dumps(thread, sort_keys=True): thread for thread in threads}.values():
            self._take(thread, listing, walk, mark, heard)
        at.goes_on(name, walk, [token] if token else [])

    def _take(self, thread: Any, listing: _Listing, walk: Walk, mark: float, heard: Heard) -> None:
        """Hear a thread with the replies that it brings along, and note whether it has more."""
        heard.items += 1
        try:
            said, shown = thread["snippet"], (thread.get("replies") or {}).get("comments") or []
            total, video = int(said.get("totalReplyCount") or 0), str(said.get("videoId") or "")
            created = hear(said["topLevelComment"], heard, video, total)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            heard.rejected.append(Rejected(f"{listing.name}: {str(thread)[:80]}", f"unreadable: {error!r}"))
            return
        if created is not None:
            walk.take(created, created < mark, self._context.clock.now().timestamp())
            if created > mark:
                heard.count(listing.name)
        for reply in shown:
            hear(reply, heard, video)
        if total > len(shown):
            self._note_replies(str(thread["id"]), f"{total} {json.dumps(shown, sort_keys=True)}", video, walk)

    def _note_replies(self, thread: str, found: str, video: str, walk: Walk) -> None:
        """Let the replies of a thread be asked for, if they are not what they were."""
        sign = f"{zlib.crc32(found.encode()):x}"
        walk.digest ^= zlib.crc32(f"{thread} {sign}".encode())
        if self._replies.pop(thread, None) != sign:
            walk.branches.append([thread, "", video])
        self._replies[thread] = sign
        if len(self._replies) > MOST_THREADS:
            self._replies.pop(next(iter(self._replies)))

    def _hear_replies(self, walk: Walk, heard: Heard) -> None:
        """Take a page of the replies to a thread."""
        thread, at, video = walk.branches[0]
        asked = {"part": "snippet", "parentId": thread, "textFormat": "plainText", "maxResults": str(PAGE)}
        try:
            body = self._get("comments", asked | ({"pageToken": at} if at else {}))
        except Refused:  # the thread has gone meanwhile
            body = {"items": []}
            walk.empty = True
        walk.empty = not body["items"] and not walk.empty
        if not walk.empty:  # else asked for once more
            token = str(body.get("nextPageToken") or "")
            walk.branches[:1] = [[thread, token, video]] if token and token != at else []
        for reply in body["items"]:
            heard.items += 1
            hear(reply, heard, video)

    def _as_they_are(self, asked: Sequence[str]) -> Heard:
        """How these read now, and which are gone. Twice missing is deleted."""
        heard = Heard()
        missing = self._look_at(asked, heard)
        if len(missing) == len(asked) > 1:
            raise RetryLater(f"YouTube says nothing of {len(asked)} comments that it had")
        heard.deleted |= dict.fromkeys(self._look_at(missing, heard))
        return heard

    def _count_replies(self, threads: Sequence[str], heard: Heard) -> None:
        """Hear the first comments of these threads again, with how many replies they have."""
        if not threads:
            return
        asked = {"part": "snippet", "id": ",".join(threads), "textFormat": "plainText", "maxResults": str(PAGE)}
        for thread in self._get("commentThreads", asked)["items"]:
            try:
                said = thread["snippet"]
                hear(said["topLevelComment"], heard, replies=int(said.get("totalReplyCount") or 0))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                heard.rejected.append(Rejected(str(thread)[:80], f"unreadable: {error!r}"))

    def _look_at(self, ids: Sequence[str], heard: Heard) -> list[str]:
        """Hear how these read now; those that YouTube says nothing of."""
        if not ids:
            return []
        body = self._get("comments", {"part": "snippet", "id": ",".join(ids), "textFormat": "plainText"})
        found = {str(one.get("id")): one for one in body["items"] if isinstance(one, dict)}
        for name in ids:
            if name in found:
                hear(found[name], heard)
        return [name for name in ids if name not in found]

    def _id_of(self, place: str) -> str:
        """The id of a channel or video; a handle is looked up once."""
        if not place.startswith("@"):
            return place
        if place not in self._ids:
            found = self._get("channels", {"part": "id"} | _which(place))["items"]
            if not found:
                raise Refused(f"YouTube knows no channel {place}")
            self._ids[place] = str(found[0]["id"])
        return self._ids[place]

    def _spent(self) -> dict[str, int]:
        """The units used since somebody was last told."""
        spent, self._quota.spent = self._quota.spent, 0
        return {"unit": spent} if spent else {}

    def _get(self, resource: str, asked: Mapping[str, str]) -> dict[str, Any]:
        """What YouTube answers, which has `items`. One request."""
        self._quota.spend()
        url = f"{self._context.process.youtube_api_url}/{resource}"
        try:
            response = self._http.get(url, params=dict(asked), headers={"X-Goog-Api-Key": self._key})
        except httpx2.HTTPError as error:
            raise RetryLater(f"YouTube cannot be reached: {error or type(error).__name__}") from error
        if response.status_code >= 400:
            _refuse(response, self._context.clock.now())
        try:
            body = response.json()
        except ValueError as error:
            raise RetryLater(f"YouTube answered something that is not JSON: {error}") from error
        if not isinstance(body, dict) or not isinstance(body.setdefault("items", []), list):
            raise RetryLater(f"YouTube answered something that is no list: {str(body)[:80]}")
        return body


def _begin_again(walk: Walk) -> None:
    """From the newest thread, or the first reply: what comes twice is stored once."""
    walk.restarts += 1
    if walk.branches:
        walk.branches[0][1] = ""
    else:
        walk.anchors, walk.known = [], 0
    if walk.restarts > MOST_RESTARTS:
        walk.restarts = 0
        raise RetryLater("YouTube gives tokens for pages that it does not know")


def _refuse(response: httpx2.Response, now: datetime) -> None:
    """Raise what an answer means that is no success, in YouTube's words."""
    status = response.status_code
    try:
        error = response.json()["error"]
        reason, message = str((error.get("errors") or [{}])[0].get("reason") or ""), str(error.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        reason, message = "", response.text
    words = " ".join(plain_text(message).split())[:200] or response.reason_phrase
    said = f"YouTube answered {status}: {words}{f' ({reason})' if reason else ''}"
    if reason == "invalidPageToken":
        raise _PageGone(said)
    if reason in _SPENT:
        raise RetryLater(said, (next_day(now) - now).total_seconds())
    if reason in _LATER or status in (408, 425, 429) or status >= 500:
        raise RetryLater(said, retry_after(response.headers, now))
    if reason in _CLOSED or status == 404:
        raise Refused(said)
    raise GiveUp(f"{said}: look at the key, and at what it is restricted to, in the Google Cloud console")


def _which(place: str) -> dict[str, str]:
    """The parameter by which a channel is looked up."""
    return {"forHandle": place} if place.startswith("@") else {"id": place}


def _checked(settings: Mapping[str, object]) -> tuple[str, dict[str, _Listing], int]:
    """The key, the listings and the units a day. Raises BadInput that says what cannot be."""
    given = {one.name: str(settings.get(one.name) or "").strip() for one in YouTube.fields}
    for one in YouTube.fields:
        if one.name in NAMES and not re.fullmatch(r"[!-~]*", given[one.name]):
            raise BadInput(f"{one.label}: copy it whole, without spaces")
    if any(given[name] for name in NAMES) and not all(given[name] for name in NAMES):
        raise BadInput("Refresh token: it needs the client's id and secret as well, and they need it")
    key, units = given["api_key"], given["units"].replace(",", "") or str(UNITS)
    if not key or not key.isascii() or not key.isprintable():
        raise BadInput("API key: the text that begins with AIza")
    if not units.isdecimal() or not 100 <= int(units) <= 10**9:
        raise BadInput(f"Units a day: {given['units']!r} is no number of 100 or more")
    listings = [
        *_named(
            given["channels"], _CHANNEL, "Channels", lambda place: _Listing(f"channel {place}", _OF_CHANNEL, place)
        ),
        *_named(given["videos"], _VIDEO, "Videos", lambda place: _Listing(f"video {place}", "videoId", place)),
    ]
    if not listings:
        raise BadInput("Channels: name one, or a video")
    return key, {one.name: one for one in listings}, int(units)


def _named(given: str, pattern: re.Pattern[str], label: str, made: Callable[[str], _Listing]) -> Iterator[_Listing]:
    for written in re.split(r"[,;\s]+", given.strip(",; ")):
        found = pattern.fullmatch(written)
        if written and not found:
            raise BadInput(f"{label}: {written!r} is not one that YouTube could know")
        if found:
            yield made(found[1])


SOURCE = YouTube
REPLIER = YouTubeReplier
