"""The Slack bot and the webhook, over slack_sdk's own client against a workspace on loopback."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater, Unsure
from core.settings import Settings
from responder.alerts.channel import BUTTONS, Context, Message, Refused, load
from responder.alerts.slack import SCOPES
from responder.alerts.slack.blocks import answer_of, blocks, escaped, fallback
from responder.alerts.slack.bot import Bot
from responder.alerts.slack.webhook import Webhook
from tests import loopback
from tests.loopback import Answer
from tests.responder.alerts.slack_server import APP_TOKEN, CHANNEL, CUT, TOKEN, Slack, refused, workspace

HOSTILE = "<!channel> <@U123> &amp; *bold* :tada: \u202egnp.exe mail me at jo@example.com or +49 170 1234567"


@pytest.fixture
def slack(clock: HeldClock) -> Iterator[Slack]:
    with workspace(clock) as running:
        yield running


@pytest.fixture
def bot(slack: Slack, clock: HeldClock, tmp_path: Path) -> Bot:
    return Bot(Context({"channel": CHANNEL, "token": TOKEN}, process_of(slack, tmp_path), clock))


def process_of(slack: Slack, home: Path) -> Settings:
    return Settings(ripplewatch_home=home, slack_api_url=f"{slack.url}/api/")


def message(**changed: object) -> Message:
    said: dict[str, object] = {
        "title": "Checkout fails",
        "severity": "urgent",
        "sentence": "41 complaints in 30 min, usual 6, since 14:05, mostly about checkout",
        "url": "http://127.0.0.1:8000/incidents/7",
        "brand": "Acme",
        "facts": (("Complaints", "41"), ("Reach", "120,000")),
        "examples": ("I cannot pay", HOSTILE),
        "state": "open",
        "buttons": tuple((one, one.title()) for one in BUTTONS),
        "alert_id": 3,
        "incident_id": 7,
        "version": 2,
    }
    return Message(**(said | changed))  # type: ignore[arg-type]


def test_message_as_slack_shows_it(bot: Bot, slack: Slack) -> None:
    place = bot.send(message(), "delivery-1")
    (post,) = slack.posts
    assert place == {"channel": CHANNEL, "ts": post["ts"]}
    assert slack.called == []
    whole = json.dumps(post, ensure_ascii=False)
    assert "&lt;!channel&gt;" in whole
    assert "\u202e" not in whole
    assert "jo@example.com" not in whole
    assert "1234567" not in whole
    assert post["unfurl_links"] is False
    assert "41 complaints in 30 min" in post["text"]
    assert all(one.get("type") != "mrkdwn" for one in _texts(post["blocks"]))
    *pressed, opens = post["blocks"][-1]["elements"]
    assert [one["action_id"] for one in pressed] == list(BUTTONS)
    assert {answer_of(one["value"]) for one in pressed} == {(7, 2)}
    assert opens["url"] == "http://127.0.0.1:8000/incidents/7"


def test_everything_fits_whatever_is_said(bot: Bot, slack: Slack) -> None:
    long = "&<>" * 40_000
    facts = tuple((long, long) for _ in range(30))
    said = message(title=long, sentence=long, examples=(long,) * 5, facts=facts, state=long, buttons=(("take", long),))
    bot.send(said, "long")
    assert len(slack.posts) == 1
    assert len(fallback(said)) <= 3000


def test_a_cut_leaves_no_half_of_an_escaped_sign() -> None:
    assert escaped("a<b<c", 8) == "a&lt;b…"
    assert escaped("abc", 3) == "abc"
    assert escaped("\x00\u2066 \ud800", 9) == ""


def test_an_alert_without_an_incident_can_only_be_opened() -> None:
    assert [one["action_id"] for one in blocks(message(incident_id=None))[-1]["elements"]] == ["open"]


@pytest.mark.parametrize("forged", ["7", "7:", "x:1", "7:1:1", "7:1\n", "٣:١", "2147483648:1", ""])
def test_a_button_that_is_not_ours_says_nothing(forged: str) -> None:
    assert answer_of(forged) is None


def test_changes_as_the_state_does(bot: Bot, slack: Slack) -> None:
    place = bot.send(message(), "delivery-1")
    assert bot.update(place, message(state="taken by Ana", buttons=())) == place
    (post,) = slack.posts
    assert "taken by Ana" in json.dumps(post["blocks"])
    assert [one["action_id"] for one in post["blocks"][-1]["elements"]] == ["open"]


def test_chart_follows_its_message_and_is_replaced(bot: Bot, slack: Slack) -> None:
    slack.fail("chat.update", refused("invalid_blocks"))  # the file is not known yet
    place = bot.send(message(chart=b"png one"), "delivery-1")
    assert slack.files == {place["chart"]: b"png one"}
    assert bot.update(place, message(chart=b"png one", state="later")) == place
    assert len(slack.calls("files.completeUploadExternal")) == 1
    assert bot.update(place, message(state="no chart given")) == place
    after = bot.update(place, message(chart=b"png two"))
    assert slack.files == {after["chart"]: b"png two"}
    (image,) = [one for one in slack.posts[0]["blocks"] if one["type"] == "image"]
    assert image["slack_file"]["id"] == after["chart"]


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal", "chat.update"])
def test_a_chart_that_fails_keeps_no_alert(bot: Bot, slack: Slack, method: str) -> None:
    for _ in range(5):
        slack.fail(method, refused("missing_scope", needed="files:write"))
    assert set(bot.send(message(chart=b"png"), "delivery-1")) == {"channel", "ts"}
    assert len(slack.posts) == 1


@pytest.mark.parametrize(
    "died", [CUT, Answer(502, b"<html>bad gateway"), Answer(200, b"<html>"), refused("internal_error")], ids=str
)
def test_server_that_dies_after_accepting(bot: Bot, slack: Slack, died: Answer) -> None:
    for number in range(3):
        bot.send(message(), f"before-{number}")
    slack.fail("chat.postMessage", died, after=True)
    place = bot.send(message(), "delivery-1")
    assert len(slack.posts) == 4
    assert slack.messages[place["ts"]]["metadata"]["event_payload"] == {"key": "delivery-1"}


def test_server_that_dies_before_accepting(bot: Bot, slack: Slack, clock: HeldClock) -> None:
    slack.fail("chat.postMessage", CUT)
    sent = clock.now()
    with pytest.raises(Unsure):
        bot.send(message(), "delivery-1")
    clock.advance(600)
    assert bot.find("delivery-1", sent) is None
    place = bot.send(message(), "delivery-1")
    assert bot.find("delivery-1", clock.now()) == place
    assert bot.find("delivery-1", clock.now() + timedelta(hours=1)) is None


def test_a_look_that_fails_leaves_it_unclear(bot: Bot, slack: Slack, clock: HeldClock) -> None:
    slack.fail("chat.postMessage", CUT, after=True)
    slack.fail("conversations.history", Answer(503))
    with pytest.raises(Unsure):
        bot.send(message(), "delivery-1")
    slack.fail("conversations.history", Answer(503))
    with pytest.raises(RetryLater):
        bot.find("delivery-1", clock.now())
    assert bot.find("delivery-1", clock.now()) is not None
    assert len(slack.posts) == 1


def test_lines_of_a_thread(bot: Bot, slack: Slack, clock: HeldClock) -> None:
    place = bot.send(message(), "delivery-1")
    slack.fail("chat.postMessage", CUT, after=True)
    under = bot.thread(place, "Ana took it <!here>", "event-5")
    assert bot.find("event-5", clock.now(), place) == under
    assert bot.find("event-5", clock.now()) is None
    assert slack.called == []
    del slack.messages[place["ts"]]
    assert bot.find("event-5", clock.now(), place) is None


def test_too_much_said_meanwhile_is_unclear(bot: Bot, slack: Slack, clock: HeldClock) -> None:
    for number in range(21):
        slack.messages[f"{clock.now().timestamp() + number:.6f}"] = {"ts": f"{clock.now().timestamp() + number:.6f}"}
    with pytest.raises(Unsure):
        bot.find("delivery-1", clock.now())


def test_asked_to_wait(bot: Bot, slack: Slack) -> None:
    slack.fail("chat.postMessage", Answer(429, b"", {"Retry-After": "17"}))
    with pytest.raises(RetryLater) as waits:
        bot.send(message(), "delivery-1")
    assert waits.value.after == 17
    slack.fail("chat.postMessage", refused("ratelimited"))
    with pytest.raises(RetryLater) as waits:
        bot.send(message(), "delivery-1")
    assert waits.value.after is None
    assert len(slack.calls("chat.postMessage")) == 2
    assert slack.posts == []


def test_server_that_is_down(clock: HeldClock, tmp_path: Path) -> None:
    with workspace(clock) as gone:
        process = process_of(gone, tmp_path)
    bot = Bot(Context({"channel": CHANNEL, "token": TOKEN}, process, clock))
    with pytest.raises(RetryLater):
        bot.send(message(), "delivery-1")


@pytest.mark.parametrize(
    ("code", "advice"),
    [("not_in_channel", "/invite"), ("token_revoked", "Install the app again"), ("missing_scope", "chat:write")],
)
def test_refusals_say_what_to_do(bot: Bot, slack: Slack, code: str, advice: str) -> None:
    slack.fail("chat.postMessage", refused(code, needed="chat:write"))
    with pytest.raises(GiveUp, match=advice) as given_up:
        bot.send(message(), "delivery-1")
    assert not isinstance(given_up.value, Refused)


def test_a_message_that_is_gone_is_no_reason_to_pause(bot: Bot) -> None:
    with pytest.raises(Refused, match="message_not_found"):
        bot.update({"channel": CHANNEL, "ts": "1.1"}, message())


def test_check_says_who_we_are_and_what_lacks(bot: Bot, slack: Slack) -> None:
    assert bot.check() == "@ripplewatch in Acme; it lacks the scopes files:write"
    slack.fail("conversations.history", refused("not_in_channel"))
    with pytest.raises(GiveUp, match="/invite"):
        bot.check()


def test_check_tries_the_app_token_too(slack: Slack, clock: HeldClock, tmp_path: Path) -> None:
    given = {"channel": CHANNEL, "token": TOKEN, "app_token": "xapp-of-another-app"}
    with pytest.raises(GiveUp, match="Slack does not know this token"):
        Bot(Context(given, process_of(slack, tmp_path), clock)).check()
    assert Bot(Context(given | {"app_token": APP_TOKEN}, process_of(slack, tmp_path), clock)).check()


def test_settings_are_asked_for_by_name(clock: HeldClock, settings: Settings) -> None:
    link = "https://acme.slack.com/archives/C0ALERTS01?x=1"
    assert load("slack") is Bot
    Bot(Context({"channel": link, "token": "xoxb-1"}, settings, clock))
    wrong = [
        ({"channel": "#alerts", "token": "xoxb-1"}, "channel"),
        ({"channel": CHANNEL, "token": "xapp-1"}, "token"),
        ({"channel": CHANNEL, "token": "xoxb-1", "app_token": "xoxb-1"}, "app_token"),
    ]
    for given, name in wrong:
        with pytest.raises(BadInput, match=f"^{name}:"):
            Bot(Context(given, settings, clock))
    with pytest.raises(BadInput, match=r"^url:"):
        Webhook(Context({"url": "hooks.slack.com/services/1"}, settings, clock))


def test_secrets_reach_no_log(
    bot: Bot, slack: Slack, caplog: pytest.LogCaptureFixture, settings: Settings, clock: HeldClock
) -> None:
    caplog.set_level(logging.DEBUG)
    bot.send(message(chart=b"png"), "delivery-1")
    for _ in range(2):
        slack.fail("chat.postMessage", CUT)
    with pytest.raises(Unsure) as unclear:
        bot.send(message(), "delivery-2")
    hook = Webhook(Context({"url": f"{slack.url}/services/T1/B1/hook-secret"}, settings, clock))
    slack.fail("hook-secret", Answer(500))
    with pytest.raises(Unsure):
        hook.send(message(), "delivery-1")
    said = caplog.text + str(unclear.value)
    assert TOKEN not in said
    assert "hook-secret" not in said
    assert "/upload/" not in said


def test_webhook(clock: HeldClock, settings: Settings) -> None:
    answers = [Answer(200, b"ok"), Answer(404, b"no_service"), Answer(429, b"", {"Retry-After": "3"}), CUT]
    with loopback.http(lambda _: answers.pop(0)) as server:
        hook = load("slack_webhook")(Context({"url": f"{server.url}/services/T1/B1/secret"}, settings, clock))
        place = hook.send(message(url="http://x/?a=1&b=<!channel>"), "delivery-1")
        body = server.asked[0].body.decode()
        with pytest.raises(GiveUp, match="Make a new one"):
            hook.send(message(), "delivery-1")
        with pytest.raises(RetryLater) as waits:
            hook.send(message(), "delivery-1")
        assert waits.value.after == 3
        with pytest.raises(Unsure):
            hook.send(message(), "delivery-1")
    assert "<!" not in body
    assert '"actions"' not in body
    assert hook.update(place, message()) == place
    assert hook.thread(place, "a line", "event-1") == {}
    with pytest.raises(Unsure):
        hook.find("delivery-1", clock.now())


def test_the_manifests_ask_for_what_the_bot_needs() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "slack.md").read_text(encoding="utf-8")
    manifests = [yaml.safe_load(one) for one in re.findall(r"^```yaml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)]
    assert [one["settings"]["socket_mode_enabled"] for one in manifests] == [False, True]
    for one in manifests:
        assert one["oauth_config"]["scopes"]["bot"] == list(SCOPES)
        assert one["settings"]["interactivity"]["is_enabled"] is True


def _texts(value: object) -> list[dict[str, object]]:
    """Every text object in some blocks."""
    if isinstance(value, dict):
        own = [value] if "type" in value and isinstance(value.get("text"), str) else []
        return own + [found for one in value.values() for found in _texts(one)]
    return [found for one in value for found in _texts(one)] if isinstance(value, list) else []
