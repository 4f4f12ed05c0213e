"""The sample comes in as if it had just been heard, once, and goes without taking anything of anybody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import alerts, waiting
from core.clock import Clock
from core.runtime import Runtime
from core.tables import (
    Alert,
    Author,
    Brand,
    CareChange,
    CareDay,
    Case,
    CaseMention,
    CaseTag,
    Channel,
    Copy,
    Correction,
    Counted,
    Delivery,
    Draft,
    Embedding,
    HourCount,
    Incident,
    IncidentEvent,
    IncidentMention,
    KnownIssue,
    Match,
    Mention,
    MentionVersion,
    Note,
    OwnAccount,
    OwnAnswer,
    PlaybookEntry,
    Query,
    Quoted,
    Reading,
    Relevance,
    Reply,
    Ripple,
    Row,
    Series,
    SetAside,
    Source,
    SourceHour,
    Spread,
    Team,
    Topic,
    Verdict,
    Waiting,
    WordCount,
    Wording,
)
from core.types import Author as Writer
from core.types import Mention as Heard
from core.types import Page
from listener.collect import collect
from listener.matching import BrandMatcher
from tests.conftest import NudgeList
from web.managing.sample_brand import load_sample, remove_sample

EVERYTHING = (
    *(Author, Brand, Case, CaseMention, Draft, Match, Mention, MentionVersion, OwnAccount, PlaybookEntry),
    *(Query, Reply, SetAside, Source, Verdict, Waiting, Copy, Relevance, SourceHour, Wording),
    *(CareChange, CareDay, CaseTag, Correction, KnownIssue, Note, OwnAnswer, Team),
    *(Alert, Counted, Delivery, Embedding, HourCount, Incident, IncidentEvent, IncidentMention, Quoted, Reading),
    *(Channel, Ripple, Series, Spread, Topic, WordCount),
)
"""Save the audit, of which nothing is ever removed."""


def count(runtime: Runtime) -> dict[str, int]:
    """Rows per table."""
    with runtime.db.read() as db:
        return {table.__tablename__: db.scalar(select(func.count()).select_from(table)) or 0 for table in EVERYTHING}


def _a_case(runtime: Runtime, mention_id: int, brand_id: int) -> None:
    """Everything that can be made of a mention."""
    now = runtime.clock.now()
    with runtime.db.write() as db:
        case = Case(
            mention_id=mention_id, brand_id=brand_id, permission="api", permission_why="", opened_at=now, changed_at=now
        )
        case.mentions = [CaseMention(mention_id=mention_id, why="its own", joined_at=now)]
        case.drafts = [Draft(text="Sorry", origin="person", why="", created_at=now)]
        case.replies = [Reply(turn=1, key=f"k{mention_id}", text="Sorry", account="a", via="files", approved_at=now)]
        judged = Verdict(mention_id=mention_id, model="m", language="en", sentiment="negative", judged_at=now)
        db.add_all((case, judged, Relevance(mention_id=mention_id, brand_id=brand_id, score=0.1)))
        db.flush()
        db.add_all((Note(case_id=case.id, text="called her", at=now), CaseTag(case_id=case.id, tag="vip")))
        db.add(CareDay(brand_id=brand_id, day=now.date(), platform=f"x{mention_id}", cases=b""))
        db.add(MentionVersion(mention_id=mention_id, text="Late", until=now))
        db.add(Team(brand_id=brand_id, name=f"Team {mention_id}", created_at=now))
        db.add(KnownIssue(brand_id=brand_id, name="Late parcels", opened_at=now))
        of_people = {"platform": "x", "model": "m", "user_name": "Ana", "at": now}
        db.add(Correction(mention_id=mention_id, head="sentiment", label="positive", **of_people))
        db.add(SetAside(stage="judge", subject="mention", subject_id=mention_id, reason="", at=now))
        db.add(SetAside(stage="post", subject="reply", subject_id=case.replies[0].id, reason="", at=now))
        waiting.add(db, runtime.clock, "open_case", [mention_id])
        waiting.add(db, runtime.clock, "post", [case.replies[0].id])
        _a_ripple(db, runtime.clock, mention_id, brand_id)


def _a_ripple(db: Session, clock: Clock, mention_id: int, brand_id: int) -> None:
    """Everything that can be made of many mentions."""
    now, ours = clock.now(), {"brand_id": brand_id, "mention_id": mention_id}
    incident = Incident(
        brand_id=brand_id, origin="spread", name="Late", began_at=now, noticed_at=now, last_at=now, changed_at=now
    )
    channel = Channel(brand_id=brand_id, kind="apprise", name=f"Mail {mention_id}", created_at=now)
    db.add_all((incident, channel, Topic(brand_id=brand_id, name=f"Topic {mention_id}", query="late", created_at=now)))
    db.add(Counted(**ours, hour=now, platform="x", language="en", sentiment="negative"))
    counted = {"brand_id": brand_id, "dimension": "all", "value": str(mention_id)}
    db.add(HourCount(**counted, hour=now))
    db.add(WordCount(brand_id=brand_id, day=now.date(), word=f"late{mention_id}"))
    db.add(Series(**counted, kind="complaints", fed_to=now, state=b""))
    db.add_all(
        (
            Spread(mention_id=mention_id, began_at=now),
            Reading(mention_id=mention_id, at=now, likes=1, reposts=1, replies=1),
        )
    )
    db.add(Embedding(**ours, model="m", at=now, vector=b""))
    db.flush()
    db.add(IncidentMention(**ours, incident_id=incident.id, joined_at=now))
    db.add(IncidentEvent(incident_id=incident.id, at=now, kind="noticed", key="", words="noticed"))
    seen = {"since": now, "at": now, "noticed_at": now, "window": 300, "observed": 4, "expected": 1, "score": 0.6}
    db.add(Ripple(**ours, kind="spread", dimension="mention", value=str(mention_id), sentence="", **seen))
    alert_id = alerts.tell(db, clock, "incident", incident.id, brand_id, "high", "4 like complaints")
    delivery = Delivery(alert_id=alert_id, channel_id=channel.id, due=now)
    db.add(delivery)
    db.flush()
    db.add(Quoted(delivery_id=delivery.id, mention_id=mention_id))


@pytest.fixture
def sample(runtime: Runtime) -> Runtime:
    load_sample(runtime)
    return runtime


def test_it_is_there_as_if_just_heard(sample: Runtime, queue: NudgeList) -> None:
    with sample.db.read() as db:
        brand = db.scalars(select(Brand)).one()
        source = db.scalars(select(Source)).one()
        newest, oldest = db.execute(select(func.max(Mention.created_at), func.min(Mention.created_at))).one()
        mentions = db.scalar(select(func.count()).select_from(Mention)) or 0
        assert (brand.slug, brand.sample, brand.timezone) == ("hawkweed", True, "Europe/Berlin")
        assert (source.kind, source.name, source.brand_id, source.active) == ("files", "sample", brand.id, False)
        assert 250 <= mentions <= 330
        assert timedelta() < sample.clock.now() - newest < timedelta(minutes=10)
        assert timedelta(days=12) < newest - oldest < timedelta(days=15)
        assert waiting.count(db, "judge") == mentions
        assert db.scalar(select(func.count()).select_from(PlaybookEntry)) == 32
    assert queue.nudged == ["judge"]


def test_its_own_posts_and_the_plant_are_left_out(sample: Runtime) -> None:
    with sample.db.read() as db:
        own = select(Mention.id).join(Author).join(OwnAccount, OwnAccount.platform == Mention.platform)
        assert not db.scalars(own.where(func.lower(Author.handle) == OwnAccount.handle)).all()
        assert not db.scalars(select(Mention.id).where(Mention.text.contains("wildflower"))).all()


def test_loading_it_again_adds_nothing(sample: Runtime) -> None:
    before = count(sample)
    load_sample(sample)
    assert count(sample) == before


def test_it_goes_without_a_trace(runtime: Runtime) -> None:
    before = count(runtime)
    load_sample(runtime)
    with runtime.db.read() as db:
        first, second = db.scalars(select(Mention.id).order_by(Mention.id).limit(2)).all()
        brand_id = db.scalars(select(Brand.id)).one()
    for mention_id in (first, second):
        _a_case(runtime, mention_id, brand_id)
    assert [name for name, rows in count(runtime).items() if not rows] == []
    remove_sample(runtime)
    assert count(runtime) == before
    remove_sample(runtime)
    load_sample(runtime)
    assert count(runtime)["mentions"] > 250


def _own_brand(runtime: Runtime) -> int:
    """A real brand that looks for what the sample talks of, with one mention by an author of the sample."""
    with runtime.db.write() as db:
        brand = Brand(slug="acme", name="Acme", created_at=runtime.clock.now())
        brand.queries = [Query(name="all", text="parcel* OR hawkweed*", created_at=runtime.clock.now())]
        brand.own_accounts = [OwnAccount(platform="x", handle="orla_from_the_hills")]
        source = Source(kind="files", name="mine", created_at=runtime.clock.now())
        db.add_all((brand, source))
        db.flush()
        author = Writer("definitely_not_a_goat_77", "definitely_not_a_goat_77")
        mine = Heard("reddit", "mine", author, "my parcel is late", runtime.clock.now())
        collect(db, runtime.clock, source, Page(mentions=(mine,)), BrandMatcher.load(db))
        return brand.id


def test_it_does_not_touch_a_real_brand(runtime: Runtime) -> None:
    brand_id = _own_brand(runtime)
    with runtime.db.read() as db:
        mention_id = db.scalars(select(Mention.id)).one()
    _a_case(runtime, mention_id, brand_id)
    before = count(runtime)
    load_sample(runtime)
    with runtime.db.read() as db:
        assert db.scalars(select(Match.mention_id).where(Match.brand_id == brand_id)).all() == [mention_id]
        assert db.scalars(select(Author.id).where(Author.handle == "orla_from_the_hills")).all(), (
            "not an own account here"
        )
    remove_sample(runtime)
    assert count(runtime) == before


def _tables() -> list[type[Row]]:
    return [mapper.class_ for mapper in Row.registry.mappers]


def test_every_table_that_a_sample_can_fill_is_counted_here() -> None:
    others = {
        "alert_rules",
        "audit",
        "audit_heads",
        "canaries",
        "fits",
        "forgettings",
        "gaps",
        "glossary",
        "heartbeats",
        "memberships",
        "notifications",
        "playbook_versions",
        "samples",
        "setup_links",
        "slack_people",
        "spendings",
        "switches",
        "team_members",
        "users",
        "word_lists",
    }
    assert {table.__tablename__ for table in _tables()} == others | {table.__tablename__ for table in EVERYTHING}
