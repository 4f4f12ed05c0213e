"""Rounds through listings: whose turn it is, and what one that fails or is closed means for the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.clock import HeldClock
from core.errors import GiveUp, RetryLater
from core.settings import Settings
from core.types import Page
from listener.rounds import FIRST_LOOK, PAGE_ITEMS, Heard, Refused, Rounds
from listener.source import Context
from listener.walk import Walks

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Listings:
    """What listings answer: an error, or whether that was all. Notes which were asked."""

    def __init__(self, *names: str, resting: Callable[[], datetime | None] = lambda: None) -> None:
        self.answers: dict[str, Exception | bool] = dict.fromkeys(names, True)
        self.asked: list[str] = []
        self.items = 1
        self.context = Context({}, Settings(), HeldClock(NOW))
        self.rounds = Rounds(self.context, names, resting)

    def listen(self, name: str, at: Walks, heard: Heard) -> bool:
        self.asked.append(name)
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        heard.items += self.items
        return answer

    def hear(self, cursor: str | None = None) -> tuple[list[str], Page]:
        """Which were asked, and the page."""
        self.asked.clear()
        page = self.rounds.hear(cursor, self.listen)
        return list(self.asked), page


def test_each_has_its_turn_and_a_page_is_a_round() -> None:
    asked, page = Listings("a", "b", "c").hear()
    assert asked == ["a", "b", "c"]
    assert (page.more, page.heard_to, page.rest_until) == (False, None, None)


def test_a_full_page_ends_and_the_next_goes_on_where_it_was() -> None:
    listings = Listings("a", "b", "c")
    listings.items = PAGE_ITEMS
    _, page = listings.hear()
    assert page.more
    assert listings.hear(page.cursor)[0] == ["b"]
    assert listings.hear(page.cursor)[0] == ["c"]


def test_after_another_cursor_than_it_gave_it_begins_again() -> None:
    listings = Listings("a", "b")
    listings.items = PAGE_ITEMS
    listings.hear()
    assert listings.hear('{"marks":{"a":1}}')[0] == ["a"]


def test_one_that_fails_ends_the_round_and_is_the_last_of_the_next() -> None:
    listings = Listings("a", "b", "c")
    listings.answers["b"] = RetryLater("down", 7)
    asked, page = listings.hear()
    assert asked == ["a", "b"]
    assert (page.more, page.rest_until) == (False, NOW + timedelta(seconds=7))
    assert page.heard_to == NOW - timedelta(seconds=FIRST_LOOK)  # b and c were never heard
    asked, page = listings.hear(page.cursor)
    assert asked == ["c", "a", "b"]
    listings.answers["b"] = True
    asked, page = listings.hear(page.cursor)
    assert (asked, page.heard_to) == (["c", "a", "b"], None)


def test_when_nothing_came_before_it_the_failure_is_the_sources() -> None:
    listings = Listings("a", "b")
    listings.answers["a"] = RetryLater("down", 1e300)
    with pytest.raises(RetryLater):
        listings.hear()
    asked, page = listings.hear()
    assert asked == ["b", "a"]
    assert page.rest_until == NOW + timedelta(days=1)


def test_one_that_is_closed_is_told_once_and_forgotten_when_it_opens() -> None:
    listings = Listings("a", "b")
    listings.answers["a"] = Refused("private")
    (told,) = listings.hear()[1].rejected
    assert (told.where, told.reason) == ("a", "private")
    asked, page = listings.hear()
    assert (asked, page.rejected, page.heard_to) == (["a", "b"], (), None)
    listings.answers["a"] = True
    listings.hear()
    listings.answers["a"] = Refused("private again")
    assert len(listings.hear()[1].rejected) == 1


def test_when_all_are_closed_the_source_gives_up() -> None:
    listings = Listings("a", "b")
    listings.answers = {"a": Refused("private"), "b": Refused("banned")}
    with pytest.raises(GiveUp, match="private"):
        listings.hear()


def test_while_the_platform_wants_rest_nobody_is_asked() -> None:
    until = NOW + timedelta(minutes=5)
    asked, page = Listings("a", resting=lambda: until).hear()
    assert (asked, page.more, page.rest_until) == ([], True, until)


def test_when_the_process_ends_nobody_is_asked() -> None:
    listings = Listings("a")
    listings.context.stop.set()
    assert listings.hear()[0] == []


def test_without_listings_the_cursor_stays() -> None:
    assert Listings().hear("c") == ([], Page(cursor="c"))
