"""HTML becomes text as a reader would see it, in linear time whatever somebody sends."""

from __future__ import annotations

import time

import pytest

from listener.markup import plain_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("It&#x27;s &amp;lt; 5 &euro;", "It's &lt; 5 €"),
        ("one<p>two<br>three</p>four", "one\n\ntwo\nthree\n\nfour"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"),
        ("so <b>very</b> <a href='x>y' title=\"it's\">late</a>", "so very late"),
        ("a<script>if (1<2) alert('</p>')</script>b<style>p{}</style>c<!-- <p>d -->e", "abce"),
        ("a<SCRIPT>b</Script >c", "ac"),
        ("a<svg onload=x()><text>b</text></svg>c<svg/>d", "acd"),
        ("a<script>never closed <p>b", "a"),
        ("3 < 4 and <3 you", "3 < 4 and <3 you"),
        ("a <b", "a <b"),
        ("<?xml version='1.0'?><!DOCTYPE html><![CDATA[a]]>b", "b"),
        ('<a title="it"s">x</a>', "x"),
        ("a\n  b\tc\xa0d<br>\n e", "a b c d\ne"),
        ("&#99999999999;", "\ufffd"),
        ("plain\n\n  text", "plain\n\n  text"),
        ("", ""),
    ],
)
def test_what_a_reader_would_see(markup: str, text: str) -> None:
    assert plain_text(markup) == text


PIECES = [
    "<",
    "<a ",
    "<p>",
    "</",
    "</a ",
    "<!--",
    "<!",
    "<?",
    "<![CDATA[",
    "<x",
    "<div x='",
    "<a \"'",
    '<a "<a" ',
    "&",
    "&#9",
]


@pytest.mark.parametrize("piece", [*PIECES, "<script>", "<svg>", "\n <b>", "&#" + "9" * 5_000])
def test_no_text_takes_long(piece: str) -> None:
    """Beautiful Soup over html.parser would need hours for some of these."""
    started = time.process_time()
    plain_text(piece * (150_000 // len(piece)))
    assert time.process_time() - started < 10
