"""Which replies need a second person: a table of rules against what is written."""

from __future__ import annotations

from typing import Any

import pytest

from responder.checks.second_person import Rules, Written, must_propose, reasons


@pytest.mark.parametrize(
    ("approval", "written", "expected"),
    [
        ({}, Written("urgent", True, 0, frozenset({"money"})), ()),
        ({"always": True}, Written(), ("every reply of this brand needs a second person",)),
        ({"severity": "urgent"}, Written("urgent"), ("the case is urgent",)),
        ({"severity": "urgent"}, Written("high"), ()),
        ({"severity": "high"}, Written("urgent"), ("the case is urgent",)),
        ({"severity": "high"}, Written("high"), ("its severity is high",)),
        ({"severity": "high"}, Written("normal"), ()),
        ({"incident": True}, Written(incident=True), ("it belongs to an incident",)),
        ({"incident": True}, Written(), ()),
        ({"new_agent": 3}, Written(approved_before=2), ("its author has had 2 of 3 replies approved",)),
        ({"new_agent": 3}, Written(approved_before=3), ()),
        ({"kinds": ["money"]}, Written(kinds=frozenset({"money", "legal"})), ("it speaks of money",)),
        ({"kinds": ["legal", "money"]}, Written(kinds=frozenset({"legal"})), ("it speaks of matters of law",)),
        ({"kinds": ["money"]}, Written(kinds=frozenset({"link"})), ()),
        (
            {"severity": "high", "kinds": ["money"]},
            Written("urgent", kinds=frozenset({"money"})),
            ("the case is urgent", "it speaks of money"),
        ),
    ],
)
def test_each_rule_says_why(approval: dict[str, Any], written: Written, expected: tuple[str, ...]) -> None:
    assert reasons(Rules.of(approval), written) == expected


@pytest.mark.parametrize(
    ("approver", "own_text", "two", "propose"),
    [
        (False, True, False, True),
        (False, False, False, True),
        (True, True, False, False),
        (True, True, True, True),
        (True, False, True, False),
    ],
)
def test_who_has_to_leave_it_to_somebody_else(*, approver: bool, own_text: bool, two: bool, propose: bool) -> None:
    rules = Rules(always=True, two=two)
    assert must_propose(rules, ("because",), approver=approver, own_text=own_text) is propose
    assert not must_propose(rules, (), approver=approver, own_text=own_text)


def test_rules_are_read_back_as_they_were_stored_and_nonsense_asks_for_nothing() -> None:
    rules = Rules(severity="high", incident=True, new_agent=5, kinds=frozenset({"legal"}), two=True)
    assert Rules.of(rules.stored) == rules
    assert Rules().stored == {}
    assert Rules.of({"severity": "dire", "new_agent": "many", "kinds": ["weather"], "always": "no"}) == Rules()
