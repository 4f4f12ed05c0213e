"""Who signs in to a mail server, and with what: a password, or a token that Microsoft gives an app for its secret.

Microsoft 365 takes no passwords over IMAP and SMTP. An app that is registered there, with the application permission
IMAP.AccessAsApp, gets tokens by the client credentials grant of OAuth 2 (RFC 6749, 4.4) and shows them as XOAUTH2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

import httpx2

from core.errors import BadInput, RetryLater
from core.tls import trusted
from listener.http import check
from listener.source import Context

_SCOPE = "https://outlook.office365.com/.default"
_EARLY = timedelta(minutes=2)
"""A token is renewed so long before it ends."""


class Login:
    """A name and password; with a tenant the password is the app's secret, and `token` gives what is shown instead."""

    def __init__(self, context: Context, given: Mapping[str, str], seconds: float) -> None:
        """Raises BadInput that names the field. `given` are the settings as text, "" where there is none."""
        self.user, self.password = given["user"], given["password"]
        self._tenant, self._client = given["tenant"], given["client_id"]
        if self._tenant and not re.fullmatch(r"[\w.-]{1,255}", self._tenant):
            raise BadInput(f"tenant: {self._tenant[:100]!r} is neither an id nor a domain")
        if bool(self._tenant) != bool(self._client):
            raise BadInput(f"{'client_id' if self._tenant else 'tenant'}: an app at Microsoft has both")
        self._context, self._seconds = context, seconds
        self._known: tuple[str, datetime] | None = None

    def token(self) -> str | None:
        """A token that is good for a while; None where the password itself is shown. Raises GiveUp or RetryLater."""
        if not self._tenant:
            return None
        now = self._context.clock.now()
        if self._known is None or now >= self._known[1]:
            self._known = self._asked(now)
        return self._known[0]

    def forget_token(self) -> None:
        """The server did not take it: the next one is asked for anew."""
        self._known = None

    def _asked(self, now: datetime) -> tuple[str, datetime]:
        host = self._context.process.microsoft_login_url.rstrip("/")
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client,
            "client_secret": self.password,
            "scope": _SCOPE,
        }
        try:
            with httpx2.Client(verify=trusted(), timeout=self._seconds, follow_redirects=False) as http:
                answer = http.post(f"{host}/{quote(self._tenant)}/oauth2/v2.0/token", data=form)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise RetryLater(f"{host} cannot be reached: {error or type(error).__name__}") from error
        check(answer, host, now, _reason(answer))
        try:
            found = answer.json()
            return str(found["access_token"]), now + timedelta(seconds=float(found["expires_in"])) - _EARLY
        except (ValueError, KeyError, TypeError) as error:
            raise RetryLater(f"{host} answers with something else than a token") from error


def _reason(answer: httpx2.Response) -> str:
    """Microsoft's own words for an error, without the traces below them."""
    try:
        said = answer.json()["error_description"]
    except (ValueError, KeyError, TypeError):
        return answer.text
    return str(said).partition("\n")[0]


def xoauth2(user: str, token: str) -> str:
    """What is shown to a server that takes tokens."""
    return f"user={user}\1auth=Bearer {token}\1\1"
