"""What an HTTP answer means for a source, said once for all of them: go on, later, or never."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx2

from core.errors import GiveUp, RetryLater

_SAID = 200
"""Characters of an error's body that are repeated to the person."""


def check(response: httpx2.Response, who: str, now: datetime, body: str | None = None) -> None:
    """Nothing for a success; RetryLater (with the server's own time) or GiveUp in the words of `who` otherwise.

    `body` is what was read of a streamed answer.
    """
    status = response.status_code
    if status < 400:
        return
    body = response.text if body is None else body
    said = f"{who} answered {status} {response.reason_phrase}: {body[:_SAID].strip()}".rstrip(": ")
    if status in (408, 425, 429) or status >= 500:
        raise RetryLater(said, retry_after(response.headers, now))
    raise GiveUp(said)


def retry_after(headers: httpx2.Headers, now: datetime) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date; None where there is none to be read."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None
