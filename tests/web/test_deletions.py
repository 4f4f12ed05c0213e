"""The clock of deletions: how fast they are followed, and that nothing of what was forgotten is told."""

from __future__ import annotations

from datetime import timedelta

from core.runtime import Runtime
from core.tables import Author, Forgetting, Mention
from listener.source import kinds, load
from tests.web.stories import add_source
from tests.web.visitor import Visitor, words
from web.queries import deletions as queries

CHECKED = next(kind for kind in kinds() if hasattr(load(kind), "recheck_seconds"))


def forgotten(runtime: Runtime, hours_ago: float, took: float, platform: str = "bluesky", mentions: int = 1) -> None:
    asked = runtime.clock.now() - timedelta(hours=hours_ago)
    done = asked + timedelta(hours=took)
    with runtime.db.write() as db:
        db.add(Forgetting(platform=platform, why="deleted", asked_at=asked, done_at=done, mentions=mentions))


def held(runtime: Runtime, checked_hours_ago: float, *, deleted: bool = False) -> None:
    """A mention on a platform that has to be asked."""
    checked = runtime.clock.now() - timedelta(hours=checked_hours_ago)
    with runtime.db.write() as db:
        author = Author(platform=CHECKED, native_id=f"a{checked_hours_ago}", handle="jo")
        db.add(author)
        db.flush()
        about = {"platform": CHECKED, "native_id": str(checked_hours_ago), "author_id": author.id, "text": "x"}
        times = {"created_at": checked, "heard_at": checked, "checked_at": checked}
        db.add(Mention(**about, **times, deleted_at=checked if deleted else None))


def test_nothing_was_forgotten_yet(agent: Visitor) -> None:
    assert 'href="/deletions/"' in agent.get("/coverage/").text
    page = words(agent.get("/deletions/"))
    assert "No source has been heard yet." in page
    assert "Nothing has been forgotten yet." in page


def test_each_platform_has_its_clock(agent: Visitor) -> None:
    add_source(agent.runtime, "feed", "News")
    forgotten(agent.runtime, 5, 0.5, mentions=3)
    forgotten(agent.runtime, 50, 2)
    forgotten(agent.runtime, 31 * 24, 30)
    page = agent.get("/deletions/")
    assert "Bluesky 2 4 2 h not asked again" in words(page)
    assert "Feed 0 0 none not asked again" in words(page)
    assert 'data-light="red"' not in page.text
    assert "Records 3" in words(page)
    assert "20 Nov 2026, 07:00 UTC Bluesky deleted 3 30 min" in words(page)


def test_what_took_longer_than_a_day_stands_out(agent: Visitor) -> None:
    forgotten(agent.runtime, 72, 25)
    forgotten(agent.runtime, 72, 23)
    page = agent.get("/deletions/")
    assert "1 d 1 took longer than 24 h" in words(page)
    assert 'data-light="red"' in page.text


def test_where_the_platform_does_not_tell_the_oldest_look_is_shown(agent: Visitor) -> None:
    add_source(agent.runtime, CHECKED, "Asked")
    assert "nothing to look at" in words(agent.get("/deletions/"))
    held(agent.runtime, 5)
    held(agent.runtime, 3)
    held(agent.runtime, 900, deleted=True)
    page = agent.get("/deletions/")
    assert "5 h ago" in words(page)
    assert "overdue" not in words(page)
    held(agent.runtime, 24 * 60)
    page = agent.get("/deletions/")
    assert "60 d ago overdue" in words(page)
    assert 'data-light="red"' in page.text


def test_either_database_gives_the_same(runtime: Runtime) -> None:
    forgotten(runtime, 72, 25, mentions=3)
    forgotten(runtime, 50, 0.5)
    add_source(runtime, CHECKED, "Asked")
    held(runtime, 5)
    with runtime.db.read() as db:
        found = queries.deletions(db, runtime.clock.now())
    bluesky = next(one for one in found.platforms if one.name == "bluesky")
    asked = next(one for one in found.platforms if one.name == CHECKED)
    assert (bluesky.asked, bluesky.mentions, bluesky.late, bluesky.slowest) == (2, 4, 1, timedelta(hours=25))
    assert asked.unchecked_since == runtime.clock.now() - timedelta(hours=5)
    assert (len(found.records), found.count) == (2, 2)
