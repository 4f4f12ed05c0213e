"""What a view may ask about the request that it answers: the runtime, who asks, and how the answer is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.routing import IntegerConverter, Map

from core.roles import Rights
from core.runtime import Runtime
from web.user import SignedIn

LARGEST_ID = 2**31 - 1


class _Id(IntegerConverter):
    """The number of a row in an address: what no row can have is not found, rather than asked of the database."""

    def __init__(self, addresses: Map) -> None:
        super().__init__(addresses, max=LARGEST_ID)


def init_app(app: Flask, runtime: Runtime) -> None:
    """Let views find the runtime."""
    app.extensions["ripplewatch"] = runtime
    app.url_map.converters["int"] = _Id
    app.teardown_appcontext(_end_reading)


def runtime() -> Runtime:
    """Settings, database, clock and queue of this process."""
    return cast("Runtime", current_app.extensions["ripplewatch"])


def reading() -> Session:
    """A transaction that only reads, for all that surrounds a page: one for the whole request, begun when it is first
    asked for. To open one for each thing that a page shows would take longer than to read most of them."""
    if "reading" not in g:
        g.reading_ends = ExitStack()
        g.reading = g.reading_ends.enter_context(runtime().db.read())
    return cast("Session", g.reading)


def _end_reading(error: BaseException | None) -> None:
    del error
    g.pop("reading", None)
    if ends := g.pop("reading_ends", None):
        ends.close()


def user() -> SignedIn | None:
    """Who asks; None before they have signed in."""
    return cast("SignedIn", current_user) if current_user.is_authenticated else None


def user_id() -> int:
    """The id of who asks, for views that only those see who have signed in."""
    return cast("SignedIn", current_user).id


def rights() -> Rights:
    """What who asks may do for which brand; nothing before they have signed in."""
    asking = user()
    return asking.rights if asking else Rights()


def user_name() -> str:
    """The name of who asks, likewise."""
    return cast("SignedIn", current_user).name


def wants_fragment() -> bool:
    """Whether htmx asks for a part of a page. Going back in history it asks for all of it."""
    return request.headers.get("HX-Request-Type") == "partial"


def local_path(given: str | None, default: str = "/") -> str:
    """`given` if it is a path on this site, else `default`: nobody is sent to another site through us."""
    if not given or not given.startswith("/") or given.startswith("//") or "\\" in given or not given.isprintable():
        return default
    parts = urlsplit(given)
    return default if parts.scheme or parts.netloc else given


def number(given: Mapping[str, str], name: str) -> int:
    """A whole number that somebody sent, as far as a row can have it; else 0."""
    text = given.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= LARGEST_ID else 0
