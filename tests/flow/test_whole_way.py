"""A mention's whole way, on real recorded input: heard, judged, in the queue, approved by a person, sent once.

Once in one process on SQLite, and once with every stage a process of its own on PostgreSQL and Redis. What goes in
is counted from the recordings; what comes out must agree, and hearing it all a second time must add nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from core.clock import SystemClock
from core.db import Database
from core.tables import Brand, Case, CaseMention, Mention, Query, Reply, SetAside, Source, User, Verdict
from listener import query
from responder.desk import cases
from tests.flow import recorded
from tests.flow.machine import DISTRIBUTED, EMBEDDED, Machine, left

pytestmark = pytest.mark.timeout(900)

NOW = datetime.now(UTC)
LONG_AGO = "1300000000"
"""The Hacker News cursor of somebody who last listened in 2011, when the recorded stories were yet to come."""
QUERIES = {
    "bluesky": "source:bluesky (lang:en OR lang:ja OR lang:ko OR lang:de OR lang:tr)",
    "hacker news": "source:hackernews (apple OR people OR jobs OR perennial)",
}
COMPLAINT = "My parcel never arrived, nobody answers my mails and I want my money back. Worst service ever, @acme!"


class Desk:
    """What a person at the desk sees and does, through the same database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def set_up(self, blog: str, inbox: Path) -> None:
        """A brand, its queries, and one source of each kind."""
        with self.database.write() as db:
            brand = Brand(slug="acme", name="Acme", created_at=NOW)
            brand.queries = [Query(name=name, text=text, created_at=NOW) for name, text in QUERIES.items()]
            db.add_all([brand, User(name="Ana", password_hash="-", session_key="-", role="admin", created_at=NOW)])
            db.flush()
            db.add_all(
                [
                    Source(kind="bluesky", name="stream", created_at=NOW),
                    Source(kind="hackernews", name="search", cursor=LONG_AGO, created_at=NOW),
                    Source(kind="feed", name="blog", settings={"url": blog}, brand_id=brand.id, created_at=NOW),
                    Source(
                        kind="files", name="inbox", settings={"path": str(inbox)}, brand_id=brand.id, created_at=NOW
                    ),
                ]
            )

    def counts(self) -> dict[str, int]:
        """What there is now, per platform and of each kind of row."""
        with self.database.read() as db:
            found = {
                name: db.scalar(select(func.count()).select_from(row)) or 0
                for name, row in {"mentions": Mention, "verdicts": Verdict, "cases": Case, "replies": Reply}.items()
            }
            platforms = db.execute(select(Mention.platform, func.count().label("number")).group_by(Mention.platform))
            return found | {row.platform: row.number for row in platforms}

    def settled(self) -> bool:
        """Whether every stage has done what there is to do."""
        with self.database.read() as db:
            return not left(db)

    def heard_again(self) -> bool:
        """Whether every source has been heard since `forget_cursors`."""
        with self.database.read() as db:
            return not db.scalar(select(Source.id).where(Source.last_ok_at.is_(None)).limit(1))

    def forget_cursors(self) -> None:
        """As if nothing had been heard yet, so that everything comes once more."""
        with self.database.write() as db:
            db.execute(update(Source).values(cursor=None, last_ok_at=None))
            db.execute(update(Source).where(Source.kind == "hackernews").values(cursor=LONG_AGO))

    def approve(self, text: str) -> None:
        """Approve this text as the reply to the complaint."""
        with self.database.write() as db:
            case = db.scalars(
                select(Case).join(Mention, Mention.id == Case.mention_id).where(Mention.text == COMPLAINT)
            ).one()
            user_id = db.scalars(select(User.id)).one()
            cases.approve(db, SystemClock(), case.id, case.version, user_id, text, at=SystemClock().now())

    def sent(self) -> bool:
        with self.database.read() as db:
            return db.scalar(select(func.count()).where(Case.state == "sent")) == 1


@contextmanager
def desk(url: str) -> Iterator[Desk]:
    database = Database(url)
    database.prepare()
    try:
        yield Desk(database)
    finally:
        database.close()


@pytest.fixture(params=["embedded", "distributed"])
def shape(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, str], Mapping[str, tuple[str, ...]]]:
    """The database, what the environment says of it, and the processes: once for each of the two shapes."""
    if request.param == "embedded":
        return f"sqlite:///{tmp_path / 'home' / 'ripplewatch.sqlite'}", {}, EMBEDDED
    url, redis = (str(request.getfixturevalue(name)) for name in ("postgres_url", "redis_url"))
    return url, {"DATABASE_URL": url, "REDIS_URL": redis}, DISTRIBUTED


def expected() -> dict[str, int]:
    """How many mentions each platform must give, by the recordings alone."""
    return {
        "bluesky": len(recorded.POSTS),
        "hackernews": len(recorded.STORIES),
        "feed": recorded.FEED_ENTRIES,
        "x": 1,
    }


def write_inbox(file: Path) -> None:
    line = {"platform": "x", "id": "1", "author": "jo", "text": COMPLAINT, "created_at": "2026-11-20T10:00:00Z"}
    file.write_text(json.dumps(line) + "\n", encoding="utf-8")


def outbox(home: Path) -> list[dict[str, str]]:
    file = home / "outbox.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def test_recorded_posts_go_the_whole_way_and_a_second_time_adds_nothing(
    shape: tuple[str, dict[str, str], Mapping[str, tuple[str, ...]]], tmp_path: Path
) -> None:
    url, environment, parts = shape
    home = tmp_path / "home"
    with (
        recorded.world() as world,
        desk(url) as ana,
        Machine(home, **environment, **world.environment) as machine,
    ):
        write_inbox(tmp_path / "inbox.jsonl")
        ana.set_up(world.blog.url, tmp_path / "inbox.jsonl")
        machine.start_all(parts)
        wanted = expected()
        machine.until("all is heard", lambda: ana.counts()["mentions"] == sum(wanted.values()))
        machine.until("all is judged", lambda: ana.settled() and ana.counts()["verdicts"] == sum(wanted.values()))
        first = ana.counts()
        assert {name: first[name] for name in wanted} == wanted
        assert every_complaint_has_a_case(ana.database)

        ana.approve("So sorry about this. Please send us your order number in a private message.")
        machine.until("the reply is sent", ana.sent)
        assert [line["text"] for line in outbox(home)] == [
            "So sorry about this. Please send us your order number in a private message."
        ]
        assert set(machine.end().values()) == {0}, machine.said()

        ana.forget_cursors()
        machine.start_all(parts)
        machine.until("all is heard again", ana.heard_again)
        machine.until("nothing waits", ana.settled)
        assert set(machine.end().values()) == {0}, machine.said()
        assert ana.counts() == first | {"replies": 1}
        assert len(outbox(home)) == 1
        assert nothing_set_aside(ana.database)


def every_complaint_has_a_case(database: Database) -> bool:
    with database.read() as db:
        complaints = set(db.scalars(select(Verdict.mention_id).where(Verdict.complaint.is_(True))))
        return bool(complaints) and complaints <= set(db.scalars(select(CaseMention.mention_id)))


def nothing_set_aside(database: Database) -> bool:
    with database.read() as db:
        return db.scalar(select(func.count()).select_from(SetAside)) == 0


@pytest.mark.parametrize("text", QUERIES.values())
def test_the_queries_of_this_test_can_be_read(text: str) -> None:
    assert query.parse(text)
