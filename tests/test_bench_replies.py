"""The measurement of suggestions: without dialogues it says so, and a reply that says its mention again comes first."""

from __future__ import annotations

from pathlib import Path

from bench.replies import CHOICES, PARTS, first, run
from responder.drafts.neighbours import Answered


def test_without_dialogues_it_says_what_is_wanted(tmp_path: Path) -> None:
    [(what, figure)] = run(tmp_path)
    assert what == "replies"
    assert figure.startswith("not measured: --data")


def test_each_mention_is_ranked_against_a_hundred_replies_of_its_own_part() -> None:
    found = [Answered(f"word{number} is late", f"sorry about word{number}") for number in range(PARTS * CHOICES)]
    assert first(found, None, history=False) == 1
    others = [Answered(pair.mention, "no word of it") for pair in found]
    assert first(others, None, history=False) == 1 / CHOICES
