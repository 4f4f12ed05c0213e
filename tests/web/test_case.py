"""One case: what its page says, and everything that can be done to it without JavaScript."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Author, CaseMention, Draft, Mention, Reply
from tests.web.stories import add_case, add_user, case_of
from tests.web.visitor import Visitor, words
from web import create_app


def _do(visitor: Visitor, case_id: int, verb: str, **data: object) -> Any:
    """Send one of the case's forms, as the page that is shown now would."""
    version = case_of(visitor.runtime, case_id).version
    return visitor.post(f"/cases/{case_id}/{verb}", {"version": version} | data)


def _replies(runtime: Runtime, case_id: int) -> list[Reply]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Reply).where(Reply.case_id == case_id).order_by(Reply.turn)))


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


def test_approving_sends_exactly_the_text_and_says_as_whom(runtime: Runtime) -> None:
    agent = Visitor(create_app(runtime), runtime).sign_in("agent")
    case_id = add_case(runtime)
    page = agent.get(f"/cases/{case_id}")
    account = page.text.split('name="account" value="')[1].split('"')[0]
    assert f"Approve and send as {account}" in words(page)
    answer = _do(agent, case_id, "approve", text="Sorry!\r\nWe look for it.", account=account)
    assert answer.status_code == 302
    [reply] = _replies(runtime, case_id)
    assert (reply.text, reply.account, reply.approved_by) == ("Sorry!\nWe look for it.", account, agent.user_id)
    assert case_of(runtime, case_id).state == "approved"
    assert runtime.queue.nudged == ["post"]  # type: ignore[attr-defined]
    after = words(agent.get(answer.location))
    assert f"Approved. It goes out as {account}." in after
    assert f"Waiting to send Sorry! We look for it. as {account} approved by Ana" in after


def test_whoever_comes_second_is_told_who_was_first_and_keeps_the_text(app: Flask, agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    bo = Visitor(app, agent.runtime).sign_in("agent", "Bo")
    seen = case_of(agent.runtime, case_id).version
    assert _do(bo, case_id, "dismiss", why="not about us").status_code == 302
    answer = agent.post(f"/cases/{case_id}/approve", {"version": seen, "text": "My long <answer>"})
    assert answer.status_code == 409
    assert "Bo dismissed it" in words(answer)
    assert not _replies(agent.runtime, case_id)
    _do(bo, case_id, "reopen")
    answer = agent.post(f"/cases/{case_id}/approve", {"version": seen, "text": "My long <answer>"})
    assert "My long &lt;answer&gt;</textarea>" in answer.text


def test_a_warning_is_shown_before_the_reply_goes_out(agent: Visitor) -> None:
    case_id, text = add_case(agent.runtime), "Here is a refund of 20 EUR"
    answer = _do(agent, case_id, "approve", text=text)
    assert answer.status_code == 422
    assert "Look at this before it goes out" in words(answer)
    assert f"{text}</textarea>" in answer.text
    seen = [part.split('"')[0] for part in answer.text.split('name="seen" value="')[1:]]
    assert _do(agent, case_id, "approve", text=text, seen=seen).status_code == 302


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "the reply is empty"), ("Hello {name}", "{name} has to be filled in"), ("x" * 301, "too long")],
)
def test_what_must_not_go_out_does_not(agent: Visitor, text: str, why: str) -> None:
    case_id = add_case(agent.runtime)
    answer = _do(agent, case_id, "approve", text=text)
    assert answer.status_code == 422
    assert why in words(answer)
    assert f"{text}</textarea>" in answer.text
    assert case_of(agent.runtime, case_id).state == "new"


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


def test_what_is_typed_is_kept_while_it_is_typed(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    kept = agent.post(f"/cases/{case_id}/draft", {"text": "So far"}, HX_Target="div#check", HX_Request_Type="partial")
    assert "6 / 300 Draft saved" in words(kept)
    assert f'id="row-{case_id}"' in kept.text
    assert "So far</textarea>" in agent.get(f"/cases/{case_id}").text
    row = case_of(agent.runtime, case_id)
    assert (row.state, row.owner_id, row.version) == ("drafted", agent.user_id, 1)


def test_a_draft_can_be_saved_by_a_button(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    answer = agent.post(f"/cases/{case_id}/draft?state=all", {"text": "So far"})
    assert answer.location == f"/cases/{case_id}?state=all"
    page = agent.get(answer.location)
    assert "Your draft is saved." in words(page)
    assert "So far</textarea>" in page.text


def test_a_case_that_somebody_has_is_not_taken_by_typing(app: Flask, agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    bo = Visitor(app, agent.runtime).sign_in("agent", "Bo")
    _do(bo, case_id, "claim")
    assert "Bo has this case since" in words(agent.get(f"/cases/{case_id}"))
    refused = agent.post(f"/cases/{case_id}/draft", {"text": "Mine"})
    assert refused.status_code == 409
    assert "Mine</textarea>" in refused.text
    assert _do(agent, case_id, "claim", take_over="1").status_code == 302
    assert case_of(agent.runtime, case_id).owner_id == agent.user_id


def test_claim_and_release(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    _do(agent, case_id, "claim")
    assert case_of(agent.runtime, case_id).owner_id == agent.user_id
    _do(agent, case_id, "release")
    assert case_of(agent.runtime, case_id).owner_id is None


@pytest.mark.parametrize(
    ("data", "kept"),
    [({"why": "no complaint"}, "no complaint"), ({"why": "no complaint", "other": "a joke <b>"}, "a joke <b>")],
)
def test_dismissing_says_why_and_can_be_undone(agent: Visitor, data: dict[str, str], kept: str) -> None:
    case_id = add_case(agent.runtime)
    _do(agent, case_id, "dismiss", **data)
    page = words(agent.get(f"/cases/{case_id}"))
    assert f"Ana dismissed it: {kept} just now" in page
    assert "Undo" in page
    _do(agent, case_id, "reopen")
    assert case_of(agent.runtime, case_id).state == "new"


def test_dismissing_without_a_reason_is_refused(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    assert "Say why" in words(_do(agent, case_id, "dismiss"))
    assert case_of(agent.runtime, case_id).state == "new"


def test_only_who_did_it_is_offered_to_undo_it(app: Flask, agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    bo = Visitor(app, agent.runtime).sign_in("agent", "Bo")
    _do(bo, case_id, "dismiss", why="not about us")
    page = words(agent.get(f"/cases/{case_id}"))
    assert "Undo" not in page
    assert "Reopen" in page


def test_an_approval_can_be_taken_back_before_it_goes_out(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    _do(agent, case_id, "approve", text="Too fast")
    _do(agent, case_id, "withdraw")
    assert not _replies(agent.runtime, case_id)
    assert "Too fast</textarea>" in agent.get(f"/cases/{case_id}").text


@pytest.mark.parametrize(
    ("data", "until"),
    [  # the clock stands at Friday, 2026-11-20 12:00 UTC; the brand is in Berlin, an hour ahead
        ({"for": "hour"}, datetime(2026, 11, 20, 13, 0, tzinfo=UTC)),
        ({"for": "tomorrow"}, datetime(2026, 11, 21, 8, 0, tzinfo=UTC)),
        ({"for": "monday"}, datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),
        ({"for": "picked", "until": "2026-11-20T18:30"}, datetime(2026, 11, 20, 17, 30, tzinfo=UTC)),
    ],
)
def test_snoozing_goes_by_the_brands_clock(agent: Visitor, data: dict[str, str], until: datetime) -> None:
    case_id = add_case(agent.runtime)
    assert _do(agent, case_id, "snooze", **data).status_code == 302
    row = case_of(agent.runtime, case_id)
    assert (row.state, row.snoozed_until) == ("snoozed", until)


@pytest.mark.parametrize("until", ["", "soon", "2026-11-20T01:00", "2026-11-20T18:30+05:00", "0001-01-01T00:00"])
def test_snoozing_until_no_time_to_come_is_refused(agent: Visitor, until: str) -> None:
    case_id = add_case(agent.runtime)
    answer = _do(agent, case_id, "snooze", **{"for": "picked", "until": until})
    assert case_of(agent.runtime, case_id).state == ("snoozed" if "+" in until else "new")
    assert answer.status_code == (302 if "+" in until else 422)


def test_answering_by_hand_is_recorded_with_its_address(agent: Visitor) -> None:
    why = "Hacker News has no way to reply by API"
    case_id = add_case(agent.runtime, permission="hand", permission_why=why)
    page = agent.get(f"/cases/{case_id}")
    assert "Answer by hand. Hacker News has no way to reply by API" in words(page)
    assert "Approve and send" not in words(page)
    address = "https://news.example/item?id=9"
    assert _do(agent, case_id, "answered", text="I wrote there", url=address).status_code == 302
    page = agent.get(f"/cases/{case_id}")
    assert "Answered by hand I wrote there by Ana" in words(page)
    assert f'href="{address}"' in page.text


def test_an_address_that_is_none_is_refused_and_the_text_kept(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, permission="hand")
    answer = _do(agent, case_id, "answered", text="I wrote there", url="javascript:alert(1)")
    assert answer.status_code == 422
    assert "I wrote there</textarea>" in answer.text


def test_where_no_answer_is_allowed_there_is_no_box(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, permission="no", permission_why="they asked us to stop", drafts=("Hello",))
    page = agent.get(f"/cases/{case_id}")
    assert "No answer here. They asked us to stop" in words(page)
    assert "<textarea" not in page.text


def test_a_reader_sees_the_case_and_no_way_to_act(reader: Visitor) -> None:
    case_id = add_case(reader.runtime, drafts=("Hello",))
    page = reader.get(f"/cases/{case_id}")
    assert "My parcel is three weeks late" in words(page)
    assert "<textarea" not in page.text
    assert "Dismiss" not in words(page)


@pytest.mark.parametrize(("there", "state"), [("yes", "sent"), ("no", "failed")])
def test_only_a_person_ends_unsure(agent: Visitor, there: str, state: str) -> None:
    case_id = add_case(agent.runtime, state="unsure", reply={"error": "connection reset <here>", "sending_at": None})
    page = words(agent.get(f"/cases/{case_id}"))
    assert "This reply may or may not have been sent." in page
    assert "connection reset <here>" in page
    assert _do(agent, case_id, "unsure", there=there).status_code == 302
    assert case_of(agent.runtime, case_id).state == state


def test_what_failed_says_why_and_can_be_tried_again(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, state="failed", reply={"error": "403: blocked by the author"})
    page = agent.get(f"/cases/{case_id}")
    assert "The reply was not sent. Bluesky said: 403: blocked by the author" in words(page)
    assert "Sorry! We are looking for it.</textarea>" in page.text
    assert "Try again as" in words(page)
    assert _do(agent, case_id, "approve", text="Sorry! We are looking for it.").status_code == 302
    assert [reply.turn for reply in _replies(agent.runtime, case_id)] == [1, 2]


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
    assert "<textarea" not in page.text


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


@pytest.mark.parametrize("verb", ["approve", "dismiss", "draft", "nonsense"])
def test_acting_on_a_case_that_is_not_there_is_not_found(agent: Visitor, verb: str) -> None:
    add_user(agent.runtime, "Somebody")
    assert agent.post(f"/cases/999/{verb}", {"version": 1, "text": "x", "why": "y"}).status_code == 404


def test_a_case_keeps_the_filters_of_the_list_it_was_opened_from(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, state="sent", reply={})
    page = agent.get(f"/cases/{case_id}?state=done&platform=bluesky").text
    assert 'class="back button quiet" href="/?state=done&amp;platform=bluesky"' in page
    assert 'aria-current="true"' in page
