"""Who hears of what: one message per alert and channel, in the hours of its rule, and on to the next if nobody acts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core import alerts
from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import AlertRule, Brand, IncidentEvent, Notification
from responder.alerts import rules
from responder.timing.sla import WEEKDAYS
from tests.responder.alerts.places import (
    Service,
    add_channel,
    add_incident,
    add_rule,
    deliveries,
    settle,
    states,
    tell,
)
from tests.responder.stories import add_brand, add_user

NIGHT = {
    "when": "custom",
    "spans": {day: ["08:00", "20:00"] for day in WEEKDAYS},
}


def test_one_message_however_many_rules_mentions_and_changes(runtime: Runtime) -> None:
    brand, service = add_brand(runtime), Service()
    channel = add_channel(runtime)
    add_rule(runtime, brand, channel)
    add_rule(runtime, brand, channel, kinds=["incident", "breach"], severity="high")
    add_rule(runtime, add_brand(runtime, "other"), add_channel(runtime, "#other"))

    incident = add_incident(runtime, brand)
    for number in range(5, 45):
        tell(runtime, incident, mentions=number)
    settle(runtime, service)
    tell(runtime, incident, mentions=50)
    settle(runtime, service)

    assert len(service.sent) == 1
    assert states(runtime) == [("alert", "sent")]


def test_it_is_told_when_its_severity_has_risen_to_what_the_rule_hears(sqlite_runtime: Runtime) -> None:
    brand, service = add_brand(sqlite_runtime), Service()
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime), severity="urgent")
    incident = add_incident(sqlite_runtime, brand, severity="normal")
    settle(sqlite_runtime, service)
    assert not service.sent

    tell(sqlite_runtime, incident, severity="urgent")
    settle(sqlite_runtime, service)
    assert [message.severity for message in service.sent.values()] == ["urgent"]


def test_at_night_it_waits_for_the_morning_unless_it_became_urgent(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    brand, service = add_brand(sqlite_runtime, timezone="Europe/Berlin"), Service()
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime), hours=NIGHT | {"break_from": "urgent"})
    clock.advance(11 * 3600)  # 00:00 in Berlin
    sleeping, rising = add_incident(sqlite_runtime, brand), add_incident(sqlite_runtime, brand, name="login")
    settle(sqlite_runtime, service)
    assert not service.sent

    tell(sqlite_runtime, rising, severity="urgent")
    settle(sqlite_runtime, service)
    assert [message.title for message in service.sent.values()] == ["login"]
    clock.advance(8 * 3600)
    settle(sqlite_runtime, service)
    last = list(service.sent.values())[-1]
    assert (last.incident_id, last.age) == (sleeping, "noticed 00:00, delivered 8 h later")


@pytest.mark.parametrize("end", ["closed", "open"])
def test_what_was_over_before_the_morning_is_not_told(sqlite_runtime: Runtime, clock: HeldClock, end: str) -> None:
    brand, service = add_brand(sqlite_runtime), Service()
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime), hours=NIGHT)
    clock.advance(10 * 3600)
    incident = add_incident(sqlite_runtime, brand)
    settle(sqlite_runtime, service)
    if end == "closed":
        with sqlite_runtime.db.write() as db:
            alerts.closed(db, clock, "incident", incident)
    clock.advance(12 * 3600)
    settle(sqlite_runtime, service)
    assert len(service.sent) == (end == "open")


@pytest.mark.parametrize("act", ["nothing", "take", "close"])
def test_it_goes_on_to_the_next_when_nobody_takes_it(runtime: Runtime, clock: HeldClock, act: str) -> None:
    brand, service = add_brand(runtime), Service()
    boss = add_channel(runtime, "pager", kind="apprise")
    add_rule(runtime, brand, add_channel(runtime), escalate_minutes=15, escalate_to=boss)
    incident = add_incident(runtime, brand)
    settle(runtime, service)
    clock.advance(14 * 60)
    tell(runtime, incident, mentions=9)  # that it grows does not put off anything
    settle(runtime, service)
    assert len(service.sent) == 1

    with runtime.db.write() as db:
        if act == "take":
            alerts.taken(db, clock, "incident", incident)
        if act == "close":
            alerts.closed(db, clock, "incident", incident)
    clock.advance(60)
    settle(runtime, service)
    clock.advance(3600)
    settle(runtime, service)
    titles = [message.title for message in service.sent.values()]
    assert titles[1:] == (["Nobody has taken it yet: checkout, card"] if act == "nothing" else [])


def test_a_snooze_puts_off_the_escalation(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    brand, service = add_brand(sqlite_runtime), Service()
    boss = add_channel(sqlite_runtime, "pager", kind="apprise")
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime), escalate_minutes=15, escalate_to=boss)
    add_incident(sqlite_runtime, brand, snoozed_until=clock.now() + timedelta(hours=1))
    settle(sqlite_runtime, service)
    clock.advance(16 * 60)
    settle(sqlite_runtime, service)
    assert len(service.sent) == 1
    clock.advance(45 * 60)
    settle(sqlite_runtime, service)
    assert len(service.sent) == 2


def test_the_timeline_goes_on_below_the_message_where_there_are_threads(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    brand, service = add_brand(sqlite_runtime), Service()
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime))
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime, "mail", kind="apprise"))
    incident = add_incident(sqlite_runtime, brand)
    settle(sqlite_runtime, service)
    clock.advance(30)
    with sqlite_runtime.db.write() as db:
        values = {"incident_id": incident, "at": clock.now(), "who": "Ana", "kind": "say"}
        db.add(IncidentEvent(**values, key="a", words="the bank is on it"))
    tell(sqlite_runtime, incident)
    settle(sqlite_runtime, service)
    tell(sqlite_runtime, incident)
    settle(sqlite_runtime, service)

    assert list(service.lines.values()) == ["Ana: the bank is on it"]
    assert [row.kind for row in deliveries(sqlite_runtime)] == ["alert", "alert", "thread"]


def test_without_any_rule_the_pages_tell_who_looks_after_the_brand(sqlite_runtime: Runtime) -> None:
    brand, service = add_brand(sqlite_runtime), Service()
    admin, approver = add_user(sqlite_runtime, "Ada", "admin"), add_user(sqlite_runtime, "Al", "approver")
    add_user(sqlite_runtime, "Ana", "agent")
    tell(sqlite_runtime, add_incident(sqlite_runtime, brand), mentions=9)
    settle(sqlite_runtime, service)
    with sqlite_runtime.db.read() as db:
        told = db.execute(select(Notification.user_id, Notification.words)).all()
    assert [row.user_id for row in told] == [admin, approver]
    assert not service.sent


def test_a_source_of_no_brand_concerns_the_rules_of_all_and_a_channel_in_trouble_another_one(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    first, second = add_channel(sqlite_runtime), add_channel(sqlite_runtime, "mail", kind="apprise")
    for slug, channel in (("a", first), ("b", second)):
        add_rule(sqlite_runtime, add_brand(sqlite_runtime, slug), channel, kinds=["source"])
    service = Service()
    with sqlite_runtime.db.write() as db:
        alerts.tell(db, clock, "source", 1, None, "high", "the key was refused")
        alerts.tell(db, clock, "channel", first, None, "high", "#care: the token was revoked")
    settle(sqlite_runtime, service)
    told = {(row.channel_id, row.alert_id) for row in deliveries(sqlite_runtime)}
    assert told == {(first, 1), (second, 1), (second, 2)}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Incidents go to #care at any hour."),
        (
            {"severity": "high", "escalate_minutes": 15},
            "Incidents from high on go to #care at any hour."
            " If nobody has taken it 15 min later, it also goes to PagerDuty.",
        ),
        (
            {"kinds": ["incident", "breach"], "hours": {"when": "business", "break_from": "urgent"}},
            "Incidents and late replies go to #care in the brand’s business hours; from urgent on at any hour.",
        ),
        ({"hours": NIGHT}, "Incidents go to #care every day 08:00 to 20:00."),
        ({"kinds": []}, "This rule hears of nothing: choose what it is about."),
    ],
)
def test_a_rule_says_in_words_what_it_does(values: dict[str, Any], said: str) -> None:
    rule = AlertRule(**{"kinds": ["incident"], "severity": "normal", "hours": {"when": "always"}} | values)
    assert rules.in_words(rule, "#care", "PagerDuty") == said


def test_hours_are_the_brands_own_with_its_closed_days() -> None:
    hours = {day: ["09:00", "17:00"] for day in WEEKDAYS[:5]}
    brand = Brand(hours=hours, timezone="America/New_York", holidays={"days": ["2026-11-23"]})
    saturday = datetime(2026, 11, 21, 15, tzinfo=UTC)
    assert rules.due({"when": "business"}, brand, "normal", saturday) == datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert rules.due({"when": "business", "break_from": "high"}, brand, "urgent", saturday) == saturday
