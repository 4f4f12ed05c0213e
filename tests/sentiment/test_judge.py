"""The judge stage: every waiting mention gets its verdict, once, whatever happens in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, update

from core import waiting
from core.errors import ItemsSetAside
from core.runtime import Runtime
from core.setaside import try_again
from core.tables import Author, Mention, SetAside, Verdict
from core.types import Verdict as Reading
from sentiment.judge import judge_batch

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class FakeClassifier:
    """Calls everything with an exclamation mark a complaint; `before` runs while it reads."""

    name = "fake-1"

    def __init__(self, unreadable: str = "", before: Callable[[], None] | None = None) -> None:
        self.unreadable = unreadable
        self.before = before

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Reading]:
        if self.before:
            self.before()
        if self.unreadable and any(self.unreadable in text for text in texts):
            raise ValueError("cannot read this")
        return [Reading(self.name, "en", "negative", {"negative": 1.0}, "!" in text, 0.9) for text in texts]


def hear(runtime: Runtime, *texts: str) -> list[int]:
    with runtime.db.write() as db:
        author = Author(platform="files", native_id=texts[0], handle="ann")
        rows = [
            Mention(
                platform="files", native_id=f"{texts[0]}-{n}", author=author, text=text, created_at=NOON, heard_at=NOON
            )
            for n, text in enumerate(texts)
        ]
        db.add_all(rows)
        db.flush()
        ids = [row.id for row in rows]
        waiting.add(db, runtime.clock, "judge", ids)
    return ids


def judged(runtime: Runtime) -> dict[str, bool | None]:
    with runtime.db.read() as db:
        rows = db.execute(select(Mention.text, Verdict.complaint).join(Verdict, Verdict.mention_id == Mention.id))
        return {row.text: row.complaint for row in rows}


def test_each_mention_gets_its_own_verdict_and_goes_on_to_the_cases(runtime: Runtime) -> None:
    ids = hear(runtime, "broken!", "lovely")
    assert judge_batch(runtime, FakeClassifier()) == 2
    assert judged(runtime) == {"broken!": True, "lovely": False}
    with runtime.db.read() as db:
        assert waiting.take(db, runtime.clock, "open_case", 10) == ids
        assert waiting.take(db, runtime.clock, "cluster", 10) == ids[:1], "complaints alone make incidents"


def test_nothing_is_judged_twice(runtime: Runtime) -> None:
    hear(runtime, "broken!")
    judge_batch(runtime, FakeClassifier())
    assert judge_batch(runtime, FakeClassifier()) == 0


def test_one_unreadable_text_is_set_aside_and_its_neighbours_are_judged(runtime: Runtime) -> None:
    hear(runtime, "broken!", "poison", "lovely")
    with pytest.raises(ItemsSetAside, match=r"1 item"):
        judge_batch(runtime, FakeClassifier(unreadable="poison"))
    assert judged(runtime) == {"broken!": True, "lovely": False}
    with runtime.db.read() as db:
        assert "cannot read this" in db.scalars(select(SetAside)).one().reason


def test_what_was_set_aside_is_judged_when_a_person_says_try_again(runtime: Runtime) -> None:
    hear(runtime, "poison")
    with pytest.raises(ItemsSetAside):
        judge_batch(runtime, FakeClassifier(unreadable="poison"))
    with runtime.db.write() as db:
        assert try_again(db, runtime.clock, db.scalars(select(SetAside.id)).one()) == "judge"
    assert judge_batch(runtime, FakeClassifier()) == 1
    assert judged(runtime) == {"poison": False}


def test_a_crash_before_the_commit_leaves_the_mention_waiting(runtime: Runtime) -> None:
    hear(runtime, "broken!")

    def crash() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge_batch(runtime, FakeClassifier(before=crash))
    assert judged(runtime) == {}
    assert judge_batch(runtime, FakeClassifier()) == 1


def test_a_text_edited_while_it_is_read_is_judged_as_edited(sqlite_runtime: Runtime) -> None:
    hear(sqlite_runtime, "broken!")

    def edit() -> None:
        with sqlite_runtime.db.write() as db:
            db.execute(update(Mention).values(text="works again"))

    judge_batch(sqlite_runtime, FakeClassifier(before=edit))
    assert judged(sqlite_runtime) == {}
    judge_batch(sqlite_runtime, FakeClassifier())
    assert judged(sqlite_runtime) == {"works again": False}


def test_a_deleted_mention_is_not_read(runtime: Runtime) -> None:
    hear(runtime, "broken!")
    with runtime.db.write() as db:
        db.execute(update(Mention).values(deleted_at=NOON))
    judge_batch(runtime, FakeClassifier())
    assert judged(runtime) == {}


def test_several_judges_at_once_share_the_work(runtime: Runtime) -> None:
    hear(runtime, *(f"text {n}" for n in range(60)))
    errors: list[BaseException] = []

    def judge() -> None:
        try:
            while judge_batch(runtime, FakeClassifier(), limit=7):
                pass
        except BaseException as error:  # noqa: BLE001 - handed to the assertion below
            errors.append(error)

    threads = [threading.Thread(target=judge) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(Verdict)) == 60
        assert waiting.count(db, "judge") == 0
