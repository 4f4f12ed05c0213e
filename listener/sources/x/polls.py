"""X read page by page: mentions timelines and searches, one after the other, and how far we are (the cursor).

Each poll has an id of its own from which it goes on, and that stays where it is through all pages of an answer: the
next one is the newest id of the first page, and counts once the last page is stored. A minute before it is asked for
again, since posts become findable some seconds late.

A search that X refuses does not stop the others: what it would have found is a gap, until X takes it.

A search goes back seven days. What lies between an older id and that is a gap; so is what exceeds the 800 posts that
a mentions timeline gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from core.errors import RetryLater
from core.types import Page, Span
from listener.sources.x.border import Refused
from listener.sources.x.posts import Heard, Reader, id_at, time_of

OVERLAP = timedelta(minutes=1)
FINDABLE = timedelta(minutes=1)
"""So old must a post be that a search is sure to find it."""
REACH = timedelta(days=6, hours=23)
"""How far a search goes back, less an hour for clocks that differ."""
STALE = timedelta(hours=3)
"""A round of polls that was left for longer is begun anew."""
QUIET = timedelta(hours=1)
"""So long before a poll that found nothing it goes on next time, at the latest."""
TIMELINE = 800
"""Posts that a mentions timeline gives at most."""

Collection = Literal["mentions", "posts"]
FIRST_LOOK: Mapping[Collection, timedelta] = {"mentions": timedelta(days=1), "posts": timedelta(hours=1)}
"""How far back a new poll begins: own mentions are cheap, and what was said last still wants an answer."""
ITEMS: Mapping[Collection, str] = {"mentions": "own_mention_read", "posts": "post_read"}
"""By what they are billed (listener/prices.py)."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One thing to ask for again and again. `ask` takes `token`, `since_id`, `start_time` and `end_time`."""

    key: str
    collection: Collection
    ask: Callable[..., Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Round:
    """Within a round over all polls: which one, and within its pages where. `began` is in seconds since 1970."""

    key: str
    began: float
    token: str | None = None
    newest: int = 0
    oldest: int = 0
    count: int = 0

    @property
    def time(self) -> datetime:
        """When it began."""
        return datetime.fromtimestamp(self.began, UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """How far X has been heard. `heard` is the stream's last sign of life, in seconds since 1970.

    `pages` counts those of the stream that held anything, so that each has a cursor of its own.
    """

    since: Mapping[str, int] = field(default_factory=dict)
    round: Round | None = None
    heard: float | None = None
    pages: int = 0
    accounts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> Place:
        """From a cursor; the beginning for None."""
        if cursor is None:
            return cls()
        held = json.loads(cursor)
        return cls(**held | {"round": Round(**held["round"]) if held["round"] else None})

    def text(self) -> str:
        """The cursor."""
        return json.dumps(asdict(self), sort_keys=True)


def page_of(heard: Heard, collection: Collection) -> Page:
    """What was read, without cursor."""
    spent = {ITEMS[collection]: heard.read, "user_read": heard.authors}
    return Page(
        mentions=tuple(heard.mentions.values()),
        edited=tuple(heard.edited.values()),
        reposts=heard.reposts,
        rejected=tuple(heard.rejected),
        events={collection: heard.posts},
        spent={item: units for item, units in spent.items() if units},
    )


def next_page(place: Place, polls: Sequence[Poll], reader: Reader, now: datetime) -> Page:
    """The next page of the round; the last one has no `more`, and has heard everything up to the round's beginning."""
    at, known = place.round, {poll.key: number for number, poll in enumerate(polls)}
    if at is None or at.key not in known or now - at.time > STALE:
        at = Round(polls[0].key, now.timestamp())
    poll = polls[known[at.key]]
    since = place.since.get(poll.key) or _where_others_are(place, poll)
    wanted, gap = _wanted(poll, since, at)
    try:
        answer = poll.ask(token=at.token, **wanted)
    except Refused as error:
        if poll.collection == "mentions":
            raise
        return _without(place, polls, at, since, str(error))
    page = page_of(reader.read([answer]), poll.collection)
    gaps = [gap] if gap and at.token is None else []
    at = _read_on(at, answer, page.events[poll.collection])
    if at.token is None:
        if since and poll.collection == "mentions" and at.count >= TIMELINE:
            gaps.append(
                Span(time_of(str(since)), time_of(str(at.oldest)), f"X gives the last {TIMELINE} mentions only")
            )
        place = replace(place, since={**place.since, poll.key: max(at.newest, since, id_at(at.time - QUIET))})
        place, began = _turned(place, polls, known[at.key] + 1, at), at.time
        more = place.round is not None
        return replace(page, cursor=place.text(), more=more, gaps=tuple(gaps), heard_to=None if more else began)
    return replace(page, cursor=replace(place, round=at).text(), more=True, gaps=tuple(gaps))


def _without(place: Place, polls: Sequence[Poll], at: Round, since: int, why: str) -> Page:
    """Go on with the next poll; the refused one stays where it is."""
    since = since or id_at(at.time - FIRST_LOOK["posts"])
    number = next(number for number, poll in enumerate(polls) if poll.key == at.key)
    place = _turned(replace(place, since={**place.since, at.key: since}), polls, number + 1, at)
    missed = Span(time_of(str(since)), at.time, why)
    return Page(cursor=place.text(), more=place.round is not None, gaps=(missed,), events={"posts": 0})


def gap_page(gap: Span, cursor: str | None, polls: Sequence[Poll], reader: Reader, now: datetime) -> Page:
    """Part of what was posted in a gap: one page of one poll. Raises RetryLater while its end cannot be found yet."""
    if gap.end > now - FINDABLE:
        raise RetryLater("X finds posts only after a while", (gap.end - now + FINDABLE).total_seconds())
    key, token = json.loads(cursor) if cursor else (polls[0].key, None)
    number = next((number for number, poll in enumerate(polls) if poll.key == key), 0)
    poll, oldest = polls[number], now - REACH
    start = max(gap.start, oldest) if poll.collection == "posts" else gap.start
    page, token = Page(), token if poll.key == key else None
    if start < gap.end:
        answer = poll.ask(token=token, start_time=start, end_time=gap.end)
        page, token = page_of(reader.read([answer]), poll.collection), _meta(answer).get("next_token")
    if token:
        return replace(page, cursor=json.dumps([poll.key, token]), more=True)
    if number + 1 < len(polls):
        return replace(page, cursor=json.dumps([polls[number + 1].key, None]), more=True)
    lost = Span(gap.start, min(oldest, gap.end), "X's search goes back seven days only")
    return replace(page, gaps=(lost,) if start > gap.start else ())


def _wanted(poll: Poll, since: int, at: Round) -> tuple[dict[str, Any], Span | None]:
    """From where on a poll has to be asked for, and what lies before that and can no longer be had."""
    if not since:
        return {"start_time": at.time - FIRST_LOOK[poll.collection]}, None
    oldest, last = at.time - REACH, time_of(str(since))
    if poll.collection == "posts" and last - OVERLAP < oldest:
        return {"start_time": oldest}, Span(last, oldest, "X's search goes back seven days only")
    return {"since_id": str(id_at(last - OVERLAP))}, None


def _where_others_are(place: Place, poll: Poll) -> int:
    """A search that is new, because queries have changed, goes on where the others are that it may replace."""
    others = [since for key, since in place.since.items() if key[0] == poll.key[0]]
    return min(others, default=0) if poll.collection == "posts" else 0


def _read_on(at: Round, answer: Mapping[str, Any], count: int) -> Round:
    meta = _meta(answer)
    newest, oldest = (int(meta[name]) if str(meta.get(name)).isdecimal() else 0 for name in ("newest_id", "oldest_id"))
    return replace(
        at,
        token=meta.get("next_token"),
        newest=max(at.newest, newest),
        oldest=oldest or at.oldest,
        count=at.count + count,
    )


def _meta(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = answer.get("meta")
    return meta if isinstance(meta, dict) else {}


def _turned(place: Place, polls: Sequence[Poll], number: int, at: Round) -> Place:
    """On to the next poll; after the last one, polls that are no longer there are forgotten."""
    if number < len(polls):
        return replace(place, round=Round(polls[number].key, at.began))
    keys, kinds = {poll.key for poll in polls}, {poll.key[0] for poll in polls}
    since = {key: value for key, value in place.since.items() if key in keys or key[0] not in kinds}
    return replace(place, since=since, round=None)
