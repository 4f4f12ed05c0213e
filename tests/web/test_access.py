"""Who gets in where: the guard, roles, tokens in forms, headers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from core.clock import HeldClock
from core.db import Database
from core.runtime import Runtime
from core.settings import Settings
from tests.conftest import NudgeList
from tests.web.stories import add_case, add_user
from tests.web.visitor import Visitor
from web.app import create_app
from web.auth import needed_role

WEB = Path(__file__).parents[2] / "web"
SIGNED = {"/hooks/1", "/slack/events", "/slack/interactions"}
"""Where a signature counts, and neither a session nor a form's token (tests/web/test_hooks.py, test_slack.py)."""
OWN = {
    "/account/password": {422},
    "/account/away": {302},
    "/account/hand-on": {302},
    "/slack/connect": {404},
    "/slack/disconnect": {302},
}
"""Forms about the person who sends them."""
FOR_STRANGERS = {"/login", "/healthz", "/theme", "/setup/x", "/join/x"} | SIGNED


def _rules() -> list[tuple[str, str]]:
    """Every address with every method that it takes; the database of this app is never opened."""
    unused = Runtime(Settings(secret_key="k"), Database("sqlite://"), HeldClock(), NudgeList())
    app, found = create_app(unused), set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            found |= {(method, _path(app, rule)) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    return sorted(found)


def _path(app: Flask, rule: Rule) -> str:
    values: dict[str, object] = {name: 1 if name.endswith("_id") else "x" for name in rule.arguments}
    method = next(iter(rule.methods or {"GET"}))
    return app.url_map.bind("").build(rule.endpoint, values, method=method)


RULES = _rules()
POSTS = [path for method, path in RULES if method == "POST"]


@pytest.fixture(scope="module")
def runtime_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """One database for the tests that knock at every address: none of them gets to write."""
    settings = Settings(ripplewatch_home=tmp_path_factory.mktemp("home"))
    database = Database(settings.database)
    database.prepare()
    runtime = Runtime(settings, database, HeldClock(), NudgeList())
    add_case(runtime)
    yield runtime
    database.close()


@pytest.fixture(scope="module")
def visitors(runtime_of_all: Runtime) -> dict[str, Visitor]:
    app = create_app(runtime_of_all)
    known = {role: Visitor(app, runtime_of_all).sign_in(role, role) for role in ("manager", "admin")}
    return known | {"stranger": Visitor(app, runtime_of_all)}


def test_the_address_map_is_looked_at_whole() -> None:
    assert len(RULES) > 50
    assert {path for _, path in RULES if path in FOR_STRANGERS} == FOR_STRANGERS


@pytest.mark.parametrize(("method", "path"), [rule for rule in RULES if rule[1] not in FOR_STRANGERS])
def test_a_stranger_is_asked_to_sign_in(visitors: dict[str, Visitor], method: str, path: str) -> None:
    answer = visitors["stranger"].client.open(path, method=method)
    assert answer.status_code == 302
    assert answer.location.startswith("/login")


@pytest.mark.parametrize("path", [path for path in POSTS if path not in FOR_STRANGERS | {"/logout"}])
def test_a_manager_changes_nothing_but_their_own(visitors: dict[str, Visitor], path: str) -> None:
    assert visitors["manager"].post(path).status_code in (OWN.get(path) or {403, 404})


@pytest.mark.parametrize("path", [path for path in POSTS if path not in SIGNED])
def test_a_form_without_the_token_is_refused(visitors: dict[str, Visitor], path: str) -> None:
    assert visitors["admin"].client.post(path, data={"name": "x", "text": "typed"}).status_code == 400


def test_what_was_typed_comes_back_with_a_form_that_is_too_old(agent: Visitor) -> None:
    answer = agent.client.post("/cases/1/draft", data={"csrf_token": "old", "text": "my <b>long</b> reply"})
    assert answer.status_code == 400
    assert "my &lt;b&gt;long&lt;/b&gt; reply" in answer.text


@pytest.mark.parametrize("path", ["/people", "/guide/brand", "/brands/new", "/sources/new/hackernews"])
def test_an_agent_does_not_set_things_up(agent: Visitor, path: str) -> None:
    assert agent.get(path).status_code == 403


def test_every_endpoint_says_who_may_use_it(app: Flask) -> None:
    with app.app_context():
        roles = {
            needed_role(rule.endpoint, method) for rule in app.url_map.iter_rules() for method in rule.methods or set()
        }
    assert roles == {None, "none", "manager", "agent", "approver", "admin"}


@pytest.mark.parametrize("path", ["/login", "/", "/health", "/nowhere", "/static/style.css"])
def test_every_answer_keeps_hostile_text_in_its_place(agent: Visitor, path: str) -> None:
    headers = agent.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    if not path.startswith("/static"):
        assert headers["Cache-Control"] == "no-store"


def test_static_files_are_kept_for_ever_under_their_fingerprint(agent: Visitor) -> None:
    address = re.search(r'href="(/static/style\.css\?v=\w+)"', agent.get("/").text)
    assert address
    assert "immutable" in agent.get(address[1]).headers["Cache-Control"]


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(stranger: Visitor, sqlite_runtime: Runtime) -> None:
    add_user(sqlite_runtime)
    cookie = stranger.get("/login").headers["Set-Cookie"]
    assert cookie.startswith("ripplewatch=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_cookies_are_secure_under_https(sqlite_runtime: Runtime) -> None:
    add_user(sqlite_runtime)
    settings = sqlite_runtime.settings.model_copy(update={"public_url": "https://care.example"})
    app = create_app(Runtime(settings, sqlite_runtime.db, sqlite_runtime.clock, sqlite_runtime.queue))
    cookie = app.test_client().get("/login", base_url="https://care.example").headers["Set-Cookie"]
    assert cookie.startswith("__Host-ripplewatch=")
    assert "Secure" in cookie


def test_a_form_of_more_than_a_megabyte_is_refused(agent: Visitor) -> None:
    assert agent.post("/cases/1/draft", {"text": "x" * 1_100_000}).status_code == 413


@pytest.mark.parametrize("template", sorted((WEB / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_templates_have_no_inline_styles_scripts_or_handlers(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|<script(?![^>]*\bsrc=)", text)


@pytest.mark.parametrize("template", sorted((WEB / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_every_form_that_changes_something_carries_the_token(template: Path) -> None:
    for form in re.findall(r'<form[^>]*method="post".*?</form>', template.read_text(encoding="utf-8"), re.DOTALL):
        assert "csrf()" in form or "piece.begin(case)" in form


def test_the_vendored_libraries_are_those_that_were_released() -> None:
    told = (WEB / "static" / "vendor" / "README.md").read_text()
    for library in (WEB / "static" / "vendor").glob("*.min.*"):
        assert f"{library.name} {hashlib.sha256(library.read_bytes()).hexdigest()}" in told
