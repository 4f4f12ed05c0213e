"""Deletions on X by compliance jobs: one at a time, gone on with at the next call, found again after a restart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.clock import HeldClock
from core.errors import GiveUp, RetryLater
from core.types import Page
from listener.sources.x import X
from tests import loopback
from tests.listener.emulators import faults, x_source
from tests.listener.emulators import x as emulator
from tests.listener.emulators.x_source import World


@pytest.fixture
def world(clock: HeldClock) -> Iterator[World]:
    with x_source.world(clock) as running:
        yield running


@pytest.fixture
def platform(world: World) -> emulator.X:
    return world.platform


def finish(platform: emulator.X, status: str = "complete") -> None:
    """X has done its work on all jobs."""
    for job in platform.jobs.values():
        job["status"] = status


def waited_for(source: X, platform: emulator.X, ids: list[str]) -> Page:
    """What a re-check says once X has done its work."""
    for _ in range(5):
        try:
            return source.recheck(ids)
        except RetryLater:
            finish(platform)
    pytest.fail("X was never done")


def test_what_was_deleted_is_said_after_x_has_looked_and_costs_nothing(world: World, platform: emulator.X) -> None:
    ids = [platform.post(f"@acme {number}") for number in range(300)]
    for one in ids[::3]:
        platform.delete(one)
    page = waited_for(world.source(), platform, ids)
    assert set(page.deleted) == set(ids[::3])
    assert not page.spent
    (job,) = platform.jobs.values()
    assert sorted(job["ids"]) == sorted(ids)


def test_while_x_is_at_work_no_second_job_is_begun(world: World, platform: emulator.X) -> None:
    source, one = world.source(), platform.post("@acme")
    for _ in range(4):
        with pytest.raises(RetryLater) as caught:
            source.recheck([one])
        assert caught.value.after == 60
    assert len(platform.jobs) == 1
    finish(platform)
    assert source.recheck([one]).deleted == ()


def test_ids_that_came_since_get_a_job_of_their_own_and_all_that_was_found_is_said(
    world: World, platform: emulator.X
) -> None:
    source, first = world.source(), platform.post("@acme 1")
    platform.delete(first)
    with pytest.raises(RetryLater):
        source.recheck([first])
    finish(platform)
    second = platform.post("@acme 2")
    platform.delete(second)
    page = waited_for(source, platform, [first, second])
    assert set(page.deleted) == {first, second}


def test_how_an_edited_post_reads_now_is_looked_up_and_only_that_costs(world: World, platform: emulator.X) -> None:
    first = platform.post("@acme you thieves")
    same = platform.post("@acme as it was")
    platform.edit(first, "@acme sorry, it is here")
    page = waited_for(world.source(), platform, [first, same])
    (edited,) = page.edited
    assert (edited.native_id, edited.text) == (first, "@acme sorry, it is here")
    assert not page.mentions
    assert page.spent == {"post_read": 2, "user_read": 1}


@pytest.mark.parametrize("status", ["failed", "expired"])
def test_a_job_that_came_to_nothing_is_begun_anew(world: World, platform: emulator.X, status: str) -> None:
    source, one = world.source(), platform.post("@acme")
    platform.delete(one)
    with pytest.raises(RetryLater):
        source.recheck([one])
    finish(platform, status)
    assert waited_for(source, platform, [one]).deleted == (one,)
    assert len(platform.jobs) == 2


def test_a_job_that_another_process_left_at_work_is_used_and_then_one_of_our_own_begun(
    world: World, platform: emulator.X
) -> None:
    old, new = platform.post("@acme old"), platform.post("@acme new")
    platform.delete(old)
    platform.delete(new)
    with pytest.raises(RetryLater):
        world.source().recheck([old])
    page = waited_for(world.source(), platform, [new])
    assert set(page.deleted) == {old, new}


def test_a_job_that_was_left_without_ids_is_cancelled(world: World, platform: emulator.X) -> None:
    one = platform.post("@acme")
    platform.delete(one)
    platform.fail("/upload", faults.unavailable)
    with pytest.raises(RetryLater, match="503"):
        world.source().recheck([one])
    platform.jobs["1000"] |= {"status": "created", "ids": []}
    assert waited_for(world.source(), platform, [one]).deleted == (one,)
    assert "DELETE /2/compliance/jobs/1000" in platform.paths()


def test_the_job_of_somebody_else_is_waited_for(world: World, platform: emulator.X) -> None:
    platform.jobs["5"] = {"id": "5", "name": "theirs", "status": "in_progress", "ids": []}
    source, one = world.source(), platform.post("@acme")
    for _ in range(3):
        with pytest.raises(RetryLater):
            source.recheck([one])
    assert list(platform.jobs) == ["5"]
    finish(platform)
    assert waited_for(source, platform, [one]).deleted == ()


def test_an_app_that_may_not_ask_is_told_so(world: World, platform: emulator.X) -> None:
    platform.forbidden = {"/2/compliance"}
    with pytest.raises(GiveUp, match="not enrolled"):
        world.source().recheck([platform.post("@acme")])


def test_ids_that_x_cannot_have_are_left_out(world: World, platform: emulator.X) -> None:
    assert world.source().recheck(["at://did:plc:1", "١٢"]) == Page(spent={}, events={}, reposts={})
    assert not platform.asked


def test_lines_that_cannot_be_read_do_not_hide_the_others(world: World, platform: emulator.X) -> None:
    source, one = world.source(), platform.post("@acme")
    platform.delete(one)
    lines = b'not json\n7\n{"action": "delete"}\n\n{"id": "6", "error": "invalid_id"}\n'
    with pytest.raises(RetryLater):
        source.recheck([one])
    finish(platform)
    platform.fail("/download", lambda answer: loopback.Answer(200, lines + answer.body))
    assert source.recheck([one]).deleted == (one,)


def test_a_store_that_is_not_x_does_not_see_our_token(world: World, platform: emulator.X) -> None:
    source, one = world.source(), platform.post("@acme")
    with pytest.raises(RetryLater):
        source.recheck([one])
    finish(platform)
    found = f'{{"id": "{one}", "action": "delete"}}\n'.encode()
    with loopback.http(lambda asked: loopback.Answer(200, found)) as store:
        platform.jobs["1000"]["download_url"] = f"{store.url}/signed?token=1"
        assert source.recheck([one]).deleted == (one,)
    assert "Authorization" not in store.asked[0].headers
    (upload,) = (asked for asked in platform.asked if asked.method == "PUT")
    assert upload.headers["Authorization"] == f"Bearer {emulator.TOKEN}"
