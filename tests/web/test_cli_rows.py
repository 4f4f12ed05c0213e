"""Users, brands, own accounts and queries from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from core.db import Database
from core.settings import Settings
from core.tables import User, WordList
from tests.web.ripplewatch import ripplewatch
from web import password

pytestmark = pytest.mark.usefixtures("tables")

SECRET = "correct horse battery"


def test_a_user_is_added_with_a_password_from_stdin_and_listed_without_it(settings: Settings) -> None:
    ran = ripplewatch("user", "add", "jane", "--role", "admin", "--password-file", "-", stdin=f"{SECRET}\r\n")
    assert ran.lines == [{"name": "jane", "role": "admin", "brands": {}}]
    listed = ripplewatch("user", "list")
    assert listed.lines == [{"name": "jane", "role": "admin", "brands": {}, "active": True, "seen_at": None}]
    assert password.fits(_user(settings), SECRET)


def test_without_a_terminal_a_password_file_is_asked_for() -> None:
    ran = ripplewatch("user", "add", "jane")
    assert ran.code == 1
    assert "--password-file" in ran.err
    assert ripplewatch("user", "list").lines == []


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [("jane", "short", "at least"), ("jane", "", "at least"), (" ", SECRET, "name"), ("a\nb", SECRET, "one line")],
)
def test_a_user_needs_a_name_and_a_password_worth_it(name: str, given: str, words: str) -> None:
    ran = ripplewatch("user", "add", name, "--password-file", "-", stdin=given)
    assert ran.code == 1
    assert words in ran.err


def test_a_new_password_signs_out_everywhere(settings: Settings, tmp_path: Path) -> None:
    ripplewatch("user", "add", "jane", "--password-file", "-", stdin=SECRET)
    before = _user(settings).session_key
    file = tmp_path / "new.txt"
    file.write_text("another good password\n", encoding="utf-8")
    assert ripplewatch("user", "password", "jane", "--password-file", str(file)).code == 0
    assert password.fits(_user(settings), "another good password")
    assert _user(settings).session_key != before


def test_a_role_may_be_for_single_brands() -> None:
    ripplewatch("brand", "add", "acme")
    ran = ripplewatch(
        "user", "add", "bo", "--role", "approver", "--brand", "acme", "--password-file", "-", stdin=SECRET
    )
    assert ran.lines == [{"name": "bo", "role": "none", "brands": {"acme": "approver"}}]
    assert ripplewatch("user", "role", "bo", "agent", "--brand", "acme").lines[0]["brands"] == {"acme": "agent"}
    assert ripplewatch("user", "role", "bo", "manager").lines[0]["role"] == "manager"
    refused = ripplewatch("user", "role", "bo", "agent", "--brand", "nowhere")
    assert (refused.code, "no brand 'nowhere'" in refused.err) == (1, True)
    ripplewatch("user", "add", "ada", "--role", "admin", "--password-file", "-", stdin=SECRET)
    assert "is the only admin" in ripplewatch("user", "role", "ada", "agent").err


def test_a_disabled_user_is_out_until_let_in_again(settings: Settings) -> None:
    ripplewatch("user", "add", "jane", "--password-file", "-", stdin=SECRET)
    session = _user(settings).session_key
    assert ripplewatch("user", "disable", "jane").code == 0
    assert not password.fits(_user(settings), SECRET)
    assert _user(settings).session_key != session
    assert ripplewatch("user", "disable", "jane", "--undo").code == 0
    assert password.fits(_user(settings), SECRET)


def test_the_only_admin_stays() -> None:
    ripplewatch("user", "add", "jane", "--role", "admin", "--password-file", "-", stdin=SECRET)
    ran = ripplewatch("user", "disable", "jane")
    assert ran.code == 1
    assert "only admin" in ran.err


@pytest.mark.parametrize("args", [("password", "nobody"), ("disable", "nobody")])
def test_an_unknown_user_is_named(args: tuple[str, ...]) -> None:
    ran = ripplewatch("user", *args)
    assert ran.code == 1
    assert "nobody" in ran.err


def test_a_brand_with_accounts_and_queries() -> None:
    assert ripplewatch("brand", "add", "acme", "--name", "Acme Outdoor", "--timezone", "Europe/Berlin").code == 0
    assert ripplewatch("brand", "own-account", "acme", "bluesky", "@Acme.Example").code == 0
    assert ripplewatch("brand", "own-account", "acme", "bluesky", "acme.example").code == 0
    assert ripplewatch("query", "add", "acme", "The shop", "acme -job").code == 0
    assert ripplewatch("brand", "list").lines == [
        {
            "slug": "acme",
            "name": "Acme Outdoor",
            "timezone": "Europe/Berlin",
            "sample": False,
            "queries": {"The shop": "acme -job"},
            "own_accounts": ["bluesky:acme.example"],
        }
    ]
    assert ripplewatch("query", "list", "--brand", "acme").lines == [
        {"brand": "acme", "name": "The shop", "query": "acme -job", "active": True}
    ]
    assert ripplewatch("brand", "own-account", "acme", "bluesky", "acme.example", "--remove").code == 0
    assert ripplewatch("query", "remove", "acme", "The shop").code == 0
    assert ripplewatch("brand", "list").lines[0]["own_accounts"] == []
    assert ripplewatch("brand", "remove", "acme", "--yes").code == 0
    assert ripplewatch("brand", "list").lines == []


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("brand", "add", "Ac me"), 2, "lower-case"),
        (("brand", "add", "acme", "--timezone", "Mars/Olympus"), 2, "Europe/Berlin"),
        (("brand", "add", "taken"), 1, "already"),
        (("brand", "remove", "none", "--yes"), 1, "there are: taken"),
        (("brand", "own-account", "taken", "x", "stranger", "--remove"), 1, "not listed"),
        (("query", "add", "none", "name", "word"), 1, "no brand"),
        (("query", "add", "taken", "name", "(word"), 1, "^"),
        (("query", "remove", "taken", "none"), 1, "no query"),
        (("query", "explain", "a AND"), 1, "^"),
    ],
)
def test_what_cannot_be_done_is_said(args: tuple[str, ...], code: int, words: str) -> None:
    ripplewatch("brand", "add", "taken")
    ran = ripplewatch(*args)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


def test_removing_asks_first() -> None:
    ripplewatch("brand", "add", "acme")
    assert ripplewatch("brand", "remove", "acme", stdin="n\n").code == 1
    assert len(ripplewatch("brand", "list").lines) == 1
    assert ripplewatch("brand", "remove", "acme", stdin="y\n").code == 0
    assert ripplewatch("brand", "list").lines == []


def test_a_query_is_explained_in_words() -> None:
    (said,) = ripplewatch("query", "explain", "acme -job").lines
    assert said["query"] == "acme -job"
    assert "acme" in said["meaning"]
    assert "job" in said["meaning"]


def test_a_query_may_name_the_lists_of_its_brand(settings: Settings) -> None:
    assert ripplewatch("brand", "add", "acme").code == 0
    assert "Make it first" in ripplewatch("query", "add", "acme", "Slow", "acme list:slow").err
    database = Database(settings.database)
    with database.write() as db:
        db.add(WordList(brand_id=1, name="slow", words=["late"]))
    database.close()
    assert ripplewatch("query", "add", "acme", "Slow", "acme list:slow").code == 0
    assert "Make it first" in ripplewatch("query", "explain", "list:slow").err
    (said,) = ripplewatch("query", "explain", "list:slow", "--brand", "acme").lines
    assert said["meaning"] == "Finds posts with one of the words in the list “slow” (“late”)."
    assert ripplewatch("query", "test", "list:slow", "--brand", "acme").err == "0 of 0 mention(s) match\n"


def test_a_query_that_is_too_broad_is_added_with_a_warning() -> None:
    assert ripplewatch("brand", "add", "acme").code == 0
    ran = ripplewatch("query", "add", "acme", "All", "the OR acme")
    assert ran.code == 0
    assert "a great part of all posts" in ran.err


def test_a_query_is_tried_on_what_is_stored_and_nothing_personal_comes_out(tmp_path: Path) -> None:
    ripplewatch("brand", "add", "acme")
    texts = ("acme lost my parcel, mail me at jo@example.com", "nothing of interest", "acme jobs")
    with (tmp_path / "posts.jsonl").open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            post = {"platform": "x", "id": str(number), "author": "jo", "text": text}
            file.write(json.dumps(post | {"created_at": "2026-11-20T10:00:00Z"}) + "\n")
    ripplewatch("import", str(tmp_path / "posts.jsonl"), "--no-judge")
    ran = ripplewatch("query", "test", "acme -jobs")
    assert ran.lines == [
        {"platform": "x", "id": "0", "author": "jo", "text": "acme lost my parcel, mail me at [e-mail]"}
    ]
    assert ran.err == "1 of 3 mention(s) match\n"
    assert ripplewatch("query", "test", "acme", "--last", "1").err == "1 of 1 mention(s) match\n"


def _user(settings: Settings) -> User:
    database = Database(settings.database)
    try:
        with database.read() as db:
            return db.scalars(select(User)).one()
    finally:
        database.close()
