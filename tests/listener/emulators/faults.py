"""What can go wrong with any answer over HTTP. A fault takes the honest answer and gives back what comes instead."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.loopback import Answer

Fault = Callable[[Answer], Answer]

HANG = 2.0
"""Seconds that a hanging answer takes: longer than the patience of those who are tested with it."""


def honest(answer: Answer) -> Answer:
    """Nothing goes wrong yet."""
    return answer


def cut(answer: Answer) -> Answer:
    """The connection ends in the middle of the body."""
    return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers, declared=len(answer.body) + 1)


def half(answer: Answer) -> Answer:
    """A whole answer that holds half of the JSON."""
    return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers)


def closed(answer: Answer) -> Answer:
    """The connection is closed without a word."""
    raise ConnectionResetError


def hang(answer: Answer) -> Answer:
    """Silence, until everybody has gone."""
    threading.Event().wait(HANG)
    return answer


def too_many(answer: Answer) -> Answer:
    """429 that says when to come again."""
    return Answer(429, b'{"message": "Too Many Requests", "error": 429}', {"Retry-After": "30"})


def too_many_and_no_word(answer: Answer) -> Answer:
    """429 that says nothing."""
    return Answer(429)


def unavailable(answer: Answer) -> Answer:
    """503 with a page of HTML."""
    return Answer(503, b"<html><body><h1>Service Unavailable</h1></body></html>", {"Content-Type": "text/html"})


def bad_gateway(answer: Answer) -> Answer:
    """502 without a body."""
    return Answer(502)


ANY = (cut, half, closed, hang, too_many, too_many_and_no_word, unavailable, bad_gateway)
