"""What a rule would have told in the last thirty days, by the same questions that it asks when an alert comes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core import alerts
from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Alert, AlertRule, Brand
from responder.alerts.preview import Preview, preview
from tests.responder.stories import add_brand

DAYTIME = {"when": "custom", "spans": {"mon": ["08:00", "18:00"]}}


def would_have(runtime: Runtime, brand_id: int, **values: Any) -> Preview:
    given = {"kinds": ["incident", "breach"], "severity": "normal", "hours": {"when": "always"}} | values
    with runtime.db.read() as db:
        return preview(db, runtime.clock, db.get_one(Brand, brand_id), AlertRule(brand_id=brand_id, **given))


@pytest.fixture
def month(runtime: Runtime, clock: HeldClock) -> int:
    """A brand of which people were told, on Friday 20 November: five weeks ago, then last week; and another brand."""
    brand_id, other = add_brand(runtime), add_brand(runtime, slug="other")
    told = [(35, "incident", "urgent"), (8, "incident", "high"), (4, "breach", "normal"), (1, "incident", "normal")]
    now = clock.now()
    with runtime.db.write() as db:
        for number, (days, kind, severity) in enumerate(told):
            one = alerts.tell(db, clock, kind, number, brand_id, severity, f"{kind} {number}")
            db.get_one(Alert, one).at = now - timedelta(days=days)
        taken = alerts.tell(db, clock, "incident", 90, brand_id, "high", "taken at once")
        row = db.get_one(Alert, taken)
        row.at, row.taken_at = now - timedelta(days=2), now - timedelta(days=2, minutes=-1)
        alerts.tell(db, clock, "incident", 91, other, "urgent", "of the other")
    return brand_id


def test_it_tells_how_often_and_what_of_the_brand_within_the_month(runtime: Runtime, month: int) -> None:
    found = would_have(runtime, month)
    assert found.words == "It would have told you 4 times in the last 30 days: 3 incidents, 1 late reply."
    assert [words for _, words in found.newest] == ["incident 3", "taken at once", "breach 2"]
    assert would_have(runtime, month, severity="high", kinds=["incident"]).times == 2
    assert would_have(runtime, month, kinds=["spread"]).words.endswith("would have told nobody of anything.")


def test_it_knows_of_hours_escalation_and_digests(runtime: Runtime, month: int) -> None:
    late = would_have(runtime, month, hours=DAYTIME)
    assert (late.times, late.waited) == (2, 1), "what waits for next Monday is not told yet"
    up = would_have(runtime, month, kinds=["incident"], escalate_minutes=15, escalate_to=1)
    assert up.words.endswith("2 had also gone where it escalates to.")
    assert would_have(runtime, month, kinds=["digest"]).words.endswith(": 30 digests.")
    assert would_have(runtime, month, kinds=["digest"], hours={"digest": "weekly"}).kinds == (("digest", 4),)


def test_what_was_over_before_its_hours_began_is_not_counted(runtime: Runtime, month: int, clock: HeldClock) -> None:
    with runtime.db.write() as db:
        row = db.get_one(Alert, 2)
        row.closed_at = row.at + timedelta(hours=1)
    assert would_have(runtime, month, hours=DAYTIME).times == 1
