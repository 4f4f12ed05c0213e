"""Webhook: whatever else can send a signed POST; here is what sender and receiver agree on.

Items come to web/listening/hooks.py, which stores them before it answers.

A request carries the seconds since 1970 and HMAC-SHA-256 of those, a dot and the raw body, made with a secret that both
know:

    X-Ripplewatch-Timestamp: 1795342800
    X-Ripplewatch-Signature: sha256=<64 hexadecimal digits>

Because the time is signed as well, a request that somebody overheard is worth nothing after five minutes; and within
them nothing either, since an item is stored once. There is nothing to poll.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import ClassVar

import httpx2

from core.errors import BadInput, GiveUp, RetryLater
from core.tls import trusted
from core.types import Access, Page, Permission
from listener.http import check
from listener.source import Context, Field

TIMESTAMP, SIGNATURE = "X-Ripplewatch-Timestamp", "X-Ripplewatch-Signature"
OLDEST_SECONDS = 300
"""How far the sender's clock, and the way here, may be off."""
SHORTEST_SECRET = 24
_SECONDS = 20.0


class Unsigned(Exception):
    """Why a request cannot be trusted, for the one who sent it. `late`: the signature is right, but not the time."""

    def __init__(self, reason: str, *, late: bool = False) -> None:
        super().__init__(reason)
        self.late = late


def signed(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers that prove who sends `body`."""
    timestamp = str(int(now.timestamp()))
    return {TIMESTAMP: timestamp, SIGNATURE: f"sha256={_digest(secret, timestamp.encode(), body)}"}


def verify(secret: str, timestamp: str, signature: str, body: bytes, now: datetime) -> None:
    """Raise Unsigned unless whoever knows the secret has signed this body, just now; "" is a header that is missing."""
    timestamp, signature = timestamp.strip(), signature.strip()
    if not timestamp or not signature:
        raise Unsigned(f"the headers {TIMESTAMP} and {SIGNATURE} are needed")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise Unsigned(f"{TIMESTAMP} must be whole seconds since 1970, as `date +%s` prints them")
    right = _digest(secret, timestamp.encode(), body)
    if not hmac.compare_digest(right.encode(), signature.removeprefix("sha256=").lower().encode()):
        raise Unsigned(f"{SIGNATURE} does not fit: sign timestamp, dot and raw body with the secret of this source")
    off = int(timestamp) - now.timestamp()
    if abs(off) > OLDEST_SECONDS:
        reason = f"the timestamp is {abs(off):,.0f} s {'ahead' if off > 0 else 'old'}; {OLDEST_SECONDS} are allowed"
        raise Unsigned(f"{reason}: set the sender's clock, and sign when you send", late=True)


def _digest(secret: str, timestamp: bytes, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp + b"." + body, hashlib.sha256).hexdigest()


def path(source_id: int) -> str:
    """Where on this site the items of a source are posted to."""
    return f"/hooks/{source_id}"


class Webhook:
    """One address that takes items. What comes there never passes through `fetch`."""

    kind: ClassVar[str] = "webhook"
    title: ClassVar[str] = "Webhook"
    about: ClassVar[str] = "Takes mentions that your own program posts, signed, as JSON: for any place not listed here."
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "secret",
            "Secret",
            f"At least {SHORTEST_SECRET} characters that only the sender and this source know.",
            secret=True,
            example="4f1c0e8a9d2b7c6e5a3f8b1d",
        ),
    )
    steps: ClassVar[tuple[str, ...]] = (
        "Make a secret, with “openssl rand -hex 32” for one, and give it to the program that will post.",
        "Enter it below. The page of the source then shows the address, and a command line that posts an example.",
    )
    poll_seconds: ClassVar[float] = 300
    silent_seconds: ClassVar[float | None] = None
    reply: ClassVar[Permission] = Permission(
        "hand", "What your own program posts is answered where it comes from: copy the text, and answer there."
    )

    def __init__(self, context: Context) -> None:
        """Raises BadInput when `secret` is missing or too short."""
        secret = context.settings.get("secret")
        if not isinstance(secret, str) or not secret.isprintable() or len(secret) < SHORTEST_SECRET:
            raise BadInput(f"secret: at least {SHORTEST_SECRET} characters are needed")
        self._context, self._secret = context, secret

    def fetch(self, cursor: str | None) -> Page:
        """Nothing: it has been stored already."""
        return Page(cursor=cursor)

    def close(self) -> None:
        """Nothing stays open."""

    def access(self) -> Access:
        """Who may post, for there is nobody to ask."""
        return Access(
            "whoever signs with the secret", may=("post mentions to the address that the source's page shows",)
        )

    def can_send_canary(self) -> bool:
        """Whether we know by which address others reach us."""
        return bool(self._context.process.public_url and self._context.source_id)

    def send_canary(self, token: str) -> None:
        """Post the token as anybody else would, by the address that others use."""
        now = self._context.clock.now()
        record = {"id": token, "author": "ripplewatch", "text": token, "created_at": now.isoformat()}
        body = json.dumps(record).encode()
        address = f"{self._context.process.public_url.rstrip('/')}{path(self._context.source_id or 0)}"
        headers = {"Content-Type": "application/json", **signed(self._secret, body, now)}
        try:
            with httpx2.Client(verify=trusted(), timeout=_SECONDS, follow_redirects=False, trust_env=False) as http:
                answer = http.post(address, content=body, headers=headers)
        except httpx2.InvalidURL as error:
            raise GiveUp(f"PUBLIC_URL is no address: {error}") from error
        except httpx2.HTTPError as error:
            raise RetryLater(f"{address} cannot be reached: {error or type(error).__name__}") from error
        check(answer, address, now)
        if answer.is_redirect:
            raise GiveUp(f"{address} redirects to {answer.headers.get('location')}: is PUBLIC_URL right?")


SOURCE = Webhook
