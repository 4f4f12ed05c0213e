"""The services of docker-compose.yml, by their own commands, as processes on a real PostgreSQL and a real Redis.

From an imported file to verdicts and cases, with every part ending cleanly when it is told to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from sqlalchemy import func, select

from core import migrations
from core.db import Database
from core.queue import STAGES, RqQueue
from core.tables import Brand, Case, Heartbeat, SetAside, Verdict
from tests.flow.machine import Machine, left

COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text(encoding="utf-8"))
PARTS = ("listener", "sentiment", "responder", "web")
TEXTS = (
    "My parcel from Acme is two weeks late and nobody answers. Worst service ever, I want my money back!",
    "The Acme app crashes every time I open it. Broken since the update, so annoying.",
    "Love my new Acme boots, they are wonderful!",
    "Acme charged my card twice and refuses to refund me. This is unacceptable.",
)

pytestmark = pytest.mark.timeout(300)


def words(service: str) -> list[str]:
    """What compose has a service do, after `ripplewatch`."""
    command: list[str] = COMPOSE["services"][service]["command"]
    assert command[0] == "ripplewatch"
    return command[1:]


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """The services' database, seen from beside."""
    database = Database(postgres_url)
    yield database
    database.close()


def count(database: Database, table: type[Case | SetAside | Verdict]) -> int:
    with database.read() as db:
        return db.scalar(select(func.count()).select_from(table)) or 0


def done(database: Database) -> bool:
    """Whether everything is judged and nothing is left to do; at once an error when something was set aside."""
    assert count(database, SetAside) == 0
    with database.read() as db:
        return count(database, Verdict) == len(TEXTS) and not left(db)


def alive(database: Database) -> set[str]:
    with database.read() as db:
        return set(db.scalars(select(Heartbeat.runs)))


def test_the_services_carry_an_imported_file_to_cases_and_end_cleanly(
    tmp_path: Path, database: Database, postgres_url: str, redis_url: str
) -> None:
    file = tmp_path / "posts.jsonl"
    post = {"platform": "x", "author": "jo", "created_at": "2026-11-20T10:00:00Z"}
    file.write_text("".join(json.dumps(post | {"id": text[:9], "text": text}) + "\n" for text in TEXTS))
    with Machine(tmp_path / "home", DATABASE_URL=postgres_url, REDIS_URL=redis_url, HOST="127.0.0.1") as machine:
        machine.once(*words("migrate"))
        with database.write() as db:
            assert migrations.current(db.connection()) == migrations.head()
            db.add(Brand(slug="acme", name="Acme", created_at=datetime.now(UTC)))
        for part in PARTS:
            machine.start(part, *words(part))
        imported = machine.once("import", str(file), "--brand", "acme", "--no-judge")
        assert json.loads(imported) == {"new": 4, "known": 0, "rejected": 0}
        machine.until("all are judged and nothing waits", lambda: done(database))
        assert count(database, Case) >= 1
        machine.until("the pages answer", lambda: machine.healthy("web"))
        machine.until("every part says that it is alive", lambda: alive(database) == set(PARTS))
        assert machine.end() == dict.fromkeys(PARTS, 0), machine.said()
    assert alive(database) == set()
    queue = RqQueue(redis_url)
    with closing(queue.redis):
        assert [queue.jobs(stage).failed_job_registry.count for stage in STAGES] == [0] * len(STAGES)
