"""Reads the leaves of a query, each a token: a term, a field with its value, a list of words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, get_args

from core.types import Kind
from listener.query.lex import STARS, QuerySyntaxError, Token
from listener.query.tree import FIELDS, NAMES, Field, FieldName, Followers, Or, Term, normal_value, term_of
from listener.query.words import without_links

Lists = Mapping[str, Sequence[str]]
"""Words by the name of their list."""

MOST_WORDS = 500
"""Words in one list."""

_ALIASES = {
    "author": "from",
    "by": "from",
    "user": "from",
    "language": "lang",
    "url": "site",
    "link": "site",
    "links": "site",
    "domain": "site",
    "host": "site",
    "platform": "source",
    "network": "source",
    "type": "is",
    "kind": "is",
    "contains": "has",
    "filter": "has",
    "fans": "followers",
    "words": "list",
}
_EXAMPLES = {
    "from": "from:acme",
    "lang": "lang:de",
    "site": "site:example.com",
    "source": "source:bluesky",
    "is": "is:reply",
    "has": "has:link",
    "followers": "followers:>1000",
    "list": "list:products",
}
_CHOICES: dict[str, tuple[str, ...]] = {"is": get_args(Kind), "has": ("link", "emoji")}
_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+")
_NUMBER = r"([0-9]{1,10})([km]?)"
_BOUND = re.compile(rf"(>=|<=|>|<|=|){_NUMBER}", re.IGNORECASE)
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}", re.IGNORECASE)
_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}


def read_term(token: Token, query: str) -> Term:
    """The term that a word or phrase stands for. Raises QuerySyntaxError."""
    typed, prefix = _prefix(token, query)
    if without_links(typed) != typed:
        _fail("Links are not searched as words. Write site:example.com to find links to a site.", token.start, query)
    term = term_of(typed, quoted=token.kind == "phrase", prefix=prefix)
    if term is None:
        _fail(_nothing_in(token), token.start, query)
    if prefix and len(term.plain.rsplit(" ", 1)[-1]) < 2:
        _fail("A * needs at least two letters before it, as in sh*. Type more of the word.", token.start, query)
    return term


def read_listed(word: str) -> Term:
    """The term that one entry of a list of words stands for: a word or phrase without quotes. Raises
    QuerySyntaxError, whose position counts in the entry."""
    entry = word.strip()
    return read_term(Token("phrase" if " " in entry else "word", entry, 0), entry)


def read_field(token: Token, query: str, lists: Lists) -> Field | Followers | Or:
    """What a field asks for. Raises QuerySyntaxError."""
    name, _, value = token.text.partition(":")
    name, value = name.lower(), value.strip()
    if name not in NAMES:
        _unknown(token, name, value, query)
    if not value:
        _no_value(name, token, query)
    if any(star in value for star in STARS):
        _fail(f"{name}: takes no *. Write the whole value, as in {_EXAMPLES[name]}.", token.value_start, query)
    if name == "followers":
        return _followers(token, value, query)
    if name == "list":
        return _list(token, value, query, lists)
    return _field(next(field for field in FIELDS if field == name), token, value, query)


def _field(name: FieldName, token: Token, value: str, query: str) -> Field:
    value = normal_value(name, value)
    if not value:
        _no_value(name, token, query)
    if name == "site" and not _HOST.fullmatch(value):
        _fail("site: takes a site's name without path, as in site:example.com.", token.value_start, query)
    if name in _CHOICES and value not in _CHOICES[name]:
        close = difflib.get_close_matches(value, _CHOICES[name], 1, 0.6)
        meant = f"Did you mean {name}:{close[0]}?" if close else f"It takes {_or(_CHOICES[name])}."
        _fail(f"There is no {name}:{value}. {meant}", token.value_start, query)
    return Field(name, value)


def _followers(token: Token, value: str, query: str) -> Followers:
    if found := _RANGE.fullmatch(value):
        least, most = _number(found[1], found[2]), _number(found[3], found[4])
        if least > most:
            _fail("The smaller number comes first, as in followers:100..5000.", token.value_start, query)
        return Followers(value, least, most)
    found = _BOUND.fullmatch(value)
    if found is None:
        told = "followers: takes a number, as in followers:>1000, followers:<=50k or followers:100..5000."
        _fail(told, token.value_start, query)
    sign, number = found[1], _number(found[2], found[3])
    if sign == "<" and number == 0:
        _fail("Nobody has fewer than 0. Write followers:0 for those who have none.", token.value_start, query)
    if sign in {">", ">="}:
        return Followers(value, number + (sign == ">"))
    least = 0 if sign in {"<", "<="} else number
    return Followers(value, least, number - (sign == "<"))


def _number(digits: str, thousands: str) -> int:
    return int(digits) * _THOUSANDS[thousands.lower()]


def _list(token: Token, value: str, query: str, lists: Lists) -> Or:
    found = next((name for name in lists if name.casefold() == value.casefold()), None)
    if found is None:
        there = f"There are: {', '.join(sorted(lists))}." if lists else "Make it first, on the brand's page."
        _fail(f"There is no list of words called “{value}”. {there}", token.value_start, query)
    terms: dict[str, Term] = {}
    for word in lists[found]:
        try:
            term = read_listed(word)
        except QuerySyntaxError as error:
            _fail(f"“{word}” in the list “{found}” cannot be searched: {error}", token.start, query)
        terms.setdefault(term.form, term)
    if not terms:
        _fail(f"The list “{found}” is empty. Put words into it, on the brand's page.", token.value_start, query)
    return Or(tuple(terms.values()), found)


def _unknown(token: Token, name: str, value: str, query: str) -> NoReturn:
    if without_links(token.text) != token.text:
        _fail("Links are not searched as words. Write site:example.com to find links to a site.", token.start, query)
    close = difflib.get_close_matches(name, NAMES, 1, 0.6)
    near = _ALIASES.get(name) or (close[0] if close else None)
    meant = f"Did you mean {near}:{value}?" if near else f"There are {', '.join(f'{one}:' for one in NAMES)}."
    _fail(f'There is no field "{name}:". {meant} To search for the text itself, quote it.', token.start, query)


def _no_value(name: str, token: Token, query: str) -> NoReturn:
    _fail(f"{name}: needs its value directly behind it, as in {_EXAMPLES[name]}.", token.start, query)


def _prefix(token: Token, query: str) -> tuple[str, bool]:
    typed = token.text.rstrip() if token.kind == "phrase" else token.text
    prefix = typed.endswith(tuple(STARS))
    typed = typed[:-1] if prefix else typed
    for offset, character in enumerate(typed):
        if character in STARS:
            at = token.start + offset + (token.kind == "phrase")
            _fail("A * stands only at the end of a word, as in ship*. Remove it here.", at, query)
    return typed, prefix


def _nothing_in(token: Token) -> str:
    signs = {"&": "AND", "&&": "AND", "+": "AND", "|": "OR", "||": "OR", "!": "NOT"}
    if token.text in signs:
        return f"{token.text} is no operator here. Write {signs[token.text]}."
    return f"Nothing in {token.text!r} can be searched. A term needs a letter, a digit or an emoji."


def _or(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def _fail(message: str, position: int, query: str) -> NoReturn:
    raise QuerySyntaxError(message, position, query)
