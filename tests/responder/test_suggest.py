"""`ripplewatch suggest`: lines in, ranked replies out; a history bends the ranking; bad lines harm nobody."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from responder.drafts.likeness import Floats, SharedWords
from responder.drafts.suggest import BATCH, suggest_lines

REPLIES = {"late": "Sorry that your parcel is late.", "app": "The app should not crash.", "thanks": "Thanks a lot!"}


class Reports:
    """Remembers the lines that were reported."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, str]] = []

    def __call__(self, file: str, line: int, reason: str) -> None:
        self.told.append((file, line, reason))


def lines(*items: object) -> list[bytes]:
    return [json.dumps(item).encode() for item in items]


def replies() -> list[bytes]:
    return lines(*({"id": one, "text": text} for one, text in REPLIES.items()))


def test_the_best_reply_comes_first_for_every_mention_in_order() -> None:
    mentions = lines({"id": 7, "text": "the APP crashes"}, {"id": "b", "text": "parcels are late"})
    found = list(suggest_lines(replies(), mentions, Reports(), top=2))
    assert [answer["id"] for answer in found] == [7, "b"]
    ranked = [[one["id"] for one in answer["suggestions"]] for answer in found]  # type: ignore[attr-defined]
    assert [ids[0] for ids in ranked] == ["app", "late"]
    assert all(len(ids) == 2 for ids in ranked)


def test_scores_fall_from_first_to_last() -> None:
    (found,) = suggest_lines(replies(), lines({"id": 1, "text": "late parcel, thanks"}), Reports())
    scores = [one["score"] for one in found["suggestions"]]  # type: ignore[attr-defined]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == len(REPLIES)


def test_bad_lines_are_reported_and_the_others_answered() -> None:
    reports = Reports()
    bad = [b"{", b"\xff\xfe", b"[1]", b'{"id": 1}', b"", b'{"id": 2, "text": "late"}']
    found = list(suggest_lines([*replies(), b"nonsense"], bad, reports, history_lines=[b'{"mention": 1, "reply": ""}']))
    assert [answer["id"] for answer in found] == [2]
    assert [(file, line) for file, line, _ in reports.told] == [
        ("replies", 4),
        ("history", 1),
        *(("mentions", line) for line in (1, 2, 3, 4)),
    ]


def test_strict_ends_at_the_first_bad_line_after_the_answers_before_it() -> None:
    mentions = [*lines(*({"id": n, "text": "late"} for n in range(BATCH + 3))), b"{", *lines({"id": 999, "text": "x"})]
    answers = suggest_lines(replies(), mentions, Reports(), True)
    assert [next(answers)["id"] for _ in range(BATCH + 3)] == list(range(BATCH + 3))
    with pytest.raises(BadInput, match=f"mentions, line {BATCH + 4}: not JSON"):
        next(answers)


def test_no_reply_to_choose_from_is_said() -> None:
    with pytest.raises(BadInput, match="no reply to choose from"):
        list(suggest_lines([], lines({"id": 1, "text": "x"}), Reports()))


def _direction(word: str, size: int = 32) -> Floats:
    row = np.random.default_rng(sum(map(ord, word))).normal(size=size).astype(np.float32)
    return np.asarray(row / np.linalg.norm(row), dtype=np.float32)


def _by_first_word(texts: Sequence[str]) -> Floats:
    """An embedding in which every first word lies somewhere else."""
    return np.stack([_direction(text.split()[0]) for text in texts])


def test_history_teaches_which_reply_goes_with_which_mention() -> None:
    """Mentions and replies that nothing joins but how they were answered before."""
    matters = [f"m{n}" for n in range(12)]
    known = [{"id": f"r{n}", "text": f"r{n} zzz"} for n in range(12)]
    asked = lines(*({"id": n, "text": f"m{n} qqq"} for n in range(12)))
    history = lines(*({"mention": f"{matters[n % 12]} old", "reply": f"r{n % 12}"} for n in range(120)))

    def hits(past: list[bytes]) -> int:
        found = suggest_lines(lines(*known), asked, Reports(), history_lines=past, embed=_by_first_word, top=1)
        return sum(answer["suggestions"][0]["id"] == f"r{answer['id']}" for answer in found)  # type: ignore[index]

    assert hits(history) == 12
    assert hits([]) < 6


def _all_alike(texts: Sequence[str]) -> Floats:
    """An embedding that sees no difference."""
    return np.tile(np.array([0.6, 0.8], dtype=np.float32), (len(texts), 1))


def test_what_was_answered_for_the_same_account_counts_most() -> None:
    answers = {"acme": "please restart the router box", "bird": "please reinstall the phone app"}
    history = lines(*({"mention": f"@{one} it broke", "reply": answers[one]} for one in ("acme", "bird") * 30))
    known = lines({"id": "app", "text": "reinstall our app"}, {"id": "box", "text": "restart your box"})
    asked = lines(*({"id": one, "text": f"@{one} it broke"} for one in answers))
    found = suggest_lines(known, asked, Reports(), history_lines=history, embed=_all_alike, top=1)
    assert [answer["suggestions"][0]["id"] for answer in found] == ["box", "app"]  # type: ignore[index]


def test_a_mention_like_none_of_the_history_is_ranked_all_the_same() -> None:
    history = lines(*({"mention": f"m{n} old", "reply": f"r{n}"} for n in range(60)))
    (found,) = suggest_lines(
        replies(), lines({"id": 1, "text": "late"}), Reports(), history_lines=history, embed=_by_first_word
    )
    assert len(found["suggestions"]) == len(REPLIES)  # type: ignore[arg-type]


def test_shared_words_ignore_case_accents_links_and_names() -> None:
    words = SharedWords(["Die Rückerstattung fehlt", "Das Paket"])
    scores = words.score("@brand RUCKERSTATTUNGEN?? https://paket.example")
    assert scores[0] > 0.3
    assert scores[1] == 0


@given(st.lists(st.text(max_size=30), max_size=5), st.text(max_size=60))
def test_any_texts_have_a_score_between_nothing_and_the_same(documents: list[str], text: str) -> None:
    scores = SharedWords([*documents, text]).score(text)
    assert scores.shape == (len(documents) + 1,)
    assert ((scores >= 0) & (scores <= 1.0001)).all()
    assert scores[-1] >= scores.max() - 1e-4
