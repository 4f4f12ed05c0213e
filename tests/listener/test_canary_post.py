"""A test reply goes out under a post of our own, is deleted later, and stops with everything else that is published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.errors import BadInput
from core.runtime import Runtime
from core.settings import Settings
from core.types import Page
from listener.canary import LOST_AFTER, send_due
from listener.source import Context, load
from tests.listener import made
from tests.listener.made import post
from tests.listener.told import Told
from tests.responder.places import Place, place

RKEY = "3kgxj7hbb4c2a"


@pytest.fixture
def here(request: pytest.FixtureRequest, settings: Settings, clock: HeldClock) -> Iterator[Place]:
    with place(request.param, settings, clock) as running:
        yield running


def own_post(here: Place) -> tuple[str, str]:
    """A post that is there to be answered: its address, and what the platform calls it."""
    name = str(here.post(1)["native_id"])
    match here.kind:
        case "bluesky":
            site: Any = here.site
            ours = f"at://did:plc:me/app.bsky.feed.post/{RKEY}"
            site.posts.append(site.posts[0] | {"uri": ours})
            return f"https://bsky.app/profile/acme.bsky.social/post/{RKEY}", ours
        case "reddit":
            return "https://www.reddit.com/r/acme/comments/1abc/our_test/p1/", name
        case "x":
            return f"https://x.com/acme/status/{name}", name
        case "youtube":
            return f"https://www.youtube.com/watch?v=F1UP7wRCPH8&lc={name}", name
    return name, name


def set_up(runtime: Runtime, here: Place, address: str) -> tables.Source:
    here.settings["canary"] = address
    with runtime.db.write() as db:
        row = here.source(runtime)
        db.add(row)
        db.flush()
        return row


every = pytest.mark.parametrize("here", ["bluesky", "mastodon", "reddit", "x", "youtube"], indirect=True)


@every
def test_it_goes_out_is_recognised_and_is_deleted_ten_minutes_later(
    sqlite_runtime: Runtime, here: Place, clock: HeldClock
) -> None:
    runtime = Runtime(here.process, sqlite_runtime.db, clock, sqlite_runtime.queue)
    address, name = own_post(here)
    row = set_up(runtime, here, address)
    assert send_due(runtime, row, Told())
    [said] = here.replies(name)
    heard = Page((post(1, said, platform=here.kind), post(2)))
    made.brand(runtime)
    made.store(runtime, row.id, heard)
    assert [one.native_id for one in made.mentions(runtime)] == ["2"], "what we wrote to ourselves is no mention"
    with runtime.db.read() as db:
        sent = db.scalars(select(tables.Canary)).one()
        spent = {one.item for one in db.scalars(select(tables.Spending))}
    assert sent.token in said
    assert sent.seen_at == clock.now()
    assert sent.error is None
    assert spent == {"x": {"post", "user_read"}, "youtube": {"unit"}}.get(here.kind, set())
    clock.advance(LOST_AFTER.total_seconds())
    assert not send_due(runtime, row, Told())
    assert here.replies(name) == []
    with runtime.db.read() as db:
        assert db.scalars(select(tables.Canary.remove_at)).one() is None


@every
def test_an_address_that_names_no_post_is_refused_when_the_source_is_set_up(here: Place, clock: HeldClock) -> None:
    context = Context(here.settings | {"canary": "our newest post"}, here.process, clock)
    with pytest.raises(BadInput, match="Test post"):
        load(here.kind)(context)


@pytest.mark.parametrize("here", ["mastodon"], indirect=True)
def test_nothing_goes_out_while_sending_is_stopped(sqlite_runtime: Runtime, here: Place, clock: HeldClock) -> None:
    runtime = Runtime(here.process, sqlite_runtime.db, clock, sqlite_runtime.queue)
    address, name = own_post(here)
    row = set_up(runtime, here, address)
    with runtime.db.write() as db:
        db.add(tables.Switch(name="sending", stopped=True, why="", changed_at=clock.now()))
    assert not send_due(runtime, row, Told())
    assert here.replies(name) == []


@pytest.mark.parametrize("here", ["mastodon"], indirect=True)
def test_one_that_the_platform_refuses_names_the_channel(
    sqlite_runtime: Runtime, here: Place, clock: HeldClock
) -> None:
    runtime = Runtime(here.process, sqlite_runtime.db, clock, sqlite_runtime.queue)
    row = set_up(runtime, here, own_post(here)[0])
    here.faults.append("refused")
    assert not send_due(runtime, row, Told())
    with runtime.db.read() as db:
        assert "answered 403: not allowed" in (db.scalars(select(tables.Canary.error)).one() or "")
