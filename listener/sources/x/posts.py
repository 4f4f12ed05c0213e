"""X's posts as it gives them in JSON (API v2), read into what a page holds.

An edited post gets a new id and says all it had (`edit_history_tweet_ids`). For us it stays one mention, under its
first id: an edit is a new text of what we hold, whose latest id is in `extra`. A repost is no mention, it counts on the
original, and so does a quote, which is one as well.

X bills a post, and the profile that comes with it, once a day however often it is read (docs.x.com, "Pricing"). The
same memory keeps that apart and what was counted as a repost.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from core.types import Author, Mention, Rejected

FIELDS = {
    "tweet_fields": [
        "author_id",
        "conversation_id",
        "created_at",
        "edit_history_tweet_ids",
        "entities",
        "lang",
        "note_tweet",
        "public_metrics",
        "referenced_tweets",
        "reply_settings",
    ],
    "user_fields": ["name", "public_metrics", "username"],
    "expansions": ["author_id"],
}
"""What to ask for with every post. Quoted and replied-to posts are not expanded: each would be billed as read."""
REMEMBERED = 50_000
"""Ids that are remembered at most, for some hours of a busy stream."""
_EPOCH = 1_288_834_974_657
_NO_LANGUAGE = frozenset({"und", "art", "qam", "qct", "qht", "qme", "qst", "zxx"})
_LANGUAGES = {"in": "id", "iw": "he", "ji": "yi"}


def time_of(post_id: str) -> datetime:
    """When a post with this id was written: ids carry milliseconds since X's own epoch."""
    return datetime.fromtimestamp(((int(post_id) >> 22) + _EPOCH) / 1_000, UTC)


def id_at(when: datetime) -> int:
    """The id that a post of this moment has at least."""
    return max(0, int(when.timestamp() * 1_000) - _EPOCH) << 22


@dataclass(slots=True)
class Heard:
    """What was read, in the order in which it came. `read` are ids that X bills now, `authors` those of profiles."""

    mentions: dict[str, Mention] = field(default_factory=dict)
    edited: dict[str, Mention] = field(default_factory=dict)
    reposts: dict[str, int] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    posts: int = 0
    read: int = 0
    authors: int = 0


class Reader:
    """Reads answers. What it remembers of a page counts once that page is `settled`; `forget` takes it back."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        self._fresh: dict[str, None] = {}
        self._versions: dict[str, int] = {}

    def settle(self) -> None:
        """The last pages were stored."""
        self._seen.update(self._fresh)
        self._fresh.clear()
        for key in list(islice(self._seen, max(0, len(self._seen) - REMEMBERED))):
            del self._seen[key]
        for key in list(islice(self._versions, max(0, len(self._versions) - REMEMBERED))):
            del self._versions[key]

    def forget(self) -> None:
        """The last pages were not stored, and will come again."""
        self._fresh.clear()

    def read(self, answers: Iterable[Mapping[str, Any]]) -> Heard:
        """Posts of answers or of lines of a stream, whose `data` is a list or one post. Raises nothing for bad ones."""
        heard = Heard()
        for answer in answers:
            included = answer.get("includes")
            given = included.get("users") if isinstance(included, dict) else None
            known = given if isinstance(given, list) else ()
            users = {str(one.get("id")): one for one in known if isinstance(one, dict)}
            heard.authors += sum(self._is_new(f"u{user_id}") for user_id in users)
            data = answer.get("data")
            for post in data if isinstance(data, list) else [data] if data else ():
                self._take(post, users, heard)
        return heard

    def _take(self, post: Any, users: Mapping[str, Mapping[str, Any]], heard: Heard) -> None:
        heard.posts += 1
        try:
            post_id = str(int(post["id"]))
            new = self._is_new(post_id)
            heard.read += new
            references = {str(one["type"]): str(one["id"]) for one in post.get("referenced_tweets") or ()}
            shared = references.get("retweeted") or references.get("quoted")
            mention = None if "retweeted" in references else _mention(post, users, references)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError) as error:
            heard.rejected.append(Rejected(f"post {str(post)[:80]}", f"unreadable: {error!r}"))
            return
        if shared and new:
            heard.reposts[shared] = heard.reposts.get(shared, 0) + 1
        if mention is not None:
            self._keep(mention, int(post_id), heard)

    def _keep(self, mention: Mention, version: int, heard: Heard) -> None:
        """An older version than we have read comes too late."""
        key = mention.native_id
        if version < self._versions.get(key, 0):
            return
        self._versions[key] = version
        if str(version) == key:
            heard.mentions[key] = mention
        else:
            heard.mentions.pop(key, None)
            heard.edited[key] = mention

    def _is_new(self, key: str) -> bool:
        if key in self._seen or key in self._fresh:
            return False
        self._fresh[key] = None
        return True


def answers_of(lines: Iterable[bytes]) -> tuple[list[dict[str, Any]], list[Rejected], str]:
    """The lines of a stream that hold posts, those that cannot be read, and why X is about to end it, if it says so."""
    answers, rejected, said = list[dict[str, Any]](), list[Rejected](), ""
    for line in lines:
        try:
            answer = json.loads(line)
            if answer.get("data"):
                answers.append(answer)
            elif errors := answer.get("errors"):
                said = "X ended the stream: " + "; ".join(str(one.get("detail") or one.get("title")) for one in errors)
        except (ValueError, AttributeError, TypeError) as error:
            rejected.append(Rejected(f"line {line[:80]!r}", f"unreadable: {error}"))
    return answers, rejected, said


def _mention(post: Mapping[str, Any], users: Mapping[str, Mapping[str, Any]], references: Mapping[str, str]) -> Mention:
    post_id, author_id = str(post["id"]), str(post["author_id"])
    first = str((post.get("edit_history_tweet_ids") or [post_id])[0])
    user, counts, note = users.get(author_id) or {}, post.get("public_metrics") or {}, post.get("note_tweet") or {}
    handle = str(user.get("username") or author_id)
    language = str(post.get("lang") or "und")
    return Mention(
        platform="x",
        native_id=first,
        author=Author(
            author_id, handle, str(user.get("name") or ""), (user.get("public_metrics") or {}).get("followers_count")
        ),
        text=html.unescape(note.get("text") or post["text"]),
        created_at=datetime.fromisoformat(post["created_at"]) if post.get("created_at") else time_of(post_id),
        url=f"https://x.com/{handle if user else 'i/web'}/status/{post_id}",
        kind="reply" if "replied_to" in references else "quote" if "quoted" in references else "post",
        reply_to=references.get("replied_to"),
        conversation=str(post.get("conversation_id") or first),
        lang=None if language in _NO_LANGUAGE else _LANGUAGES.get(language, language),
        likes=int(counts.get("like_count") or 0),
        reposts=int(counts.get("retweet_count") or 0) + int(counts.get("quote_count") or 0),
        replies=int(counts.get("reply_count") or 0),
        extra=_extra(post, note, references, first),
    )


def _extra(
    post: Mapping[str, Any], note: Mapping[str, Any], references: Mapping[str, str], first: str
) -> dict[str, object]:
    entities = [note.get("entities") or {}, post.get("entities") or {}]
    urls = [url.get("expanded_url") or url.get("url") for one in entities for url in one.get("urls") or ()]
    found: dict[str, object] = {
        "links": list(dict.fromkeys(url for url in urls if isinstance(url, str))),
        "quote_of": references.get("quoted"),
        "latest_id": post["id"] if str(post["id"]) != first else None,
        "reply_settings": post.get("reply_settings"),
    }
    return {name: value for name, value in found.items() if value}
