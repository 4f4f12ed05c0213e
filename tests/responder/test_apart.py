"""What is probably not about the brand opens no case, unless it speaks to us or somebody brought it back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from core import waiting
from core.runtime import Runtime
from core.tables import Case, CaseMention, Relevance
from responder.desk.open_case import open_cases
from sentiment import relevance
from sentiment.relevance import UNLIKELY, Filters
from tests.responder.stories import PRAISE, NoDrafts, add_brand, hear
from tests.sentiment.test_relevance import FruitEmbedder, say_of_cases


@pytest.fixture
def brand_id(runtime: Runtime) -> int:
    """A brand whose filter has learned that fruit is not about it."""
    add_brand(runtime, own=[("bluesky", "hawkweed")])
    say_of_cases(runtime, True, *["a phone"] * 6)
    return say_of_cases(runtime, False, *["a fruit"] * 6)


def look(runtime: Runtime, filters: Filters | None = None) -> None:
    while open_cases(runtime, NoDrafts(), filters=filters or Filters(FruitEmbedder().embed)):
        pass


def in_case(runtime: Runtime, mention_id: int) -> bool:
    with runtime.db.read() as db:
        return db.scalar(select(CaseMention.case_id).where(CaseMention.mention_id == mention_id)) is not None


def score(runtime: Runtime, mention_id: int) -> float | None:
    with runtime.db.read() as db:
        return db.scalar(select(Relevance.score).where(Relevance.mention_id == mention_id))


def test_it_is_kept_apart_with_its_score(runtime: Runtime, brand_id: int) -> None:
    fruit, phone = hear(runtime, "rotten fruit", author="eve"), hear(runtime, "broken phone", author="zoe")
    praise = hear(runtime, "lovely fruit", PRAISE, author="joe")
    look(runtime)
    assert not in_case(runtime, fruit)
    assert (score(runtime, fruit) or 1) < UNLIKELY
    assert in_case(runtime, phone)
    assert [score(runtime, phone), score(runtime, praise)] == [None, None]


def test_what_is_brought_back_becomes_a_case(runtime: Runtime, brand_id: int) -> None:
    fruit = hear(runtime, "rotten fruit", author="eve")
    look(runtime)
    with runtime.db.write() as db:
        relevance.say(db, runtime.clock, fruit, brand_id, about_us=True, who="Ana")
        waiting.add(db, runtime.clock, "open_case", [fruit])
    look(runtime)
    assert in_case(runtime, fruit)


def test_what_speaks_to_us_is_always_about_us(runtime: Runtime, brand_id: int) -> None:
    spoken = hear(runtime, "@hawkweed rotten fruit", author="eve")
    look(runtime)
    assert in_case(runtime, spoken)
    assert score(runtime, spoken) is None


def test_it_joins_the_open_case_of_its_author_in_the_same_thread(runtime: Runtime, brand_id: int) -> None:
    phone = hear(runtime, "broken phone", author="zoe", conversation="t1")
    look(runtime)
    fruit = hear(runtime, "and rotten fruit", author="zoe", conversation="t1")
    look(runtime)
    assert in_case(runtime, phone)
    assert in_case(runtime, fruit)


def test_a_filter_that_fails_holds_nothing_back(runtime: Runtime, brand_id: int) -> None:
    def broken(texts: Sequence[str]) -> None:
        raise RuntimeError(f"no embedding of {len(texts)} texts")

    fruit = hear(runtime, "rotten fruit", author="eve")
    look(runtime, Filters(broken))  # type: ignore[arg-type]
    assert in_case(runtime, fruit)
    with runtime.db.read() as db:
        assert db.scalars(select(Case).where(Case.mention_id == fruit)).one().brand_id == brand_id
