"""Five things happen to a brand, three of which somebody has to be told of: three alerts, early, and no more.

The same replay as `python -m bench.two_weeks`, in one week and with fewer ordinary mentions: heard, judged by the
bundled model, counted, clustered and routed by the stages themselves on a held clock.
"""

from __future__ import annotations

from sqlalchemy import func, select

from bench.two_weeks import replay
from core.clock import HeldClock
from core.db import Database
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Incident, Mention, SetAside
from tests.conftest import NudgeList


def test_three_incidents_are_told_of_once_and_early_and_two_harmless_surges_are_not(
    settings: Settings, sqlite: Database
) -> None:
    clock = HeldClock()
    outcome = replay(Runtime(settings, sqlite, clock, NudgeList()), clock, seed=1, days=7, per_day=40)
    told = {one.event: one.share for one in outcome.alerts}
    assert [one.event for one in outcome.alerts] == ["login (sudden)", "charged twice (slow)", "glass (cascade)"], told
    assert max(told.values()) < 0.2
    with sqlite.read() as db:
        assert (db.scalar(select(func.count()).select_from(Mention)) or 0) > 0.99 * outcome.mentions
        assert db.scalar(select(func.count()).select_from(SetAside)) == 0
        assert db.scalar(select(func.count()).select_from(Incident)) == 3
