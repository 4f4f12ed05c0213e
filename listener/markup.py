"""Text of HTML as a reader would see it: breaks kept, scripts and styles gone, entities resolved.

Posts are hostile, so this takes linear time whatever it is given. The parsers at hand do not: html.parser (and with
it Beautiful Soup) needs 4 s for 12 kB of "<a <a <a ..." on Python 3.11, and minutes for 100 kB.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_LINES = frozenset(
    "address article aside br dd div dl dt figcaption figure footer header hr li main nav section tr".split()  # noqa: SIM905
)
_PARAGRAPHS = frozenset("blockquote h1 h2 h3 h4 h5 h6 ol p pre table ul".split())  # noqa: SIM905
_UNSEEN = frozenset(
    "audio canvas head iframe math noembed noscript object script style svg template textarea title video".split()  # noqa: SIM905
)

# A quote opens at most every third tag's worth of text before it closes, so no start can be searched far in vain.
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>\"']*)(?:(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+>|[^<>]*>)")
_TOO_LONG = re.compile(r"&#\d{8,};?")
MAX_MARKUP = 1_000_000
"""Characters that are read of one text; the rest of a larger one is left away."""


def plain_text(markup: str) -> str:
    """The text of a piece of HTML. A piece without any tag is text with entities."""
    markup = _TOO_LONG.sub("\ufffd", markup[:MAX_MARKUP])
    if "<" not in markup:
        return html.unescape(markup).strip()
    text = "".join(_parts(markup))
    text = re.sub(r" ?\n ?", "\n", re.sub(r"[ \t\r\f\v]+", " ", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _parts(markup: str) -> Iterator[str]:
    """The pieces of text between tags, and the breaks that tags make."""
    at, hidden_in = 0, ""
    while at < len(markup):
        start = markup.find("<", at)
        text = markup[at:start] if start >= 0 else markup[at:]
        if text and not hidden_in:
            yield re.sub(r"\s+", " ", html.unescape(text))
        if start < 0:
            return
        tag = _TAG.match(markup, start)
        if tag:
            at, closing, name = tag.end(), tag[1], tag[2].lower()
            if hidden_in:
                hidden_in = "" if closing and name == hidden_in else hidden_in
            elif name in _UNSEEN:
                hidden_in = "" if closing or tag[0].endswith("/>") else name
            elif name in _PARAGRAPHS:
                yield "\n\n"
            elif name in _LINES:
                yield "\n"
        else:
            at = _after_other(markup, start)
            if at == start + 1 and not hidden_in:
                yield "<"


def _after_other(markup: str, start: int) -> int:
    """Where a comment, declaration or end of another kind ends; the next character if this is just a "<"."""
    if markup.startswith("<!--", start):
        end = markup.find("-->", start + 4)
        return end + 3 if end >= 0 else len(markup)
    if markup.startswith(("<!", "<?", "</"), start):
        end = markup.find(">", start)
        return end + 1 if end >= 0 else len(markup)
    return start + 1
