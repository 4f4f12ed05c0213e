"""Sources: added by a form that their kind describes, shown with their state, turned off and on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.tables import Gap, Source
from listener.source import kinds, load
from tests.web.stories import add_brand, add_source
from tests.web.visitor import Visitor, words


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_can_be_set_up_here(admin: Visitor, kind: str) -> None:
    page = admin.get(f"/sources/new/{kind}")
    assert load(kind).about in words(page)
    for asked in load(kind).fields:
        assert f'name="{kind}_{asked.name}"' in page.text
        assert asked.label in words(page)


def test_what_is_asked_for_must_be_given(admin: Visitor) -> None:
    answer = admin.post("/sources/new/feed", {"name": "News"})
    assert answer.status_code == 422
    assert 'id="feed_url-error"' in answer.text


def test_the_kind_itself_checks_its_settings(admin: Visitor) -> None:
    answer = admin.post("/sources/new/files", {"files_path": "relative/<path>"})
    assert answer.status_code == 422
    assert 'id="files_path-error"' in answer.text
    assert "must be absolute" in words(answer)
    assert 'value="relative/&lt;path&gt;"' in answer.text


def test_a_source_is_added_with_its_brand(admin: Visitor) -> None:
    add_brand(admin.runtime)
    answer = admin.post("/sources/new/feed", {"feed_url": "https://example.com/rss", "brand": "hawkweed"})
    with admin.runtime.db.read() as db:
        row = db.scalars(select(Source)).one()
        assert (row.kind, row.name, row.settings["url"]) == ("feed", load("feed").title, "https://example.com/rss")
        assert row.brand_id == 1
        assert (row.active, row.state) == (True, "running")
    page = words(admin.get(answer.location))
    assert "Just added, nothing heard yet." in page
    assert "Hawkweed : everything it gives" in page


def test_two_sources_of_a_kind_need_two_names(admin: Visitor) -> None:
    assert admin.post("/sources/new/hackernews").status_code == 302
    answer = admin.post("/sources/new/hackernews")
    assert answer.status_code == 422
    assert "Give this one another name" in words(answer)
    assert admin.post("/sources/new/hackernews", {"name": "HN 2"}).status_code == 302


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"state": "paused", "reason": "401: key <revoked>"}, "Paused until somebody acts: 401: key <revoked>"),
        ({"state": "waiting", "reason": "timed out"}, "Waiting: timed out"),
        ({"active": False, "state": "off"}, "Off."),
    ],
)
def test_the_state_is_said_in_one_sentence(agent: Visitor, values: dict[str, object], sentence: str) -> None:
    number = add_source(agent.runtime, "bluesky", "Bluesky", rejected=3, **values)
    for path in ("/sources/", f"/sources/{number}"):
        assert sentence in words(agent.get(path))
    assert "Could not be read 3 items" in words(agent.get(f"/sources/{number}"))


def test_a_running_source_says_when_it_last_heard_something(agent: Visitor) -> None:
    now = agent.runtime.clock.now()
    times = {"last_ok_at": now - timedelta(minutes=2), "held_until": now + timedelta(seconds=20)}
    number = add_source(agent.runtime, "feed", "News", last_event_at=now - timedelta(hours=3), **times)
    assert "Hearing normally, last answer 2 min ago." in words(agent.get("/sources/"))
    assert "Last post 3 h ago" in words(agent.get(f"/sources/{number}"))


def test_gaps_are_listed_open_ones_first(agent: Visitor) -> None:
    number, now = add_source(agent.runtime, "bluesky", "Bluesky"), agent.runtime.clock.now()
    with agent.runtime.db.write() as db:
        about = {"source_id": number, "end": now}
        db.add(Gap(start=now - timedelta(hours=1), reason="cut off", closed_at=now, **about))
        db.add(Gap(start=now - timedelta(hours=9), reason="cursor too old", **about))
    page = words(agent.get(f"/sources/{number}"))
    assert page.index("cursor too old open") < page.index("cut off closed")


def test_a_paused_source_listens_again_at_once(admin: Visitor) -> None:
    number = add_source(admin.runtime, "bluesky", "Bluesky", state="paused", reason="401", failures=4)
    admin.post(f"/sources/{number}/resume")
    with admin.runtime.db.read() as db:
        row = db.get_one(Source, number)
        assert (row.active, row.state, row.reason, row.failures) == (True, "running", None, 0)
    admin.post(f"/sources/{number}/pause")
    with admin.runtime.db.read() as db:
        row = db.get_one(Source, number)
        assert (row.active, row.state) == (False, "off")
    assert "Listen again" in words(admin.get(f"/sources/{number}"))


def test_a_removed_source_is_gone(admin: Visitor) -> None:
    number = add_source(admin.runtime, "bluesky", "Bluesky")
    admin.post(f"/sources/{number}/remove")
    assert admin.get(f"/sources/{number}").status_code == 404


def test_a_source_whose_kind_this_version_does_not_know_is_shown_all_the_same(agent: Visitor) -> None:
    number = add_source(agent.runtime, "myspace", "Old friends")
    assert "Kind Myspace" in words(agent.get(f"/sources/{number}"))
    assert agent.get("/sources/new/myspace").status_code == 403
