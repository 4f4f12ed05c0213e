"""Brands and queries."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.tables import Brand, OwnAccount, Query
from tests.web.stories import add_brand, add_case, add_source
from tests.web.visitor import Visitor, words

WHOLE = {
    "name": "Hawkweed",
    "timezone": "Europe/Berlin",
    "first_reply_minutes": "90",
    "urgent_reply_minutes": "10",
    "mon_from": "09:00",
    "mon_to": "17:30",
    "own_accounts": "bluesky @Hawkweed.Example\nx hawkweed_shop\n\n",
}


def test_a_brand_is_changed_in_every_part(admin: Visitor) -> None:
    add_brand(admin.runtime)
    assert admin.post("/brands/hawkweed", WHOLE).location == "/brands/hawkweed"
    with admin.runtime.db.read() as db:
        brand = db.scalars(select(Brand)).one()
        assert brand.hours == {"mon": ["09:00", "17:30"]}
        assert (brand.first_reply_minutes, brand.urgent_reply_minutes) == (90, 10)
        accounts = {(own.platform, own.handle) for own in db.scalars(select(OwnAccount))}
        assert accounts == {("bluesky", "hawkweed.example"), ("x", "hawkweed_shop")}
    page = admin.get("/brands/hawkweed").text
    assert 'name="mon_to" value="17:30"' in page
    assert "bluesky hawkweed.example\nx hawkweed_shop</textarea>" in page
    assert admin.post("/brands/hawkweed", WHOLE).status_code == 302  # saved as it is, nothing collides


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mon_from2": "13:00"}, "hours"),
        ({"country": "XX"}, "country"),
        ({"country": "DE", "region": "ZZ"}, "region"),
        ({"closed_days": "Christmas"}, "closed_days"),
        ({"high_first": "soon"}, "high_first"),
        ({"follow_up_hours": "0"}, "follow_up_hours"),
        ({"tue_from": "9"}, "hours"),
        ({"first_reply_minutes": "0"}, "first_reply_minutes"),
        ({"first_reply_minutes": "9" * 30}, "first_reply_minutes"),
        ({"urgent_reply_minutes": "-5"}, "urgent_reply_minutes"),
        ({"own_accounts": "bluesky"}, "own_accounts"),
        ({"name": "   "}, "name"),
    ],
)
def test_a_wrong_field_is_named_and_everything_typed_stays(admin: Visitor, change: dict[str, str], field: str) -> None:
    add_brand(admin.runtime)
    answer = admin.post("/brands/hawkweed", WHOLE | {"own_accounts": "x <typed>"} | change)
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    if "own_accounts" not in change:
        assert "x &lt;typed&gt;</textarea>" in answer.text


def test_the_clock_of_a_brand_is_set_and_shown_again(admin: Visitor) -> None:
    add_brand(admin.runtime)
    given = {
        "clock": "1",
        "mon_from2": "18:00",
        "mon_to2": "20:00",
        "fri_from": "22:00",
        "fri_to": "06:00",
        "country": "de",
        "region": "BE",
        "closed_days": "2026-12-24\n2026-12-31",
        "high_first": "30",
        "urgent_resolve": "240",
        "follow_up_hours": "72",
    }
    admin.post("/brands/hawkweed", WHOLE | given)
    with admin.runtime.db.read() as db:
        brand = db.scalars(select(Brand)).one()
    assert brand.hours == {"mon": [["09:00", "17:30"], ["18:00", "20:00"]], "fri": ["22:00", "06:00"]}
    assert brand.holidays == {"country": "DE", "region": "BE", "days": ["2026-12-24", "2026-12-31"]}
    assert brand.targets == {"urgent": {"resolve": 240}, "high": {"first": 30}}
    assert (brand.follow_up_hours, brand.thanks) == (72, False)
    page = admin.get("/brands/hawkweed")
    for shown in ('name="mon_to2" value="20:00"', 'value="DE" selected', 'name="high_first" value="30"'):
        assert shown in page.text
    assert "Next closed: Thu 24 Dec 2026, Fri 25 Dec 2026 (Christmas Day)" in words(page)


def test_a_shorter_form_changes_nothing_that_it_does_not_ask_for(admin: Visitor) -> None:
    admin.post("/brands/new", {"name": "Hawkweed", "timezone": "UTC"})
    with admin.runtime.db.read() as db:
        brand = db.scalars(select(Brand)).one()
    assert (brand.hours, brand.targets, brand.holidays, brand.follow_up_hours) == ({}, {}, {}, None)
    assert brand.thanks


def test_a_competitor_is_one_until_somebody_says_otherwise(admin: Visitor) -> None:
    add_brand(admin.runtime)
    box = 'name="competitor" value="1" '
    assert f"{box}>" in admin.get("/brands/hawkweed").text
    admin.post("/brands/hawkweed", WHOLE | {"competitor": "1"})
    with admin.runtime.db.read() as db:
        assert db.scalars(select(Brand.competitor)).one()
    assert f"{box}checked>" in admin.get("/brands/hawkweed").text
    admin.post("/brands/hawkweed", WHOLE)
    with admin.runtime.db.read() as db:
        assert not db.scalars(select(Brand.competitor)).one()


def test_two_brands_of_one_name_get_two_addresses(admin: Visitor) -> None:
    data = {"name": "Åcme & Söhne", "timezone": "UTC"}
    assert admin.post("/brands/new", data).location == "/brands/acme-sohne/queries/new"
    assert admin.post("/brands/new", data).location == "/brands/acme-sohne-2/queries/new"
    assert admin.post("/brands/new", data | {"name": "日本"}).location == "/brands/brand/queries/new"


def test_a_query_is_added_changed_and_removed(admin: Visitor) -> None:
    add_brand(admin.runtime)
    admin.post("/brands/hawkweed/queries/new", {"name": "Name", "text": "hawkweed -lawn"})
    with admin.runtime.db.read() as db:
        query = db.scalars(select(Query)).one()
    path = f"/brands/hawkweed/queries/{query.id}"
    assert "hawkweed -lawn</textarea>" in admin.get(path).text
    admin.post(path, {"name": "Name", "text": "hawkweed*"})
    with admin.runtime.db.read() as db:
        changed = db.scalars(select(Query)).one()
        assert (changed.text, changed.active) == ("hawkweed*", False)
    admin.post(f"{path}/remove")
    with admin.runtime.db.read() as db:
        assert db.scalars(select(Query)).all() == []


def test_a_query_that_cannot_be_read_points_at_the_character(admin: Visitor) -> None:
    add_brand(admin.runtime)
    answer = admin.post("/brands/hawkweed/queries/new", {"name": "Name", "text": "(parcel OR <late>"})
    assert answer.status_code == 422
    assert "(parcel OR &lt;late&gt;</textarea>" in answer.text
    shown = admin.post("/brands/hawkweed/preview", {"text": 'late AND (parcel "now'}).text
    assert "<mark>" in shown
    assert 'class="error"' in shown


def test_the_preview_tries_the_query_on_what_is_stored(admin: Visitor) -> None:
    add_case(admin.runtime, "The hawkweed parcel is late")
    add_case(admin.runtime, "hawkweed in my lawn")
    page = words(admin.post("/brands/hawkweed/preview", {"text": "hawkweed -lawn"}))
    assert "Of the newest 2 mentions it matches 1" in page
    assert "The hawkweed parcel is late" in page
    assert "in my lawn" not in page


def test_the_preview_uses_the_sample_while_nothing_is_stored(admin: Visitor) -> None:
    add_brand(admin.runtime)
    page = words(admin.post("/brands/hawkweed/preview", {"text": "hawkweed*"}))
    assert "Nothing is stored yet." in page
    assert "sample mentions it would match" in page


def test_without_javascript_a_button_shows_the_preview(admin: Visitor) -> None:
    add_brand(admin.runtime)
    answer = admin.post("/brands/hawkweed/queries/new", {"name": "Name", "text": "parcel", "preview": "1"})
    assert answer.status_code == 200
    assert "the word “parcel”" in words(answer)
    with admin.runtime.db.read() as db:
        assert db.scalars(select(Query)).all() == []


@pytest.mark.parametrize("text", ["", "x" * 5_000, "((((((", "\x00", "late NEAR/0 parcel", "\u202e" * 50])
def test_whatever_is_typed_is_answered(admin: Visitor, text: str) -> None:
    add_brand(admin.runtime)
    assert admin.post("/brands/hawkweed/preview", {"text": text}).status_code == 200


def test_a_query_of_one_brand_is_not_reached_through_another(admin: Visitor) -> None:
    add_brand(admin.runtime)
    add_brand(admin.runtime, "Other")
    admin.post("/brands/hawkweed/queries/new", {"name": "Name", "text": "hawkweed"})
    assert admin.get("/brands/other/queries/1").status_code == 404
    assert admin.post("/brands/other/queries/1/remove").status_code == 404


def test_a_brand_goes_with_what_is_its_own_after_a_question(admin: Visitor) -> None:
    case_id = add_case(admin.runtime)
    add_source(admin.runtime, "hackernews", "HN")
    assert "This cannot be undone" in words(admin.get("/brands/hawkweed/remove"))
    admin.post("/brands/hawkweed/remove")
    assert "Hawkweed is removed, with 0 mentions." in words(admin.get("/brands/"))
    assert admin.get(f"/cases/{case_id}").status_code == 404
    assert "HN" in words(admin.get("/sources/"))


def test_an_agent_looks_at_brands_and_changes_none(agent: Visitor) -> None:
    add_brand(agent.runtime)
    page = agent.get("/brands/hawkweed").text
    assert "<fieldset disabled>" in page
    assert "Remove this brand" not in page
