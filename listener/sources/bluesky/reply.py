"""Replies on Bluesky: one record in our own repository, under a name that is made from the reply's key.

The same key always gives the same name and the same record, and putRecord writes it in its place: however often that is
asked for, there is one post. The post that is answered is looked up first: its newest id, the thread's root, and
whether its author lets us answer, stand in no record that we hold.

Links and mentions are not seen in a text by themselves: a record says at which bytes (UTF-8) they stand.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from core.errors import BadInput, GiveUp, RetryLater, Unsure
from core.types import Outgoing, Permission, Receipt, Used
from listener import canary_post
from listener.delivery import SECONDS, client, judge, publishing, still_time
from listener.source import Asking, CanaryReply, Context
from listener.sources.bluesky.login import Login, worn_out
from listener.sources.bluesky.records import POSTS, uri

_SORTED = "234567abcdefghijklmnopqrstuvwxyz"
_FIRST_MICROSECOND, _MICROSECONDS = 1_704_067_200_000_000, 63_072_000_000_000
"""The years 2024 and 2025: names are times, and these are over."""
_LINK = re.compile(r"https?://[^\s<>\"]+")
_TRAILING = ".,;:!?)]}'\u2019\u201d"
_HANDLE = re.compile(r"(?<![\w@.])@([a-zA-Z0-9](?:[a-zA-Z0-9-]*\.)+[a-zA-Z]{2,})(?![\w-])")
TEST_POST = re.compile(r"(?:/post/|app\.bsky\.feed\.post/)([a-z2-7]{13})/?$")
_ASKED = (
    "Bluesky asks that automated accounts answer only people who tagged them or answered them. Copy the text, open the "
    "post, and answer there yourself; or set “Answer” to everybody, if you answer for it."
)


def may_reply(asking: Asking) -> Permission:
    """Who tagged us, answered us or quoted us; others where the source is set to answer everybody."""
    if not asking.has("handle", "app_password"):
        return Permission("hand", "Replies to Bluesky need your handle and an app password: add them to the source.")
    if str(asking.settings.get("answer") or "").casefold() == "everybody":
        return Permission("api", "Goes out under the post; the source is set to answer everybody.")
    if _speaks_to_us(asking):
        return Permission("api", "Goes out under the post: its author tagged, answered or quoted you.")
    return Permission("hand", _ASKED)


def _speaks_to_us(asking: Asking) -> bool:
    mention = asking.mention
    handle = str(asking.settings.get("handle") or "").lstrip("@").casefold()
    own = asking.own | {handle} | ({did} if (did := _did_of(asking.settings)) else set())
    given = mention.extra.get("mentions")
    tagged = {str(one).casefold() for one in given} if isinstance(given, list) else set()
    tagged |= {name.casefold() for name in _HANDLE.findall(mention.text)}
    for one in (mention.reply_to, mention.extra.get("quote_of")):
        tagged |= {urlsplit(str(one)).netloc.casefold()} if one else set()
    return bool(tagged & own)


def _did_of(settings: Mapping[str, object]) -> str:
    """Who we are, as the kept session says."""
    try:
        return str(json.loads(str(settings.get("session") or "{}")).get("did") or "").casefold()
    except (ValueError, AttributeError):
        return ""


class BlueskyReplier:
    """The account that the source signs in as."""

    kind: ClassVar[str] = "bluesky"
    max_length: ClassVar[int | None] = 300

    def __init__(self, context: Context, seconds: float = SECONDS) -> None:
        """Raises BadInput where there is no account."""
        self._context, given = context, context.settings
        self._handle, password = str(given.get("handle") or "").lstrip("@"), str(given.get("app_password") or "")
        if not self._handle or not password:
            raise BadInput("Handle and app password: replies need both")
        self._clock, self._url = context.clock, context.process.bluesky_api_url.rstrip("/")
        session = str(given.get("session") or "")
        self._login = Login(self._url, self._handle, password, session, context.clock, seconds)
        self._http = client(seconds)

    def account(self) -> str:
        """The handle."""
        return f"@{self._handle}"

    def send(self, reply: Outgoing) -> Receipt:
        """One record, under the post."""
        name, did, record = rkey(reply.key), self._login.did(), self._record(reply)
        body = {"repo": did, "collection": POSTS, "rkey": name, "validate": True, "record": record}
        token = self._login.token()
        still_time(reply, self._clock.now())
        with publishing("Bluesky"):
            answer = self._http.post(
                f"{self._url}/xrpc/com.atproto.repo.putRecord", json=body, headers={"Authorization": f"Bearer {token}"}
            )
        if worn_out(answer):
            raise RetryLater("Bluesky wants us to sign in anew", 1)
        judge(answer.status_code, answer.headers, answer.content, "Bluesky", self._clock.now(), _words)
        try:
            return _receipt(str(answer.json()["uri"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Unsure(f"Bluesky answered something that is no record: {answer.text[:80]}") from error

    def find(self, reply: Outgoing) -> Receipt | None:
        """Ask our own repository for the record with the reply's name."""
        did = self._login.did()
        asked = {"repo": did, "collection": POSTS, "rkey": rkey(reply.key)}
        try:
            return _receipt(str(self._login.get("com.atproto.repo.getRecord", asked)["uri"]))
        except GiveUp as error:
            if "RecordNotFound" in str(error) or "Could not locate record" in str(error):
                return None
            raise

    def canary_reply(self, token: str) -> CanaryReply:
        """Under a post of the account that we sign in as."""
        post = canary_post.named(self._context.settings, TEST_POST)
        if post is None:
            raise GiveUp("no test post is named")
        return CanaryReply(uri(self._login.did(), POSTS, post[1]), token)

    def take_back(self, native_id: str) -> None:
        """Delete the record, which may be gone."""
        body = {"repo": self._login.did(), "collection": POSTS, "rkey": native_id.rpartition("/")[2]}
        headers = {"Authorization": f"Bearer {self._login.token()}"}
        with publishing("Bluesky"):
            answer = self._http.post(f"{self._url}/xrpc/com.atproto.repo.deleteRecord", json=body, headers=headers)
        if worn_out(answer):
            raise RetryLater("Bluesky wants us to sign in anew", 1)
        judge(answer.status_code, answer.headers, answer.content, "Bluesky", self._clock.now(), _words)

    def used(self) -> Used:
        """The session, if it is another than before."""
        return Used(credentials=self._login.renewed())

    def close(self) -> None:
        """Close the connections; the session stays."""
        self._login.close()
        self._http.close()

    def _record(self, reply: Outgoing) -> dict[str, Any]:
        parent = self._post(reply.mention_id)
        viewer = parent.get("viewer") or {}
        if viewer.get("blockedBy") or viewer.get("blocking") or viewer.get("replyDisabled"):
            raise GiveUp("Bluesky: the author does not let this account answer the post")
        above = (parent["record"].get("reply") or {}).get("root")
        own = {"uri": str(parent["uri"]), "cid": str(parent["cid"])}
        facets = [*_links(reply.text), *self._tags(reply)]
        record: dict[str, Any] = {
            "$type": POSTS,
            "text": reply.text,
            "createdAt": (reply.dated or self._clock.now()).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "reply": {"root": above or own, "parent": own},
        }
        return record | ({"facets": facets} if facets else {})

    def _post(self, post: str) -> Mapping[str, Any]:
        """The post as it is now. Raises GiveUp when it is gone."""
        posts = self._login.get("app.bsky.feed.getPosts", {"uris": [post]})["posts"]
        if not posts:
            raise GiveUp("the post is gone, or Bluesky does not show it to us")
        found = posts[0]
        if not isinstance(found, dict) or not isinstance(found.get("record"), dict) or not found.get("cid"):
            raise RetryLater("Bluesky answered in another form than it used to")
        return found

    def _tags(self, reply: Outgoing) -> Iterator[Mapping[str, Any]]:
        """Where the text names people. Whom we answer is known by their DID; others are looked up."""
        for found in _HANDLE.finditer(reply.text):
            did = reply.author_id if found[1].casefold() == reply.author_handle.casefold() else self._resolve(found[1])
            if did:
                yield _facet(reply.text, found.start(), found.end(), {"mention": {"did": did}})

    def _resolve(self, handle: str) -> str:
        try:
            return str(self._login.get("com.atproto.identity.resolveHandle", {"handle": handle})["did"])
        except GiveUp:
            return ""  # nobody of that name: it stays text


def rkey(key: str) -> str:
    """The record's name that belongs to a reply's key, in the form of a TID: 53 bits of microseconds, 10 of a clock."""
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:16])
    number = (_FIRST_MICROSECOND + digest % _MICROSECONDS) << 10 | digest >> 100 & 0x3FF
    return "".join(_SORTED[number >> shift & 31] for shift in range(60, -1, -5))


def _links(text: str) -> Iterator[Mapping[str, Any]]:
    for found in _LINK.finditer(text):
        link = found[0].rstrip(_TRAILING)
        yield _facet(text, found.start(), found.start() + len(link), {"link": {"uri": link}})


def _facet(text: str, start: int, end: int, feature: Mapping[str, Mapping[str, str]]) -> Mapping[str, Any]:
    ((kind, about),) = feature.items()
    bytes_at = {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())}
    return {"index": bytes_at, "features": [{"$type": f"app.bsky.richtext.facet#{kind}", **about}]}


def _receipt(record: str) -> Receipt:
    did, _, name = record.removeprefix("at://").partition(f"/{POSTS}/")
    return Receipt(uri(did, POSTS, name), f"https://bsky.app/profile/{did}/post/{name}")


def _words(body: bytes) -> str:
    try:
        said = json.loads(body)
        return f"{said['error']}: {said.get('message') or ''}".rstrip(": ")
    except (ValueError, KeyError, TypeError, AttributeError):
        return body.decode(errors="replace")
