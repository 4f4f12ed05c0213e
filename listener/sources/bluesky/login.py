"""Signed in to Bluesky as one account, with an app password.

A server lets an account sign in 300 times a day at most, so the session is kept: `session` goes into the source's
credentials and comes back after a restart. Its access token lives some hours; then its refresh token gives another
session, and only when that is no longer good either does the password.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx2

from core.clock import Clock
from core.errors import GiveUp, RetryLater
from core.tls import trusted
from listener.http import check

Params = Mapping[str, str | list[str]]

_WORN_OUT = frozenset({"ExpiredToken", "InvalidToken", "AuthenticationRequired"})


class Login:
    """An account at the server at `url`. `session` is what was kept of an earlier one, or nothing."""

    def __init__(self, url: str, handle: str, password: str, session: str, clock: Clock, seconds: float) -> None:
        self._url, self._handle, self._password, self._clock = url.rstrip("/"), handle, password, clock
        self._session: dict[str, str] = json.loads(session) if session else {}
        self._renewed = False
        self._http = httpx2.Client(
            verify=trusted(),
            timeout=httpx2.Timeout(seconds, connect=min(10, seconds)),
            headers={"User-Agent": "ripplewatch"},
        )

    def get(self, method: str, params: Params | None = None) -> dict[str, Any]:
        """What a query answers. Raises RetryLater, and GiveUp in the server's words."""
        if not self._session:
            self._sign_in()
        response = self._ask("GET", method, self._session["access"], params=dict(params or {}))
        if worn_out(response):
            self._renew()
            response = self._ask("GET", method, self._session["access"], params=dict(params or {}))
        return self._body(response)

    def did(self) -> str:
        """Who the account is, by the name that never changes."""
        if not self._session:
            self._sign_in()
        if not self._session.get("did"):  # a session of before this was kept
            self._session["did"] = str(self.get("com.atproto.server.getSession")["did"])
            self._renewed = True
        return self._session["did"]

    def token(self) -> str:
        """What a request of one's own has to show; for one that is made at once, after a `get`."""
        if not self._session:
            self._sign_in()
        return self._session["access"]

    def renewed(self) -> dict[str, str]:
        """The session, if it is another than was kept before; told once."""
        told, self._renewed = self._renewed, False
        return {"session": json.dumps(self._session)} if told else {}

    def close(self) -> None:
        """Close the connections; the session stays."""
        self._http.close()

    def _renew(self) -> None:
        response = self._ask("POST", "com.atproto.server.refreshSession", self._session["refresh"])
        if response.status_code in (400, 401):
            self._sign_in()
        else:
            self._keep(self._body(response))

    def _sign_in(self) -> None:
        given = {"identifier": self._handle, "password": self._password}
        response = self._ask("POST", "com.atproto.server.createSession", json=given)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise GiveUp(f"Bluesky refuses the handle or its app password: {response.text[:200]}")
        self._keep(self._body(response))

    def _keep(self, session: Mapping[str, Any]) -> None:
        self._session = {
            "access": str(session["accessJwt"]),
            "refresh": str(session["refreshJwt"]),
            "did": str(session.get("did") or self._session.get("did") or ""),
        }
        self._renewed = True

    def _ask(self, verb: str, method: str, token: str = "", **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            return self._http.request(verb, f"{self._url}/xrpc/{method}", headers=headers, **more)
        except httpx2.HTTPError as error:
            raise RetryLater(f"Bluesky cannot be reached: {error or type(error).__name__}") from error

    def _body(self, response: httpx2.Response) -> dict[str, Any]:
        return body_of(response, self._clock.now())


def body_of(response: httpx2.Response, now: datetime) -> dict[str, Any]:
    """What a server of Bluesky's answers. Raises RetryLater, and GiveUp in its words."""
    after = _reset(response.headers, now)
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS and after:
        raise RetryLater("Bluesky answered 429: too many requests", after)
    check(response, "Bluesky", now)
    try:
        body = response.json()
    except ValueError as error:
        raise RetryLater(f"Bluesky answered something that is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise RetryLater("Bluesky answered in another form than it used to")
    return body


def worn_out(response: httpx2.Response) -> bool:
    """Whether an answer says that the token is no longer good, and nothing else is wrong."""
    return _error(response) in _WORN_OUT


def _error(response: httpx2.Response) -> str | None:
    """The name of the error that an answer is."""
    if response.status_code not in (400, 401):
        return None
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return None


def _reset(headers: httpx2.Headers, now: datetime) -> float | None:
    """Seconds until the server counts our requests anew, if it says."""
    said = headers.get("ratelimit-reset", "")
    return max(0.0, int(said) - now.timestamp()) if said.isdecimal() else None
