"""Values that cross a border with the outside: what sources give, models say and repliers return.

All are frozen. Ids from platforms are text, always. Times are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

SENTIMENTS = ("negative", "neutral", "positive")
Sentiment = Literal["negative", "neutral", "positive"]
Kind = Literal["post", "reply", "quote", "comment", "review", "email"]
How = Literal["api", "hand", "no"]

EMOTIONS = ("anger", "joy", "optimism", "sadness")

UNSUPPORTED = "unsupported"
"""The sentiment label of a text in a language that the model does not judge."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a mention, as the platform names them. `native_id` never changes, `handle` may."""

    native_id: str
    handle: str
    name: str = ""
    followers: int | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """One public item by one author, as a source heard it, before anything of ours is added.

    `reply_to` is the native id of the parent, `conversation` that of the thread's first item. `lang` is
    what the platform or the author declares (BCP 47), not what we think. `extra` keeps fields that we do
    not know yet; it is JSON-serialisable.
    """

    platform: str
    native_id: str
    author: Author
    text: str
    created_at: datetime
    url: str | None = None
    kind: Kind = "post"
    reply_to: str | None = None
    conversation: str | None = None
    lang: str | None = None
    likes: int = 0
    reposts: int = 0
    replies: int = 0
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time in which a source may have missed something, and why."""

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """An item that could not be read. `where` is what a person can look up: a file and line, a URL, an id."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a source: what it heard, and the cursor from which to go on once all of it is stored.

    `more` asks to be called again at once. `deleted` are native ids that the platform says are gone, the first of
    them since `deleted_since` at the earliest (None: just now);
    `edited` are mentions whose text replaces what we hold; one that we do not hold is heard as new. `reposts`
    counts new reposts and quotes per native id. `gaps` are spans that this fetch could not cover and the cursor
    never will.

    `events` counts what came per collection ("posts", "notifications" ...), wanted or not, so that a collection
    that falls silent is noticed. `heard_to` is the time on the platform's clock up to which everything has been heard;
    None stands for now, once there is no `more`. `spent` are paid units by item of listener/prices.py.
    `rest_until`: the platform wants no request before then. `credentials` are secret settings that the platform has
    renewed; they replace those that we hold.
    """

    mentions: tuple[Mention, ...] = ()
    cursor: str | None = None
    more: bool = False
    deleted: tuple[str, ...] = ()
    deleted_since: datetime | None = None
    deleted_authors: tuple[str, ...] = ()
    edited: tuple[Mention, ...] = ()
    reposts: Mapping[str, int] = field(default_factory=dict)
    rejected: tuple[Rejected, ...] = ()
    gaps: tuple[Span, ...] = ()
    events: Mapping[str, int] = field(default_factory=dict)
    heard_to: datetime | None = None
    spent: Mapping[str, int] = field(default_factory=dict)
    rest_until: datetime | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Counts:
    """How often a mention had been liked, passed on (reposts and quotes) and answered at one moment."""

    likes: int = 0
    reposts: int = 0
    replies: int = 0


@dataclass(frozen=True, slots=True)
class Recount:
    """What a platform says of mentions when it is asked for their counts alone.

    `counts` are by native id; whoever is missing there and in `deleted` nothing is known of just now. `spent`,
    `rest_until` and `credentials` are as in Page.
    """

    counts: Mapping[str, Counts] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    spent: Mapping[str, int] = field(default_factory=dict)
    rest_until: datetime | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """What a platform says of our credentials: who we are there, what we may and may not do, and until when.

    `credentials` are secret settings that it has renewed because we asked; they replace those that we hold. `longest`
    is how many characters a reply may have there, where its servers differ in that.
    """

    account: str
    may: tuple[str, ...] = ()
    may_not: tuple[str, ...] = ()
    expires_at: datetime | None = None
    longest: int | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one model version thinks of one text. Scores are probabilities in 0..1.

    `sentiment` is one of SENTIMENTS, or UNSUPPORTED (then `scores` is empty and `complaint` None).
    `complaint` None means unsure. Heads that the model does not have are None or empty.
    """

    model: str
    language: str
    sentiment: str
    scores: Mapping[str, float]
    complaint: bool | None
    complaint_score: float | None
    emotion: str | None = None
    emotions: Mapping[str, float] = field(default_factory=dict)
    irony: float | None = None
    offensive: float | None = None
    intent: str | None = None
    intents: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """May we reply to this mention here: by API, by hand or not at all, and why, in words for an agent."""

    how: How
    why: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A suggested reply, where it came from, and why it was suggested. Nothing of it is sent unapproved."""

    text: str
    origin: Literal["playbook", "past", "person", "writer"]
    why: str
    playbook_id: int | None = None
    score: float | None = None
    unresolved: tuple[str, ...] = ()
    reply_id: int | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One approved reply on its way out: exactly `text`, as `account`, under `mention_id` on `platform`.

    `key` is ours and unique for ever; repliers hand it to platforms that recognise a repeated request. `author_id`
    and `author_handle` are whom it answers, `mention_at` is when they wrote, and `reply_to`, `conversation` and `extra`
    are the mention's own. `dated` is when it was to go out, the same however often that is tried; `began_at` is when we
    began to send it this time.
    """

    key: str
    platform: str
    mention_id: str
    mention_url: str | None
    text: str
    account: str
    approved_by: str
    author_id: str = ""
    author_handle: str = ""
    mention_at: datetime | None = None
    reply_to: str | None = None
    conversation: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    dated: datetime | None = None
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a platform said when it accepted a reply."""

    native_id: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What a replier has used and been given since it was last asked.

    `spent` are paid units by item of listener/prices.py; `credentials` are secret settings that the platform has
    renewed, which replace those that we hold.
    """

    spent: Mapping[str, int] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
