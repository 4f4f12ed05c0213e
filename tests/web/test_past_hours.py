"""What came in the hours that have gone by, and what is usual in each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import event, insert

from core.runtime import Runtime
from core.tables import Source, SourceHour
from listener import rates
from tests.web.stories import add_source
from web.listening.past_hours import DRAWN, Hours, PastHours

HOUR = timedelta(hours=1)
END = datetime(2026, 11, 20, 12, tzinfo=UTC)


def heard(runtime: Runtime, source_id: int, counts: Iterable[int], end: datetime, collection: str = "posts") -> None:
    """Rows for the full hours up to `end`, the last one first."""
    rows = [
        {"source_id": source_id, "hour": end - number * HOUR, "collection": collection, "events": events, "kept": 0}
        for number, events in enumerate(counts, 1)
        if events
    ]
    with runtime.db.write() as db:
        db.execute(insert(SourceHour), rows)


def hours_of(runtime: Runtime, past: PastHours, source_id: int) -> Hours:
    with runtime.db.read() as db:
        return past.of(db, runtime.clock.now(), [db.get_one(Source, source_id)])[source_id]


def test_hours_are_counted_over_all_collections_and_quiet_ones_are_zero(runtime: Runtime) -> None:
    now = runtime.clock.now()
    source_id = add_source(runtime, created_at=now - timedelta(days=9))
    end = rates.hour_of(now - HOUR / 10)
    heard(runtime, source_id, [5, 0, 7], end)
    heard(runtime, source_id, [2], end, "likes")
    heard(runtime, source_id, [9], end + HOUR)  # the hour that is running
    hours = hours_of(runtime, PastHours(), source_id)
    assert (hours.end, hours.counts) == (end, (7, 0, 7))
    assert hours_of(runtime, PastHours(), add_source(runtime, name="new")).counts == ()


def test_an_hour_that_has_gone_by_is_read_once(runtime: Runtime) -> None:
    clock, past = runtime.clock, PastHours()
    source_id = add_source(runtime, created_at=clock.now() - timedelta(days=9))
    clock.advance(600)  # type: ignore[attr-defined]
    heard(runtime, source_id, [5, 6], rates.hour_of(clock.now()))
    asked: list[str] = []

    def note(*told: object) -> None:
        if str(told[2]).startswith("SELECT source_hours"):
            asked.append(str(told[2]))

    event.listen(runtime.db.engine, "before_cursor_execute", note)
    for _ in range(3):
        assert hours_of(runtime, past, source_id).counts == (6, 5)
    assert len(asked) == 1
    clock.advance(3600)  # type: ignore[attr-defined]
    heard(runtime, source_id, [8], rates.hour_of(clock.now()))
    assert hours_of(runtime, past, source_id).counts == (6, 5, 8)
    assert len(asked) == 2


def test_hours_of_a_removed_source_are_not_those_of_another(sqlite_runtime: Runtime) -> None:
    clock, past = sqlite_runtime.clock, PastHours()
    source_id = add_source(sqlite_runtime, created_at=clock.now() - timedelta(days=9))
    heard(sqlite_runtime, source_id, [5, 6], rates.hour_of(clock.now() - HOUR))
    assert hours_of(sqlite_runtime, past, source_id).counts
    with sqlite_runtime.db.write() as db:
        db.delete(db.get_one(Source, source_id))
    assert add_source(sqlite_runtime, name="takes its number") == source_id
    assert hours_of(sqlite_runtime, past, source_id).counts == ()


def days(*counts: int) -> Hours:
    """Days of which every hour is alike, oldest first."""
    return Hours(END, tuple(count for count in counts for _ in range(24)))


def test_usual_is_what_the_same_hour_of_other_days_had() -> None:
    rate = days(100, 300, 200, 900).rate("posts")
    assert rate
    assert (rate.came, rate.usual) == (900, 200)
    assert str(rate) == "900 posts in the last full hour, usual 200"


def test_nothing_is_usual_before_three_days_are_known() -> None:
    rate = days(100, 300, 200).rate("messages")
    assert str(rate) == "200 messages in the last full hour"
    assert days(100, 300, 200).usual == [None] * DRAWN
    assert Hours(END).rate("posts") is None


def test_where_little_comes_days_are_compared() -> None:
    assert str(days(1, 2, 3, 2, 1).rate("posts")) == "24 posts in the last 24 hours, usual 48"


def test_one_odd_day_makes_nothing_usual() -> None:
    hours = days(*[100] * 7, 9000, *[110] * 7, 105)
    assert hours.usual[-1] == (100, 110)
    assert hours.drawn == (110,) * 24 + (105,) * 24
    assert days(100, 300, 200, 900).usual[-1] == (100, 300)
