"""X's rules and search queries, evaluated on posts as X's documents say, and strictly where they leave it open.

Words are tokens between punctuation. A keyword finds neither hashtags nor mentions, accents count in the stream and not
in the search, and the stream also looks at the text of a quoted post.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Post = Mapping[str, Any]
Test = Callable[["Seen"], bool]
_TOKEN = re.compile(r'\(|\)|-?(?:[a-z_]+:)?"[^"]*"|-?[^\s()"]+')
_CONJUNCTIVE = re.compile(r"-?(?:lang|is|has):")


class Invalid(ValueError):
    """X would refuse it; the message says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A post as the operators see it."""

    texts: tuple[str, ...]
    author: str
    lang: str
    urls: tuple[str, ...]
    kinds: frozenset[str]


def seen(post: Post, quoted: Post | None, *, stream: bool) -> Seen:
    """`quoted` is looked at by the stream only."""
    shown = [post, quoted] if stream and quoted else [post]
    texts = [one.get("note_tweet", {}).get("text") or one["text"] for one in shown]
    fold = str if stream else _unaccented
    return Seen(
        tuple(fold(text).lower() for text in texts),
        post["username"].lower(),
        post["lang"],
        tuple(url["expanded_url"].lower() for one in shown for url in one.get("entities", {}).get("urls", ())),
        frozenset(one["type"] for one in post.get("referenced_tweets", ())),
    )


def compiled(text: str, *, stream: bool) -> Test:
    """A function that tells whether a post satisfies a rule. Raises Invalid."""
    if not text.strip():
        raise Invalid("empty")
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", text):
        raise Invalid("cannot be read")
    test, alone, rest = _either(tokens, stream=stream)
    if rest:
        raise Invalid("a bracket too many")
    if not alone:
        raise Invalid("has no operator that can stand by itself")
    return test


def _either(tokens: list[str], *, stream: bool) -> tuple[Test, bool, list[str]]:
    tests, grounds = [], []
    while True:
        test, alone, tokens = _every(tokens, stream=stream)
        tests.append(test)
        grounds.append(alone)
        if not tokens or tokens[0] != "OR":
            return (lambda post: any(test(post) for test in tests)), all(grounds), tokens
        tokens = tokens[1:]


def _every(tokens: list[str], *, stream: bool) -> tuple[Test, bool, list[str]]:
    tests: list[Test] = []
    alone = False
    negated = 0
    while tokens and tokens[0] not in (")", "OR"):
        token, tokens = tokens[0], tokens[1:]
        if token == "(":
            test, one, tokens = _either(tokens, stream=stream)
            if not tokens:
                raise Invalid("a bracket is not closed")
            tokens = tokens[1:]
            alone |= one
        else:
            test = _operator(token, stream=stream)
            negated += token.startswith("-")
            alone |= not token.startswith("-") and not _CONJUNCTIVE.match(token)
        tests.append(test)
    if not tests or negated == len(tests):
        raise Invalid("nothing, or nothing but exclusions")
    return (lambda post: all(test(post) for test in tests)), alone, tokens


def _operator(token: str, *, stream: bool) -> Test:
    if token.startswith("-"):
        test = _operator(token[1:], stream=stream)
        return lambda post: not test(post)
    name, _, value = token.partition(":")
    value = value.strip('"').lower()
    named: Mapping[str, Test] = {
        "from": lambda post: post.author == value,
        "lang": lambda post: post.lang == value,
        "url": lambda post: any(value in url for url in post.urls),
        "is": lambda post: {"retweet": "retweeted", "reply": "replied_to", "quote": "quoted"}[value] in post.kinds,
        "has": lambda post: bool(post.urls),
    }
    return named.get(name) or _content(token, stream=stream)


def _content(token: str, *, stream: bool) -> Test:
    if token[0] in "#@$":
        marked = re.compile(rf"{re.escape(token.lower())}(?!\w)")
        return lambda post: any(marked.search(text) for text in post.texts)
    words = _tokens(token if stream else _unaccented(token))
    return lambda post: any(_follow(_tokens(text, bare=True), words) for text in post.texts)


def _tokens(text: str, *, bare: bool = False) -> list[str]:
    """The words of a text, with a gap where a hashtag, mention or cashtag stands if only `bare` ones count."""
    marked = re.sub(r"[#@$](\w+)", " \0 ", text) if bare else text
    return re.findall(r"\0|[^\W_]+(?:_[^\W_]+)*|[^\w\s\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]", marked.lower())


def _follow(text: list[str], words: list[str]) -> bool:
    return bool(words) and any(text[at : at + len(words)] == words for at in range(len(text)))


def _unaccented(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one))
