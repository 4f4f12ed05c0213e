"""Slack's requests over HTTP: signed ones are done and answered, all others refused; and people connect themselves."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from slack_sdk.signature import SignatureVerifier
from werkzeug.test import TestResponse

from core.clock import HeldClock
from core.runtime import Runtime
from core.settings import Settings
from responder.alerts.slack import people
from responder.alerts.slack.people import Person
from tests.conftest import NudgeList
from tests.responder.alerts import slack_stories as story
from tests.responder.alerts.slack_server import TEAM, Slack, workspace
from tests.responder.ripples import incident, lines
from tests.responder.stories import add_user
from tests.web.visitor import Visitor, words
from web.managing.slack import LARGEST


@pytest.fixture
def slack(clock: HeldClock) -> Iterator[Slack]:
    with workspace(clock) as running:
        yield running


@pytest.fixture
def settings(settings: Settings, slack: Slack) -> Settings:
    return settings.model_copy(update={"slack_api_url": f"{slack.url}/api/"})


@pytest.fixture
def told(sqlite_runtime: Runtime) -> story.Told:
    return story.add_told(sqlite_runtime)


class Caller:
    """Slack, or somebody who would like to pass for it."""

    def __init__(self, app: Flask, clock: HeldClock) -> None:
        self.client, self.clock = app.test_client(), clock

    def post(self, path: str, body: bytes, *, secret: str = story.SECRET, **headers: str) -> TestResponse:
        stamp = headers.pop("stamp", str(int(self.clock.now().timestamp())))
        made = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        signed = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={made}"} | headers
        form = "application/x-www-form-urlencoded" if path.endswith("interactions") else "application/json"
        return self.client.post(path, data=body, headers=signed, content_type=form)

    def press(self, payload: object, **more: str) -> TestResponse:
        return self.post("/slack/interactions", urlencode({"payload": json.dumps(payload)}).encode(), **more)

    def event(self, payload: object, **more: str) -> TestResponse:
        return self.post("/slack/events", json.dumps(payload).encode(), **more)


@pytest.fixture
def caller(app: Flask, clock: HeldClock) -> Caller:
    return Caller(app, clock)


def test_a_button_is_acknowledged_and_done(
    caller: Caller, sqlite_runtime: Runtime, told: story.Told, queue: NudgeList
) -> None:
    ana = add_user(sqlite_runtime)
    story.connect(sqlite_runtime, ana, "U1")
    began = time.monotonic()
    answers = [caller.press(story.pressed(told)) for _ in range(2)]
    assert time.monotonic() - began < 3
    assert [(one.status_code, one.get_data()) for one in answers] == [(200, b"")] * 2
    assert incident(sqlite_runtime, told.incident_id).owner_id == ana
    assert queue.nudged == ["alert", "incident", "issue"]


def test_a_stranger_gets_a_link_and_connects(
    caller: Caller, slack: Slack, agent: Visitor, sqlite_runtime: Runtime, told: story.Told
) -> None:
    assert caller.press(story.pressed(told)).status_code == 200
    whisper = slack.whispered()
    link = whisper["blocks"][-1]["elements"][0]["url"].removeprefix(sqlite_runtime.settings.pages_url)
    asked = words(agent.get(link))
    assert "Is this you in Slack: u1 (person U1 of workspace T0TEAM0001)" in asked
    token = link.split("token=")[1]
    assert agent.post("/slack/connect", {"token": token}).status_code == 302
    assert "Person U1 of workspace T0TEAM0001 acts as you in Slack" in words(agent.get("/account"))
    assert agent.post("/slack/connect", {"token": token}).status_code == 404
    assert agent.get(link).status_code == 404
    assert caller.press(story.pressed(told)).status_code == 200
    assert incident(sqlite_runtime, told.incident_id).owner_id == agent.user_id
    agent.post("/slack/disconnect", {"workspace": TEAM, "person": "U1"})
    assert "Nobody in Slack acts as you" in words(agent.get("/account"))


def test_connecting_takes_a_form_of_ours_and_who_is_signed_in(
    agent: Visitor, stranger: Visitor, sqlite_runtime: Runtime
) -> None:
    with sqlite_runtime.db.read() as db:
        link = people.link(db, sqlite_runtime.settings, Person(TEAM, "U1", "<b>ana</b>"))
    path = link.removeprefix(sqlite_runtime.settings.pages_url)
    asked = stranger.get(path)
    assert asked.status_code == 302
    assert quote("/slack/connect", safe="") in asked.headers["Location"].replace("/", "%2F")
    page = agent.get(path).get_data(as_text=True)
    assert "&lt;b&gt;ana&lt;/b&gt;" in page
    forged = agent.client.post("/slack/connect", data={"token": path.split("token=")[1]})
    assert forged.status_code == 400
    assert "Nobody in Slack acts as you" in words(agent.get("/account"))


def test_a_line_of_the_thread_is_kept_once(caller: Caller, sqlite_runtime: Runtime, told: story.Told) -> None:
    story.connect(sqlite_runtime, add_user(sqlite_runtime), "U1")
    again = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
    assert [caller.event(story.written()).status_code, caller.event(story.written(), **again).status_code] == [200] * 2
    assert lines(sqlite_runtime, told.incident_id).count("Ana looking at it") == 1


def test_slack_tries_the_address(caller: Caller, told: story.Told) -> None:
    trial = {"type": "url_verification", "challenge": "3eZbrw1aB"}
    answer = caller.event(trial)
    assert (answer.get_data(as_text=True), answer.mimetype) == ("3eZbrw1aB", "text/plain")
    assert caller.event(trial, secret="guessed").status_code == 401


@pytest.mark.parametrize(
    "stamp",
    ["", "0", "now", "1e9", "-1", "+1795176000", " 1795176000", "１７９５１７６０００", "9" * 30, "late", "early"],
)
def test_stamps_that_are_not_now(caller: Caller, sqlite_runtime: Runtime, told: story.Told, stamp: str) -> None:
    story.connect(sqlite_runtime, add_user(sqlite_runtime), "U1")
    now = int(caller.clock.now().timestamp())
    given = {"late": str(now - 301), "early": str(now + 120)}.get(stamp, stamp)
    for answer in (caller.press(story.pressed(told), stamp=given), caller.event(story.written(), stamp=given)):
        assert answer.status_code == 401
        assert answer.mimetype == "text/plain"
    assert incident(sqlite_runtime, told.incident_id).owner_id is None


@pytest.mark.parametrize("forged", ["", "v0=", "v0=00", "v1=00", "v0=é", "v0=" + "0" * 64])
def test_forged_signatures(caller: Caller, sqlite_runtime: Runtime, told: story.Told, forged: str) -> None:
    story.connect(sqlite_runtime, add_user(sqlite_runtime), "U1")
    given = {"X-Slack-Signature": forged.encode().decode("latin-1")}
    assert caller.press(story.pressed(told), **given).status_code == 401
    assert incident(sqlite_runtime, told.incident_id).owner_id is None


def test_a_signature_is_of_this_body_and_secret(
    caller: Caller, sqlite_runtime: Runtime, told: story.Told, clock: HeldClock
) -> None:
    story.connect(sqlite_runtime, add_user(sqlite_runtime), "U1")
    assert caller.press(story.pressed(told), secret="another").status_code == 401
    assert caller.press(story.pressed(told), secret="").status_code == 401
    stamp = str(int(clock.now().timestamp()))
    other = SignatureVerifier(story.SECRET).generate_signature(timestamp=stamp, body=b"payload={}") or ""
    assert caller.press(story.pressed(told), **{"X-Slack-Signature": other}).status_code == 401
    assert incident(sqlite_runtime, told.incident_id).owner_id is None


def test_without_a_channel_nobody_vouches(app: Flask, sqlite_runtime: Runtime, clock: HeldClock) -> None:
    story.add_channel(sqlite_runtime, "without a secret", secret="")
    assert Caller(app, clock).event({"type": "url_verification", "challenge": "x"}, secret="").status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"\xff", 401), (b"[]", 400), (b"payload=%5B", 400), (b"payload=" + b"%5B" * 60_000, 400)],
    ids=lambda one: str(one)[:20],
)
def test_what_is_no_payload(caller: Caller, told: story.Told, body: bytes, status: int) -> None:
    assert caller.post("/slack/interactions", body).status_code == status


def test_odd_bodies_do_no_harm(caller: Caller, told: story.Told) -> None:
    odd: list[object] = [[], 7, None, "x", {"type": "event_callback"}, {"event": []}, {"event": {"type": "message"}}]
    for payload in odd:
        assert caller.event(payload).status_code == 200
        assert caller.press(payload).status_code == 200
    assert caller.post("/slack/events", b"[" * 100_000).status_code == 400
    assert caller.post("/slack/events", b" " * (LARGEST + 1)).status_code == 413


def test_two_apps_vouch_for_their_own(
    app: Flask, caller: Caller, sqlite_runtime: Runtime, told: story.Told, slack: Slack
) -> None:
    story.connect(sqlite_runtime, add_user(sqlite_runtime), "U1")
    story.add_channel(sqlite_runtime, "another brand's", secret="theirs")
    assert caller.press(story.pressed(told), secret="theirs").status_code == 200
    assert "no longer here" in slack.whispered()["text"]
    assert incident(sqlite_runtime, told.incident_id).owner_id is None
