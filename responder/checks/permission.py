"""May a mention be answered here, how, and why not: decided before anything is drafted, shown to the person, and
decided anew just before a reply goes out.

What a platform allows stands in its source's file: `Source.reply`, or `may_reply` where it depends on the mention and
on what the source was set up with (listener/source.py). The mention's own source is asked first, then others of its
kind that are the same brand's or everybody's: a post that was heard without a key may be answered through an account.
Everywhere else a person copies the text, opens the post and marks the case as answered.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from core import tables
from core.errors import BadInput, GiveUp
from core.settings import Settings
from core.types import Author, Kind, Mention, Permission
from listener.chunks import chunks
from listener.matching import fold_handle
from listener.settings import whole
from listener.source import Asking, DecidesReplies, Source, load, load_replier
from responder.desk.states import OPEN_STATES

_STOP = re.compile(
    r"(?:please\s+)?(?:stop|unsubscribe|opt[ -]?out|leave me alone|no more (?:replies|messages)"
    r"|(?:stop|quit)\s+(?:replying|tagging|messaging|contacting|tweeting)\b.{0,20}"
    r"|(?:don'?t|do not|never) (?:reply|contact|message|tag|tweet|write)\b.{0,30})[\s.!]*(?:please|now|thanks)?[\s.!]*",
    re.IGNORECASE,
)
_NAMES = re.compile(r"@[\w.@-]+|https?://\S+")
_MOST_STOP = 80
"""Characters of a message that may be nothing but a wish to be left alone."""


@dataclass(frozen=True, slots=True)
class Way:
    """One source through which a reply could go out, with its settings whole."""

    source_id: int
    kind: str
    brand_id: int | None
    active: bool
    keyed: bool
    account: str | None
    settings: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dealings:
    """What was between us and some authors: when we last answered each, who has told us to stop, and who we are.

    `own` are (platform, folded handle or id) of our accounts.
    """

    ways: tuple[Way, ...]
    own: frozenset[tuple[str, str]]
    answered: Mapping[int, float]
    declined: frozenset[int]

    def permission(self, mention: Mention, source: tuple[int, str] | None, author_id: int) -> Permission:
        """May this mention be answered? `source` is the id and kind of what heard it; None: it was removed since."""
        if source is None:
            return Permission("hand", f"the source that heard this was removed: answer on {mention.platform} yourself")
        try:
            kind = load(source[1])
        except BadInput:
            why = f"this version has no source of kind {source[1]}: answer on {mention.platform} yourself"
            return Permission("hand", why)
        asked = [self._ask(kind, one, mention, author_id) for one in self.ways_of(*source)]
        return next((one for one in asked if one.how == "api"), asked[0] if asked else kind.reply)

    def ways_of(self, source_id: int, kind: str) -> list[Way]:
        """Through which sources a mention of this source could be answered, its own first."""
        own = [way for way in self.ways if way.source_id == source_id]
        brand = own[0].brand_id if own else None
        others = (way for way in self.ways if way.kind == kind and way.source_id != source_id)
        return own + [way for way in others if way.active and (way.brand_id in (None, brand) or brand is None)]

    def _ask(self, kind: type[Source], way: Way, mention: Mention, author_id: int) -> Permission:
        if not issubclass(kind, DecidesReplies):
            return kind.reply
        own = frozenset(name for platform, name in self.own if platform == mention.platform)
        answered = self.answered.get(author_id, 0.0) > mention.created_at.timestamp()
        return kind.may_reply(Asking(mention, way.settings, way.account, own, answered, author_id in self.declined))


def dealings(db: Session, process: Settings, author_ids: Collection[int]) -> Dealings:
    """Read what `Dealings` needs for these authors; of those only who are where some source has keys to reply with."""
    ways = tuple(_ways(db, process))
    author_ids = _within(db, author_ids, {way.kind for way in ways if way.keyed})
    return Dealings(
        ways,
        frozenset(
            (platform, fold_handle(handle))
            for platform, handle in db.execute(select(tables.OwnAccount.platform, tables.OwnAccount.handle))
        ),
        _answered(db, author_ids),
        _declined(db, author_ids),
    )


def permission_of(db: Session, process: Settings, row: tables.Mention) -> Permission:
    """May this mention be answered, as things are now?"""
    source = (row.source.id, row.source.kind) if row.source else None
    return dealings(db, process, [row.author_id]).permission(value_of(row), source, row.author_id)


def refresh_open(db: Session, process: Settings, kind: str) -> int:
    """Decide anew for all open cases that sources of this kind heard, or one that is gone; how many changed.

    For when one of them is added, set up otherwise, switched on or off, or removed.
    """
    case, mention, source = tables.Case, tables.Mention, tables.Source
    wanted = (
        select(case)
        .join(mention, mention.id == case.mention_id)
        .outerjoin(source, source.id == mention.source_id)
        .where(case.state.in_(OPEN_STATES), or_(source.kind == kind, source.id.is_(None)))
        .options(
            joinedload(case.mention).joinedload(mention.author), joinedload(case.mention).joinedload(mention.source)
        )
        .order_by(case.id)
    )
    rows = db.scalars(wanted).all()
    met, changed = dealings(db, process, {row.mention.author_id for row in rows}), 0
    for row in rows:
        heard = row.mention.source
        found = met.permission(value_of(row.mention), (heard.id, heard.kind) if heard else None, row.mention.author_id)
        if (found.how, found.why) != (row.permission, row.permission_why):
            row.permission, row.permission_why, changed = found.how, found.why, changed + 1
    db.flush()
    return changed


def value_of(row: tables.Mention) -> Mention:
    """The mention of a row, as platforms' rules take it."""
    kind: Kind = row.kind  # type: ignore[assignment]
    return Mention(
        platform=row.platform,
        native_id=row.native_id,
        author=Author(row.author.native_id, row.author.handle, row.author.name, row.author.followers),
        text=row.text,
        created_at=row.created_at,
        url=row.url,
        kind=kind,
        reply_to=row.reply_to,
        conversation=row.conversation,
        extra=row.extra,
    )


def wants_to_be_left_alone(text: str) -> bool:
    """Whether a message says nothing but that we should stop writing to its author."""
    return len(text) <= _MOST_STOP and _STOP.fullmatch(_NAMES.sub(" ", text).strip()) is not None


def _ways(db: Session, process: Settings) -> Iterable[Way]:
    """Sources of kinds that have a replier. One whose keys cannot be read is no way."""
    for row in db.scalars(select(tables.Source).order_by(tables.Source.id)):
        try:
            if load_replier(row.kind) is not None:
                yield Way(
                    row.id, row.kind, row.brand_id, row.active, bool(row.credentials), row.account, whole(process, row)
                )
        except (BadInput, GiveUp):
            continue


def _within(db: Session, author_ids: Collection[int], platforms: Collection[str]) -> list[int]:
    """Those of these authors who write on these platforms."""
    author, found = tables.Author, list[int]()
    for ids in chunks(sorted(author_ids)) if platforms else ():
        found += db.scalars(select(author.id).where(author.id.in_(ids), author.platform.in_(platforms)))
    return found


def _answered(db: Session, author_ids: Collection[int]) -> dict[int, float]:
    """When we last answered each author, in seconds since 1970."""
    case, reply, found = tables.Case, tables.Reply, dict[int, float]()
    last = select(case.author_id, func.max(reply.sent_at)).join(reply, reply.case_id == case.id)
    for ids in chunks(sorted(author_ids)):
        wanted = last.where(case.author_id.in_(ids), reply.sent_at.is_not(None)).group_by(case.author_id)
        found |= {author_id: at.timestamp() for author_id, at in db.execute(wanted) if author_id and at}
    return found


def _declined(db: Session, author_ids: Collection[int]) -> frozenset[int]:
    """Who of them has told us to stop."""
    mention, found = tables.Mention, set[int]()
    short = select(mention.author_id, mention.text).where(func.length(mention.text) <= _MOST_STOP)
    for ids in chunks(sorted(author_ids)):
        said = db.execute(short.where(mention.author_id.in_(ids), mention.deleted_at.is_(None)))
        found |= {author_id for author_id, text in said if wants_to_be_left_alone(text)}
    return frozenset(found)
