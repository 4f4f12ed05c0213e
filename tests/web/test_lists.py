"""Lists of words on a brand's page, and queries that name them."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select

from core.runtime import Runtime
from core.tables import Match, Query, Topic, Waiting, WordList
from tests.web.stories import add_brand, add_case, case_of
from tests.web.visitor import Visitor, words

BRAND = {"name": "Hawkweed", "timezone": "UTC", "first_reply_minutes": "60", "urgent_reply_minutes": "15"}
SLOW = {"list_0_name": "slow", "list_0_words": 'late\r\n"too slow"\r\n\r\ndelay*\r\nlate\r\n'}


def lists(runtime: Runtime) -> dict[str, list[str]]:
    with runtime.db.read() as db:
        return {row.name: row.words for row in db.scalars(select(WordList))}


def test_lists_are_made_changed_and_removed(admin: Visitor) -> None:
    add_brand(admin.runtime)
    more = {"list_1_name": "products", "list_1_words": "lamp"}
    assert admin.post("/brands/hawkweed", BRAND | SLOW | more).status_code == 302
    assert lists(admin.runtime) == {"slow": ["late", "too slow", "delay*"], "products": ["lamp"]}
    page = admin.get("/brands/hawkweed").text
    assert "too slow\ndelay*</textarea>" in page
    assert 'name="list_2_words"' in page
    admin.post(
        "/brands/hawkweed", BRAND | {"list_0_name": "slow", "list_0_words": "lost"} | {"list_1_name": "products"}
    )
    assert lists(admin.runtime) == {"slow": ["lost"]}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"list_0_name": "", "list_0_words": "late"}, "short name"),
        ({"list_0_name": "two words", "list_0_words": "late"}, "short name"),
        ({"list_0_name": "slow", "list_0_words": "late\nsh*p"}, "Line 2, “sh*p”"),
        (SLOW | {"list_1_name": "SLOW", "list_1_words": "x"}, "There is a list called “SLOW” already."),
        ({"list_0_name": "slow", "list_0_words": "\n".join(f"w{n}" for n in range(501))}, "at most 500 words"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(admin: Visitor, given: dict[str, str], told: str) -> None:
    add_brand(admin.runtime)
    answer = admin.post("/brands/hawkweed", BRAND | given)
    assert answer.status_code == 422
    assert told in words(answer)
    assert given["list_0_words"].replace("\r", "").splitlines()[0] in answer.text
    assert lists(admin.runtime) == {}


def test_a_list_that_a_query_names_stays(admin: Visitor) -> None:
    add_brand(admin.runtime)
    admin.post("/brands/hawkweed", BRAND | SLOW)
    answer = admin.post("/brands/hawkweed/queries/new", {"name": "Slow", "text": "hawkweed list:slow"})
    assert answer.status_code == 302
    refused = admin.post("/brands/hawkweed", BRAND)
    assert refused.status_code == 422
    assert "The query “Slow” uses a list" in words(refused)
    assert "slow" in lists(admin.runtime)


def test_topics_that_name_a_list_keep_it_and_are_counted_anew(admin: Visitor) -> None:
    add_brand(admin.runtime)
    admin.post("/brands/hawkweed", BRAND | SLOW)
    for name, text in (("Slow", "list:slow"), ("Lost", "lost")):
        assert admin.post("/brands/hawkweed/topics/new", {"name": name, "text": text}).status_code == 302
    with admin.runtime.db.write() as db:
        db.execute(delete(Waiting))
    assert admin.post("/brands/hawkweed", BRAND | SLOW).status_code == 302
    with admin.runtime.db.read() as db:
        assert not db.scalars(select(Waiting)).all()
    assert admin.post("/brands/hawkweed", BRAND | SLOW | {"list_0_words": "late"}).status_code == 302
    with admin.runtime.db.read() as db:
        again = select(Topic.name).join(Waiting, Waiting.subject_id == Topic.id).where(Waiting.stage == "topic")
        assert db.scalars(again).all() == ["Slow"]
    assert "The topic “Slow” uses a list" in words(admin.post("/brands/hawkweed", BRAND))


def test_the_preview_knows_the_lists_of_its_brand(admin: Visitor) -> None:
    add_brand(admin.runtime)
    add_case(admin.runtime, "so many delays at hawkweed")
    admin.post("/brands/hawkweed", BRAND | SLOW)
    page = words(admin.post("/brands/hawkweed/preview", {"text": "hawkweed list:slow"}))
    assert "it matches 1" in page
    assert "one of the words in the list “slow”" in page
    add_brand(admin.runtime, "Other")
    assert "Make it first" in words(admin.post("/brands/other/preview", {"text": "list:slow"}))


def test_a_query_for_nearly_everything_needs_a_second_word(admin: Visitor) -> None:
    add_brand(admin.runtime)
    shown = words(admin.post("/brands/hawkweed/preview", {"text": "the OR hawkweed"}))
    assert "Too broad? This would match a great part of all posts: the word “the” is enough." in shown
    form = {"name": "All", "text": "the OR hawkweed"}
    refused = admin.post("/brands/hawkweed/queries/new", form)
    assert refused.status_code == 422
    assert 'name="broad_too"' in refused.text
    assert admin.post("/brands/hawkweed/queries/new", form | {"broad_too": "1"}).status_code == 302
    with admin.runtime.db.read() as db:
        assert [row.text for row in db.scalars(select(Query))] == ["the OR hawkweed"]
    again = {"name": "Everything", "text": "the OR hawkweed", "active": "1"}
    assert admin.post("/brands/hawkweed/queries/1", again).status_code == 302


def test_matching_most_of_what_is_not_the_brands_is_said(admin: Visitor) -> None:
    add_brand(admin.runtime)
    add_brand(admin.runtime, "Other")
    seen = [add_case(admin.runtime, f"delivery number {number}", brand="Other") for number in range(110)]
    own = add_case(admin.runtime, "hawkweed parcel")
    with admin.runtime.db.write() as db:
        for case_id in (*seen, own):
            case = case_of(admin.runtime, case_id)
            db.add(Match(mention_id=case.mention_id, brand_id=case.brand_id))
    assert "matches 100% of the newest mentions of other brands" in words(
        admin.post("/brands/hawkweed/preview", {"text": "delivery"})
    )
    assert "Too broad?" not in words(admin.post("/brands/hawkweed/preview", {"text": "parcel"}))
    assert "Too broad?" not in words(admin.post("/brands/other/preview", {"text": "delivery"}))
