"""Names in a reply: whether it calls a customer by the name of another.

A handle or a full name counts wherever it stands. A single name only where somebody is addressed by it ("Hi Ann,",
"sorry, Ann."), since many a name is a word as well (Will, May, Grace).
"""

from __future__ import annotations

from collections.abc import Iterator, Set

import regex

_MOST_WORDS = 4
_FEWEST_SIGNS = 3
_WORD = regex.compile(r"@?[\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}_.'’-]*(?<![.'’-])")
_HANDLE = regex.compile(r"@[\w.-]+(?:@[\w.-]+)?(?<![.-])")
_ADDRESSED = regex.compile(
    r"(?:^|[\n.!?…]\s*|,\s+|\b(?:hi|hiya|hello|hey|dear|sorry|thanks|thank you|cheers|morning|afternoon|evening"
    r"|hallo|liebe[r]?|guten tag|moin|bonjour|bonsoir|salut|ch[eè]re?|merci|hola|buen[oa]s|estimad[oa]|gracias"
    r"|ciao|gentile|car[oa]|buongiorno|grazie|ol[aá]|prezad[oa]|obrigad[oa]|beste|dag|bedankt),?\s+)"
    r"(?P<name>\p{Lu}[\p{L}\p{M}'’-]+)(?=\s*(?:[,!.:?;–—…\n]|$)|\s+[-–—]\s)"
)
_GREETED = regex.compile(
    r"\b(?:hi|hiya|hello|hey|dear|hallo|liebe[r]?|guten tag|bonjour|bonsoir|salut|ch[eè]re?|hola|estimad[oa]|ciao"
    r"|gentile|car[oa]|ol[aá]|prezad[oa]|beste),?\s+(?P<name>\p{Lu}[\p{L}\p{M}'’-]+)",
    regex.IGNORECASE,
)


def folded(name: str, handle: str) -> frozenset[str]:
    """All that somebody may be called by: handle, full name, and each part of it; folded, a handle with its @."""
    words = [word.casefold() for word in _WORD.findall(name[:200])][:_MOST_WORDS]
    bare = handle.lstrip("@").casefold()
    called = (*words, " ".join(words), bare)
    found = {word for word in called if len(word) >= _FEWEST_SIGNS and not word.isdecimal()}
    return frozenset(found | ({f"@{bare}"} if bare else set()))


def others_in(text: str, others: frozenset[str], known: frozenset[str]) -> Iterator[str]:
    """The pieces of the text that name one of `others` and nobody of `known`, each once."""
    found = (text[start:end] for start, end in named_in(text, others - known))
    seen: set[str] = set()
    for phrase in found:
        if (plain := phrase.casefold()) not in seen:
            seen.add(plain)
            yield phrase


def named_in(text: str, wanted: frozenset[str]) -> list[tuple[int, int]]:
    """Where the text names one of `wanted`: starts and ends, in order; none begins within another."""
    if not wanted:
        return []
    spans = [found.span() for found in _HANDLE.finditer(text) if found[0].casefold() in wanted]
    for pattern in (_ADDRESSED, _GREETED):
        spans += [found.span("name") for found in pattern.finditer(text) if found["name"].casefold() in wanted]
    spans += _full_names(text, {one for one in wanted if " " in one})
    apart: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not apart or start >= apart[-1][1]:
            apart.append((start, end))
    return apart


def _full_names(text: str, wanted: Set[str]) -> Iterator[tuple[int, int]]:
    words = list(_WORD.finditer(text)) if wanted else []
    for at in range(len(words)):
        for size in range(2, _MOST_WORDS + 1):
            some = words[at : at + size]
            if len(some) == size and " ".join(word[0].casefold() for word in some) in wanted:
                yield some[0].start(), some[-1].end()
