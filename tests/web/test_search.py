"""Search over everything: found at once, found nowhere once forgotten, and only by who may see it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, select, text

from core import migrations, text_index, waiting
from core.clock import HeldClock
from core.db import Database
from core.queue import STAGES, run_stage
from core.roles import EVERYTHING, Rights
from core.runtime import Runtime
from core.tables import NO_ROLE, Author, Brand, CaseMention, Match, Mention, Note, PlaybookEntry, Reply
from listener.forget import forget_mentions
from responder.desk import notes
from tests.web.stories import add_case, add_user
from tests.web.visitor import Visitor, words
from web.queries.search import Asked, Found, search, terms_of


def _search(runtime: Runtime, typed: str, rights: Rights = EVERYTHING, **narrowed: str) -> Found:
    with runtime.db.read() as db:
        return search(db, Asked(rights, terms_of(typed), **narrowed))  # type: ignore[arg-type]


def _kinds(found: Found) -> set[str]:
    return {kind for kind in ("mentions", "notes", "replies", "authors", "playbook") if getattr(found, kind)}


def _case(runtime: Runtime, said: str, **values: object) -> int:
    """A case with its mention in it, as the stage leaves it."""
    case_id = add_case(runtime, said, **values)  # type: ignore[arg-type]
    with runtime.db.write() as db:
        mention_id = db.scalars(select(Mention.id).order_by(Mention.id.desc())).first()
        db.add(CaseMention(case_id=case_id, mention_id=mention_id or 0, why="", joined_at=runtime.clock.now()))
    return case_id


def test_everything_that_people_wrote_is_found(runtime: Runtime) -> None:
    name = {"name": "Wombat Fan"}
    case_id = _case(runtime, "the wombat arrived", author=name, reply={"text": "Sorry about the wombat"})
    ana = add_user(runtime)
    with runtime.db.write() as db:
        brand_id = db.scalars(select(Brand.id)).one()
        entry = {"name": "Animals", "text": "We ship no wombat.", "changed_at": runtime.clock.now()}
        db.add(PlaybookEntry(brand_id=brand_id, **entry))
        notes.write_note(db, runtime.clock, case_id, ana, "a WOMBAT!")
    found = _search(runtime, "Wombat")
    assert _kinds(found) == {"mentions", "notes", "replies", "authors", "playbook"}
    assert found.mentions[0].case_id == case_id
    with runtime.db.write() as db:
        db.scalars(select(Reply)).one().text = "Sorry about the animal"
        notes.remove_note(db, runtime.clock, found.notes[0].id, ana)
    assert _kinds(_search(runtime, "wombat")) == {"mentions", "authors", "playbook"}
    assert _kinds(_search(runtime, "animal")) == {"replies"}


@pytest.mark.parametrize(
    ("typed", "hits"),
    [
        ("late parcel", 2),
        ('"late parcel"', 1),
        ("LATE", 2),
        ("par", 0),
        ("late -parcel", 2),
        ("über", 1),
        ("uber", 0),
        ("co-op", 1),
        ("OR", 0),
        ('"', 0),
        ("late* NEAR(", 0),
        ("late'; DROP TABLE mentions", 0),
        ("!!! ...", 0),
        ("", 0),
        ("la\x00te", 0),
    ],
)
def test_words_and_phrases_mean_the_same_on_both_databases(runtime: Runtime, typed: str, hits: int) -> None:
    _case(runtime, "my late parcel, and über the co-op")
    _case(runtime, "this parcel is late")
    assert len(_search(runtime, typed).mentions) == hits


def test_filters_narrow_it_down(runtime: Runtime) -> None:
    x = {"platform": "x"}
    one = _case(runtime, "a wombat", author=x, mention=x, state="sent", minutes_ago=3 * 1440)
    two = _case(runtime, "a wombat", brand="Thornfield")
    with runtime.db.write() as db:
        for case_id, name in ((one, "Hawkweed"), (two, "Thornfield")):
            brand_id = db.scalars(select(Brand.id).where(Brand.name == name)).one()
            mention_id = db.scalars(select(CaseMention.mention_id).where(CaseMention.case_id == case_id)).one()
            db.add(Match(mention_id=mention_id, brand_id=brand_id))
    now = runtime.clock.now()
    for narrowed, wanted in (
        ({}, [two, one]),
        ({"brand": "hawkweed"}, [one]),
        ({"platform": "x"}, [one]),
        ({"state": "sent"}, [one]),
        ({"since": now - timedelta(days=1)}, [two]),
        ({"until": now - timedelta(days=1)}, [one]),
        ({"rights": Rights("agent", {2: NO_ROLE})}, [one]),
        ({"rights": Rights(NO_ROLE, {1: "manager"})}, [one]),
        ({"rights": Rights()}, []),
    ):
        with runtime.db.read() as db:
            asked = Asked(**{"rights": EVERYTHING, "terms": ["wombat"]} | narrowed)  # type: ignore[arg-type]
            assert [hit.case_id for hit in search(db, asked).mentions] == wanted, narrowed


def test_what_is_forgotten_is_found_nowhere_and_soon_not_even_in_the_file(runtime: Runtime, clock: HeldClock) -> None:
    word = "wombatissimo"
    case_id = _case(runtime, f"the {word} is 4711", author={"name": f"Mx {word}"}, reply={"text": "hm"}, state="sent")
    for number in range(20):
        _case(runtime, f"something else {number}")
    ana = add_user(runtime)
    with runtime.db.write() as db:
        notes.write_note(db, runtime.clock, case_id, ana, f"they say {word} of it")
    assert _kinds(_search(runtime, word)) == {"mentions", "notes", "authors"}
    with runtime.db.write() as db:
        mention_id = db.scalars(select(CaseMention.mention_id).where(CaseMention.case_id == case_id)).one()
        forget_mentions(db, runtime.clock, [mention_id])
    assert _search(runtime, word).nothing
    with runtime.db.read() as db:
        assert word not in db.scalars(select(Note.text)).one()
        assert word not in db.scalars(select(Author.name).where(Author.id == 1)).one()
    clock.advance(text_index.SCRUBBED_WITHIN.total_seconds())
    run_stage(runtime, STAGES["scrub"])
    with runtime.db.read() as db:
        assert not waiting.any_for(db, runtime.clock, "scrub")
    if runtime.db.sqlite:
        with runtime.db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        file = Path(make_url(str(runtime.db.engine.url)).database or "")
        assert word.encode() not in file.read_bytes()
        assert b"somethi" in file.read_bytes()  # as the others' words are


def test_the_index_comes_with_what_is_there_already(database_url: str) -> None:
    database = Database(database_url)
    try:
        with database.migrating() as connection:
            migrations.upgrade(connection, "0004")
            for statement in (
                "INSERT INTO authors (id, platform, native_id, handle, name) VALUES (1, 'x', '1', 'jo', 'Jo')",
                "INSERT INTO mentions (id, platform, native_id, author_id, text, kind, likes, reposts, replies, extra,"
                " created_at, heard_at)"
                " VALUES (1, 'x', '1', 1, 'a wombat', 'post', 0, 0, 0, '{}', '2026-11-01', '2026-11-01')",
            ):
                connection.execute(text(statement))
        database.migrate()
        with database.read() as db:
            assert len(search(db, Asked(EVERYTHING, ["wombat"])).mentions) == 1
    finally:
        database.close()


def test_the_page_shows_what_was_found_as_text(agent: Visitor) -> None:
    case_id = _case(agent.runtime, "<b>wombat</b> " + "very " * 200 + "late")
    page = agent.get("/search?q=late")
    assert f'href="/cases/{case_id}"' in page.text
    assert "…" in words(page)
    assert "&lt;b&gt;wombat" in agent.get("/search?q=wombat").text
    assert "Nothing holds all of these words" in words(agent.get("/search?q=nowhere"))
    assert agent.get("/search?q=late&since=nonsense&until=9999-12-31&state=x&brand=x").status_code == 200
