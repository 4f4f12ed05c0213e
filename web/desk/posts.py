"""Post text on a page: text stays text, addresses can be followed, and nothing is fetched by itself."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from markupsafe import Markup, escape

AT_ONCE = 3_000
"""Characters of a post that are shown at once; the rest is one press away."""

_ADDRESS = re.compile(r"https?://[^\s<>\"'`\u200b-\u200f\u202a-\u202e\u2066-\u2069]{1,2000}", re.IGNORECASE)
_AFTER = ".,;:!?)]}»”’…"


def linked(text: str) -> Markup:
    """The text, escaped, with its web addresses as links that give nothing away about where they are followed from."""
    parts, end = [], 0
    for found in _ADDRESS.finditer(text):
        address = found[0].rstrip(_AFTER)
        if not web_address(address):
            continue
        parts += [escape(text[end : found.start()]), _link(address)]
        end = found.start() + len(address)
    return Markup("").join([*parts, escape(text[end:])])


def web_address(given: str | None) -> str | None:
    """`given` if it leads to a web page, else None: what platforms send is never trusted to be an address."""
    try:
        parts = urlsplit(given or "")
    except ValueError:
        return None
    return given if parts.scheme in {"http", "https"} and parts.netloc else None


def _link(address: str) -> Markup:
    return Markup('<a href="{0}" dir="ltr" target="_blank" rel="noopener noreferrer nofollow">{0}</a>').format(address)
