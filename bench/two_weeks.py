"""Two weeks in which five things happen, three of which somebody should be told of: what is alerted, and when.

    python -m bench.two_weeks [SEED ...]

An invented stream (bench/invented.py) is heard, judged by the bundled model, counted and clustered by the stages
themselves, on a held clock. A step is over when an hour has passed or EVENLY mentions have come, so that nothing
is known before it was written. There should be one alert for each of the three incidents, before a fifth of its
complaints has come, and none for the launch, the giveaway or any ordinary day.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from bench.invented import Event, Writer
from core import tables
from core.clock import HeldClock
from core.db import Database
from core.queue import STAGES, run_stage
from core.runtime import Runtime
from core.settings import Settings
from core.types import Mention, Page
from listener.collect import collect
from listener.matching import BrandMatcher

START = datetime(2026, 10, 5, tzinfo=UTC)
"""A Monday."""
STEP = timedelta(hours=1)
EVENLY = 5
"""Mentions after which a step is over in any case."""
ORDER = ("judge", "count", "cluster", "ripple", "calm", "alert")
"""The stages that a mention goes through until people are told."""


class Nudges:
    """A queue that needs none: the stages are run in their order."""

    def nudge(self, stage: str) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Told:
    """One alert: what it says, when, and what it turned out to be about (None: nothing that was planted).

    `share` of that event's mentions had been written by then.
    """

    words: str
    at: datetime
    event: str | None
    share: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the two weeks: every alert, and how many mentions there were."""

    alerts: tuple[Told, ...]
    mentions: int
    events: tuple[Event, ...]

    def right(self) -> bool:
        """Whether there is one alert per incident, each before a fifth of its complaints has come, and no other."""
        wanted = sorted(event.name for event in self.events if event.complaint)
        return sorted(one.event or "" for one in self.alerts) == wanted and all(one.share < 0.2 for one in self.alerts)


def replay(runtime: Runtime, clock: HeldClock, seed: int, *, days: int = 14, per_day: int = 120) -> Outcome:
    """Let these days pass on an empty database, with so many mentions on a usual day."""
    clock.advance((START - clock.now()).total_seconds())
    writer = Writer(seed)
    events = happenings(writer, days / 14)
    usual = writer.usual(START, days, per_day)
    stream = sorted([*usual, *(one for event in events for one in event.mentions)], key=lambda one: one.created_at)
    source_id = _set_up(runtime)
    with runtime.db.read() as db:
        matcher = BrandMatcher.load(db)
    for until, some in _steps(stream, START + timedelta(days=days)):
        clock.advance((until - clock.now()).total_seconds())
        if some:
            with runtime.db.write() as db:
                collect(db, clock, db.get_one(tables.Source, source_id), Page(tuple(some)), matcher)
        for name in ORDER:
            run_stage(runtime, STAGES[name], seconds=float("inf"))
    return Outcome(tuple(_told(runtime, events)), len(stream), events)


def happenings(writer: Writer, pace: float) -> tuple[Event, ...]:
    """Three incidents and two harmless surges, each on a day of its own; `pace` 1 spreads them over two weeks."""

    def at(day: int, hour: int) -> datetime:
        return START + timedelta(days=round(day * pace), hours=hour)

    return (
        writer.sudden(at(4, 9), 80),
        writer.launch(at(6, 11), 110),
        writer.slow(at(8, 7), 80),
        writer.giveaway(at(10, 16), 130),
        writer.cascade(at(12, 13), 80),
    )


def _set_up(runtime: Runtime) -> int:
    """The brand and a source that hears; the source's id."""
    with runtime.db.write() as db:
        brand = tables.Brand(slug="tillo", name="Tillo", created_at=START)
        brand.queries = [tables.Query(name="tillo", text="tillo OR #tillogiveaway OR tillohelp", created_at=START)]
        brand.own_accounts = [tables.OwnAccount(platform="x", handle="tillohelp")]
        source = tables.Source(kind="x", name="x", created_at=START)
        db.add_all([brand, source])
        db.flush()
        channel = tables.Channel(kind="apprise", name="desk", created_at=START)
        rule = tables.AlertRule(brand_id=brand.id, channel=channel, kinds=["incident", "spread"], created_at=START)
        db.add_all([channel, rule])
        return source.id


def _steps(stream: Sequence[Mention], end: datetime) -> Iterator[tuple[datetime, list[Mention]]]:
    """When each step ends, and what was written in it."""
    until, some = START + STEP, list[Mention]()
    for one in stream:
        while one.created_at >= until:
            yield until, some
            until, some = until + STEP, []
        some.append(one)
        if len(some) == EVENLY:
            yield one.created_at, some
            some = []
    while until <= end:
        yield until, some
        until, some = until + STEP, []


def _told(runtime: Runtime, events: Sequence[Event]) -> Iterator[Told]:
    """Every delivery, with what most of what it is about was."""
    named = {one.native_id: event for event in events for one in event.mentions}
    member = tables.IncidentMention
    with runtime.db.read() as db:
        alerts = select(tables.Alert).join(tables.Delivery, tables.Delivery.alert_id == tables.Alert.id)
        for alert in db.scalars(alerts.where(tables.Delivery.kind == "alert").order_by(tables.Alert.id)):
            native = select(tables.Mention.native_id).join(member, member.mention_id == tables.Mention.id)
            members = (
                db.scalars(native.where(member.incident_id == alert.subject_id)) if alert.kind == "incident" else ()
            )
            counted = Counter(named[one].name if one in named else None for one in members)
            name = counted.most_common(1)[0][0] if counted else None
            about = next((event for event in events if event.name == name), None)
            yield Told(alert.words, alert.at, name, _share(about, alert.at) if about else 0.0)


def _share(event: Event, at: datetime) -> float:
    return sum(one.created_at <= at for one in event.mentions) / len(event.mentions)


def run(seeds: Sequence[int] = (1,)) -> list[tuple[str, str]]:
    """A row for every alert of each seed's two weeks."""
    rows = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
            settings, clock = Settings(ripplewatch_home=Path(folder)), HeldClock(START)
            database = Database(settings.database)
            database.prepare()
            outcome = replay(Runtime(settings, database, clock, Nudges()), clock, seed)
            database.close()
        good = "exactly the three" if outcome.right() else "NOT exactly the three"
        rows.append((f"two weeks {seed}: {outcome.mentions:,} mentions", f"{good}: {len(outcome.alerts)} alerts"))
        for one in outcome.alerts:
            what = one.event or "nothing that was planted"
            rows.append(
                (f"two weeks {seed}: {what}", f"after {one.share:.0%} of it, {one.at:%d %b %H:%M}: {one.words}")
            )
    return rows


if __name__ == "__main__":
    for what, figure in run([int(seed) for seed in sys.argv[1:]] or (1, 2, 3)):
        print(f"{what:<44} {figure}")
