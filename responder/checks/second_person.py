"""Which replies need a second person: the brand's rules (brands.approval), and why one of them holds. Pure.

When one holds, an agent proposes the text, and somebody who may approve sends it. Who may approve may send their own
text all the same, unless the brand wants two people (`two`): then nobody approves what they wrote themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEVERITIES = ("urgent", "high", "normal")
"""How severe a case is, the worst first."""

KINDS: Mapping[str, str] = {"money": "money", "legal": "matters of law"}
"""What the guard may find in a text (checks/finding.py) that a brand may want a second person for, in words."""

MOST_REPLIES = 10_000
"""The largest number of replies after which an agent is new no longer."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A brand's rules. `severity`: from this one on ("" for none); `new_agent`: for the first so many replies."""

    always: bool = False
    severity: str = ""
    incident: bool = False
    new_agent: int = 0
    kinds: frozenset[str] = frozenset()
    two: bool = False

    @classmethod
    def of(cls, approval: Mapping[str, Any]) -> Rules:
        """Read back what `stored` gave; what cannot be read asks for nothing."""
        severity, new_agent = approval.get("severity"), approval.get("new_agent")
        return cls(
            always=approval.get("always") is True,
            severity=severity if severity in SEVERITIES else "",
            incident=approval.get("incident") is True,
            new_agent=new_agent if isinstance(new_agent, int) and 0 <= new_agent <= MOST_REPLIES else 0,
            kinds=frozenset(kind for kind in approval.get("kinds") or () if kind in KINDS),
            two=approval.get("two") is True,
        )

    @property
    def stored(self) -> dict[str, Any]:
        """As the brand's row keeps them; what asks for nothing is left out."""
        values = {
            "always": self.always,
            "severity": self.severity,
            "incident": self.incident,
            "new_agent": self.new_agent,
            "kinds": sorted(self.kinds),
            "two": self.two,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Written:
    """What the rules look at: the case's severity, whether it is in an open incident or known issue, how many replies
    of this author were approved before, and which KINDS the guard found in the text."""

    severity: str = "normal"
    incident: bool = False
    approved_before: int = 0
    kinds: frozenset[str] = frozenset()


def reasons(rules: Rules, written: Written) -> tuple[str, ...]:
    """Why a reply needs a second person, in words; empty where it needs none."""
    found = []
    if rules.always:
        found.append("every reply of this brand needs a second person")
    if rules.severity and written.severity in SEVERITIES[: SEVERITIES.index(rules.severity) + 1]:
        found.append("the case is urgent" if written.severity == "urgent" else f"its severity is {written.severity}")
    if rules.incident and written.incident:
        found.append("it belongs to an incident")
    if written.approved_before < rules.new_agent:
        found.append(f"its author has had {written.approved_before} of {rules.new_agent} replies approved")
    found += [f"it speaks of {KINDS[kind]}" for kind in KINDS if kind in rules.kinds & written.kinds]
    return tuple(found)


def must_propose(rules: Rules, why: tuple[str, ...], *, approver: bool, own_text: bool) -> bool:
    """Whether whoever decides has to leave it to somebody else: `approver` may approve, `own_text` is theirs alone."""
    return bool(why) and (not approver or (rules.two and own_text))
