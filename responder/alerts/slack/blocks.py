"""A message as Slack's Block Kit: what is said, escaped, masked and within Slack's limits.

Posts are hostile: `<!channel>` in a complaint would call everybody, a link would unfurl. So all words are plain_text
(no mark-up, no mentions, no emoji names), the three signs that Slack reads in any text are escaped, and characters that
turn the direction of a line are taken out. The fallback `text`, which notifications show, is escaped the same way.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from core.mask import mask
from responder.alerts.channel import BUTTONS, Message

LONGEST_TEXT, LONGEST_HEADER, LONGEST_BUTTON = 3000, 150, 75
"""Characters that Slack takes in a section, a header and a button."""
LONGEST_FIELD = 2000
MOST_FIELDS = 10
LONGEST_EXAMPLE = 500
LONGEST_URL = 3000
"""Characters of an address behind a button."""

_SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKS = {"urgent": "\N{LARGE RED CIRCLE}", "high": "\N{LARGE ORANGE CIRCLE}", "normal": "\N{LARGE BLUE CIRCLE}"}
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r"\s*\n\s*")

Block = dict[str, Any]


def escaped(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text as Slack shows it letter by letter: masked, without controls, escaped, cut to `longest` characters."""
    plain = "".join(sign for sign in mask(text) if sign == "\n" or unicodedata.category(sign) not in {"Cc", "Cf", "Cs"})
    plain = _BREAKS.sub("\n", _SPACES.sub(" ", plain)).strip()
    whole = "".join(_SIGNS.get(sign, sign) for sign in plain)
    return whole if len(whole) <= longest else _cut(plain, longest)


def blocks(message: Message, chart: str = "") -> list[Block]:
    """All blocks of a message; `chart` is the id of an image that was uploaded."""
    found: list[Block] = [
        {"type": "header", "text": _plain(f"{_MARKS.get(message.severity, '')} {message.title}", LONGEST_HEADER)}
    ]
    found += [_section(text) for text in (message.sentence, _standing(message)) if text.strip()]
    if message.facts:
        found.append({"type": "section", "fields": [_fact(*one) for one in message.facts[:MOST_FIELDS]]})
    found += [_quote(text) for text in message.examples[:3] if text.strip()]
    if chart:
        found.append({"type": "image", "slack_file": {"id": chart}, "alt_text": escaped(message.sentence, 1000)})
    found.append({"type": "actions", "elements": _buttons(message)})
    return found


def fallback(message: Message) -> str:
    """What notifications and screen readers get."""
    parts = (f"{message.brand}: {message.title}" if message.brand else message.title, message.sentence, message.state)
    return escaped(" · ".join(part for part in parts if part), LONGEST_TEXT)


def line(text: str) -> list[Block]:
    """One line in a thread."""
    return [_section(text)]


def answer_of(value: str) -> tuple[int, int] | None:
    """The incident and its version that a button carries; None for what we never put there."""
    found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", value, re.ASCII)  # what a row's id can be in any database
    return (int(found[1]), int(found[2])) if found else None


def _standing(message: Message) -> str:
    return " · ".join(part for part in (message.brand, message.state, message.age) if part)


def _buttons(message: Message) -> list[Block]:
    pressed = f"{message.incident_id}:{message.version}"
    offered = [one for one in message.buttons if one[0] in BUTTONS] if message.incident_id is not None else []
    found = [_button(action, label) | {"value": pressed} | _asking(action) for action, label in offered]
    return [*found, _button("open", "Open") | {"url": message.url[:LONGEST_URL]}]


def _button(action: str, label: str) -> Block:
    return {"type": "button", "action_id": action, "text": _plain(label, LONGEST_BUTTON)}


def _asking(action: str) -> Block:
    """Taking and snoozing is undone in a moment; that it is not ours ends it for everybody, so Slack asks first."""
    if action != "dismiss":
        return {}
    asked = "Nobody hears of this incident again. Its mentions and cases stay."
    return {
        "confirm": {
            "title": _plain("Not us?", 100),
            "text": _plain(asked, 300),
            "confirm": _plain("Yes, not us", 30),
            "deny": _plain("Keep it", 30),
        }
    }


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(text, LONGEST_TEXT)}


def _quote(text: str) -> Block:
    return {"type": "context", "elements": [_plain(f"“{text.strip()}”", LONGEST_EXAMPLE)]}


def _fact(label: str, value: str) -> Block:
    return _plain(f"{label}\n{value}", LONGEST_FIELD)


def _plain(text: str, longest: int) -> Block:
    return {"type": "plain_text", "text": escaped(text, longest) or "-", "emoji": False}


def _cut(plain: str, longest: int) -> str:
    """As many whole characters as fit, so that no escaped sign is cut in two."""
    parts, left = [], longest - 1
    for sign in plain:
        part = _SIGNS.get(sign, sign)
        if len(part) > left:
            break
        parts.append(part)
        left -= len(part)
    return "".join(parts).rstrip() + "…"
