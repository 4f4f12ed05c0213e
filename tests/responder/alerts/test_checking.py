"""A channel that would refuse the next alert is found out before, and people are told."""

from __future__ import annotations

import threading
from dataclasses import replace

from sqlalchemy import select

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Alert, Channel
from responder.alerts import checking
from responder.alerts.senders import sender_of
from tests.loopback import Answer
from tests.responder.alerts import slack_stories as story
from tests.responder.alerts.slack_server import CUT, TEST_CHANNEL, refused, said, workspace


def channels(runtime: Runtime) -> dict[str, tuple[str, str | None]]:
    with runtime.db.read() as db:
        return {row.name: (row.state, row.reason) for row in db.scalars(select(Channel))}


class Rounds(HeldClock):
    """Ends the rounds after some of them, and remembers how long each pause was."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.left, self.pauses = rounds, list[float]()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.left -= 1
        if not self.left:
            event.set()
        return super().wait(event, seconds)


def test_a_bot_that_was_thrown_out_is_found_out_and_told_once(runtime: Runtime) -> None:
    clock = Rounds(3)
    with workspace(clock) as slack:
        process = runtime.settings.model_copy(update={"slack_api_url": f"{slack.url}/api/", "canary_hours": 6})
        checked = replace(runtime, settings=process, clock=clock)
        for name in ("thrown out", "well"):
            story.add_channel(checked, name)
        slack.fail("auth.test", Answer(503))  # the first round tells nothing of the first channel
        slack.fail("conversations.history", Answer(503))
        slack.fail("conversations.history", refused("not_in_channel"))
        checking.keep_checking(checked, threading.Event())
    found = channels(checked)
    assert found["well"] == ("ok", None)
    assert found["thrown out"][0] == "paused"
    assert "/invite" in (found["thrown out"][1] or "")
    assert clock.pauses == [6 * 3600.0] * 3
    assert slack.posts == []
    assert len(slack.calls("auth.test")) == 5  # a paused channel is left alone
    with checked.db.read() as db:
        (told,) = db.scalars(select(Alert)).all()
    assert "thrown out: the bot is not in that channel" in told.words
    assert checked.queue.nudged == ["alert"]  # type: ignore[attr-defined]


def test_a_message_through_the_test_channel_is_posted_read_changed_and_deleted(sqlite_runtime: Runtime) -> None:
    """Where asking alone says that all is well: messages that Slack takes and that get nowhere are found out."""
    clock = Rounds(2)
    with workspace(clock) as slack:
        process = sqlite_runtime.settings.model_copy(update={"slack_api_url": f"{slack.url}/api/", "canary_hours": 6})
        checked = replace(sqlite_runtime, settings=process, clock=clock)
        story.add_channel(checked, canary=TEST_CHANNEL)
        slack.fail("chat.delete", CUT)  # the first round leaves its message, which the second takes away
        checking.keep_checking(checked, threading.Event())
        assert [method for method, _ in slack.asked if method.startswith("chat.")] == [
            *("chat.postMessage", "chat.update", "chat.delete"),
            *("chat.postMessage", "chat.update", "chat.delete", "chat.delete"),
        ]
        assert slack.tests == slack.posts == []
        assert channels(checked)["alerts"] == ("ok", None)

        slack.fail("chat.postMessage", said({"channel": TEST_CHANNEL, "ts": "1.1"}))
        checking.check_all(checked, lambda channel: sender_of(checked, channel))
    gone = "in the test channel: Slack took a message, and it is not there"
    assert channels(checked)["alerts"] == ("paused", gone)


def test_settings_that_cannot_be_used_any_more_are_found_out(sqlite_runtime: Runtime) -> None:
    story.add_channel(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        db.scalars(select(Channel)).one().credentials = None
    stop, clock = threading.Event(), Rounds(1)
    checking.keep_checking(replace(sqlite_runtime, clock=clock), stop)
    assert channels(sqlite_runtime)["alerts"][0] == "paused"


def test_never_means_never(sqlite_runtime: Runtime) -> None:
    never = sqlite_runtime.settings.model_copy(update={"canary_hours": 0})
    clock = Rounds(1)
    checking.keep_checking(replace(sqlite_runtime, settings=never, clock=clock), threading.Event())
    assert clock.pauses == []
