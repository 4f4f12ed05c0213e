"""The sample: two weeks of an invented brand, loaded as if it had just been heard, and removed without a trace.

Its source stays switched off (there is nothing to fetch) and is of the kind `files`, so that replies go to the outbox
file and nowhere else. No other brand's query is asked: the sample must not turn up in anybody's real cases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.clock import Clock
from core.runtime import Runtime
from core.tables import Brand, OwnAccount, PlaybookEntry, Query, Reading, Source, Spread, Topic
from core.tables import Mention as MentionRow
from core.types import Mention, Page
from listener import records
from listener.collect import collect
from listener.matching import BrandMatcher, Watchlist
from sentiment.ripple.curve import Curve
from sentiment.ripple.spread import forecast
from web.managing.brand_removal import remove_brand

_DATA = Path(__file__).parent.parent / "sample"
_NEWEST_AGE = timedelta(minutes=3)


def load_sample(runtime: Runtime) -> None:
    """Load the sample brand, all in one transaction; does nothing when it is there."""
    try:
        with runtime.db.write() as db:
            if sample_of(db) is None:
                _load(db, runtime.clock)
    except IntegrityError:
        with runtime.db.read() as db:
            if sample_of(db) is None:  # else another process was first, which is as good
                raise
    runtime.queue.nudge("judge")


def remove_sample(runtime: Runtime) -> None:
    """Remove the sample brand and all that was heard for it, save the audit; does nothing when it is not there."""
    with runtime.db.write() as db:
        brand = sample_of(db)
        if brand:
            remove_brand(db, runtime.clock, brand)


def sample_of(db: Session) -> Brand | None:
    """The sample brand, if it is loaded."""
    return db.scalars(select(Brand).where(Brand.sample)).first()


def _load(db: Session, clock: Clock) -> None:
    brand = _brand(clock)
    source = Source(kind="files", name="sample", active=False, state="off", created_at=clock.now())
    db.add_all((brand, source))
    db.flush()
    db.add_all((*_playbook(brand, clock), *_topics(brand, clock)))
    mentions, matcher = _mentions(clock), _matcher(brand)
    collect(db, clock, source, Page(mentions=tuple(one for one in mentions if not _to_us(one))), matcher)
    source.brand_id = brand.id  # from here on every item is the brand's, and the source goes when the brand goes
    collect(db, clock, source, Page(mentions=tuple(one for one in mentions if _to_us(one))), matcher)
    for post in json.loads((_DATA / "readings.json").read_text(encoding="utf-8")):
        _spread(
            db, db.scalars(select(MentionRow).filter_by(platform=post["platform"], native_id=post["id"])).one(), post
        )


def _spread(db: Session, mention: MentionRow, post: Mapping[str, Any]) -> None:
    """How a post was passed on, as if it had been followed; the forecast is what is made of that."""
    curve, at = Curve(), mention.created_at
    for minutes, likes, reposts, replies in post["read"]:
        at, curve = mention.created_at + timedelta(minutes=minutes), curve.add(minutes * 60.0, reposts)
        db.add(Reading(mention_id=mention.id, at=at, likes=likes, reposts=reposts, replies=replies))
    found = forecast(curve.cascade(), (at - mention.created_at).total_seconds())
    ahead = {"expected": float(found.expected), "low": float(found.low), "high": float(found.high)}
    row = Spread(mention_id=mention.id, began_at=mention.created_at, looked_at=at, looks=len(post["read"]), **ahead)
    row.ended_at = at if post["ended"] else None
    db.add(row)


def _to_us(mention: Mention) -> bool:
    """Whether it came into the brand's own mailbox or threads, where nobody has to say the name."""
    return mention.platform == "email" or mention.reply_to is not None


def _brand(clock: Clock) -> Brand:
    given = json.loads((_DATA / "brand.json").read_text(encoding="utf-8"))
    now = clock.now()
    brand = Brand(slug=given["slug"], name=given["name"], timezone=given["timezone"], sample=True, created_at=now)
    brand.own_accounts = [OwnAccount(**account) for account in given["own_accounts"]]
    brand.queries = [Query(**query, created_at=now) for query in given["queries"]]
    return brand


def _playbook(brand: Brand, clock: Clock) -> Iterator[PlaybookEntry]:
    for entry in json.loads((_DATA / "playbook.json").read_text(encoding="utf-8")):
        yield PlaybookEntry(brand_id=brand.id, changed_at=clock.now(), **entry)


def _topics(brand: Brand, clock: Clock) -> Iterator[Topic]:
    for topic in json.loads((_DATA / "brand.json").read_text(encoding="utf-8"))["topics"]:
        yield Topic(brand_id=brand.id, created_at=clock.now(), **topic)


def _matcher(brand: Brand) -> BrandMatcher:
    queries = tuple((query.id, brand.id, query.text) for query in brand.queries)
    return BrandMatcher(Watchlist(queries, frozenset((own.platform, own.handle) for own in brand.own_accounts)))


def _mentions(clock: Clock) -> tuple[Mention, ...]:
    """The sample's mentions, moved in time as a whole so that the newest was written a moment ago."""
    with (_DATA / "mentions.jsonl").open("rb") as file:
        written = [read.item for read in records.read(file, "mentions.jsonl") if isinstance(read.item, Mention)]
    shift = clock.now() - _NEWEST_AGE - max(mention.created_at for mention in written)
    return tuple(replace(mention, created_at=mention.created_at + shift) for mention in written)
