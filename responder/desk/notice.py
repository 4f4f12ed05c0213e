"""What the responder knows of a judged mention before it decides anything, read for a whole batch at once.

Everything is copied into values: a case is decided in another transaction than it is read in (core/db.py, `settle`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.tables import Author, Brand, CaseMention, Match, Mention, OwnAccount, Source, Verdict
from core.types import UNSUPPORTED, Kind
from core.types import Author as Writer
from core.types import Mention as Heard
from listener.matching import fold_handle, names_one
from responder.desk.triage import Facts

KINDS = ("complaint", "other", "purchase", "question", "praise")
"""What a case is about, what presses most first; `other` may be a complaint."""

_SURE = 0.5
"""From this share on an intent counts: below, the model is as often wrong as right."""

_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_QUESTION = re.compile(r"[?？؟;]")


@dataclass(frozen=True, slots=True)
class BrandRules:
    """What of a brand decides about a case. `own` are (platform, folded handle) of its accounts."""

    id: int
    name: str
    timezone: str
    hours: Mapping[str, Any]
    first_reply_minutes: int
    urgent_reply_minutes: int
    own: frozenset[tuple[str, str]]
    competitor: bool = False
    holidays: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, Any] = field(default_factory=dict)
    thanks: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What the newest verdict of a mention says, as far as it matters here."""

    language: str
    sentiment: str
    scores: Mapping[str, float]
    complaint: bool | None
    complaint_score: float | None
    emotions: Mapping[str, float]
    irony: float | None = None
    intent: str = ""
    intent_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """One mention that waits to be looked at. `brands`: whose it is; `case_id`: the case that it belongs to already."""

    id: int
    platform: str
    native_id: str
    kind: str
    text: str
    reply_to: str | None
    conversation: str | None
    created_at: datetime
    counts: tuple[int, int, int]
    deleted: bool
    author_id: int
    author: Writer
    source_kind: str | None
    case_id: int | None
    reading: Reading | None
    brands: tuple[BrandRules, ...] = field(repr=False)
    source_id: int | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    edited_at: datetime | None = None

    @property
    def thread(self) -> str:
        """The thread that the mention is in: platform and first item, as Case.thread stores it."""
        return f"{self.platform} {self.conversation or self.reply_to or self.native_id}"

    def addressee(self) -> tuple[BrandRules | None, bool]:
        """Whose case it would be, and whether it speaks to them: the brand it speaks to, else the first it matches.

        Competitors are only listened to: nobody answers for them.
        """
        ours = [brand for brand in self.brands if not brand.competitor]
        for brand in ours:
            if self.speaks_to(brand):
                return brand, True
        return (ours[0] if ours else None), False

    @property
    def source(self) -> tuple[int, str] | None:
        """The id and kind of what heard it; None where that was removed since."""
        return (self.source_id, self.source_kind) if self.source_id and self.source_kind else None

    @property
    def said(self) -> Heard:
        """The mention as platforms' rules about replies take it."""
        kind: Kind = self.kind  # type: ignore[assignment]
        return Heard(
            platform=self.platform,
            native_id=self.native_id,
            author=self.author,
            text=self.text,
            created_at=self.created_at,
            kind=kind,
            reply_to=self.reply_to,
            conversation=self.conversation,
            extra=self.extra,
        )

    @property
    def question(self) -> bool:
        """Whether it asks something, going by its signs."""
        return bool(_QUESTION.search(_LINK.sub(" ", self.text)))

    @property
    def own(self) -> bool:
        """Whether a brand wrote it itself; its accounts may have been entered after it was heard."""
        if not any(brand.own for brand in self.brands):
            return False
        names = {fold_handle(self.author.handle), fold_handle(self.author.native_id)}
        return any((self.platform, name) in brand.own for brand in self.brands for name in names)

    def speaks_to(self, brand: BrandRules) -> bool:
        """Whether it names one of the brand's accounts, or was written to it."""
        if self.kind == "email":
            return True
        return names_one(self.text, {handle for platform, handle in brand.own if platform == self.platform})

    def facts(self, now: datetime, *, direct: bool) -> Facts:
        """What speaks for its priority, by itself; `direct` is whether it speaks to the brand."""
        reading = self.reading
        likes, reposts, replies = self.counts
        return Facts(
            complaint=reading.complaint if reading else None,
            complaint_score=(reading.complaint_score or 0.0) if reading else 0.0,
            negative=reading.scores.get("negative", 0.0) if reading else 0.0,
            anger=reading.emotions.get("anger", 0.0) if reading else 0.0,
            unread=reading is not None and reading.sentiment == UNSUPPORTED,
            question=self.question,
            direct=direct,
            followers=self.author.followers or 0,
            likes=likes,
            reposts=reposts,
            replies=replies,
            waiting=max(0, (now - self.created_at) // timedelta(minutes=1)),
        )


def needs_person(notice: Notice, *, direct: bool, thanks: bool = True) -> bool:
    """Whether somebody should look at it, by what it says; `direct` is whether it speaks to the brand.

    Complaints; what may be one and leans to the negative, or is put to us; what no model could read; questions put to
    us; people who want to buy; and, where the brand `thanks` for it, praise that is said to us. Not other praise, and
    not talk about us that wants nothing of us.
    """
    reading = notice.reading
    if reading is None:
        return False
    if reading.complaint or reading.sentiment == UNSUPPORTED:
        return True
    if reading.complaint is None:
        leans = reading.scores.get("negative", 0.0) > reading.scores.get("positive", 0.0)
        return leans or direct or notice.question
    if direct:
        return notice.question or _wants_to_buy(reading) or (thanks and positive(notice))
    return notice.question and _wants_to_buy(reading)


def kind_of(notice: Notice, facts: Facts) -> str:
    """What kind of case a mention makes, one of KINDS."""
    reading = notice.reading
    if facts.complaint:
        return "complaint"
    if reading is not None and _wants_to_buy(reading):
        return "purchase"
    if facts.complaint is None or facts.unread:
        return "other"
    if positive(notice):
        return "praise"
    return "question" if facts.question else "other"


def _wants_to_buy(reading: Reading) -> bool:
    return reading.intent == "purchase" and reading.intent_share >= _SURE


def positive(notice: Notice) -> bool:
    """Whether it is a friendly word that asks nothing."""
    return notice.reading is not None and notice.reading.sentiment == "positive" and not notice.question


def read(db: Session, ids: Sequence[int]) -> list[Notice]:
    """What is known of these mentions, in their order. Some may be missing: removed, or being forgotten just now.

    On PostgreSQL the mentions are kept from being forgotten until the transaction ends.
    """
    newest = select(func.max(Verdict.id)).where(Verdict.mention_id == Mention.id).correlate(Mention).scalar_subquery()
    rows = db.execute(
        select(Mention, Author, Source.kind, CaseMention.case_id, Verdict)
        .join(Author, Author.id == Mention.author_id)
        .outerjoin(Source, Source.id == Mention.source_id)
        .outerjoin(CaseMention, CaseMention.mention_id == Mention.id)
        .outerjoin(Verdict, Verdict.id == newest)
        .where(Mention.id.in_(ids))
        .with_for_update(of=Mention, read=True, key_share=True, skip_locked=True)
    ).all()
    brands = _brands_of(db, ids)
    found = {row[0].id: _notice(*row, brands.get(row[0].id, ())) for row in rows}
    return [found[one] for one in ids if one in found]


def _notice(
    mention: Mention,
    author: Author,
    source_kind: str | None,
    case_id: int | None,
    verdict: Verdict | None,
    brands: tuple[BrandRules, ...],
) -> Notice:
    return Notice(
        id=mention.id,
        platform=mention.platform,
        native_id=mention.native_id,
        kind=mention.kind,
        text=mention.text,
        reply_to=mention.reply_to,
        conversation=mention.conversation,
        created_at=mention.created_at,
        counts=(mention.likes, mention.reposts, mention.replies),
        deleted=mention.deleted_at is not None,
        author_id=author.id,
        author=Writer(author.native_id, author.handle, author.name, author.followers),
        source_kind=source_kind,
        case_id=case_id,
        reading=None if verdict is None else _reading(verdict),
        brands=brands,
        source_id=mention.source_id,
        extra=mention.extra,
        edited_at=mention.edited_at,
    )


def _reading(verdict: Verdict) -> Reading:
    return Reading(
        language=verdict.language,
        sentiment=verdict.sentiment,
        scores=verdict.scores,
        complaint=verdict.complaint,
        complaint_score=verdict.complaint_score,
        emotions=verdict.emotions,
        irony=verdict.irony,
        intent=verdict.intent or "",
        intent_share=verdict.intents.get(verdict.intent or "", 0.0),
    )


def _brands_of(db: Session, ids: Sequence[int]) -> dict[int, tuple[BrandRules, ...]]:
    """The brands of each mention, the first that was matched first."""
    matches = select(Match.mention_id, Match.brand_id).where(Match.mention_id.in_(ids)).order_by(Match.id)
    pairs = db.execute(matches).all()
    rules = _rules(db, {brand_id for _, brand_id in pairs})
    found: dict[int, tuple[BrandRules, ...]] = {}
    for mention_id, brand_id in pairs:
        found[mention_id] = (*found.get(mention_id, ()), rules[brand_id])
    return found


def _rules(db: Session, brand_ids: set[int]) -> dict[int, BrandRules]:
    own: dict[int, set[tuple[str, str]]] = {}
    accounts = select(OwnAccount.brand_id, OwnAccount.platform, OwnAccount.handle)
    for brand_id, platform, handle in db.execute(accounts.where(OwnAccount.brand_id.in_(brand_ids))):
        own.setdefault(brand_id, set()).add((platform, fold_handle(handle)))
    return {
        brand.id: BrandRules(
            id=brand.id,
            name=brand.name,
            timezone=brand.timezone,
            hours=brand.hours,
            first_reply_minutes=brand.first_reply_minutes,
            urgent_reply_minutes=brand.urgent_reply_minutes,
            own=frozenset(own.get(brand.id, ())),
            competitor=brand.competitor,
            holidays=brand.holidays,
            targets=brand.targets,
            thanks=brand.thanks,
        )
        for brand in db.scalars(select(Brand).where(Brand.id.in_(brand_ids)))
    }
