"""Each brand's filter learns from what people say is not about it, and holds nothing back that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Brand, Relevance
from sentiment import classifier, relevance
from sentiment.relevance import ENOUGH, UNLIKELY, Examples, Filters, fit
from tests.responder.stories import add_brand, hear, look
from tests.sentiment.apples import COMPANY, FRUIT


class FruitEmbedder:
    """Knows fruit from phones by one word each, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += 1
        seen = np.array([[0.6 * ("fruit" in text), 0.6 * ("phone" in text), bool(text)] for text in texts])
        noise = np.random.default_rng(7).normal(0, 0.02, (len(texts), 3)) * seen[:, 2:]
        return np.asarray(seen + noise, dtype=np.float32)


@pytest.fixture(scope="module")
def bundled() -> relevance.Embed:
    return classifier.load_bundled(1).embed


@pytest.mark.parametrize("examples", [5, 8, 12])
def test_fruit_is_told_from_the_company_by_a_few_examples(bundled: relevance.Embed, examples: int) -> None:
    learned = fit(Examples(FRUIT[:examples], COMPANY[:examples], ()), bundled)
    assert learned
    company = learned.scores(bundled(COMPANY[examples:]))
    fruit = learned.scores(bundled(FRUIT[examples:]))
    assert min(company) >= UNLIKELY
    assert sum(score < UNLIKELY for score in fruit) > len(fruit) / 2


def test_what_nobody_has_confirmed_may_hold_some_fruit_too(bundled: relevance.Embed) -> None:
    learned = fit(Examples(FRUIT[:8], (), [*COMPANY[:14], FRUIT[8]]), bundled)
    assert learned
    assert min(learned.scores(bundled(COMPANY[14:]))) >= UNLIKELY
    assert any(score < UNLIKELY for score in learned.scores(bundled(FRUIT[9:])))


def test_where_both_say_the_same_nothing_that_is_about_the_brand_is_held_back(bundled: relevance.Embed) -> None:
    learned = fit(Examples(COMPANY[:10], COMPANY[10:], ()), bundled)
    assert learned
    assert min(learned.scores(bundled(COMPANY[10:]))) >= UNLIKELY


def test_a_text_that_says_nothing_is_not_held_back() -> None:
    learned = fit(Examples(["fruit"] * 6, ["phone"] * 6, ()), FruitEmbedder().embed)
    assert learned
    assert learned.scores(FruitEmbedder().embed([""])) == [1.0]


def test_too_few_examples_make_no_filter() -> None:
    embed = FruitEmbedder().embed
    assert fit(Examples(["fruit"] * (ENOUGH - 1), ["phone"] * 9, ()), embed) is None
    assert fit(Examples(["fruit"] * 9, ["phone"] * (ENOUGH - 1), ()), embed) is None
    assert fit(Examples(["fruit"] * 9, ["phone"], ["phone"] * (ENOUGH - 1)), embed)


def say_of_cases(runtime: Runtime, about_us: bool, *texts: str) -> int:
    """Open a case for each text, and let a person say of all whether they are about Hawkweed; gives the brand's id."""
    with runtime.db.read() as db:
        known = db.scalar(select(Brand.id).where(Brand.slug == "hawkweed"))
    brand_id = known or add_brand(runtime)
    ids = [hear(runtime, text, author=f"{text}{number}") for number, text in enumerate(texts)]
    look(runtime)
    with runtime.db.write() as db:
        for mention_id in ids:
            relevance.say(db, runtime.clock, mention_id, brand_id, about_us, "Ana")
    return brand_id


def scores(runtime: Runtime, filters: Filters, brand_id: int, *texts: str) -> list[float] | None:
    with runtime.db.read() as db:
        return filters.scores(db, brand_id, texts)


def test_the_filter_begins_once_enough_was_said_and_learns_anew_from_each_word(runtime: Runtime) -> None:
    model = FruitEmbedder()
    filters = Filters(model.embed)
    brand_id = say_of_cases(runtime, True, *["a phone"] * 6)
    say_of_cases(runtime, False, *["a fruit"] * (ENOUGH - 1))
    assert scores(runtime, filters, brand_id, "fruit") is None
    assert model.asked == 0
    say_of_cases(runtime, False, "one fruit more")
    found = scores(runtime, filters, brand_id, "another fruit", "another phone")
    assert found
    assert found[0] < UNLIKELY < found[1]
    asked = model.asked
    scores(runtime, filters, brand_id, "fruit")
    assert model.asked == asked + 1
    say_of_cases(runtime, False, "fruit again")
    scores(runtime, filters, brand_id, "fruit")
    assert model.asked == asked + 3


def test_a_brand_without_cases_to_compare_with_gets_its_filter_once_there_are_some(sqlite_runtime: Runtime) -> None:
    brand_id = say_of_cases(sqlite_runtime, False, *["a fruit"] * ENOUGH)
    filters = Filters(FruitEmbedder().embed)
    assert scores(sqlite_runtime, filters, brand_id, "fruit") is None
    for number in range(ENOUGH):
        hear(sqlite_runtime, "a phone", author=f"zoe{number}")
    look(sqlite_runtime)
    assert scores(sqlite_runtime, filters, brand_id, "fruit")


def test_a_word_taken_back_counts_no_longer(runtime: Runtime) -> None:
    brand_id = say_of_cases(runtime, True, *["a phone"] * 6)
    say_of_cases(runtime, False, *["a fruit"] * ENOUGH)
    filters = Filters(FruitEmbedder().embed)
    assert scores(runtime, filters, brand_id, "fruit")
    with runtime.db.write() as db:
        mention_id = db.scalars(select(Relevance.mention_id).where(Relevance.about_us.is_(False))).first() or 0
        relevance.unsay(db, runtime.clock, mention_id, brand_id)
    assert scores(runtime, filters, brand_id, "fruit") is None


def test_brands_do_not_learn_from_each_other(sqlite_runtime: Runtime) -> None:
    say_of_cases(sqlite_runtime, True, *["a phone"] * 6)
    say_of_cases(sqlite_runtime, False, *["a fruit"] * 6)
    other = add_brand(sqlite_runtime, "orchard")
    assert scores(sqlite_runtime, Filters(FruitEmbedder().embed), other, "fruit") is None


def test_nothing_is_learned_from_x(sqlite_runtime: Runtime) -> None:
    brand_id = add_brand(sqlite_runtime)
    for number in range(2 * ENOUGH):
        fruit = number % 2 == 0
        mention_id = hear(sqlite_runtime, "a fruit" if fruit else "a phone", author=f"x{number}", platform="x")
        with sqlite_runtime.db.write() as db:
            relevance.say(db, sqlite_runtime.clock, mention_id, brand_id, not fruit, "Ana")
    look(sqlite_runtime)
    with sqlite_runtime.db.read() as db:
        assert relevance.examples(db, brand_id) == Examples([], [], [])
    assert scores(sqlite_runtime, Filters(FruitEmbedder().embed), brand_id, "fruit") is None
