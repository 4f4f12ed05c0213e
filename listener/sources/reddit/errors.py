"""What Reddit says when it refuses something, in its own words; some of it inside an answer that is a success."""

from __future__ import annotations

import re
from typing import Any

import requests

from core.errors import RetryLater
from listener.markup import plain_text
from listener.rounds import Refused


def look_for_error(body: Any) -> None:
    """Reddit says some errors inside a 200."""
    if not isinstance(body, dict):
        raise TypeError(str(body)[:80])
    errors = (body.get("json") or {}).get("errors") or ()
    if errors:
        said = "; ".join(" ".join(str(part) for part in error if part) for error in errors)
        if any(error[0] == "RATELIMIT" for error in errors):
            raise RetryLater(f"Reddit: {said}", _asked_seconds(said))
        raise Refused(f"Reddit: {said}")
    code = body.get("error")
    if code is not None and "data" not in body:
        said = f"Reddit: {body.get('message') or code}"
        raise RetryLater(said) if code == 429 or str(code).startswith("5") else Refused(said)


def _asked_seconds(said: str) -> float | None:
    """Of "try again in 9 minutes"."""
    found = re.search(r"(\d+) (millisecond|second|minute|hour)", said)
    units = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0}
    return int(found[1]) * units[found[2]] + 1 if found else None


def signed_out(said: str) -> str:
    """What a person should do when a token is refused."""
    return (
        f"Reddit no longer lets us sign in ({said}): look at the app and the account there, and enter client id, "
        "secret and the account's password or refresh token anew"
    )


def words(response: requests.Response) -> str:
    """What an answer that is no success says, in words; its body may be JSON or a page of HTML."""
    try:
        body = response.json()
        said = [str(body[part]) for part in ("message", "reason", "error", "explanation") if body.get(part)]
        return ", ".join(said)[:200] or str(response.reason)
    except (ValueError, AttributeError):
        return " ".join(plain_text(response.text).split())[:200] or str(response.reason)


def number(header: str | None) -> float | None:
    """The number that a header gives, such as "599.0", from 0 up to a day's seconds; None for anything else."""
    try:
        return min(max(0.0, float(header or "")), 86_400.0)
    except ValueError:
        return None
