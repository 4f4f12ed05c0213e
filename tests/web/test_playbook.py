"""The playbook's pages."""

from __future__ import annotations

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


def test_a_reader_reads_it(reader: Visitor) -> None:
    add_brand(reader.runtime)
    page = reader.get("/playbook/")
    assert "Add a reply" not in words(page)
