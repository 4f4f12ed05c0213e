"""Hacker News when everything goes wrong: every item that the search ever showed is stored once."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from core.settings import Settings
from listener.source import Context
from listener.sources.hackernews import OVERLAP, HackerNews
from tests import loopback
from tests.listener.emulators import faults
from tests.listener.emulators.faults import Fault
from tests.listener.emulators.run import Run
from tests.loopback import Answer, Asked


@dataclass
class Algolia:
    """The search: items appear in it when the clock says so, some of them late; each of `faults` befalls one answer."""

    clock: HeldClock
    hits: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    asked: int = 0

    def write(self, count: int, late: int = 0) -> None:
        """Put so many comments in the search; `late`: seconds that they took to appear."""
        when = int(self.clock.now().timestamp()) - late
        for _ in range(count):
            number = str(len(self.hits) + 1)
            text = f"acme comment {number}"
            told = {"objectID": number, "author": "ann", "comment_text": text, "parent_id": 1, "created_at_i": when}
            self.hits.append(told)

    def answer(self, asked: Asked) -> Answer:
        self.asked += 1
        if "numericFilters" not in asked.query:
            return Answer(404)
        low, high = map(int, re.findall(r"\d+", asked.one("numericFilters").replace("created_at_i", "")))
        found = sorted(
            (hit for hit in self.hits if low <= hit["created_at_i"] < high), key=lambda hit: -hit["created_at_i"]
        )
        answer = Answer(body=json.dumps({"hits": found[:1000], "nbHits": len(found)}).encode())
        return self.faults.pop(0)(answer) if self.faults else answer


def _with(answer: Answer, change: Callable[[list[Any]], list[Any]]) -> Answer:
    body = json.loads(answer.body)
    return replace(answer, body=json.dumps(body | {"hits": change(body["hits"])}).encode())


def doubled(answer: Answer) -> Answer:
    return _with(answer, lambda hits: [*hits, *hits])


def unordered(answer: Answer) -> Answer:
    return _with(answer, lambda hits: random.Random(1).sample(hits, len(hits)))


def started(runtime: Runtime, clock: HeldClock, url: str) -> Run:
    process = Settings(hackernews_url=url)
    return Run(runtime, clock, "hackernews", lambda: HackerNews(Context({}, process, clock, ("acme",))))


def stored_numbers(run: Run) -> list[int]:
    return sorted(map(int, run.stored()))


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_goes_wrong_every_item_is_stored_once(sqlite_runtime: Runtime, clock: HeldClock, seed: int) -> None:
    chance, search = random.Random(seed), Algolia(clock)
    with loopback.http(search.answer) as server:
        run = started(sqlite_runtime, clock, server.url)

        def answers(*several: Fault) -> Callable[[], None]:
            return lambda: search.faults.extend(several)

        troubles = [answers(fault) for fault in faults.ANY if fault is not faults.hang]
        troubles += [answers(fault) for fault in (doubled, unordered, faults.half, faults.cut)]
        troubles += [answers(faults.closed, faults.unavailable, faults.half), answers(faults.too_many, faults.cut)]
        troubles += [run.restart] * 8
        chance.shuffle(troubles)
        assert len(troubles) >= 20
        for trouble in troubles:
            search.write(chance.choice([1, 5, 40]), late=chance.choice([0, 0, 60, OVERLAP - 120]))
            trouble()
            for _ in range(chance.randrange(1, 4)):
                clock.advance(chance.randrange(60))
                run.step()
        search.faults.clear()
        run.catch_up(10)
        run.source.close()
    assert stored_numbers(run) == list(range(1, len(search.hits) + 1))
    assert search.asked < 200
    with sqlite_runtime.db.read() as db:
        assert db.scalars(select(tables.Gap).where(tables.Gap.closed_at.is_(None))).all() == []


def test_ten_thousand_items_between_two_looks_are_all_stored(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    search = Algolia(clock)
    with loopback.http(search.answer) as server:
        run = started(sqlite_runtime, clock, server.url)
        run.step()
        for _ in range(100):
            search.write(100)
            clock.advance(1)
        run.catch_up(5)
        run.source.close()
    assert stored_numbers(run) == list(range(1, 10_001))
    assert search.asked < 100


def test_a_day_of_quiet_costs_a_request_a_minute(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    search = Algolia(clock)
    with loopback.http(search.answer) as server:
        run = started(sqlite_runtime, clock, server.url)
        for _ in range(24):
            assert run.step().wait == 60
            clock.advance(3_540)  # an hour at a time
        run.source.close()
    assert search.asked == 24
