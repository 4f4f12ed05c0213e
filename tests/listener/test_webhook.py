"""What sender and receiver of a webhook agree on, and the message that we post to ourselves."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from core.clock import HeldClock, SystemClock
from core.errors import BadInput, GiveUp, RetryLater
from core.runtime import Runtime
from core.secrets import seal
from core.settings import Settings
from core.types import Page
from listener.records import mention_of
from listener.source import Context
from listener.sources.webhook import OLDEST_SECONDS, SIGNATURE, TIMESTAMP, Unsigned, Webhook, signed, verify
from listener.supervise import listen
from tests import loopback
from tests.listener import made
from tests.listener.emulators.webhook import receiver

SECRET = "correct horse battery staple"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BODY = b'{"id": "1"}'


def webhook(public_url: str = "", secret: str = SECRET, source_id: int | None = 7) -> Webhook:
    return Webhook(Context({"secret": secret}, Settings(public_url=public_url), HeldClock(NOW), source_id=source_id))


def check(headers: dict[str, str], body: bytes = BODY, now: datetime = NOW, secret: str = SECRET) -> None:
    verify(secret, headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, ""), body, now)


def test_a_known_signature() -> None:
    """Computed with `printf '%s.%s' 1795176000 '{"id": "1"}' | openssl dgst -sha256 -hmac 'correct horse ...'`."""
    assert signed(SECRET, BODY, NOW) == {
        TIMESTAMP: "1795176000",
        SIGNATURE: "sha256=9ddd927a81fa89c456b029f15d33f070cadd347276a6ad007158e46ce7c9ed40",
    }


def test_what_is_signed_is_trusted_for_a_while() -> None:
    headers = signed(SECRET, BODY, NOW)
    for seconds in (-OLDEST_SECONDS, 0, OLDEST_SECONDS):
        check(headers, now=NOW + timedelta(seconds=seconds))
    check(headers | {SIGNATURE: headers[SIGNATURE].removeprefix("sha256=").upper()})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({SIGNATURE: ""}, "are needed"),
        ({TIMESTAMP: ""}, "are needed"),
        ({TIMESTAMP: "yesterday"}, "whole seconds since 1970"),
        ({TIMESTAMP: "-1"}, "whole seconds since 1970"),
        ({TIMESTAMP: "१२३"}, "whole seconds since 1970"),
        ({TIMESTAMP: "9" * 400}, "whole seconds since 1970"),
        ({TIMESTAMP: "1795176001"}, "does not fit"),
        ({SIGNATURE: "sha256=" + "0" * 64}, "does not fit"),
        ({SIGNATURE: "sha256=ü"}, "does not fit"),
    ],
)
def test_what_is_not_signed_is_refused_with_the_reason(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(Unsigned, match=reason) as caught:
        check(signed(SECRET, BODY, NOW) | changed)
    assert not caught.value.late


def test_another_body_secret_or_time_is_refused() -> None:
    headers = signed(SECRET, BODY, NOW)
    with pytest.raises(Unsigned, match="does not fit"):
        check(headers, body=BODY + b" ")
    with pytest.raises(Unsigned, match="does not fit"):
        check(headers, secret=SECRET + "!")
    for seconds, words in ((301, "301 s old; 300 are allowed"), (-301, "301 s ahead; 300 are allowed")):
        with pytest.raises(Unsigned, match=words) as caught:
            check(headers, now=NOW + timedelta(seconds=seconds))
        assert caught.value.late


@pytest.mark.parametrize("secret", ["", "short", "a" * 23, "\n" * 30])
def test_a_secret_that_is_easily_guessed_is_refused(secret: str) -> None:
    with pytest.raises(BadInput, match=r"^secret: at least 24 characters"):
        webhook(secret=secret)


def test_there_is_nothing_to_poll() -> None:
    assert webhook().fetch("c") == Page(cursor="c")


def test_the_canary_is_posted_like_any_item() -> None:
    taken = list[bytes]()
    with loopback.http(receiver(SECRET, taken)) as server:
        webhook(server.url + "/").send_canary("token")
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/hooks/7")
    found = mention_of({"platform": "webhook"} | json.loads(taken[0]))
    assert (found.text, found.created_at) == ("token", NOW)


@pytest.mark.parametrize(
    ("status", "error"), [(401, GiveUp), (404, GiveUp), (302, GiveUp), (500, RetryLater), (503, RetryLater)]
)
def test_a_canary_that_is_not_taken_says_why(status: int, error: type[Exception]) -> None:
    with loopback.http(receiver(SECRET, [], status)) as server, pytest.raises(error, match=r"/hooks/7 "):
        webhook(server.url).send_canary("token")


def test_a_canary_to_nowhere_says_so() -> None:
    with pytest.raises(RetryLater, match="cannot be reached"):
        webhook("http://127.0.0.1:9").send_canary("token")
    with pytest.raises((GiveUp, RetryLater)):
        webhook("no address").send_canary("token")


def test_no_canary_goes_out_where_nobody_knows_our_address() -> None:
    assert webhook("https://care.example").can_send_canary()
    assert not webhook("").can_send_canary()
    assert not webhook("https://care.example", source_id=None).can_send_canary()


def test_the_listener_knows_the_address_of_each_source(sqlite_runtime: Runtime) -> None:
    taken, stop, pause = list[bytes](), threading.Event(), threading.Event()
    with loopback.http(receiver(SECRET, taken)) as server:
        settings = sqlite_runtime.settings.model_copy(update={"public_url": server.url})
        runtime = Runtime(settings, sqlite_runtime.db, SystemClock(), sqlite_runtime.queue)
        source_id = made.source(runtime, "webhook", credentials=seal(settings, {"secret": SECRET}))
        thread = threading.Thread(target=listen, args=(runtime, stop, 0.02))
        thread.start()
        for _ in range(1_000):
            if server.asked or pause.wait(0.02):
                break
        stop.set()
        thread.join(20)
    assert [asked.path for asked in server.asked] == [f"/hooks/{source_id}"]
    assert len(taken) == 1
