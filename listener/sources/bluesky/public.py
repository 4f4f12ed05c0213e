"""What Bluesky shows to everybody, without an account: counts of posts, and who people are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from core.clock import Clock
from core.errors import RetryLater
from core.tls import trusted
from core.types import Author, Counts
from listener.sources.bluesky.login import body_of
from listener.sources.bluesky.page import UNREADABLE
from listener.sources.bluesky.records import counts

POSTS_AT_ONCE = 25
"""The most that app.bsky.feed.getPosts takes, and app.bsky.actor.getProfiles."""
INVALID = "handle.invalid"
"""What is shown for a handle that does not lead back to its account."""


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
        posts = self._get("app.bsky.feed.getPosts", {"uris": list(uris)}, "posts")
        try:
            return {str(one["uri"]): Counts(*counts(one)) for one in posts}
        except UNREADABLE as error:
            raise RetryLater(f"Bluesky answered in another form than it used to: {error!r}") from error

    def _get(self, method: str, asked: Mapping[str, list[str]], part: str) -> list[Any]:
        try:
            response = self._http.get(f"{self._url}/xrpc/{method}", params=dict(asked))
        except httpx2.HTTPError as error:
            raise RetryLater(f"Bluesky cannot be reached: {error or type(error).__name__}") from error
        found = body_of(response, self._clock.now()).get(part)
        if not isinstance(found, list):
            raise RetryLater("Bluesky answered in another form than it used to")
        return found

    def authors(self, dids: Sequence[str]) -> dict[str, Author]:
        """Those of these accounts that it shows, by DID; not those whose handle does not hold."""
        profiles = self._get("app.bsky.actor.getProfiles", {"actors": list(dids)}, "profiles")
        try:
            return {
                str(one["did"]): Author(
                    str(one["did"]), str(one["handle"]), str(one.get("displayName") or ""), one.get("followersCount")
                )
                for one in profiles
                if one["handle"] != INVALID
            }
        except UNREADABLE as error:
            raise RetryLater(f"Bluesky answered in another form than it used to: {error!r}") from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
