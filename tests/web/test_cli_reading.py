"""`classify`, `match` and `suggest`: files in, answers out, bad lines named, pipes and Windows files welcome."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web.ripplewatch import ripplewatch
from web.commands.lines import LONGEST

POSTS = [
    {"id": "a", "text": "My parcel never came and nobody answers. Worst service ever!"},
    {"id": 2, "text": "Wunderschön — danke! 😊"},
    {"id": "c", "text": "I love this jacket, thank you so much"},
]


def lines(*records: object) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def write(path: Path, *records: object) -> str:
    path.write_text(lines(*records), encoding="utf-8")
    return str(path)


def test_classify_answers_in_order_with_every_part_of_the_contract() -> None:
    ran = ripplewatch("classify", stdin=lines(*POSTS))
    assert (ran.code, ran.err) == (0, "")
    assert [line["id"] for line in ran.lines] == ["a", 2, "c"]
    keys = ["id", "language", "sentiment", "complaint", "emotion", "irony", "offensive", "intent", "model"]
    assert all(list(line) == keys for line in ran.lines)
    assert ran.lines[0]["complaint"]["label"] is True
    assert ran.lines[2]["sentiment"]["label"] == "positive"
    assert not Path("home").exists(), "no database was made"


def test_classify_reads_files_with_windows_line_ends_and_a_mark_at_the_front(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + lines(*POSTS).replace("\n", "\r\n").encode())
    ran = ripplewatch("classify", "--model", "lexicon", str(file))
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.lines) == 3


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.jsonl"
    good = lines(POSTS[0]).encode()
    file.write_bytes(
        good + b"{broken\n" + b'{"id": "x", "text": "\xff"}\n' + b'{"id": "y"}\n\n' + lines(POSTS[2]).encode()
    )
    return file


def test_bad_lines_are_named_and_skipped(bad: Path) -> None:
    ran = ripplewatch("classify", "--model", "lexicon", str(bad))
    assert ran.code == 0
    assert [line["id"] for line in ran.lines] == ["a", "c"]
    reasons = ran.err.splitlines()
    assert [reason.partition(": ")[0] for reason in reasons] == [f"{bad}, line {number}" for number in (2, 3, 4)]
    assert "not JSON" in reasons[0]
    assert "not UTF-8" in reasons[1]
    assert "no text" in reasons[2]


def test_strict_ends_at_the_first_bad_line(bad: Path) -> None:
    ran = ripplewatch("classify", "--model", "lexicon", "--strict", str(bad))
    assert ran.code == 1
    assert [line["id"] for line in ran.lines] == ["a"]
    assert f"{bad}, line 2" in ran.err


def test_a_line_without_end_fills_no_memory_and_is_one_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    file.write_bytes(b'{"id": "1", "text": "' + b"x" * (2 * LONGEST + 5) + b'"}\n' + lines(POSTS[2]).encode())
    ran = ripplewatch("classify", "--model", "lexicon", str(file))
    assert [line["id"] for line in ran.lines] == ["c"]
    assert f"{file}, line 1: the line is longer" in ran.err


def test_what_cannot_be_utf8_stays_an_escape_in_the_answer() -> None:
    ran = ripplewatch("classify", "--model", "lexicon", stdin='{"id": "\\ud800", "text": "fine"}\n')
    assert ran.code == 0
    assert ran.lines[0]["id"] == "\ud800"


def test_a_model_that_cannot_be_had_is_said_in_words() -> None:
    ran = ripplewatch("classify", "--model", "nobody/nothing", stdin=lines(POSTS[0]))
    assert (ran.code, ran.out) == (1, "")
    assert "nobody/nothing" in ran.err


def test_match_names_the_queries_of_every_mention(tmp_path: Path) -> None:
    queries = write(tmp_path / "q.jsonl", {"id": "late", "query": "parcel*"}, {"id": "jo", "query": "from:jo"})
    mentions = lines(
        {"id": "1", "text": "my parcels"}, {"id": "2", "text": "hi", "author": "jo"}, {"id": "3", "text": ""}
    )
    ran = ripplewatch("match", "--queries", queries, stdin=mentions)
    assert ran.lines == [{"id": "1", "queries": ["late"]}, {"id": "2", "queries": ["jo"]}, {"id": "3", "queries": []}]


def test_match_names_the_file_of_a_bad_query(tmp_path: Path) -> None:
    queries = write(tmp_path / "q.jsonl", {"id": "bad", "query": "(a"}, {"id": "good", "query": "a"})
    ran = ripplewatch("match", "--queries", queries, stdin=lines({"id": "1", "text": "a"}))
    assert ran.lines == [{"id": "1", "queries": ["good"]}]
    assert ran.err.startswith(f"{queries}, line 1: ")
    assert ripplewatch("match").code == 2


@pytest.mark.parametrize("how", [(), ("--words",)])
def test_suggest_puts_the_fitting_reply_first(tmp_path: Path, how: tuple[str, ...]) -> None:
    replies = write(
        tmp_path / "r.jsonl",
        {"id": "refund", "text": "Your refund is on its way to your card."},
        {"id": "parcel", "text": "Please send us your parcel's tracking number."},
    )
    history = write(tmp_path / "h.jsonl", {"mention": "no money", "reply": "refund"})
    asked = lines(
        {"id": "1", "text": "where is my parcel, tracking says nothing"}, {"id": "2", "text": "I want a refund"}
    )
    ran = ripplewatch("suggest", "--replies", replies, "--history", history, "--top", "1", *how, stdin=asked)
    assert ran.code == 0
    assert [(line["id"], line["suggestions"][0]["id"]) for line in ran.lines] == [("1", "parcel"), ("2", "refund")]


def test_in_a_pipe_with_another_locale_it_still_speaks_utf8(tmp_path: Path) -> None:
    queries = write(tmp_path / "q.jsonl", {"id": "schön", "query": "wunderschön"})
    command = [sys.executable, "-m", "web", "match", "--queries", queries]
    environ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "RIPPLEWATCH_HOME": str(tmp_path)}
    asked = lines(POSTS[1]).encode()
    ran = subprocess.run(command, input=asked, env=environ, capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert json.loads(ran.stdout) == {"id": 2, "queries": ["schön"]}
    assert "schön".encode() in ran.stdout
