"""What the writer is asked for a case, what of its answer is kept, and where it must not be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from core.errors import Forbidden
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Brand, Case, Draft, Mention, PlaybookEntry
from responder.drafts import writing
from responder.drafts.prompt import Message, cleaned
from responder.drafts.writer import WriterFailed
from tests.responder.stories import COMPLAINT, add_case, add_user

SETTINGS = Settings(writer_url="http://127.0.0.1:1/v1", writer_model="small")
APPROVED = "{name}, sorry that your parcel is late. See https://hawkweed.example/help or call 030 1234567. {agent}"
REWORDED = "{name}, I am sorry that your parcel came late. Call 030 1234567. {agent}"


class Says:
    """A writer that always says the same, and remembers what it was asked."""

    name = "small"

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[Message] = []

    def write(self, chat: Sequence[Message]) -> str:
        self.asked += chat
        return self.answer


def add_entry(runtime: Runtime, brand_id: int, **values: Any) -> int:
    with runtime.db.write() as db:
        entry = {"name": "Late parcel", "text": APPROVED, "tags": ["general"]}
        row = PlaybookEntry(brand_id=brand_id, changed_at=runtime.clock.now(), **entry | values)
        db.add(row)
        db.flush()
        return row.id


def with_writer(runtime: Runtime, text: str = "my parcel is late", **heard: Any) -> Case:
    case = add_case(runtime, text, author="ann", **heard)
    with runtime.db.write() as db:
        db.get_one(Brand, case.brand_id).writer = {"on": True}
    return case


def assigned(runtime: Runtime, case: Case, settings: Settings = SETTINGS) -> writing.Written:
    with runtime.db.read() as db:
        return writing.assign(db, runtime.clock, settings, case.id)


def test_the_best_drafts_entry_is_reworded_else_a_general_one(runtime: Runtime) -> None:
    case = with_writer(runtime)
    general, close = add_entry(runtime, case.brand_id), add_entry(runtime, case.brand_id, name="Close", tags=[])
    add_entry(runtime, case.brand_id, name="Over", expires_at=runtime.clock.now())
    assert assigned(runtime, case).entry_id == general
    with runtime.db.write() as db:
        draft = {"case_id": case.id, "origin": "playbook", "text": "", "why": "", "created_at": runtime.clock.now()}
        db.add(Draft(playbook_id=close, score=0.5, **draft))
    asked = assigned(runtime, case)
    assert (asked.entry_id, asked.entry_name, asked.values["name"]) == (close, "Close", "Ann")
    assert (asked.assignment.longest, asked.assignment.language, asked.same_language) == (300, "English", True)


def test_it_is_not_asked_where_it_may_not_be(runtime: Runtime) -> None:
    case = with_writer(runtime)
    with pytest.raises(Forbidden, match="only rewords replies of the playbook"):
        assigned(runtime, case)
    add_entry(runtime, case.brand_id)
    with pytest.raises(Forbidden, match="no writer is set up"):
        assigned(runtime, case, Settings())
    with runtime.db.write() as db:
        db.get_one(Mention, case.mention_id).platform = "x"
    with pytest.raises(Forbidden, match="X asks that replies written by AI be approved"):
        assigned(runtime, case)
    with runtime.db.write() as db:
        db.get_one(Brand, case.brand_id).writer = {"on": True, "confirmed": ["x"]}
    assert assigned(runtime, case).assignment.longest == 280
    with runtime.db.write() as db:
        db.get_one(Mention, case.mention_id).deleted_at = runtime.clock.now()
    with pytest.raises(Forbidden, match="the post is gone"):
        assigned(runtime, case)


def test_what_it_wrote_is_kept_once_per_person_with_what_the_guard_says(runtime: Runtime) -> None:
    case, ana, bo = with_writer(runtime), add_user(runtime), add_user(runtime, "Bo")
    add_entry(runtime, case.brand_id)
    asked = assigned(runtime, case)
    for user_id, text in ((ana, "Ann, sorry."), (ana, "Ann, sorry, you should have asked."), (bo, "Ann, sorry!")):
        with runtime.db.write() as db:
            writing.keep(db, runtime.clock, case.id, user_id, asked, "small", text, ())
    with runtime.db.read() as db:
        kept = {row.user_id: (row.text, row.why) for row in db.scalars(select(Draft))}
    why = "written by small from “Late parcel”"
    blame = "; look twice: “you should have asked” blames the customer: say what you will do instead"
    assert kept == {ana: ("Ann, sorry, you should have asked.", why + blame), bo: ("Ann, sorry!", why)}


def test_a_translation_says_that_it_is_one(runtime: Runtime) -> None:
    case = with_writer(runtime, "mi paquete llega tarde", verdict=COMPLAINT | {"language": "es"})
    add_entry(runtime, case.brand_id)
    asked = assigned(runtime, case)
    assert (asked.assignment.language, asked.same_language) == ("Spanish", False)
    text, left = writing.compose(Says("{name}, lo siento mucho. {agent}"), asked, SETTINGS)
    with runtime.db.write() as db:
        row = writing.keep(db, runtime.clock, case.id, add_user(runtime), asked, "small", text, left)
        assert "it is a translation: have somebody read it who speaks the language" in row.why


@pytest.fixture
def asked(sqlite_runtime: Runtime) -> writing.Written:
    case = with_writer(sqlite_runtime, "my parcel is late, call me on 0151 23456789 or ann@example.com")
    add_entry(sqlite_runtime, case.brand_id)
    return assigned(sqlite_runtime, case)


@pytest.mark.parametrize(
    "answer",
    [
        REWORDED,
        f"  {REWORDED}\n",
        f'"{REWORDED}"',
        f"<think>He said so.\n</think>\n{REWORDED}",
        f"```\n{REWORDED}\n```",
    ],
)
def test_an_answer_is_taken_out_of_what_models_put_around_it(asked: writing.Written, answer: str) -> None:
    text, left = writing.compose(Says(answer), asked, SETTINGS)
    assert (text, left) == ("Ann, I am sorry that your parcel came late. Call 030 1234567. {agent}", ("agent",))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "nothing that could be a reply"),
        ("Sorry that your parcel is late. See https://hawkweed.example.evil.example/", "added “https://hawkweed.ex"),
        ("Sorry that your parcel is late, see evil.example", "added “evil.example”"),
        ("Sorry that your parcel is late, call 030 7654321", "added “030 7654321”"),
        ("Sorry that your parcel is late, have 20 EUR", "added “20 EUR”"),
        ("Sorry that your parcel is late, we compensate", "added “compensate”"),
        ("Sorry that your parcel is late " + "so " * 200, "characters, and 300 are allowed here"),
        ("Sorry that your parcel\u202e is late", "an invisible character"),
        ("Bananas grow in warm countries only", "strayed from “Late parcel”"),
        ("You reword an approved reply of a brand so that it answers", "repeated its instructions"),
    ],
)
def test_an_answer_that_is_of_no_use_is_thrown_away_with_the_reason(
    asked: writing.Written, answer: str, told: str
) -> None:
    with pytest.raises(WriterFailed, match=told):
        writing.compose(Says(answer), asked, SETTINGS)


def test_the_post_is_asked_about_without_personal_data_and_the_author(asked: writing.Written) -> None:
    says = Says(REWORDED)
    writing.compose(says, asked, SETTINGS)
    assert (
        says.asked[1]["content"]
        == '{"post": "my parcel is late, call me on \\u005bphone\\u005d or \\u005be-mail\\u005d"}'
    )
    assert "Ann" not in str(says.asked)


def test_a_secret_of_ours_is_never_shown(asked: writing.Written) -> None:
    settings = Settings(writer_url="http://127.0.0.1:1", writer_model="small", secret_key="parcel-late-4711")
    with pytest.raises(WriterFailed, match="a secret of this service"):
        writing.compose(Says("Sorry that your parcel is late parcel-late-4711"), asked, settings)


def test_a_long_post_is_cut_and_hidden_signs_are_gone(asked: writing.Written) -> None:
    assert len(cleaned("word " * 20_000)) == 1_500
    assert cleaned("a\u200bb\u202ec\U000e0041d\n") == "abcd\n"
    long = replace(asked, assignment=replace(asked.assignment, post="x" * 100_000))
    says = Says(REWORDED)
    writing.compose(says, long, SETTINGS)
    assert len(says.asked[1]["content"]) < 2_000
