"""What `ripplewatch export` lets out: the contract's columns, masked, defused, page by page."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select

from core.clock import HeldClock
from core.db import Database
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Brand, Case, CaseMention, Reply, Source, Verdict
from core.tables import Mention as Row
from core.types import Author, Mention, Page
from listener.collect import collect
from listener.forget import forget_mentions
from listener.matching import BrandMatcher
from tests.web.ripplewatch import ripplewatch
from web.export import COLUMNS, cells, exported

COMPLAINT = Mention(
    "x",
    "1",
    Author("a1", "orla", "Orla", 212),
    "Order #204411 is late, mail orla@example.com",
    datetime.fromisoformat("2026-11-19T08:00:00+01:00"),
    url="https://x.example/orla/1",
    reply_to="0",
    lang="en",
    likes=3,
    reposts=2,
    replies=1,
)
FORMULA = Mention("bluesky", "-2", Author("a2", "@mallory"), '=HYPERLINK("evil")\n+1', COMPLAINT.created_at)


@pytest.fixture
def home(settings: Settings) -> Iterator[Database]:
    """The database that the command line finds."""
    database = Database(settings.database)
    database.prepare()
    yield database
    database.close()


def hear(database: Database, clock: HeldClock, *mentions: Mention, brand: str = "acme") -> None:
    with database.write() as db:
        row = Brand(slug=brand, name=brand, created_at=clock.now())
        db.add(row)
        db.flush()
        source = Source(kind="files", name=brand, brand_id=row.id, created_at=clock.now())
        db.add(source)
        db.flush()
        collect(db, clock, source, Page(mentions=mentions), BrandMatcher.load(db))


def id_of(database: Database, mention: Mention) -> int:
    with database.read() as db:
        return db.scalars(select(Row.id).where(Row.native_id == mention.native_id)).one()


def answer(database: Database, clock: HeldClock) -> None:
    """The complaint was judged twice, became a case and was answered."""
    mention_id = id_of(database, COMPLAINT)
    judged = {"mention_id": mention_id, "language": "en", "complaint": True, "judged_at": clock.now(), "scores": {}}
    heads: dict[str, object] = {"emotions": {}, "intents": {}, "reasons": []}
    with database.write() as db:
        db.execute(
            insert(Verdict),
            [
                judged | heads | {"model": "old", "sentiment": "neutral", "complaint_score": 0.6},
                judged | heads | {"model": "new", "sentiment": "negative", "complaint_score": 0.93},
            ],
        )
        case = Case(
            mention_id=mention_id,
            brand_id=1,
            state="sent",
            priority=71,
            permission="api",
            permission_why="",
            opened_at=clock.now(),
            changed_at=clock.now(),
        )
        case.mentions = [CaseMention(mention_id=mention_id, why="its own", joined_at=clock.now())]
        told = {"account": "acme", "via": "files", "approved_at": clock.now()}
        case.replies = [
            Reply(turn=1, key="k1", text="never left", error="410", **told),
            Reply(turn=2, key="k2", text="Sorry! Call +1 555 010 9999", sent_at=clock.now(), **told),
        ]
        db.add(case)


def test_a_mention_comes_out_with_what_was_made_of_it(home: Database, clock: HeldClock) -> None:
    hear(home, clock, COMPLAINT, FORMULA)
    answer(home, clock)
    ran = ripplewatch("export")
    assert ran.code == 0
    assert [tuple(line) for line in ran.lines] == [COLUMNS, COLUMNS]
    by_id = {line["id"]: line for line in ran.lines}
    assert by_id["1"] == {
        "platform": "x",
        "id": "1",
        "author": "orla",
        "text": "Order #[order number] is late, mail [e-mail]",
        "created_at": "2026-11-19T07:00:00+00:00",
        "url": "https://x.example/orla/1",
        "author_name": "Orla",
        "followers": 212,
        "reply_to": "0",
        "lang": "en",
        "likes": 3,
        "reposts": 2,
        "replies": 1,
        "sentiment": "negative",
        "complaint": True,
        "complaint_score": 0.93,
        "priority": 71,
        "case_state": "sent",
        "reply": "Sorry! Call [phone]",
    }
    assert by_id["-2"]["text"] == FORMULA.text
    assert by_id["-2"]["sentiment"] is None


def test_unmasked_leaves_personal_data_in(home: Database, clock: HeldClock) -> None:
    hear(home, clock, COMPLAINT)
    assert ripplewatch("export", "--unmasked").lines[0]["text"] == COMPLAINT.text


def test_csv_has_the_same_columns_and_no_cell_that_a_spreadsheet_runs(home: Database, clock: HeldClock) -> None:
    hear(home, clock, COMPLAINT, FORMULA)
    answer(home, clock)
    ran = ripplewatch("export", "--format", "csv")
    assert ran.code == 0
    header, *rows = csv.reader(io.StringIO(ran.out, newline=""))
    assert tuple(header) == COLUMNS
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    found = {row[1]: dict(zip(header, row, strict=True)) for row in rows}
    assert found["1"]["complaint"] == "true"
    assert found["1"]["complaint_score"] == "0.93"
    assert found["'-2"]["text"] == "'" + FORMULA.text
    assert found["'-2"]["author"] == "'@mallory"
    assert found["'-2"]["complaint"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "'=1"])
def test_a_formula_is_defused_however_it_begins(text: str) -> None:
    record: dict[str, object] = dict.fromkeys(COLUMNS) | {"text": text, "likes": -1}
    assert cells(record)[COLUMNS.index("text")] == f"'{text}"
    assert cells(record)[COLUMNS.index("likes")] == "-1"


def test_what_was_deleted_stays_inside(home: Database, clock: HeldClock) -> None:
    hear(home, clock, COMPLAINT, FORMULA)
    stored = id_of(home, COMPLAINT)
    with home.write() as db:
        forget_mentions(db, clock, [stored])
    assert [line["id"] for line in ripplewatch("export").lines] == [FORMULA.native_id]


def test_since_and_brand_narrow_it(home: Database, clock: HeldClock) -> None:
    older = Mention("x", "0", COMPLAINT.author, "earlier", COMPLAINT.created_at - timedelta(days=30))
    hear(home, clock, COMPLAINT, older)
    hear(home, clock, FORMULA, brand="other")
    assert {line["id"] for line in ripplewatch("export", "--since", "2026-11-19").lines} == {"1", "-2"}
    assert {line["id"] for line in ripplewatch("export", "--since", "2026-11-19T09:00+01:00").lines} == set()
    assert {line["id"] for line in ripplewatch("export", "--brand", "acme").lines} == {"0", "1"}
    unknown = ripplewatch("export", "--brand", "nobody")
    assert (unknown.code, unknown.out) == (1, "")
    assert "there are: acme, other" in unknown.err
    assert ripplewatch("export", "--since", "yesterday").code == 2


def test_many_mentions_come_out_once_each(runtime: Runtime, clock: HeldClock) -> None:
    many = [Mention("x", str(n), COMPLAINT.author, f"text {n}", COMPLAINT.created_at) for n in range(2_100)]
    hear(runtime.db, clock, *many)
    assert sorted(str(record["id"]) for record in exported(runtime.db)) == sorted(mention.native_id for mention in many)


def test_a_reader_that_has_seen_enough_is_no_error(home: Database, clock: HeldClock) -> None:
    hear(
        home, clock, *(Mention("x", str(n), COMPLAINT.author, "long " * 100, COMPLAINT.created_at) for n in range(500))
    )
    command = [sys.executable, "-m", "web", "export"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["platform"] == "x"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
