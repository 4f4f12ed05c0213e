"""What can be done to a case, without JavaScript: one winner, nothing typed is lost, everything can be undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from core.runtime import Runtime
from core.tables import Brand, Reply
from tests.web.stories import add_case, add_source, add_user, case_of
from tests.web.visitor import Visitor, words
from web.app import create_app


def _do(visitor: Visitor, case_id: int, verb: str, **data: object) -> Any:
    """Send one of the case's forms, as the page that is shown now would."""
    version = case_of(visitor.runtime, case_id).version
    return visitor.post(f"/cases/{case_id}/{verb}", {"version": version} | data)


def _replies(runtime: Runtime, case_id: int) -> list[Reply]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Reply).where(Reply.case_id == case_id).order_by(Reply.turn)))


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
    assert f"Approved. It goes out as {account} in 10 seconds." in after
    assert "Goes out in 10 s Undo" in after
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


@pytest.mark.parametrize("text", ["Here is a refund of 20 EUR", "Here is 20\nEUR for you"])
def test_a_warning_is_shown_before_the_reply_goes_out(agent: Visitor, text: str) -> None:
    case_id = add_case(agent.runtime)
    answer = _do(agent, case_id, "approve", text=text)
    assert answer.status_code == 422
    assert "Look at this before it goes out" in words(answer)
    assert f"{text}</textarea>" in answer.text
    seen = [part.split('"')[0].replace("\n", "\r\n") for part in answer.text.split('name="seen" value="')[1:]]
    assert _do(agent, case_id, "approve", text=text.replace("\n", "\r\n"), seen=seen).status_code == 302


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
    assert case_of(agent.runtime, case_id).state in ("new", "drafted")
    assert not _replies(agent.runtime, case_id)


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


def test_by_hand_too_what_needs_a_second_person_is_proposed(app: Flask, agent: Visitor) -> None:
    case_id = add_case(agent.runtime, permission="hand", permission_why="no reply API", drafts=("We look into it.",))
    with agent.runtime.db.write() as db:
        db.execute(update(Brand).values(approval={"always": True}))
    page = words(agent.get(f"/cases/{case_id}"))
    assert "Do not post it yet: whoever approves it posts it on Bluesky and marks the case as answered. Propose" in page
    assert "Mark as answered" not in page
    refused = _do(agent, case_id, "answered", text="We look into it.")
    assert "this reply needs a second person" in words(refused)
    assert _do(agent, case_id, "propose", text="We look into it.").status_code == 302
    ada = Visitor(app, agent.runtime).sign_in("approver", "Ada")
    assert "Mark as answered" in words(ada.get(f"/cases/{case_id}"))
    assert _do(ada, case_id, "answered", text="We look into it.").status_code == 302
    [reply] = _replies(agent.runtime, case_id)
    assert (reply.via, reply.proposed_by, reply.approved_by) == ("hand", agent.user_id, ada.user_id)


def test_an_address_that_is_none_is_refused_and_the_text_kept(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, permission="hand")
    answer = _do(agent, case_id, "answered", text="I wrote there", url="javascript:alert(1)")
    assert answer.status_code == 422
    assert "I wrote there</textarea>" in answer.text


@pytest.mark.parametrize(("there", "state"), [("yes", "sent"), ("no", "failed"), ("again", "approved")])
def test_only_a_person_ends_unsure(agent: Visitor, there: str, state: str) -> None:
    case_id = add_case(agent.runtime, state="unsure", reply={"error": "connection reset <here>", "sending_at": None})
    page = words(agent.get(f"/cases/{case_id}"))
    assert "This reply may or may not have been sent." in page
    assert "connection reset <here>" in page
    assert _do(agent, case_id, "unsure", there=there).status_code == 302
    assert case_of(agent.runtime, case_id).state == state
    texts = [reply.text for reply in _replies(agent.runtime, case_id)]
    assert texts == ["Sorry! We are looking for it."] * (2 if there == "again" else 1)


def test_what_failed_says_how_the_key_stands(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, source="mastodon", state="failed", reply={"error": "401: no"})
    assert "key-state" not in agent.get(f"/cases/{case_id}").text
    yesterday = agent.runtime.clock.now() - timedelta(days=1)
    for values, says in (
        ({"account": "@hawkweed@town.example"}, "Its key stands for @hawkweed@town.example."),
        ({"account": None}, "Nobody knows yet whom its key stands for. An administrator can mend that."),
        ({"expires_at": yesterday}, "Its key expired 1 day ago: it has to be entered anew. An administrator"),
        ({"state": "paused", "reason": "401: revoked"}, "import is paused: 401: revoked. An administrator"),
    ):
        add_source(agent.runtime, "mastodon", credentials="sealed", **values)
        assert f"Why: 401: no {says}" in words(agent.get(f"/cases/{case_id}"))


def test_what_failed_says_why_and_can_be_tried_again(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, state="failed", reply={"error": "403: blocked by the author"})
    page = agent.get(f"/cases/{case_id}")
    assert "The reply was not sent. Why: 403: blocked by the author" in words(page)
    assert "Sorry! We are looking for it.</textarea>" in page.text
    assert "Try again as" in words(page)
    assert _do(agent, case_id, "approve", text="Sorry! We are looking for it.").status_code == 302
    assert [reply.turn for reply in _replies(agent.runtime, case_id)] == [1, 2]


@pytest.mark.parametrize("verb", ["approve", "dismiss", "draft", "nonsense"])
def test_acting_on_a_case_that_is_not_there_is_not_found(agent: Visitor, verb: str) -> None:
    add_user(agent.runtime, "Somebody")
    assert agent.post(f"/cases/999/{verb}", {"version": 1, "text": "x", "why": "y"}).status_code == 404
