"""X when everything goes wrong, through the listener's own steps and a real database: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from tests.listener import made
from tests.listener.emulators import faults, x_source
from tests.listener.emulators import x as emulator
from tests.listener.emulators.faults import Fault
from tests.listener.emulators.run import Run
from tests.listener.emulators.x import STREAM, problem, reply
from tests.listener.emulators.x_source import PATIENT, SHORT, World
from tests.loopback import Answer

PATHS = ("/2/users/111/mentions", "/2/tweets/search/recent")


def doubled(answer: Answer) -> Answer:
    """Every post twice."""
    body = json.loads(answer.body)
    return reply(body | {"data": body.get("data", []) * 2})


def unordered(answer: Answer) -> Answer:
    """The page's posts in another order."""
    body = json.loads(answer.body)
    return reply(body | {"data": random.Random(1).sample(body.get("data", []), len(body.get("data", [])))})


def empty_with_next(answer: Answer) -> Answer:
    """No posts, and a token with which they come."""
    return reply({"meta": {"result_count": 0, "next_token": str((1 << 62) - 1)}})


def too_many_until(answer: Answer) -> Answer:
    """429 with X's own headers, of a limit that opened long ago."""
    return problem(429, "Too Many Requests", "x", x_rate_limit_remaining="0", x_rate_limit_reset="1700000000")


POLLED: tuple[Fault, ...] = (*faults.ANY, doubled, unordered, empty_with_next, too_many_until)


@pytest.fixture
def world(clock: HeldClock) -> Iterator[World]:
    with x_source.world(clock) as running:
        yield running


def open_gaps(run: Run) -> list[tables.Gap]:
    """Those that wait for something to be fetched."""
    with run.runtime.db.read() as db:
        return list(db.scalars(select(tables.Gap).where(tables.Gap.closed_at.is_(None))))


def mended(run: Run, platform: emulator.X) -> None:
    """A token is revoked; the source stops as soon as it is used; a person enters the token again."""
    platform.token = "another"
    run.clock.advance(60)
    for _ in range(5):
        if run.row().state != "paused":
            run.step()
    assert run.row().state == "paused"
    platform.token = emulator.TOKEN
    run.resume()


def said(platform: emulator.X, chance: random.Random) -> list[str]:
    """Some posts of which at least one is wanted by a mention, a query or both."""
    forms = ("@acme {}", "#acme {}", "@acme #acme {}")
    return [platform.post(chance.choice(forms).format(number)) for number in range(chance.randint(1, 4))]


@pytest.mark.parametrize("seed", [1, 2])
def test_searched_every_post_is_stored_once_whatever_happens(
    sqlite_runtime: Runtime, world: World, clock: HeldClock, seed: int
) -> None:
    platform, chance = world.platform, random.Random(seed)
    run = Run(sqlite_runtime, clock, "x", lambda: world.source("#acme", timeouts=SHORT))
    run.catch_up(10)
    posted: list[str] = []
    for fault in chance.sample(POLLED * 2, len(POLLED) * 2):
        posted += said(platform, chance)
        platform.fail(chance.choice(PATHS), fault)
        run.step()
        posted += said(platform, chance)
        if chance.random() < 0.3:
            run.restart()
        if chance.random() < 0.15:
            mended(run, platform)
        run.catch_up(20)
    assert not platform.faults
    clock.advance(9 * 86_400)  # nothing runs for so long that the cursor is too old
    posted += said(platform, chance)
    run.reopen()
    clock.advance(120)
    run.catch_up(20)
    assert run.stored() == sorted(posted)
    assert len(platform.asked) < 12 * len(POLLED) * 2
    assert all("seven days" in gap.reason for gap in open_gaps(run))


def close_gaps(run: Run, platform: emulator.X, most: int = 300) -> None:
    """Go on until nothing is missing."""
    for _ in range(most):
        run.step()
        run.clock.advance(5)
        if not open_gaps(run) and platform.connections:
            return
    pytest.fail(f"still open: {[(gap.reason, gap.start, gap.end) for gap in open_gaps(run)]}")


def ends(how: str | None) -> Callable[[Run, emulator.X], None]:
    return lambda run, platform: platform.end_streams(how)


def refuses(path: str, fault: Fault) -> Callable[[Run, emulator.X], None]:
    """The stream ends, and cannot be opened again at once."""

    def refused(run: Run, platform: emulator.X) -> None:
        platform.end_streams()
        platform.fail(path, fault)

    return refused


def mentions_fail(run: Run, platform: emulator.X) -> None:
    platform.fail(PATHS[0], faults.too_many)
    run.clock.advance(60)


def search_fails(run: Run, platform: emulator.X) -> None:
    """The gap that the cut leaves cannot be read at once."""
    platform.end_streams("cut")
    platform.fail(PATHS[1], faults.half)


def comes_again(run: Run, platform: emulator.X) -> None:
    for post in list(platform.posts.values())[-5:]:
        platform.end_streams(post)


def nonsense(run: Run, platform: emulator.X) -> None:
    platform.end_streams(b'{"data": {"id"\r\n')
    platform.end_streams(b'{"errors": [{"title": "operational-disconnect"}]}\r\n')


STREAMED: tuple[Callable[[Run, emulator.X], None], ...] = (
    ends(None),
    ends("cut"),
    ends("hang"),
    *(refuses(f"GET {STREAM}", fault) for fault in faults.ANY if fault is not faults.cut and fault is not faults.half),
    *(refuses(f"GET {STREAM}/rules", fault) for fault in faults.ANY),
    mentions_fail,
    search_fails,
    comes_again,
    nonsense,
    mended,
    lambda run, platform: run.restart(),
    lambda run, platform: run.reopen(),
)


@pytest.mark.parametrize("seed", [3, 4])
def test_streamed_every_post_is_stored_once_whatever_happens(
    sqlite_runtime: Runtime, world: World, clock: HeldClock, seed: int
) -> None:
    platform, chance = world.platform, random.Random(seed)
    run = Run(sqlite_runtime, clock, "x", lambda: world.source("#acme", mode="stream", timeouts=SHORT))
    close_gaps(run, platform)
    posted: list[str] = []
    for happens in chance.sample(STREAMED, len(STREAMED)):
        posted += said(platform, chance)
        run.step()
        happens(run, platform)
        posted += said(platform, chance)
        for _ in range(3):
            run.step()
            clock.advance(5)
        posted += said(platform, chance)
    close_gaps(run, platform)
    clock.advance(60)  # mentions are read once a minute
    for _ in range(200):
        run.step()
        if run.stored() == sorted(posted):
            break
    assert run.stored() == sorted(posted)
    assert not open_gaps(run)
    assert len(platform.asked) < 40 * len(STREAMED)


def test_ten_thousand_posts_between_two_polls_are_all_stored(
    sqlite_runtime: Runtime, world: World, clock: HeldClock
) -> None:
    run = Run(sqlite_runtime, clock, "x", lambda: world.source("#acme", timeouts=PATIENT))
    run.catch_up(10)
    posted = [world.platform.post(f"#acme {number}") for number in range(10_000)]
    run.catch_up(150)
    assert run.stored() == sorted(posted)


def test_a_quiet_day_is_one_request_a_minute_and_the_cursor_does_not_grow(world: World, clock: HeldClock) -> None:
    source = world.source(mode="mentions")
    page = source.fetch(None)
    asked, cursor, end = len(world.platform.asked), page.cursor or "", clock.now() + timedelta(days=1)
    while clock.now() < end:
        clock.advance(source.poll_seconds)
        page = source.fetch(page.cursor)
        assert not page.more
        assert not page.gaps
    assert len(world.platform.asked) - asked == 1_440
    assert len(page.cursor or "") == len(cursor)


def test_what_is_deleted_on_x_is_emptied_here(sqlite_runtime: Runtime, world: World, clock: HeldClock) -> None:
    run = Run(sqlite_runtime, clock, "x", lambda: world.source(mode="mentions", timeouts=PATIENT))
    kept, gone = world.platform.post("@acme kept"), world.platform.post("@acme regretted")
    run.catch_up(5)
    world.platform.delete(gone)
    clock.advance(43_201)
    run.step()
    for job in world.platform.jobs.values():
        job["status"] = "complete"
    clock.advance(120)
    run.step()
    run.step()
    assert run.stored() == [kept]
    assert "regretted" not in "".join(mention.text for mention in made.mentions(sqlite_runtime))
