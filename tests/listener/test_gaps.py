"""What may have been missed is a gap, which closes only once it was heard, fetched, or accepted by a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.errors import GiveUp, RetryLater
from core.runtime import Runtime
from core.types import Page, Span
from listener.gaps import NEVER, TRY_AGAIN
from listener.matching import BrandMatcher
from listener.source import Source
from listener.step import Next, reopened, step
from tests.listener import made
from tests.listener.made import post
from tests.listener.told import CanLookBack, FindsWhatIsAnswered, NeverSilent, Told

Step = Callable[[Source], Next]


@pytest.fixture
def source_id(runtime: Runtime) -> int:
    made.brand(runtime)
    return made.source(runtime)


@pytest.fixture
def take(runtime: Runtime, source_id: int) -> Step:
    opened = runtime.clock.now()

    def take(source: Source) -> Next:
        with runtime.db.read() as db:
            matcher = BrandMatcher.load(db)
        return step(runtime, source_id, source, matcher, opened)

    return take


def found(runtime: Runtime) -> list[tables.Gap]:
    with runtime.db.read() as db:
        return list(db.scalars(select(tables.Gap).order_by(tables.Gap.id)))


def open_lost(runtime: Runtime, source_id: int, start: datetime, minutes: int = 10) -> None:
    with runtime.db.write() as db:
        end = start + timedelta(minutes=minutes)
        db.add(tables.Gap(source_id=source_id, start=start, end=end, reason="a hole", lost=True))


def test_an_outage_is_one_gap_that_closes_when_all_of_it_was_heard(
    runtime: Runtime, take: Step, clock: HeldClock
) -> None:
    start = clock.now()
    take(Told(None, Page((post(1),))))
    for _ in range(3):
        clock.advance(60)
        take(Told(None, RetryLater("down")))
    (gap,) = found(runtime)
    assert (gap.start, gap.end, gap.reason, gap.closed_at) == (start, clock.now(), "down", None)

    clock.advance(60)
    take(Told(None, Page((post(2),), more=True)))
    assert found(runtime)[0].closed_at is None, "there is more to come of what was missed"
    take(Told(None, Page((post(3),))))
    assert found(runtime)[0].closed_at == clock.now()


def test_a_stream_has_made_up_for_an_outage_once_it_has_heard_to_its_end(
    runtime: Runtime, take: Step, clock: HeldClock
) -> None:
    start = clock.now()
    take(Told(None, Page((post(1),), more=True, heard_to=start)))
    clock.advance(600)
    take(Told(None, RetryLater("connection lost")))
    take(Told(None, Page((post(2),), more=True, heard_to=start + timedelta(seconds=599))))
    assert found(runtime)[0].closed_at is None
    take(Told(None, Page((post(3),), more=True, heard_to=start + timedelta(seconds=600))))
    assert found(runtime)[0].closed_at == clock.now()


def test_a_source_that_never_heard_anything_has_missed_nothing(runtime: Runtime, take: Step) -> None:
    take(Told(None, RetryLater("down")))
    take(Told(None, GiveUp("no such key")))
    assert found(runtime) == []


def test_while_nothing_ran_is_a_gap(runtime: Runtime, source_id: int, take: Step, clock: HeldClock) -> None:
    start = clock.now()
    take(Told())
    clock.advance(30)
    reopened(runtime, source_id)
    assert found(runtime) == []
    clock.advance(3_600)
    reopened(runtime, source_id)
    (gap,) = found(runtime)
    assert (gap.start, gap.end, gap.lost) == (start, clock.now(), False)


def test_what_the_cursor_cannot_bring_back_is_asked_for_part_by_part(
    runtime: Runtime, source_id: int, take: Step, clock: HeldClock
) -> None:
    start = clock.now() - timedelta(hours=1)
    open_lost(runtime, source_id, start)
    source = CanLookBack(parts=[Page((post(1),), "half", more=True), Page((post(2),))])
    assert take(source).wait == 60
    assert found(runtime)[0].closed_at is None
    take(source)
    assert [cursor for _, cursor in source.spans] == [None, "half"]
    assert source.spans[0][0] == Span(start, start + timedelta(minutes=10), "a hole")
    assert found(runtime)[0].closed_at == clock.now()
    assert [one.native_id for one in made.mentions(runtime)] == ["1", "2"]
    with runtime.db.read() as db:
        assert db.get_one(tables.Source, source_id).cursor is None, "a gap has a cursor of its own"
    take(source)
    assert len(source.spans) == 2


def test_what_can_no_longer_be_had_stays_open_and_is_asked_for_no_more(
    runtime: Runtime, source_id: int, take: Step, clock: HeldClock
) -> None:
    start = clock.now() - timedelta(days=9)
    open_lost(runtime, source_id, start)
    rest = Span(start, start + timedelta(minutes=4), "search goes back 7 days")
    source = CanLookBack(parts=[Page((post(1),), gaps=(rest,))])
    take(source)
    clock.advance(86_400)
    take(source)
    assert len(source.spans) == 1
    whole, left = found(runtime)
    assert whole.closed_at
    assert (left.start, left.end, left.reason, left.closed_at) == (rest.start, rest.end, rest.reason, None)
    assert left.next_try_at == NEVER


@pytest.mark.parametrize("error", [RetryLater("slow down", 900), OSError("reset"), GiveUp("not in your plan")])
def test_a_gap_that_cannot_be_fetched_now_is_tried_later_and_hearing_goes_on(
    runtime: Runtime, source_id: int, take: Step, clock: HeldClock, error: Exception
) -> None:
    open_lost(runtime, source_id, clock.now() - timedelta(hours=1))
    source = CanLookBack(parts=[error, Page((post(1),))])
    assert not take(source).failed
    take(source)
    assert len(source.spans) == 1
    clock.advance(900 if isinstance(error, RetryLater) else TRY_AGAIN.total_seconds())
    take(source)
    assert found(runtime)[0].closed_at == clock.now()


def test_a_source_that_lags_behind_hears_before_it_looks_back(
    runtime: Runtime, source_id: int, take: Step, clock: HeldClock
) -> None:
    open_lost(runtime, source_id, clock.now() - timedelta(days=1))
    late = clock.now() - timedelta(minutes=30)
    source = CanLookBack(Page((post(1),), "a", more=True), Page((post(2),), "b", more=True, heard_to=late))
    take(source)
    take(source)
    assert source.spans == []
    take(source)
    assert len(source.spans) == 1


def test_a_collection_that_falls_silent_while_others_go_on_leaves_a_gap_that_the_cursor_cannot_close(
    runtime: Runtime, take: Step, clock: HeldClock
) -> None:
    start = clock.now()
    take(NeverSilent(None, Page(events={"posts": 5, "reposts": 1}, more=True, heard_to=start)))
    for _ in range(3):
        clock.advance(25)
        after = take(NeverSilent(None, Page(events={"reposts": 1}, more=True, heard_to=clock.now())))
    assert after.reopen
    (gap,) = found(runtime)
    assert (gap.start, gap.reason, gap.lost) == (start, "no posts came, where something always comes", True)
    take(NeverSilent(None, Page(events={"posts": 1, "reposts": 1}, more=True, heard_to=clock.now())))
    assert found(runtime)[0].closed_at is None


def test_an_hour_far_below_what_is_usual_is_a_gap(
    runtime: Runtime, source_id: int, take: Step, clock: HeldClock
) -> None:
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    with runtime.db.write() as db:
        for day, events in ((1, 1_000), (2, 900), (3, 1_100), (0, 150)):
            when = hour - timedelta(days=day)
            db.add(tables.SourceHour(source_id=source_id, hour=when, collection="posts", events=events, kept=0))
    take(Told())
    clock.advance((hour + timedelta(hours=1, seconds=5) - clock.now()).total_seconds())
    assert take(Told()).reopen
    assert not take(Told()).reopen, "it is looked at once"
    (gap,) = found(runtime)
    assert (gap.start, gap.end) == (hour, hour + timedelta(hours=1))
    assert gap.reason == "150 posts came in an hour in which 1,000 are usual"


def test_what_we_hold_is_asked_after_in_turn(runtime: Runtime, take: Step, clock: HeldClock) -> None:
    take(Told(None, Page((post(1), post(2), post(3)))))
    clock.advance(3_601)
    source = CanLookBack(looks=[Page(deleted=("1",)), Page(edited=(post(3, "acme has found my parcel"),)), Page()])
    for _ in range(4):
        take(source)
    assert source.checked == [["1", "2"], ["3"]]
    first, second, third = made.mentions(runtime)
    assert (first.text, second.text, third.text) == ("", "acme lost my parcel", "acme has found my parcel")
    clock.advance(1_800)
    take(source)
    assert len(source.checked) == 2
    clock.advance(1_801)
    take(source)
    assert source.checked[2:] == [["2", "3"]]


def test_asking_after_them_in_vain_is_tried_again_and_counts_nobody_as_seen(
    runtime: Runtime, take: Step, clock: HeldClock
) -> None:
    take(Told(None, Page((post(1),))))
    clock.advance(3_601)
    source = CanLookBack(looks=[RetryLater("the job is not ready", 30), Page(deleted=("1",))])
    assert not take(source).failed
    take(source)
    assert len(source.checked) == 1
    clock.advance(30)
    take(source)
    assert made.mentions(runtime)[0].text == ""


def test_what_mentions_answer_is_fetched_once_as_context_and_is_nobodys_mention(
    runtime: Runtime, take: Step, clock: HeldClock
) -> None:
    answers = Page((post(1, reply_to="p1"), post(2, reply_to="p1"), post(3, reply_to="gone"), post(4, reply_to="p4")))
    source = FindsWhatIsAnswered(
        answers, parents=[Page((post("p1", "what a day", author="bob"),)), RetryLater("slow down"), Page()]
    )
    take(source)
    assert source.wanted == [["gone", "p1"]]
    take(source)
    assert len(source.wanted) == 1, "not all the time"
    for _ in range(3):
        clock.advance(61)
        assert not take(source).failed
    assert source.wanted[1:] == [["p4"]], "each is asked for once, also what is gone"
    rows = {row.native_id: row for row in made.mentions(runtime)}
    assert rows["p1"].text == "what a day"
    assert len(made.waiting_for(runtime, "judge")) == 4
    with runtime.db.read() as db:
        assert db.scalar(select(tables.Match.id).where(tables.Match.mention_id == rows["p1"].id)) is None
