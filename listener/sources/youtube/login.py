"""Signed in to Google as a channel: a refresh token that its owner gave once, for access tokens of an hour each."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import httpx2

from core.clock import Clock
from core.errors import BadInput, GiveUp, RetryLater
from listener.delivery import client
from listener.http import check
from listener.source import Context

NAMES = ("oauth_client_id", "oauth_client_secret", "refresh_token")
_EARLY = timedelta(minutes=2)


class Login:
    """See the module. `spent` are the units that its requests have cost, `ends` is when the refresh token does.

    Google says the latter only of tokens that do end: those of a project in testing live for a week.
    """

    def __init__(self, context: Context, seconds: float) -> None:
        """Raises BadInput where something is missing."""
        given = {name: str(context.settings.get(name) or "").strip() for name in NAMES}
        if not all(given.values()):
            raise BadInput("Refresh token: it needs the client's id and secret as well, and they need it")
        self._form = {
            "grant_type": "refresh_token",
            "client_id": given["oauth_client_id"],
            "client_secret": given["oauth_client_secret"],
            "refresh_token": given["refresh_token"],
        }
        self.spent = 0
        self.ends: datetime | None = None
        self.http = client(seconds)
        self._clock: Clock = context.clock
        self._token_url, self._url = context.process.google_token_url, context.process.youtube_api_url
        self._known: tuple[str, datetime] | None = None

    def token(self) -> str:
        """An access token that is good for a while."""
        now = self._clock.now()
        if self._known is None or now >= self._known[1]:
            self._known = self._asked(now)
        return self._known[0]

    def forget_token(self) -> None:
        """It was refused: the next one is asked for anew."""
        self._known = None

    def get(self, resource: str, asked: dict[str, str]) -> dict[str, Any]:
        """What YouTube answers to this channel; a unit. Raises RetryLater and GiveUp."""
        self.spent += 1
        token = self.token()
        answer = self._request(
            "GET", f"{self._url}/{resource}", params=asked, headers={"Authorization": f"Bearer {token}"}
        )
        return self._body(answer, "YouTube")

    def channel(self) -> tuple[str, str]:
        """The id and the name of the channel that we are signed in as."""
        found = self.get("channels", {"part": "snippet", "mine": "true"}).get("items") or []
        if not found:
            raise GiveUp("the Google account that gave the refresh token has no channel on YouTube")
        said = found[0].get("snippet") or {}
        return str(found[0]["id"]), str(said.get("customUrl") or said.get("title") or found[0]["id"])

    def _asked(self, now: datetime) -> tuple[str, datetime]:
        answer = self._request("POST", self._token_url, data=self._form)
        if answer.status_code in (400, 401):
            raise GiveUp(
                f"Google no longer takes the refresh token ({answer.text[:200]}): sign in once more for another"
            )
        body = self._body(answer, "Google")
        try:
            left = body.get("refresh_token_expires_in")
            self.ends = now + timedelta(seconds=float(left)) if left else None
            return str(body["access_token"]), now + timedelta(seconds=float(body["expires_in"])) - _EARLY
        except (KeyError, ValueError, TypeError) as error:
            raise RetryLater("Google answers with something else than a token") from error

    def _request(self, method: str, url: str, **more: Any) -> httpx2.Response:
        try:
            return self.http.request(method, url, **more)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise RetryLater(f"Google cannot be reached: {error or type(error).__name__}") from error

    def _body(self, answer: httpx2.Response, who: str) -> dict[str, Any]:
        if answer.status_code == 403 and re.search(rb"quota|rateLimit|dailyLimit", answer.content, re.IGNORECASE):
            raise RetryLater(f"{who} answered 403: the units of the day are spent, or too many were asked for at once")
        check(answer, who, self._clock.now())
        try:
            body = answer.json()
        except ValueError as error:
            raise RetryLater(f"{who} answered something that is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise RetryLater(f"{who} answered in another form than it used to")
        return body
