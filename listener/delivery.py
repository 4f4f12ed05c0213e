"""What the end of a request that publishes something means, said once for all repliers: nothing, never, or who knows.

    the connection was never made           RetryLater: nothing left this machine
    429, 425                                RetryLater, at the platform's own time: it refused to look at it
    3xx, 400, 401, 403, 404, 422 ...        GiveUp in the platform's words: it looked, and published nothing
    408, 5xx, silence, a cut answer         Unsure: it may have been published before that went wrong

Requests that come before the one that publishes (signing in, looking the post up) are judged by listener/http.py: there
every failure means that nothing was published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
import requests
import urllib3

from core.errors import GiveUp, PlatformError, RetryLater, Unsure
from core.tls import trusted
from core.types import Outgoing, Receipt
from listener.http import retry_after

SECONDS = 20.0
"""For each piece of an answer; with all requests that a reply takes well within the lease of the outbox."""
READY = 60.0
"""Seconds from the claim of a reply to the request that publishes it, at most: a part of the lease of the outbox."""
_SAID = 300
_CLOCKS_DIFFER = timedelta(minutes=2)
"""Between a platform's clock and ours."""
_REFUSED_UNREAD = (425, 429)
_NEVER_CONNECTED = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)

Words = Callable[[bytes], str]
"""Takes the platform's own words out of the body of an error."""


def client(seconds: float, headers: Mapping[str, str] | None = None) -> httpx2.Client:
    """One that connects anew for each request: a connection that ended unnoticed would leave us unsure."""
    return httpx2.Client(
        verify=trusted(),
        timeout=httpx2.Timeout(seconds, connect=min(10, seconds)),
        limits=httpx2.Limits(max_keepalive_connections=0),
        headers={"User-Agent": "ripplewatch", **(headers or {})},
        follow_redirects=False,
    )


def still_time(reply: Outgoing, now: datetime) -> None:
    """Raise RetryLater when getting ready took so long that another worker may have taken the reply over meanwhile.

    Called right before the request that publishes: a process that was suspended must not go on where it was.
    """
    if reply.began_at and (now - reply.began_at).total_seconds() > READY:
        raise RetryLater("getting ready took too long, so nothing was sent", 1)


@contextmanager
def publishing(who: str) -> Iterator[None]:
    """The one request that publishes. What it raises when no answer comes says whether it can have had an effect."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise RetryLater(f"{who} cannot be reached: {error or type(error).__name__}") from error
    except httpx2.HTTPError as error:
        raise Unsure(f"{who} did not answer: {error or type(error).__name__}") from error
    except requests.RequestException as error:
        raise of_requests(error, who) from error


def of_requests(error: requests.RequestException, who: str) -> PlatformError:
    """The same for an error of requests."""
    if never_connected(error):
        return RetryLater(f"{who} cannot be reached: {error}")
    return Unsure(f"{who} did not answer: {error or type(error).__name__}")


def never_connected(error: requests.RequestException) -> bool:
    """Whether the request cannot have left this machine."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause: Any = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", cause), _NEVER_CONNECTED)


def judge(status: int, headers: Mapping[str, str], body: bytes, who: str, now: datetime, words: Words) -> None:
    """Nothing for a success, else what the answer means; see the module."""
    if 200 <= status < 300:
        return
    said = f"{who} answered {status}: {' '.join(words(body).split())[:_SAID]}".rstrip(": ")
    if status in _REFUSED_UNREAD:
        raise RetryLater(said, retry_after(httpx2.Headers(dict(headers)), now))
    if status < 500 and status != 408:
        raise GiveUp(said)
    raise Unsure(said)


@dataclass(frozen=True, slots=True)
class Ours:
    """A post of our own under the one that was answered, as its platform shows it."""

    receipt: Receipt
    text: str
    at: datetime


def read_back(
    reply: Outgoing,
    ours: Iterable[Ours],
    *,
    who: str,
    now: datetime,
    lag: float,
    same: Callable[[str], str] = lambda text: " ".join(text.split()),
) -> Receipt | None:
    """Which of our posts the reply is, if any. Texts are compared in the form that `same` gives them.

    One that was there before we began is another. One that came since and reads otherwise may be this reply, as the
    platform changed it: Unsure. Until `lag` seconds after we began it may still be on its way: RetryLater.
    """
    since = (reply.began_at or now) - _CLOCKS_DIFFER
    fresh = [one for one in ours if one.at >= since]
    for one in fresh:
        if same(one.text) == same(reply.text):
            return one.receipt
    if fresh:
        raise Unsure(f"{who} shows another reply of ours there: {fresh[0].receipt.url or fresh[0].receipt.native_id}")
    left = lag - (now - reply.began_at).total_seconds() if reply.began_at else 0.0
    if left > 0:
        raise RetryLater(f"{who} does not show the reply yet", left)
    return None
