"""What Bluesky shows to everybody, without an account: how often posts were liked, passed on and answered."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2

from core.clock import Clock
from core.errors import RetryLater
from core.tls import trusted
from core.types import Counts
from listener.sources.bluesky.login import body_of
from listener.sources.bluesky.page import UNREADABLE
from listener.sources.bluesky.records import counts

POSTS_AT_ONCE = 25
"""The most that app.bsky.feed.getPosts takes."""


class Public:
    """The view of the network at `url`, which asks for no key."""

    def __init__(self, url: str, clock: Clock, seconds: float) -> None:
        self._url, self._clock = url.rstrip("/"), clock
        self._http = httpx2.Client(
            verify=trusted(),
            timeout=httpx2.Timeout(seconds, connect=min(10, seconds)),
            headers={"User-Agent": "ripplewatch"},
        )

    def counts(self, uris: Sequence[str]) -> dict[str, Counts]:
        """Of those of these posts that it shows. A post that is a minute old it may not know yet."""
        try:
            response = self._http.get(f"{self._url}/xrpc/app.bsky.feed.getPosts", params={"uris": list(uris)})
        except httpx2.HTTPError as error:
            raise RetryLater(f"Bluesky cannot be reached: {error or type(error).__name__}") from error
        try:
            posts = body_of(response, self._clock.now())["posts"]
            return {str(one["uri"]): Counts(*counts(one)) for one in posts}
        except UNREADABLE as error:
            raise RetryLater(f"Bluesky answered in another form than it used to: {error!r}") from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
