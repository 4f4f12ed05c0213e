"""Signing in on Reddit's own page: the key comes only to who left for it, is stored encrypted, and keeps history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from core.clock import HeldClock
from core.runtime import Runtime
from core.secrets import seal, unseal
from core.tables import Source
from tests.listener.emulators.reddit import CODE, REFRESH, Site, reddit
from tests.web.stories import add_source
from tests.web.visitor import Visitor, words
from web.app import create_app

BACK = "/sources/signed-in"


@pytest.fixture
def site() -> Iterator[Site]:
    with reddit() as running:
        yield running


@pytest.fixture
def admin(sqlite_runtime: Runtime, site: Site) -> Visitor:
    places = {"reddit_url": site.url, "reddit_oauth_url": site.url}
    runtime = replace(sqlite_runtime, settings=sqlite_runtime.settings.model_copy(update=places))
    return Visitor(create_app(runtime), runtime).sign_in("admin")


@pytest.fixture
def source_id(admin: Visitor) -> int:
    """A paused source of an app of the kind "web app", whose account has not signed in."""
    secret = seal(admin.runtime.settings, {"client_secret": "gko_LXELoV07"})
    given = {"client_id": "p-jcoLKBynTLew", "subreddits": "acme"}
    about = {"settings": given, "credentials": secret, "cursor": "c7", "active": True, "state": "paused"}
    return add_source(admin.runtime, "reddit", "Reddit", **about)


def row(runtime: Runtime, source_id: int) -> Source:
    with runtime.db.read() as db:
        return db.get_one(Source, source_id)


def leave(admin: Visitor, source_id: int) -> dict[str, str]:
    """Go to Reddit; what it is asked."""
    answer = admin.get(f"/sources/{source_id}/sign-in")
    asked = urlsplit(answer.location)
    assert asked.path == "/api/v1/authorize"
    return {name: value[0] for name, value in parse_qs(asked.query).items()}


def come_back(admin: Visitor, brings: str) -> str:
    """Come from Reddit with something; what the page says that one is led to."""
    return words(admin.get(admin.get(BACK + brings).location))


def test_the_key_is_stored_encrypted_and_the_source_goes_on_where_it_was(admin: Visitor, source_id: int) -> None:
    page = admin.get(f"/sources/{source_id}")
    asked = leave(admin, source_id)
    assert asked["redirect_uri"].endswith(BACK)
    assert asked["redirect_uri"] in page.text, "whoever makes the app has to know it"
    assert (asked["client_id"], asked["duration"], asked["response_type"]) == ("p-jcoLKBynTLew", "permanent", "code")
    said = come_back(admin, f"?state={asked['state']}&code={CODE}")
    assert "Signed in at Reddit" in said
    assert REFRESH not in said
    after = row(admin.runtime, source_id)
    assert (after.state, after.cursor) == ("running", "c7")
    assert unseal(admin.runtime.settings, after.credentials)["refresh_token"] == REFRESH


@pytest.mark.parametrize("brings", ["another", "twice", "late", "nothing"])
def test_without_the_state_that_they_left_with_nobody_brings_a_key(
    admin: Visitor, source_id: int, clock: HeldClock, site: Site, brings: str
) -> None:
    state = leave(admin, source_id)["state"]
    if brings == "twice":
        admin.get(f"{BACK}?state={state}&error=access_denied")
    if brings == "late":
        clock.advance(3_600)
    given = {"another": "?state=guessed&code=", "nothing": "?code="}.get(brings, f"?state={state}&code=") + CODE
    assert admin.get(BACK + given).status_code == 404
    assert site.requests("/api/v1/access_token") == []


@pytest.mark.parametrize(("brought", "said"), [("error=access_denied", "access_denied"), ("code=x", "invalid_grant")])
def test_a_refusal_is_told_and_changes_nothing(admin: Visitor, source_id: int, brought: str, said: str) -> None:
    state = leave(admin, source_id)["state"]
    page = come_back(admin, f"?state={state}&{brought}")
    assert said in page
    assert row(admin.runtime, source_id).state == "paused"


def test_only_an_admin_may_leave(agent: Visitor, site: Site) -> None:
    source_id = add_source(agent.runtime, "reddit", "Reddit", active=True)
    assert agent.get(f"/sources/{source_id}/sign-in").status_code == 403
