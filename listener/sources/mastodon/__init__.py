"""Mastodon and what speaks its API: hashtags, public timelines, and mentions of an account, as one server sees them.

The timelines are the truth, read from the newest id that we know (`min_id`) to the end, however many pages that takes.
A server gives a post that reaches it late the id of when it was written, so it would never come after the newest: each
timeline is therefore read a second time, half an hour behind. With a token the server's stream is heard as well. It
brings posts within a second, and tells of edits and deletions; it replays nothing after a break, and need not, since
it is opened before the timelines are read, and what both bring is stored once.

Mastodon.py is not used for this: its types cost 15 ms a status, its stream returns in silence when the server closes
it, and each of its streams needs a thread of its own. All streams of a server go over one WebSocket instead.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from core.errors import BadInput, GiveUp, RetryLater
from core.types import Access, Counts, Mention, Page, Permission, Recount, Rejected
from listener import canary_post
from listener.source import Context, Field
from listener.sources.mastodon import statuses
from listener.sources.mastodon.reply import TEST_POST, MastodonReplier, may_reply
from listener.sources.mastodon.server import (
    NOTIFICATIONS,
    TOLD,
    NotThere,
    Params,
    Server,
    Timeline,
    address,
    id_at,
    is_time,
    name_of,
    timelines,
)

log = logging.getLogger(__name__)

POLL_SECONDS = 60.0
LIMIT = 40
"""Statuses of one answer: the most that a server gives."""
REQUESTS = 5
"""Answers of timelines that make a page."""
LATE = timedelta(minutes=30)
"""How far behind a timeline is read a second time, for posts that reached the server late."""
AGAIN_SECONDS = 600.0
PARENTS = 20
"""Statuses that can be asked for by id at once."""
KNOWN = 50_000
"""Ids that are kept in memory with their uris: the stream tells only the id of what was deleted."""
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)


@dataclass(slots=True)
class _Place:
    """How far we have heard: by timeline the newest id, and that of the second reading. `told`: see _News."""

    newest: dict[str, str] = field(default_factory=dict)
    again: dict[str, str] = field(default_factory=dict)
    told: int = 0

    @classmethod
    def read(cls, cursor: str | None) -> _Place:
        return cls(**json.loads(cursor)) if cursor else cls()

    def cursor(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(slots=True)
class _News:
    """What only the stream tells, and tells once: kept until the cursor shows that it was stored."""

    edited: dict[str, Mention] = field(default_factory=dict)
    deleted: dict[str, None] = field(default_factory=dict)
    told: int = 0

    def stored(self, place: _Place) -> None:
        """Let go of what a page with this place, now the database's, has told."""
        if place.told == self.told:
            self.edited.clear()
            self.deleted.clear()

    def tell(self, place: _Place) -> None:
        """Mark the place of the page that tells it."""
        if self.edited or self.deleted:
            place.told = self.told = place.told + 1


@dataclass(slots=True)
class _Heard:
    """A page while it is being heard: statuses from timelines and streams, edited ones and ids of deleted ones."""

    statuses: list[Mapping[str, Any]] = field(default_factory=list)
    edited: list[Mapping[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    rest_until: datetime | None = None
    ended: bool = False


class Mastodon:
    """One server's view of some timelines; with a token also what is put to its account."""

    kind: ClassVar[str] = "mastodon"
    title: ClassVar[str] = "Mastodon"
    about: ClassVar[str] = (
        "Hashtags and public timelines of one server, and mentions of your account there. Most servers need no key for "
        "hashtags; with one, posts come at once and deletions are noticed."
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "server",
            "Server",
            "A server sees what its people follow: choose a large one, or one where your customers are.",
            required=False,
            example="mastodon.social",
        ),
        Field(
            "timelines",
            "Timelines",
            "Hashtags (#acme), public (all that the server sees) or local (its own people), with spaces in between. "
            "Empty: public.",
            required=False,
            example="#acme #acmehelp",
        ),
        Field(
            "token",
            "Access token",
            "For mentions of your account, and to hear posts, edits and deletions as they happen.",
            required=False,
            secret=True,
        ),
        canary_post.field("https://mastodon.social/@acme/113524390483745123"),
    )
    steps: ClassVar[tuple[str, ...]] = (
        "Sign in to your server with the brand's account. (Leave these steps out if you want no token.)",
        "Open Preferences, then Development, then New application.",
        "Name it Ripplewatch, choose the scopes profile, read:notifications, read:search and read:statuses, and, to "
        "answer from here, write:statuses; submit.",
        "Open the application and copy “Your access token”.",
    )
    poll_seconds: ClassVar[float] = POLL_SECONDS
    silent_seconds: ClassVar[float | None] = None
    recheck_seconds: ClassVar[float] = 86_400
    recheck_ids: ClassVar[int] = 20
    recount_ids: ClassVar[int] = PARENTS
    recounted: ClassVar[frozenset[str]] = frozenset({"likes", "reposts", "replies"})
    reply: ClassVar[Permission] = Permission(
        "hand", "Replies to Mastodon need an access token: copy the text, open the post, and answer there."
    )
    may_reply = staticmethod(may_reply)

    def __init__(self, context: Context, *, request_seconds: float = 20, page_seconds: float = 1) -> None:
        """Raises BadInput for a wrong field. The seconds are how long an answer and an event are waited for."""
        self._context, self._page_seconds, clock = context, page_seconds, context.clock
        self._token = str(context.settings.get("token") or "")
        if not re.fullmatch(r"[!-~]*", self._token):
            raise BadInput("Access token: copy it whole, without spaces")
        canary_post.named(context.settings, TEST_POST)
        self._timelines = timelines(str(context.settings.get("timelines") or "public"))
        self._timelines += (NOTIFICATIONS,) if self._token else ()
        url = address(str(context.settings.get("server") or context.process.mastodon_url))
        self._server = Server(url, self._token, clock, request_seconds)
        self._round = deque[tuple[Timeline, bool]]()
        """The timelines still to be read, and whether for the second time."""
        self._round_began = clock.now()
        self._next_round = self._next_again = clock.monotonic()
        self._cursor: str | None = None
        self._news = _News()
        self._uris: dict[str, str] = {}
        self._gives_statuses = True

    def fetch(self, cursor: str | None) -> Page:
        """Some pages of the timelines, until they are at their end; then, with a token, what the stream brings."""
        place, heard = _Place.read(cursor), _Heard()
        self._news.stored(place)
        behind = cursor != self._cursor
        if behind:
            self._round.clear()
        late = self._context.clock.monotonic() >= self._next_round
        if behind or late or self._round or not self._server.streaming:
            self._read(place, heard)
        self._listen(heard, 0 if heard.events else self._page_seconds)
        return self._page(place, heard)

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def access(self) -> Access:
        """Whose token it is and whether it is good for mentions; without one, what is shown to everybody."""
        if not self._token:
            domain = self._server.get("/api/v2/instance").body.get("domain") or self._server.host
            return Access(
                f"nobody in particular, at {domain}",
                may=("read the timelines that the server shows to everybody",),
                may_not=("hear mentions of your account, edits and deletions: they need a token",),
            )
        account = self._server.get("/api/v1/accounts/verify_credentials").body
        may, may_not = ["read the timelines"], list[str]()
        try:
            self._server.get(NOTIFICATIONS.path, {"limit": "1"})
            may.append("hear mentions of this account")
        except GiveUp as error:
            may_not.append(f"hear mentions of this account (scope read:notifications): {error}")
        who = f"@{account['acct']}@{self._server.host}"
        return Access(who, tuple(may), tuple(may_not), longest=self._server.longest())

    def recheck(self, ids: Sequence[str]) -> Page:
        """Ask the server for each uri, of which it has a copy. It answers that only to whom has a token."""
        if not self._token:
            raise RetryLater("a Mastodon server is asked after single posts with a token only", self.recheck_seconds)
        gone, found = list[str](), list[Mapping[str, Any]]()
        for uri in (one for one in ids if re.fullmatch(r"https?://\S+", one)):  # an import may have called it anything
            asked = {"q": uri, "type": "statuses", "resolve": "true", "limit": "1"}
            answer = self._server.get("/api/v2/search", asked).body["statuses"]
            found += [statuses.original(one) for one in answer]
            gone += () if answer else (uri,)
        heard = _Heard()
        mentions = self._mentions(found, heard).values()
        return Page(edited=tuple(mentions), deleted=tuple(gone), rejected=tuple(heard.rejected))

    def recount(self, posts: Mapping[str, Mapping[str, object]]) -> Recount:
        """The counts as this server knows them, of the statuses that it gave us. Twice missing is deleted."""
        ids = {str(kept["id"]): uri for uri, kept in posts.items() if kept.get("server") == self._server.host}
        if not ids:
            return Recount()
        found = self._at_once(list(ids))
        alone = {one: self._alone(one) for one in ids if one not in found}
        counts = {ids[one]: Counts(*statuses.counts(said)) for one, said in (found | alone).items() if said}
        return Recount(counts, tuple(ids[one] for one, said in alone.items() if said is None))

    def _at_once(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The statuses that a server of Mastodon 4.3 or newer shows of these."""
        if not self._gives_statuses:
            return {}
        try:
            answer = self._server.get("/api/v1/statuses", {"id[]": list(ids)}).body
        except GiveUp:
            self._gives_statuses = False
            return {}
        return {str(one["id"]): one for one in answer if str(one["id"]) in ids}

    def _alone(self, status_id: str) -> Mapping[str, Any] | None:
        """One status; None where the server says that there is none, or that it is not for everybody any more."""
        try:
            found: Mapping[str, Any] = self._server.get(f"/api/v1/statuses/{quote(status_id, safe='')}").body
        except NotThere:
            return None
        return found

    def _read(self, place: _Place, heard: _Heard) -> None:
        """Ask for the next pages of this round of all timelines.

        A timeline that fails goes to the end of the line, and fails this page only if nothing else was heard.
        """
        if not self._round:
            self._begin()
        for _ in range(REQUESTS):
            if not self._round or heard.rest_until or self._context.stop.is_set():
                break
            timeline, again = self._round[0]
            try:
                done = self._behind(timeline, place, heard) if again else self._ahead(timeline, place, heard)
            except RetryLater:
                self._round.rotate(-1)
                if not heard.events:
                    raise
                break
            if done:
                self._round.popleft()
        heard.ended = not self._round

    def _begin(self) -> None:
        """A new round. The stream is opened first, so that nothing falls between it and the timelines."""
        if self._token:
            self._server.subscribe(timeline.stream for timeline in self._timelines)
        self._round_began, now = self._context.clock.now(), self._context.clock.monotonic()
        self._next_round = now + POLL_SECONDS
        self._round.extend((timeline, False) for timeline in self._timelines)
        if now >= self._next_again:
            self._next_again = now + AGAIN_SECONDS
            self._round.extend((timeline, True) for timeline in self._timelines if timeline is not NOTIFICATIONS)

    def _ahead(self, timeline: Timeline, place: _Place, heard: _Heard) -> bool:
        """What is newer than the newest that we know; whether that was all. The first time only the last page."""
        known = place.newest.get(timeline.name)
        newest, more = self._ask(timeline, {"min_id": known} if known else {}, heard, known or "0")
        place.newest[timeline.name] = newest
        if known is None:
            place.again[timeline.name] = newest
        return known is None or not more

    def _behind(self, timeline: Timeline, place: _Place, heard: _Heard) -> bool:
        """The second reading, up to half an hour ago; whether it has got there."""
        known, until = place.again.get(timeline.name, "0"), id_at(self._context.clock.now() - LATE)
        if not is_time(place.newest.get(timeline.name, "0")) or int(known) >= until:
            return True
        newest, more = self._ask(timeline, {"min_id": known, "max_id": str(until)}, heard, known)
        place.again[timeline.name] = newest if newest != known else str(until)
        return not more

    def _ask(self, timeline: Timeline, span: Params, heard: _Heard, known: str) -> tuple[str, bool]:
        """The newest id of one answer, and whether there may be more.

        An answer that is empty because all of it was filtered names an id all the same: the next round goes on there.
        """
        answer = self._server.get(timeline.path, {"limit": str(LIMIT), **timeline.params, **span})
        if not isinstance(answer.body, list):
            raise GiveUp(f"{self._server.host} answers in another form than Mastodon's: is this the right address?")
        heard.rest_until = answer.rest_until
        heard.events[timeline.name] += len(answer.body)
        ids = [known, answer.min_id or known]
        for item in answer.body:
            try:
                ids.append(str(item["id"]))
                heard.statuses.append(statuses.original(item["status"] if timeline is NOTIFICATIONS else item))
            except UNREADABLE as error:
                heard.rejected.append(Rejected(f"{timeline.name} {str(item)[:80]}", f"unreadable: {error!r}"))
        newest = max(ids, key=lambda one: (len(one), one))
        return newest, bool(answer.body) and newest != known

    def _listen(self, heard: _Heard, seconds: float) -> None:
        """What the stream brings in this time. Its end is no failure: the next round opens it anew."""
        for message in self._server.messages(seconds, self._context.stop):
            try:
                event = json.loads(message)
                if "error" in event:
                    log.warning("%s refuses a stream: %s", self._server.host, str(event["error"])[:200])
                else:
                    self._take(event["event"], event.get("payload"), event["stream"], heard)
            except UNREADABLE as error:
                heard.rejected.append(Rejected(f"event {message[:80]!r}", f"unreadable: {error!r}"))

    def _take(self, event: str, payload: Any, stream: Sequence[str], heard: _Heard) -> None:
        """One event. Of the account's own timeline only what is put to it, and what becomes of that."""
        own = stream[0] == NOTIFICATIONS.stream["stream"]
        if not own:
            heard.events[name_of(stream)] += 1
        match event:
            case "update" if not own:
                heard.statuses.append(statuses.original(json.loads(payload)))
            case "notification":
                heard.events[NOTIFICATIONS.name] += 1
                notification = json.loads(payload)
                if notification["type"] in TOLD:
                    heard.statuses.append(statuses.original(notification["status"]))
            case "status.update":
                heard.edited.append(statuses.original(json.loads(payload)))
            case "delete":
                heard.deleted.append(str(payload))

    def _page(self, place: _Place, heard: _Heard) -> Page:
        """Everything in its last version: what the stream told before, what the timelines say, what the stream says."""
        news = self._news
        mentions = self._mentions([one for one in heard.statuses if not one.get("edited_at")], heard)
        changed = self._mentions([one for one in heard.statuses if one.get("edited_at")], heard)
        told = self._mentions(heard.edited, heard)
        edited = news.edited | changed | told
        news.edited |= told
        news.deleted |= {uri: None for one in heard.deleted if (uri := self._uris.get(one))}
        news.tell(place)
        self._cursor = place.cursor()
        return Page(
            mentions=tuple(one for uri, one in mentions.items() if uri not in edited and uri not in news.deleted),
            cursor=self._cursor,
            more=bool(self._round) or self._server.streaming,
            deleted=tuple(news.deleted),
            edited=tuple(one for uri, one in edited.items() if uri not in news.deleted),
            rejected=tuple(heard.rejected),
            events=dict(heard.events),
            heard_to=self._round_began if heard.ended else None,
            rest_until=heard.rest_until,
        )

    def _mentions(self, found: Sequence[Mapping[str, Any]], heard: _Heard) -> dict[str, Mention]:
        """The statuses that are mentions, by native id. What cannot be read is noted, and the next is read."""
        self._learn(found)
        mentions, now = dict[str, Mention](), self._context.clock.now()
        for one in found:
            try:
                mention = statuses.mention(one, self._server.host, self._uris, now)
            except UNREADABLE as error:
                heard.rejected.append(Rejected(f"status {str(one.get('uri'))[:200]}", f"unreadable: {error!r}"))
                continue
            if mention:
                mentions[mention.native_id] = mention
        return mentions

    def _learn(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Remember the uris of these statuses, and look those of unknown parents up.

        A thread that stays torn is better than a page that is lost, so a failure is none.
        """
        self._uris |= {str(one["id"]): str(one["uri"]) for one in found if one.get("id") and one.get("uri")}
        parents = {str(one["in_reply_to_id"]) for one in found if one.get("in_reply_to_id")}
        missing = sorted(parents - self._uris.keys())
        for start in range(0, len(missing) if self._gives_statuses else 0, PARENTS):
            asked = missing[start : start + PARENTS]
            try:
                answer = self._server.get("/api/v1/statuses", {"id[]": asked}).body
                given = {str(one["id"]): str(one["uri"]) for one in answer}
            except GiveUp:  # a server older than Mastodon 4.3
                self._gives_statuses = False
                break
            except (RetryLater, *UNREADABLE):
                break
            self._uris |= dict.fromkeys(asked, "") | given
        for old in list(self._uris)[: max(0, len(self._uris) - KNOWN)]:
            del self._uris[old]


SOURCE = Mastodon
REPLIER = MastodonReplier
