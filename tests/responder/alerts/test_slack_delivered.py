"""From an incident to Slack and back, through the stages `alert` and `deliver`: one message, in the right state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Channel, Delivery
from responder.alerts import deliver, route
from responder.alerts.deliver import LEASE, LOOK_AGAIN
from responder.alerts.slack import hearing
from tests.loopback import Answer
from tests.responder.alerts import slack_stories as story
from tests.responder.alerts.places import add_rule
from tests.responder.alerts.slack_server import CUT, Slack, refused, workspace
from tests.responder.ripples import add_cases, add_incident, incident, lines
from tests.responder.stories import add_user

DOWN = Answer(503)


class Desk:
    """An incident of complaints that call the whole channel, and the stages that tell Slack of it."""

    def __init__(self, runtime: Runtime, slack: Slack) -> None:
        process = runtime.settings.model_copy(update={"slack_api_url": f"{slack.url}/api/"})
        self.runtime, self.slack = replace(runtime, settings=process), slack
        complaints = add_cases(runtime, text="<!channel> :tada: *checkout* refuses my card, call +49 170 1234567")
        channel_id = story.add_channel(runtime)
        add_rule(runtime, complaints[0].brand_id, channel_id)
        self.told = story.Told(add_incident(runtime, complaints, "Checkout <@U1>"), channel_id)

    def settle(self) -> None:
        """Let the stages do what is due now."""
        for _ in range(50):
            if not route.work(self.runtime) + deliver.work(self.runtime):
                return
        pytest.fail("it never comes to rest")

    def hears(self, payload: dict[str, Any], kind: str = "interactive") -> None:
        """Somebody does something in Slack."""
        with self.runtime.db.read() as db:
            by = hearing.channels(db, self.runtime.settings)
        hearing.take_in(self.runtime, by, kind, payload)

    def states(self) -> list[tuple[str, str]]:
        with self.runtime.db.read() as db:
            return [(row.kind, row.state) for row in db.scalars(select(Delivery).order_by(Delivery.id))]

    def shown(self) -> str:
        """The only message of the channel, as JSON."""
        (post,) = self.slack.posts
        return json.dumps(post["blocks"], ensure_ascii=False)


@pytest.fixture
def slack(clock: HeldClock) -> Iterator[Slack]:
    with workspace(clock) as running:
        yield running


@pytest.fixture
def desk(runtime: Runtime, slack: Slack) -> Desk:
    return Desk(runtime, slack)


def test_told_taken_talked_about_and_dismissed(desk: Desk, clock: HeldClock) -> None:
    desk.settle()
    (post,) = desk.slack.posts
    assert desk.slack.called == []
    assert "&lt;!channel&gt; :tada: *checkout* refuses my card, call [phone]" in desk.shown()
    assert "1234567" not in desk.shown()
    story.connect(desk.runtime, add_user(desk.runtime, "Ben"), "U2")
    story.connect(desk.runtime, add_user(desk.runtime, "Ana", "approver"), "U1")
    clock.advance(60)
    for user in ("U1", "U1", "U2"):
        desk.hears(story.pressed(desk.told, user=user))
    desk.hears(story.written(user="U2", stamp="1.5", thread_ts=post["ts"]), "events_api")
    desk.settle()
    clock.advance(60)
    desk.settle()
    assert "taken by Ana" in desk.shown()
    assert '"action_id": "take"' not in desk.shown()
    assert lines(desk.runtime, desk.told.incident_id)[-2:] == ["Ana took it", "Ben looking at it"]
    under = [one["text"] for one in desk.slack.messages.values() if one.get("thread_ts") == post["ts"]]
    assert under == ["Ana: took it"]  # what was written there stands there already
    desk.hears(story.pressed(desk.told, "dismiss", version=incident(desk.runtime, desk.told.incident_id).version))
    clock.advance(60)
    desk.settle()
    assert "dismissed" in desk.shown()
    assert '"value"' not in desk.shown()
    assert len(desk.slack.posts) == 1
    assert len(desk.slack.calls("chat.postMessage")) == 3  # the message, and a line for each of the two deeds


def test_slack_dies_after_it_took_the_message(desk: Desk, clock: HeldClock) -> None:
    desk.slack.fail("chat.postMessage", CUT, after=True)
    for _ in range(2):  # asked at once, by the sender and by the stage
        desk.slack.fail("conversations.history", DOWN)
    desk.settle()
    assert desk.states() == [("alert", "sending")]
    clock.advance(max(LEASE, LOOK_AGAIN).total_seconds() + 1)
    desk.settle()
    assert desk.states() == [("alert", "sent")]
    assert len(desk.slack.posts) == len(desk.slack.calls("chat.postMessage")) == 1


def test_slack_is_down_for_a_while_and_gets_it_once_with_its_age(desk: Desk, clock: HeldClock) -> None:
    for method in ("chat.postMessage", "conversations.history"):
        for _ in range(3):
            desk.slack.fail(method, DOWN)
    for _ in range(20):
        desk.settle()
        clock.advance(120)
    assert desk.states() == [("alert", "sent")]
    assert len(desk.slack.posts) == 1
    assert "noticed" in desk.shown()
    assert "min later" in desk.shown()


def test_slack_asks_to_wait(desk: Desk, clock: HeldClock) -> None:
    desk.slack.fail("chat.postMessage", Answer(429, b"", {"Retry-After": "30"}))
    desk.settle()
    clock.advance(29)
    desk.settle()
    assert desk.slack.posts == []
    clock.advance(2)
    desk.settle()
    assert len(desk.slack.posts) == 1
    assert len(desk.slack.calls("chat.postMessage")) == 2


def test_a_bot_that_was_thrown_out_pauses_its_channel_with_what_to_do(desk: Desk) -> None:
    desk.slack.fail("chat.postMessage", refused("not_in_channel"))
    desk.settle()
    with desk.runtime.db.read() as db:
        channel = db.get_one(Channel, desk.told.channel_id)
    assert channel.state == "paused"
    assert "/invite" in (channel.reason or "")
    assert desk.slack.posts == []
