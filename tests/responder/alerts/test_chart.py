"""Charts outside the pages: an image with words on any machine, whatever a brand or an incident is called."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as Xml

import pytest

from responder.alerts.chart import Drawing, Line, Mark, png, svg

START = datetime(2026, 11, 20, 23, tzinfo=UTC)
TIMES = [START + timedelta(hours=hour) for hour in range(30)]
HOSTILE = '</title><script>alert(1)</script>&"\x00\ud800\u202e' + "x" * 5_000


def words(drawn: str) -> list[str]:
    return [one.text or "" for one in Xml.fromstring(drawn).iter() if one.tag.endswith("}text")]


def test_a_chart_says_what_it_shows_on_the_brands_own_clock() -> None:
    drawn = svg(
        Drawing(
            "Mentions of Hawkweed",
            TIMES,
            (Line("mentions", [float(hour) for hour in range(30)]), Line("complaints", [None] * 10 + [3.0] * 20)),
            band=[(1.0, 4.0)] * 12 + [None] * 18,
            marks=(Mark(TIMES[20], "checkout"),),
            zone="Europe/Berlin",
        )
    )

    said = words(drawn)
    assert {"Mentions of Hawkweed", "mentions", "complaints", "usual", "checkout"} <= set(said)
    assert {"0", "10", "20", "30"} <= set(said)
    assert "Sat 21 Nov" in said, "23:00 UTC is midnight in Berlin"
    assert drawn.count("<polyline") == 2
    assert drawn.count("<polygon") == 1


@pytest.mark.parametrize("title", [HOSTILE, "", "شكاوى 東京 😀"])
def test_any_name_makes_an_image(title: str) -> None:
    image = png(Drawing(title, TIMES, (Line(title, [1.0] * 30),), marks=(Mark(TIMES[3], title),)))

    assert image.startswith(b"\x89PNG")
    assert struct.unpack(">II", image[16:24]) == (1440, 600)
    assert "<script" not in svg(Drawing(title, TIMES, (Line(title, [1.0] * 30),)))


def test_words_are_drawn_without_a_font_of_the_machine() -> None:
    """Charts that differ by nothing but a letter differ as images; without any font they would not."""
    first, second = (
        png(Drawing(title, TIMES, (Line("mentions", [1.0] * 30),))) for title in ("Ångström Ω", "Ångström Ж")
    )
    assert first != second


@pytest.mark.parametrize(
    ("values", "share", "top"), [([0.0], False, "4"), ([0.34], True, "40 %"), ([12_345.0], False, "15,000")]
)
def test_an_axis_ends_at_a_round_number(values: list[float], share: bool, top: str) -> None:
    assert top in words(svg(Drawing("x", TIMES[:1], (Line("x", values),), share=share)))


def test_a_time_in_which_nothing_was_counted_says_so() -> None:
    assert "Nothing was counted in this time" in words(svg(Drawing("x", (), ())))
