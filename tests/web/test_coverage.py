"""The coverage page: what every source has heard, what it may have missed, and the sentence above all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert

from core.roles import EVERYTHING
from core.runtime import Runtime
from core.tables import Canary, Gap, Source, SourceHour, Spending
from listener import rates
from tests.web.stories import add_case, add_source
from tests.web.visitor import Visitor, words
from web.listening.past_hours import PastHours
from web.queries import coverage as queries

HOUR = timedelta(hours=1)


def at(hour: int) -> datetime:
    return datetime(2026, 11, 20, hour, tzinfo=UTC)


def add_heard(runtime: Runtime, name: str = "Bluesky", kind: str = "bluesky", **values: Any) -> int:
    """A source that is being heard."""
    now = runtime.clock.now()
    well = {
        "created_at": now - timedelta(days=60),
        "held_until": now + timedelta(seconds=20),
        "last_ok_at": now,
        "last_event_at": now,
        "last_events": {"posts": now.isoformat()},
        "heard_to": now - timedelta(seconds=12),
    }
    return add_source(runtime, kind, name, **well | values)


def add_gap(runtime: Runtime, source_id: int, hours_ago: float = 3, **values: Any) -> int:
    start = runtime.clock.now() - timedelta(hours=hours_ago)
    with runtime.db.write() as db:
        row = Gap(**{"source_id": source_id, "start": start, "end": start + HOUR, "reason": "cut <off>"} | values)
        db.add(row)
        db.flush()
        return row.id


def add_hours(runtime: Runtime, source_id: int, *counts: int) -> None:
    """The last full hours, the newest last."""
    end = rates.hour_of(runtime.clock.now() - HOUR / 10)
    rows = [
        {"source_id": source_id, "hour": end - number * HOUR, "collection": "posts", "events": events, "kept": 1}
        for number, events in enumerate(reversed(counts), 1)
    ]
    with runtime.db.write() as db:
        db.execute(insert(SourceHour), rows)


def add_canary(
    runtime: Runtime, source_id: int, sent: datetime, seen: datetime | None = None, error: str | None = None
) -> None:
    with runtime.db.write() as db:
        db.add(Canary(source_id=source_id, token=str(sent), sent_at=sent, seen_at=seen, error=error))


def test_an_empty_page_says_what_will_be_here(agent: Visitor, admin: Visitor) -> None:
    assert "Nobody is listening yet. Once sources are heard" in words(agent.get("/coverage/"))
    assert "Add a source" in words(admin.get("/coverage/"))


def test_nothing_is_missing_is_said_up_to_the_slowest_source(agent: Visitor) -> None:
    add_heard(agent.runtime)
    add_heard(agent.runtime, "News", "feed", heard_to=agent.runtime.clock.now() - timedelta(minutes=4))
    add_source(agent.runtime, "files", "import", active=False, state="off")
    page = words(agent.get("/coverage/"))
    assert "Nothing is missing. Everything up to 11:56 UTC has been heard." in page
    assert "last post just now · up to date" not in page  # the dots are drawn, not written
    assert "4 min behind" in page


def test_open_gaps_are_counted_above_all(agent: Visitor) -> None:
    one, other = add_heard(agent.runtime), add_heard(agent.runtime, "News", "feed")
    add_gap(agent.runtime, one, 90, closed_at=agent.runtime.clock.now())
    assert "Nothing is missing." in words(agent.get("/coverage/"))
    first = add_gap(agent.runtime, one, 26)
    assert "1 gap is open, since 19 Nov, 10:00 UTC." in words(agent.get("/coverage/"))
    add_gap(agent.runtime, other, 2)
    page = agent.get("/coverage/")
    assert "2 gaps are open, the oldest since 19 Nov, 10:00 UTC." in words(page)
    assert f'href="/coverage/gaps/{first}"' in page.text
    assert "cut &lt;off&gt;" in page.text


def test_what_is_not_heard_is_never_called_whole(agent: Visitor) -> None:
    add_heard(agent.runtime)
    add_heard(agent.runtime, "Our feed", "feed", state="paused", reason="410 <Gone>")
    page = words(agent.get("/coverage/"))
    assert "1 source needs somebody now. No gap is open" in page
    assert "Nothing is missing" not in page
    assert page.index("Paused until somebody acts: 410 <Gone>") < page.index("Hearing normally")


def test_the_sentence_holds_the_last_hour_against_the_usual_one(agent: Visitor) -> None:
    normal, low = add_heard(agent.runtime), add_heard(agent.runtime, "Second host")
    for source_id, last in ((normal, 1204), (low, 12)):
        add_hours(agent.runtime, source_id, *[1150] * 24 * 4, last)
    page = agent.get("/coverage/")
    assert "Hearing normally: 1,204 posts in the last full hour, usual 1,150." in words(page)
    assert "Far less than usual: 12 posts in the last full hour, usual 1,150." in words(page)
    assert page.text.count("<polyline") == 2
    assert 'class="usual"' in page.text


def test_the_same_sentence_stands_on_every_page_of_a_source(agent: Visitor) -> None:
    number = add_heard(agent.runtime)
    add_hours(agent.runtime, number, *[20] * 24 * 4, 21)
    for path in ("/coverage/", "/sources/", f"/sources/{number}"):
        assert "Hearing normally: 21 posts in the last full hour, usual 20." in words(agent.get(path))


def test_costs_are_forecast_and_held_against_the_budget(agent: Visitor) -> None:
    number = add_heard(agent.runtime, "X", "x", budget=50)
    with agent.runtime.db.write() as db:
        for day in (date(2026, 10, 30), date(2026, 11, 3), date(2026, 11, 20)):
            db.add(Spending(source_id=number, day=day, item="post_read", units=4_000, cost=20_000_000))
    page = words(agent.get("/coverage/"))
    assert "$40.00 this month, $61.54 by its end, of $50.00" in page
    assert "All sources together cost $40.00 so far this month, and about $61.54 by its end." in page
    assert "competitors are left out" in page


@pytest.mark.parametrize(
    ("sent", "seen", "error", "said"),
    [
        (120, 119, None, "message to ourselves heard 1 h ago"),
        (5, None, None, "message to ourselves heard 9 d ago"),  # the one before, for this one is under way
        (120, None, None, "Hearing, but the message to ourselves of 10:00 UTC did not come through."),
        (9, None, "550 <no>", "Hearing, but the message to ourselves could not be sent: 550 <no>."),
    ],
)
def test_a_message_to_ourselves_is_told(
    agent: Visitor, sent: int, seen: int | None, error: str | None, said: str
) -> None:
    number, before = add_heard(agent.runtime), agent.runtime.clock.now() - timedelta(days=9)
    add_canary(agent.runtime, number, before, before)
    now = agent.runtime.clock.now()
    heard = now - timedelta(minutes=seen) if seen else None
    add_canary(agent.runtime, number, now - timedelta(minutes=sent), heard, error)
    assert said in words(agent.get("/coverage/"))


def test_the_first_message_to_ourselves_is_under_way(agent: Visitor) -> None:
    number, now = add_heard(agent.runtime), agent.runtime.clock.now()
    add_canary(agent.runtime, number, now - timedelta(minutes=5))
    assert "message to ourselves sent 5 min ago , not heard yet" in words(agent.get("/coverage/"))
    assert "Hearing normally" in words(agent.get("/coverage/"))


def test_a_gap_leads_to_what_came_meanwhile(agent: Visitor) -> None:
    number = add_heard(agent.runtime, "import", "files")
    add_hours(agent.runtime, number, 7, 3, 5)
    add_case(agent.runtime, "Posted <meanwhile>", minutes_ago=150)
    add_case(agent.runtime, "Posted later", minutes_ago=30)
    page = words(agent.get(f"/coverage/gaps/{add_gap(agent.runtime, number)}"))
    assert "09:00 UTC to 10:00 UTC" in page
    assert "Open. The source goes on from before it" in page
    assert "Why cut <off>" in page
    assert "Mentions that we have of this time 1" in page
    assert "20 Nov 2026, 09:00 UTC posts 3 1" in page
    assert "Posted <meanwhile>" in page
    assert "Posted later" not in page


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lost": True}, "asked for part by part."),
        (
            {"lost": True, "next_try_at": at(13)},
            "asked for part by part, next 13:00 UTC.",
        ),
        ({"lost": True, "next_try_at": datetime(9999, 1, 1, tzinfo=UTC)}, "it can no longer be had."),
        (
            {"closed_at": at(11)},
            "Closed 1 h ago . What there was of this time has been fetched",
        ),
    ],
)
def test_what_has_become_of_a_gap_is_told(agent: Visitor, values: dict[str, Any], said: str) -> None:
    gap = add_gap(agent.runtime, add_heard(agent.runtime), **values)
    assert said in words(agent.get(f"/coverage/gaps/{gap}"))


def test_an_admin_accepts_a_gap_in_their_own_name(admin: Visitor, agent: Visitor) -> None:
    gap = add_gap(admin.runtime, add_heard(admin.runtime), lost=True)
    assert agent.post(f"/coverage/gaps/{gap}/accept").status_code == 403
    admin.post(f"/coverage/gaps/{gap}/accept")
    admin.runtime.clock.advance(60)  # type: ignore[attr-defined]
    admin.post(f"/coverage/gaps/{gap}/accept")
    with admin.runtime.db.read() as db:
        row = db.get_one(Gap, gap)
        assert (row.accepted_by, row.closed_at) == ("Ada", admin.runtime.clock.now() - timedelta(seconds=60))
    assert "Accepted. Ada decided" in words(agent.get(f"/coverage/gaps/{gap}"))
    assert "accepted by Ada" in words(agent.get("/sources/1"))


def test_either_database_gives_the_same(runtime: Runtime) -> None:
    number, now = add_heard(runtime, budget=50), runtime.clock.now()
    add_hours(runtime, number, *[1150] * 24 * 4, 1204)
    gap = add_gap(runtime, number)
    add_gap(runtime, number, 90, closed_at=now)
    add_canary(runtime, number, now - timedelta(minutes=5), now)
    with runtime.db.write() as db:
        db.add(Spending(source_id=number, day=date(2026, 11, 3), item="post_read", units=4_000, cost=20_000_000))
    add_case(runtime, minutes_ago=150, source=None, mention={"source_id": number})
    with runtime.db.read() as db:
        [one] = queries.coverage(db, PastHours(), now)
        around = queries.around(db, db.get_one(Gap, gap), EVERYTHING)
    assert str(one.hours.rate("posts")) == "1,204 posts in the last full hour, usual 1,150"
    assert ([gap.id for gap in one.open_gaps], len(one.gaps)) == ([gap], 2)
    assert one.cost
    assert (one.cost.spent, one.cost.budget, one.cost.over) == (20_000_000, 50_000_000, False)
    assert one.canary
    assert one.canary.seen_at == now
    assert (around.mentions, len(around.newest), len(around.hours)) == (1, 1, 2)


def test_however_many_sources_there_are_the_page_asks_as_often(agent: Visitor) -> None:
    def asked() -> int:
        statements: list[str] = []
        note = lambda *told: statements.append(told[2])  # noqa: E731 - taken off again below
        event.listen(agent.runtime.db.engine, "before_cursor_execute", note)
        assert agent.get("/coverage/").status_code == 200
        event.remove(agent.runtime.db.engine, "before_cursor_execute", note)
        return len(statements)

    for number in range(2):
        add_gap(agent.runtime, add_heard(agent.runtime, f"Feed {number}", "feed"))
    asked()
    few = asked()
    for number in range(2, 60):
        add_gap(agent.runtime, add_heard(agent.runtime, f"Feed {number}", "feed"))
    assert asked() == few


def test_what_needs_an_admin_soon_is_told_to_admins_on_every_page(admin: Visitor, agent: Visitor) -> None:
    now = admin.runtime.clock.now()
    number = add_heard(admin.runtime, "Our <X>", expires_at=now + timedelta(hours=50))
    banner = "Our <X> needs a new key: this one expires in 2 days. Fix it"
    for path in ("/", "/playbook/", "/alarms"):
        assert banner in words(admin.get(path))
        assert "needs a new key" not in words(agent.get(path))
    for path in ("/sources/", f"/sources/{number}", "/coverage/"):
        assert "key expires in 2 days" in words(agent.get(path))
    with admin.runtime.db.write() as db:
        db.get_one(Source, number).expires_at = now + timedelta(days=4)
    assert 'class="alarm"' not in admin.get("/").text


def test_a_budget_that_is_used_up_is_told_on_every_page(agent: Visitor) -> None:
    number = add_heard(agent.runtime, "X", "x", budget=50)
    with agent.runtime.db.write() as db:
        db.add(Spending(source_id=number, day=date(2026, 11, 3), item="post_read", units=10_000, cost=50_000_000))
    page = words(agent.get("/"))
    assert "X has used up its budget: nothing is read until 1 Dec 2026. See why" in page


def test_many_troubles_are_three_lines_and_a_number(agent: Visitor) -> None:
    for number in range(5):
        add_heard(agent.runtime, f"Feed {number}", "feed", state="paused", reason="410")
    page = words(agent.get("/"))
    assert page.count("is paused:") == 3
    assert "2 more sources need somebody. See all" in page


def test_every_page_carries_the_light_of_all_sources(agent: Visitor) -> None:
    assert 'class="light"' not in agent.get("/playbook/").text
    add_heard(agent.runtime)
    assert "all is heard" in words(agent.get("/playbook/"))
    add_heard(agent.runtime, "Slow", heard_to=agent.runtime.clock.now() - timedelta(hours=2))
    assert "worth a look" in words(agent.get("/playbook/"))
    add_heard(agent.runtime, "Gone", held_until=None)
    page = agent.get("/playbook/")
    assert "needs somebody" in words(page)
    assert 'title="Gone: Nobody listens since 12:00 UTC: no listener process is running."' in page.text
    assert 'hx-swap-oob="innerHTML:.health-mark"' in agent.get("/alarms").text
