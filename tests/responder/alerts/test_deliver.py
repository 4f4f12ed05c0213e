"""Alerts arrive once: whatever the service does, wherever we die, and however many of us work."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core import alerts
from core.clock import HeldClock
from core.errors import GiveUp, RetryLater, Unsure
from core.runtime import Runtime
from core.tables import Channel, Delivery, Notification, Quoted
from listener.forget import forget_mentions
from responder.alerts.channel import Refused
from responder.alerts.deliver import LEASE, deliver, resume
from responder.alerts.deliver import settle as said_by_hand
from responder.alerts.route import route_alerts
from tests.responder.alerts.places import (
    Service,
    add_channel,
    add_incident,
    add_rule,
    deliveries,
    one,
    settle,
    states,
    tell,
)
from tests.responder.stories import add_brand, add_user, hear


class Died(BaseException):
    """The process was killed here; nothing catches it."""


@pytest.fixture
def incident(runtime: Runtime) -> int:
    """An incident that one Slack channel hears of."""
    brand = add_brand(runtime)
    add_rule(runtime, brand, add_channel(runtime))
    return add_incident(runtime, brand)


@pytest.fixture
def quiet_incident(sqlite_runtime: Runtime) -> int:
    """The same on SQLite alone."""
    brand = add_brand(sqlite_runtime)
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime))
    return add_incident(sqlite_runtime, brand)


def channel(runtime: Runtime) -> Channel:
    with runtime.db.read() as db:
        return db.scalars(select(Channel).order_by(Channel.id).limit(1)).one()


@pytest.mark.parametrize("where", ["before it was taken", "after it was taken"])
@pytest.mark.parametrize("finds", [True, False])
def test_a_process_that_dies_while_it_sends_neither_loses_nor_doubles(
    runtime: Runtime, clock: HeldClock, incident: int, where: str, finds: bool
) -> None:
    service = Service(finds=finds)
    (service.before if where.startswith("before") else service.after).append(Died())  # type: ignore[arg-type]
    with pytest.raises(Died):
        settle(runtime, service)
    settle(runtime, service)
    assert [row.state for row in deliveries(runtime)] == ["sending"], "left to the one that has it"

    clock.advance(LEASE.total_seconds())
    settle(runtime, service)
    settle(runtime, service)
    if finds:
        assert states(runtime) == [("alert", "sent")]
        assert service.calls.count("send") == (2 if where.startswith("before") else 1)
        assert len(service.sent) == 1
    else:
        assert states(runtime) == [("alert", "unsure")]
        assert service.calls.count("send") == 1
    del incident


def test_a_process_that_dies_after_the_call_and_before_its_record_is_found_out(
    runtime: Runtime, clock: HeldClock, incident: int
) -> None:
    """The record's transaction is rolled back as a whole; the message is there, and is not sent again."""
    service = Service()

    def dies(channel: Channel) -> Any:
        sender = one(service)(channel)
        sender.close = lambda: (_ for _ in ()).throw(Died())  # type: ignore[method-assign]
        return sender

    with runtime.db.write() as db:
        route_alerts(db, clock)
    with pytest.raises(Died):
        deliver(runtime, dies)
    clock.advance(LEASE.total_seconds())
    settle(runtime, service)
    assert states(runtime) == [("alert", "sent")]
    assert service.calls.count("send") == 1
    del incident


def test_of_many_workers_one_sends(runtime: Runtime, incident: int) -> None:
    service = Service()
    with runtime.db.write() as db:
        route_alerts(db, runtime.clock)
    workers = [threading.Thread(target=deliver, args=(runtime, one(service))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert service.calls.count("send") == 1
    assert states(runtime) == [("alert", "sent")]
    del incident


def test_an_unclear_call_is_asked_about_and_not_repeated(
    sqlite_runtime: Runtime, clock: HeldClock, quiet_incident: int
) -> None:
    service = Service(after=[Unsure("timed out")])
    settle(sqlite_runtime, service)
    assert states(sqlite_runtime) == [("alert", "sent")]
    assert service.calls == ["send", "find"]
    del quiet_incident, clock


def test_what_certainly_did_not_arrive_goes_again_after_a_while(
    sqlite_runtime: Runtime, clock: HeldClock, quiet_incident: int
) -> None:
    service = Service(before=[Unsure("timed out")])
    settle(sqlite_runtime, service)
    assert service.calls == ["send", "find"], "it may still be on its way"
    clock.advance(60)
    settle(sqlite_runtime, service)
    assert states(sqlite_runtime) == [("alert", "sent")]
    assert service.calls == ["send", "find", "find", "send"]
    del quiet_incident


def test_a_service_that_is_down_gets_it_once_with_its_age(runtime: Runtime, clock: HeldClock, incident: int) -> None:
    service = Service(before=[RetryLater("503 from Slack") for _ in range(4)])
    for _ in range(40):
        settle(runtime, service)
        clock.advance(2)
    assert states(runtime) == [("alert", "sent")]
    [message] = service.sent.values()
    assert not message.age, "not two minutes late: 5, 10, 20 and 40 s apart"
    assert service.calls == ["send"] * 5
    del incident


def test_the_age_is_said_when_slack_was_down_for_twenty_minutes(
    sqlite_runtime: Runtime, clock: HeldClock, quiet_incident: int
) -> None:
    service = Service(before=[RetryLater("503", after=1200)])
    settle(sqlite_runtime, service)
    clock.advance(1200)
    settle(sqlite_runtime, service)
    assert [message.age for message in service.sent.values()] == ["noticed 12:00, delivered 20 min later"]
    del quiet_incident


def test_a_rate_limit_holds_back_all_that_goes_to_the_channel_and_nothing_else(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    brand = add_brand(sqlite_runtime)
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime))
    for number in range(5):
        add_incident(sqlite_runtime, brand, name=f"incident {number}")
    service = Service(before=[RetryLater("rate limited", after=30)])
    settle(sqlite_runtime, service)
    assert service.calls == ["send"]
    clock.advance(29)
    settle(sqlite_runtime, service)
    assert service.calls == ["send"]
    clock.advance(1)
    settle(sqlite_runtime, service)
    assert [message.title for message in service.sent.values()] == [f"incident {number}" for number in range(5)]


def test_a_service_that_refuses_us_pauses_its_channel_and_says_so_once(
    sqlite_runtime: Runtime, clock: HeldClock, quiet_incident: int
) -> None:
    add_user(sqlite_runtime, "Ada", "admin")
    service = Service(before=[GiveUp("token_revoked")])
    brand_rule = add_channel(sqlite_runtime, "mail", kind="apprise")
    add_rule(sqlite_runtime, 1, brand_rule, kinds=["source"])
    settle(sqlite_runtime, service)
    tell(sqlite_runtime, quiet_incident, mentions=9)
    settle(sqlite_runtime, service)

    paused = channel(sqlite_runtime)
    assert (paused.state, paused.reason) == ("paused", "token_revoked")
    assert service.calls == ["send", "send"], "the other one is the word of it through mail"
    [word] = service.sent.values()
    assert word.title == "Alerts cannot be delivered: #care"
    with sqlite_runtime.db.read() as db:
        told = db.scalars(select(Notification.words).where(Notification.words.contains("token_revoked"))).all()
    assert len(told) == 1

    with sqlite_runtime.db.write() as db:
        resume(db, clock, db.get_one(Channel, paused.id))
    settle(sqlite_runtime, service)
    assert [(row.channel_id, row.state) for row in deliveries(sqlite_runtime)] == [
        (paused.id, "sent"),
        (brand_rule, "sent"),
    ]


def test_one_message_that_is_refused_stops_no_other_and_tells_a_person(
    sqlite_runtime: Runtime, quiet_incident: int
) -> None:
    add_user(sqlite_runtime, "Ada", "admin")
    add_incident(sqlite_runtime, 1, name="second")
    service = Service(before=[Refused("msg_too_long")])
    settle(sqlite_runtime, service)
    assert states(sqlite_runtime) == [("alert", "failed"), ("alert", "sent")]
    with sqlite_runtime.db.read() as db:
        [told] = db.scalars(select(Notification.words).where(Notification.kind == "trouble")).all()
    assert told == "An alert did not reach #care: checkout, card: 4 complaints"
    del quiet_incident


def test_a_service_that_is_down_for_days_is_given_up_where_people_see_it(
    sqlite_runtime: Runtime, clock: HeldClock, quiet_incident: int
) -> None:
    service = Service(before=[RetryLater("no route to host") for _ in range(200)])
    for _ in range(60):
        settle(sqlite_runtime, service)
        clock.advance(1800)
    [row] = deliveries(sqlite_runtime)
    assert row.state == "failed"
    assert "no route to host" in (row.error or "")
    del quiet_incident


@pytest.mark.parametrize("arrived", [True, False])
def test_a_person_says_what_became_of_it(
    sqlite_runtime: Runtime, clock: HeldClock, quiet_incident: int, arrived: bool
) -> None:
    service = Service(finds=False, before=[Unsure("timed out")])
    settle(sqlite_runtime, service)
    assert states(sqlite_runtime) == [("alert", "unsure")]
    with sqlite_runtime.db.write() as db:
        row = db.scalars(select(Delivery)).one()
        assert said_by_hand(db, clock, row, arrived=arrived)
        assert not said_by_hand(db, clock, row, arrived=arrived), "once"
    settle(sqlite_runtime, service)
    tell(sqlite_runtime, quiet_incident, mentions=9)
    settle(sqlite_runtime, service)
    assert states(sqlite_runtime) == [("alert", "sent")]
    assert service.calls.count("send") == (1 if arrived else 2)


def test_a_message_follows_its_incident_and_changes_are_put_together(
    runtime: Runtime, clock: HeldClock, incident: int
) -> None:
    service = Service()
    settle(runtime, service)
    clock.advance(60)
    for number in range(10, 60):
        tell(runtime, incident, mentions=number)
        settle(runtime, service)
        clock.advance(0.2)
    clock.advance(10)
    settle(runtime, service)
    assert 2 <= len(service.updates) <= 4, "once in five seconds, and the last"
    assert service.updates[-1].facts[0] == ("Complaints", "59 from 4 people")

    clock.advance(60)
    tell(runtime, incident)
    settle(runtime, service)
    assert len(service.updates) <= 4, "what would say the same is left alone"


def test_what_happens_while_it_is_sent_is_not_lost(
    sqlite_runtime: Runtime, clock: HeldClock, quiet_incident: int
) -> None:
    class Talkative(Service):
        def call(self, what: str, take: Any) -> None:
            if what == "send":
                clock.advance(1)
                tell(sqlite_runtime, quiet_incident, mentions=77)
            super().call(what, take)

    service = Talkative()
    settle(sqlite_runtime, service)
    clock.advance(10)
    settle(sqlite_runtime, service)
    assert [message.facts[0][1] for message in service.updates] == ["77 from 4 people"]


def test_posts_are_quoted_masked_and_disappear_when_they_are_forgotten(runtime: Runtime, clock: HeldClock) -> None:
    brand, service = add_brand(runtime), Service()
    add_rule(runtime, brand, add_channel(runtime))
    texts = ("card declined, mail me at joe@example.com <!channel>", "checkout is broken", "cannot pay")
    posts = [hear(runtime, text, author=f"a{number}") for number, text in enumerate(texts)]
    add_incident(runtime, brand, tuple(posts))
    settle(runtime, service)
    [message] = service.sent.values()
    assert message.examples[0] == "card declined, mail me at [e-mail] <!channel>", "escaping is the sender's"
    assert len(message.examples) == 3

    clock.advance(60)
    with runtime.db.write() as db:
        forget_mentions(db, clock, [posts[0]])
    settle(runtime, service)
    assert service.updates[-1].examples == ("checkout is broken", "cannot pay")
    with runtime.db.read() as db:
        assert sorted(db.scalars(select(Quoted.mention_id))) == posts[1:]


def test_an_alert_that_is_over_says_so(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    brand, service = add_brand(sqlite_runtime), Service()
    add_rule(sqlite_runtime, brand, add_channel(sqlite_runtime), kinds=["source"])
    with sqlite_runtime.db.write() as db:
        alerts.tell(db, clock, "source", 1, brand, "high", "the key was refused", key="a")
    settle(sqlite_runtime, service)
    clock.advance(timedelta(minutes=30).total_seconds())
    with sqlite_runtime.db.write() as db:
        alerts.closed(db, clock, "source", 1)
    settle(sqlite_runtime, service)
    assert [message.state for message in service.updates] == ["over since 12:30"]
