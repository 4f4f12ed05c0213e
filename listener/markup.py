"""Text of HTML as a reader would see it: breaks kept, scripts and styles gone, entities resolved."""

from __future__ import annotations

import html
import re

from bs4 import BeautifulSoup
from bs4.element import Comment, Declaration, Doctype, NavigableString, ProcessingInstruction, Tag

_BLOCKS = frozenset(
    "address article aside blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li main nav "
    "ol p pre section table tr ul".split()
)
_PARAGRAPHS = frozenset("blockquote h1 h2 h3 h4 h5 h6 ol p pre table ul".split())
_UNSEEN = frozenset(
    "audio canvas embed head iframe math noembed noframes noscript object script style svg template title video".split()
)
_INVISIBLE = (Comment, Declaration, Doctype, ProcessingInstruction)
MAX_MARKUP = 1_000_000
"""Characters that are read of one text; the rest of a larger one is left away."""


def plain_text(markup: str) -> str:
    """The text of a piece of HTML. A piece without any tag is text with entities."""
    if "<" not in markup:
        return html.unescape(markup).strip()
    parts: list[str] = []
    unseen: Tag | None = None
    soup = BeautifulSoup(markup[:MAX_MARKUP], "html.parser")
    for node in soup.descendants:
        if unseen is not None and unseen in node.parents:
            continue
        if isinstance(node, Tag):
            unseen = node if node.name in _UNSEEN else None
            if node.name in _BLOCKS:
                parts.append("\n\n" if node.name in _PARAGRAPHS else "\n")
        elif isinstance(node, NavigableString) and not isinstance(node, _INVISIBLE):
            parts.append(re.sub(r"\s+", " ", node))
    return _tidy("".join(parts))


def _tidy(text: str) -> str:
    text = re.sub(r" ?\n ?", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]{2,}", " ", text)).strip()
