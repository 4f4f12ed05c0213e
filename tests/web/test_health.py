"""The health page, the switch that stops sending, /healthz."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select, text

from core import waiting
from core.runtime import Runtime
from core.setaside import set_aside
from core.tables import Audit, Heartbeat, SetAside, Switch
from tests.web.stories import add_case
from tests.web.visitor import Visitor, words
from web.app import create_app


def test_every_stage_and_process_is_shown(agent: Visitor) -> None:
    add_case(agent.runtime)
    now = agent.runtime.clock.now()
    with agent.runtime.db.write() as db:
        waiting.add(db, agent.runtime.clock, "judge", [1, 2, 3], now - timedelta(minutes=5))
        waiting.add(db, agent.runtime.clock, "open_case", [1], now + timedelta(hours=5))
        db.add(Heartbeat(process="host-1-sentiment", runs="sentiment", at=now - timedelta(minutes=20)))
    page = agent.get("/health")
    assert "judge sentiment 3 5 min ago 0 0" in words(page)
    assert "open_case responder 0 1 0" in words(page)
    assert "host-1-sentiment sentiment 20 min ago" in words(page)
    assert 'data-light="red"' in page.text
    assert "Mentions 1 Verdicts 1 Cases 1 Replies sent 0 Model bundled Database SQLite" in words(page)


def test_what_was_set_aside_is_tried_again_on_a_persons_word(admin: Visitor) -> None:
    with admin.runtime.db.write() as db:
        set_aside(db, admin.runtime.clock, "judge", "mention", 7, ValueError("cannot read <this>"))
    assert "judge : mention 7 just now Try again ValueError: cannot read <this>" in words(admin.get("/health"))
    with admin.runtime.db.read() as db:
        number = db.query(SetAside).one().id
    admin.post(f"/health/set-aside/{number}/again")
    assert admin.runtime.queue.nudged == ["judge"]  # type: ignore[attr-defined]
    with admin.runtime.db.read() as db:
        assert waiting.count(db, "judge") == 1
    admin.post(f"/health/set-aside/{number}/again")
    assert "Somebody has had it tried again already." in words(admin.get("/health"))


def test_one_switch_stops_all_sending_and_every_page_says_so(admin: Visitor) -> None:
    admin.post("/sending", {"stopped": "1", "why": "outage at <Altmoor>"})
    with admin.runtime.db.read() as db:
        assert db.get_one(Switch, "sending").stopped
    assert "Nothing is being sent. outage at <Altmoor>" in words(admin.get("/playbook/"))
    admin.post("/sending", {"stopped": "0"})
    with admin.runtime.db.read() as db:
        assert not db.get_one(Switch, "sending").stopped
    assert admin.runtime.queue.nudged == ["post"]  # type: ignore[attr-defined]
    assert "Nothing is being sent" not in words(admin.get("/playbook/"))
    with admin.runtime.db.read() as db:
        told = [(row.action, row.who, row.detail) for row in db.scalars(select(Audit).order_by(Audit.id))]
    assert told == [("stop_sending", "Ada", {"why": "outage at <Altmoor>"}), ("start_sending", "Ada", {})]


def test_an_approver_may_stop_sending_and_an_agent_may_not(app: Flask, agent: Visitor) -> None:
    assert agent.post("/sending", {"stopped": "1"}).status_code == 403
    assert "Pause sending" not in words(agent.get("/"))
    approver = Visitor(app, agent.runtime).sign_in("approver", "Ada")
    assert "Pause sending" in words(approver.get("/"))
    assert approver.post("/sending", {"stopped": "1", "next": "/playbook/"}).location == "/playbook/"
    assert "Stopped by Ada. Approved replies wait." in words(agent.get("/"))
    assert "Start sending again" in words(approver.get("/"))


def test_healthz_tells_a_watcher_nothing_but_that_all_is_well(runtime: Runtime) -> None:
    client = create_app(runtime).test_client()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_healthz_fails_when_the_schema_does_not_fit(runtime: Runtime) -> None:
    with runtime.db.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    answer = create_app(runtime).test_client().get("/healthz")
    assert answer.status_code == 503
    assert "ripplewatch migrate" in answer.text


def test_a_page_that_breaks_says_so_and_keeps_what_was_typed(runtime: Runtime) -> None:
    app = create_app(runtime)
    agent = Visitor(app, runtime).sign_in()
    token = agent.token()
    case_id = add_case(runtime)
    with runtime.db.write() as db:
        db.execute(text("DROP TABLE audit"))
    answer = agent.client.post(
        f"/cases/{case_id}/dismiss", data={"csrf_token": token, "version": 1, "why": "x", "text": "half <a> reply"}
    )
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.text
    assert "half &lt;a&gt; reply" in answer.text


def test_healthz_fails_when_the_database_is_gone(runtime: Runtime) -> None:
    app = create_app(runtime)
    with runtime.db.write() as db:
        db.execute(text("DROP TABLE alembic_version"))
    assert app.test_client().get("/healthz").status_code == 503
