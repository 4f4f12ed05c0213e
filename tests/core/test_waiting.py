"""What a stage still has to do: nothing gets lost, nothing is done twice at once, the longest waiting goes first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core import waiting
from core.clock import HeldClock
from core.db import Database
from core.setaside import set_aside, try_again
from core.tables import SetAside


@pytest.fixture(autouse=True)
def _some_wait(database: Database, clock: HeldClock) -> None:
    with database.write() as db:
        waiting.add(db, clock, "judge", [3, 1])
    clock.advance(1)
    with database.write() as db:
        waiting.add(db, clock, "judge", [2, 3])


def take(database: Database, clock: HeldClock, limit: int = 10) -> list[int]:
    with database.read() as db:
        return waiting.take(db, clock, "judge", limit)


def test_the_longest_waiting_goes_first_and_keeps_its_place_when_added_again(
    database: Database, clock: HeldClock
) -> None:
    assert take(database, clock) == [1, 3, 2]
    assert take(database, clock, limit=2) == [1, 3]


def test_what_is_done_waits_no_more(database: Database, clock: HeldClock) -> None:
    with database.write() as db:
        waiting.done(db, "judge", [1, 2])
    assert take(database, clock) == [3]


def test_stages_do_not_see_each_others_work(database: Database, clock: HeldClock) -> None:
    with database.write() as db:
        waiting.done(db, "post", [1, 2, 3])
        assert not waiting.any_for(db, clock, "post")
        assert waiting.count(db, "judge") == 3


def test_an_item_may_have_to_wait_for_its_time(database: Database, clock: HeldClock) -> None:
    with database.write() as db:
        waiting.add(db, clock, "wake", [7], due=clock.now() + timedelta(minutes=5))
        assert not waiting.any_for(db, clock, "wake")
        assert waiting.count(db, "wake") == 1
    clock.advance(300)
    with database.read() as db:
        assert waiting.any_for(db, clock, "wake")
        assert waiting.take(db, clock, "wake", 1) == [7]


def test_thousands_can_wait_at_once(database: Database, clock: HeldClock) -> None:
    with database.write() as db:
        waiting.add(db, clock, "many", range(2_000))
        waiting.done(db, "many", range(1, 70_000))  # more than either database takes parameters
        assert waiting.take(db, clock, "many", 5) == [0]


def test_an_error_while_working_leaves_the_item_waiting(database: Database, clock: HeldClock) -> None:
    def crash() -> None:
        with database.write() as db:
            waiting.done(db, "judge", waiting.take(db, clock, "judge", 10))
            raise OSError("power")

    with pytest.raises(OSError, match="power"):
        crash()
    assert take(database, clock) == [1, 3, 2]


def test_two_processes_never_hold_the_same_item(postgres_url: str, clock: HeldClock) -> None:
    postgres = Database(postgres_url)
    postgres.prepare()
    with postgres.write() as db:
        waiting.add(db, clock, "post", range(4))
    with postgres.claim() as one, postgres.claim() as other:
        assert waiting.take(one, clock, "post", 2) == [0, 1]
        assert waiting.take(other, clock, "post", 9) == [2, 3]
    postgres.close()


def test_an_item_set_aside_waits_for_a_person_and_then_again_for_its_stage(
    database: Database, clock: HeldClock, caplog: pytest.LogCaptureFixture
) -> None:
    with database.write() as db:
        set_aside(db, clock, "judge", "mention", 3, ValueError("no such language"))
    assert take(database, clock) == [1, 2]
    assert "judge: mention 3 set aside: no such language" in caplog.text
    with database.write() as db:
        row = db.query(SetAside).one()
        assert (row.reason, row.at) == ("ValueError: no such language", clock.now())
        assert try_again(db, clock, row.id) == "judge"
        assert try_again(db, clock, row.id) is None
    assert take(database, clock) == [1, 2, 3]


def test_an_item_that_fails_twice_is_set_aside_once_with_a_reason_of_bounded_length(
    database: Database, clock: HeldClock
) -> None:
    with database.write() as db:
        for _ in range(2):
            set_aside(db, clock, "judge", "mention", 3, ValueError("x" * 10_000))
    with database.read() as db:
        assert len(db.query(SetAside).one().reason) == 500


def test_the_next_item_that_is_not_due_yet_says_when_to_look_again(database: Database, clock: HeldClock) -> None:
    soon, late = clock.now() + timedelta(seconds=10), clock.now() + timedelta(hours=1)
    with database.write() as db:
        waiting.add(db, clock, "post", [1])
        waiting.add(db, clock, "post", [2], late)
        waiting.add(db, clock, "post", [3], soon)
        assert waiting.next_due(db, clock, ["post", "judge"]) == soon
        assert waiting.next_due(db, clock, ["judge"]) is None
