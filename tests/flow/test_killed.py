"""Killed at any moment, the service loses nothing and says nothing twice.

5,000 mentions come in from a file while a person approves replies as fast as cases open. The process is killed
without warning at ten moments, seeded and spread over the whole of the work, and started again each time. The word list
judges: what is at stake here is what is kept, and the model would take most of the time. What a killed process was
about to send is looked at again when its claim has run out: the test does not wait those minutes, it moves them on.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Select, func, select, update

from core.clock import SystemClock
from core.db import Database
from core.tables import Brand, Case, Match, Mention, Reply, SetAside, Source, User, Verdict, Waiting
from responder.desk import cases
from tests.flow.machine import Machine, left

pytestmark = pytest.mark.timeout(900)

MENTIONS = 5_000
COMPLAINTS = 300
KILLS = 10
SEED = 20_261_122

NOW = datetime.now(UTC)
ANGRY = "Order {n}: still nothing, two weeks late and nobody answers. This is the worst service I have ever had!"
CALM = "Nice weather for a walk with my Acme boots, lap {n}."


def write_posts(file: Path) -> None:
    """Every tenth or so is a complaint; each has an author of its own, so that each complaint becomes a case."""
    every = MENTIONS // COMPLAINTS
    with file.open("w", encoding="utf-8") as lines:
        for n in range(MENTIONS):
            text = (ANGRY if n % every == 0 else CALM).format(n=n)
            line = {
                "platform": "x",
                "id": str(n),
                "author": f"a{n}",
                "text": text,
                "created_at": "2026-11-20T10:00:00Z",
            }
            lines.write(json.dumps(line) + "\n")


class Desk:
    """Sets up, looks, and approves, from outside the process that is killed."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def set_up(self, file: Path) -> None:
        with self.database.write() as db:
            brand = Brand(slug="acme", name="Acme", created_at=NOW)
            db.add_all([brand, User(name="Ana", password_hash="-", session_key="-", created_at=NOW)])
            db.flush()
            db.add(Source(kind="files", name="posts", brand_id=brand.id, settings={"path": str(file)}, created_at=NOW))

    def done(self) -> int:
        """Work done so far, in rows: mentions, verdicts, sent replies."""
        with self.database.read() as db:
            sent = select(func.count()).select_from(Reply).where(Reply.sent_at.is_not(None))
            return sum(db.scalar(one) or 0 for one in (_count(Mention), _count(Verdict), sent))

    def settled(self) -> bool:
        """Whether all is heard, judged, and sent."""
        with self.database.read() as db:
            heard = db.scalar(_count(Mention)) == MENTIONS
            still = select(Case.id).where(Case.state.in_(("new", "drafted", "approved", "sending"))).limit(1)
            return heard and not left(db) and not db.scalar(still)

    def let_claims_run_out(self) -> None:
        """While nothing runs: as if the minutes had passed for which a reply is left to the worker that has it."""
        with self.database.write() as db:
            db.execute(update(Waiting).where(Waiting.stage == "post").values(due=datetime.now(UTC)))

    def approve_what_is_open(self) -> None:
        with self.database.read() as db:
            open_cases = db.execute(select(Case.id, Case.version).where(Case.state.in_(("new", "drafted")))).all()
            user_id = db.scalars(select(User.id)).one()
        for case in open_cases:
            try:
                with self.database.write() as db:
                    clock, text = SystemClock(), f"We are on it, case {case.id}."
                    cases.approve(db, clock, case.id, case.version, user_id, text, at=clock.now())
            except cases.Stale:
                continue  # it changed since it was read; it is still open and comes again


def _count(row: type[Mention | Verdict]) -> Select[int]:
    return select(func.count()).select_from(row)


@contextmanager
def approving(desk: Desk) -> Iterator[None]:
    """A person who approves every case as it opens, until the block ends."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.2):
            desk.approve_what_is_open()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def test_killed_ten_times_it_ends_with_every_mention_once_and_no_reply_twice(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_posts(tmp_path / "posts.jsonl")
    database = Database(f"sqlite:///{home / 'ripplewatch.sqlite'}")
    database.prepare()
    desk = Desk(database)
    desk.set_up(tmp_path / "posts.jsonl")
    moments = sorted(random.Random(SEED).sample(range(2 * MENTIONS + COMPLAINTS // 2), KILLS))
    with Machine(home, MODEL="lexicon") as machine, approving(desk):
        for moment in moments:
            machine.start("run", "run", "--port", "0")
            machine.until(f"{moment} rows are done", lambda moment=moment: desk.done() >= moment)  # type: ignore[misc]
            machine.kill("run")
            desk.let_claims_run_out()
        machine.start("run", "run", "--port", "0")
        machine.until("everything is done", desk.settled)
        assert machine.end() == {"run": 0}, machine.said()

    with database.read() as db:
        assert db.scalar(select(func.count()).select_from(Mention)) == MENTIONS
        assert db.scalar(select(func.count()).select_from(Match)) == MENTIONS
        assert db.scalar(select(func.count(Verdict.mention_id.distinct()))) == MENTIONS
        assert db.scalar(select(func.count()).select_from(Verdict)) == MENTIONS
        assert db.scalar(select(func.count()).select_from(SetAside)) == 0
        approved = set(db.scalars(select(Reply.key)))
        unsent = db.scalars(select(Case.state).where(Case.state != "sent")).all()
    database.close()
    published = Counter(json.loads(line)["key"] for line in (home / "outbox.jsonl").read_text("utf-8").splitlines())
    assert set(published.values()) == {1}
    assert set(published) == approved
    assert len(approved) >= COMPLAINTS * 0.9
    assert unsent == []
