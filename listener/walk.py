"""Walks through listings that give their newest items first, page by page, back to what was heard before.

A platform's listing is asked for from its newest item on, and followed until the walk has come past OVERLAP items that
were heard before; only then does the listing's mark move. So it does not matter how many items came since, which of
them were deleted meanwhile, or where the process was killed: what is new lies above the mark, or the walk begins again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from core.types import Span

OVERLAP = 25
"""Items heard before that a walk has to come past: some appear late, below newer ones, and some out of order."""
OLD = 60
"""Seconds that a walk may take; it is often interrupted by what goes wrong, or because a page is full."""
MOST_PAGES = 300
"""Pages of one walk; a listing that has more than so many runs in circles."""


@dataclass(slots=True)
class Walk:
    """How far a walk has got that began at `begun`. `anchors` are where it goes on, the first that works.

    Times are seconds since 1970. `until`: it goes back at least so far. `empty`: the page at the anchor had no items
    when it was asked for. `ended`: the listing itself needs no further page. `branches`: what was found on the way and
    is to be heard too, and how far it has been heard. `digest` stands for what was found; `restarts` counts how often
    the walk lost its way.
    """

    begun: float = 0
    anchors: list[str] = field(default_factory=list)
    newest: float = 0
    oldest: float = 0
    known: int = 0
    seen: int = 0
    pages: int = 0
    empty: bool = False
    ended: bool = False
    until: float = 0
    branches: list[list[str]] = field(default_factory=list)
    digest: int = 0
    restarts: int = 0

    @property
    def anchor(self) -> str | None:
        """What the next page is asked for from; None: the newest item."""
        return self.anchors[0] if self.anchors else None

    def is_old(self, now: float) -> bool:
        """Whether it began so long ago that newer items will have come meanwhile: another has to follow at once."""
        return now - self.begun > OLD

    def take(self, created: float, known: bool, now: float) -> None:
        """Note an item: when it was created, and whether that is so long ago that it has been heard."""
        self.seen += 1
        self.known += known
        self.newest = max(self.newest, min(created, now))
        self.oldest = min(self.oldest or created, created)


@dataclass(slots=True)
class Walks:
    """A cursor: by listing, the time of the newest item of its last whole walk, and the walk that is not over.

    `notes` are what else is to be remembered of a listing, as numbers.
    """

    marks: dict[str, float] = field(default_factory=dict)
    walks: dict[str, Walk] = field(default_factory=dict)
    notes: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None, names: Iterable[str]) -> Walks:
        """What a cursor says of these listings; what it says of others is forgotten."""
        found, kept = json.loads(cursor) if cursor else {}, set(names)
        return cls(
            {name: mark for name, mark in found.get("marks", {}).items() if name in kept},
            {name: Walk(**walk) for name, walk in found.get("walks", {}).items() if name in kept},
            {name: note for name, note in found.get("notes", {}).items() if name in kept},
        )

    def written(self) -> str:
        """The cursor as text; the same for the same."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)

    def walk(self, name: str, now: float) -> Walk:
        """The listing's walk that is not over, or a new one."""
        return self.walks.get(name) or Walk(begun=now)

    def again(self, name: str, walk: Walk, empty: bool) -> bool:
        """Whether to ask for the same page once more: it had no items, and yet it is not the last."""
        walk.empty = empty and not walk.empty
        if walk.empty:
            self.walks[name] = walk
        return walk.empty

    def goes_on(self, name: str, walk: Walk, further: Sequence[str]) -> bool:
        """After a page: whether the walk has to go on, and can, from one of `further`."""
        walk.pages += 1
        walk.ended = True
        turned = bool(further) and further[0] == walk.anchor
        enough = walk.known >= OVERLAP and (not walk.until or walk.oldest < walk.until)
        if not further or turned or enough or walk.pages >= MOST_PAGES:
            return False
        walk.ended, walk.anchors = False, list(further)
        self.walks[name] = walk
        return True

    def finish(self, name: str, walk: Walk, page: int, reason: str) -> Span | None:
        """Move the mark of a listing whose walk is over. What lies between is missed if it came to nothing known.

        Within the first `page` items an end says nothing: there may be no more. `reason` goes with the span.
        """
        self.walks.pop(name, None)
        mark = self.marks.get(name)
        if walk.newest:
            self.marks[name] = max(walk.newest, mark or 0)
        if mark is None or walk.known or walk.oldest <= mark or walk.seen <= page:
            return None
        return Span(moment(mark), moment(walk.oldest), reason)


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a time."""
    return datetime.fromtimestamp(seconds, UTC)
