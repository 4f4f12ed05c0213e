"""A status, as Mastodon's API gives it, read as a mention.

Ids in the API are the server's own; what names a status and an account everywhere is their ActivityPub `uri`. So that
is the native id, and the same post heard through two servers is stored once. The server's id is kept in `extra`.
A boost is no mention: its status is the original, heard again with its present counts. What is not for everybody to
read (visibility private or direct) is none of ours, though the account that we listen as may see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from core.types import Author, Mention
from listener.markup import plain_text

_OPEN = frozenset({"public", "unlisted"})


def original(status: object) -> Mapping[str, Any]:
    """The status itself, or the one that it boosts. Raises TypeError where it is none."""
    found = status.get("reblog") or status if isinstance(status, dict) else None
    if not isinstance(found, dict):
        raise TypeError("it is no status")
    return found


def counts(status: Mapping[str, Any]) -> tuple[int, int, int]:
    """How often it was liked, passed on and answered, as its server knows."""
    reposts = int(status.get("reblogs_count") or 0) + int(status.get("quotes_count") or 0)
    return int(status.get("favourites_count") or 0), reposts, int(status.get("replies_count") or 0)


def mention(status: Mapping[str, Any], server: str, uris: Mapping[str, str], now: datetime) -> Mention | None:
    """The mention that this original is; None where it is not public or says nothing.

    `server` is whose answer this is; `uris` maps that server's ids to native ids, for parents. Raises ValueError,
    KeyError, TypeError or AttributeError where the status is none.
    """
    if status["visibility"] not in _OPEN or not (text := _text(status)):
        return None
    parent, (likes, reposts, replies) = status.get("in_reply_to_id"), counts(status)
    return Mention(
        platform="mastodon",
        native_id=_native_id(status),
        author=_author(status["account"], server),
        text=text,
        created_at=min(_moment(status["created_at"]), now),
        url=status.get("url") or None,
        kind="reply" if parent else "quote" if status.get("quote") else "post",
        reply_to=uris.get(str(parent)) or None,
        lang=status.get("language") or None,
        likes=likes,
        reposts=reposts,
        replies=replies,
        extra=_extra(status, server),
    )


def _native_id(status: Mapping[str, Any]) -> str:
    uri = status["uri"]
    if not isinstance(uri, str) or not uri:
        raise ValueError("it has no uri")
    return uri


def _text(status: Mapping[str, Any]) -> str:
    """The content warning and the content; of a wordless post what its pictures are said to show."""
    warning, content = (status.get("spoiler_text") or "").strip(), plain_text(status.get("content") or "")
    if not content:
        shown = (media.get("description") or "" for media in status.get("media_attachments") or ())
        content = "\n".join(one.strip() for one in shown if one.strip())
    return "\n\n".join(part for part in (warning, content) if part)


def _author(account: Mapping[str, Any], server: str) -> Author:
    """`acct` names the server only of people of other servers."""
    handle = str(account["acct"])
    return Author(
        native_id=str(account.get("uri") or account["url"]),
        handle=handle if "@" in handle else f"{handle}@{server}",
        name=str(account.get("display_name") or ""),
        followers=int(account["followers_count"]) if account.get("followers_count") is not None else None,
    )


def _extra(status: Mapping[str, Any], server: str) -> dict[str, object]:
    kept: dict[str, object] = {"server": server, "id": str(status["id"])}
    link = (status.get("card") or {}).get("url")
    if isinstance(link, str) and urlsplit(link).scheme in ("http", "https"):
        kept["links"] = [link]
    return kept


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
