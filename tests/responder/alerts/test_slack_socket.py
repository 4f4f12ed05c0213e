"""Socket Mode over a websocket on loopback: heard, done, acknowledged; opened again when Slack ends it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from websockets.sync.server import ServerConnection

from core.clock import HeldClock, SystemClock
from core.runtime import Runtime
from responder.alerts.slack.socket import hold, listen
from tests import loopback
from tests.loopback import Answer, Asked
from tests.responder.alerts import slack_stories as story
from tests.responder.alerts.slack_server import APP_TOKEN, TOKEN, Slack, refused, workspace
from tests.responder.ripples import incident, lines
from tests.responder.stories import add_user

HELLO = json.dumps({"type": "hello", "num_connections": 1})
GOODBYE = json.dumps({"type": "disconnect", "reason": "refresh_requested"})

Talk = Callable[[ServerConnection], None]


def envelope(number: int, payload: object, kind: str = "interactive") -> str:
    return json.dumps(
        {"type": kind, "envelope_id": f"e{number}", "payload": payload, "accepts_response_payload": False}
    )


class Line:
    """Slack's end of the sockets: one script per connection, the last of which ends the test."""

    def __init__(self, *talks: Talk) -> None:
        self.talks, self.stop, self.acknowledged = list(talks), threading.Event(), list[Any]()

    def talk(self, socket: ServerConnection, asked: Asked) -> None:
        del asked
        try:
            self.talks.pop(0)(socket)
        finally:
            if not self.talks:
                self.stop.set()

    def say(self, socket: ServerConnection, *envelopes: str) -> None:
        """Send each, and wait for its acknowledgement."""
        for one in envelopes:
            socket.send(one)
            self.acknowledged.append(json.loads(socket.recv(timeout=10)))

    @contextmanager
    def running(self, clock: HeldClock) -> Iterator[Slack]:
        with workspace(clock) as slack, loopback.websocket(self.talk) as server:
            slack.socket_url = f"{server.url}?ticket=secret-ticket"
            yield slack


def at(runtime: Runtime, slack: Slack) -> Runtime:
    """The runtime with Slack where the test has it."""
    return replace(runtime, settings=runtime.settings.model_copy(update={"slack_api_url": f"{slack.url}/api/"}))


def test_heard_done_and_acknowledged_also_after_slack_ends_it(
    runtime: Runtime, clock: HeldClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "responder")
    told = story.add_told(runtime, socket=True)
    ana = add_user(runtime)
    story.connect(runtime, ana, "U1")

    def first(socket: ServerConnection) -> None:
        socket.send(HELLO)
        line.say(socket, envelope(1, story.pressed(told)), envelope(2, story.pressed(told)))
        socket.send(GOODBYE)

    def second(socket: ServerConnection) -> None:
        socket.send(HELLO)
        socket.send("no JSON")
        socket.send("[]")
        line.say(
            socket, envelope(3, story.written(), "events_api"), envelope(4, None), envelope(5, {}, "slash_commands")
        )
        line.say(socket, envelope(6, story.pressed(told, user="U2")))
        said.append(slack.whispered()["text"])

    said: list[str] = []
    line = Line(first, second)
    with line.running(clock) as slack:
        hold(at(runtime, slack), APP_TOKEN, line.stop)
    assert line.acknowledged == [{"envelope_id": f"e{number}"} for number in range(1, 7)]
    row = incident(runtime, told.incident_id)
    assert (row.owner_id, row.version) == (ana, 2)
    assert lines(runtime, told.incident_id)[-2:] == ["Ana took it", "Ana looking at it"]
    assert "connect your Slack person" in said[0]
    assert len(slack.calls("apps.connections.open")) == 2
    for secret in (APP_TOKEN, TOKEN, "secret-ticket"):
        assert secret not in caplog.text


def test_what_could_not_be_done_is_not_acknowledged(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    told = story.add_told(sqlite_runtime, socket=True)

    def renamed(old: str, new: str) -> None:
        with sqlite_runtime.db.write() as db:
            db.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    def only(socket: ServerConnection) -> None:
        renamed("incidents", "away")
        socket.send(envelope(1, story.pressed(told)))
        line.say(socket, envelope(2, {}))
        renamed("away", "incidents")
        line.say(socket, envelope(3, story.pressed(told)))

    line = Line(only)
    with line.running(clock) as slack:
        hold(at(sqlite_runtime, slack), APP_TOKEN, line.stop)
    assert line.acknowledged == [{"envelope_id": "e2"}, {"envelope_id": "e3"}]


def test_opened_again_with_growing_pauses(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    line = Line(lambda socket: socket.send(HELLO))
    began = clock.now()
    with line.running(clock) as slack:
        for answer in (
            Answer(500),
            Answer(429, b"", {"Retry-After": "1"}),
            refused("internal_error"),
            Answer(200, b"x"),
        ):
            slack.fail("apps.connections.open", answer)
        hold(at(sqlite_runtime, slack), APP_TOKEN, line.stop)
    assert 0.75 * 15 <= (clock.now() - began).total_seconds() <= 1.25 * 16
    assert len(slack.calls("apps.connections.open")) == 5


def test_a_wrong_token_is_not_tried_in_haste(
    sqlite_runtime: Runtime, clock: HeldClock, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(lambda socket: socket.send(HELLO))
    began = clock.now()
    with line.running(clock) as slack:
        slack.fail("apps.connections.open", refused("invalid_auth"))
        hold(at(sqlite_runtime, slack), APP_TOKEN, line.stop)
    assert (clock.now() - began).total_seconds() > 200
    assert "Slack does not know this token" in caplog.text


def test_every_app_token_has_its_socket(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    told = story.add_told(sqlite_runtime, socket=True)
    story.add_channel(sqlite_runtime, "same app", app_token=APP_TOKEN)
    ana = add_user(sqlite_runtime)
    story.connect(sqlite_runtime, ana, "U1")
    line = Line(lambda socket: line.say(socket, envelope(1, story.pressed(told))))
    with line.running(clock) as slack:
        process = replace(at(sqlite_runtime, slack), clock=SystemClock())
        listen(process, line.stop)
    assert incident(sqlite_runtime, told.incident_id).owner_id == ana
    assert len(slack.calls("apps.connections.open")) == 1
