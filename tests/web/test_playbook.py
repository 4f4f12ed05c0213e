"""The playbook's pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from core.tables import PlaybookEntry
from tests.web.stories import add_brand
from tests.web.visitor import Visitor, words

ENTRY = {
    "name": "Late parcel",
    "text": "Sorry, {name}! {agent}",
    "about": "Late",
    "tags": "delivery, Late",
    "language": "en",
}


@pytest.fixture
def path(agent: Visitor) -> str:
    return f"/playbook/{add_brand(agent.runtime)}"


def test_an_entry_is_written_and_changed(agent: Visitor, path: str) -> None:
    assert agent.post(f"{path}/new", ENTRY).location == "/playbook/"
    with agent.runtime.db.read() as db:
        entry = db.scalars(select(PlaybookEntry)).one()
        assert (entry.tags, entry.platform, entry.version) == (["delivery", "late"], None, 1)
    assert 'value="delivery, late"' in agent.get(f"{path}/{entry.id}").text
    agent.post(f"{path}/{entry.id}", ENTRY | {"text": "So sorry, {name}!", "platform": "Bluesky"})
    with agent.runtime.db.read() as db:
        entry = db.scalars(select(PlaybookEntry)).one()
        assert (entry.text, entry.platform, entry.version) == ("So sorry, {name}!", "bluesky", 2)
    assert "So sorry, {name}!" in words(agent.get("/playbook/"))


def test_it_is_shown_filled_in_while_it_is_typed(agent: Visitor, path: str) -> None:
    shown = words(agent.post("/playbook/preview", {"text": "Sorry, {name}! <b> {agent} {unknown}"}))
    assert "Sorry, Sam! <b> Ana {unknown}" in shown
    assert "Nobody knows what {unknown} stands for." in shown
    by_button = agent.post(f"{path}/new", ENTRY | {"preview": "1"})
    assert "Sorry, Sam! Ana" in words(by_button)
    with agent.runtime.db.read() as db:
        assert db.scalars(select(PlaybookEntry)).all() == []


@pytest.mark.parametrize(
    ("change", "field"), [({"name": " "}, "name"), ({"text": ""}, "text"), ({"text": "Hello {nobody}"}, "text")]
)
def test_a_wrong_entry_is_told_beside_the_field(agent: Visitor, path: str, change: dict[str, str], field: str) -> None:
    answer = agent.post(f"{path}/new", ENTRY | change)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert 'value="delivery, Late"' in answer.text


def test_an_entry_is_switched_off_and_on(agent: Visitor, path: str) -> None:
    agent.post(f"{path}/new", ENTRY)
    agent.post(f"{path}/1/active")
    assert "Late parcel Off" in words(agent.get("/playbook/"))
    agent.post(f"{path}/1/active")
    assert "Late parcel Off" not in words(agent.get("/playbook/"))


def test_an_entry_is_not_reached_through_another_brand(agent: Visitor, path: str) -> None:
    agent.post(f"{path}/new", ENTRY)
    add_brand(agent.runtime, "Other")
    assert agent.get("/playbook/other/1").status_code == 404
    assert agent.post("/playbook/other/1", ENTRY).status_code == 404


def test_a_manager_reads_it(manager: Visitor) -> None:
    add_brand(manager.runtime)
    page = manager.get("/playbook/")
    assert "Add a reply" not in words(page)


def test_versions_are_listed_with_who_made_them_and_come_back(agent: Visitor, path: str) -> None:
    agent.post(f"{path}/new", ENTRY)
    agent.post(f"{path}/1", ENTRY | {"text": "So sorry, {name}!"})
    page = words(agent.get(f"{path}/1/versions"))
    assert page.index("Version 2 now") < page.index("So sorry, {name}!") < page.index("Version 1")
    assert "by Ana Sorry, {name}! {agent}" in page
    back = agent.post(f"{path}/1/versions", {"version": "1"})
    assert back.location == f"{path}/1"
    assert "reads as it did at version 1. That is version 3 now." in words(agent.get(back.location))
    agent.post(f"{path}/1/versions", {"version": "9"})
    assert "Nothing was changed: version 9 of this entry is not kept." in words(agent.get("/playbook/"))


def test_an_entry_is_suggested_through_its_last_day_in_the_brands_time(agent: Visitor, path: str) -> None:
    agent.post(f"{path}/new", ENTRY | {"until": "2026-11-20"})
    with agent.runtime.db.read() as db:
        entry = db.scalars(select(PlaybookEntry)).one()
        assert entry.expires_at == datetime(2026, 11, 20, 23, tzinfo=UTC)  # Berlin is an hour ahead
    assert 'value="2026-11-20"' in agent.get(f"{path}/1").text
    assert "Expired" not in words(agent.get("/playbook/"))


def test_an_expired_entry_says_so(agent: Visitor, path: str) -> None:
    agent.post(f"{path}/new", ENTRY | {"until": "2026-11-19"})
    assert "Late parcel Expired 20 Nov 2026, 00:00 CET" in words(agent.get("/playbook/"))
    assert "This reply expired on 20 Nov 2026, 00:00 CET." in words(agent.get(f"{path}/1"))


def test_a_day_that_is_none_is_told_beside_the_field(agent: Visitor, path: str) -> None:
    answer = agent.post(f"{path}/new", ENTRY | {"until": "tomorrow"})
    assert answer.status_code == 422
    assert 'id="until-error"' in answer.text


def test_where_an_entry_is_too_long_is_said(agent: Visitor, path: str) -> None:
    agent.post(f"{path}/new", ENTRY | {"text": "x" * 290})
    agent.post(f"{path}/new", ENTRY | {"name": "On Mastodon", "text": "x" * 290, "platform": "mastodon"})
    assert words(agent.get("/playbook/")).count("too long for X") == 1
    assert "Too long for X: it is not suggested there." in words(agent.get(f"{path}/1"))
    typed = words(agent.post("/playbook/preview", {"text": "x" * 301, "platform": ""}))
    assert "Too long for Bluesky, X: it is not suggested there." in typed


def test_entries_are_found_by_their_tag(agent: Visitor, path: str) -> None:
    agent.post(f"{path}/new", ENTRY)
    agent.post(f"{path}/new", ENTRY | {"name": "Thank you", "tags": "praise"})
    agent.get("/playbook/")  # which says that both are saved
    page = words(agent.get("/playbook/?tag=praise"))
    assert "Thank you" in page
    assert "Late parcel" not in page
    assert "None with this tag." in words(agent.get("/playbook/?tag=nothing"))
