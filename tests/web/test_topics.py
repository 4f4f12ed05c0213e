"""Topics of a brand: added, previewed, changed, switched off, by its admins; the sample has some."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from core import waiting
from core.tables import Brand, Case, HourCount, Match, Topic
from tests.web.stories import add_brand, add_case
from tests.web.visitor import Visitor, words
from web.managing.sample_brand import load_sample, remove_sample

NEW = "/brands/hawkweed/topics/new"
LATE = {"name": "Late parcels", "text": 'parcel* OR "not here"'}


def _topics(visitor: Visitor) -> list[Topic]:
    with visitor.runtime.db.read() as db:
        return list(db.scalars(select(Topic).order_by(Topic.id)))


def test_a_topic_is_added_changed_and_switched_off(admin: Visitor) -> None:
    add_brand(admin.runtime)
    assert "No topic yet" in words(admin.get("/brands/hawkweed/topics/"))
    assert admin.post(NEW, LATE).status_code == 302
    (row,) = _topics(admin)
    assert (row.name, row.query, row.active) == ("Late parcels", LATE["text"], True)
    with admin.runtime.db.read() as db:
        assert waiting.count(db, "topic") == 1
    assert "The last 30 days are being counted" in words(admin.get("/brands/hawkweed/topics/"))
    page = f"/brands/hawkweed/topics/{row.id}"
    assert 'value="Late parcels"' in admin.get(page).text
    assert admin.post(page, {"name": "Late", "text": "late"}).status_code == 302
    (row,) = _topics(admin)
    assert (row.name, row.query, row.active) == ("Late", "late", False)
    assert "Off" in words(admin.get("/brands/hawkweed/topics/"))


def test_its_preview_looks_among_the_brands_own_mentions(admin: Visitor) -> None:
    add_brand(admin.runtime)
    add_case(admin.runtime, "where is my parcel <b>now</b>")
    add_case(admin.runtime, "the tent leaks")
    add_case(admin.runtime, "a parcel of another brand", brand="Other")
    with admin.runtime.db.write() as db:
        for case in db.scalars(select(Case)):
            db.add(Match(mention_id=case.mention_id, brand_id=case.brand_id))
    page = admin.post("/brands/hawkweed/topics/preview", {"text": "parcel"})
    assert "Of the newest 2 mentions it matches 1" in words(page)
    assert "<b>" not in page.text
    assert "is never closed" in words(admin.post("/brands/hawkweed/topics/preview", {"text": '"open'}))
    shown = admin.post(NEW, LATE | {"preview": "1"})
    assert "it matches 1" in words(shown)
    assert not _topics(admin)


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(admin: Visitor) -> None:
    add_brand(admin.runtime)
    admin.post(NEW, LATE)
    answer = admin.post(NEW, LATE | {"text": "parcel AND"})
    assert answer.status_code == 422
    assert "has a topic of that name already" in words(answer)
    assert "parcel AND</textarea>" in answer.text
    assert "Write at least one word" in words(admin.post(NEW, {"name": "", "text": " "}))
    assert len(_topics(admin)) == 1


def test_only_the_brands_admins_change_topics(manager: Visitor) -> None:
    add_brand(manager.runtime)
    add_brand(manager.runtime, "Other")
    with manager.runtime.db.write() as db:
        other = db.scalars(select(Brand).where(Brand.slug == "other")).one()
        row = Topic(brand_id=other.id, name="Late", query="late", created_at=manager.runtime.clock.now())
        db.add(row)
    assert manager.get("/brands/other/topics/").status_code == 200
    assert manager.post(NEW, LATE).status_code == 403
    assert manager.get(f"/brands/hawkweed/topics/{row.id}").status_code == 404


def test_each_topic_says_how_much_it_counted(admin: Visitor) -> None:
    add_brand(admin.runtime)
    admin.post(NEW, {"name": "Delivery", "text": "parcel"})
    assert "0 mentions in 30 days, 0 of them complaints" in words(admin.get("/brands/hawkweed/topics/"))
    (row,) = _topics(admin)
    now = admin.runtime.clock.now()
    with admin.runtime.db.write() as db:
        for days, mentions in ((1, 40), (29, 2), (31, 500)):
            counted = HourCount(
                brand_id=row.brand_id, dimension="topic", value=str(row.id), hour=now - timedelta(days=days)
            )
            counted.mentions, counted.complaints = mentions, 7
            db.add(counted)
    page = admin.get("/brands/hawkweed/topics/")
    assert "42 mentions in 30 days, 14 of them complaints" in words(page)
    assert f"only=topic:{row.id}" in page.text


def test_the_sample_has_topics(admin: Visitor) -> None:
    load_sample(admin.runtime)
    assert {row.name for row in _topics(admin)} == {"Delivery", "Refunds and billing", "Quality", "App and shop"}
    remove_sample(admin.runtime)
    assert not _topics(admin)
