"""What a reply must not contain (it blocks), and what a person should look at twice (it warns).

Length is what the platform counts: characters as people see them, except that X counts wide ones twice and, like
Mastodon, every web address as 23. Everything here reads the text once and needs nothing but the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import regex

from core.mask import personal
from responder.playbook import placeholders

Kind = Literal["empty", "placeholder", "length", "direction", "personal", "money", "link"]

LIMITS = {"bluesky": 300, "mastodon": 500, "x": 280}
"""Characters that a platform takes, where its replier does not say. Mastodon's and X's are their usual accounts'."""

_LINK_LENGTH = {"x": 23, "mastodon": 23}
"""Both shorten every web address, and count it as this long (docs.x.com "counting characters"; Mastodon's API docs)."""

_LINK = regex.compile(r"https?://[^\s<>\"]+|\bwww\.[^\s<>\"]+", regex.IGNORECASE)
_CHARACTER = regex.compile(r"\X")
_EMOJI = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3")
_NARROW = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Code points that X counts once; all others count twice (twitter-text, configuration v3)."""
_DIRECTION = regex.compile(r"[\u202A-\u202E\u2066-\u2069]")
_CONTROL = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\U000E0000-\U000E007F]")
_MONEY = regex.compile(
    r"\b(?:refund(?:s|ed|ing)?|reimburs\w+|compensat\w+|voucher|gift card|free of charge|money back|discount"
    r"|gutschein|erstatt\w+|entschädig\w+|rabatt|kostenlos|rembours\w+|dédommag\w+|bon d'achat|remise|gratuit\w*"
    r"|reembols\w+|compensaci\w+|indemniz\w+|descuento|gratis|rimbors\w+|risarci\w+|buono|sconto|indeniza\w+"
    r"|desconto|terugbetal\w+|vergoed\w+|korting)\b"
    r"|[$€£¥]\s?\d[\d.,]*|\b\d[\d.,]*\s?(?:[$€£¥]|(?:eur|euros?|usd|dollars?|gbp|pounds?|chf)\b)",
    regex.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the guard found. `phrase` is the piece of the text it is about; `blocks`: it cannot be approved so."""

    kind: Kind
    phrase: str
    message: str
    blocks: bool


def check(text: str, *, platform: str, longest: int | None = None, asked: str = "") -> tuple[Finding, ...]:
    """Everything to say about a reply, what blocks first.

    `longest` is the replier's own limit where it has one; `asked` the customer's text, to see what is quoted of it.
    """
    found = [*_blocking(text, platform, longest), *_warnings(text, platform, asked)]
    return tuple(sorted(found, key=lambda finding: not finding.blocks))


def limit(platform: str, longest: int | None = None) -> int | None:
    """The most characters that a reply may have, as `count` counts them; None where there is no limit."""
    return longest if longest is not None else LIMITS.get(platform)


def count(text: str, platform: str) -> int:
    """The length of a reply as the platform counts it."""
    fixed = _LINK_LENGTH.get(platform)
    links = len(_LINK.findall(text)) if fixed else 0
    rest = _LINK.sub("", text) if links else text
    if platform == "x":
        return sum(map(_width, _CHARACTER.findall(rest))) + links * 23
    return len(_CHARACTER.findall(rest)) + links * (fixed or 0)


def _width(character: str) -> int:
    if _EMOJI.search(character):
        return 2
    return sum(1 if any(low <= ord(sign) <= high for low, high in _NARROW) else 2 for sign in character)


def _blocking(text: str, platform: str, longest: int | None) -> Iterator[Finding]:
    if not text.strip():
        yield Finding("empty", "", "the reply is empty", blocks=True)
    for name in placeholders(text):
        yield Finding("placeholder", f"{{{name}}}", f"{{{name}}} has to be filled in", blocks=True)
    most, length = limit(platform, longest), count(text, platform)
    if most is not None and length > most:
        over = f"{length - most:,} characters" if length - most > 1 else "one character"
        message = f"{over} too long: {platform} takes {most:,}"
        yield Finding("length", "", message, blocks=True)
    if hidden := _DIRECTION.search(text) or _CONTROL.search(text):
        message = f"an invisible character (U+{ord(hidden[0]):04X}) could make the reply read differently: remove it"
        yield Finding("direction", hidden[0], message, blocks=True)


def _warnings(text: str, platform: str, asked: str) -> Iterator[Finding]:
    theirs = {_bare(phrase) for _, phrase in personal(asked)}
    for what, phrase in personal(text):
        if what in ("card", "IBAN") or _bare(phrase) in theirs:
            yield Finding("personal", phrase, f"repeats the customer's {what} in public", blocks=False)
    for found in _MONEY.finditer(text):
        message = "offers money in public: offers made in public make complaints spread, make it in private"
        yield Finding("money", found[0], message, blocks=False)
    for found in _LINK.finditer(text):
        costs = "; X charges more for a post with a link" if platform == "x" else ""
        yield Finding("link", found[0], f"has a link: check where it leads{costs}", blocks=False)


def _bare(phrase: str) -> str:
    """Letters and digits alone, so that the same number is known however it is spaced."""
    return "".join(filter(str.isalnum, phrase)).casefold()
