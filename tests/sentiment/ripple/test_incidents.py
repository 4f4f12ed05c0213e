"""A rise or a spread is told of once: by the incident that explains it, or by one of its own; praise by none."""

from __future__ import annotations

import itertools
import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import waiting
from core.runtime import Runtime
from core.tables import Incident, Mention, Ripple, Spread
from sentiment.ripple import incidents as stage
from sentiment.ripple import membership
from tests.sentiment.ripple.test_cluster import add_past, arrive, cluster_all
from tests.sentiment.ripple.waves import CARD, OTHERS, add_brand, alerts, belonging, complain, events, incidents

MINUTE = timedelta(minutes=1)
_numbers = itertools.count()


def rise(
    runtime: Runtime,
    brand_id: int,
    kind: str = "complaints",
    *,
    observed: float = 12,
    window: timedelta = 60 * MINUTE,
    mention_id: int | None = None,
) -> int:
    """That there is growth, as the detectors say; gives the incident that it belongs to, 0 for none."""
    now = runtime.clock.now()
    with runtime.db.write() as db:
        row = Ripple(brand_id=brand_id, kind=kind, dimension="all", value=f"{next(_numbers)}", at=now)
        row.since = now - window
        row.window, row.observed, row.of, row.expected, row.score = 3600, observed, None, 2.0, 0.9
        row.noticed_at, row.sentence, row.mention_id = now, "12 complaints in 60 min, usual 2", mention_id
        db.add(row)
        db.flush()
        ripple_id = row.id
        waiting.add(db, runtime.clock, "ripple", [ripple_id])
    stage.work(runtime)
    with runtime.db.read() as db:
        return db.get_one(Ripple, ripple_id).incident_id or 0


def past(runtime: Runtime, minutes: int) -> datetime:
    return runtime.clock.now() - minutes * MINUTE


def test_unlike_complaints_that_rise_together_are_one_incident_and_more_of_it_joins(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, OTHERS, at=past(runtime, 40))
    assert not incidents(runtime)
    incident_id = rise(runtime, brand_id)
    (one,) = incidents(runtime)
    assert (one.id, one.origin, one.name) == (incident_id, "spike", "More complaints than usual")
    assert belonging(runtime) == {incident_id: set(ids)}
    assert rise(runtime, brand_id, "negative") == incident_id, "the same wave, seen otherwise"
    runtime.clock.wait(threading.Event(), 1800)
    more = arrive(runtime, brand_id, CARD[:2], at=past(runtime, 10))
    assert rise(runtime, brand_id, observed=20) == incident_id
    assert belonging(runtime) == {incident_id: {*ids, *more}}
    assert len(alerts(runtime)) == 1
    assert events(runtime, incident_id) == ["noticed", "spike", "spike", "grew", "spike"]


def test_a_rise_that_like_complaints_explain_is_theirs(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, CARD, at=past(runtime, 40))
    others = arrive(runtime, brand_id, OTHERS, at=past(runtime, 30))
    (one,) = incidents(runtime)
    assert rise(runtime, brand_id, observed=len(ids) + len(others)) == one.id
    assert belonging(runtime) == {one.id: set(ids)}
    assert len(alerts(runtime)) == 1


def test_a_rise_that_turns_out_to_be_of_like_complaints_stays_one_incident(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    add_past(runtime, brand_id)
    ids = arrive(runtime, brand_id, [*CARD[:3], *OTHERS[:1]], at=past(runtime, 40))
    incident_id = rise(runtime, brand_id)
    more = arrive(runtime, brand_id, CARD[3:], at=past(runtime, 20))
    assert belonging(runtime) == {incident_id: {*ids, *more}}
    assert len(alerts(runtime)) == 1


def test_praise_few_people_and_competitors_raise_nothing(runtime: Runtime) -> None:
    brand_id, rival = add_brand(runtime), add_brand(runtime, "rival", competitor=True)
    arrive(runtime, brand_id, OTHERS[:3], at=past(runtime, 40))
    arrive(runtime, brand_id, OTHERS, at=past(runtime, 40), complaint=False)
    arrive(runtime, brand_id, OTHERS, at=past(runtime, 40), by="person-1")
    arrive(runtime, rival, OTHERS, at=past(runtime, 40))
    for kind in ("mentions", "complaints", "negative"):
        assert rise(runtime, brand_id, kind, observed=300) == 0
        assert rise(runtime, rival, kind, observed=300) == 0
    assert not alerts(runtime)


def test_a_rise_waits_until_its_complaints_are_looked_at_but_not_for_ever(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = complain(runtime, brand_id, CARD, at=past(runtime, 40))
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "cluster", ids)
    assert rise(runtime, brand_id) == 0
    runtime.clock.wait(threading.Event(), 3)
    cluster_all(runtime, [])
    assert stage.work(runtime) == 1
    assert [one.origin for one in incidents(runtime)] == ["likeness"]
    stuck = complain(runtime, brand_id, OTHERS)
    with runtime.db.write() as db:
        db.get_one(Incident, incidents(runtime)[0].id).last_at = past(runtime, 3 * 24 * 60)
        waiting.add(db, runtime.clock, "cluster", stuck)
    assert rise(runtime, brand_id) == 0
    runtime.clock.wait(threading.Event(), 121)
    assert stage.work(runtime) == 1
    assert [one.origin for one in incidents(runtime)] == ["likeness", "spike"]


@pytest.mark.parametrize("answers_first", [True, False])
def test_a_complaint_that_takes_off_is_an_incident_with_those_who_answer_it(
    runtime: Runtime, *, answers_first: bool
) -> None:
    brand_id = add_brand(runtime)
    (first,) = arrive(runtime, brand_id, ["there was glass in my salad"], followers=80_000)
    with runtime.db.write() as db:
        mention = db.get_one(Mention, first)
        native_id = mention.native_id
        db.add(Spread(mention_id=first, began_at=runtime.clock.now(), expected=12_000))
    answers: list[int] = []
    if answers_first:
        answers += arrive(runtime, brand_id, OTHERS[:2], reply_to=native_id)
    incident_id = rise(runtime, brand_id, "spread", mention_id=first)
    answers += arrive(runtime, brand_id, OTHERS[2:4], conversation=native_id)
    arrive(runtime, brand_id, OTHERS[4:])
    assert belonging(runtime) == {incident_id: {first, *answers}}
    (one,) = incidents(runtime)
    assert (one.origin, one.mention_id, one.severity) == ("spread", first, "high")
    assert one.reasons[0] == "expected to be passed on 12,000 times"
    assert rise(runtime, brand_id, observed=5) == incident_id
    assert len(alerts(runtime)) == 1


def test_a_complaint_of_an_incident_that_takes_off_makes_that_more_severe(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, CARD)
    (one,) = incidents(runtime)
    with runtime.db.write() as db:
        db.add(Spread(mention_id=ids[2], began_at=runtime.clock.now(), expected=12_000))
        db.get_one(Incident, one.id).snoozed_until = runtime.clock.now() + timedelta(days=1)
    assert rise(runtime, brand_id, "spread", mention_id=ids[2]) == one.id
    (one,) = incidents(runtime)
    assert (one.mention_id, one.severity, one.snoozed_until) == (ids[2], "high", None)
    assert [alert.severity for alert in alerts(runtime)] == ["high"]


def test_what_a_person_took_out_makes_no_incident(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, CARD, at=past(runtime, 40))
    with runtime.db.write() as db:
        membership.leave(db, runtime.clock, brand_id, ids, by_hand=True)
        incident = db.scalars(select(Incident)).one()
        membership.recount(db, runtime.clock, incident)
        incident.state, incident.ended_at = "dismissed", runtime.clock.now()
    assert rise(runtime, brand_id) == 0
    assert rise(runtime, brand_id, "spread", mention_id=ids[0]) == 0


def test_two_workers_make_one_incident_of_one_rise(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, OTHERS, at=past(runtime, 40))
    start = threading.Barrier(3)

    def some() -> None:
        start.wait(10)
        rise(runtime, brand_id)

    threads = [threading.Thread(target=some) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    while stage.work(runtime):
        pass
    (one,) = incidents(runtime)
    assert belonging(runtime) == {one.id: set(ids)}
    assert len(alerts(runtime)) == 1
