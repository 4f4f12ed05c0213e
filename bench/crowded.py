"""A brand of which much was said: a database of a size that one chooses, filled at once, for measuring pages.

A year of mentions of one brand and three competitors, with what the stages would have made of them: matches, verdicts,
counts and words. Every second case is answered, the others are open. One incident holds many of the open ones; twenty
sources were heard for five weeks. All from a seed: the same size gives the same rows.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import case, insert, literal, select, text
from sqlalchemy.orm import Session

from core.clock import HeldClock
from core.db import Database
from core.tables import (
    Audit,
    Author,
    Brand,
    Canary,
    Case,
    CaseMention,
    Counted,
    Draft,
    Gap,
    HourCount,
    Incident,
    IncidentEvent,
    IncidentMention,
    Match,
    Mention,
    Note,
    PlaybookEntry,
    Row,
    Source,
    SourceHour,
    Topic,
    User,
    Verdict,
    WordCount,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLOCK = HeldClock(NOW)
HOURS, WORDS_A_DAY, VOCABULARY = 8_760, 1_500, 50_000
INCIDENT = 5_000
"""Open cases of one incident."""
RARE = "quagmire"
"""A word that five mentions hold."""
_SOURCES, _HEARD_DAYS, _WORD_DAYS = 20, 35, 120
_PLATFORMS = ("bluesky", "mastodon", "reddit", "x")
_LANGUAGES = ("en", "de", "es", "fr", "nl")
_INTENTS = ("complaint", "praise", "question", "purchase", "other")
_SENTIMENTS = ("negative", "neutral", "neutral", "positive")
_SHOPS = ("Acme", "Bolt", "Corp", "Dyn")
_AT_ONCE = 20_000


def fill(database: Database, mentions: int, cases: int) -> None:
    """Fill an empty database that has all tables."""
    dice = random.Random(1)
    with database.write() as db:
        brands = _around(db)
    times = [NOW - timedelta(minutes=HOURS * 60 * (1 - number / mentions)) for number in range(1, mentions + 1)]
    _rows(
        database,
        Author,
        (
            {
                "platform": _PLATFORMS[n % 4],
                "native_id": str(n),
                "handle": f"writer{n}",
                "name": f"Writer {n}",
                "followers": dice.choice((None, 20, 300, 4_000, 50_000)),
            }
            for n in range(1, mentions // 20 + 2)
        ),
    )
    _rows(database, Mention, _mentions(times, brands))
    with database.write() as db:
        _judge(db, brands)
    _rows(database, Counted, _counted(times, brands))
    _rows(database, HourCount, _hours(times, brands))
    _rows(database, WordCount, _words(brands[0], mentions, dice))
    _cases(database, times, cases, brands[0], dice)
    _rows(database, SourceHour, _heard(dice))
    with database.write() as db:
        db.execute(text("ANALYZE"))


def _around(db: Session) -> list[int]:
    """What there are few of."""
    hours = {day: ["08:00", "20:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    brands = [
        Brand(slug=n.lower(), name=n, timezone="Europe/Berlin", hours=hours, competitor=n != "Acme", created_at=NOW)
        for n in _SHOPS
    ]
    mia = User(name="Mia", role="admin", password_hash="", session_key="k", created_at=NOW)
    made = NOW - timedelta(days=400)
    sources = [
        Source(
            kind=_PLATFORMS[n % 4] if n % 4 < 3 else "feed",
            name=f"Source {n}",
            created_at=made,
            heard_to=NOW,
            last_ok_at=NOW,
            last_event_at=NOW,
            active=True,
            budget=50 if n == 1 else None,
        )
        for n in range(_SOURCES)
    ]
    db.add_all([*brands, mia, *sources])
    db.flush()
    own = brands[0].id
    db.add_all(Topic(brand_id=own, name=f"Topic {n}", query="x", created_at=NOW) for n in range(1, 11))
    db.add_all(
        PlaybookEntry(brand_id=own, name=f"Entry {n}", text="Sorry, {name}. Write to us.", changed_at=NOW)
        for n in range(50)
    )
    for source in sources:
        db.add_all(
            Gap(
                source_id=source.id,
                start=NOW - timedelta(hours=9 * n + 2),
                end=NOW - timedelta(hours=9 * n + 1),
                reason="the connection was lost",
                closed_at=None if n == 3 else NOW,
            )
            for n in range(15)
        )
        db.add(Canary(source_id=source.id, token=f"t{source.id}", sent_at=NOW, seen_at=NOW))
    return [brand.id for brand in brands]


def _brand(number: int, brands: list[int]) -> int:
    """Six of ten mentions are of the first brand."""
    return brands[max(0, number % 10 - 6)]


def _mentions(times: list[datetime], brands: list[int]) -> Iterator[dict[str, Any]]:
    del brands
    draw = np.random.default_rng(1)
    words = np.array([f"word{n}" for n in range(VOCABULARY)])
    rare = {len(times) * n // 5 for n in range(1, 6)}
    for start in range(0, len(times), _AT_ONCE):
        size = min(_AT_ONCE, len(times) - start)
        drawn = words[np.minimum(draw.zipf(1.3, (size, 18)), VOCABULARY) - 1]
        for place in range(size):
            number = start + place + 1
            said = " ".join(drawn[place]) + (f" {RARE}" if number in rare else " the parcel is late")
            yield {
                "id": number,
                "platform": _PLATFORMS[number % 4],
                "native_id": str(number),
                "source_id": number % _SOURCES + 1,
                "author_id": number % (len(times) // 20) + 1,
                "text": said,
                "lang": "en",
                "created_at": times[number - 1],
                "heard_at": times[number - 1],
            }


def _judge(db: Session, brands: list[int]) -> None:
    """Matches and verdicts, made by the database from the mentions."""
    number = Mention.id
    brand = case(*((number % 10 == 6 + n, literal(brands[n])) for n in (1, 2, 3)), else_=literal(brands[0]))
    db.execute(insert(Match).from_select(["mention_id", "brand_id"], select(number, brand).order_by(number)))
    told = {
        "model": literal("bench"),
        "language": literal("en"),
        "sentiment": case(
            *((number % 4 == n, literal(name)) for n, name in enumerate(_SENTIMENTS[:3])), else_=literal("positive")
        ),
        "scores": literal({"negative": 0.5, "neutral": 0.3, "positive": 0.2}, Verdict.scores.type),
        "complaint": number % 8 == 0,
        "complaint_score": literal(0.5),
        "emotion": literal("anger"),
        "emotions": literal({}, Verdict.emotions.type),
        "intent": literal("complaint"),
        "intents": literal({}, Verdict.intents.type),
        "reasons": literal([], Verdict.reasons.type),
        "judged_at": Mention.heard_at,
    }
    db.execute(insert(Verdict).from_select(["mention_id", *told], select(number, *told.values()).order_by(number)))


def _counted(times: list[datetime], brands: list[int]) -> Iterator[dict[str, Any]]:
    for number, at in enumerate(times, 1):
        yield {
            "mention_id": number,
            "brand_id": _brand(number, brands),
            "hour": _hour(at),
            "platform": _PLATFORMS[number % 4],
            "language": _LANGUAGES[number % 5],
            "sentiment": _SENTIMENTS[number % 4],
            "complaint": number % 8 == 0,
            "intent": _INTENTS[number % 5],
            "topics": [str(number % 10 + 1)],
            "words": ["parcel", "late"],
        }


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _hours(times: list[datetime], brands: list[int]) -> Iterator[dict[str, Any]]:
    """What the counts above add up to."""
    sums: dict[tuple[int, str, datetime, str], Counter[str]] = {}
    for number, at in enumerate(times, 1):
        brand, kind = _brand(number, brands), _SENTIMENTS[number % 4]
        places = [
            ("all", ""),
            ("platform", _PLATFORMS[number % 4]),
            ("source", str(number % _SOURCES + 1)),
            ("language", _LANGUAGES[number % 5]),
            ("intent", _INTENTS[number % 5]),
        ]
        for dimension, value in [*places, *([("topic", str(number % 10 + 1))] if brand == brands[0] else [])]:
            mine = sums.setdefault((brand, dimension, _hour(at), value), Counter())
            mine["mentions"] += 1
            mine[kind] += 1
            mine["complaints"] += number % 8 == 0
    columns = ("mentions", "negative", "neutral", "positive", "complaints")
    for (brand, dimension, hour, value), mine in sums.items():
        yield {"brand_id": brand, "dimension": dimension, "hour": hour, "value": value} | {
            one: mine[one] for one in columns
        }


def _words(brand: int, mentions: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    for day in range(_WORD_DAYS):
        words = sorted({min(VOCABULARY, int(dice.paretovariate(0.6))) for _ in range(3 * WORDS_A_DAY)})
        for word in words[:WORDS_A_DAY]:
            many = max(1, mentions // 365 // (word + 1))
            at = (NOW - timedelta(days=day)).date()
            yield {"brand_id": brand, "day": at, "word": f"word{word}", "mentions": many, "complaints": 0}


def _cases(database: Database, times: list[datetime], cases: int, brand: int, dice: random.Random) -> None:
    step = max(5, len(times) // max(1, cases) // 5 * 5)
    of = range(1, min(cases, len(times) // step) + 1)  # of which each has a mention of the first brand
    _rows(database, Case, (_case(n, n * step, times[n * step - 1], brand, dice) for n in of))
    joined = ({"mention_id": n * step, "case_id": n, "why": "its own", "joined_at": times[n * step - 1]} for n in of)
    _rows(database, CaseMention, joined)
    _rows(
        database,
        Draft,
        (
            {
                "case_id": n,
                "text": "Sorry to hear that. Please write to us.",
                "origin": "playbook",
                "why": "like it",
                "playbook_id": n % 50 + 1,
                "score": 0.5,
                "created_at": NOW,
            }
            for n in of
        ),
    )
    _rows(
        database,
        Note,
        (
            {"case_id": n, "user_id": 1, "text": f"asked the depot about word{n % 900}", "at": NOW}
            for n in of
            if n % 10 == 0
        ),
    )
    _rows(database, Audit, ({"at": times[n * step - 1], "case_id": n, "action": "open", "detail": {}} for n in of))
    inside = [n for n in of if n % 2 == 0][-INCIDENT:]
    with database.write() as db:
        db.add(
            Incident(
                id=1,
                brand_id=brand,
                origin="likeness",
                name="parcel late",
                words=["parcel", "late"],
                began_at=NOW - timedelta(hours=9),
                noticed_at=NOW - timedelta(hours=8),
                last_at=NOW,
                changed_at=NOW,
                mentions=len(inside),
                authors=len(inside),
                holding="We know of it and are at it.",
                holding_version=1,
            )
        )
        db.flush()
        db.add_all(
            IncidentEvent(incident_id=1, at=NOW, kind="grew", key=str(n), words=f"{n} complaints") for n in range(50)
        )
    members = (
        {"mention_id": n * step, "brand_id": brand, "incident_id": 1, "likeness": 0.9, "joined_at": times[n * step - 1]}
        for n in inside
    )
    _rows(database, IncidentMention, members)


def _case(number: int, mention: int, at: datetime, brand: int, dice: random.Random) -> dict[str, Any]:
    done = number % 2 == 1
    replied = at + timedelta(minutes=dice.expovariate(1 / 90)) if done and dice.random() < 0.7 else None
    clock = {"opened_at": at, "changed_at": at, "due_at": at + timedelta(hours=1), "first_reply_at": replied}
    about = {"platform": _PLATFORMS[mention % 4], "followers": dice.choice((None, 20, 300, 4_000, 50_000))}
    kind = dice.choice(("complaint", "complaint", "question", "praise"))
    said = {"reasons": ["complaint (93%)"] * 4, "facts": {"score": 0.93, "words": ["late", "parcel"] * 10}}
    fixed = {
        "id": number,
        "mention_id": mention,
        "brand_id": brand,
        "permission": "api",
        "permission_why": "by its own API",
    }
    more = {"priority": dice.randrange(101), "state": "sent" if done else dice.choice(("new", "drafted", "drafted"))}
    outcome = dice.choice((None, "better", "worse")) if replied else None
    return fixed | clock | about | said | more | {"kind": kind, "resolved_at": replied, "outcome": outcome}


def _heard(dice: random.Random) -> Iterator[dict[str, Any]]:
    for source in range(1, _SOURCES + 1):
        for number in range(_HEARD_DAYS * 24):
            for collection in ("posts", "replies"):
                events = dice.randrange(200)
                hour = _hour(NOW) - timedelta(hours=number)
                yield {
                    "source_id": source,
                    "hour": hour,
                    "collection": collection,
                    "events": events,
                    "kept": events // 9,
                }


def _rows(database: Database, table: type[Row], rows: Iterable[dict[str, Any]]) -> None:
    left = iter(rows)
    while some := list(itertools.islice(left, _AT_ONCE)):
        with database.write() as db:
            db.execute(insert(table), some)
