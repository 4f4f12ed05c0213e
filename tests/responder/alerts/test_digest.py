"""Digests: a day or a week in figures, once each, in the brand's morning, and after downtime only the newest."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Alert, HourCount, Topic, WordCount
from responder.alerts import digest
from tests.responder.alerts.places import Service, add_channel, add_incident, add_rule, settle
from tests.responder.stories import add_brand

START = datetime(2026, 11, 19, 23, tzinfo=UTC)
"""Midnight of Friday 20 November in Berlin, where the held clock (12:00 UTC) says 13:00."""


def plan(runtime: Runtime, brand: int) -> None:
    with runtime.db.write() as db:
        digest.plan(db, runtime.clock, brand)


def work(runtime: Runtime) -> None:
    while digest.work(runtime):
        pass


def told(runtime: Runtime) -> list[str]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Alert.key).where(Alert.kind == "digest").order_by(Alert.id)))


def count(runtime: Runtime, brand: int, hours: int, mentions: int, complaints: int, start: datetime = START) -> None:
    """So many in every one of these hours."""
    with runtime.db.write() as db:
        for hour in range(hours):
            place = {"brand_id": brand, "dimension": "all", "value": "", "hour": start + timedelta(hours=hour)}
            db.add(HourCount(**place, mentions=mentions, complaints=complaints, negative=complaints))


def test_a_day_is_told_once_in_the_brands_morning(runtime: Runtime, clock: HeldClock) -> None:
    brand, service = add_brand(runtime, timezone="Europe/Berlin"), Service()
    add_rule(runtime, brand, add_channel(runtime), kinds=["digest"])
    count(runtime, brand, 24, 10, 3)
    count(runtime, brand, 24, 5, 1, START - timedelta(days=1))
    with runtime.db.write() as db:
        db.add_all(
            WordCount(brand_id=brand, day=date(2026, 11, 20), word=word, mentions=n)
            for word, n in (("card", 40), ("hi", 2))
        )
        topic = Topic(brand_id=brand, name="Checkout", query="checkout", created_at=clock.now())
        db.add(topic)
        db.flush()
        at = {"brand_id": brand, "dimension": "topic", "value": str(topic.id), "hour": START}
        db.add(HourCount(**at, mentions=30))
    add_incident(runtime, brand)
    plan(runtime, brand)
    work(runtime)
    assert not told(runtime), "not before the morning"

    clock.advance(19 * 3600)  # 08:00 on Saturday in Berlin
    work(runtime)
    settle(runtime, service)
    work(runtime)
    settle(runtime, service)
    [message] = service.sent.values()
    facts = dict(message.facts)
    assert message.title == "Hawkweed: Friday 20 November"
    assert message.sentence == "240 mentions, 30% of them complaints: 100% more than the day before, when 20% were."
    assert facts["Mentions"] == "240 (before 120)"
    assert facts["Complaints"] == "72 (before 24)"
    assert facts["Incidents"] == "checkout, card (4, open)"
    assert facts["First reply"] == "no case was answered"
    assert facts["Topics rising"] == "Checkout 30 (before 0)"
    assert facts["Words rising"] == "card 40 (before 0)"
    assert message.url.endswith("/trends/hawkweed")
    assert (message.chart or b"").startswith(b"\x89PNG")
    assert not message.age
    assert not message.buttons
    assert told(runtime) == ["2026-11-20"]


def test_after_days_without_running_only_the_newest_of_each_is_told(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    brand, service = add_brand(sqlite_runtime, timezone="Europe/Berlin"), Service()
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime), kinds=["digest"])
    weekly = add_channel(sqlite_runtime, "#leads")
    add_rule(sqlite_runtime, brand, weekly, kinds=["digest"], hours={"when": "always", "digest": "weekly"})
    plan(sqlite_runtime, brand)
    clock.advance(6 * 86400)  # Thursday at 13:00
    for _ in range(3):
        work(sqlite_runtime)
        settle(sqlite_runtime, service)
    assert sorted(told(sqlite_runtime)) == ["2026-11-25", "2026-W47"]
    assert sorted(message.title for message in service.sent.values()) == [
        "Hawkweed: 16 November to 22 November",
        "Hawkweed: Wednesday 25 November",
    ], "each to the channel whose rule asked for it"


def test_what_was_before_its_rule_is_not_told_and_nothing_waits_without_one(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    brand = add_brand(sqlite_runtime)
    plan(sqlite_runtime, brand)
    clock.advance(10 * 86400)
    work(sqlite_runtime)
    assert not told(sqlite_runtime)
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime), kinds=["digest"])
    plan(sqlite_runtime, brand)
    work(sqlite_runtime)
    assert not told(sqlite_runtime)
    clock.advance(86400)
    work(sqlite_runtime)
    assert told(sqlite_runtime) == ["2026-11-30"]


@pytest.mark.parametrize(
    ("key", "first", "days", "name"),
    [
        ("2026-11-20", date(2026, 11, 20), 1, "Friday 20 November"),
        ("2026-W53", date(2026, 12, 28), 7, "28 December to 3 January"),
    ],
)
def test_a_key_names_its_days(key: str, first: date, days: int, name: str) -> None:
    assert digest.period_of(key) == digest.Period(first, days, name)
