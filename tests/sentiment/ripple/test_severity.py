"""Severity: more of anything never makes an incident less severe, and the reasons say what counts."""

from __future__ import annotations

from dataclasses import astuple, fields

from hypothesis import given
from hypothesis import strategies as st

from core.alerts import SEVERITIES
from sentiment.ripple.severity import Size, severity

sizes = st.builds(Size, *(st.integers(0, 10 ** (3 + 2 * (one.name == "reach"))) for one in fields(Size)))


@given(sizes, sizes)
def test_more_is_never_less_severe(one: Size, more: Size) -> None:
    together = Size(*map(sum, zip(astuple(one), astuple(more), strict=True)))
    assert SEVERITIES.index(severity(together).name) >= SEVERITIES.index(severity(one).name)
    assert len(severity(together).reasons) >= len(severity(one).reasons)


def test_the_reasons_say_what_makes_it_severe() -> None:
    calm = severity(Size(busiest=5, people=5, reach=900))
    assert (calm.name, calm.reasons) == ("normal", ())
    fast = severity(Size(busiest=120, people=16, reach=900, angry=2))
    assert (fast.name, fast.reasons) == ("high", ("120 complaints within one hour", "from 16 people"))
    worst = severity(Size(busiest=120, people=80, reach=250_000))
    assert worst.name == "urgent"
    assert worst.reasons[0] == "120 complaints within one hour"
    assert severity(Size(busiest=1, people=1, passed_on=12_000)).name == "high"
