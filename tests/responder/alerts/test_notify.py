"""Alerts through apprise, against a server on this machine: what arrives, and what each kind of end means."""

from __future__ import annotations

import email
import io
import json
import logging
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default

import pytest

from core.clock import HeldClock
from core.errors import BadInput, GiveUp, PlatformError, RetryLater, Unsure
from core.runtime import Runtime
from core.secrets import seal
from core.settings import Settings
from responder.alerts import deliver, route
from responder.alerts.channel import Context, Message, Refused
from responder.alerts.notify import Notify
from tests.listener.emulators.email import Post, smtp
from tests.loopback import Answer, Asked, http
from tests.responder.alerts.places import add_channel, add_incident, add_rule, states
from tests.responder.stories import add_brand, hear

MESSAGE = Message(
    title="checkout, card",
    severity="urgent",
    sentence="41 complaints in 30 min, usual 6",
    url="http://127.0.0.1:8000/incidents/1",
    brand="Hawkweed",
    facts=(("Complaints", "41 from 38 people"),),
    examples=("<script>alert(1)</script> @everyone pay & lose",),
    state="open",
    chart=b"\x89PNG\r\n\x1a\nnot much",
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a log of this process would hold."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def notify(url: str) -> Notify:
    return Notify(Context({"url": url}, Settings(), HeldClock()))


def test_a_service_gets_the_words_the_level_and_the_chart() -> None:
    with http(lambda asked: Answer()) as server:
        place = notify(f"json://{server.url.removeprefix('http://')}/hook/s3cret-token").send(MESSAGE, "k")
    [asked] = server.asked
    told = json.loads(asked.body)
    assert place == {"service": "JSON"}
    assert (told["title"], told["type"]) == ("Hawkweed: checkout, card", "failure")
    assert "41 complaints in 30 min, usual 6" in told["message"]
    assert "Complaints: 41 from 38 people" in told["message"]
    assert "@everyone" not in told["message"], "nobody is called by what stands in a post"
    assert told["message"].endswith("http://127.0.0.1:8000/incidents/1")
    assert [one["filename"] for one in told["attachments"]] == ["chart.png"]


@pytest.mark.parametrize(
    ("status", "means"),
    [(401, GiveUp), (404, GiveUp), (400, Refused), (413, Refused), (429, RetryLater), (503, RetryLater), (500, Unsure)],
)
def test_what_a_status_means_and_that_no_secret_is_said(
    status: int, means: type[PlatformError], log: io.StringIO
) -> None:
    with http(lambda asked: Answer(status)) as server:
        address = f"json://user:hunter2345@{server.url.removeprefix('http://')}/hook/s3cret-token"
        with pytest.raises(means) as caught:
            notify(address).send(MESSAGE, "k")
    assert type(caught.value) is means
    assert f"error={status}" in str(caught.value)
    assert len(server.asked) == 1, "once, whatever it says"
    assert "hunter2345" not in log.getvalue() + str(caught.value)
    assert "s3cret-token" not in log.getvalue() + str(caught.value)


def test_a_server_that_is_not_there_got_nothing_and_one_that_hung_up_may_have() -> None:
    with http(lambda asked: Answer()) as server:
        gone = server.url.removeprefix("http://")
    with pytest.raises(RetryLater):
        notify(f"json://{gone}/").send(MESSAGE, "k")

    def hang_up(asked: Asked) -> Answer:
        raise ConnectionAbortedError

    with http(hang_up) as server, pytest.raises(Unsure):
        notify(f"json://{server.url.removeprefix('http://')}/").send(MESSAGE, "k")


def mail_address(found: dict[str, str], password: str, to: str = "boss@mail.example") -> str:
    place = f"{found['smtp_host']}:{found['smtp_port']}"
    return f"mailto://help%40acme.example:{password}@{place}?from=help@acme.example&to={to}&mode=insecure"


def test_a_mail_has_html_that_is_escaped_and_the_chart() -> None:
    post = Post(user="help@acme.example", password="apples")
    with smtp(post) as found:
        notify(mail_address(found, "apples")).send(MESSAGE, "k")
    [raw] = post.sent
    mail = email.message_from_bytes(raw, _class=EmailMessage, policy=default)
    assert mail["Subject"] == "Hawkweed: checkout, card"
    [shown] = [part.get_content() for part in mail.walk() if part.get_content_type() == "text/html"]
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "41 from 38 people" in shown
    assert [part.get_filename() for part in mail.walk() if part.get_content_type() == "image/png"] == ["chart.png"]


@pytest.mark.parametrize(
    ("password", "fault", "means"),
    [("pears", "", GiveUp), ("apples", "cut before", Unsure), ("apples", "refused", RetryLater)],
)
def test_what_a_mail_servers_answer_means(password: str, fault: str, means: type[PlatformError]) -> None:
    post = Post(user="help@acme.example", password="apples")
    if fault:
        post.smtp_faults.append(fault)
    with smtp(post) as found, pytest.raises(means):
        notify(mail_address(found, password)).send(MESSAGE, "k")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "slack://token/#care", "file:///etc/passwd", "syslog://", "json://a b", "exec://rm"]
)
def test_addresses_that_tell_nobody_are_refused(url: str) -> None:
    with pytest.raises(BadInput, match=r"^url: "):
        notify(url)


def test_an_address_of_no_service_says_so() -> None:
    with pytest.raises(GiveUp, match="cannot be read"):
        notify("nosuchservice://x").check()
    assert "Discord" in notify("discord://123456789/abcdefghij").check()


def test_the_whole_way_from_an_incident_to_a_service(runtime: Runtime) -> None:
    """Stored encrypted, composed, drawn, delivered once, and not again when the incident changes."""
    brand = add_brand(runtime)
    with http(lambda asked: Answer()) as server:
        sealed = seal(runtime.settings, {"url": f"json://{server.url.removeprefix('http://')}/"})
        add_rule(runtime, brand, add_channel(runtime, "hook", kind="apprise", credentials=sealed))
        add_incident(runtime, brand, (hear(runtime, "my card 4111 1111 1111 1111 was declined"),))
        for _ in range(3):
            route.work(runtime)
            deliver.work(runtime)
    [asked] = server.asked
    told = json.loads(asked.body)
    assert "[card]" in told["message"]
    assert "4111" not in told["message"]
    assert told["attachments"][0]["base64"].startswith("iVBOR")
    assert states(runtime) == [("alert", "sent")]
