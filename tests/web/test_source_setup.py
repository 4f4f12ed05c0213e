"""Setting up a source with keys: they are asked for, tested, encrypted, kept, replaced, and never shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import ClassVar

import pytest
from pydantic import SecretStr

from core.roles import EVERYTHING
from core.runtime import Runtime
from core.secrets import seal, sealed_at, unseal
from core.tables import Gap, Source
from listener.prices import PRICES
from listener.source import Context, Field, kinds, load
from tests.listener.emulators.reddit import KEYS, reddit
from tests.loopback import Answer, Asked, http
from tests.web.stories import add_brand, add_source
from tests.web.visitor import Visitor, words
from web.app import create_app
from web.listening import source_form

GOOD, BAD = "good-token-31415", "bad-token-27182"
HEADERS = {"Content-Type": "application/json"}
WITH_STEPS = [kind for kind in kinds() if load(kind).steps]


def _mastodon(asked: Asked) -> Answer:
    """A server that knows one token."""
    if asked.headers.get("Authorization") != f"Bearer {GOOD}":
        return Answer(401, b'{"error": "The access token was <revoked>"}', HEADERS)
    body: object = {"acct": "hawkweed"} if asked.path.endswith("verify_credentials") else []
    if asked.path.endswith("/instance"):
        body = {"configuration": {"statuses": {"max_characters": 5000}}}
    return Answer(200, json.dumps(body).encode(), HEADERS)


@pytest.fixture
def server() -> Iterator[str]:
    with http(_mastodon) as running:
        yield running.url


def _row(runtime: Runtime) -> Source:
    with runtime.db.read() as db:
        return db.query(Source).one()


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    return unescape(found[1]) if found else ""


@pytest.mark.parametrize("kind", WITH_STEPS)
def test_what_to_do_on_the_platforms_side_stands_above_the_form(admin: Visitor, kind: str) -> None:
    page = words(admin.get(f"/sources/new/{kind}"))
    for step in load(kind).steps:
        assert " ".join(step.split()) in page


def test_a_key_is_stored_encrypted_and_shown_nowhere(admin: Visitor, server: str) -> None:
    form = {"mastodon_server": server, "mastodon_token": GOOD}
    page = admin.get(admin.post("/sources/new/mastodon", form).location)
    row = _row(admin.runtime)
    assert row.settings == {"server": server}
    assert row.credentials
    assert GOOD not in row.credentials
    assert unseal(admin.runtime.settings, row.credentials) == {"token": GOOD}
    settings = admin.get(f"/sources/{row.id}/settings")
    assert f"Stored, encrypted, since {sealed_at(row.credentials).day} " in words(settings)
    for shown in (page, settings, admin.get("/sources/"), admin.get("/coverage/")):
        assert GOOD not in shown.text
        assert row.credentials not in shown.text


def test_a_test_says_who_we_are_and_saves_nothing(admin: Visitor, server: str) -> None:
    form = {"mastodon_server": server, "mastodon_token": GOOD, "test": "1"}
    answer = admin.post("/sources/new/mastodon", form)
    page = words(answer)
    assert answer.status_code == 200
    assert f"Mastodon knows us as @hawkweed@{server.removeprefix('http://')}" in page
    assert "May read the timelines hear mentions of this account" in page
    assert "Until no end is known" in page
    assert GOOD not in answer.text
    with admin.runtime.db.read() as db:
        assert db.query(Source).count() == 0


def test_what_was_entered_and_found_out_by_a_test_is_saved_without_entering_it_again(
    admin: Visitor, server: str
) -> None:
    form = {"mastodon_server": server, "mastodon_token": GOOD, "test": "1"}
    page = admin.post("/sources/new/mastodon", form).text
    assert "Entered just now" in page
    carried = {"mastodon_server": server, "kept": _hidden(page, "kept"), "tested": _hidden(page, "tested")}
    admin.post("/sources/new/mastodon", carried)
    row = _row(admin.runtime)
    assert unseal(admin.runtime.settings, row.credentials) == {"token": GOOD}
    assert (row.account, row.longest) == (f"@hawkweed@{server.removeprefix('http://')}", 5000)


def test_a_refusal_is_told_in_the_platforms_own_words(admin: Visitor, server: str) -> None:
    form = {"mastodon_server": server, "mastodon_token": BAD, "test": "1"}
    answer = admin.post("/sources/new/mastodon", form, HX_Request="true", HX_Request_Type="partial")
    assert "Mastodon refuses:" in words(answer)
    assert "The access token was <revoked>" in words(answer)
    assert "<html" not in answer.text
    assert BAD not in answer.text


def test_a_test_needs_a_whole_form(admin: Visitor) -> None:
    answer = admin.post("/sources/new/feed", {"test": "1"})
    assert answer.status_code == 422
    assert 'id="feed_url-error"' in answer.text
    part = admin.post("/sources/new/feed", {"test": "1"}, HX_Request="true", HX_Request_Type="partial")
    assert "this is needed" in words(part)


def test_a_wrong_field_does_not_lose_the_key(admin: Visitor) -> None:
    form = {"mastodon_token": GOOD, "mastodon_timelines": "no such timeline!"}
    answer = admin.post("/sources/new/mastodon", form)
    assert answer.status_code == 422
    assert unseal(admin.runtime.settings, _hidden(answer.text, "kept")) == {"token": GOOD}
    assert admin.post("/sources/new/mastodon", {"kept": _hidden(answer.text, "kept")}).status_code == 302
    assert unseal(admin.runtime.settings, _row(admin.runtime).credentials) == {"token": GOOD}


def _paused(runtime: Runtime, server: str, token: str = BAD) -> int:
    return add_source(
        runtime,
        "mastodon",
        "Mastodon",
        settings={"server": server},
        credentials=seal(runtime.settings, {"token": token}),
        account="@hawkweed",
        cursor="41",
        state="paused",
        reason="401: revoked",
        failures=3,
    )


def test_a_new_key_keeps_history_and_goes_on(admin: Visitor, server: str) -> None:
    number, now = _paused(admin.runtime, server), admin.runtime.clock.now()
    with admin.runtime.db.write() as db:
        db.add(Gap(source_id=number, start=now - timedelta(hours=1), end=now, reason="401: revoked"))
    form = {"name": "Our server", "mastodon_server": server, "mastodon_token": GOOD}
    answer = admin.post(f"/sources/{number}/settings", form)
    row = _row(admin.runtime)
    assert (row.id, row.name, row.cursor, row.state, row.reason, row.failures) == (
        number, "Our server", "41", "running", None, 0,
    )  # fmt: skip
    assert unseal(admin.runtime.settings, row.credentials) == {"token": GOOD}
    assert row.account is None
    assert "1 gap open" not in words(admin.get(answer.location))
    assert "401: revoked open" in words(admin.get(answer.location))


def test_a_key_that_is_left_empty_is_kept_and_one_can_be_forgotten(admin: Visitor, server: str) -> None:
    number = _paused(admin.runtime, server, GOOD)
    before = _row(admin.runtime).credentials
    admin.post(f"/sources/{number}/settings", {"mastodon_server": server, "mastodon_timelines": "#hawkweed"})
    row = _row(admin.runtime)
    assert (row.credentials, row.account) == (before, None)  # who knows whether it is the same account
    assert row.settings == {"server": server, "timelines": "#hawkweed"}
    admin.post(f"/sources/{number}/settings", {"mastodon_server": server, "mastodon_token_forget": "1"})
    assert _row(admin.runtime).credentials is None


def test_what_the_platform_gave_us_is_kept_until_the_settings_change(admin: Visitor, server: str) -> None:
    number = _paused(admin.runtime, server, GOOD)
    with admin.runtime.db.write() as db:
        sealed = seal(admin.runtime.settings, {"token": GOOD, "session": "given to us"})
        db.get_one(Source, number).credentials = sealed
    admin.post(f"/sources/{number}/settings", {"name": "Renamed", "mastodon_server": server})
    assert (_row(admin.runtime).credentials, _row(admin.runtime).account) == (sealed, "@hawkweed")
    admin.post(f"/sources/{number}/settings", {"mastodon_server": server, "mastodon_timelines": "local"})
    assert unseal(admin.runtime.settings, _row(admin.runtime).credentials) == {"token": GOOD}


def test_settings_are_shown_as_they_are(admin: Visitor, server: str) -> None:
    add_brand(admin.runtime)
    number = add_source(admin.runtime, "mastodon", "Ours", settings={"server": server}, brand_id=1)
    page = admin.get(f"/sources/{number}/settings").text
    assert f'value="{server}"' in page
    assert 'value="Ours"' in page
    assert '<option value="hawkweed" selected>' in page


def test_the_key_of_a_source_is_tested_and_the_answer_remembered(admin: Visitor, server: str) -> None:
    number = _paused(admin.runtime, server, GOOD)
    page = words(admin.post(f"/sources/{number}/test"))
    assert "Mastodon knows us as @hawkweed@" in page
    assert "Paused until somebody acts: 401: revoked" in page
    row = _row(admin.runtime)
    assert (row.account, row.longest) == (f"@hawkweed@{server.removeprefix('http://')}", 5000)
    part = admin.post(f"/sources/{number}/test", HX_Request="true", HX_Request_Type="partial")
    assert "<html" not in part.text


def test_a_key_that_a_platform_renews_while_it_is_tested_is_kept(sqlite_runtime: Runtime) -> None:
    with reddit() as site:
        site.new_refresh_token = "new"
        places = {"reddit_url": site.url, "reddit_oauth_url": site.url}
        runtime = replace(sqlite_runtime, settings=sqlite_runtime.settings.model_copy(update=places))
        keys = {"client_secret": KEYS["client_secret"], "refresh_token": "old"}
        about = {"settings": {"client_id": KEYS["client_id"]}, "credentials": seal(runtime.settings, keys)}
        number = add_source(runtime, "reddit", "Reddit", **about)
        page = words(Visitor(create_app(runtime), runtime).sign_in("admin").post(f"/sources/{number}/test"))
    assert "Reddit knows us as u/" in page
    assert unseal(runtime.settings, _row(runtime).credentials) == keys | {"refresh_token": "new"}


def test_keys_that_nobody_can_decrypt_any_more_are_asked_for_again(admin: Visitor, server: str) -> None:
    number = _paused(admin.runtime, server, GOOD)
    with admin.runtime.db.write() as db:
        other = admin.runtime.settings.model_copy(update={"credentials_key": SecretStr("another")})
        db.get_one(Source, number).credentials = seal(other, {"token": GOOD})
    assert "encrypted with another CREDENTIALS_KEY" in words(admin.post(f"/sources/{number}/test"))
    assert "Stored, encrypted" not in words(admin.get(f"/sources/{number}/settings"))
    form = {"mastodon_server": server, "mastodon_token": GOOD}
    assert admin.post(f"/sources/{number}/settings", form).status_code == 302
    assert unseal(admin.runtime.settings, _row(admin.runtime).credentials) == {"token": GOOD}


class Paid(load("feed")):  # type: ignore[misc]
    """A kind that costs money."""

    kind: ClassVar[str] = next(iter(PRICES))
    fields: ClassVar[tuple[Field, ...]] = ()

    def __init__(self, context: Context) -> None:
        super().__init__(replace(context, settings={"url": "https://paid.example/"}))


@pytest.mark.parametrize("budget", ["0", "-1", "1.5", "ten", "1000001", "9" * 5000])
def test_a_budget_is_whole_dollars(sqlite_runtime: Runtime, budget: str) -> None:
    with sqlite_runtime.db.read() as db:
        read = source_form.read(db, sqlite_runtime, Paid, {"budget": budget}, EVERYTHING)
    assert "whole dollars a month" in read.errors["budget"]


@pytest.mark.parametrize(("budget", "dollars"), [("", None), ("50", 50), (" $1,200 ", 1200)])
def test_a_budget_is_asked_for_where_reading_costs_money(
    sqlite_runtime: Runtime, budget: str, dollars: int | None
) -> None:
    with sqlite_runtime.db.read() as db:
        read = source_form.read(db, sqlite_runtime, Paid, {"budget": budget}, EVERYTHING)
        free = source_form.read(db, sqlite_runtime, load("hackernews"), {"budget": budget}, EVERYTHING)
    assert (read.errors, read.budget, free.budget) == ({}, dollars, None)
    assert (source_form.has_prices(Paid), source_form.has_prices(load("hackernews"))) == (True, False)


def test_only_admins_see_what_a_source_is_set_up_with(agent: Visitor) -> None:
    number = add_source(agent.runtime, "bluesky", "Bluesky")
    assert agent.get(f"/sources/{number}/settings").status_code == 403
    assert agent.post(f"/sources/{number}/test").status_code == 403


def test_a_source_of_a_kind_that_is_gone_has_no_settings(admin: Visitor) -> None:
    number = add_source(admin.runtime, "myspace", "Old friends")
    assert admin.get(f"/sources/{number}/settings").status_code == 404
    assert admin.post(f"/sources/{number}/test").status_code == 404
