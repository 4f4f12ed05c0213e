"""Words that a reply has from the post that it answers.

A writer that is led astray says what the post told it to. People repeat a customer's words too, but rarely three in
a row that mean something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from responder.drafts.likeness import FUNCTION_WORDS

_WORD = re.compile(r"\w+(?:[.'’-]\w+)*")
_FEWEST = 3
_MEANING = 2
"""Of so many words in a row, so many must be more than "of the"."""
_LONGEST = 5_000


def echoed(reply: str, post: str) -> Iterator[str]:
    """The pieces of the reply of three or more words that stand just so in the post."""
    words = list(_WORD.finditer(reply[:_LONGEST]))
    ours = [word[0].casefold() for word in words]
    theirs = [word.casefold() for word in _WORD.findall(post[:_LONGEST])]
    runs = {tuple(theirs[at : at + _FEWEST]) for at in range(len(theirs) - _FEWEST + 1)}
    starts = [at for at in range(len(ours) - _FEWEST + 1) if tuple(ours[at : at + _FEWEST]) in runs]
    for first, last in _joined(starts):
        if sum(word not in FUNCTION_WORDS for word in ours[first : last + 1]) >= _MEANING:
            yield reply[words[first].start() : words[last].end()]


def _joined(starts: list[int]) -> Iterator[tuple[int, int]]:
    """First and last word of each unbroken piece."""
    first = last = -1
    for at in starts:
        if at > last:
            if first >= 0:
                yield first, last
            first = at
        last = at + _FEWEST - 1
    if first >= 0:
        yield first, last
