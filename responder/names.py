"""Names in a reply: whether it calls a customer by the name of another.

A handle or a full name counts wherever it stands. A single name only where somebody is addressed by it ("Hi Ann,",
"sorry, Ann."), since many a name is a word as well (Will, May, Grace).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    found = {word for word in (*words, " ".join(words)) if len(word) >= _FEWEST_SIGNS and not word.isdecimal()}
    bare = handle.lstrip("@").casefold()
    return frozenset(found | ({f"@{bare}"} if bare else set()))


def others_in(text: str, others: frozenset[str], known: frozenset[str]) -> Iterator[str]:
    """The pieces of the text that name one of `others` and nobody of `known`, each once."""
    strange = others - known
    if not strange:
        return
    seen: set[str] = set()
    for phrase in _named(text, strange):
        if (plain := phrase.casefold()) not in seen:
            seen.add(plain)
            yield phrase


def _named(text: str, strange: frozenset[str]) -> Iterator[str]:
    for found in _HANDLE.finditer(text):
        if found[0].casefold() in strange:
            yield found[0]
    for pattern in (_ADDRESSED, _GREETED):
        for found in pattern.finditer(text):
            if found["name"].casefold() in strange:
                yield found["name"]
    yield from _full_names(text, {one for one in strange if " " in one})


def _full_names(text: str, names: Iterable[str]) -> Iterator[str]:
    wanted = set(names)
    words = list(_WORD.finditer(text)) if wanted else []
    for at in range(len(words)):
        for size in range(2, _MOST_WORDS + 1):
            some = words[at : at + size]
            if len(some) == size and " ".join(word[0].casefold() for word in some) in wanted:
                yield text[some[0].start() : some[-1].end()]
