"""A message to ourselves is sent when it is due, recognised when it comes, never a mention, and missed when it does
not come."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core import tables
from core.clock import HeldClock
from core.errors import GiveUp, RetryLater
from core.runtime import Runtime
from core.settings import Settings
from core.types import Page
from listener.canary import KEPT, LOST_AFTER, late, send_due
from listener.matching import BrandMatcher, Watchlist
from listener.source import Context
from listener.sources.files import Files
from listener.step import step
from tests.listener import made
from tests.listener.made import post
from tests.listener.told import Told


class Echoing(Told):
    """A source through which canaries go, unless told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed, self.sent = True, list[str]()
        self.refusal: GiveUp | None = None

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


def send(runtime: Runtime, source_id: int, source: Told) -> bool:
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
    assert not send(runtime, source_id, Told())
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


def test_through_a_folder_it_goes_as_a_file_each_time_anew(
    sqlite_runtime: Runtime, tmp_path: Path, clock: HeldClock
) -> None:
    made.brand(sqlite_runtime)
    source_id, matcher = made.source(sqlite_runtime, "files"), BrandMatcher(Watchlist((), frozenset()))
    files = Files(Context({"path": str(tmp_path)}, sqlite_runtime.settings, clock))
    for _ in range(2):
        with sqlite_runtime.db.read() as db:
            assert send_due(sqlite_runtime, db.get_one(tables.Source, source_id), files)
        assert step(sqlite_runtime, source_id, files, matcher, clock.now()).collected.unmatched == 0
        clock.advance(86_400)
    assert [file.name for file in tmp_path.glob("*canary*")] == ["ripplewatch-canary.jsonl"]
    with sqlite_runtime.db.read() as db:
        assert [row.seen_at is not None for row in db.scalars(select(tables.Canary))] == [True, True]
    assert lost(sqlite_runtime) == []


def test_into_somebody_elses_file_nothing_is_written(settings: Settings, tmp_path: Path, clock: HeldClock) -> None:
    (tmp_path / "theirs.csv").write_text("platform,id\n")
    assert not Files(Context({"path": str(tmp_path / "theirs.csv")}, settings, clock)).can_send_canary()
    assert not Files(Context({"path": str(tmp_path / "nowhere")}, settings, clock)).can_send_canary()
    gone = Files(Context({"path": str(tmp_path / "nowhere")}, settings, clock))
    with pytest.raises(RetryLater, match="cannot be written: No such file"):
        gone.send_canary("token")


def test_rows_do_not_pile_up(runtime: Runtime, source_id: int, clock: HeldClock) -> None:
    source, days = Echoing(), KEPT // timedelta(days=1)
    for _ in range(days + 10):
        send(runtime, source_id, source)
        made.store(runtime, source_id, [post(1, source.sent[-1])])
        clock.advance(86_400)
    with runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(tables.Canary)) == days + 1
