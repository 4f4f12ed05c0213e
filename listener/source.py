"""What a platform's file must offer, and how it is found.

A file `listener/sources/KIND.py` sets `SOURCE` to a class that keeps to `Source` and, where replies can go out by
API, `REPLIER` to one that keeps to `Replier`. Nothing else in the project names a platform's SDK or wire format.

Both raise RetryLater, GiveUp or Unsure (core/errors.py) with the platform's own words; a source that meets single
bad items reports them in `Page.rejected` and goes on.

What not every platform can do, a source offers by having the method: `access` (Knows), `fetch_gap` (Refetches),
`recheck` (Rechecks), `recount` (Recounts), `parents` (FindsParents), `authors` (NamesAuthors), `send_canary`
(SendsCanary), `may_reply` (DecidesReplies); and a replier `redact` (Redacts), `used` (Uses), `addressed` (Addresses),
`take_back` (PublishesCanary).
"""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import ClassVar, Protocol, cast, runtime_checkable

from core.clock import Clock
from core.errors import BadInput
from core.settings import Settings
from core.types import Access, Author, Mention, Outgoing, Page, Permission, Receipt, Recount, Span, Used


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to ask a person when they set a source up. `name` is the key in the source's settings."""

    name: str
    label: str
    help: str
    required: bool = True
    secret: bool = False
    example: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One active query of a brand, for platforms that take queries of their own: they are asked for less, not more.

    `lists` are the brand's, by name, which the query may mention.
    """

    brand: str
    text: str
    competitor: bool = False
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a source is made with: its own `settings`, secret ones among them, and what the process gives to all.

    `terms` are words of which every wanted mention contains at least one (from the brands' queries; empty when
    there is no query with words), for platforms that must be asked for words; `queries` are those queries whole.
    `mentions_only`: the month's money runs short, so hear only what is put to our own accounts. `stop` is set when
    the process ends: waits must heed it. `source_id` is the row's id; None while somebody is still setting it up.
    `account` is whom its credentials stand for, as the platform said when it was last asked (Knows).
    """

    settings: Mapping[str, object] = field(repr=False)
    process: Settings
    clock: Clock
    terms: tuple[str, ...] = ()
    stop: threading.Event = field(default_factory=threading.Event)
    queries: tuple[Wanted, ...] = ()
    mentions_only: bool = False
    source_id: int | None = None
    account: str | None = None


class Source(Protocol):
    """Hears one configured place. One instance lives as long as the supervised loop keeps it."""

    kind: ClassVar[str]
    """The file's name; also the platform of its mentions, unless the items themselves say otherwise."""
    title: ClassVar[str]
    """What people call the platform."""
    about: ClassVar[str]
    """One sentence for the set-up page: what is heard, and what it needs."""
    fields: ClassVar[tuple[Field, ...]]
    """What to ask for; `secret` ones are encrypted at rest."""
    steps: ClassVar[tuple[str, ...]]
    """What to do on the platform's side first, one click after the other; () where nothing is needed."""
    poll_seconds: ClassVar[float]
    """Seconds between fetches that had nothing `more` to give; 0 for a stream that waits by itself."""
    silent_seconds: ClassVar[float | None]
    """After this long without any event of a collection something is wrong (watchdog); None where silence is normal."""
    reply: ClassVar[Permission]
    """Whether and how a mention that was heard here may be answered; DecidesReplies knows better."""

    def __init__(self, context: Context) -> None:
        """Check the settings; raise BadInput that names the field. Opens nothing yet."""
        ...

    def fetch(self, cursor: str | None) -> Page:
        """What came after `cursor` (None: from the beginning), at most some hundreds of items.

        `cursor` is what was last stored, so after a failed commit it is older than what this instance last gave:
        go back to it. A repeated item does no harm. Deadlines on every socket.
        """
        ...

    def close(self) -> None:
        """Let go of sockets. May be called twice, and from another thread."""
        ...


@runtime_checkable
class Knows(Protocol):
    """A source that can say who we are: what the button "Test connection" asks."""

    def access(self) -> Access:
        """One request that changes nothing. Raises GiveUp or RetryLater in the platform's words."""
        ...


@runtime_checkable
class Refetches(Protocol):
    """A source that can ask for a span of the past, to close a gap that its cursor cannot."""

    def fetch_gap(self, gap: Span, cursor: str | None) -> Page:
        """Part of what was posted in `gap`; `cursor` is that of the part before (None: there was none).

        The last part has no `more`. What can no longer be had is in `Page.gaps` again.
        """
        ...


@runtime_checkable
class Rechecks(Protocol):
    """A source on a platform that does not tell of deletions: it has to be asked for what we hold."""

    recheck_seconds: ClassVar[float]
    """How old the last look at a mention may become."""
    recheck_ids: ClassVar[int]
    """How many mentions are asked for at a time."""

    def recheck(self, ids: Sequence[str]) -> Page:
        """Which of these native ids are `deleted`, and which `edited` (as they read now). No cursor."""
        ...


@runtime_checkable
class Recounts(Protocol):
    """A source that can be asked how often mentions have been liked, passed on and answered by now."""

    recount_ids: ClassVar[int]
    """How many mentions are asked for at a time."""
    recounted: ClassVar[frozenset[str]]
    """Which of likes, reposts and replies the platform tells."""

    def recount(self, posts: Mapping[str, Mapping[str, object]]) -> Recount:
        """The counts of the posts with these native ids now; each comes with what `Mention.extra` keeps of it.

        Raises GiveUp and RetryLater in the platform's words: that costs a later reading and nothing else. Deadlines on
        every socket. Used by another process than the one that fetches.
        """
        ...


@runtime_checkable
class SendsCanary(Protocol):
    """A source through which we can send ourselves a message, to prove that it is heard (listener/canary.py)."""

    def can_send_canary(self) -> bool:
        """Whether its settings allow it. Asks nobody."""
        ...

    def send_canary(self, token: str) -> None:
        """Send a message that is heard here as a mention with the text `token`. Deadlines on every socket.

        Raises GiveUp or RetryLater in the platform's words; nobody tries again before the next canary.
        """
        ...


@runtime_checkable
class FindsParents(Protocol):
    """A source that can be asked for the posts that mentions answer, so that people see what it is about."""

    parent_ids: ClassVar[int]
    """How many are asked for at a time."""

    def parents(self, ids: Sequence[str]) -> Page:
        """The posts with these native ids, as `mentions`. Those that are gone are left out. No cursor."""
        ...


@runtime_checkable
class NamesAuthors(Protocol):
    """A source whose stream tells only ids of authors, and that can be asked for their names (listener/names.py)."""

    kind: ClassVar[str]
    author_ids: ClassVar[int]
    """How many are asked for at a time."""

    def authors(self, ids: Sequence[str]) -> Mapping[str, Author]:
        """The authors with these native ids, by id. Those of whom nothing is said are left out."""
        ...


@runtime_checkable
class SignsIn(Protocol):
    """A kind for which a person can sign in on the platform's own page, instead of copying a key."""

    @staticmethod
    def sign_in_address(settings: Mapping[str, object], process: Settings, state: str, back: str) -> str:
        """The platform's page, from which the person comes `back` with the `state` and a code."""
        ...

    @staticmethod
    def redeem(
        settings: Mapping[str, object], process: Settings, clock: Clock, code: str, back: str
    ) -> Mapping[str, str]:
        """The secret settings that the code stands for. Raises GiveUp and RetryLater in the platform's words."""
        ...


@dataclass(frozen=True, slots=True)
class Asking:
    """May we answer this mention through this source? All that a platform's rules go by.

    `settings` and `account` are the source's own, as in Context. `own` are our accounts on that platform, as handles
    and ids, folded. `answered`: we have answered its author, who has not said anything since. `declined`: they have
    told us to stop.
    """

    mention: Mention
    settings: Mapping[str, object] = field(repr=False)
    account: str | None = None
    own: frozenset[str] = frozenset()
    answered: bool = False
    declined: bool = False

    def has(self, *names: str) -> bool:
        """Whether all these settings are given."""
        return all(str(self.settings.get(name) or "").strip() for name in names)


@runtime_checkable
class DecidesReplies(Protocol):
    """A source whose platform allows some mentions to be answered and others not, or only with some settings."""

    @staticmethod
    def may_reply(asking: Asking) -> Permission:
        """Whether and how, with the reason and what would change it. A pure function."""
        ...


class Replier(Protocol):
    """Publishes approved replies through one source. May be used by several threads, one after the other."""

    kind: ClassVar[str]
    max_length: ClassVar[int | None]
    """Characters (user-perceived) that the platform takes; None where there is no limit."""

    def __init__(self, context: Context) -> None:
        """Check the source's settings; raise BadInput that names the field. Opens nothing yet."""
        ...

    def account(self) -> str:
        """As whom replies go out, in words for the person who approves. Asks nobody; GiveUp where nobody knows."""
        ...

    def send(self, reply: Outgoing) -> Receipt:
        """Publish exactly once, with a deadline on every socket and never a second try by itself.

        RetryLater and GiveUp mean that nothing was published; Unsure, that it may have been.
        """
        ...

    def find(self, reply: Outgoing) -> Receipt | None:
        """Read back whether this reply is there; None if it certainly is not.

        RetryLater: ask again then, it is too soon to tell. Unsure: the platform cannot tell. Publishes nothing.
        """
        ...

    def close(self) -> None:
        """Let go of sockets. May be called twice."""
        ...


@runtime_checkable
class Uses(Protocol):
    """A replier that spends paid units, or whose credentials the platform renews."""

    def used(self) -> Used:
        """What it has used since this was last asked. Asks nobody."""
        ...


@dataclass(frozen=True, slots=True)
class CanaryReply:
    """A reply to publish under a post of our own: what the platform calls the post, what it says, and whom it names."""

    post: str
    text: str
    handle: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)


@runtime_checkable
class PublishesCanary(Protocol):
    """A replier that can publish a test reply under a post of ours, and delete it (listener/canary_post.py)."""

    def canary_reply(self, token: str) -> CanaryReply:
        """The reply that carries the token, under the post that the setting `canary` names. GiveUp if that cannot be.

        Asks at most who we are.
        """
        ...

    def take_back(self, native_id: str) -> None:
        """Delete what was published. That it is gone already is no error.

        RetryLater, Unsure: ask again later. GiveUp: it stays there, until a person deletes it.
        """
        ...


@runtime_checkable
class Addresses(Protocol):
    """A replier on a platform where the text itself has to name whom it answers."""

    @staticmethod
    def addressed(text: str, handle: str) -> str:
        """The text as it has to read to reach them; unchanged where it does."""
        ...


@runtime_checkable
class Redacts(Protocol):
    """A replier that keeps a copy of what it published in a place of ours, from which words can be taken back."""

    def redact(self, key: str, text: str) -> None:
        """Let the copy of the reply with this key say `text` and lead nowhere. No copy is no error."""
        ...


def kinds() -> list[str]:
    """Names of all kinds of source, as the files are named."""
    return list(_kinds())


@cache  # looked up for every source wherever a case is shown
def _kinds() -> tuple[str, ...]:
    sources = importlib.import_module("listener.sources")
    return tuple(sorted(module.name for module in pkgutil.iter_modules(sources.__path__)))


def load(kind: str) -> type[Source]:
    """The class that hears `kind`; BadInput with the known kinds if there is none."""
    return cast("type[Source]", _module(kind).SOURCE)


def load_replier(kind: str) -> type[Replier] | None:
    """The class that replies where `kind` hears; None where only a person can."""
    return cast("type[Replier] | None", getattr(_module(kind), "REPLIER", None))


def recounted(kind: str) -> frozenset[str]:
    """Which of likes, reposts and replies can be asked for again where `kind` hears (Recounts); often none."""
    found: frozenset[str] = getattr(_module(kind).SOURCE, "recounted", frozenset())
    return found


def _module(kind: str) -> ModuleType:
    if kind not in kinds():
        raise BadInput(f"no source of kind {kind!r}; there are: {', '.join(kinds())}")
    return importlib.import_module(f"listener.sources.{kind}")
