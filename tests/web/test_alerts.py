"""The pages of alerts: channels whose secrets are never shown, rules in words, and what became of what was sent."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import select

from core import alerts, roles, waiting
from core.clock import HeldClock
from core.runtime import Runtime
from core.secrets import unseal
from core.tables import NO_ROLE, Alert, AlertRule, Channel, Delivery
from responder.alerts.route import route_alerts
from tests.loopback import Answer, http
from tests.responder.alerts.places import add_channel as put_channel
from tests.responder.alerts.places import add_incident, add_rule
from tests.responder.stories import add_brand
from tests.web.visitor import Visitor, words

SECRET = "json://user:hunter2345@127.0.0.1:9/hook"


def channels(runtime: Runtime) -> list[Channel]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Channel).order_by(Channel.id)))


def rules(runtime: Runtime) -> list[AlertRule]:
    with runtime.db.read() as db:
        return list(db.scalars(select(AlertRule).order_by(AlertRule.id)))


def test_a_channel_is_added_kept_secret_and_changed(admin: Visitor, sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime)
    answer = admin.post("/alerts/channels/new/apprise", {"name": "on-call", "url": SECRET})
    assert answer.location == "/alerts/channels/1"
    [row] = channels(sqlite_runtime)
    assert "hunter" not in f"{row.settings} {row.credentials}"
    page = admin.get("/alerts/channels/1").get_data(as_text=True)
    assert "hunter" not in page
    assert "127.0.0.1:9" not in page

    admin.post("/alerts/channels/1", {"name": "the phone", "url": "", "brand": "hawkweed"})
    [row] = channels(sqlite_runtime)
    assert (row.name, row.brand_id) == ("the phone", 1)
    assert unseal(sqlite_runtime.settings, row.credentials) == {"url": SECRET}


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"url": SECRET}, "Give it a name"),
        ({"name": "a", "url": ""}, "Address: this is needed."),
        ({"name": "a", "url": "nonsense"}, "Enter one address"),
        ({"name": "taken", "url": SECRET}, "There is a channel called “taken” already."),
        ({"name": "a", "url": SECRET, "brand": "nowhere"}, "There is no such brand"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    admin: Visitor, sqlite_runtime: Runtime, form: dict[str, str], says: str
) -> None:
    put_channel(sqlite_runtime, "taken")
    answer = admin.post("/alerts/channels/new/apprise", form)
    assert answer.status_code == 422
    assert says in words(answer)
    assert "hunter2345" not in answer.text
    assert len(channels(sqlite_runtime)) == 1


def test_a_test_message_arrives_or_says_why_not(admin: Visitor, sqlite_runtime: Runtime) -> None:
    with http(lambda asked: Answer(200 if asked.path == "/hook" else 401)) as server:
        place = server.url.removeprefix("http://")
        for number, path in enumerate(("hook", "wrong"), 1):
            admin.post("/alerts/channels/new/apprise", {"name": path, "url": f"json://{place}/{path}"})
            admin.post(f"/alerts/channels/{number}/test", {"message": "1"})
            page = words(admin.get(f"/alerts/channels/{number}"))
            wanted = "A test message was sent to hook" if path == "hook" else "In the service’s words: Failed to send"
            assert wanted in page
        admin.post("/alerts/channels/1/test")
        assert "It answers: an address of JSON" in words(admin.get("/alerts/channels/1"))
    assert len(server.asked) == 2
    assert json.loads(server.asked[0].body)["title"] == "A test of Ripplewatch"


def test_a_rule_says_what_it_does_and_is_changed(admin: Visitor, sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime)
    care, phone = put_channel(sqlite_runtime), put_channel(sqlite_runtime, "PagerDuty", kind="apprise")
    form = {"channel": care, "kinds": ["incident"], "severity": "high", "when": "always"}
    admin.post("/alerts/rules/new/hawkweed", form | {"escalate_minutes": "15", "escalate_to": phone})
    said = "Incidents from high on go to #care at any hour. If nobody has taken it 15 min later"
    assert said in words(admin.get("/alerts/"))

    hours = {"when": "custom", "from": "22:00", "to": "06:00", "days": ["mon", "tue"], "break_from": "urgent"}
    admin.post("/alerts/rules/1", form | hours | {"kinds": ["incident", "digest"], "digest": "weekly"})
    [row] = rules(sqlite_runtime)
    assert row.hours == {
        "when": "custom",
        "spans": {"mon": ["22:00", "06:00"], "tue": ["22:00", "06:00"]},
        "break_from": "urgent",
        "digest": "weekly",
    }
    assert row.escalate_minutes is None
    with sqlite_runtime.db.read() as db:
        assert waiting.count(db, "digest") == 1, "the digest is planned"
    page = admin.get("/alerts/rules/1").text
    assert 'value="22:00"' in page
    admin.post("/alerts/rules/1/remove")
    assert not rules(sqlite_runtime)
    with sqlite_runtime.db.read() as db:
        assert waiting.count(db, "digest") == 0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"kinds": []}, "Choose at least one thing to hear of."),
        ({"channel": "99"}, "Choose where it goes."),
        ({"severity": "terrible"}, "Choose one of these."),
        ({"when": "custom", "from": "25:00", "to": "06:00", "days": ["mon"]}, "Give both times like 08:00 and 18:00."),
        ({"when": "custom", "from": "08:00", "to": "18:00"}, "Choose at least one day."),
        ({"escalate_minutes": "٣", "escalate_to": "1"}, "Give minutes"),
        ({"escalate_minutes": "15"}, "Choose where it goes when nobody has taken it."),
    ],
)
def test_a_rule_that_makes_no_sense_is_not_saved(
    admin: Visitor, sqlite_runtime: Runtime, changed: dict[str, object], says: str
) -> None:
    add_brand(sqlite_runtime)
    put_channel(sqlite_runtime)
    form = {"channel": "1", "kinds": ["incident"], "severity": "high", "when": "always"} | changed
    answer = admin.post("/alerts/rules/new/hawkweed", form)
    assert answer.status_code == 422
    assert says in words(answer)
    assert not rules(sqlite_runtime)


def test_a_rule_uses_no_channel_of_another_brand(admin: Visitor, sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime)
    put_channel(sqlite_runtime, "theirs", brand_id=add_brand(sqlite_runtime, "other"))
    form = {"channel": "1", "kinds": ["incident"], "severity": "high", "when": "always"}
    assert admin.post("/alerts/rules/new/hawkweed", form).status_code == 422


@pytest.mark.parametrize(("button", "state"), [("again", "waiting"), ("arrived", "sent")])
def test_a_person_says_what_became_of_what_is_unsure(
    admin: Visitor, sqlite_runtime: Runtime, clock: HeldClock, button: str, state: str
) -> None:
    brand = add_brand(sqlite_runtime)
    add_rule(sqlite_runtime, brand, put_channel(sqlite_runtime))
    add_incident(sqlite_runtime, brand)
    with sqlite_runtime.db.write() as db:
        route_alerts(db, clock)
        row = db.scalars(select(Delivery)).one()
        row.state, row.error = "unsure", "the connection was cut"
    page = words(admin.get("/alerts/"))
    assert "May not have arrived: #care" in page
    assert "In the service’s words: the connection was cut" in page
    admin.post(f"/alerts/deliveries/1/{button}")
    with sqlite_runtime.db.read() as db:
        assert db.scalars(select(Delivery.state)).one() == state


def test_a_channel_is_turned_off_and_on_and_removed(admin: Visitor, sqlite_runtime: Runtime) -> None:
    brand = add_brand(sqlite_runtime)
    add_rule(sqlite_runtime, brand, put_channel(sqlite_runtime, state="paused", reason="token_revoked"))
    assert "Needs a person: token_revoked" in words(admin.get("/alerts/"))
    admin.post("/alerts/channels/1/resume")
    assert channels(sqlite_runtime)[0].state == "ok"
    admin.post("/alerts/channels/1/pause")
    assert not channels(sqlite_runtime)[0].active
    admin.post("/alerts/channels/1/remove")
    assert not channels(sqlite_runtime)
    assert not rules(sqlite_runtime)


def test_what_all_brands_share_is_set_up_by_admins_of_all_alone(app: Flask, sqlite_runtime: Runtime) -> None:
    brand = add_brand(sqlite_runtime)
    put_channel(sqlite_runtime, "shared")
    one = Visitor(app, sqlite_runtime).sign_in(NO_ROLE, "Admin of one")
    with sqlite_runtime.db.write() as db:
        roles.give(db, one.user_id, brand, "admin")
    assert "shared" in words(one.get("/alerts/"))
    assert one.get("/alerts/channels/1").status_code == 403
    assert one.post("/alerts/channels/new/apprise", {"name": "a", "url": SECRET}).status_code == 422
    added = one.post("/alerts/channels/new/apprise", {"name": "a", "url": SECRET, "brand": "hawkweed"})
    assert added.status_code == 302
    form = {"channel": "1", "kinds": ["incident"], "severity": "high", "when": "always"}
    assert one.post("/alerts/rules/new/hawkweed", form).status_code == 302


def test_the_bell_tells_of_incidents_and_leads_there(admin: Visitor, sqlite_runtime: Runtime, clock: HeldClock) -> None:
    add_incident(sqlite_runtime, add_brand(sqlite_runtime))
    with sqlite_runtime.db.write() as db:
        alerts.tell(db, clock, "channel", 7, None, "high", "#care: revoked")
        route_alerts(db, clock)
        assert db.scalars(select(Alert.kind).order_by(Alert.id)).all() == ["incident", "channel"]
    page = admin.get("/notifications/")
    assert "checkout, card: 4 complaints" in words(page)
    assert 'href="/incidents/1"' in page.text
    assert 'href="/alerts/channels/7"' in page.text


def test_a_rule_tells_what_it_would_have_told_while_it_is_described_and_saves_nothing(
    admin: Visitor, sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    brand_id = add_brand(sqlite_runtime)
    put_channel(sqlite_runtime, "#care")
    with sqlite_runtime.db.write() as db:
        alerts.tell(db, clock, "incident", 1, brand_id, "high", "checkout, card: 41 complaints")
    form = {"kinds": "incident", "severity": "high", "when": "always"}
    assert "It would have told you once in the last 30 days: 1 incident." in words(
        admin.get("/alerts/rules/new/hawkweed")
    )
    live = words(admin.post("/alerts/rules/preview/hawkweed", form | {"severity": "urgent"}))
    assert live == "In the last 30 days this rule would have told nobody of anything."
    assert words(admin.post("/alerts/rules/preview/hawkweed", {"severity": "high"})) == (
        "Choose at least one thing to hear of."
    )
    page = admin.post("/alerts/rules/new/hawkweed", form | {"preview": "1", "escalate_minutes": "15"})
    assert "Choose where it goes when nobody has taken it." in words(page)
    assert 'value="15"' in page.text
    assert rules(sqlite_runtime) == []
