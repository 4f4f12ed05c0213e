"""Sources from the command line: each kind asks for its own fields; they are paused, resumed and removed by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from core.db import Database
from core.settings import Settings
from core.tables import Source
from listener.source import kinds
from tests.web.ripplewatch import ripplewatch

pytestmark = pytest.mark.usefixtures("tables")

FEED = ("source", "add", "feed", "--name", "Company blog", "--url", "https://blog.example/feed.xml")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    yield database
    database.close()


def test_every_kind_can_be_added_and_shows_its_fields() -> None:
    listed = ripplewatch("source", "add", "--help").out
    for kind in kinds():
        assert kind in listed
        assert ripplewatch("source", "add", kind, "--help").code == 0
    assert "--url" in ripplewatch("source", "add", "feed", "--help").out


def test_a_source_is_added_and_listed_with_its_state() -> None:
    ripplewatch("brand", "add", "acme")
    assert ripplewatch(*FEED, "--brand", "acme").lines == [{"kind": "feed", "name": "Company blog"}]
    assert ripplewatch("source", "add", "hackernews").code == 0
    feed, other = ripplewatch("source", "list").lines
    assert feed == {
        "kind": "feed",
        "name": "Company blog",
        "brand": "acme",
        "state": "running",
        "reason": None,
        "last_ok_at": None,
        "rejected": 0,
        "settings": {"url": "https://blog.example/feed.xml"},
    }
    assert (other["kind"], other["brand"]) == ("hackernews", None)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("add", "feed"), 2, "--url"),
        (("add", "telegraph"), 2, "telegraph"),
        (("add", "feed", "--url", "no address"), 1, ""),
        (("add", "feed", "--name", "Company blog", "--url", "https://x.example/f"), 1, "already"),
        (("add", "feed", "--url", "https://x.example/f", "--brand", "nobody"), 1, "brand"),
        (("pause", "feed", "nothing"), 1, "no source 'nothing' of kind feed"),
        (("resume", "feed", "nothing"), 1, "no source"),
        (("remove", "feed", "nothing", "--yes"), 1, "no source"),
    ],
)
def test_what_cannot_be_done_is_said(args: tuple[str, ...], code: int, words: str) -> None:
    ripplewatch(*FEED)
    ran = ripplewatch("source", *args)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert len(ripplewatch("source", "list").lines) == 1


def test_pausing_resuming_and_removing(database: Database) -> None:
    ripplewatch(*FEED)
    assert ripplewatch("source", "pause", "feed", "Company blog").code == 0
    assert ripplewatch("source", "list").lines[0]["state"] == "off"
    assert ripplewatch("source", "resume", "feed", "Company blog").code == 0
    assert ripplewatch("source", "list").lines[0]["state"] == "running"
    with database.write() as db:
        row = db.scalars(select(Source)).one()
        row.state, row.reason, row.failures, row.next_try_at = "paused", "410 Gone", 9, datetime.now(UTC)
    assert ripplewatch("source", "list").lines[0]["reason"] == "410 Gone"
    assert ripplewatch("source", "resume", "feed", "Company blog").code == 0
    with database.read() as db:
        row = db.scalars(select(Source)).one()
        assert (row.active, row.state, row.reason, row.failures, row.next_try_at) == (True, "running", None, 0, None)
    assert ripplewatch("source", "remove", "feed", "Company blog", stdin="n\n").code == 1
    assert ripplewatch("source", "remove", "feed", "Company blog", "--yes").code == 0
    assert ripplewatch("source", "list").lines == []


def test_what_a_kind_does_not_know_is_not_shown(database: Database) -> None:
    ripplewatch(*FEED)
    with database.write() as db:
        row = db.scalars(select(Source)).one()
        row.settings = {**row.settings, "token": "hush"}
    ran = ripplewatch("source", "list")
    assert json.loads(ran.out)["settings"]["token"] == "set, not shown"
    assert "hush" not in ran.out
