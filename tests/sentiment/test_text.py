"""What the model is given to read."""

from __future__ import annotations

import time

import pytest

from sentiment.text import LONGEST, normalise, wording


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("@TelcoHelp my line is dead https://t.co/abc123", "@user my line is dead http"),
        ("@a @b @c.example.social hello", "@user hello"),
        ("write to jo@example.org please", "write to jo@example.org please"),
        ("fish &amp; chips &lt;3", "fish & chips <3"),
        ("don\\u2019t \\ud83d\\ude21", "don't pouting face"),
        ("don’t", "don't"),
        ("re\u200bfund\u202e now\u00ad", "refund now"),
        ("sooooooo slow!!!!!!!!", "sooo slow!!!"),
        ("😡😡😡 again", "pouting face again"),
        ("👍🏽 thanks", "thumbs up sign thanks"),
        ("𝗪𝗼𝗿𝘀𝘁 service", "Worst service"),
        ("#BrokenAgain #never_again #iPhone #FAIL", "#Broken Again #never again #iPhone #FAIL"),
        ("line one\r\n\n\tline two ", "line one line two"),
        ("half \ud83d a character", "half a character"),
        ("", ""),
        ("\u200b \u2060", ""),
    ],
)
def test_the_model_reads_the_words_and_not_the_wrapping(raw: str, read: str) -> None:
    assert normalise(raw) == read


def test_reading_twice_changes_nothing() -> None:
    once = normalise("@Shop “WORST”!!!!! 😡😡 &amp;amp; https://x.example &#x27;")
    assert normalise(normalise(once)) == normalise(once)


@pytest.mark.parametrize("piece", ["😡", "@a ", "a" * 50, "&amp;", "\\u0041", "http://a.b/", "\u0301", "'"])
def test_a_huge_text_costs_no_more_than_its_beginning(piece: str) -> None:
    hostile = piece * (5_000_000 // len(piece))
    begun = time.process_time()
    assert len(normalise(hostile)) <= LONGEST * 40
    wording(hostile)
    assert time.process_time() - begun < 1
