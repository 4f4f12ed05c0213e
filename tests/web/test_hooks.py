"""Whoever knows the secret can post mentions: what is accepted is stored, once; everybody else is told why not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import select
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from core import tables
from core.clock import HeldClock, SystemClock
from core.runtime import Runtime
from core.secrets import seal
from listener.canary import late, send_due
from listener.settings import whole
from listener.source import Context
from listener.sources.webhook import SIGNATURE, TIMESTAMP, Webhook, signed
from tests.conftest import NudgeList
from tests.listener import made
from tests.web.visitor import Visitor, words
from web.app import create_app
from web.listening.hooks import MOST_ITEMS

SECRET = "correct horse battery staple"


def add_webhook(runtime: Runtime, name: str = "Forum", **more: Any) -> int:
    """A webhook whose mentions are all the brand's."""
    with runtime.db.read() as db:
        brand = db.scalar(select(tables.Brand.id))
    brand_id = brand or made.brand(runtime)
    sealed = seal(runtime.settings, {"secret": SECRET})
    return made.source(runtime, "webhook", name, credentials=sealed, brand_id=brand_id, **more)


def item(number: int | str = 1, **more: object) -> dict[str, object]:
    given: dict[str, object] = {
        "platform": "forum",
        "id": str(number),
        "author": "ann",
        "text": "My parcel is lost.",
        "created_at": "2026-11-20T10:00:00Z",
    }
    return given | more


class Sender:
    """Somebody else's program, with the secret."""

    def __init__(self, app: Flask, runtime: Runtime, source_id: int) -> None:
        self.client, self.runtime, self.path = app.test_client(), runtime, f"/hooks/{source_id}"

    def send(self, items: object, secret: str = SECRET, **headers: str) -> TestResponse:
        """Post these items, signed; `headers` replace some."""
        body = items if isinstance(items, bytes) else json.dumps(items).encode()
        given = signed(secret, body, self.runtime.clock.now()) | {
            name.replace("_", "-"): v for name, v in headers.items()
        }
        return self.client.post(self.path, data=body, headers=given, content_type="application/json")


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    return create_app(runtime)


@pytest.fixture
def source_id(runtime: Runtime) -> int:
    return add_webhook(runtime)


@pytest.fixture
def sender(app: Flask, runtime: Runtime, source_id: int) -> Sender:
    return Sender(app, runtime, source_id)


def test_an_item_is_stored_and_on_its_way_to_the_judge_when_it_is_answered(
    runtime: Runtime, sender: Sender, queue: NudgeList, source_id: int
) -> None:
    answer = sender.send(item(url="https://forum.example/1", author_name="Ann", likes=3, board="parcels"))
    assert answer.status_code == 200
    assert answer.json == {
        "accepted": 1,
        "rejected": 0,
        "new": 1,
        "known": 0,
        "items": [{"id": "1", "status": "accepted"}],
    }
    (row,) = made.mentions(runtime)
    assert (row.platform, row.native_id, row.text, row.likes) == ("forum", "1", "My parcel is lost.", 3)
    assert (row.author.handle, row.author.name, row.extra) == ("ann", "Ann", {"board": "parcels"})
    assert made.waiting_for(runtime, "judge") == [row.id]
    assert queue.nudged == ["judge"]
    with runtime.db.read() as db:
        source = db.get_one(tables.Source, source_id)
        assert source.last_event_at == source.last_ok_at == runtime.clock.now()


def test_each_item_of_a_list_is_answered_and_a_bad_one_stops_no_other(runtime: Runtime, sender: Sender) -> None:
    answer = sender.send([item(1), item(2, text=" "), "x", item(3, created_at="now"), item(4)])
    assert answer.status_code == 200
    assert answer.json
    assert (answer.json["accepted"], answer.json["rejected"]) == (2, 3)
    assert [one["status"] for one in answer.json["items"]] == ["accepted", *["rejected"] * 3, "accepted"]
    assert [one["reason"] for one in answer.json["items"] if "reason" in one] == [
        "text is empty",
        "each item must be a JSON object",
        "created_at 'now' is no ISO 8601 time like 2026-11-22T10:00:00Z",
    ]
    assert answer.json["items"][1]["item"] == "item 2 (2)"
    assert [row.native_id for row in made.mentions(runtime)] == ["1", "4"]


def test_where_and_when_need_not_be_told(runtime: Runtime, sender: Sender) -> None:
    assert sender.send({"id": 7, "author": "ann", "text": "Lost.", "platform": None}).status_code == 200
    (row,) = made.mentions(runtime)
    assert (row.platform, row.native_id, row.created_at) == ("webhook", "7", runtime.clock.now())


def test_the_same_again_is_accepted_and_stored_once(runtime: Runtime, sender: Sender) -> None:
    for new in (2, 0, 0):
        answer = sender.send([item(1), item(2)])
        assert answer.json
        assert (answer.json["accepted"], answer.json["new"], answer.json["known"]) == (2, new, 2 - new)
    assert len(made.mentions(runtime)) == 2


def test_of_a_webhook_without_a_brand_queries_decide(app: Flask, runtime: Runtime) -> None:
    made.brand(runtime)
    sealed = seal(runtime.settings, {"secret": SECRET})
    sender = Sender(app, runtime, made.source(runtime, "webhook", "all", credentials=sealed))
    answer = sender.send([item(1), item(2, text="acme lost it")])
    assert answer.json
    assert (answer.json["accepted"], answer.json["new"]) == (2, 1)
    made.brand(runtime, "other", "parcel")
    again = sender.send(item(1)).json
    assert again
    assert again["new"] == 1


def test_when_nothing_can_be_read_it_says_so(sender: Sender) -> None:
    assert sender.send(item(text="")).status_code == 422
    assert sender.send([]).status_code == 200
    for body in (b"", b"{", b"\xff\xfe\xfd", b"[" * 100_000, b'{"id": 1' + b"0" * 5_000 + b"}"):
        answer = sender.send(body)
        assert answer.status_code == 400
        assert answer.json
        assert "not JSON" in answer.json["error"]


def test_a_wrong_signature_is_refused_with_the_reason_and_nothing_is_stored(runtime: Runtime, sender: Sender) -> None:
    refused = sender.send(item(), secret="wrong horse battery staple")
    assert refused.status_code == 401
    assert refused.json
    assert "does not fit" in refused.json["error"]
    for header in (TIMESTAMP, SIGNATURE):
        assert sender.send(item(), **{header: ""}).status_code == 401
    assert sender.send(item(), X_Ripplewatch_Signature="sha256=ü").status_code == 401
    assert made.mentions(runtime) == []


def test_an_old_request_is_refused(runtime: Runtime, sender: Sender, clock: HeldClock) -> None:
    headers = signed(SECRET, json.dumps(item()).encode(), clock.now())
    clock.advance(301)
    refused = sender.send(item(), **headers)
    assert refused.status_code == 401
    assert refused.json
    assert "301 s old" in refused.json["error"]
    assert made.mentions(runtime) == []


def test_guessing_is_slowed_down_and_shuts_nobody_out(runtime: Runtime, sender: Sender, clock: HeldClock) -> None:
    statuses = [sender.send(item(), secret="wrong horse battery staple").status_code for _ in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    slowed = sender.send(item(), secret="wrong horse battery staple")
    assert slowed.headers["Retry-After"] == "2"
    assert sender.send(item()).status_code == 200
    clock.advance(3)
    assert sender.send(item(), secret="wrong horse battery staple").status_code == 401


def test_wrong_signatures_keep_nobody_from_signing_in(app: Flask, runtime: Runtime, sender: Sender) -> None:
    for _ in range(40):
        sender.send(item(), secret="wrong horse battery staple")
    Visitor(app, runtime).sign_in("admin", "Ada")
    page = Visitor(app, runtime).post("/login", {"name": "Ada", "password": "no"})
    assert page.status_code == 401, "and not 429"


def test_what_is_too_large_is_refused(sender: Sender, runtime: Runtime) -> None:
    refused = sender.send([item(number) for number in range(MOST_ITEMS + 1)])
    assert refused.status_code == 413
    assert refused.json == {"error": "at most 1,000 items at a time"}
    refused = sender.send(b" " * 1_000_001)
    assert refused.status_code == 413
    assert refused.json == {"error": "at most 1,000,000 bytes at a time: send fewer items"}
    assert made.mentions(runtime) == []


def test_only_a_webhook_has_an_address(app: Flask, runtime: Runtime, sender: Sender) -> None:
    other = made.source(runtime, "files", "files")
    assert Sender(app, runtime, other).send(item()).status_code == 404
    assert Sender(app, runtime, 9_999).send(item()).status_code == 404
    assert sender.client.get(sender.path).status_code == 405


def test_one_that_is_off_takes_nothing_and_says_later(runtime: Runtime, sender: Sender, source_id: int) -> None:
    with runtime.db.write() as db:
        db.get_one(tables.Source, source_id).active = False
    refused = sender.send(item())
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "600")
    assert sender.send(item(), secret="wrong horse battery staple").status_code == 401, "strangers learn nothing"


def test_a_secret_that_another_key_encrypted_is_told(
    runtime: Runtime, sender: Sender, source_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    with runtime.db.write() as db:
        other = runtime.settings.model_copy(update={"credentials_key": SecretStr("another")})
        db.get_one(tables.Source, source_id).credentials = seal(other, {"secret": SECRET})
    assert sender.send(item()).status_code == 503
    assert "CREDENTIALS_KEY" in caplog.text
    assert SECRET not in caplog.text


def test_no_session_is_begun_and_none_is_needed(sender: Sender) -> None:
    answer = sender.send(item())
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_many_senders_at_once_store_each_item_once(app: Flask, runtime: Runtime, source_id: int) -> None:
    statuses = list[int]()

    def send(start: int) -> None:
        sender = Sender(app, runtime, source_id)
        for first in range(start, start + 40, 10):
            statuses.append(sender.send([item(n % 60) for n in range(first, first + 10)]).status_code)

    threads = [threading.Thread(target=send, args=[start]) for start in (0, 10, 20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 16
    assert sorted(int(row.native_id) for row in made.mentions(runtime)) == list(range(60))
    with runtime.db.read() as db:
        hours = db.scalars(select(tables.SourceHour).where(tables.SourceHour.collection == "items"))
        assert sum(hour.events for hour in hours) == 160


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The pages on a socket; their address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def test_a_canary_goes_out_by_our_own_address_and_comes_in_at_once(
    app: Flask, runtime: Runtime, source_id: int, clock: HeldClock
) -> None:
    with served(app) as address:
        process = runtime.settings.model_copy(update={"public_url": address})
        with runtime.db.read() as db:
            row = db.get_one(tables.Source, source_id)
        source = Webhook(Context(whole(process, row), process, clock, source_id=source_id))
        assert send_due(runtime, row, source)
    with runtime.db.read() as db:
        (canary,) = db.scalars(select(tables.Canary))
        assert canary.seen_at is not None
        assert late(db, clock.now()) == []
    assert made.mentions(runtime) == []


def test_the_page_of_the_source_shows_the_address_and_how_to_sign(app: Flask, runtime: Runtime, source_id: int) -> None:
    page = Visitor(app, runtime).sign_in("admin").get(f"/sources/{source_id}")
    assert f"http://127.0.0.1:8000/hooks/{source_id}" in words(page)
    assert "HMAC-SHA-256" in words(page)
    assert SECRET not in page.get_data(as_text=True)
    other = made.source(runtime, "files", "files")
    assert "HMAC" not in words(Visitor(app, runtime).sign_in("admin", "Bo").get(f"/sources/{other}"))


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "openssl"))), reason="needs bash, curl and openssl")
def test_the_line_on_the_page_posts_the_example(sqlite_runtime: Runtime) -> None:
    live = Runtime(sqlite_runtime.settings, sqlite_runtime.db, SystemClock(), sqlite_runtime.queue)
    source_id = add_webhook(live)
    app = create_app(live)
    page = Visitor(app, live).sign_in("admin").get(f"/sources/{source_id}").get_data(as_text=True)
    (shown,) = re.findall(r"<pre>(SECRET=.*?)</pre>", page, re.DOTALL)
    with served(app) as address:
        line = unescape(shown).replace("the secret that you entered", SECRET).replace("http://127.0.0.1:8000", address)
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["new"] == 1
    assert [row.text for row in made.mentions(live)] == ["My parcel is lost."]
