"""The page of one case: what it says, and that hostile text stays text."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Author, CaseMention, Draft, Mention, MentionVersion
from tests.web.stories import add_case, case_of
from tests.web.visitor import Visitor, words
from web.app import create_app


def test_the_page_tells_all_that_is_known(agent: Visitor) -> None:
    case_id = add_case(
        agent.runtime,
        "My parcel is late",
        author={"name": "Orla", "handle": "orla.example", "followers": 45_120},
        mention={"likes": 1, "reposts": 1200},
        priority=82,
        reasons=["second message, no answer yet", "complaint (93%)"],
        drafts=("Sorry, Orla! Which order is it?", "Hello {order}"),
    )
    page = words(agent.get(f"/cases/{case_id}"))
    for said in (
        "Orla @orla.example 30 min ago My parcel is late Open on Bluesky 20 Nov 2026, 12:30 CET 1 like 1.2k reposts",
        "You can answer from here. Replies are written to the outbox file",
        "Sorry, Orla! Which order is it?",
        "to fill in: {order}",
        "Priority 82 of 100 second message, no answer yet complaint (93%)",
        "Complaint Negative Complaint 93 % Negative 86 % Neutral 11 % Positive 3 %",
        "Bluesky · 45k followers",
        "Ripplewatch opened the case 30 min ago",
    ):
        assert said in page
    assert page.index("You can answer from here.") < page.index("Sorry, Orla!")


def test_choosing_a_draft_fills_the_box(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, drafts=("First answer", "Second answer"))
    with agent.runtime.db.read() as db:
        second = db.scalars(select(Draft.id).where(Draft.text == "Second answer")).one()
    assert "Second answer</textarea>" in agent.get(f"/cases/{case_id}?draft={second}").text
    other = add_case(agent.runtime)
    assert "Second answer</textarea>" not in agent.get(f"/cases/{other}?draft={second}").text


def test_a_draft_is_signed_by_whoever_looks(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, drafts=("Sorry! {agent}", "Order {order}? {agent}"))
    page = words(agent.get(f"/cases/{case_id}"))
    assert "Sorry! Ana" in page
    assert "Order {order}? Ana also fits to fill in: {order}" in page
    with agent.runtime.db.read() as db:
        first = db.scalars(select(Draft.id).where(Draft.text == "Sorry! {agent}")).one()
    assert "Sorry! Ana</textarea>" in agent.get(f"/cases/{case_id}?draft={first}").text


def test_where_no_answer_is_allowed_there_is_no_box(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, permission="no", permission_why="they asked us to stop", drafts=("Hello",))
    page = agent.get(f"/cases/{case_id}")
    assert "No answer here. They asked us to stop" in words(page)
    assert 'id="text"' not in page.text


def test_a_manager_sees_the_case_and_no_way_to_act(manager: Visitor) -> None:
    case_id = add_case(manager.runtime, drafts=("Hello",))
    page = manager.get(f"/cases/{case_id}")
    assert "My parcel is three weeks late" in words(page)
    assert 'id="text"' not in page.text
    assert "Dismiss" not in words(page)


def test_the_thread_stands_around_the_post(agent: Visitor) -> None:
    case_id = add_case(
        agent.runtime, "It broke again", mention={"reply_to": "root", "conversation": "root", "native_id": "mine"}
    )
    with agent.runtime.db.write() as db:
        author = Author(platform="bluesky", native_id="other", handle="other", name="Bea")
        db.add(author)
        db.flush()
        now = agent.runtime.clock.now()
        about = {"platform": "bluesky", "author_id": author.id, "heard_at": now}
        root = Mention(native_id="root", text="Which tent lasts?", created_at=now - timedelta(hours=2), **about)
        after = Mention(
            native_id="after", text="Same here", reply_to="mine", conversation="root", created_at=now, **about
        )
        stranger = Mention(native_id="unrelated", text="Nice weather", created_at=now, **about)
        db.add_all([root, after, stranger])
        db.flush()
        db.add(CaseMention(mention_id=after.id, case_id=case_id, why="same thread", joined_at=now))
    page = words(agent.get(f"/cases/{case_id}", HX_Request_Type="partial"))
    assert page.index("Which tent lasts?") < page.index("It broke again") < page.index("Same here")
    assert "Joined this case: same thread" in page
    assert "Nice weather" not in page


def test_a_long_thread_is_folded_so_that_the_answer_stays_near_the_post(agent: Visitor) -> None:
    thread = {"conversation": "long"}
    case_id = add_case(agent.runtime, "The post", mention=thread, minutes_ago=60)
    for number in range(6):
        add_case(agent.runtime, f"Answer {number}", mention=thread, minutes_ago=50 - number)
    page = agent.get(f"/cases/{case_id}", HX_Request_Type="partial")
    folded = page.text.split("<details><summary>3 more in this thread")[1].split("</details>")[0]
    assert [number for number in range(6) if f"Answer {number}" in folded] == [0, 1, 2]
    assert all(f"Answer {number}" in words(page) for number in range(6))


def test_what_the_author_said_before_stands_beside_it(agent: Visitor) -> None:
    first = add_case(agent.runtime, "First letter", author={"handle": "same"}, minutes_ago=600)
    author = _author(agent.runtime, first)
    second = add_case(agent.runtime, "Second letter", mention={"author_id": author})
    page = words(agent.get(f"/cases/{second}"))
    assert "Earlier here First letter 10 h ago" in page
    assert "Second letter" not in words(agent.get(f"/cases/{first}")).split("Who wrote it")[1]


def _author(runtime: Runtime, case_id: int) -> int:
    with runtime.db.read() as db:
        return db.get_one(Mention, case_of(runtime, case_id).mention_id).author_id


HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(2)> https://evil.example/?"onmouseover="alert(3) \u202eexe.gpj'
)


def test_hostile_text_stays_text(agent: Visitor) -> None:
    case_id = add_case(
        agent.runtime,
        HOSTILE,
        author={"name": "<b>Mallory</b>", "handle": '"><script>'},
        mention={"url": "javascript:alert(4)"},
        reasons=["<i>angry</i>"],
        permission_why="<u>because</u>",
        drafts=("</textarea><script>",),
    )
    page = agent.get(f"/cases/{case_id}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for tag in ("<b>Mallory", "<i>angry", "<u>because", "<img src=x", "</textarea><script>", "javascript:alert"):
        assert tag not in page
    assert '<a href="https://evil.example/" dir="ltr" target="_blank" rel="noopener noreferrer nofollow">' in page


def test_a_hundred_kilobytes_are_shown_in_two_steps(agent: Visitor) -> None:
    page = agent.get(f"/cases/{add_case(agent.runtime, 'word ' * 20_000)}")
    assert "Show the other 97,000 characters" in words(page)


def test_a_deleted_post_is_not_answered(agent: Visitor) -> None:
    now = agent.runtime.clock.now()
    case_id = add_case(agent.runtime, "", mention={"deleted_at": now}, author={"name": "", "handle": ""})
    page = agent.get(f"/cases/{case_id}")
    assert "This post was deleted." in words(page)
    assert "Nothing to answer." in words(page)
    assert 'id="text"' not in page.text


def test_htmx_gets_the_pane_and_the_row_and_history_the_whole_page(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    pane = agent.get(f"/cases/{case_id}", HX_Request="true", HX_Request_Type="partial").text
    assert "<html" not in pane
    assert f'id="row-{case_id}" class="row" hx-swap-oob="true"' in pane
    whole = agent.get(f"/cases/{case_id}", HX_Request="true", HX_Request_Type="full").text
    assert "<html" in whole
    assert "hx-history-elt" in whole


def test_why_the_model_thinks_so_is_asked_when_somebody_looks(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, verdict={"reasons": ["“late” makes it read more like a complaint (+0.21)"]})
    assert "“late”" not in words(agent.get(f"/cases/{case_id}"))
    assert "“late” makes it read more like a complaint" in words(agent.get(f"/cases/{case_id}/why"))
    fragment = agent.get(f"/cases/{case_id}/why", HX_Request_Type="partial").text
    assert "<html" not in fragment


def test_a_verdict_of_another_model_is_not_explained_by_this_one(agent: Visitor) -> None:
    settings = agent.runtime.settings.model_copy(update={"model": "lexicon"})
    runtime = Runtime(settings, agent.runtime.db, agent.runtime.clock, agent.runtime.queue)
    bo = Visitor(create_app(runtime), runtime).sign_in("agent", "Bo")
    case_id = add_case(runtime, verdict={"model": "retired-1"})
    assert "retired-1 judged this" in words(bo.get(f"/cases/{case_id}/why"))


@pytest.mark.parametrize("path", ["/cases/999", "/cases/99999999999999999999", "/cases/999/why", "/cases/x"])
def test_a_case_that_is_not_there_is_not_found(agent: Visitor, path: str) -> None:
    assert agent.get(path).status_code == 404


def test_a_case_keeps_the_filters_of_the_list_it_was_opened_from(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, state="sent", reply={})
    page = agent.get(f"/cases/{case_id}?state=done&platform=bluesky").text
    assert 'class="back button quiet" href="/?state=done&amp;platform=bluesky"' in page
    assert 'aria-current="true"' in page


def test_an_edited_post_shows_what_changed(agent: Visitor) -> None:
    now = agent.runtime.clock.now()
    case_id = add_case(agent.runtime, "It came <b>broken</b>", mention={"edited_at": now})
    post = case_of(agent.runtime, case_id).mention_id
    with agent.runtime.db.write() as db:
        db.add(MentionVersion(mention_id=post, text="It came <b>late</b>", until=now))
    page = agent.get(f"/cases/{case_id}").text
    assert "It came &lt;b&gt;<del>late</del><ins>broken</ins>&lt;/b&gt;" in page
