"""Signing in to Reddit in the browser, for an app of the kind "web app": a code for a refresh token that stays good."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import httpx2

from core.clock import Clock
from core.errors import GiveUp, RetryLater
from core.settings import Settings
from listener.http import check

SCOPES = "identity read privatemessages submit history edit"
_SECONDS = 8.0


def address(settings: Mapping[str, object], process: Settings, state: str, back: str) -> str:
    """Where a person is asked, by Reddit, whether they let us; from there they come `back`."""
    asked = {
        "client_id": str(settings.get("client_id") or ""),
        "response_type": "code",
        "state": state,
        "redirect_uri": back,
        "duration": "permanent",
        "scope": SCOPES,
    }
    return f"{process.reddit_url.rstrip('/')}/api/v1/authorize?{urlencode(asked)}"


def redeem(settings: Mapping[str, object], process: Settings, clock: Clock, code: str, back: str) -> dict[str, str]:
    """The secret settings that a code stands for. Raises GiveUp and RetryLater in Reddit's words."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    key = (str(settings.get("client_id") or ""), str(settings.get("client_secret") or ""))
    try:
        with httpx2.Client(timeout=_SECONDS, headers={"User-Agent": "ripplewatch"}, follow_redirects=False) as http:
            answer = http.post(f"{process.reddit_url.rstrip('/')}/api/v1/access_token", data=form, auth=key)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise RetryLater(f"Reddit cannot be reached: {error or type(error).__name__}") from error
    check(answer, "Reddit", clock.now())
    try:
        said = answer.json()
        if said.get("error"):
            raise GiveUp(f"Reddit does not take the code: {said['error']}")
        return {"refresh_token": str(said["refresh_token"])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RetryLater("Reddit answered something else than a token") from error
