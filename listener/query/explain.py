"""Says in plain words what a query finds, for the person who answers for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from listener.query.tree import And, Field, Near, Node, Not, Or, Query, Term, TermKind
from listener.query.words import is_run

_INDENT = "  "
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
            return [_leaf(node)]


def _leaf(node: Near | Field | Term) -> str:
    match node:
        case Near(left, right, distance):
            words = "1 word" if distance == 1 else f"{distance} words"
            return f"{_choice(left)} within {words} of {_choice(right)}, in either order"
        case Field():
            return _field(node)
        case Term():
            return _term(node)


def _bullets(parts: Iterable[Node]) -> Iterator[str]:
    for part in parts:
        first, *rest = _lines(part)
        yield f"- {first}"
        yield from (_INDENT + line for line in rest)


def _choice(terms: Sequence[Term]) -> str:
    return _term(terms[0]) if len(terms) == 1 else f"one of {', '.join(map(_shown, terms))}"


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
        case Field():
            return
