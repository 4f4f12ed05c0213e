"""Settings that change what a source hears change what it is missed for."""

from __future__ import annotations

from core.runtime import Runtime
from web.listening import source_form
from web.listening.source_form import SourceForm


def test_a_collection_that_is_no_longer_heard_is_not_missed(sqlite_runtime: Runtime) -> None:
    both: dict[str, object] = {"reposts": "yes"}
    with sqlite_runtime.db.write() as db:
        row = source_form.add(db, sqlite_runtime, SourceForm("bluesky", "Bluesky", settings=both))
        row.last_events = {"posts": "2026-11-20T12:00:00+00:00", "reposts": "2026-11-20T12:00:00+00:00"}
        source_form.change(sqlite_runtime, row, SourceForm("bluesky", "The network", settings=both))
        assert set(row.last_events) == {"posts", "reposts"}
        source_form.change(sqlite_runtime, row, SourceForm("bluesky", "The network", settings={}))
        assert row.last_events == {}
