"""Where every request to X goes out and every answer comes in: to the host of X_API_URL, in time, with errors in words.

tweepy has one host written into it, waits for ever on a silent socket, sleeps by itself on 429 (until Python's stack is
used up, when no header says how long), and fails with a TypeError on some error bodies. All of that is about answers
that it gets to see. It sees none of them: this adapter, mounted on tweepy's session, turns them into our own errors.

    401 402 403 404 ...       GiveUp: a person must act (402: no credits are left)
    400                       Refused, which is a GiveUp
    409                       Conflict: something of ours is still at work there
    429                       RetryLater, at the time that the headers say, if they are about this limit at all
    425, no connection        RetryLater
    408 5xx, no answer        Broken, which is a RetryLater: of a request that publishes nobody knows what it did
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from core.clock import Clock
from core.errors import GiveUp, PlatformError, RetryLater
from listener.delivery import never_connected

X_HOSTS = frozenset({"api.x.com", "api.twitter.com"})
MOST_BYTES = 64_000_000
TOO_MANY = 60.0
"""Seconds after a 429 that does not say how long; X asks for a minute at least."""
CAPPED = 3_600.0
"""Seconds after a 429 because the month's posts are used up."""
_SAID = 300


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, for a whole answer, between two signs of life of a stream
    (X sends one every 20), and for one page of a stream."""

    connect: float = 10
    read: float = 20
    whole: float = 60
    alive: float = 30
    page: float = 1


class Refused(GiveUp):
    """400: X does not understand what was asked."""


class Conflict(RetryLater):
    """409: what was asked for is there already, or still being done."""


class Broken(RetryLater):
    """The request went out, and there is no answer, or none that says what became of it."""


class Border(HTTPAdapter):
    """See the module. `rest_until` is when the limit of the last request opens again, if that used it up.

    `response` is that of a stream, which is given out open, and only once: tweepy would connect again by itself.
    """

    def __init__(self, api_url: str, clock: Clock, timeouts: Timeouts) -> None:
        super().__init__(max_retries=0)
        self.rest_until: datetime | None = None
        self.response: requests.Response | None = None
        self._api, self._clock, self._timeouts = urlsplit(api_url.rstrip("/")), clock, timeouts

    def session(self) -> requests.Session:
        """A session of which every request goes through here."""
        session = requests.Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, self)
        return session

    def is_x(self, url: str) -> bool:
        """Whether our token may be shown to the host of this address."""
        host = urlsplit(url).netloc
        return host in X_HOSTS or host == self._api.netloc

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send a request; the answer of a success. Raises RetryLater or GiveUp."""
        if stream and self.response is not None:
            raise RetryLater("X ended the stream")
        self._direct(request)
        wait = (self._timeouts.connect, self._timeouts.alive if stream else self._timeouts.read)
        try:
            response = super().send(request, stream=True, timeout=wait, verify=verify, cert=cert, proxies=proxies)
        except (requests.RequestException, OSError) as error:
            unsent = isinstance(error, requests.RequestException) and never_connected(error)
            kind = RetryLater if unsent else Broken
            raise kind(f"X cannot be reached: {error or type(error).__name__}") from error
        if stream and response.status_code == requests.codes.ok:
            self.response = response
            return response
        body = self._read(response)
        now = self._clock.now()
        if response.status_code >= 300:  # a redirect would carry our token to a place that nobody named
            raise refusal(response.status_code, response.headers, body, now)
        self.rest_until = _reset(response.headers, now)
        response.raw = BytesIO(body)
        return response

    def _direct(self, request: requests.PreparedRequest) -> None:
        parts = urlsplit(request.url or "")
        if parts.netloc in X_HOSTS:
            path = self._api.path + parts.path
            request.url = urlunsplit((self._api.scheme, self._api.netloc, path, parts.query, ""))

    def _read(self, response: requests.Response) -> bytes:
        """The whole body, if it is neither too large nor too slow in coming."""
        deadline, body = self._clock.monotonic() + self._timeouts.whole, bytearray()
        try:
            for piece in response.raw.stream(65_536, decode_content=True):
                body += piece
                if len(body) > MOST_BYTES or self._clock.monotonic() > deadline:
                    raise Broken("X's answer is too large or too slow in coming")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Broken(f"X's answer broke off: {error}") from error
        finally:
            response.close()
        return bytes(body)


def json_of(response: requests.Response) -> dict[str, Any]:
    """The object in an answer. Raises RetryLater when it is none."""
    try:
        body = json.loads(response.content)
    except ValueError as error:
        raise Broken(f"X's answer is not JSON: {response.content[:80]!r}") from error
    if not isinstance(body, dict):
        raise Broken(f"X's answer is no object: {response.content[:80]!r}")
    return body


def refusal(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> PlatformError:
    """What an answer that is no success means, in X's own words."""
    said = f"X answered {status}: {_words(body)}".rstrip(": ")
    if status == requests.codes.too_many_requests:
        if b"usage-capped" in body:
            return RetryLater(said, CAPPED)
        reset = _reset(headers, now)
        return RetryLater(said, (reset - now).total_seconds() if reset else _seconds(headers) or TOO_MANY)
    if status == requests.codes.conflict:
        return Conflict(said)
    if status < 400 or status == 425:
        return RetryLater(said, _seconds(headers))
    if status == requests.codes.request_timeout or status >= 500:
        return Broken(said, _seconds(headers))
    if status == requests.codes.payment_required:
        said += ". Add credits in X's developer console, or raise its spending limit"
    return Refused(said) if status == requests.codes.bad_request else GiveUp(said)


def _reset(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When the limit opens again, if nothing remains of it. A limit of which something remains is not what stops us."""
    remaining, reset = headers.get("x-rate-limit-remaining", "0"), headers.get("x-rate-limit-reset", "")
    if remaining != "0" or not reset.isdecimal() or len(reset) > 11:
        return None
    opens = datetime.fromtimestamp(int(reset) + 1, UTC)
    return opens if opens > now else None


def _seconds(headers: Mapping[str, str]) -> float | None:
    after = headers.get("retry-after", "")
    return float(after) if after.isdecimal() and len(after) < 9 else None


def _words(body: bytes) -> str:
    """What X says in an error's body, whatever its shape."""
    try:
        said = json.loads(body)
    except ValueError:
        return body[:_SAID].decode(errors="replace").strip()
    if not isinstance(said, dict):
        return str(said)[:_SAID]
    errors = said.get("errors")
    parts = [said, *(one for one in (errors if isinstance(errors, list) else []) if isinstance(one, dict))]
    words = [str(part[name]) for part in parts for name in ("title", "detail", "message", "reason") if part.get(name)]
    return ": ".join(dict.fromkeys(words or [str(said)]))[:_SAID]
