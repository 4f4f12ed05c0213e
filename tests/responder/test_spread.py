"""A complaint that spreads: read at growing intervals, forecast, pressing, told once; and calm where it is small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from core import tables, waiting
from core.clock import HeldClock
from core.runtime import Runtime
from core.types import Page, Recount
from listener import budget
from listener.collect import collect
from listener.matching import BrandMatcher
from responder.spread import spread
from responder.spread.followed import MOST_QUIET
from responder.spread.following import LADDER, QUIET
from responder.spread.recounters import Recounters
from sentiment.ripple import incidents
from tests.listener.emulators import mastodon
from tests.loopback import Answer
from tests.responder.stories import CHATTER, PRAISE, UNSURE, add_brand, add_case, all_cases, case, hear, look

MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class World:
    """A server of Mastodon that is heard, and who looks after what spreads there."""

    runtime: Runtime
    clock: HeldClock
    site: mastodon.Server
    recounters: Recounters
    posts: dict[int, dict[str, Any]] = field(default_factory=dict)

    def post(self, verdict: Mapping[str, Any] | None = None, minutes_ago: float = 0, **told: Any) -> int:
        """Somebody complains there, and it becomes a case; gives the mention's id."""
        followers, number = told.pop("followers", None), len(self.posts) + 1
        written = self.clock.now() - minutes_ago * MINUTE
        status = mastodon.status(number, written, **told)
        self.site.post(status)
        host = self.site.url.removeprefix("http://")
        counts = {"likes": "favourites_count", "reposts": "reblogs_count", "replies": "replies_count"}
        mention_id = hear(
            self.runtime,
            "my parcel is late",
            dict(verdict) if verdict else None,
            author=f"ann{number}",
            followers=followers,
            kind="mastodon",
            at=written,
            platform="mastodon",
            native_id=status["uri"],
            extra={"server": host, "id": status["id"]},
            **{name: status[theirs] for name, theirs in counts.items()},
        )
        look(self.runtime)
        self.posts[mention_id] = status
        return mention_id

    def boosted(self, mention_id: int, reposts: int) -> None:
        """So often it has been boosted by now."""
        self.site.statuses[self.posts[mention_id]["id"]]["reblogs_count"] = reposts

    def work(self, recounters: Recounters | None = None) -> int:
        """Look at all that is due; gives how many."""
        seen = 0
        while now := spread.follow(self.runtime, recounters or self.recounters):
            seen += now
        return seen

    def until(self, moment: datetime) -> None:
        """Let time pass until then, and look whenever something is due."""
        self.work()
        while (due := self.due()) is not None and due <= moment:
            self.clock.advance((due - self.clock.now()).total_seconds())
            assert self.work()
        self.clock.advance((moment - self.clock.now()).total_seconds())

    def due(self) -> datetime | None:
        with self.runtime.db.read() as db:
            return waiting.next_due(db, self.clock, ["spread"])

    def curve(self, mention_id: int) -> list[tuple[float, int]]:
        """Minutes since it was written, and reposts."""
        row = tables.Reading
        with self.runtime.db.read() as db:
            written = db.get_one(tables.Mention, mention_id).created_at
            rows = db.scalars(select(row).where(row.mention_id == mention_id).order_by(row.at)).all()
        return [((one.at - written) / MINUTE, one.reposts) for one in rows]

    def row(self, mention_id: int) -> tables.Spread | None:
        with self.runtime.db.read() as db:
            return db.get(tables.Spread, mention_id)

    def ripples(self) -> list[tables.Ripple]:
        with self.runtime.db.read() as db:
            return list(db.scalars(select(tables.Ripple).order_by(tables.Ripple.id)))

    def alerts(self) -> list[tables.Alert]:
        with self.runtime.db.read() as db:
            return list(db.scalars(select(tables.Alert).order_by(tables.Alert.id)))

    def requests(self) -> list[set[str]]:
        """The ids of each request for many."""
        return [set(one.query["id[]"]) for one in self.site.asked if one.path == "/api/v1/statuses"]


@pytest.fixture
def world(runtime: Runtime, clock: HeldClock) -> Iterator[World]:
    with mastodon.server() as site:
        add_brand(runtime, own=[("mastodon", "acme@town.example")])
        with runtime.db.write() as db:
            given = {"kind": "mastodon", "name": "mastodon", "settings": {"server": site.url}}
            db.add(tables.Source(**given, created_at=clock.now()))
        recounters = Recounters(runtime)
        yield World(runtime, clock, site, recounters)
        recounters.close()


def take_off(world: World, verdict: Mapping[str, Any] | None = None) -> int:
    """A post that goes through everybody's timeline: 220 reposts in 40 minutes."""
    mention_id, began = world.post(verdict), world.clock.now()
    for minutes, reposts in ((0, 1), (5, 8), (10, 25), (20, 80), (40, 220)):
        world.boosted(mention_id, reposts)
        world.until(began + minutes * MINUTE)
        world.boosted(mention_id, reposts)
    world.until(began + 41 * MINUTE)
    return mention_id


def test_it_is_read_at_growing_intervals_and_many_are_asked_for_at_once(world: World) -> None:
    began = world.clock.now()
    first, second = world.post(followers=20_000), world.post(reblogs_count=1)
    for minutes in (3, 30, 400):
        world.until(began + minutes * MINUTE)
        world.boosted(first, minutes)
    world.until(began + timedelta(hours=13))
    ages = [minutes for minutes, _ in world.curve(first)]
    assert ages[:2] == [2, 5]
    assert set(ages) <= {age / MINUTE for age in LADDER} | {age for age in ages if 5 < age < 721}
    assert {age / MINUTE for age in LADDER[:9]} <= set(ages)
    both = {world.posts[one]["id"] for one in (first, second)}
    assert both in world.requests()
    assert len(world.requests()) < len(world.curve(first)) + len(world.curve(second))
    with world.runtime.db.read() as db:
        assert db.get_one(tables.Mention, first).reposts == 400


def test_three_reposts_are_no_wave(world: World) -> None:
    calm, three = world.post(), world.post()
    world.boosted(three, 3)
    world.until(world.clock.now() + timedelta(hours=8))
    row = world.row(three)
    assert row is not None
    assert row.expected is not None
    assert row.expected < 6
    assert not world.ripples()
    assert not world.alerts()
    one, other = (next(row for row in all_cases(world.runtime) if row.mention_id == each) for each in (calm, three))
    assert other.priority - one.priority <= 5
    assert other.severity == one.severity
    assert not any("taking off" in reason for reason in other.reasons)


def test_what_nobody_passes_on_is_looked_at_three_times_and_then_left_alone(world: World) -> None:
    mention_id, began = world.post(), world.clock.now()
    world.until(began + timedelta(days=2))
    assert [minutes for minutes, _ in world.curve(mention_id)] == [age / MINUTE for age in QUIET]
    assert world.due() is None
    row = world.row(mention_id)
    assert row is not None
    assert row.ended_at is not None


def test_a_complaint_that_takes_off_presses_more_and_is_told_once(world: World) -> None:
    small = world.post()
    mention_id = take_off(world)
    row = world.row(mention_id)
    assert row is not None
    assert row.expected is not None
    assert row.low is not None
    assert row.high is not None
    assert 300 < row.low < row.expected < row.high
    mine = next(one for one in all_cases(world.runtime) if one.mention_id == mention_id)
    other = next(one for one in all_cases(world.runtime) if one.mention_id == small)
    assert any(reason.startswith("taking off: 220 reposts in 40 min, heading for about") for reason in mine.reasons)
    assert mine.priority >= other.priority + 15
    (ripple,) = world.ripples()
    assert (ripple.kind, ripple.dimension, ripple.value) == ("spread", "mention", str(mention_id))
    assert (ripple.mention_id, ripple.observed, ripple.ended_at) == (mention_id, 220, None)
    assert ripple.sentence.startswith("one complaint is taking off: 220 reposts in 40 min")
    assert 0.5 <= ripple.score <= 1
    with world.runtime.db.read() as db:
        assert waiting.count(db, "ripple") == 1
    assert not world.alerts()
    world.boosted(mention_id, 600)
    world.until(world.clock.now() + timedelta(hours=1))
    (again,) = world.ripples()
    assert (again.id, again.observed) == (ripple.id, 600)


def test_a_case_that_becomes_more_severe_by_it_is_due_sooner(world: World) -> None:
    before = case(world.runtime, add_case(world.runtime, "late").id)
    take_off(world)
    after = next(one for one in all_cases(world.runtime) if one.id != before.id)
    assert after.severity != before.severity
    assert after.due_at is not None
    assert before.due_at is not None
    assert after.due_at - after.opened_at <= before.due_at - before.opened_at
    assert after.version == 1


def test_what_only_may_be_a_complaint_is_an_alert_that_is_kept_up_to_date(world: World) -> None:
    mention_id = take_off(world, UNSURE)
    (ripple,), (alert,) = world.ripples(), world.alerts()
    assert (alert.kind, alert.subject_id, alert.brand_id) == ("spread", ripple.id, ripple.brand_id)
    assert alert.words == ripple.sentence
    assert alert.words.startswith("one post is taking off: 220 reposts")
    world.until(world.clock.now() + timedelta(days=8))
    (ripple,), (alert,) = world.ripples(), world.alerts()
    assert ripple.ended_at is not None
    assert alert.closed_at is not None
    row = world.row(mention_id)
    assert row is not None
    assert row.ended_at is not None
    (mine,) = all_cases(world.runtime)
    assert not any("taking off" in reason for reason in mine.reasons)


@pytest.mark.parametrize("verdict", [PRAISE, CHATTER])
def test_what_nobody_has_to_look_at_is_not_followed(world: World, verdict: dict[str, Any]) -> None:
    world.post(verdict, reblogs_count=400)
    assert world.work() == 0
    assert world.due() is None


def test_what_the_listener_hears_is_a_reading_and_makes_it_look_at_once(world: World) -> None:
    mention_id, began = world.post(), world.clock.now()
    world.until(began + timedelta(hours=13))
    asked = len(world.site.asked)
    heard = world.posts[mention_id]["uri"]
    for reposts in (15, 35):
        with world.runtime.db.write() as db:
            source = db.scalars(select(tables.Source).where(tables.Source.kind == "mastodon")).one()
            collect(db, world.clock, source, Page(reposts={heard: reposts}), BrandMatcher.load(db))
        world.work()
        world.clock.advance(61)
    assert [reposts for _, reposts in world.curve(mention_id)][-2:] == [15, 50]
    assert len(world.site.asked) == asked
    row = world.row(mention_id)
    assert row is not None
    assert row.ended_at is None
    assert row.expected is not None
    assert row.expected >= 50


def test_one_that_is_gone_is_forgotten_and_let_go_of(world: World) -> None:
    gone, there = world.post(reblogs_count=2), world.post(reblogs_count=2)
    world.site.delete(world.posts[gone]["id"])
    world.until(world.clock.now() + 3 * MINUTE)
    with world.runtime.db.read() as db:
        assert [db.get_one(tables.Mention, one).text for one in (gone, there)] == ["", "my parcel is late"]
        left = set(db.scalars(select(tables.Waiting.subject_id).where(tables.Waiting.stage == "spread")))
    assert left == {there}


def test_a_rate_limit_costs_a_later_reading(world: World) -> None:
    mention_id = world.post(reblogs_count=2)
    world.site.faults.append(mastodon.too_many)
    world.until(world.clock.now() + 3 * MINUTE)
    assert len(world.curve(mention_id)) == 1  # what was known when it was heard
    asked = len(world.site.asked)
    assert asked == 1
    world.until(world.clock.now() + timedelta(hours=1))
    assert len(world.site.asked) > asked
    assert len(world.curve(mention_id)) > 2


def test_a_source_that_is_paused_or_broken_is_tried_later(world: World) -> None:
    mention_id = world.post(reblogs_count=2)
    with world.runtime.db.write() as db:
        source = db.scalars(select(tables.Source).where(tables.Source.kind == "mastodon")).one()
        source.state, source.settings = "paused", {"server": "not an address"}
    world.until(world.clock.now() + 3 * MINUTE)
    with world.runtime.db.write() as db:
        db.get_one(tables.Source, source.id).state = "running"
    world.until(world.clock.now() + timedelta(hours=2))
    assert world.site.asked == []
    assert len(world.curve(mention_id)) == 1
    assert world.due() is not None


def test_two_workers_do_not_ask_for_the_same(world: World) -> None:
    mention_id, other, seen = world.post(reblogs_count=2), Recounters(world.runtime), list[int]()

    def meanwhile(honest: Answer) -> Answer:
        seen.append(spread.follow(world.runtime, other))
        return honest

    world.site.faults.append(meanwhile)
    world.until(world.clock.now() + 3 * MINUTE)
    other.close()
    assert seen == [0]
    assert len(world.requests()) == 1
    assert len(world.curve(mention_id)) == 2


class Dying(Recounters):
    """The process ends while it asks."""

    def recount(self, row: tables.Source, posts: Mapping[str, Mapping[str, object]]) -> Recount:
        raise SystemExit


def test_a_crash_costs_one_reading(world: World) -> None:
    mention_id, dying = world.post(reblogs_count=2), Dying(world.runtime)
    world.until(world.clock.now() + MINUTE)
    world.clock.advance(60)
    with pytest.raises(SystemExit):
        world.work(dying)
    dying.close()
    assert world.work() == 0
    world.until(world.clock.now() + spread.LEASE + MINUTE)
    assert len(world.curve(mention_id)) == 2


def test_of_one_brand_only_so_many_are_followed_that_nobody_passes_on(world: World) -> None:
    world.post()
    world.work()
    with world.runtime.db.write() as db:
        first = db.scalars(select(tables.Mention)).one()
        mine = db.scalars(select(tables.Case)).one()
        for number in range(MOST_QUIET):
            values = {"platform": "mastodon", "native_id": f"n{number}", "text": "late", "created_at": first.created_at}
            row = tables.Mention(**values, author_id=first.author_id, heard_at=first.heard_at)
            db.add(row)
            db.flush()
            member = {"mention_id": row.id, "case_id": mine.id, "why": "", "joined_at": first.heard_at}
            db.add_all([tables.CaseMention(**member), tables.Spread(mention_id=row.id, began_at=first.heard_at)])
    quiet, passed_on = world.post(), world.post(reblogs_count=1)
    world.work()
    assert world.row(quiet) is None
    assert world.row(passed_on) is not None


def _on_x(runtime: Runtime, spent: float, **counts: Any) -> int:
    """A complaint on X, where so much of the month's $100 is spent; gives the mention's id."""
    add_brand(runtime)
    with runtime.db.write() as db:
        given = {"kind": "x", "name": "x", "settings": {"accounts": "acme", "bearer_token": "0" * 20}, "budget": 100}
        source = tables.Source(**given, created_at=runtime.clock.now())
        db.add(source)
        db.flush()
        budget.spend(db, source, {"post_read": round(spent * 100 / 0.005)}, runtime.clock.now())
    mention_id = hear(runtime, kind="x", platform="x", native_id="1234567", **counts)
    look(runtime)
    return mention_id


def test_what_is_paid_for_is_followed_only_where_it_shows_and_while_there_is_money(runtime: Runtime) -> None:
    class Asked(Recounters):
        asked = 0

        def recount(self, row: tables.Source, posts: Mapping[str, Mapping[str, object]]) -> Recount:
            self.asked += len(posts)
            return Recount()

    recounters, clock = Asked(runtime), runtime.clock
    assert isinstance(clock, HeldClock)
    shows = _on_x(runtime, 0.69, reposts=3)
    quiet = hear(runtime, kind="x", platform="x", native_id="1234568", author="bob")
    look(runtime)
    spread.follow(runtime, recounters)
    clock.advance(180)
    spread.follow(runtime, recounters)
    assert recounters.asked == 1
    with runtime.db.write() as db:
        source = db.scalars(select(tables.Source)).one()
        budget.spend(db, source, {"post_read": 400}, clock.now())
        assert budget.level(db, source, clock.now()) == budget.Level.NO_COMPETITORS
    for _ in range(20):
        clock.advance(3_600)
        spread.follow(runtime, recounters)
    recounters.close()
    assert recounters.asked == 1
    with runtime.db.read() as db:
        assert db.get(tables.Spread, shows) is not None
        assert db.get(tables.Spread, quiet) is None


def test_readings_of_a_week_stay_few(world: World) -> None:
    mention_id, began = world.post(reblogs_count=1), world.clock.now()
    for hour in range(0, 7 * 24, 6):
        world.boosted(mention_id, 1 + hour * 3)
        world.until(began + timedelta(hours=hour))
    assert len(world.curve(mention_id)) <= 48
    with world.runtime.db.read() as db:
        asked = len(world.requests())
        assert db.scalar(select(func.count()).select_from(tables.Spread)) == 1
    assert asked < 60


def test_a_complaint_that_takes_off_becomes_one_incident_that_is_told(world: World) -> None:
    mention_id = take_off(world)
    assert incidents.work(world.runtime) == 1
    with world.runtime.db.read() as db:
        (incident,) = db.scalars(select(tables.Incident)).all()
    assert (incident.origin, incident.mention_id, incident.mentions) == ("spread", mention_id, 1)
    (alert,) = world.alerts()
    assert (alert.kind, alert.subject_id) == ("incident", incident.id)
    world.boosted(mention_id, 900)
    world.until(world.clock.now() + timedelta(hours=2))
    incidents.work(world.runtime)
    with world.runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(tables.Incident)) == 1
    assert len(world.alerts()) == 1
