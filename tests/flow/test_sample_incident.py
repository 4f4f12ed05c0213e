"""The sample shows an incident that everybody tells in other words: Altmoor, with a name, a severity and a timeline."""

from __future__ import annotations

from sqlalchemy import select

from core.clock import HeldClock
from core.db import Database
from core.queue import STAGES, run_stage
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Incident, IncidentEvent, IncidentMention, Mention
from tests.conftest import NudgeList
from web.managing.sample_brand import load_sample


def test_the_sample_opens_one_incident_of_the_depot_that_stood_still(settings: Settings, sqlite: Database) -> None:
    runtime = Runtime(settings, sqlite, HeldClock(), NudgeList())
    load_sample(runtime)
    for stage in ("judge", "count", "cluster"):
        run_stage(runtime, STAGES[stage], seconds=float("inf"))
    with sqlite.read() as db:
        (one,) = db.scalars(select(Incident)).all()
        inside = IncidentMention.mention_id == Mention.id
        said = db.scalars(select(Mention.text).join(IncidentMention, inside)).all()
        kinds = set(db.scalars(select(IncidentEvent.kind)))
    assert one.name == "Altmoor: parcel delivered"
    assert sum("altmoor" in text.lower() for text in said) >= 10
    assert (one.state, one.severity, len(said)) == ("open", "high", one.mentions)
    assert kinds >= {"noticed", "grew"}
