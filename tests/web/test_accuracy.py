"""Corrections with one click, the glossary with its preview, and the accuracy page with its sample."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Audit, Brand, Case, CaseMention, Correction, GlossaryRule, Match, Mention, Sample, Verdict
from listener.forget import forget_mentions
from sentiment import judge
from tests.web.stories import add_brand, add_case, case_of
from tests.web.visitor import Visitor, words


def case_with(runtime: Runtime, text: str = "My parcel is three weeks late.", **more: object) -> Case:
    """A case whose mention is known to be its brand's and its own, as the stages before leave it."""
    case_id = add_case(runtime, text, **more)  # type: ignore[arg-type]
    row = case_of(runtime, case_id)
    with runtime.db.write() as db:
        db.add(Match(mention_id=row.mention_id, brand_id=row.brand_id))
        db.add(CaseMention(mention_id=row.mention_id, case_id=row.id, why="", joined_at=row.opened_at))
    return row


def labels_of(visitor: Visitor, row: Case, label: str, **more: object) -> None:
    path = f"/brands/hawkweed/labels/{row.mention_id}"
    answer = visitor.post(path, {"label": label, "next": f"/cases/{row.id}"} | more)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/cases/{row.id}")


def newest(runtime: Runtime, row: Case) -> Verdict:
    with runtime.db.read() as db:
        wanted = select(Verdict).where(Verdict.mention_id == row.mention_id).order_by(Verdict.id.desc()).limit(1)
        return db.scalars(wanted).one()


def test_one_click_on_the_case_corrects_a_label_and_undo_takes_it_back(agent: Visitor) -> None:
    row = case_with(agent.runtime)
    page = agent.get(f"/cases/{row.id}").text
    assert re.search(r'value="complaint:yes" aria-pressed="true"', page)
    labels_of(agent, row, "complaint:no")
    assert newest(agent.runtime, row).complaint is False
    page = words(agent.get(f"/cases/{row.id}"))
    assert "Noted: not a complaint. The case stays until somebody dismisses it." in page
    assert "Ana says: not a complaint. The model: a complaint." in page
    with agent.runtime.db.read() as db:
        last = db.scalars(select(Audit).where(Audit.action == "corrected")).one()
    assert last.detail == {"mention": row.mention_id, "head": "complaint", "label": "no"}
    assert last.user_id == agent.user_id
    labels_of(agent, row, "complaint:undo")
    assert newest(agent.runtime, row).complaint is True
    assert "Ana says" not in words(agent.get(f"/cases/{row.id}"))


@pytest.mark.parametrize(
    ("label", "field", "value"),
    [
        ("sentiment:positive", "sentiment", "positive"),
        ("emotion:joy", "emotion", "joy"),
        ("irony:yes", "irony", 1.0),
        ("offensive:no", "offensive", 0.0),
        ("intent:request", "intent", "request"),
    ],
)
def test_every_label_can_be_corrected(agent: Visitor, label: str, field: str, value: object) -> None:
    row = case_with(agent.runtime)
    assert f'value="{label}"' in agent.get(f"/cases/{row.id}").text
    labels_of(agent, row, label)
    assert getattr(newest(agent.runtime, row), field) == value


def test_whoever_may_look_may_label(manager: Visitor) -> None:
    row = case_with(manager.runtime)
    labels_of(manager, row, "complaint:no")
    assert newest(manager.runtime, row).complaint is False
    page = manager.get(f"/cases/{row.id}").text
    assert "Always for" not in page
    form = {"phrase": "parcel", "means": "complaint:no"}
    assert manager.post("/brands/hawkweed/glossary/", form).status_code == 403


def test_a_label_that_there_is_not_changes_nothing(agent: Visitor) -> None:
    row = case_with(agent.runtime)
    labels_of(agent, row, "complaint:perhaps")
    assert "complaint cannot be perhaps" in words(agent.get(f"/cases/{row.id}"))
    assert newest(agent.runtime, row).model == "minilm-1"
    add_brand(agent.runtime, "Other")
    assert agent.post(f"/brands/other/labels/{row.mention_id}", {"label": "complaint:no"}).status_code == 404


def test_nobody_is_sent_elsewhere(agent: Visitor) -> None:
    row = case_with(agent.runtime)
    there = {"label": "complaint:no", "next": "https://evil.example/"}
    assert agent.post(f"/brands/hawkweed/labels/{row.mention_id}", there).headers["Location"] == "/"


def test_a_rule_is_previewed_before_it_is_saved(admin: Visitor) -> None:
    row = case_with(admin.runtime, "lost again in <b>War Zone</b>")
    case_with(admin.runtime, "my parcel is late")
    labels_of(admin, row, "sentiment:neutral")
    page = admin.get(f"/cases/{row.id}").text
    link = re.search(r'href="(/brands/hawkweed/glossary/[^"]+)"', page)
    assert link
    form = admin.get(unescape(link[1])).text
    assert "lost again in &lt;b&gt;War Zone&lt;/b&gt;" in form
    assert re.search(r'value="sentiment:neutral" selected', form)
    given = {"phrase": "war zone", "means": "sentiment:neutral"}
    previewed = admin.post("/brands/hawkweed/glossary/", given)
    assert "Of the newest 2 mentions 1 has “ war zone ”; the rule would change 1" in words(previewed)
    assert "lost again in &lt;b&gt;War Zone&lt;/b&gt;" in previewed.text
    assert "negative → neutral" in words(previewed)
    seen = re.search(r'name="seen" value="([^"]+)"', previewed.text)
    assert seen
    other = admin.post("/brands/hawkweed/glossary/", given | {"seen": seen[1], "means": "complaint:no"})
    assert "would change 1" in words(other)
    with admin.runtime.db.read() as db:
        assert db.scalars(select(GlossaryRule)).all() == []
    assert admin.post("/brands/hawkweed/glossary/", given | {"seen": seen[1]}).status_code == 302
    page = words(admin.get("/brands/hawkweed/glossary/"))
    assert "“war zone” is neutral History is being judged again Ada" in page
    with admin.runtime.db.read() as db:
        rule = db.scalars(select(GlossaryRule)).one()
    assert (rule.phrase, rule.head, rule.label, rule.created_by) == ("war zone", "sentiment", "neutral", "Ada")
    admin.post("/brands/hawkweed/glossary/remove", {"rule": rule.id})
    assert "Being taken back" in words(admin.get("/brands/hawkweed/glossary/"))


def test_a_phrase_that_cannot_be_looked_for_is_said_beside_the_field(admin: Visitor) -> None:
    add_brand(admin.runtime)
    answer = admin.post("/brands/hawkweed/glossary/", {"phrase": "!!", "means": "sentiment:neutral"})
    assert answer.status_code == 422
    assert 'id="phrase-error"' in answer.text


def test_rules_are_for_approvers_and_admins(agent: Visitor) -> None:
    add_brand(agent.runtime)
    assert "Approvers and admins make rules" in words(agent.get("/brands/hawkweed/glossary/"))
    form = {"phrase": "parcel", "means": "complaint:no"}
    assert agent.post("/brands/hawkweed/glossary/", form).status_code == 403
    assert agent.post("/brands/hawkweed/glossary/remove", {"rule": 1}).status_code == 403


def test_posts_are_labelled_without_the_models_answer(agent: Visitor) -> None:
    row = case_with(agent.runtime, "nobody <i>answers</i> me")
    page = agent.get("/accuracy/hawkweed/label")
    assert "nobody &lt;i&gt;answers&lt;/i&gt; me" in page.text
    assert "93" not in words(page)
    assert "checked" not in page.text
    sample = re.search(r'name="sample" value="(\d+)"', page.text)
    assert sample
    given = {"sample": sample[1], "complaint": "yes", "sentiment": "negative", "irony": "", "intent": "fault"}
    answer = agent.post("/accuracy/hawkweed/label", given)
    assert answer.headers["Location"].startswith("/accuracy/hawkweed/label")
    with agent.runtime.db.read() as db:
        kept = db.scalars(select(Sample)).one()
    assert kept.labels == {"complaint": "yes", "sentiment": "negative", "intent": "fault"}
    assert (kept.mention_id, kept.labelled_by) == (row.mention_id, "Ana")
    assert "This week’s sample is done" in words(agent.get("/accuracy/hawkweed/label"))
    assert "1 of at least 30 labelled." in words(agent.get("/accuracy/hawkweed"))


def test_where_the_model_said_otherwise_one_click_corrects_it(agent: Visitor) -> None:
    row = case_with(agent.runtime)
    sample = re.search(r'name="sample" value="(\d+)"', agent.get("/accuracy/hawkweed/label").text)
    assert sample
    given = {"sample": sample[1], "complaint": "no", "sentiment": "negative"}
    there = agent.post("/accuracy/hawkweed/label", given).headers["Location"]
    assert there == f"/accuracy/hawkweed/compared?mention={row.mention_id}"
    page = agent.get(there)
    assert "Complaint: you say not a complaint , the model said a complaint." in words(page)
    agent.post(f"/brands/hawkweed/labels/{row.mention_id}", {"label": "complaint:no", "next": there})
    with agent.runtime.db.read() as db:
        assert [one.label for one in db.scalars(select(Correction))] == ["no"]


def test_who_cannot_tell_passes_over(agent: Visitor) -> None:
    first, second = case_with(agent.runtime, "the first"), case_with(agent.runtime, "the second")
    page = agent.get("/accuracy/hawkweed/label").text
    link = re.search(r'href="(/accuracy/hawkweed/label\?skipped=\d+)"', page)
    assert link
    following = agent.get(link[1]).text
    shown = [text for text in ("the first", "the second") if text in page]
    assert shown != [text for text in ("the first", "the second") if text in following]
    with agent.runtime.db.write() as db:
        forget_mentions(db, agent.runtime.clock, [first.mention_id, second.mention_id])
    assert "Nothing was judged in the last seven days" in words(agent.get("/accuracy/hawkweed/label"))


def labelled(runtime: Runtime, count: int = 40) -> None:
    """So many labelled posts of a brand, two thirds of them complaints of which the model finds most."""
    add_brand(runtime)
    with runtime.db.write() as db:
        brand = db.scalars(select(Brand)).one()
    for number in range(count):
        true = number % 3 < 2
        score = 0.9 - (number % 10) / 12 if true else (number % 10) / 12
        row = case_with(runtime, f"post {number}")
        said = {"complaint": "yes" if score >= 0.5 else "no", "sentiment": "negative"}
        with runtime.db.write() as db:
            db.add(
                Sample(
                    mention_id=row.mention_id,
                    brand_id=brand.id,
                    week="2026-W47",
                    platform="bluesky" if number % 4 else "email",
                    language="en",
                    model="minilm-1",
                    said=said,
                    complaint_score=score,
                    labels={"complaint": "yes" if true else "no", "sentiment": "negative" if true else "neutral"},
                    labelled_by="Ana",
                    labelled_at=runtime.clock.now(),
                    drawn_at=runtime.clock.now() - timedelta(days=1),
                )
            )


def test_the_figures_with_what_they_may_be(agent: Visitor) -> None:
    labelled(agent.runtime)
    page = agent.get("/accuracy/hawkweed")
    said = words(page)
    assert "40 labelled" in said
    assert "of at least 30 labelled" not in said
    assert re.search(r"Complaint Right: \d+ % \d+–\d+ % of 40", said)
    assert re.search(r"Yes \d+ % \d+–\d+ % \d+ % \d+–\d+ % 0\.\d\d 0\.\d\d–0\.\d\d", said)
    assert "By source Source Labels Complaint is right Complaints found Sentiment is right Bluesky 30" in said
    assert "E-mail 10" in said or "Email 10" in said
    assert "By language Language Labels Complaint is right Complaints found Sentiment is right en 40" in said
    assert page.text.count("<polyline") == 2
    assert "of 40 mentions a week" in said


def test_the_slider_is_a_form_without_javascript(agent: Visitor) -> None:
    labelled(agent.runtime)
    low, high = (words(agent.get(f"/accuracy/hawkweed?threshold={one}")) for one in ("0.1", "0.95"))
    assert "0 of 27 complaints would be missed" in low
    assert "27 of 27 complaints would be missed" in high
    assert "about 0 of 40 mentions a week" in high
    page = agent.get("/accuracy/hawkweed?threshold=0.1").text
    assert '<option value="0.1" selected>' in page
    assert agent.get("/accuracy/hawkweed?threshold=nonsense").status_code == 200


def test_few_of_one_source_are_called_few(agent: Visitor) -> None:
    labelled(agent.runtime, 36)
    assert "too few: 9 of at least 10" in words(agent.get("/accuracy/hawkweed"))


def test_the_menu_leads_to_every_brand(agent: Visitor) -> None:
    assert "There is no brand yet" in words(agent.get("/accuracy/"))
    add_brand(agent.runtime)
    assert "<h1>Accuracy" in agent.get("/accuracy/").text, "the only one at once"
    add_brand(agent.runtime, "Other")
    assert "Hawkweed Other" in words(agent.get("/accuracy/"))
    assert agent.get("/accuracy/nobody").status_code == 404


def test_reasons_are_worked_out_once_and_kept(agent: Visitor) -> None:
    model = judge.loaded(agent.runtime.settings).name
    row = case_with(agent.runtime, "my parcel is late and nobody answers", verdict={"model": model})
    first = words(agent.get(f"/cases/{row.id}/why"))
    kept = newest(agent.runtime, row)
    assert kept.words
    assert kept.words[0] in first
    with agent.runtime.db.write() as db:
        db.get_one(Verdict, kept.id).words = ["“parcel” was kept"]
    assert "“parcel” was kept" in words(agent.get(f"/cases/{row.id}/why"))
    labels_of(agent, row, "complaint:no")
    assert "“parcel” was kept" in words(agent.get(f"/cases/{row.id}/why"))
    with agent.runtime.db.write() as db:
        forget_mentions(db, agent.runtime.clock, [row.mention_id])
        assert db.get_one(Mention, row.mention_id).text == ""
        assert [one.words for one in db.scalars(select(Verdict))] == [None, None]
