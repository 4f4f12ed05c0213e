"""YouTube's comments as mentions: those at the top of a thread, and replies to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.types import Author, Mention, Rejected
from listener.rounds import Heard

COMMENT_ID = re.compile(r"[A-Za-z0-9_-]{15,}(\.[A-Za-z0-9_-]+)?")
"""The native ids of what we hear; a reply's begins with that of its thread."""
SITE = "https://www.youtube.com"


def hear(comment: Mapping[str, Any], heard: Heard, video: str = "", replies: int = 0) -> float | None:
    """A comment as it reads now; when it was written (seconds since 1970), if it can be read.

    `video` is where it stands, if it does not say so itself.
    """
    try:
        mention = _mention(comment, video, replies)
        edited = comment["snippet"].get("updatedAt") not in (None, comment["snippet"]["publishedAt"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        heard.rejected.append(Rejected(f"comment {str(comment)[:80]}", f"unreadable: {error!r}"))
        return None
    if mention.text.strip():
        heard.take(mention, edited=edited)
    else:
        heard.rejected.append(Rejected(mention.url or mention.native_id, "it has no text"))
    return mention.created_at.timestamp()


def _mention(comment: Mapping[str, Any], video: str, replies: int) -> Mention:
    native_id, said = str(comment["id"]), comment["snippet"]
    name, channel = str(said.get("authorDisplayName") or ""), said.get("authorChannelId")
    author = str(channel["value"]) if channel else name
    if not author:
        raise ValueError("it has no author")
    thread, _, _ = native_id.partition(".")
    video = str(said.get("videoId") or video)
    text = said.get("textOriginal") or said.get("textDisplay") or ""
    if not isinstance(text, str):
        raise TypeError(f"text {text!r}")
    place = (
        f"watch?v={video}&lc={native_id}" if video else f"channel/{said['channelId']}" if "channelId" in said else ""
    )
    return Mention(
        platform="youtube",
        native_id=native_id,
        author=Author(author, name.removeprefix("@") or author, name),
        text=text,
        created_at=datetime.fromisoformat(said["publishedAt"]).astimezone(UTC),
        url=f"{SITE}/{place}" if place else None,
        kind="comment",
        reply_to=str(said.get("parentId") or thread) if thread != native_id else None,
        conversation=thread,
        likes=int(said.get("likeCount") or 0),
        replies=replies,
        extra={"video": video} if video else {},
    )
