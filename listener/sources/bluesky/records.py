"""Bluesky's records, as a stream, a search and a list of notifications give them, read as mentions.

Authors come as DIDs: a handle may change, a DID never does. Where the handle is told it is taken, else the DID stands
for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.types import Author, Kind, Mention

POSTS = "app.bsky.feed.post"
REPOSTS = "app.bsky.feed.repost"


def uri(did: str, collection: str, rkey: str) -> str:
    """What names a record everywhere."""
    return f"at://{did}/{collection}/{rkey}"


def mention(did: str, rkey: str, record: Mapping[str, Any], seen: datetime) -> Mention:
    """The mention that a post's record is. Raises KeyError, TypeError or AttributeError where it is none."""
    reply, langs = record.get("reply") or {}, record.get("langs") or ()
    return Mention(
        platform="bluesky",
        native_id=uri(did, POSTS, rkey),
        author=Author(did, did),
        text=record["text"],
        created_at=_written(record, seen),
        url=f"https://bsky.app/profile/{did}/post/{rkey}",
        kind=_kind(record),
        reply_to=reply["parent"]["uri"] if reply else None,
        conversation=reply["root"]["uri"] if reply else uri(did, POSTS, rkey),
        lang=langs[0] if langs else None,
        extra=_extra(record),
    )


def counts(view: Mapping[str, Any]) -> tuple[int, int, int]:
    """How often a post that is shown was liked, passed on (reposts and quotes) and answered."""
    reposts = int(view.get("repostCount") or 0) + int(view.get("quoteCount") or 0)
    return int(view.get("likeCount") or 0), reposts, int(view.get("replyCount") or 0)


def viewed(view: Mapping[str, Any], now: datetime) -> Mention:
    """The mention that a search shows, or a notification: with its author's name, and counts where they are told."""
    author, (likes, reposts, replies) = view["author"], counts(view)
    found = mention(author["did"], view["uri"].rpartition("/")[2], view["record"], now)
    return Mention(
        platform=found.platform,
        native_id=found.native_id,
        author=Author(author["did"], str(author["handle"]), str(author.get("displayName") or "")),
        text=found.text,
        created_at=found.created_at,
        url=found.url,
        kind=found.kind,
        reply_to=found.reply_to,
        conversation=found.conversation,
        lang=found.lang,
        likes=likes,
        reposts=reposts,
        replies=replies,
        extra=found.extra,
    )


def spread(record: Mapping[str, Any]) -> str | None:
    """The uri of the post that this record, a repost or a quote, spreads; None where it spreads none."""
    subject = record.get("subject") if record.get("$type") == REPOSTS else _quoted(record)
    found = subject.get("uri") if isinstance(subject, dict) else None
    return found if isinstance(found, str) and f"/{POSTS}/" in found else None


def _quoted(record: Mapping[str, Any]) -> object:
    """What is embedded: a record, or a record with pictures."""
    embed = record.get("embed") or {}
    if not isinstance(embed, dict) or not str(embed.get("$type", "")).startswith("app.bsky.embed.record"):
        return None
    inner = embed.get("record") or {}
    return inner.get("record", inner) if isinstance(inner, dict) else None


def _kind(record: Mapping[str, Any]) -> Kind:
    if record.get("reply"):
        return "reply"
    return "quote" if spread(record) else "post"


def _extra(record: Mapping[str, Any]) -> dict[str, object]:
    """Where the post's links lead, whom it tags (as DIDs), and what it quotes."""
    found = {"links": _links(record), "mentions": _features(record, "mention", "did"), "quote_of": spread(record)}
    return {name: value for name, value in found.items() if value}


def _features(record: Mapping[str, Any], kind: str, part: str) -> list[str]:
    found = (
        feature[part]
        for facet in record.get("facets") or ()
        for feature in facet.get("features") or ()
        if feature.get("$type") == f"app.bsky.richtext.facet#{kind}" and isinstance(feature.get(part), str)
    )
    return list(dict.fromkeys(found))


def _links(record: Mapping[str, Any]) -> list[str]:
    """Where the post's links lead; its text shows them shortened."""
    embed = record.get("embed") or {}
    found = _features(record, "link", "uri")
    external = (embed.get("external") or (embed.get("media") or {}).get("external") or {}).get("uri")
    return list(dict.fromkeys([*found, *([external] if isinstance(external, str) else [])]))


def _written(record: Mapping[str, Any], seen: datetime) -> datetime:
    """When the author says it was written, unless that cannot be read or is later than it was seen."""
    try:
        said = datetime.fromisoformat(str(record["createdAt"]))
    except (KeyError, ValueError):
        return seen
    return min(said if said.tzinfo else said.replace(tzinfo=UTC), seen)
