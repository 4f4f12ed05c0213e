"""“Not about us”: said on a case or not, undone, kept apart in a list, and brought back with one click."""

from __future__ import annotations

from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Audit, Mention, Relevance, Waiting
from listener.forget import forget_mentions
from sentiment import relevance
from tests.web.stories import add_case, case_of
from tests.web.visitor import Visitor, words


def keep_apart(runtime: Runtime, text: str, score: float = 0.04) -> tuple[int, int]:
    """A mention that opened no case because its score was low; its id and its brand's."""
    from_case = add_case(runtime, text)
    with runtime.db.write() as db:
        case = case_of(runtime, from_case)
        mention = db.get_one(Mention, case.mention_id)
        row = Mention(
            platform=mention.platform,
            native_id=f"apart-{mention.native_id}",
            author_id=mention.author_id,
            text=text,
            created_at=mention.created_at,
            heard_at=mention.heard_at,
        )
        db.add(row)
        db.flush()
        relevance.store(db, {(row.id, case.brand_id): score})
        return row.id, case.brand_id


def said(runtime: Runtime, mention_id: int) -> bool | None:
    with runtime.db.read() as db:
        return db.scalar(select(Relevance.about_us).where(Relevance.mention_id == mention_id))


def test_not_about_us_dismisses_the_case_and_is_undone(agent: Visitor) -> None:
    case_id = add_case(agent.runtime, "hawkweed in my lawn is late to flower")
    page = agent.get(f"/cases/{case_id}")
    assert 'data-key="x"' in page.text
    agent.post(f"/cases/{case_id}/dismiss", {"version": case_of(agent.runtime, case_id).version, "why": "not about us"})
    case = case_of(agent.runtime, case_id)
    assert case.state == "dismissed"
    assert said(agent.runtime, case.mention_id) is False
    with agent.runtime.db.read() as db:
        last = db.scalars(select(Audit).order_by(Audit.id.desc())).first()
        assert last is not None
        assert (last.action, last.detail, last.user_id) == ("dismiss", {"why": "not about us"}, agent.user_id)
        assert db.scalar(select(Relevance.said_by)) == "Ana"
    assert ">Undo<" in agent.get(f"/cases/{case_id}").text
    agent.post(f"/cases/{case_id}/reopen", {"version": case.version})
    assert case_of(agent.runtime, case_id).state == "new"
    assert said(agent.runtime, case.mention_id) is None


def test_other_reasons_say_nothing_of_what_it_is_about(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    agent.post(f"/cases/{case_id}/dismiss", {"version": case_of(agent.runtime, case_id).version, "why": "no complaint"})
    with agent.runtime.db.read() as db:
        assert db.scalars(select(Relevance)).all() == []


def test_the_inbox_says_how_many_are_kept_apart(agent: Visitor) -> None:
    assert "Probably not about us" not in words(agent.get("/"))
    keep_apart(agent.runtime, "hawkweed in my lawn <b>again</b>")
    assert "Probably not about us 1" in words(agent.get("/"))
    page = agent.get("/unlikely/")
    assert "hawkweed in my lawn &lt;b&gt;again&lt;/b&gt;" in page.text
    assert "4 % likely to be about Hawkweed" in words(page)


def test_one_click_brings_it_back(agent: Visitor) -> None:
    mention_id, brand_id = keep_apart(agent.runtime, "hawkweed never sent my parcel")
    answer = agent.post(f"/unlikely/{mention_id}/{brand_id}", {"about_us": "yes"})
    assert answer.status_code == 302
    assert said(agent.runtime, mention_id) is True
    with agent.runtime.db.read() as db:
        assert db.scalars(select(Waiting.subject_id).where(Waiting.stage == "open_case")).all() == [mention_id]
        audit = db.scalars(select(Audit).where(Audit.action == "about_us")).one()
        assert (audit.user_id, audit.detail) == (agent.user_id, {"mention": mention_id, "brand": brand_id})
    assert "hawkweed never sent my parcel" not in words(agent.get("/unlikely/"))
    assert agent.post(f"/unlikely/{mention_id}/{brand_id}", {"about_us": "yes"}).status_code == 404


def test_the_filter_is_told_when_it_was_right(agent: Visitor) -> None:
    mention_id, brand_id = keep_apart(agent.runtime, "hawkweed in my lawn")
    answer = agent.post(f"/unlikely/{mention_id}/{brand_id}", {"about_us": "no"})
    assert said(agent.runtime, mention_id) is False
    page = agent.get(answer.location)
    assert "Nothing was kept apart" in words(page)
    assert f'action="/unlikely/{mention_id}/{brand_id}/undo"' in page.text
    agent.post(f"/unlikely/{mention_id}/{brand_id}/undo")
    assert said(agent.runtime, mention_id) is None
    assert "hawkweed in my lawn" in words(agent.get("/unlikely/"))
    assert agent.post(f"/unlikely/{mention_id}/{brand_id}/undo").status_code == 404, "nothing is to be taken back"


def test_a_manager_looks_and_decides_nothing(manager: Visitor) -> None:
    mention_id, brand_id = keep_apart(manager.runtime, "hawkweed in my lawn")
    assert "bring it back" not in words(manager.get("/unlikely/"))
    assert manager.post(f"/unlikely/{mention_id}/{brand_id}", {"about_us": "yes"}).status_code == 403


def test_long_lists_are_read_page_by_page(agent: Visitor) -> None:
    ids = [keep_apart(agent.runtime, f"hawkweed number {number}")[0] for number in range(52)]
    first = words(agent.get("/unlikely/"))
    assert "number 51" in first
    assert "number 1 " not in first
    older = words(agent.get(f"/unlikely/?before={ids[2]}"))
    assert "number 1 " in older
    assert "number 2 " not in older


def test_forgetting_takes_labels_and_scores_along(agent: Visitor) -> None:
    apart, _ = keep_apart(agent.runtime, "hawkweed in my lawn")
    with agent.runtime.db.write() as db:
        forget_mentions(db, agent.runtime.clock, [apart])
        assert db.scalars(select(Relevance)).all() == []
    assert "Probably not about us" not in words(agent.get("/"))
