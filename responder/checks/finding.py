"""What the guard says of a reply, and what it may know of the case that the reply is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "empty",
    "placeholder",
    "length",
    "direction",
    "personal",
    "money",
    "blame",
    "legal",
    "name",
    "link",
    "echo",
    "turn",
    "apology",
    "empathy",
    "explanation",
]

ALWAYS: frozenset[Kind] = frozenset({"empty", "placeholder", "length", "direction"})
"""What no brand can let through: such a reply is broken, or reads differently from what was approved."""

MAY_BLOCK: Mapping[Kind, str] = {
    "personal": "personal data of the customer",
    "money": "money or compensation",
    "blame": "blame of the customer",
    "legal": "words that admit liability or threaten",
    "name": "another customer’s name",
    "link": "links",
    "echo": "words that the writer took from the post",
    "turn": "a second reply in public that does not move to a private channel",
}
"""What a brand may want stopped rather than warned of (brands.guard, "blocks"), in words for its form."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the guard found. `phrase` is the piece of the text it is about; `blocks`: it cannot be approved so."""

    kind: Kind
    phrase: str
    message: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """What the guard may know beside the text.

    `complaint`, `angry` and `language` are what the customer's post is; `turns` counts our replies in this thread
    so far. `others` are folded names and handles of other customers, `known` those that may be said (this customer's,
    the brand's, colleagues'). `written`: a writer has drafted here, so a text may hold what the post put into its
    mouth. `blocks` are kinds that the brand wants stopped.
    """

    complaint: bool = False
    angry: bool = False
    language: str = ""
    turns: int = 0
    others: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    written: bool = False
    blocks: frozenset[str] = frozenset()
