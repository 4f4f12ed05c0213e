"""What an incident knows of its complaints: counts, name and severity follow from who belongs to it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from core import waiting
from core.runtime import Runtime
from core.tables import Incident, IncidentMention
from listener.forget import forget_mentions
from sentiment.ripple import membership
from tests.sentiment.ripple.waves import CARD, OTHERS, add_brand, alerts, complain, events, incidents, members


def opened(runtime: Runtime, brand_id: int, ids: list[int]) -> int:
    with runtime.db.write() as db:
        membership.hold(db, brand_id)
        return membership.open_incident(db, runtime.clock, brand_id, "likeness", members(ids)).id


def test_an_incident_is_counted_named_and_told_of_once(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = complain(runtime, brand_id, CARD, followers=100, anger=0.9)
    ids += complain(runtime, brand_id, CARD[:1], by="person-1", anger=0.9)
    incident_id = opened(runtime, brand_id, ids)
    (one,) = incidents(runtime)
    assert (one.mentions, one.authors, one.reach, one.angry, one.peak) == (9, 8, 800, 9, 9)
    assert one.began_at == runtime.clock.now()
    assert one.last_at == runtime.clock.now() + timedelta(minutes=14)
    assert one.name == "Checkout: card payment"
    assert set(one.words) >= {"card", "payment", "checkout"}
    (alert,) = alerts(runtime)
    assert (alert.kind, alert.subject_id, alert.words) == (
        "incident",
        incident_id,
        "Checkout: card payment: 9 complaints from 8 people",
    )
    with runtime.db.read() as db:
        assert waiting.take(db, runtime.clock, "alert", 9) == [alert.id]


def test_growing_is_told_of_when_it_doubles_or_becomes_more_severe_and_else_not(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = complain(runtime, brand_id, CARD * 2)
    incident_id = opened(runtime, brand_id, ids[:5])
    heard = []
    for mention_id in [*ids[5:], *ids[5:]]:
        grow(runtime, incident_id, [mention_id])
        heard.append(alerts(runtime)[0].words.partition(": ")[2].partition(": ")[2])
    assert sorted(set(heard)) == [
        "16 complaints from 16 people",
        "5 complaints from 5 people",
        "8 complaints from 8 people",
    ]
    loud = complain(runtime, brand_id, CARD[:1], followers=3_000_000)
    grow(runtime, incident_id, loud)
    (one,) = incidents(runtime)
    assert (one.severity, one.reasons[0]) == ("high", "together they have 3,000,160 followers")
    assert events(runtime, incident_id) == ["noticed", "grew", "grew", "severity"]
    assert [alert.severity for alert in alerts(runtime)] == ["high"]
    assert one.version == 1, "nobody who looks at it is interrupted"


def grow(runtime: Runtime, incident_id: int, ids: list[int]) -> None:
    with runtime.db.write() as db:
        incident = db.get_one(Incident, incident_id)
        membership.hold(db, incident.brand_id)
        membership.grow(db, runtime.clock, incident, members(ids))


def test_what_a_person_decided_stays(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = complain(runtime, brand_id, CARD)
    first, second = opened(runtime, brand_id, ids[:4]), opened(runtime, brand_id, ids[4:])
    with runtime.db.write() as db:
        one, other = db.get_one(Incident, first), db.get_one(Incident, second)
        moved = membership.join(db, runtime.clock, other, members(ids[:1], by_hand=True))
        assert moved == ids[:1]
        assert membership.leave(db, runtime.clock, brand_id, ids[1:2], by_hand=True) == [first]
        assert membership.leave(db, runtime.clock, brand_id, ids[:1]) == [], "put there by hand"
        assert membership.leave(db, runtime.clock, brand_id, ids[2:3]) == [first]
        one.named_by, one.name, one.severity = None, "ours", "urgent"
        for incident in (one, other):
            membership.recount(db, runtime.clock, incident, words=False)
        assert membership.join(db, runtime.clock, other, members(ids[:4])) == ids[2:3]
    one, other = incidents(runtime)
    assert (one.mentions, other.mentions) == (1, 5)
    assert (one.name, one.severity) == ("ours", "urgent")


def test_counts_stay_when_texts_and_authors_are_forgotten(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = complain(runtime, brand_id, [*CARD, *OTHERS], followers=1000, anger=0.8)
    incident_id = opened(runtime, brand_id, ids)
    before = incidents(runtime)[0]
    with runtime.db.write() as db:
        forget_mentions(db, runtime.clock, ids)
        membership.recount(db, runtime.clock, db.get_one(Incident, incident_id))
    after = incidents(runtime)[0]
    counts = ("mentions", "authors", "reach", "angry", "peak", "began_at", "last_at", "name", "words", "severity")
    assert [getattr(after, name) for name in counts] == [getattr(before, name) for name in counts]
    with runtime.db.read() as db:
        assert len(db.scalars(select(IncidentMention)).all()) == len(ids)
