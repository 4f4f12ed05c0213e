"""What was heard live and cannot wait overtakes, from the moment it is stored; what comes late lets all else pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core import tables, waiting
from core.runtime import Runtime
from core.types import Author, Page
from core.waiting import LATE, PRESSING, USUAL
from listener.collect import collect
from listener.importing import import_files
from listener.matching import BrandMatcher
from sentiment.judge import judge_batch
from sentiment.lexicon import LexiconClassifier
from tests.listener import made

CALM = "out for a walk in my acme boots"
ANGRY = "acme: still no refund"
FAMOUS = Author("id-star", "star", followers=250_000)


def lanes(runtime: Runtime, stage: str = "judge") -> dict[str, int]:
    """The lane of every mention that waits for a stage, by its id on the platform."""
    with runtime.db.read() as db:
        ids = {one.id: one.native_id for one in made.mentions(runtime)}
        return {ids[one]: lane for one, lane in waiting.lanes(db, stage, ids).items()}


@pytest.mark.parametrize(
    ("said", "lane"),
    [
        ({"text": CALM}, USUAL),
        ({"text": ANGRY}, PRESSING),
        ({"text": CALM, "author": FAMOUS}, PRESSING),
        ({"text": f"@AcmeHelp {CALM}"}, PRESSING),
        ({"text": f"@AcmeHelpers {CALM}"}, USUAL),
        ({"text": CALM, "kind": "email"}, PRESSING),
        ({"text": CALM, "reply_to": "ours"}, PRESSING),
        ({"text": CALM, "reply_to": "theirs"}, USUAL),
    ],
)
def test_what_was_written_minutes_ago_overtakes_where_it_presses(
    sqlite_runtime: Runtime, said: dict[str, Any], lane: int
) -> None:
    runtime, now = sqlite_runtime, sqlite_runtime.clock.now()
    brand_id, source_id = made.brand(runtime, own=["acmehelp"]), made.source(runtime)
    _we_replied(runtime, brand_id, source_id, "ours")
    for age in (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3)):
        one = replace(made.post(str(age), created_at=now - age), **said)
        made.store(runtime, source_id, [one])
    assert lanes(runtime) == {"0:05:00": lane, "0:30:00": USUAL, "3:00:00": LATE}


def _we_replied(runtime: Runtime, brand_id: int, source_id: int, native_id: str) -> None:
    """A reply of ours that stands on the platform; the mention that it answers waits for nothing any more."""
    now = runtime.clock.now()
    made.store(runtime, source_id, [made.post("answered")])
    (row,) = made.mentions(runtime)
    with runtime.db.write() as db:
        waiting.done(db, "judge", [row.id])
        case = tables.Case(brand_id=brand_id, mention_id=row.id, author_id=row.author_id, state="sent")
        case.permission, case.permission_why, case.opened_at, case.changed_at = "api", "", now, now
        reply = {"turn": 1, "key": "k", "text": "Sorry!", "account": "", "via": "x", "approved_at": now}
        case.replies = [tables.Reply(**reply, sent_at=now, native_id=native_id)]
        db.add(case)


def test_the_lane_goes_on_from_the_judge_to_what_follows(runtime: Runtime) -> None:
    now = runtime.clock.now()
    made.brand(runtime)
    posts = [made.post("calm", CALM, created_at=now), made.post("angry", ANGRY, created_at=now)]
    made.store(runtime, made.source(runtime), [*posts, made.post("old", ANGRY)])
    wanted = {"calm": USUAL, "angry": PRESSING, "old": LATE}
    assert lanes(runtime) == wanted
    while judge_batch(runtime, LexiconClassifier()):
        pass
    assert lanes(runtime) == {}
    assert lanes(runtime, "open_case") == wanted


def test_what_is_imported_or_fetched_after_all_lets_others_pass(sqlite_runtime: Runtime, tmp_path: Path) -> None:
    runtime, now = sqlite_runtime, sqlite_runtime.clock.now()
    made.brand(runtime)
    source_id, file = made.source(runtime), tmp_path / "posts.csv"
    file.write_text(f"platform,id,author,text,created_at\nx,imported,ann,{ANGRY},{now.isoformat()}\n")
    import_files(runtime, [file])
    with runtime.db.write() as db:
        row, page = db.get_one(tables.Source, source_id), Page((made.post("missed", ANGRY, created_at=now),))
        collect(db, runtime.clock, row, page, BrandMatcher.load(db), late=True)
    assert lanes(runtime) == {"imported": LATE, "missed": LATE}


def test_an_edit_that_turns_into_a_complaint_overtakes(sqlite_runtime: Runtime) -> None:
    runtime, now = sqlite_runtime, sqlite_runtime.clock.now()
    made.brand(runtime)
    source_id = made.source(runtime)
    made.store(runtime, source_id, [made.post("one", CALM, created_at=now)])
    assert lanes(runtime) == {"one": USUAL}
    made.store(runtime, source_id, Page(edited=(made.post("one", ANGRY, created_at=now),)))
    assert lanes(runtime) == {"one": PRESSING}
    with runtime.db.read() as db:
        assert db.scalars(select(tables.Mention.text)).one() == ANGRY
