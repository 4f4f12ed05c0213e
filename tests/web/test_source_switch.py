"""A source that is added, switched off or on, or removed changes at once how open cases may be answered."""

from __future__ import annotations

from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Case, Source
from tests.responder.stories import add_case
from web.listening import source_form, source_switch
from web.listening.source_form import SourceForm


def permission(runtime: Runtime) -> str:
    with runtime.db.read() as db:
        return db.scalars(select(Case.permission)).one()


def test_open_cases_are_answered_through_what_there_is(runtime: Runtime) -> None:
    add_case(runtime, "@acme.bsky.social lost my parcel", kind="bluesky", platform="bluesky")
    assert permission(runtime) == "hand"
    ours = SourceForm("bluesky", "ours", settings={"handle": "acme.bsky.social"}, secrets={"app_password": "p"})
    with runtime.db.write() as db:
        row_id = source_form.add(db, runtime, ours).id
    assert permission(runtime) == "api"
    for switch, how in ((source_switch.switch_off, "hand"), (source_switch.switch_on, "api")):
        with runtime.db.write() as db:
            switch(db, runtime.settings, db.get_one(Source, row_id))
        assert permission(runtime) == how
    with runtime.db.write() as db:
        source_switch.remove(db, runtime.settings, db.get_one(Source, row_id))
    assert permission(runtime) == "hand"


def test_what_the_only_source_heard_is_answered_by_hand_once_it_is_removed(runtime: Runtime) -> None:
    add_case(runtime)
    with runtime.db.write() as db:
        source_switch.remove(db, runtime.settings, db.scalars(select(Source)).one())
    with runtime.db.read() as db:
        row = db.scalars(select(Case)).one()
        assert row.permission == "hand"
        assert "removed" in row.permission_why
