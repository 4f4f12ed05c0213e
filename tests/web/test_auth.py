"""Signing in and out."""

from __future__ import annotations

import pytest
from flask import Flask

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import User
from tests.web.visitor import Visitor, words
from web import password

PASSWORD = "correct horse battery"
HASHED = password.hashed(PASSWORD)


@pytest.fixture
def jo(sqlite_runtime: Runtime) -> int:
    """A user with a password."""
    with sqlite_runtime.db.write() as db:
        row = User(name="Jo", role="agent", created_at=sqlite_runtime.clock.now())
        password.give(row, HASHED)
        db.add(row)
        db.flush()
        return row.id


def test_the_right_password_opens_the_inbox(stranger: Visitor, jo: int) -> None:
    answer = stranger.post("/login", {"name": "Jo", "password": PASSWORD})
    assert answer.status_code == 302
    assert answer.location == "/"
    assert stranger.get("/").status_code == 200
    with stranger.runtime.db.read() as db:
        assert db.get_one(User, jo).seen_at == stranger.runtime.clock.now()


@pytest.mark.usefixtures("jo")
@pytest.mark.parametrize(("name", "given"), [("Jo", "wrong"), ("Nobody", PASSWORD), ("", ""), ("Jo", "x" * 10_000)])
def test_a_wrong_password_and_an_unknown_name_are_told_alike(stranger: Visitor, name: str, given: str) -> None:
    answer = stranger.post("/login", {"name": name, "password": given})
    assert answer.status_code == 401
    assert "This name and password do not belong together." in words(answer)
    assert stranger.get("/").location == "/login"


@pytest.mark.usefixtures("jo")
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\tevil",
        "http:///evil",
        "x",
    ],
)
def test_signing_in_leads_to_no_other_site(stranger: Visitor, elsewhere: str) -> None:
    answer = stranger.post("/login", {"name": "Jo", "password": PASSWORD, "next": elsewhere})
    assert answer.location == "/"


@pytest.mark.usefixtures("jo")
def test_signing_in_leads_back_to_where_one_wanted_to_go(stranger: Visitor) -> None:
    asked = stranger.get("/cases/7?state=done")
    assert asked.location == "/login?next=/cases/7?state%3Ddone"
    page = stranger.get(asked.location)
    assert 'value="/cases/7?state=done"' in page.text
    answer = stranger.post("/login", {"name": "Jo", "password": PASSWORD, "next": "/cases/7?state=done"})
    assert answer.location == "/cases/7?state=done"


@pytest.mark.usefixtures("jo")
def test_guessing_gets_slower_but_nobody_is_locked_out(stranger: Visitor, clock: HeldClock) -> None:
    for _ in range(5):
        assert stranger.post("/login", {"name": "Jo", "password": "wrong"}).status_code == 401
    refused = stranger.post("/login", {"name": "Jo", "password": PASSWORD})
    assert refused.status_code == 429
    clock.advance(int(refused.headers["Retry-After"]))
    assert stranger.post("/login", {"name": "Jo", "password": PASSWORD}).status_code == 302


@pytest.mark.usefixtures("jo")
def test_one_guesser_does_not_shut_the_owner_out_elsewhere(app: Flask, stranger: Visitor) -> None:
    for _ in range(20):
        stranger.post("/login", {"name": "Jo", "password": "wrong"})
    owner = Visitor(app, stranger.runtime)
    owner.client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert owner.post("/login", {"name": "Jo", "password": PASSWORD}).status_code == 302


def test_a_new_password_ends_every_other_session(app: Flask, stranger: Visitor, jo: int) -> None:
    other = Visitor(app, stranger.runtime)
    for visitor in (stranger, other):
        visitor.post("/login", {"name": "Jo", "password": PASSWORD})
        visitor.user_id = jo
    changed = stranger.post("/account/password", {"old": PASSWORD, "password": "another long one"})
    assert changed.location == "/account"
    assert stranger.get("/").status_code == 200
    assert other.get("/").location == "/login"


def test_the_old_password_is_asked_for(stranger: Visitor, jo: int) -> None:
    stranger.post("/login", {"name": "Jo", "password": PASSWORD})
    stranger.user_id = jo
    refused = stranger.post("/account/password", {"old": "wrong", "password": "another long one"})
    assert refused.status_code == 422
    assert "That is not your present password." in words(refused)


def test_whoever_is_shut_out_is_out_at_once(agent: Visitor) -> None:
    with agent.runtime.db.write() as db:
        db.get_one(User, agent.user_id).active = False
    assert agent.get("/").location == "/login"


def test_signing_out_ends_the_session(agent: Visitor) -> None:
    assert agent.post("/logout").location == "/login"
    assert agent.get("/").location == "/login"


def test_htmx_is_told_to_load_the_sign_in_page(stranger: Visitor) -> None:
    answer = stranger.get(
        "/cases/3", HX_Request="true", HX_Request_Type="partial", Referer="http://localhost/?state=all"
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/?state%3Dall"


def test_who_is_signed_out_while_typing_keeps_the_page(stranger: Visitor) -> None:
    answer = stranger.client.post("/cases/3/draft", data={"text": "half a reply"}, headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "HX-Redirect" not in answer.headers
    assert answer.headers["HX-Retarget"] == "#alarms"
    assert "what you typed is still here" in words(answer)


def test_light_or_dark_is_remembered(agent: Visitor) -> None:
    answer = agent.post("/theme", {"theme": "dark", "next": "/health"})
    assert answer.location == "/health"
    assert 'data-theme="dark"' in agent.get("/").text
    agent.post("/theme", {"theme": '"><script>'})
    assert 'data-theme="auto"' in agent.get("/").text
