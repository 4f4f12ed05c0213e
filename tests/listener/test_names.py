"""Authors whom a stream tells by their ids get their names: those of mentions only, once, and politely."""

from __future__ import annotations

from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from core.settings import Settings
from listener.source import Context
from listener.sources.bluesky import Bluesky
from tests.listener.emulators import bluesky
from tests.listener.emulators.run import Run

PROFILES = "app.bsky.actor.getProfiles"


def test_who_wrote_a_mention_is_known_by_name_after_the_next_step(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with bluesky.host() as host, bluesky.server() as server:
        process = Settings(bluesky_jetstream_url=host.url, bluesky_second_url=host.url, bluesky_public_url=server.url)
        source = Context({}, process, clock)
        run = Run(sqlite_runtime, clock, "bluesky", lambda: Bluesky(source, page_seconds=0.05))
        now = int(clock.now().timestamp() * 1e6)
        ann = {"did": "did:plc:ann", "handle": "ann.example", "displayName": "Ann", "followersCount": 4_200}
        server.profiles = {"did:plc:ann": ann, "did:plc:eve": ann | {"did": "did:plc:eve", "handle": "handle.invalid"}}
        gone = bluesky.event(3, now) | {"did": "did:plc:gone"}
        host.tell(bluesky.event(1, now), bluesky.event(2, now) | {"did": "did:plc:eve"}, gone)
        for _ in range(30):
            run.step()
            clock.advance(1)
        run.source.close()
    with sqlite_runtime.db.read() as db:
        rows = {one.native_id: one for one in db.scalars(select(tables.Author))}
    known = rows["did:plc:ann"]
    assert (known.handle, known.name, known.followers) == ("ann.example", "Ann", 4_200)
    assert {rows[one].handle for one in ("did:plc:eve", "did:plc:gone")} == {"did:plc:eve", "did:plc:gone"}
    assert len(server.requests(PROFILES)) == 1, "who has no name is not asked for again"
