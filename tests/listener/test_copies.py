"""Nearly identical texts find each other when they are stored; what was made from words goes with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Copy, Wording
from core.types import Page
from listener.copies import LIKE, fingerprints, pairs_of
from listener.forget import forget_mentions
from tests.listener import made
from tests.listener.made import WRITTEN, post

COMPLAINT = "acme lost my parcel for the second time this month and nobody at the help desk ever answers, avoid them"


def links(runtime: Runtime) -> dict[int, int]:
    """Which mention says nearly the same as which, by native ids."""
    names = {row.id: int(row.native_id) for row in made.mentions(runtime)}
    with runtime.db.read() as db:
        return {names[row.mention_id]: names[row.first_id] for row in db.scalars(select(Copy))}


def fingerprinted(runtime: Runtime) -> set[int]:
    names = {row.id: int(row.native_id) for row in made.mentions(runtime)}
    with runtime.db.read() as db:
        return {names[one] for one in db.scalars(select(Wording.mention_id))}


@pytest.mark.parametrize(
    "copied",
    [
        COMPLAINT,
        COMPLAINT.upper() + "!!!",
        f"@ann {COMPLAINT} https://acme.example/x?utm=1",
        COMPLAINT.replace("second", "third"),
        "RT! " + COMPLAINT,
        COMPLAINT.replace("lost", "l\u200bost"),
    ],
)
def test_a_copy_is_linked_to_the_first(runtime: Runtime, copied: str) -> None:
    made.brand(runtime)
    source = made.source(runtime)
    made.store(runtime, source, [post(1, COMPLAINT)])
    made.store(runtime, source, [post(2, copied, author="bob")])
    assert links(runtime) == {2: 1}
    assert fingerprinted(runtime) == {1}


@pytest.mark.parametrize(
    "other",
    [
        "acme lost my parcel",
        "acme found my parcel after a month, and the help desk answers every time: I will use them again",
        "the help desk of acme is slow today, is there anybody else who waits for an answer on their parcel",
    ],
)
def test_what_only_shares_words_is_not_linked(sqlite_runtime: Runtime, other: str) -> None:
    made.brand(sqlite_runtime)
    made.store(sqlite_runtime, made.source(sqlite_runtime), [post(1, COMPLAINT), post(2, other)])
    assert links(sqlite_runtime) == {}


def test_short_texts_are_not_compared(sqlite_runtime: Runtime) -> None:
    made.brand(sqlite_runtime)
    texts = ["thank you acme", "@acme thank you so https://a.example/1", "acme thank you so much"]
    mentions = [post(2 * number + copy, text) for number, text in enumerate(texts) for copy in (0, 1)]
    made.store(sqlite_runtime, made.source(sqlite_runtime), mentions)
    assert links(sqlite_runtime) == {5: 4}


def test_texts_without_spaces_are_compared_too(sqlite_runtime: Runtime) -> None:
    made.brand(sqlite_runtime, "acme", "荷物")
    mentions = [
        post(1, "荷物がまだ届きません。もう三週間です"),
        post(2, "荷物がまだ届きません。もう四週間です"),
        post(3, "荷物ありがとうございました"),
    ]
    made.store(sqlite_runtime, made.source(sqlite_runtime), mentions)
    assert links(sqlite_runtime) == {2: 1}


def test_only_posts_to_the_same_brand_within_a_month_are_linked(runtime: Runtime) -> None:
    made.brand(runtime, "acme", "acme -zeta")
    made.brand(runtime, "zeta", "zeta -acme")
    to_zeta = COMPLAINT.replace("acme", "zeta")
    later, much_later = (
        post(number, COMPLAINT, created_at=WRITTEN + timedelta(days=days)) for number, days in ((3, 29), (4, 31))
    )
    page = [post(1, COMPLAINT), post(2, to_zeta), later, much_later]
    made.store(runtime, made.source(runtime), page)
    assert links(runtime) == {3: 1}


def test_a_wave_of_copies_leaves_the_fingerprints_of_one(sqlite_runtime: Runtime) -> None:
    made.brand(sqlite_runtime)
    source = made.source(sqlite_runtime)
    wave = [post(number, f"{COMPLAINT} ({number})", author=f"p{number}") for number in range(1_200)]
    made.store(sqlite_runtime, source, wave[:600])
    made.store(sqlite_runtime, source, wave[600:])
    assert set(links(sqlite_runtime).values()) == {0}
    assert len(links(sqlite_runtime)) == 1_199
    with sqlite_runtime.db.read() as db:
        assert len(db.scalars(select(Wording)).all()) == 6


def test_hearing_it_again_changes_nothing(sqlite_runtime: Runtime) -> None:
    made.brand(sqlite_runtime)
    source = made.source(sqlite_runtime)
    for _ in range(2):
        made.store(sqlite_runtime, source, [post(1, COMPLAINT), post(2, COMPLAINT)])
    assert links(sqlite_runtime) == {2: 1}


def test_an_edited_text_is_compared_anew(runtime: Runtime) -> None:
    made.brand(runtime)
    source = made.source(runtime)
    made.store(runtime, source, [post(1, COMPLAINT), post(2, COMPLAINT), post(3, COMPLAINT)])
    edited = post(1, "acme has sent my parcel at last, so all is well that ends well, thanks to their help desk")
    made.store(runtime, source, Page(edited=(edited,)))
    assert links(runtime) == {3: 2}
    assert fingerprinted(runtime) == {1, 2}


def test_forgetting_removes_fingerprints_and_the_next_becomes_the_first(runtime: Runtime) -> None:
    made.brand(runtime)
    source = made.source(runtime)
    made.store(runtime, source, [post(number, COMPLAINT) for number in (1, 2, 3)])
    ids = {int(row.native_id): row.id for row in made.mentions(runtime)}
    with runtime.db.write() as db:
        forget_mentions(db, runtime.clock, [ids[1]])
    assert links(runtime) == {3: 2}
    assert fingerprinted(runtime) == {2}
    made.store(runtime, source, [post(4, COMPLAINT)])
    assert links(runtime) == {3: 2, 4: 2}
    with runtime.db.write() as db:
        forget_mentions(db, runtime.clock, [ids[2], ids[3]])
    assert links(runtime) == {}
    assert fingerprinted(runtime) == {4}


def test_like_texts_share_a_fingerprint_and_others_do_not() -> None:
    words = [f"word{number}" for number in range(40)]
    whole = pairs_of(" ".join(words))
    for changed in range(4):
        other = pairs_of(" ".join([*words[: 40 - changed], *(f"new{number}" for number in range(changed))]))
        assert len(whole & other) / len(whole | other) > LIKE
        assert set(fingerprints(whole)) & set(fingerprints(other))
    strange = pairs_of(" ".join(reversed(words)))
    assert not set(fingerprints(whole)) & set(fingerprints(strange))
