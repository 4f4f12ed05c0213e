"""The ruler: who is drawn, and what the figures say of it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.clock import HeldClock
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import Sample, Verdict
from listener.forget import forget_mentions
from sentiment import accuracy, corrections, samples
from sentiment.accuracy import Labelled, Share
from tests.sentiment.wars import add_brand, hear


def judged(runtime: Runtime, brand_id: int, count: int, word: str = "post", *, days_ago: int = 0) -> list[int]:
    """Mentions of a brand, each called a complaint."""
    ids = hear(runtime, brand_id, [f"{word} {n}" for n in range(count)], later=-timedelta(days=days_ago))
    with runtime.db.write() as db:
        said: dict[str, object] = {"model": "fake-1", "language": "en", "sentiment": "negative"}
        said |= {
            "scores": {"negative": 1.0},
            "complaint": True,
            "complaint_score": 0.9,
            "judged_at": runtime.clock.now(),
        }
        db.add_all(Verdict(mention_id=one, **said) for one in ids)
    return ids


def draw(runtime: Runtime, brand_id: int, wanted: int = samples.A_WEEK) -> list[Sample]:
    """Draw, and give all that were drawn so far."""
    with runtime.db.write() as db:
        samples.draw(db, runtime.clock, brand_id, wanted)
    with runtime.db.read() as db:
        return list(db.scalars(select(Sample).where(Sample.brand_id == brand_id).order_by(Sample.id)))


def test_fifty_of_the_last_seven_days_are_drawn_once(runtime: Runtime) -> None:
    acme, other = add_brand(runtime), add_brand(runtime, "other")
    recent = judged(runtime, acme, 80)
    judged(runtime, acme, 30, "old", days_ago=8)
    judged(runtime, other, 30, "theirs")
    hear(runtime, acme, ["not judged yet"])
    drawn = draw(runtime, acme)
    assert len(drawn) == 50
    assert {row.mention_id for row in drawn} < set(recent)
    assert [row.id for row in draw(runtime, acme)] == [row.id for row in drawn]


def test_while_there_are_too_few_the_week_is_filled_up(sqlite_runtime: Runtime) -> None:
    acme = add_brand(sqlite_runtime)
    first = set(judged(sqlite_runtime, acme, 3))
    assert {row.mention_id for row in draw(sqlite_runtime, acme, 5)} == first
    judged(sqlite_runtime, acme, 9, "more")
    drawn = draw(sqlite_runtime, acme, 5)
    assert len(drawn) == 5
    assert first < {row.mention_id for row in drawn}


def test_the_next_week_draws_what_was_not_drawn(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    acme = add_brand(sqlite_runtime)
    judged(sqlite_runtime, acme, 12)
    before = {row.mention_id for row in draw(sqlite_runtime, acme, 5)}
    clock.advance(timedelta(days=4).total_seconds())
    drawn = draw(sqlite_runtime, acme, 5)
    assert len({row.mention_id for row in drawn}) == 10
    assert before < {row.mention_id for row in drawn}
    assert sorted({row.week for row in drawn}) == ["2026-W47", "2026-W48"]


def test_every_mention_has_the_same_chance(sqlite_runtime: Runtime) -> None:
    hits: Counter[int] = Counter()
    for number in range(60):
        brand_id = add_brand(sqlite_runtime, f"brand-{number}")
        ids = judged(sqlite_runtime, brand_id, 10)
        hits.update(ids.index(row.mention_id) for row in draw(sqlite_runtime, brand_id, 3))
    assert sum(hits.values()) == 180
    assert all(6 <= hits[place] <= 32 for place in range(10))


def test_what_was_said_is_kept_as_it_was_without_what_people_made_of_it(sqlite_runtime: Runtime) -> None:
    acme = add_brand(sqlite_runtime)
    [mention_id] = judged(sqlite_runtime, acme, 1)
    with sqlite_runtime.db.write() as db:
        corrections.correct(db, sqlite_runtime.clock, mention_id, "complaint", "no", user_id=None, user_name="Ana")
    [row] = draw(sqlite_runtime, acme)
    assert (row.said, row.complaint_score, row.model) == ({"complaint": "yes", "sentiment": "negative"}, 0.9, "fake-1")


def test_labels_are_kept_once_given_and_stay_when_the_text_goes(runtime: Runtime) -> None:
    acme = add_brand(runtime)
    judged(runtime, acme, 2)
    first, second = draw(runtime, acme)
    with runtime.db.write() as db:
        asked = samples.following(db, acme)
        assert asked is not None
        assert asked.id == first.id
        samples.label(db, runtime.clock, acme, first.id, {"complaint": "no"}, "Ana")
        following = samples.following(db, acme)
        assert following is not None
        assert following.id == second.id
        assert samples.following(db, acme, [second.id]) is None
        forget_mentions(db, runtime.clock, [first.mention_id, second.mention_id])
    with runtime.db.read() as db:
        [left] = db.scalars(select(Sample)).all()
    assert (left.labels, left.labelled_by) == ({"complaint": "no"}, "Ana")
    assert [row.id for row in draw(runtime, acme)] == [left.id]


@pytest.mark.parametrize("labels", [{}, {"complaint": "unsure"}, {"colour": "yes"}])
def test_what_is_no_label_is_refused(sqlite_runtime: Runtime, labels: dict[str, str]) -> None:
    acme = add_brand(sqlite_runtime)
    judged(sqlite_runtime, acme, 1)
    [row] = draw(sqlite_runtime, acme)
    with sqlite_runtime.db.write() as db, pytest.raises(BadInput):
        samples.label(db, sqlite_runtime.clock, acme, row.id, labels, "Ana")


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (8, 10, 0.4902, 0.9433), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962), (0, 0, 0.0, 1.0)],
)
def test_intervals_are_wilsons(hits: int, of: int, low: float, high: float) -> None:
    assert Share(hits, of).interval == pytest.approx((low, high), abs=1e-4)


def row(said: str, true: str, score: float | None = 0.5, platform: str = "reddit", language: str = "en") -> Labelled:
    return Labelled({"complaint": said}, {"complaint": true}, platform, language, score)


def test_figures_of_a_head() -> None:
    rows = [*[row("yes", "yes")] * 6, *[row("yes", "no")] * 2, *[row("no", "yes")] * 1, row("unsure", "yes")]
    rows += [row("no", "no")] * 10
    found = accuracy.of_head("complaint", rows)
    assert (found.right.hits, found.right.of) == (16, 20)
    yes = found.labels[0]
    assert (yes.precision.hits, yes.precision.of, yes.recall.hits, yes.recall.of) == (6, 8, 6, 8)
    assert yes.f1 == pytest.approx(0.75)
    assert yes.f1_interval[0] < 0.75 < yes.f1_interval[1]
    assert found.columns == ("yes", "no", "unsure")
    assert found.confusion == (("yes", (6, 1, 1)), ("no", (2, 10, 0)))


def test_figures_by_source_and_language() -> None:
    rows = [row("yes", "yes"), row("no", "yes"), row("no", "no", platform="email", language="de")]
    reddit, email = accuracy.by(lambda one: one.platform, rows)
    assert (reddit.name, reddit.rows, reddit.complaint.hits, reddit.found) == ("reddit", 2, 1, Share(1, 2))
    assert (email.name, email.complaint.value, email.found.of) == ("email", 1.0, 0)
    assert [group.name for group in accuracy.by(lambda one: one.language, rows)] == ["en", "de"]


def test_thresholds_trade_missed_complaints_for_work() -> None:
    rows = [row("yes", "yes", 0.9), row("no", "yes", 0.3), row("no", "no", 0.6), row("no", "no", 0.1)]
    rows += [row("no", "yes", None)]
    points = {point.threshold: point for point in accuracy.at_thresholds(rows)}
    assert (points[0.05].missed, points[0.05].looked_at) == (Share(0, 2), Share(4, 4))
    assert (points[0.5].missed, points[0.5].looked_at) == (Share(1, 2), Share(2, 4))
    assert (points[0.95].missed, points[0.95].looked_at) == (Share(2, 2), Share(0, 4))
