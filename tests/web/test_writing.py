"""The writer's button on a case, and the brand's page that switches it on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from core.runtime import Runtime
from core.settings import Settings
from core.tables import Audit, Brand, Draft, PlaybookEntry, Reply
from responder.checks.finding import MAY_BLOCK
from tests.loopback import Answer, Asked, Server, http
from tests.web.stories import add_case
from tests.web.visitor import Visitor, words
from web.app import create_app

APPROVED = "{name}, sorry that your parcel is late. Please send us your order number. {agent}"
REWORDED = "{name}, I am sorry that your parcel is so late. Please send us the order number. {agent}"
KEY = "sk-loopback-4711"


@pytest.fixture
def model() -> Iterator[Server]:
    """A model that rewords the approved reply."""
    with http(lambda _: _said(REWORDED)) as server:
        yield server


def _said(text: str) -> Answer:
    return Answer(body=json.dumps({"choices": [{"message": {"content": text}}]}).encode())


def visitor(runtime: Runtime, url: str, role: str = "agent") -> Visitor:
    settings = Settings(
        ripplewatch_home=runtime.settings.ripplewatch_home, writer_url=url, writer_model="small", writer_key=KEY
    )
    with_writer = Runtime(settings, runtime.db, runtime.clock, runtime.queue)
    return Visitor(create_app(with_writer), with_writer).sign_in(role)


def switch_on(runtime: Runtime, *confirmed: str) -> None:
    with runtime.db.write() as db:
        brand = db.scalars(select(Brand)).one()
        brand.writer = {"on": True, "confirmed": list(confirmed)}
        entry = {"name": "Late parcel", "text": APPROVED, "tags": ["general"]}
        db.add(PlaybookEntry(brand_id=brand.id, changed_at=runtime.clock.now(), **entry))


def drafts(runtime: Runtime) -> list[Draft]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Draft).where(Draft.origin == "writer")))


def test_a_suggestion_is_written_only_when_somebody_asks(sqlite_runtime: Runtime, model: Server) -> None:
    case_id = add_case(sqlite_runtime, author={"name": "Orla"})
    switch_on(sqlite_runtime)
    agent = visitor(sqlite_runtime, model.url)
    assert "Write a suggestion" in words(agent.get(f"/cases/{case_id}"))
    assert model.asked == []
    answer = agent.post(f"/cases/{case_id}/suggestion")
    assert answer.location == f"/cases/{case_id}"
    page = words(agent.get(answer.location))
    assert "Orla, I am sorry that your parcel is so late. Please send us the order number. Ana" in page
    assert "written by small from “Late parcel”" in page
    assert "Ana had the writer suggest" in page
    with sqlite_runtime.db.read() as db:
        assert db.scalars(select(Reply)).all() == []
        (row,) = db.scalars(select(Audit).where(Audit.action == "write"))
        assert row.detail.keys() == {"model", "sha256", "bytes"}
    agent.post(f"/cases/{case_id}/suggestion")
    assert len(drafts(sqlite_runtime)) == 1


def test_without_a_writer_there_is_no_button_and_nothing_is_written(agent: Visitor, model: Server) -> None:
    case_id = add_case(agent.runtime)
    switch_on(agent.runtime)
    assert "Write a suggestion" not in words(agent.get(f"/cases/{case_id}"))
    agent.post(f"/cases/{case_id}/suggestion")
    assert "Nothing was written: no writer is set up" in words(agent.get(f"/cases/{case_id}"))


def test_where_the_brand_has_it_off_there_is_no_button(sqlite_runtime: Runtime, model: Server) -> None:
    case_id = add_case(sqlite_runtime)
    agent = visitor(sqlite_runtime, model.url)
    assert "Write a suggestion" not in words(agent.get(f"/cases/{case_id}"))
    agent.post(f"/cases/{case_id}/suggestion")
    assert "the writer is off for Hawkweed" in words(agent.get(f"/cases/{case_id}"))
    assert model.asked == []


def test_on_x_it_waits_until_an_admin_has_confirmed_that_x_approved(sqlite_runtime: Runtime, model: Server) -> None:
    case_id = add_case(sqlite_runtime, author={"platform": "x"})
    switch_on(sqlite_runtime)
    admin = visitor(sqlite_runtime, model.url, "admin")
    page = words(admin.get(f"/cases/{case_id}"))
    assert "The writer is not used here: X asks that replies written by AI be approved by X first" in page
    assert "Write a suggestion" not in page
    admin.post(f"/cases/{case_id}/suggestion")
    assert model.asked == []
    admin.post("/brands/hawkweed/replies", {"writer_on": "1", "confirmed": "x"})
    assert "Write a suggestion" in words(admin.get(f"/cases/{case_id}"))
    admin.post(f"/cases/{case_id}/suggestion")
    assert len(drafts(sqlite_runtime)) == 1


def test_what_goes_wrong_is_said_and_the_case_stays_as_it_was(sqlite_runtime: Runtime) -> None:
    case_id = add_case(sqlite_runtime)
    switch_on(sqlite_runtime)

    def refuses(_: Asked) -> Answer:
        return Answer(401, json.dumps({"error": {"message": f"no such key {KEY}"}}).encode())

    with http(refuses) as server:
        agent = visitor(sqlite_runtime, server.url)
        agent.post(f"/cases/{case_id}/suggestion")
        page = agent.get(f"/cases/{case_id}")
    assert "does not accept the key (WRITER_KEY): no such key ***" in words(page)
    assert KEY not in page.text
    assert drafts(sqlite_runtime) == []


@pytest.mark.parametrize("state", ["gone", "no entry"])
def test_a_post_that_is_gone_or_an_empty_playbook_is_said(sqlite_runtime: Runtime, model: Server, state: str) -> None:
    gone = {"deleted_at": sqlite_runtime.clock.now()} if state == "gone" else {}
    case_id = add_case(sqlite_runtime, mention=gone)
    switch_on(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        db.scalars(select(PlaybookEntry)).one().expires_at = sqlite_runtime.clock.now()
    agent = visitor(sqlite_runtime, model.url)
    agent.post(f"/cases/{case_id}/suggestion")
    told = "the post is gone" if gone else "only rewords replies of the playbook, and none of them fits"
    assert told in words(agent.get(f"/cases/{case_id}"))
    assert model.asked == []


def test_how_a_brand_answers_is_set_on_its_page(admin: Visitor) -> None:
    add_case(admin.runtime)
    assert "The guard warns of all that it finds. No voice is described yet. The writer is off." in words(
        admin.get("/brands/hawkweed")
    )
    form = {
        "blocks": ["money", "legal", "empty"],
        "voice": " Warm.\r\nBrief. ",
        "writer_on": "1",
        "confirmed": "bluesky",
    }
    assert admin.post("/brands/hawkweed/replies", form).location == "/brands/hawkweed"
    with admin.runtime.db.read() as db:
        brand = db.scalars(select(Brand)).one()
        assert (brand.voice, brand.guard) == ("Warm.\nBrief.", {"blocks": ["money", "legal"]})
        assert brand.writer == {"on": True, "confirmed": []}
    page = words(admin.get("/brands/hawkweed"))
    assert f"and stops {MAY_BLOCK['money']}, {MAY_BLOCK['legal']}." in page
    shown = admin.get("/brands/hawkweed/replies").text
    assert 'value="money" checked' in shown
    assert 'value="link" checked' not in shown


def test_what_a_brand_stops_cannot_be_sent(admin: Visitor) -> None:
    case_id = add_case(admin.runtime)
    admin.post("/brands/hawkweed/replies", {"blocks": "money"})
    form = {"version": "1", "text": "Sorry! Have a refund.", "seen": ["money:refund"]}
    assert admin.post(f"/cases/{case_id}/approve", form).status_code == 422
    with admin.runtime.db.read() as db:
        assert db.scalars(select(Reply)).all() == []


def test_a_voice_that_is_too_long_is_told_and_nothing_typed_is_lost(admin: Visitor) -> None:
    add_case(admin.runtime)
    answer = admin.post("/brands/hawkweed/replies", {"voice": "x" * 1001, "blocks": "blame"})
    assert answer.status_code == 422
    assert 'id="voice-error"' in answer.text
    assert "x" * 1001 in answer.text
    assert 'value="blame" checked' in answer.text


def test_only_admins_set_how_a_brand_answers(agent: Visitor) -> None:
    add_case(agent.runtime)
    assert agent.get("/brands/hawkweed/replies").status_code == 403
    assert agent.post("/brands/hawkweed/replies", {"writer_on": "1"}).status_code == 403
