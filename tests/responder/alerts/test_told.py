"""What else people hear of: late replies and sources in trouble, once per occasion, and that it is over."""

from __future__ import annotations

from sqlalchemy import select

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Alert, Case, Source
from listener import troubles
from listener.step import pause, wait
from responder.desk.cases import answer_by_hand, claim
from responder.timing.clock import give_alarms
from tests.responder.stories import add_case, add_user


def told(runtime: Runtime) -> list[tuple[str, str, str]]:
    """Kind, severity, and whether it is over."""
    with runtime.db.read() as db:
        rows = db.scalars(select(Alert).order_by(Alert.id)).all()
        return [(row.kind, row.severity, "over" if row.closed_at else "open") for row in rows]


def test_a_late_reply_is_told_once_per_phase_and_over_when_it_is_given(runtime: Runtime, clock: HeldClock) -> None:
    row = add_case(runtime)
    ana = add_user(runtime)
    for _ in range(200):
        clock.advance(60)
        with runtime.db.write() as db:
            give_alarms(db, clock)
    with runtime.db.read() as db:
        severity = db.get_one(Case, row.id).severity
    assert told(runtime) == [("breach", "normal", "open"), ("breach", severity, "open")]
    with runtime.db.write() as db:
        version = db.get_one(Case, row.id).version
        version = claim(db, clock, row.id, version, ana).version
        answer_by_hand(db, clock, row.id, version, ana, "We called you")
    assert [over for *_, over in told(runtime)] == ["over", "over"]


def test_a_source_is_told_of_once_per_outage_and_again_in_the_next(runtime: Runtime, clock: HeldClock) -> None:
    with runtime.db.write() as db:
        row = Source(kind="feed", name="blog", created_at=clock.now(), last_ok_at=clock.now())
        db.add(row)
        db.flush()
        number = row.id
    wait(runtime, number, "503")
    assert told(runtime) == [], "most mend themselves"
    for _ in range(40):
        clock.advance(60)
        wait(runtime, number, "503")
    assert told(runtime) == [("source", "normal", "open")]
    pause(runtime, number, "the key was refused")
    pause(runtime, number, "the key was refused")
    assert told(runtime) == [("source", "high", "open")]

    with runtime.db.write() as db:
        row = db.get_one(Source, number)
        row.last_ok_at = clock.now()
        troubles.well_again(db, clock, row)
    assert told(runtime) == [("source", "high", "over")]
    pause(runtime, number, "the key was refused")
    assert [over for *_, over in told(runtime)] == ["over", "open"]
