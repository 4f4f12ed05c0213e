"""Says in plain words what a query finds, for the person who answers for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from listener.query.tree import And, Field, Followers, Near, Node, Not, Or, Query, Term, TermKind
from listener.query.words import is_run

_INDENT = "  "
_MOST_SHOWN = 20
_OPERATORS = {"and": "AND", "or": "OR", "not": "NOT"}
_KINDS: dict[TermKind, str] = {
    "word": "the word ",
    "phrase": "the phrase ",
    "tag": "the hashtag ",
    "handle": "the handle ",
    "cashtag": "the cashtag ",
}


def explain(query: Query) -> str:
    """What the query finds and what it leaves out: one sentence, or an outline with a line for each part."""
    parts = query.tree.parts if isinstance(query.tree, And) else (query.tree,)
    wanted = [part for part in parts if not isinstance(part, Not)]
    unwanted = [part.part for part in parts if isinstance(part, Not)]
    lines = [
        *_list("Finds posts with", "all of these", wanted),
        *_list("Leaves out posts with", "any of these", unwanted),
    ]
    return "\n".join([*lines, *_notes(query.tree)])


def _list(opening: str, several: str, parts: Sequence[Node]) -> Iterator[str]:
    if len(parts) == 1:
        first, *rest = _lines(parts[0])
        yield f"{opening} {first}" + ("" if rest else ".")
        yield from rest
    elif parts:
        yield f"{opening} {several}:"
        yield from _bullets(parts)


def _lines(node: Node) -> list[str]:
    """One line for what is simple; a heading and a bullet for each part where it is not."""
    match node:
        case Or(parts, name) if name:
            return [f"one of the words in the list “{name}” ({_some(parts)})"]
        case Or(parts) if (terms := [part for part in parts if isinstance(part, Term)]) and len(terms) == len(parts):
            return [_choice(terms)]
        case And(parts):
            return ["all of these:", *_bullets(parts)]
        case Or(parts):
            return ["at least one of these:", *_bullets(parts)]
        case Not(part):
            first, *rest = _lines(part)
            return [f"not {first}", *rest]
        case _:
            return [leaf_in_words(node)]


def leaf_in_words(node: Near | Field | Followers | Term) -> str:
    """What one leaf of a query asks for."""
    match node:
        case Near(left, right, distance):
            words = "1 word" if distance == 1 else f"{distance} words"
            return f"{_choice(left)} within {words} of {_choice(right)}, in either order"
        case Field():
            return _field(node)
        case Followers():
            return f"an author with {_followers(node)}"
        case Term():
            return _term(node)


def _bullets(parts: Iterable[Node]) -> Iterator[str]:
    for part in parts:
        first, *rest = _lines(part)
        yield f"- {first}"
        yield from (_INDENT + line for line in rest)


def _choice(terms: Sequence[Term]) -> str:
    return _term(terms[0]) if len(terms) == 1 else f"one of {_some(terms)}"


def _some(terms: Sequence[Node]) -> str:
    """The terms as typed, as many as a person reads."""
    shown = [_shown(term) for term in terms if isinstance(term, Term)]
    more = len(shown) - _MOST_SHOWN
    return ", ".join(shown) if more <= 0 else f"{', '.join(shown[:_MOST_SHOWN])} and {more:,} more"


def _term(term: Term) -> str:
    if term.prefix:
        return f"{_KINDS[term.kind]}{_shown(term)} (or longer)"
    if term.kind == "word" and is_run(term.plain[0]):
        return f"the text {_shown(term)}"
    return f"{_KINDS[term.kind]}{_shown(term)}"


def _shown(term: Term) -> str:
    text = term.text + ("*" if term.prefix else "")
    return text if term.kind in ("tag", "handle", "cashtag") else f"“{text}”"


def _field(field: Field) -> str:
    match field.name:
        case "from":
            return f"the author @{field.value}"
        case "lang":
            return f"the language “{field.value}”, as the platform or the author states it"
        case "site":
            return f"the site {field.value}: posted there or with a link to it"
        case "source":
            return f"the platform or source “{field.value}”"
        case "is":
            return f"the kind “{field.value}”"
        case "has":
            return {"link": "a link in them", "emoji": "an emoji in them"}[field.value]


def _followers(node: Followers) -> str:
    if node.least == node.most:
        return f"exactly {node.least:,} followers"
    if node.most is None:
        return f"at least {node.least:,} followers" if "=" in node.text else f"more than {node.least - 1:,} followers"
    if node.text.startswith("<"):
        return f"at most {node.most:,} followers" if "=" in node.text else f"fewer than {node.most + 1:,} followers"
    return f"{node.least:,} to {node.most:,} followers"


def _notes(node: Node) -> Iterator[str]:
    """What people often mean otherwise: operators that they wrote in lower case."""
    typed = {term.text for term in _terms(node)}
    for word, operator in _OPERATORS.items():
        if word in typed:
            yield f"Note: “{word}” is searched as a word here. As an operator it is written {operator}."


def _terms(node: Node) -> Iterator[Term]:
    match node:
        case Term():
            yield node
        case Near(left, right):
            yield from (*left, *right)
        case Not(part):
            yield from _terms(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _terms(part)
        case Field() | Followers():
            return
