"""What people do from Slack: each with their own rights, once, and told why where they may not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import IncidentEvent, User
from responder.alerts.channel import HEARD
from responder.alerts.slack import hearing, people
from responder.alerts.slack.people import Person
from tests.loopback import Answer
from tests.responder.alerts import slack_stories as story
from tests.responder.alerts.slack_server import CHANNEL, TEAM, Slack, workspace
from tests.responder.ripples import add_cases, add_incident, incident, lines
from tests.responder.stories import add_user


@pytest.fixture
def slack(clock: HeldClock) -> Iterator[Slack]:
    with workspace(clock) as running:
        yield running


class Room:
    """People who press buttons in the channel, as Slack tells us of it."""

    def __init__(self, runtime: Runtime, slack: Slack, told: story.Told) -> None:
        process = runtime.settings.model_copy(update={"slack_api_url": f"{slack.url}/api/"})
        self.runtime = Runtime(process, runtime.db, runtime.clock, runtime.queue)
        self.slack, self.told = slack, told

    def hears(self, payload: dict[str, object], kind: str = "interactive") -> str:
        """Take it in, and give what the person alone is told."""
        with self.runtime.db.read() as db:
            by = hearing.channels(db, self.runtime.settings)
        before = len(self.slack.whispers)
        rest = hearing.take_in(self.runtime, by, kind, payload)
        if rest is not None:
            rest()
        return "".join(one["text"] for one in self.slack.whispers[before:])

    def press(self, action: str = "take", user: str = "U1", version: int = 1) -> str:
        return self.hears(story.pressed(self.told, action, user, version))

    def write(self, text: str, **more: object) -> str:
        return self.hears(story.written(text, **more), "events_api")  # type: ignore[arg-type]


@pytest.fixture
def room(runtime: Runtime, slack: Slack) -> Room:
    return Room(runtime, slack, story.add_told(runtime))


def test_taking_it_twice_is_taking_it_once(room: Room) -> None:
    ana = add_user(room.runtime)
    story.connect(room.runtime, ana, "U1")
    assert [room.press(), room.press()] == ["", ""]
    row = incident(room.runtime, room.told.incident_id)
    assert (row.owner_id, row.version) == (ana, 2)
    assert [one for one in lines(room.runtime, room.told.incident_id) if "took" in one] == ["Ana took it"]
    assert story.alert_of(room.runtime, room.told).taken_at is not None


def test_the_second_of_two_is_told_who_has_it(room: Room) -> None:
    story.connect(room.runtime, add_user(room.runtime), "U1")
    story.connect(room.runtime, add_user(room.runtime, "Ben"), "U2")
    said: list[str] = []
    threads = [threading.Thread(target=lambda user=user: said.append(room.press(user=user))) for user in ("U1", "U2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    owner = incident(room.runtime, room.told.incident_id).owner_id
    with room.runtime.db.read() as db:
        name = db.get_one(User, owner).name
    assert sorted(said)[0] == ""
    assert sorted(said)[1].startswith(name)
    (whisper,) = room.slack.whispers
    assert whisper["user"] == ("U2" if name == "Ana" else "U1")


def test_snoozed_for_an_hour_and_pressed_twice(room: Room, clock: HeldClock) -> None:
    story.connect(room.runtime, add_user(room.runtime), "U1")
    assert [room.press("snooze"), room.press("snooze")] == ["", ""]
    row = incident(room.runtime, room.told.incident_id)
    assert row.snoozed_until == clock.now() + timedelta(hours=1)
    assert row.version == 2


def test_not_us_of_a_message_that_is_behind(room: Room) -> None:
    story.connect(room.runtime, add_user(room.runtime, "Ana", "approver"), "U1")
    story.connect(room.runtime, add_user(room.runtime, "Ben"), "U2")
    room.press(user="U2")
    assert room.press("dismiss", version=1).startswith("Ben took it at 12:00 UTC")
    assert incident(room.runtime, room.told.incident_id).state == "open"
    assert [room.press("dismiss", version=2), room.press("dismiss", version=2)] == ["", ""]
    assert incident(room.runtime, room.told.incident_id).state == "dismissed"
    assert "dismissed" in room.press(user="U2")


def test_with_the_rights_that_they_have_here(room: Room) -> None:
    ana = add_user(room.runtime, role="manager")
    story.connect(room.runtime, ana, "U1")
    assert "takes the role agent, which Ana does not have" in room.press()
    assert "takes the role agent" in room.write("hello")
    story.connect(room.runtime, add_user(room.runtime, "Ben", "agent"), "U2")
    assert "takes the role approver" in room.press("dismiss", "U2")
    with room.runtime.db.write() as db:
        db.get_one(User, ana).active = False
    assert "connect your Slack person" in room.press()
    assert incident(room.runtime, room.told.incident_id).version == 1


def test_a_stranger_connects_by_a_link_that_works_once(room: Room, clock: HeldClock) -> None:
    ana = add_user(room.runtime)
    assert "connect your Slack person" in room.press()
    (whisper,) = room.slack.whispers
    link = whisper["blocks"][-1]["elements"][0]["url"]
    (token,) = parse_qs(urlsplit(link).query)["token"]
    runtime, who = room.runtime, Person(TEAM, "U1", "u1")
    with runtime.db.write() as db:
        assert people.of_link(db, runtime.settings, ("A" if token[0] != "A" else "B") + token[1:]) is None
        assert people.of_link(db, runtime.settings, token) == who
        people.connect(db, clock, who, ana)
        assert people.of_link(db, runtime.settings, token) is None
    assert room.press() == ""
    assert incident(runtime, room.told.incident_id).owner_id == ana
    with runtime.db.write() as db:
        assert people.disconnect(db, clock, who, ana + 1) is False
        assert people.disconnect(db, clock, who, ana) is True
    assert "connect your Slack person" in room.press("snooze")


def test_what_is_written_in_the_thread_stays_here(room: Room) -> None:
    story.connect(room.runtime, add_user(room.runtime), "U1")
    text = "call <tel:+491701234567|+49 170 1234567>, <@U2> &amp; see <https://x.example/a|x.example/a>"
    assert [room.write(text), room.write(text)] == ["", ""]  # Slack sends an event again that it thinks was lost
    said = [one for one in lines(room.runtime, room.told.incident_id) if "see" in one]
    assert said == ["Ana call [phone] (tel:[phone]), @somebody & see https://x.example/a"]
    with room.runtime.db.read() as db:
        (event,) = db.query(IncidentEvent).where(IncidentEvent.key.startswith(HEARD)).all()
    assert event.kind == "say"
    assert room.slack.posts == []


def test_a_line_that_is_changed_or_deleted_in_slack_is_here_too(room: Room) -> None:
    story.connect(room.runtime, add_user(room.runtime), "U1")
    room.write("it is the till")
    was = story.written("it is the till")["event"]

    def changed(subtype: str, **more: object) -> list[str]:
        event = {"type": "message", "subtype": subtype, "channel": CHANNEL, "ts": "1795176099.1", **more}
        payload: dict[str, object] = {"event": {"previous_message": was} | event, "team_id": TEAM}
        assert [room.hears(payload, "events_api"), room.hears(payload, "events_api")] == ["", ""]
        return [one for one in lines(room.runtime, room.told.incident_id) if one.startswith("Ana")]

    assert changed("message_changed", message=was | {"text": "the server, call +49 170 1234567"}) == [
        "Ana the server, call [phone]"
    ]
    assert changed("message_changed", message=was | {"text": "x"}, channel="C0OTHER001")[0].startswith("Ana the server")
    unknown = was | {"ts": "1795176061.0", "text": "y"}
    assert changed("message_changed", message=unknown, previous_message=unknown)[0].startswith("Ana the server")
    assert changed("message_deleted", deleted_ts=was["ts"]) == ["Ana (deleted in Slack)"]
    assert room.slack.posts == []


@pytest.mark.parametrize(
    "more",
    [
        {"bot_id": "B1"},
        {"subtype": "message_changed"},
        {"thread_ts": None},
        {"thread_ts": "1795176060.000200"},
        {"thread_ts": "1.1"},
        {"channel": "C0OTHER001"},
        {"type": "reaction_added"},
    ],
    ids=str,
)
def test_what_is_no_line_of_the_thread(room: Room, more: dict[str, object]) -> None:
    story.connect(room.runtime, add_user(room.runtime), "U1")
    before = lines(room.runtime, room.told.incident_id)
    assert room.write("hello", **more) == ""
    assert lines(room.runtime, room.told.incident_id) == before


def test_the_secret_of_one_app_reaches_only_what_its_channels_were_told(room: Room) -> None:
    story.connect(room.runtime, add_user(room.runtime, role="admin"), "U1")
    untold = story.Told(add_incident(room.runtime, add_cases(room.runtime, text="app crashes")), room.told.channel_id)
    assert "no longer here" in room.hears(story.pressed(untold))
    assert incident(room.runtime, untold.incident_id).owner_id is None


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "block_actions", "actions": []},
        {"type": "block_actions", "actions": [None]},
        {"type": "view_submission", "actions": [{"action_id": "take", "value": "1:1"}]},
        {"type": "block_actions", "actions": [{"action_id": "open", "value": None}], "user": {"id": "U1"}},
        {"type": "block_actions", "actions": [{"action_id": "erase", "value": "1:1"}], "user": {"id": "U1"}},
        {"type": "block_actions", "actions": [{"action_id": "take", "value": "1:1"}], "user": "U1"},
    ],
    ids=str,
)
def test_what_is_not_for_us_is_passed_over(room: Room, payload: dict[str, object]) -> None:
    assert room.hears(payload) == ""
    assert room.hears(payload, "events_api") == ""
    assert room.hears(payload, "slash_commands") == ""


def test_that_somebody_could_not_be_told_loses_nothing(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    slack = room.slack
    with room.runtime.db.read() as db:
        by = hearing.channels(db, room.runtime.settings)
    rest = hearing.take_in(room.runtime, by, "interactive", story.pressed(room.told))
    assert rest is not None
    slack.fail("chat.postEphemeral", Answer(503))
    rest()
    assert slack.whispers == []
    assert f"slack {CHANNEL}: somebody could not be told" in caplog.text
