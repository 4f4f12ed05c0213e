"""One connection to a Jetstream (https://github.com/bluesky-social/jetstream), version 1 or 2, compressed.

Version 1 (`/subscribe`) takes a time in microseconds as its cursor. Version 2 (`subscribeEvents`) counts its events,
each host for itself; so a place is kept as a time too, which every host of either version understands. Cursors are
inclusive, and times differ a little between hosts: a connection that resumes by time starts some seconds before. A host
keeps about a day and a half. Version 2 refuses an older count; with an older time both begin later.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from core.errors import BadInput, GiveUp, RetryLater
from core.types import Rejected

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdDict, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdDict, ZstdError

VERSION_2 = "network.bsky.jetstream.subscribeEvents"
OVERLAP = 5_000_000
"""Microseconds before a time from which a new connection starts."""
MAX_MESSAGE = 2_000_000
"""Bytes of one event, compressed or not; a larger one is not read."""
_DICTIONARIES = Path(__file__).parent / "dictionaries"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream was heard: to a time in microseconds, and to a count of the version 2 `host`, if it was one."""

    time: int | None = None
    seq: int | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event, whichever version it came in. `commit` and `account` are as in version 1; one of them is empty."""

    did: str
    time: int
    seq: int | None
    commit: Mapping[str, Any]
    account: Mapping[str, Any]


class Jetstream:
    """A connection to the host at `url` that gives events of `collections`, and of accounts, from `place` on."""

    def __init__(self, url: str, collections: Sequence[str], place: Place, *, open_seconds: float = 15) -> None:
        """Raises RetryLater, or GiveUp where the host wants none of us."""
        self.host = host_of(url)
        self._url, self._collections, self._open_seconds = url, collections, open_seconds
        self._second = VERSION_2 in url
        self._time = place.time
        self._seq = place.seq if self._second and place.host == self.host else None
        self._compressed = True
        self._opened = ExitStack()
        self._socket = self._connect()

    def next(self, seconds: float) -> Event | Rejected | None:
        """The next event; None when none comes in time. Raises RetryLater when the connection has ended."""
        try:
            message = self._socket.recv(timeout=max(0.0, seconds))
        except TimeoutError:
            return None
        except (ConnectionClosed, OSError) as error:
            self.close()
            raise RetryLater(f"Jetstream {self.host} ended the connection: {error}") from error
        try:
            text = _unpacked(message, second=self._second) if isinstance(message, bytes) else message
            return self._second_event(json.loads(text)) if self._second else _first_event(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, ZstdError) as error:
            return Rejected(f"event {message[:80]!r}", f"unreadable: {error!r}")

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self._opened.close()

    def _connect(self) -> ClientConnection:
        """What the host refuses is left out, once each: a count that is too old, and a dictionary that is."""
        while True:
            try:
                return self._opened.enter_context(
                    connect(
                        self._address(),
                        subprotocols=[Subprotocol("xrpc.v1.json")] if self._second else None,
                        open_timeout=self._open_seconds,
                        close_timeout=2,
                        max_size=MAX_MESSAGE,
                        max_queue=256,
                        ping_interval=None,  # the answer would wait behind all that is unread: silence tells
                        user_agent_header="ripplewatch",
                    )
                )
            except InvalidStatus as error:
                said = (error.response.body or b"").decode(errors="replace")
                if "CursorTooOld" in said and self._seq is not None:
                    self._seq = None
                elif "UnknownZstdDictionary" in said and self._compressed:
                    self._compressed = False
                else:
                    raise _refused(self.host, error, said) from error
            except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
                why = error or type(error).__name__
                raise RetryLater(f"Jetstream {self.host} cannot be reached: {why}") from error

    def _address(self) -> str:
        asked: list[tuple[str, str]] = []
        if self._second:
            asked += [("kinds", "commit"), ("kinds", "account")]
            asked += [("collections", one) for one in self._collections]
            asked += [("zstdDictionary", str(_dictionary(second=True).dict_id))] if self._compressed else []
        else:
            asked += [("wantedCollections", one) for one in self._collections]
            asked += [("compress", "true")] if self._compressed else []
        if self._seq is not None:
            asked.append(("cursor", str(self._seq)))
        elif self._time is not None:
            asked.append(("cursor", str(self._time - OVERLAP)))
        return f"{self._url}{'&' if urlsplit(self._url).query else '?'}{urlencode(asked)}"

    def _second_event(self, frame: Mapping[str, Any]) -> Event | None:
        if frame["$type"] == "error":
            self.close()
            said = f"{frame.get('error')}: {frame.get('message')}"
            raise RetryLater(f"Jetstream {self.host} ended the connection: {said[:200]}")
        payload = frame["payload"]
        kind = payload["$type"].rpartition("#")[2]
        if kind == "info":
            if payload["name"] == "FutureCursor":  # the host has begun to count anew
                self.close()
                self._seq = None
                self._socket = self._connect()
            return None
        when = datetime.fromisoformat(payload.get("witnessedAt") or payload["time"])
        return Event(
            did=payload["did"],
            time=microseconds(when),
            seq=int(payload["seq"]),
            commit=payload if kind == "commit" else {},
            account=payload["account"] if kind == "account" else {},
        )


def address(url: str, label: str) -> str:
    """The URL, if it can be that of a Jetstream. Raises BadInput that begins with `label`."""
    try:
        usable = urlsplit(url).scheme in ("ws", "wss") and urlsplit(url).hostname
    except ValueError:
        usable = None
    if not usable:
        raise BadInput(f"{label}: {url!r} is no WebSocket address (wss://...)")
    return url


def host_of(url: str) -> str:
    """The name, and port if it has one, of a URL's host."""
    return urlsplit(url).netloc.rpartition("@")[2]


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(time: int) -> datetime:
    """The moment that is so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=time)


def _first_event(event: Mapping[str, Any]) -> Event:
    return Event(
        did=event["did"],
        time=int(event["time_us"]),
        seq=None,
        commit=event["commit"] if event["kind"] == "commit" else {},
        account=event["account"] if event["kind"] == "account" else {},
    )


def _unpacked(message: bytes, *, second: bool) -> bytes:
    decompressor = ZstdDecompressor(zstd_dict=_dictionary(second=second))
    text = decompressor.decompress(message, max_length=MAX_MESSAGE)
    if not decompressor.eof:
        raise ValueError(f"it is larger than {MAX_MESSAGE:,} bytes, or cut")
    return text


@cache
def _dictionary(*, second: bool) -> ZstdDict:
    name = "subscribe_events_20260811" if second else "legacy_subscribe"
    return ZstdDict((_DICTIONARIES / f"{name}.zdict").read_bytes())


def _refused(host: str, error: InvalidStatus, said: str) -> GiveUp | RetryLater:
    status = error.response.status_code
    reason = f"Jetstream {host} answered {status}: {said[:200]}".rstrip(": ")
    if status in (400, 401, 403, 404):
        return GiveUp(reason)
    after = error.response.headers.get("Retry-After", "")
    return RetryLater(reason, float(after) if after.isdecimal() else None)
