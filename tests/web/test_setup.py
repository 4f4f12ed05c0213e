"""The first start: one link, one admin, three steps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from core.runtime import Runtime
from core.tables import Brand, Query, SetupLink, Source, User
from tests.web.visitor import Visitor, words
from web.app import create_app
from web.managing.sample_brand import load_sample
from web.managing.setup import first_link

NEW = {"name": "Ana", "password": "correct horse"}


def _path(runtime: Runtime) -> str:
    link = first_link(runtime)
    assert link
    return link.removeprefix("http://127.0.0.1:8000")


def test_before_the_first_user_the_sign_in_page_says_where_the_link_is(stranger: Visitor) -> None:
    page = words(stranger.get("/login"))
    assert "one-time link" in page
    assert "Password" not in page


def test_the_link_makes_one_admin_and_leads_into_the_guide(stranger: Visitor) -> None:
    path = _path(stranger.runtime)
    assert "Welcome" in words(stranger.get(path))
    answer = stranger.client.post(path, data=NEW | {"csrf_token": _token(stranger, path)})
    assert answer.location == "/guide/"
    assert stranger.get("/guide/").location == "/guide/brand"
    with stranger.runtime.db.read() as db:
        [user] = db.scalars(select(User))
        assert (user.name, user.role) == ("Ana", "admin")
        assert db.scalar(select(func.count()).select_from(SetupLink)) == 0
    assert first_link(stranger.runtime) is None


def test_a_used_link_is_void(stranger: Visitor) -> None:
    path = _path(stranger.runtime)
    stranger.client.post(path, data=NEW | {"csrf_token": _token(stranger, path)})
    again = stranger.get(path)
    assert again.status_code == 404
    assert "used up" in words(again)


def test_a_new_start_voids_the_link_of_the_one_before(stranger: Visitor) -> None:
    old = _path(stranger.runtime)
    new = _path(stranger.runtime)
    assert stranger.get(old).status_code == 404
    assert stranger.get(new).status_code == 200


def test_the_link_itself_is_not_stored(sqlite_runtime: Runtime) -> None:
    token = _path(sqlite_runtime).rpartition("/")[2]
    with sqlite_runtime.db.read() as db:
        assert token not in db.scalars(select(SetupLink.token_hash)).one()


def test_a_short_password_is_refused_beside_its_field(stranger: Visitor) -> None:
    path = _path(stranger.runtime)
    data = {"name": "Ana", "password": "short", "csrf_token": _token(stranger, path)}
    answer = stranger.client.post(path, data=data)
    assert answer.status_code == 422
    assert 'id="password-error"' in answer.text
    assert 'value="Ana"' in answer.text


def test_of_two_who_use_the_link_at_once_one_becomes_the_admin(runtime: Runtime) -> None:
    app, path = create_app(runtime), _path(runtime)
    visitors = [Visitor(app, runtime) for _ in range(2)]
    tokens = [_token(visitor, path) for visitor in visitors]

    def use(number: int) -> int:
        data = {"name": f"Ana {number}", "password": "correct horse", "csrf_token": tokens[number]}
        return visitors[number].client.post(path, data=data).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(use, range(2))) == [302, 404]
    with runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(User)) == 1


def test_the_guide_leads_from_nothing_to_listening(admin: Visitor) -> None:
    answer = admin.post("/guide/brand", {"name": "Blue Heron", "timezone": "Europe/Lisbon"})
    assert answer.location == "/guide/query/blue-heron"
    assert "the phrase “blue heron”" in words(admin.get(answer.location)).lower()
    answer = admin.post("/guide/query/blue-heron", {"name": "Blue Heron", "text": '"blue heron" -bird'})
    assert answer.location == "/guide/sources"
    assert "Hacker News" in words(admin.get(answer.location))
    answer = admin.post("/guide/sources/hackernews")
    assert answer.location == "/guide/sources"
    assert "Listening to Hacker News" in words(admin.get(answer.location))
    with admin.runtime.db.read() as db:
        assert db.scalars(select(Brand.timezone)).one() == "Europe/Lisbon"
        assert db.scalars(select(Query.text)).one() == '"blue heron" -bird'
        assert db.scalars(select(Source.kind)).one() == "hackernews"


def test_the_guide_goes_on_where_it_was_left(admin: Visitor) -> None:
    assert admin.get("/guide/").location == "/guide/brand"
    admin.post("/guide/brand", {"name": "Blue Heron", "timezone": "UTC"})
    assert admin.get("/guide/").location == "/guide/query/blue-heron"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"name": "", "timezone": "UTC"}, "Enter the brand’s name"),
        ({"name": "x" * 301, "timezone": "UTC"}, "Enter the brand’s name"),
        ({"name": "Acme", "timezone": "Mars/Olympus"}, "Choose a time zone"),
        ({"name": "Acme", "timezone": "../../etc/passwd"}, "Choose a time zone"),
    ],
)
def test_a_wrong_brand_is_told_beside_the_field(admin: Visitor, data: dict[str, str], why: str) -> None:
    answer = admin.post("/guide/brand", data)
    assert answer.status_code == 422
    assert why in words(answer).replace("'", "’")


def test_an_empty_inbox_leads_an_admin_into_the_guide(admin: Visitor) -> None:
    page = admin.get("/")
    assert "Let’s hear something" in words(page)
    assert 'href="/guide/"' in page.text


def _token(visitor: Visitor, path: str) -> str:
    page = visitor.client.get(path).text
    return page.split('name="csrf_token" value="')[1].split('"')[0]


def test_whoever_came_for_the_sample_stands_in_the_inbox(admin: Visitor) -> None:
    load_sample(admin.runtime)
    assert admin.get("/guide/").location == "/"
