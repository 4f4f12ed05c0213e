"""A message to ourselves is sent when it is due, recognised when it comes, never a mention, and missed when it does
not come."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import pytest
from sqlalchemy import func, select

from core import tables
from core.clock import HeldClock
from core.errors import GiveUp
from core.runtime import Runtime
from core.types import Page, Permission
from listener.canary import KEPT, LOST_AFTER, late, send_due
from listener.source import Context, Field
from tests.listener import made
from tests.listener.made import post


class Deaf:
    """A source through which nothing can be sent."""

    kind: ClassVar[str] = "x"
    title: ClassVar[str] = "X"
    about: ClassVar[str] = ""
    fields: ClassVar[tuple[Field, ...]] = ()
    steps: ClassVar[tuple[str, ...]] = ()
    poll_seconds: ClassVar[float] = 60
    silent_seconds: ClassVar[float | None] = None
    reply: ClassVar[Permission] = Permission("no", "")

    def __init__(self, context: Context | None = None) -> None:
        self.sent = list[str]()

    def fetch(self, cursor: str | None) -> Page:
        return Page()

    def close(self) -> None:
        pass


class Echoing(Deaf):
    """A source through which canaries go, unless told otherwise."""

    allowed = True
    refusal: GiveUp | None = None

    def can_send_canary(self) -> bool:
        return self.allowed

    def send_canary(self, token: str) -> None:
        if self.refusal:
            raise self.refusal
        self.sent.append(token)


@pytest.fixture
def source_id(runtime: Runtime) -> int:
    made.brand(runtime)
    return made.source(runtime)


def send(runtime: Runtime, source_id: int, source: Deaf) -> bool:
    with runtime.db.read() as db:
        row = db.get_one(tables.Source, source_id)
    return send_due(runtime, row, source)


def lost(runtime: Runtime) -> list[tuple[str, str]]:
    with runtime.db.read() as db:
        return [(one.source, one.why) for one in late(db, runtime.clock.now())]


def test_one_that_comes_back_is_noted_and_is_no_mention(runtime: Runtime, source_id: int, clock: HeldClock) -> None:
    source = Echoing()
    assert send(runtime, source_id, source)
    clock.advance(30)
    page = Page((post(1, f"{source.sent[0]}\n\nscanned for viruses"), post(2)), cursor="c1")
    assert made.store(runtime, source_id, page).new == 1
    assert [row.text for row in made.mentions(runtime)] == ["acme lost my parcel"]
    with runtime.db.read() as db:
        (row,) = db.scalars(select(tables.Canary))
        assert (row.source_id, row.seen_at) == (source_id, clock.now())
        assert db.get_one(tables.Source, source_id).cursor == "c1"
    clock.advance(LOST_AFTER.total_seconds() + 1)
    assert lost(runtime) == []


def test_the_next_is_sent_when_the_hours_have_passed(runtime: Runtime, source_id: int, clock: HeldClock) -> None:
    source = Echoing()
    assert send(runtime, source_id, source)
    made.store(runtime, source_id, [post(1, source.sent[0])])
    clock.advance(runtime.settings.canary_hours * 3600 - 1)
    assert not send(runtime, source_id, source)
    clock.advance(1)
    assert send(runtime, source_id, source)
    assert len(set(source.sent)) == 2


def test_one_that_does_not_come_names_its_channel_until_one_comes(
    runtime: Runtime, source_id: int, clock: HeldClock
) -> None:
    source = Echoing()
    send(runtime, source_id, source)
    clock.advance(LOST_AFTER.total_seconds())
    assert lost(runtime) == []
    clock.advance(1)
    assert lost(runtime) == [("x", "the message to ourselves did not come back within 10 minutes")]
    clock.advance(3600)
    assert send(runtime, source_id, source), "a lost one is followed within the hour"
    assert len(lost(runtime)) == 1, "what is on its way proves nothing yet"
    made.store(runtime, source_id, [post(1, source.sent[1])])
    assert lost(runtime) == []


def test_one_that_comes_late_after_all_ends_the_alarm(runtime: Runtime, source_id: int, clock: HeldClock) -> None:
    source = Echoing()
    send(runtime, source_id, source)
    clock.advance(3600)
    made.store(runtime, source_id, [post(1, source.sent[0])])
    assert lost(runtime) == []


def test_one_that_cannot_be_sent_says_why_at_once(runtime: Runtime, source_id: int, clock: HeldClock) -> None:
    source = Echoing()
    source.refusal = GiveUp("535 wrong password=sesame")
    assert not send(runtime, source_id, source)
    assert lost(runtime) == [("x", "the message to ourselves could not be sent: 535 wrong password=***")]
    source.refusal = None
    assert not send(runtime, source_id, source)
    clock.advance(3600)
    assert send(runtime, source_id, source)


def test_a_source_that_is_off_is_not_missed(runtime: Runtime, source_id: int, clock: HeldClock) -> None:
    send(runtime, source_id, Echoing())
    clock.advance(3600)
    with runtime.db.write() as db:
        db.get_one(tables.Source, source_id).active = False
    assert lost(runtime) == []


def test_nothing_is_sent_where_it_cannot_or_need_not(runtime: Runtime, source_id: int) -> None:
    unable = Echoing()
    unable.allowed = False
    never = Runtime(runtime.settings.model_copy(update={"canary_hours": 0}), runtime.db, runtime.clock, runtime.queue)
    assert not send(runtime, source_id, Deaf())
    assert not send(runtime, source_id, unable)
    assert not send(never, source_id, Echoing())
    with runtime.db.read() as db:
        assert db.scalars(select(tables.Canary)).all() == []


def test_anothers_canary_is_no_mention_and_no_proof(runtime: Runtime, source_id: int, clock: HeldClock) -> None:
    source, other_id = Echoing(), made.source(runtime, name="other")
    send(runtime, source_id, source)
    assert made.store(runtime, other_id, [post(1, source.sent[0])]).new == 0
    clock.advance(LOST_AFTER.total_seconds() + 1)
    assert [name for name, _ in lost(runtime)] == ["x"]


def test_nobody_hides_a_post_with_a_token_of_their_own_making(runtime: Runtime, source_id: int) -> None:
    token = f"ripplewatch-canary-{'0' * 32}"
    page = [post(1, f"acme lost my parcel {token}"), post(2, f" {token}\n")]
    assert made.store(runtime, source_id, page).new == 1


def test_rows_do_not_pile_up(runtime: Runtime, source_id: int, clock: HeldClock) -> None:
    source, days = Echoing(), KEPT // timedelta(days=1)
    for _ in range(days + 10):
        send(runtime, source_id, source)
        made.store(runtime, source_id, [post(1, source.sent[-1])])
        clock.advance(86_400)
    with runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(tables.Canary)) == days + 1
