"""Hacker News over a loopback Algolia: recorded hits, windows that are never cut off, and refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.clock import HeldClock
from core.errors import GiveUp, RetryLater
from core.settings import Settings
from listener.source import Context
from listener.sources.hackernews import OVERLAP, HackerNews
from tests import loopback

RECORDED = json.loads((Path(__file__).parent / "data" / "hackernews" / "algolia.json").read_text(encoding="utf-8"))
HITS = {hit["objectID"]: hit for one in RECORDED for hit in one["response"]["body"].get("hits", ())}
NOW = datetime(2014, 6, 20, 4, tzinfo=UTC)
NOON = int(NOW.timestamp())


def algolia(hits: Sequence[dict[str, Any]], most: int = 1000) -> Callable[[loopback.Asked], loopback.Answer]:
    """Answers as Algolia does: newest first, never more than `most`, with the true number beside them."""

    def answer(asked: loopback.Asked) -> loopback.Answer:
        low, high = map(int, re.findall(r"\d+", asked.one("numericFilters").replace("created_at_i", "")))
        found = sorted((hit for hit in hits if low <= hit["created_at_i"] < high), key=lambda hit: -hit["created_at_i"])
        body = {"hits": found[:most], "nbHits": len(found), "page": 0, "hitsPerPage": 1000}
        return loopback.Answer(body=json.dumps(body).encode())

    return answer


@contextmanager
def hearing(url: str, *terms: str) -> Iterator[HackerNews]:
    source = HackerNews(Context({}, Settings(hackernews_url=url), HeldClock(NOW), terms or ("apple",)))
    try:
        yield source
    finally:
        source.close()


def comment(number: int, when: int) -> dict[str, Any]:
    return {
        "objectID": str(number),
        "author": "ann",
        "comment_text": f"c{number}",
        "parent_id": 1,
        "created_at_i": when,
    }


def test_recorded_hits_come_in_as_people_read_them() -> None:
    with loopback.http(algolia(list(HITS.values()))) as server, hearing(server.url) as source:
        page = source.fetch(str(NOON - 3600))
    story, remark = (next(one for one in page.mentions if one.kind == kind) for kind in ("post", "comment"))
    assert story.text == "Judge says concerned about Apple, Google hiring settlement"
    assert story.url == "https://news.ycombinator.com/item?id=7919424"
    assert str(story.extra["links"]).startswith("['http://in.reuters.com/")
    assert remark.text.startswith("A perennial HN favorite\n\n")
    assert "<" not in remark.text
    assert (remark.reply_to, remark.conversation) == ("7919207", "7919207")
    assert remark.created_at == datetime(2014, 6, 20, 3, 39, 55, tzinfo=UTC)


def test_a_window_with_more_than_can_be_had_is_halved_until_nothing_is_missing() -> None:
    hits = [comment(number, NOON - 3600 + number) for number in range(700)]
    with loopback.http(algolia(hits, most=50)) as server, hearing(server.url) as source:
        page = source.fetch(str(NOON - 3600))
    assert {mention.native_id for mention in page.mentions} == {str(number) for number in range(700)}
    assert page.gaps == ()
    assert len(server.asked) < 100


def test_what_a_single_second_hides_is_a_gap() -> None:
    hits = [comment(number, NOON - 60) for number in range(60)]
    with loopback.http(algolia(hits, most=50)) as server, hearing(server.url) as source:
        page = source.fetch(str(NOON - 3600))
    assert len(page.mentions) == 50
    assert page.gaps[0].start == datetime.fromtimestamp(NOON - 60, UTC)


def test_windows_overlap_because_the_index_lags() -> None:
    with loopback.http(algolia([])) as server, hearing(server.url) as source:
        first = source.fetch(None)
        source.fetch(first.cursor)
    assert first.cursor == str(NOON)
    assert f"created_at_i>={NOON - OVERLAP}," in server.asked[1].one("numericFilters")


def test_each_term_is_asked_for_and_what_has_both_comes_once() -> None:
    with (
        loopback.http(algolia([comment(1, NOON - 60)])) as server,
        hearing(server.url, "acme", "acme rockets") as source,
    ):
        page = source.fetch(None)
    assert [asked.one("query") for asked in server.asked] == ['"acme"', '"acme rockets"']
    assert len(page.mentions) == 1


def test_a_hit_that_cannot_be_read_is_reported_and_the_others_are_heard() -> None:
    broken = {"objectID": "2", "created_at_i": NOON - 60, "comment_text": "no author", "parent_id": 1}
    silent = comment(3, NOON - 60) | {"comment_text": ""}
    with loopback.http(algolia([comment(1, NOON - 60), broken, silent])) as server, hearing(server.url) as source:
        page = source.fetch(None)
    assert [mention.native_id for mention in page.mentions] == ["1"]
    assert len(page.rejected) == 2


@pytest.mark.parametrize(
    ("answer", "error", "after"),
    [
        (loopback.Answer(429, b"slow down", {"Retry-After": "30"}), RetryLater, 30),
        (loopback.Answer(429, b"slow down"), RetryLater, None),
        (loopback.Answer(503), RetryLater, None),
        (loopback.Answer(403, b"blocked"), GiveUp, None),
        (loopback.Answer(200, b'{"hits": ['), RetryLater, None),
        (loopback.Answer(200, b'{"hits": [', declared=500), RetryLater, None),
        (loopback.Answer(200, b'{"results": []}'), GiveUp, None),
    ],
)
def test_what_goes_wrong_is_said_as_later_or_never(
    answer: loopback.Answer, error: type[Exception], after: float | None
) -> None:
    with (
        loopback.http(lambda asked: answer) as server,
        hearing(server.url) as source,
        pytest.raises(error) as caught,
    ):
        source.fetch(None)
    assert getattr(caught.value, "after", None) == after


def test_a_host_that_is_not_there_is_tried_later() -> None:
    with hearing("http://127.0.0.1:9") as source, pytest.raises(RetryLater, match="cannot be reached"):
        source.fetch(None)


def items(found: dict[str, dict[str, Any]]) -> Callable[[loopback.Asked], loopback.Answer]:
    """Answers for single items, as recorded; 404 for all others."""

    def answer(asked: loopback.Asked) -> loopback.Answer:
        item = found.get(asked.path.removeprefix("/items/"))
        return loopback.Answer(body=json.dumps(item).encode()) if item else loopback.Answer(404, b'{"status": 404}')

    return answer


RECORDED_ITEMS = {
    str(body["id"]): body for one in RECORDED if "children" in (body := one["response"]["body"]) and "id" in body
}


def test_what_was_deleted_is_said_and_the_rest_reads_as_it_does_now() -> None:
    assert "17" in RECORDED_ITEMS
    with loopback.http(items(RECORDED_ITEMS)) as server, hearing(server.url) as source:
        page = source.recheck(["17", "18"])
    assert page.deleted == ("18",)
    (comment,) = page.edited
    assert (comment.text, comment.reply_to) == ("Is there anywhere to eat on Sandhill Road?", "15")
    assert (comment.conversation, comment.kind) == ("1", "comment")


def test_a_parent_that_is_there_is_found() -> None:
    with loopback.http(items(RECORDED_ITEMS)) as server, hearing(server.url) as source:
        page = source.parents(["17", "18"])
    assert [mention.native_id for mention in page.mentions] == ["17"]


def test_of_a_deleted_item_an_empty_one_may_be_left() -> None:
    left = json.dumps({"id": 18, "type": "comment", "author": None, "text": None}).encode()
    recorded = items(RECORDED_ITEMS)
    with (
        loopback.http(lambda asked: loopback.Answer(body=left) if "18" in asked.path else recorded(asked)) as server,
        hearing(server.url) as source,
    ):
        page = source.recheck(["17", "18", "../from-a-file"])
        assert source.parents(["18", "../from-a-file"]).mentions == ()
    assert page.deleted == ("18",)
    assert {asked.path.rpartition("/")[2] for asked in server.asked} == {"17", "18"}


def test_a_search_that_knows_of_nothing_deletes_nothing() -> None:
    with (
        loopback.http(lambda asked: loopback.Answer(404)) as server,
        hearing(server.url) as source,
        pytest.raises(RetryLater, match="nothing of 2 items"),
    ):
        source.recheck(["17", "18"])


@pytest.mark.parametrize("answer", [loopback.Answer(429), loopback.Answer(500), loopback.Answer(200, b"<html>")])
def test_an_item_that_cannot_be_asked_for_now_counts_as_nothing(answer: loopback.Answer) -> None:
    with loopback.http(lambda asked: answer) as server, hearing(server.url) as source, pytest.raises(RetryLater):
        source.recheck(["17"])
