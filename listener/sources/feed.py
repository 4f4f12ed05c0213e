"""Feeds: RSS and Atom of blogs, news, forums, review sites and alert services.

A feed is fetched again with its ETag and Last-Modified, and read whole each time: what is known already is stored
once. A feed shows only its newest entries; where none is left of those that it showed before, some may have come and
gone in between, and that is a gap.

An address that a person typed (or that another server redirects to) must not reach into our own network: every hop's
host is resolved here, refused if any of its addresses is not public, and connected to by the very address that was
looked at, so that a name cannot point elsewhere a moment later. Size, redirects and time are limited; feedparser
reads bytes and never fetches.
"""

from __future__ import annotations

import calendar
import hashlib
import ipaddress
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, ClassVar
from urllib.parse import SplitResult, urljoin, urlsplit
from xml.sax import SAXException

import feedparser
import httpx2

from core.errors import BadInput, GiveUp, RetryLater
from core.log import redact
from core.tls import trusted
from core.types import Author, Mention, Page, Permission, Span
from listener.http import check
from listener.markup import plain_text
from listener.source import Context, Field

MAX_REDIRECTS = 5
TOTAL_SECONDS = 60.0
"""For one feed with all its redirects, however slowly its bytes drip."""
_ERROR_BYTES = 2_000
_SHOWN = 50
"""Entries at the top of a feed by which it is known again."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class _Seen:
    """The cursor: what the server gave us to ask whether anything is new, what the feed showed last, and when."""

    etag: str = ""
    modified: str = ""
    shown: tuple[str, ...] = ()
    at: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> _Seen:
        given = json.loads(cursor) if cursor else {}
        return cls(**(given | {"shown": tuple(given.get("shown", ()))}))

    def headers(self) -> dict[str, str]:
        wanted = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in wanted.items() if value}

    def gaps(self, shown: Sequence[str], now: datetime) -> tuple[Span, ...]:
        """What may have been missed, if the feed now shows nothing of what it showed before."""
        if not self.shown or not shown or set(self.shown) & set(shown):
            return ()
        return (Span(datetime.fromisoformat(self.at), now, "the feed shows nothing any more of what it showed before"),)


class Feed:
    """One feed's entries, as they appear in it."""

    kind: ClassVar[str] = "feed"
    title: ClassVar[str] = "Feed"
    about: ClassVar[str] = "An RSS or Atom feed: a blog, a news search, a forum, reviews. Needs no key."
    fields: ClassVar[tuple[Field, ...]] = (
        Field("url", "Address of the feed", "As your feed reader has it.", example="https://blog.example/feed.xml"),
    )
    steps: ClassVar[tuple[str, ...]] = ()
    poll_seconds: ClassVar[float] = 300
    silent_seconds: ClassVar[float | None] = None
    reply: ClassVar[Permission] = Permission(
        "hand", "A feed has no way to reply: copy the text, open the page, and answer there."
    )

    def __init__(self, context: Context) -> None:
        """Raises BadInput when `url` is no web address."""
        self._context = context
        self._url = str(context.settings.get("url") or "")
        _web_address(self._url, BadInput)
        self._http = httpx2.Client(
            verify=trusted(), timeout=httpx2.Timeout(20, connect=10), follow_redirects=False, trust_env=False
        )

    def fetch(self, cursor: str | None) -> Page:
        """All entries of the feed, unless the server says that nothing has changed."""
        deadline = self._context.clock.monotonic() + TOTAL_SECONDS
        url, seen = self._url, _Seen.read(cursor)
        for _ in range(MAX_REDIRECTS + 1):
            with self._asked(url, seen) as response:
                if response.status_code == httpx2.codes.NOT_MODIFIED:
                    return Page(cursor=cursor)
                if response.has_redirect_location:
                    url = urljoin(url, response.headers["location"])
                    continue
                return self._page(url, response, self._body(response, deadline), seen)
        raise GiveUp(f"the feed redirects more than {MAX_REDIRECTS} times")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @contextmanager
    def _asked(self, url: str, seen: _Seen) -> Iterator[httpx2.Response]:
        """The answer of one hop, its body not yet read."""
        parts = _web_address(url, GiveUp)
        host, address = parts.hostname or "", self._address(parts.hostname or "", parts.port or _port(parts.scheme))
        asked = httpx2.URL(url)
        pinned = asked.copy_with(host=address)
        headers = {
            "Host": asked.netloc.decode("ascii"),
            "User-Agent": "ripplewatch",
            "Accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.1",
        } | seen.headers()
        try:
            with self._http.stream(
                "GET", pinned, headers=headers, extensions={"sni_hostname": asked.raw_host.decode("ascii")}
            ) as response:
                yield response
        except httpx2.HTTPError as error:
            raise RetryLater(f"{host} cannot be reached: {error or type(error).__name__}") from error

    def _address(self, host: str, port: int) -> str:
        """An address of the host, if all of them are public."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise RetryLater(f"the name {host!r} cannot be looked up: {error}") from error
        addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
        private = [address for address in addresses if not (_public(address) or self._allowed(address))]
        if private:
            raise GiveUp(
                f"{host} is at {private[0]}, an address of a private network: feeds are fetched from public ones only "
                "(FEED_ALLOW_NETWORKS makes exceptions)"
            )
        return addresses[0]

    def _allowed(self, address: str) -> bool:
        return any(ipaddress.ip_address(address) in network for network in self._context.process.feed_networks)

    def _body(self, response: httpx2.Response, deadline: float) -> bytes:
        """The whole body, if it is neither too large (decompressed) nor too slow."""
        most = _ERROR_BYTES if response.is_error else self._context.process.feed_max_bytes
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > most:
                if response.is_error:
                    break
                raise GiveUp(f"the feed is larger than {most:,} bytes (FEED_MAX_BYTES)")
            if self._context.clock.monotonic() > deadline:
                raise RetryLater(f"the feed took longer than {TOTAL_SECONDS:.0f} s to come")
            if self._context.stop.is_set():
                raise RetryLater("stopping")
        return bytes(body[:most])

    def _page(self, url: str, response: httpx2.Response, body: bytes, before: _Seen) -> Page:
        host, now = urlsplit(url).hostname or url, self._context.clock.now()
        check(response, host, now, body.decode(errors="replace"))
        headers = {"content-type": response.headers.get("content-type", ""), "content-location": url}
        try:
            feed = feedparser.parse(BytesIO(body), response_headers=headers)  # bytes may be taken for a path
        except ValueError as error:  # a number of a thousand digits, for one
            raise RetryLater(f"what {host} sends cannot be read as a feed: {error}", after=900) from error
        if not feed.entries and (feed.bozo or not feed.get("version")):
            why = feed.get("bozo_exception") or "it is something else"
            raise RetryLater(f"what {host} sends cannot be read as a feed: {why}", after=900)
        mentions = tuple(one for entry in feed.entries if (one := _mention(entry, feed.feed, url, now)))
        if isinstance(feed.get("bozo_exception"), SAXException):  # it may have lost its end: ask for all of it again
            return Page(mentions, json.dumps(asdict(replace(before, etag="", modified=""))), events=_events(mentions))
        names = [hashlib.sha256(one.native_id.encode()).hexdigest()[:12] for one in _newest_first(mentions)]
        seen = _Seen(
            response.headers.get("etag", ""),
            response.headers.get("last-modified", ""),
            tuple(names[:_SHOWN]),
            before.at,
        )
        seen = before if seen == before else replace(seen, at=now.isoformat())
        gaps = before.gaps(names, now)
        return Page(mentions, json.dumps(asdict(seen)), gaps=gaps, events=_events(mentions))


def _newest_first(mentions: tuple[Mention, ...]) -> list[Mention]:
    return sorted(mentions, key=lambda mention: mention.created_at, reverse=True)


def _events(mentions: tuple[Mention, ...]) -> dict[str, int]:
    return {"entries": len(mentions)}


def _web_address(url: str, error: type[BadInput | GiveUp]) -> SplitResult:
    """The parts of an http(s) address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and httpx2.URL(url).raw_host and parts.port != 0
    except (ValueError, httpx2.InvalidURL):
        usable = False
    if not usable:
        raise error(f"Address of the feed: {redact(url)!r} is no web address (https://...)")
    if "@" in parts.netloc:
        raise error("Address of the feed: a name and password in the address are not supported")
    return parts


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _public(address: str) -> bool:
    """Whether an address, and any IPv4 address that it carries inside, is one of the public Internet."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return _public(str(inner))
    return ip.is_global and not ip.is_multicast


def _mention(entry: Any, feed: Any, url: str, now: datetime) -> Mention | None:
    """One entry; None when it says nothing at all."""
    title, body = plain_text(str(entry.get("title") or "")), _text(entry)
    text = "\n\n".join(dict.fromkeys(part for part in (title, body) if part))
    if not text:
        return None
    link = entry.get("link") or None
    author = str(entry.get("author") or feed.get("title") or urlsplit(url).hostname)
    return Mention(
        platform="feed",
        native_id=_native_id(entry, url, text),
        author=Author(f"{urlsplit(url).hostname}/{author}", author),
        text=text,
        created_at=_written(entry, now),
        url=link if link and urlsplit(link).scheme in ("http", "https") else None,
        lang=(entry.get("language") or feed.get("language") or None),
    )


def _text(entry: Mapping[str, Any]) -> str:
    """The longest of what the entry says of itself: its content in full, or its summary."""
    said = [part for part in entry.get("content") or () if "octet" not in str(part.get("type"))]
    bodies = [str(part.get("value") or "") for part in said] + [str(entry.get("summary") or "")]
    return max((plain_text(body) for body in bodies), key=len)


def _native_id(entry: Mapping[str, Any], url: str, text: str) -> str:
    """What the feed calls the entry if that is unique in the world, or else within the feed; or its own hash."""
    given = str(entry.get("id") or entry.get("link") or hashlib.sha256(text.encode(errors="replace")).hexdigest())
    return given if ":" in given else f"{url}#{given}"


def _written(entry: Mapping[str, Any], now: datetime) -> datetime:
    """When the entry says it was published, unless it does not, or says a time to come."""
    given = entry.get("published_parsed") or entry.get("updated_parsed")
    try:
        return min(datetime.fromtimestamp(calendar.timegm(given), UTC), now) if given else now
    except (ValueError, OverflowError, OSError):
        return now


SOURCE = Feed
