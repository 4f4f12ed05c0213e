"""Walks through listings: how far they go, what they remember, and what they say was missed."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.types import Span
from listener.walk import MOST_PAGES, OLD, OVERLAP, Walk, Walks


def taken(walk: Walk, *created: float, mark: float = 0) -> Walk:
    for when in created:
        walk.take(when, when < mark, now=1_000)
    return walk


def test_a_walk_goes_on_until_it_has_come_past_enough_that_is_known() -> None:
    at, walk = Walks(), Walk()
    taken(walk, *[500] * (OVERLAP - 1), mark=600)
    assert at.goes_on("a", walk, ["next"])
    assert at.walk("a", 0).anchor == "next"
    taken(walk, 500, mark=600)
    assert not at.goes_on("a", walk, ["after that"])
    assert walk.ended


def test_one_that_is_to_go_further_back_does() -> None:
    at, walk = Walks(), Walk(until=300)
    taken(walk, *[500] * OVERLAP, mark=600)
    assert at.goes_on("a", walk, ["next"])
    taken(walk, 200, mark=600)
    assert not at.goes_on("a", walk, ["after that"])


def test_a_listing_that_turns_in_circles_ends() -> None:
    at, walk = Walks(), Walk()
    assert at.goes_on("a", walk, ["next"])
    assert not at.goes_on("a", walk, ["next"])
    walk, pages = Walk(), 0
    while at.goes_on("a", walk, [str(pages)]):
        pages += 1
    assert pages == MOST_PAGES - 1


def test_the_mark_moves_only_when_the_walk_is_over_and_never_back_nor_into_the_future() -> None:
    at, walk = Walks({"a": 500}), Walk()
    taken(walk, 700, 600)
    at.goes_on("a", walk, ["next"])
    assert at.marks == {"a": 500}
    at.finish("a", walk, 100, "")
    assert (at.marks, at.walks) == ({"a": 700}, {})
    at.finish("a", taken(Walk(), 650), 100, "")
    assert at.marks == {"a": 700}
    at.finish("a", taken(Walk(), 9_999_999), 100, "")
    assert at.marks == {"a": 1_000}


def test_what_it_did_not_come_down_to_was_missed() -> None:
    def missed(*created: float) -> Span | None:
        return Walks({"a": 500}).finish("a", taken(Walk(), *created, mark=500), 2, "only two")

    assert missed(900, 800, 700) == Span(datetime.fromtimestamp(500, UTC), datetime.fromtimestamp(700, UTC), "only two")
    assert missed(900, 800, 499) is None
    assert missed(900, 800, 500) is None
    assert missed(900, 800) is None
    assert Walks().finish("a", taken(Walk(), 900, 800, 700), 2, "") is None


def test_a_page_that_is_empty_and_not_the_last_is_asked_for_twice() -> None:
    at, walk = Walks(), Walk(anchors=["here"])
    assert at.again("a", walk, empty=True)
    assert at.walk("a", 0) is walk
    assert not at.again("a", walk, empty=True)
    assert at.again("a", walk, empty=True)
    assert not at.again("a", walk, empty=False)


def test_one_that_took_long_is_followed_by_another() -> None:
    walk = Walks().walk("a", 100)
    assert not walk.is_old(100 + OLD)
    assert walk.is_old(101 + OLD)


@given(
    st.dictionaries(st.text(), st.floats(0, 1e10)),
    st.dictionaries(st.text(), st.builds(Walk, newest=st.floats(0, 1e10), anchors=st.lists(st.text()))),
)
def test_a_cursor_reads_as_it_was_written(marks: dict[str, float], walks: dict[str, Walk]) -> None:
    at = Walks(marks, walks)
    assert Walks.read(at.written(), [*marks, *walks]) == at
    assert Walks.read(at.written(), []) == Walks()
