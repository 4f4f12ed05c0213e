"""The packed days of care say what the cases themselves say, whatever happens to cases and whenever they are packed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Author, Brand, CareChange, CareDay, Case, Mention
from responder.desk.notice import KINDS
from responder.timing import care_days
from responder.timing.care_days import OUTCOMES

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST = TODAY - timedelta(days=9)


def scanned(db: Session, brand_id: int) -> list[tuple[Any, ...]]:
    """What the figures need of every case, read from the cases."""
    begin = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    mine = select(Case).where(Case.brand_id == brand_id, Case.opened_at >= begin, Case.state != "dismissed")
    return sorted(
        (
            row.platform,
            row.opened_at.timestamp(),
            *(one and one.timestamp() for one in (row.first_reply_at, row.resolved_at, row.due_at)),
            row.followers,
            row.kind,
            row.outcome or "",
        )
        for row in db.scalars(mine).all()
    )


def packed(db: Session, brand_id: int) -> list[tuple[Any, ...]]:
    """The same from what is packed, and from the cases of days that changed since."""
    return sorted(_told(care_days.read(db, brand_id, FIRST, TODAY)))


def _told(found: Any) -> Iterator[tuple[Any, ...]]:
    for platform, rows in found.items():
        for opened, *moments, followers, kind, outcome in rows.tolist():
            known = (None if np.isnan(one) else one for one in moments)
            writes = None if followers == care_days.UNKNOWN else followers
            yield platform, opened, *known, writes, KINDS[kind], OUTCOMES[outcome]


def opened(db: Session, dice: random.Random, number: int, brand_id: int) -> None:
    at = NOON - timedelta(minutes=dice.randrange(8 * 1440), microseconds=dice.randrange(1000))
    platform = dice.choice(("x", "reddit"))
    about = {"platform": platform, "created_at": at, "heard_at": at, "author_id": 1}
    mention = Mention(native_id=str(number), text="late", **about)
    db.add(mention)
    db.flush()
    fixed = {"mention_id": mention.id, "brand_id": brand_id, "permission": "api", "permission_why": ""}
    times = {"opened_at": at, "changed_at": at, "due_at": dice.choice((None, at + timedelta(hours=1)))}
    followers, kind = dice.choice((None, 0, 3_000_000_000 if platform == "x" else 7)), dice.choice(KINDS)
    db.add(Case(platform=platform, followers=followers and followers % 2**31, kind=kind, **fixed | times))


def changed(db: Session, dice: random.Random) -> None:
    """Something happens to a case, by whichever way code may choose."""
    case_id = dice.choice(db.scalars(select(Case.id).order_by(Case.id)).all())
    row = db.get_one(Case, case_id)
    match dice.randrange(7):
        case 0:
            row.first_reply_at = row.opened_at + timedelta(seconds=dice.randrange(90_000))
        case 1:
            row.resolved_at = dice.choice((None, row.opened_at + timedelta(minutes=dice.randrange(9_000))))
        case 2:
            db.execute(update(Case).where(Case.id == case_id).values(outcome=dice.choice(("better", "same", "worse"))))
        case 3:
            states = ("dismissed", "sent", "dismissed", "drafted")
            db.execute(update(Case).where(Case.id == case_id).values(state=dice.choice(states)))
        case 4:
            row.kind, row.due_at = dice.choice(KINDS), row.opened_at + timedelta(hours=dice.randrange(1, 9))
        case 5:
            row.opened_at = NOON - timedelta(minutes=dice.randrange(8 * 1440))
        case 6:
            db.execute(delete(Mention).where(Mention.id == row.mention_id))  # the case goes with it
    db.flush()
    db.expire_all()


def brands(runtime: Runtime) -> list[int]:
    with runtime.db.write() as db:
        rows = [Brand(slug=name, name=name, created_at=NOON) for name in ("acme", "bolt")]
        db.add_all([Author(id=1, platform="x", native_id="1", handle="a"), *rows])
        db.flush()
        return [row.id for row in rows]


def test_what_is_packed_equals_a_scan_of_the_cases_whatever_happens(runtime: Runtime) -> None:
    dice, ids = random.Random(5), brands(runtime)
    for step in range(60):
        with runtime.db.write() as db:
            for number in range(dice.randrange(4)):
                opened(db, dice, 10 * step + number, dice.choice(ids))
            for _ in range(dice.randrange(4) if step > 3 else 0):
                changed(db, dice)
        if dice.random() < 0.4:
            with runtime.db.write() as db:
                care_days.pack(db, TODAY + timedelta(days=1))
        with runtime.db.read() as db:
            for brand_id in ids:
                assert packed(db, brand_id) == scanned(db, brand_id)
    with runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(CareDay))


def test_the_stage_packs_days_that_are_over_and_looks_at_no_others(runtime: Runtime) -> None:
    dice, ids = random.Random(6), brands(runtime)
    with runtime.db.write() as db:
        for number in range(40):
            opened(db, dice, number, ids[0])
    held = Runtime(runtime.settings, runtime.db, HeldClock(NOON), runtime.queue)
    while care_days.work(held):
        pass
    with runtime.db.read() as db:
        assert set(db.scalars(select(CareChange.day))) == {TODAY}
        assert TODAY not in set(db.scalars(select(CareDay.day)))
        assert packed(db, ids[0]) == scanned(db, ids[0])
        assert care_days.work(held) == 0


def test_a_brand_that_goes_leaves_nothing_packed(runtime: Runtime) -> None:
    dice, ids = random.Random(7), brands(runtime)
    with runtime.db.write() as db:
        for number in range(9):
            opened(db, dice, number, ids[number % 2])
        care_days.pack(db, TODAY + timedelta(days=1))
        db.execute(delete(Brand).where(Brand.id == ids[0]))
    with runtime.db.write() as db:
        care_days.pack(db, TODAY + timedelta(days=1))
        assert set(db.scalars(select(CareDay.brand_id))) == {ids[1]}
        assert not db.scalars(select(CareChange.id)).all()
