"""Says of a query that can be read whether it would match nearly everything all the same.

A query needs something that must be there. Where all of that is a word that stands in every second post, or no more
than a language, it is as good as nothing.
"""

from __future__ import annotations

from listener.query.explain import leaf_in_words
from listener.query.tree import Field, Leaf, Query, Term, anchors

# The most frequent words of the languages that most posts are written in, folded as listener/query/words.py does it.
_FREQUENT = frozenset(
    (  # noqa: SIM905 (a list of quoted words is harder to read)
        "a about after all also am an and any are as at back be because been but by can come could day did do does "
        "dont for from get go going good got had has have he her here hey hi him his how i if im in is it its just "
        "know like lol love make me more my need new no not now of off oh ok on one only or other our out over people "
        "please really right s see she so some still t thank thanks that the their them then there they this time to "
        "today too up us want was we well were what when where which who why will with would yes you your aber als "
        "auch auf aus bei das dem den der des die du ein eine einen er es fur habe hat ich ist ja kann man mein mit "
        "nach nicht noch nur oder schon sich sie sind und uns von war wenn wie wir zu zum au avec ce cest dans de "
        "elle en est et il je la le les ma mais moi mon ne nous ou par pas plus pour qui que se si son sur tu un une "
        "vous como con del el esta hay las lo los mas mi muy para pero por sin su sus te todo una ya yo e com da em "
        "eu foi isso na nao os uma che di ho non per sono"
    ).split()
)
_WIDE_FIELDS = ("lang", "is", "has")


def too_broad(query: Query) -> str:
    """Why the query would match a great part of all posts, in a sentence for its author; empty if it would not."""
    if anchors(query.tree, lambda leaf: None if _common(leaf) else 1.0) is not None:
        return ""
    found = anchors(query.tree, lambda leaf: 1.0 if _common(leaf) else 100.0) or frozenset()
    common = sorted(leaf_in_words(leaf) for leaf in found if _common(leaf))
    return (
        f"This would match a great part of all posts: {' or '.join(common)} is enough. "
        "Add a name or another rare word that must be there."
    )


def _common(leaf: Leaf) -> bool:
    """Whether a leaf turns up in posts about everything."""
    match leaf:
        case Field(name, _):
            return name in _WIDE_FIELDS
        case Term() if leaf.form == leaf.plain:
            parts = leaf.plain.split()
            return all(part in _FREQUENT or _one_sign(part) for part in parts)
        case _:
            return False


def _one_sign(word: str) -> bool:
    return len(word) == 1 and word.isascii()
