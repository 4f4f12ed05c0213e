"""What an author takes back leaves no trace of its words: in the database, in the outbox, or in the log."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import text_index, waiting
from core.clock import HeldClock
from core.queue import STAGES, run_stage
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Case, Mention, Row, Source
from core.types import Outgoing, Page
from listener.collect import collect
from listener.matching import BrandMatcher
from listener.source import Context
from listener.sources.files import FilesReplier
from responder.desk import cases
from responder.outbox.redact import work
from tests.responder.stories import add_brand, add_user, hear, look


def files(settings: Settings) -> FilesReplier:
    return FilesReplier(Context({}, settings, HeldClock()))


SAID = "Xylophone parcel quagmire: nobody at Acme answers my three letters"
WORDS = ("xylophone", "quagmire", "zebedee")
OURS = "Sorry Zebedee! A xylophone parcel quagmire is not what we want. Write to care@acme.example."


def outgoing(key: str, text: str) -> Outgoing:
    return Outgoing(key, "x", "17", "https://x.example/zebedee/17", text, "the outbox", "Ana")


def test_a_line_of_the_outbox_changes_in_its_place_and_no_other_does(settings: Settings) -> None:
    replier = files(settings)
    for key in ("a", "b", "c"):
        replier.send(outgoing(key, f"{OURS} {key}"))
    before = settings.outbox.read_bytes()
    replier.redact("b", "Sorry …! A … is not what we want.")
    replier.redact("nothing has this key", "x")
    after = settings.outbox.read_bytes()
    assert len(after) == len(before)
    first, second, third = after.splitlines(keepends=True)
    assert (first, third) == (before.splitlines(keepends=True)[0], before.splitlines(keepends=True)[2])
    assert json.loads(second)["text"] == "Sorry …! A … is not what we want."
    assert json.loads(second)["mention_url"] is None
    assert replier.find(outgoing("b", "")), "it still counts as sent"


def test_where_the_new_text_does_not_fit_nothing_is_left_of_it(settings: Settings) -> None:
    replier = files(settings)
    replier.send(replace(outgoing("a", "5 7 9"), mention_url=None))
    replier.redact("a", "… … … … … … … …")
    (line,) = settings.outbox.read_text("utf-8").splitlines()
    assert json.loads(line)["text"] == "…"


def test_without_an_outbox_there_is_nothing_to_change(settings: Settings) -> None:
    files(settings).redact("a", "")
    assert not settings.outbox.exists()


def everything(db: Session) -> str:
    """Every value of every row, as text."""
    rows = (db.execute(select(table)).all() for table in Row.metadata.sorted_tables)
    return json.dumps([[str(value) for value in row] for found in rows for row in found]).casefold()


def test_deleted_upstream_leaves_no_trace_of_its_text_anywhere(
    runtime: Runtime, clock: HeldClock, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    add_brand(runtime)
    ana = add_user(runtime)
    mention_id = hear(runtime, SAID, author="zebedee")
    look(runtime)
    with runtime.db.write() as db:
        found = db.scalars(select(Case)).one()
        cases.approve(db, clock, found.id, found.version, ana, OURS, at=clock.now())
    run_stage(runtime, STAGES["post"], seconds=5)
    with runtime.db.read() as db:
        assert all(word in everything(db) for word in WORDS)
        native_id, platform = db.execute(
            select(Mention.native_id, Mention.platform).where(Mention.id == mention_id)
        ).one()
        matcher = BrandMatcher.load(db)
    outbox = runtime.settings.outbox
    assert "quagmire" in outbox.read_text("utf-8")

    with runtime.db.write() as db:
        source = db.scalars(select(Source).where(Source.kind == platform)).first() or Source(
            kind=platform, name="heard", created_at=clock.now()
        )
        db.add(source)
        db.flush()
        collect(db, clock, source, Page(deleted=(native_id,)), matcher)
        assert waiting.count(db, "redact") == 1
    assert work(runtime) == 1
    clock.advance(text_index.SCRUBBED_WITHIN.total_seconds())
    run_stage(runtime, STAGES["scrub"])

    with runtime.db.read() as db:
        left = everything(db)
    for word in WORDS:
        assert word not in left
        assert word not in outbox.read_text("utf-8").casefold()
        assert word not in caplog.text.casefold()
    if runtime.db.sqlite:
        runtime.db.close()
        for file in runtime.settings.ripplewatch_home.glob("*.sqlite*"):
            assert not [word for word in WORDS if word.encode() in file.read_bytes().lower()]
