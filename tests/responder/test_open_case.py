"""Judged mentions become cases or need nobody: each exactly once, whatever happens in between."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from core import waiting
from core.clock import HeldClock
from core.errors import ItemsSetAside
from core.runtime import Runtime
from core.setaside import try_again
from core.tables import Audit, Case, CaseTag, Match, Mention, PlaybookEntry, SetAside, Team, Verdict
from core.types import Draft
from listener.forget import forget_mentions
from responder.desk.notice import read
from responder.desk.open_case import open_cases, work
from responder.desk.triage import URGENT
from responder.drafts.draft import Answers, Occasion, OwnDrafter
from tests.responder.stories import (
    CHATTER,
    COMPLAINT,
    PRAISE,
    UNREAD,
    UNSURE,
    NoDrafts,
    add_brand,
    all_cases,
    hear,
    look,
    members,
)

US = (("bluesky", "hawkweed.example"),)
BUYS = {"intent": "purchase", "intents": {"purchase": 0.8}}


def test_a_complaint_becomes_a_case_with_everything_a_person_needs(runtime: Runtime, clock: HeldClock) -> None:
    brand_id = add_brand(runtime, timezone="Europe/Berlin", hours={"fri": ["09:00", "17:00"]})
    mention_id = hear(runtime, minutes_ago=30, followers=48_000, conversation="post-0")
    assert look(runtime) == 1
    (one,) = all_cases(runtime)
    assert (one.mention_id, one.brand_id, one.state, one.version) == (mention_id, brand_id, "new", 1)
    assert one.reasons == ["complaint (94%)", "48,000 followers"]
    assert one.thread == "bluesky post-0"
    assert one.due_at == clock.now() - timedelta(minutes=30) + timedelta(minutes=60)
    assert one.permission == "api"
    assert members(runtime) == {one.id: [mention_id]}
    with runtime.db.read() as db:
        assert [(row.action, row.user_id) for row in db.scalars(select(Audit))] == [("open", None)]
        assert waiting.count(db, "open_case") == 0


@pytest.mark.parametrize(
    ("text", "verdict", "opens"),
    [
        ("my parcel is late", COMPLAINT, True),
        ("hm", UNSURE, True),
        ("hm", UNSURE | {"scores": {"negative": 0.1, "neutral": 0.6, "positive": 0.3}}, False),
        ("hm?", UNSURE | {"scores": {"negative": 0.1, "neutral": 0.6, "positive": 0.3}}, True),
        ("@hawkweed.example hm", UNSURE | {"scores": {"negative": 0.1, "neutral": 0.6, "positive": 0.3}}, True),
        ("mein Paket ist zu spät", UNREAD, True),
        ("lovely boots", PRAISE, False),
        ("lovely boots @hawkweed.example", PRAISE, True),
        ("thinking of hawkweed boots", CHATTER | BUYS, False),
        ("are hawkweed boots any good?", CHATTER | BUYS, True),
        ("@hawkweed.example I want the green ones", CHATTER | BUYS, True),
        ("are hawkweed boots any good?", CHATTER | BUYS | {"intents": {"purchase": 0.4}}, False),
        ("is hawkweed any good?", CHATTER, False),
        ("@hawkweed.example do you open on Sundays?", CHATTER, True),
        ("see https://hawkweed.example/?q=1 @hawkweed.example", CHATTER, False),
        ("horrible weather", CHATTER | {"sentiment": "negative"}, False),
        ("not judged yet", {}, False),
    ],
)
def test_who_needs_a_person(sqlite_runtime: Runtime, text: str, verdict: dict[str, Any], opens: bool) -> None:
    add_brand(sqlite_runtime, own=US)
    hear(sqlite_runtime, text, verdict)
    assert look(sqlite_runtime) == 1
    assert len(all_cases(sqlite_runtime)) == opens


def test_a_brand_may_leave_praise_alone(sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime, own=US, thanks=False)
    hear(sqlite_runtime, "lovely boots @hawkweed.example", PRAISE)
    look(sqlite_runtime)
    assert all_cases(sqlite_runtime) == []


def test_what_a_case_is_about(sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime, own=US)
    hear(sqlite_runtime, "late", author="ann")
    hear(sqlite_runtime, "@hawkweed.example open on Sundays?", CHATTER, author="ben")
    hear(sqlite_runtime, "@hawkweed.example lovely boots", PRAISE, author="cleo")
    hear(sqlite_runtime, "are hawkweed boots any good?", CHATTER | BUYS, author="dan")
    hear(sqlite_runtime, "hm", UNSURE, author="eve")
    look(sqlite_runtime)
    found = {one.kind: one for one in all_cases(sqlite_runtime)}
    assert set(found) == {"complaint", "question", "praise", "purchase", "other"}
    assert found["praise"].priority < found["complaint"].priority


def test_who_wants_to_buy_is_handed_to_sales(runtime: Runtime) -> None:
    brand = add_brand(runtime)
    with runtime.db.write() as db:
        care, sales = (Team(brand_id=brand, name=name, created_at=runtime.clock.now()) for name in ("Care", "Sales"))
        db.add_all([care, sales])
    hear(runtime, "are hawkweed boots any good?", CHATTER | BUYS, author="dan")
    hear(runtime, "late", author="ann")
    look(runtime)
    with runtime.db.read() as db:
        buyer, other = db.scalars(select(Case).order_by(Case.id))
        assert (buyer.team_id, other.team_id) == (sales.id, care.id)
        assert db.scalars(select(CaseTag.case_id).where(CaseTag.tag == "sales")).all() == [buyer.id]


def test_what_nobody_could_read_presses_less_than_a_complaint_and_says_why(sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime)
    hear(sqlite_runtime, "mein Paket", UNREAD, author="anna")
    hear(sqlite_runtime, "hm", UNSURE, author="ben")
    hear(sqlite_runtime, "late", author="cleo")
    look(sqlite_runtime)
    unread, unsure, complaint = all_cases(sqlite_runtime)
    assert unread.reasons == ["language not judged"]
    assert unsure.reasons == ["not sure if a complaint (50%)", "negative (90%)"]
    assert max(unread.priority, unsure.priority) < complaint.priority


@pytest.mark.parametrize(
    ("text", "kind", "speaks"),
    [
        ("@hawkweed.example hi", "post", True),
        ("thanks to @Hawkweed.Example.", "post", True),
        ("@hawkweed hi", "post", False),
        ("me@hawkweed.example", "post", False),
        ("hawkweed.example", "post", False),
        ("Dear all", "email", True),
    ],
)
def test_who_is_spoken_to(sqlite_runtime: Runtime, text: str, kind: str, speaks: bool) -> None:
    add_brand(sqlite_runtime, own=US)
    mention_id = hear(sqlite_runtime, text, kind=kind) if kind == "post" else None
    if mention_id is None:
        mention_id = hear(sqlite_runtime, text)
        with sqlite_runtime.db.write() as db:
            db.execute(update(Mention).values(kind=kind))
    with sqlite_runtime.db.read() as db:
        (one,) = read(db, [mention_id])
    assert one.addressee() == (one.brands[0], speaks)


def test_on_mastodon_neighbours_leave_our_server_out(sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime, own=[("mastodon", "hawkweed@outdoors.example")])
    ids = [
        hear(sqlite_runtime, text, CHATTER, platform="mastodon")
        for text in ("@hawkweed open?", "@hawkweed@outdoors.example open?", "@hawkweed@other.example open?")
    ]
    with sqlite_runtime.db.read() as db:
        spoken_to = [one.addressee()[1] for one in read(db, ids)]
    assert spoken_to == [True, True, False]


def test_own_posts_and_deleted_ones_are_never_cases(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime, own=US)
    hear(runtime, "we are sorry that parcels are late", author="hawkweed.example")
    gone = hear(runtime, "late")
    with runtime.db.write() as db:
        forget_mentions(db, clock, [gone])
        waiting.add(db, clock, "open_case", [gone])
    look(runtime)
    assert all_cases(runtime) == []


def test_a_mention_of_two_brands_is_the_case_of_the_one_it_speaks_to(sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime, "other")
    ours = add_brand(sqlite_runtime, own=US)
    mention_id = hear(sqlite_runtime, "worse than other, @hawkweed.example", brand="other")
    with sqlite_runtime.db.write() as db:
        db.add(Match(mention_id=mention_id, brand_id=ours))
    look(sqlite_runtime)
    assert [one.brand_id for one in all_cases(sqlite_runtime)] == [ours]


def test_what_is_said_of_a_competitor_is_nobodys_case_unless_it_is_ours_as_well(sqlite_runtime: Runtime) -> None:
    theirs = add_brand(sqlite_runtime, "globex", competitor=True)
    ours = add_brand(sqlite_runtime)
    hear(sqlite_runtime, brand="globex")
    both = hear(sqlite_runtime, brand="globex")
    with sqlite_runtime.db.write() as db:
        db.add(Match(mention_id=both, brand_id=ours))
    look(sqlite_runtime)
    assert [(one.mention_id, one.brand_id) for one in all_cases(sqlite_runtime)] == [(both, ours)]
    assert theirs != ours


def test_urgent_ones_are_due_sooner(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    add_brand(sqlite_runtime, first_reply_minutes=60, urgent_reply_minutes=15)
    hear(sqlite_runtime, author="ann")
    look(sqlite_runtime)
    assert all_cases(sqlite_runtime)[0].due_at == clock.now() + timedelta(minutes=60)
    for _ in range(2):
        hear(sqlite_runtime, "hello?", author="ann")
        clock.advance(60)
    look(sqlite_runtime)
    (one,) = all_cases(sqlite_runtime)
    assert one.priority >= URGENT
    assert one.due_at == clock.now() + timedelta(minutes=14)


def test_the_newest_verdict_counts(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime)
    one, other = hear(runtime, verdict=PRAISE, author="ann"), hear(runtime, author="ben")
    look(runtime)
    newer = {"model": "fake-2", "language": "en", "judged_at": clock.now()}
    with runtime.db.write() as db:
        db.add(Verdict(mention_id=one, **newer | COMPLAINT))
        db.add(Verdict(mention_id=other, **newer | PRAISE))
        waiting.add(db, clock, "open_case", [one, other])
    look(runtime)
    assert sorted(found.mention_id for found in all_cases(runtime)) == [one, other]


class Suggests:
    """Suggests one reply to everything, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def draft(self, occasions: Sequence[Occasion], answers: Answers) -> list[tuple[Draft, ...]]:
        self.asked += [occasion.text for occasion in occasions]
        return [(Draft("Sorry!", "playbook", "similar to “Late”", answers.playbook[0].id, 0.7),) for _ in occasions]


def add_entry(runtime: Runtime, brand_id: int, **values: Any) -> None:
    with runtime.db.write() as db:
        entry = {"name": "Late parcel", "text": "{name}, sorry that your parcel is late. {agent}", "about": "late"}
        db.add(PlaybookEntry(brand_id=brand_id, changed_at=runtime.clock.now(), **entry | values))


def test_suggestions_come_with_the_case_for_those_who_need_them(runtime: Runtime) -> None:
    add_entry(runtime, add_brand(runtime))
    suggests = Suggests()
    hear(runtime, "late parcel", author="ann")
    hear(runtime, "lovely", PRAISE, author="ben")
    open_cases(runtime, suggests)
    assert suggests.asked == ["late parcel"]
    with runtime.db.read() as db:
        (draft,) = db.scalars(select(Case)).one().drafts
        assert (draft.text, draft.origin, draft.score) == ("Sorry!", "playbook", 0.7)


def test_the_playbook_speaks_to_the_author_by_name_and_only_active_entries_count(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    add_entry(runtime, brand_id)
    add_entry(runtime, brand_id, name="Old", active=False)
    add_entry(runtime, brand_id, name="Over", text="{name}, late until now", expires_at=runtime.clock.now())
    hear(runtime, "my parcel is late", author="ann")
    open_cases(runtime, OwnDrafter())
    with runtime.db.read() as db:
        (draft,) = db.scalars(select(Case)).one().drafts
        assert draft.text == "Ann, sorry that your parcel is late. {agent}"
        assert draft.unresolved == ["agent"]


class Fails:
    """A drafter that always fails."""

    def draft(self, occasions: Sequence[Occasion], answers: Answers) -> list[tuple[Draft, ...]]:
        raise ValueError("no drafts today")


def test_a_drafter_that_fails_keeps_no_complaint_from_being_seen(sqlite_runtime: Runtime) -> None:
    add_entry(sqlite_runtime, add_brand(sqlite_runtime))
    hear(sqlite_runtime)
    assert open_cases(sqlite_runtime, Fails()) == 1
    assert len(all_cases(sqlite_runtime)) == 1


@pytest.mark.parametrize("poison", [{"scores": {"negative": "much"}}, {"emotions": ["anger"]}])
def test_a_mention_that_cannot_be_decided_is_set_aside_alone(
    runtime: Runtime, clock: HeldClock, poison: dict[str, Any]
) -> None:
    add_brand(runtime)
    good = hear(runtime, author="ann")
    bad = hear(runtime, verdict=COMPLAINT | poison, author="ben")
    also = hear(runtime, author="cleo")
    with pytest.raises(ItemsSetAside) as raised:
        look(runtime)
    assert raised.value.count == 1
    assert sorted(one.mention_id for one in all_cases(runtime)) == [good, also]
    with runtime.db.write() as db:
        aside = db.scalars(select(SetAside)).one()
        assert (aside.stage, aside.subject, aside.subject_id) == ("open_case", "mention", bad)
        db.execute(update(Verdict).where(Verdict.mention_id == bad).values(scores={}, emotions={}))
        assert try_again(db, clock, aside.id) == "open_case"
    look(runtime)
    assert len(all_cases(runtime)) == 3


def test_a_brand_whose_hours_cannot_be_read_holds_up_no_other(runtime: Runtime) -> None:
    add_brand(runtime)
    add_brand(runtime, "broken", timezone="Mars/Olympus", hours={"mon": ["09:00", "17:00"]})
    good = hear(runtime, author="ann")
    bad = hear(runtime, author="ben", brand="broken")
    with pytest.raises(ItemsSetAside):
        look(runtime)
    assert [one.mention_id for one in all_cases(runtime)] == [good]
    with runtime.db.read() as db:
        aside = db.scalars(select(SetAside)).one()
        assert aside.subject_id == bad
        assert "Mars/Olympus" in aside.reason


def test_looking_twice_changes_nothing(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime)
    ids = [hear(runtime, author=f"author{n}") for n in range(3)]
    look(runtime)
    before = [(one.id, one.version, one.priority) for one in all_cases(runtime)]
    with runtime.db.write() as db:
        waiting.add(db, clock, "open_case", ids)
    look(runtime)
    assert [(one.id, one.version, one.priority) for one in all_cases(runtime)] == before


def test_workers_side_by_side_open_each_case_once_and_one_per_author(runtime: Runtime) -> None:
    add_brand(runtime)
    for n in range(120):
        hear(runtime, f"late {n}", author=f"author{n % 30}", minutes_ago=n)
    start, errors, seen = threading.Barrier(4), [], []

    def work() -> None:
        start.wait()
        try:
            for _ in range(40):
                seen.append(open_cases(runtime, NoDrafts(), limit=7))
        except Exception as error:  # noqa: BLE001 - handed to the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(seen) == 120
    assert len(all_cases(runtime)) == 30
    assert sum(map(len, members(runtime).values())) == 120


def test_a_batch_takes_as_many_statements_however_many_mentions_it_has(sqlite_runtime: Runtime) -> None:
    runtime = sqlite_runtime
    add_brand(runtime)
    counts = []
    for size in (5, 50):
        for n in range(size):
            hear(runtime, f"late {n}", author=f"{size}-{n % (size // 2)}")
        look(runtime)  # cases, of which some are joined below
        for n in range(size):
            hear(runtime, f"again {n}", (COMPLAINT, PRAISE, UNSURE)[n % 3], author=f"{size}-{n % size}")
        statements: list[str] = []
        event.listen(runtime.db.engine, "before_cursor_execute", lambda *given, into=statements: into.append(given[2]))
        open_cases(runtime, NoDrafts())
        counts.append(len(statements))
    assert counts[1] <= counts[0] + 2


def test_work_does_nothing_and_loads_nothing_where_nothing_waits(sqlite_runtime: Runtime) -> None:
    assert work(sqlite_runtime) == 0
