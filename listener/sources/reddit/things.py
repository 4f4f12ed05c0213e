"""What Reddit calls things, comments (t1) and submissions (t3), as mentions; and which of them are gone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.types import Author, Mention, Rejected
from listener.rounds import Heard
from listener.walk import moment

FULLNAME = re.compile(r"t[13]_[0-9a-z]+")
"""The native ids of what we hear."""
GONE = frozenset({"[deleted]", "[removed]", "[ removed by reddit ]"})
SITE = "https://www.reddit.com"


def hear(name: str, data: Mapping[str, Any], heard: Heard) -> None:
    """A comment or submission as it reads now."""
    if _is_gone(data):
        heard.gone(name)
        return
    try:
        mention = _mention(name, data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        heard.rejected.append(Rejected(name, f"unreadable: {error!r}"))
        return
    if mention.text:
        heard.take(mention, edited=bool(data.get("edited")))
    else:
        heard.rejected.append(Rejected(mention.url or name, "it has no text"))


def _is_gone(data: Mapping[str, Any]) -> bool:
    """Whether the item, or its author, was deleted or removed. What waits for a moderator may still come."""
    texts = {str(data.get(name)).casefold() for name in ("body", "selftext")}
    removed = data.get("removed_by_category") not in (None, "automod_filtered")
    return bool(texts & GONE) or removed or data.get("author") in (None, "[deleted]")


def _mention(name: str, data: Mapping[str, Any]) -> Mention:
    comment, handle, parent = name.startswith("t1_"), data["author"], data.get("parent_id")
    if not isinstance(handle, str) or not isinstance(parent, str | None):
        raise TypeError(f"author {handle!r}, parent {parent!r}")
    thread = _thread(data) if comment else name
    link = str(data.get("url") or "") if not comment and not data.get("is_self") else ""
    return Mention(
        platform="reddit",
        native_id=name,
        author=Author(str(data.get("author_fullname") or handle), handle),
        text="\n\n".join(part for part in (data.get("title"), data.get("selftext")) if part and not comment)
        or str(data.get("body") or ""),
        created_at=moment(float(data["created_utc"])),
        url=_address(name, data, thread),
        kind="comment" if comment else "post",
        reply_to=parent if comment else None,
        conversation=thread,
        likes=max(0, int(data.get("score") or 0)),
        replies=0 if comment else int(data.get("num_comments") or 0),
        extra={"subreddit": str(data.get("subreddit") or "")} | ({"links": [link]} if link.startswith("http") else {}),
    )


def _thread(data: Mapping[str, Any]) -> str | None:
    """The submission under which a comment stands; an inbox says it in the address only."""
    found = re.search(r"/comments/([0-9a-z]+)/", str(data.get("context") or data.get("permalink") or ""))
    parent = str(data.get("parent_id"))
    return data.get("link_id") or (f"t3_{found[1]}" if found else parent if parent.startswith("t3_") else None)


def _address(name: str, data: Mapping[str, Any], thread: str | None) -> str | None:
    path = str(data.get("permalink") or data.get("context") or "").partition("?")[0]
    if path.startswith("/"):
        return SITE + path
    return f"{SITE}/comments/{thread[3:]}/_/{name[3:]}/" if thread else None
