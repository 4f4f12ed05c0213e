"""Replies on Mastodon: one status, under the post, with a key by which the server recognises a repeated request.

What the server calls the post is looked up first; that it is gone, or not for everybody to read, is known then. Who is
answered has to be named in the text, or their server would tell them nothing. The reply is shown to whom the post
is. A server keeps a key for an hour, in which a repeated request publishes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from core.errors import BadInput, GiveUp, RetryLater, Unsure
from core.types import Outgoing, Permission, Receipt
from listener import canary_post
from listener.delivery import SECONDS, Ours, client, judge, publishing, read_back, still_time
from listener.markup import plain_text
from listener.source import Asking, CanaryReply, Context
from listener.sources.mastodon.server import Server, address

LAG = 30.0
"""Seconds after which a status that was published stands among its author's."""
LIMIT = 40
"""Statuses of one answer: the most that a server gives."""
TEST_POST = re.compile(r"^https?://\S+/\d+/?$")
_OPEN = frozenset({"public", "unlisted"})
_WHITE = re.compile(r"\s+")


def may_reply(asking: Asking) -> Permission:
    """With a token that may write, whoever it answers."""
    if not asking.has("token"):
        return Permission("hand", "Replies to Mastodon need an access token with the scope write:statuses: add one.")
    if not asking.account:
        return Permission("hand", "Nobody knows yet as whom replies would go out: test the connection of the source.")
    return Permission("api", "Goes out through your account's token, under the post.")


class MastodonReplier:
    """The account whose token the source has."""

    kind: ClassVar[str] = "mastodon"
    max_length: ClassVar[int | None] = 500

    def __init__(self, context: Context, seconds: float = SECONDS) -> None:
        """Raises BadInput for a wrong server."""
        token = str(context.settings.get("token") or "")
        if not token or not re.fullmatch(r"[!-~]*", token):
            raise BadInput("Access token: replies need one, copied whole")
        self._context = context
        self._url = address(str(context.settings.get("server") or context.process.mastodon_url))
        self._server = Server(self._url, token, context.clock, seconds)
        self._http = client(seconds, {"Authorization": f"Bearer {token}"})
        self._own_id = ""

    @staticmethod
    def addressed(text: str, handle: str) -> str:
        """With @handle in front, unless it names them already."""
        return text if _names(text, handle) else f"@{handle} {text}"

    def account(self) -> str:
        """The token's account, as the server named it when the connection was tested."""
        if not self._context.account:
            raise GiveUp("nobody knows whose token this is: test the connection of the source")
        return self._context.account

    def send(self, reply: Outgoing) -> Receipt:
        """One status under the post."""
        if not _names(reply.text, reply.author_handle):
            raise GiveUp(f"the text has to name @{reply.author_handle}: nobody would tell them of it otherwise")
        parent = self._parent(reply)
        if parent["visibility"] not in _OPEN:
            raise GiveUp("the post is no longer for everybody to read, so it is not answered in public")
        form = {"status": reply.text, "in_reply_to_id": str(parent["id"]), "visibility": str(parent["visibility"])}
        still_time(reply, self._context.clock.now())
        with publishing(self._server.host):
            answer = self._http.post(
                f"{self._url}/api/v1/statuses", data=form, headers={"Idempotency-Key": f"ripplewatch-{reply.key}"}
            )
        judge(answer.status_code, answer.headers, answer.content, self._server.host, self._context.clock.now(), _words)
        try:
            return _receipt(answer.json())
        except (ValueError, KeyError, TypeError) as error:
            raise Unsure(f"{self._server.host} answered something that is no status: {answer.text[:80]}") from error

    def find(self, reply: Outgoing) -> Receipt | None:
        """Look among our own newest statuses for one under the post that says the same."""
        try:
            parent = str(self._parent(reply)["id"])
        except GiveUp:
            parent = ""  # it has gone meanwhile, and what answered it answers nothing now
        asked = {"limit": str(LIMIT), "exclude_reblogs": "true"}
        own = self._server.get(f"/api/v1/accounts/{self._id()}/statuses", asked).body
        there = [_ours(one) for one in own if str(one.get("in_reply_to_id") or "") == parent]
        found = read_back(reply, there, who=self._server.host, now=self._context.clock.now(), lag=LAG, same=_plain)
        if found is None and len(own) >= LIMIT and reply.began_at and _ours(own[-1]).at > reply.began_at:
            raise Unsure(f"the account wrote so much since that {self._server.host} no longer shows it all")
        return found

    def canary_reply(self, token: str) -> CanaryReply:
        """Under a post of the account, with the hashtags that are heard, so that it stands in their timelines."""
        post = canary_post.named(self._context.settings, TEST_POST)
        if post is None:
            raise GiveUp("no test post is named")
        tags = re.findall(r"#\w+", str(self._context.settings.get("timelines") or ""))
        handle = self.account().lstrip("@").partition("@")[0]
        return CanaryReply(post[0], " ".join((f"@{handle}", token, *tags)), handle)

    def take_back(self, native_id: str) -> None:
        """Delete the status, which may be gone."""
        found = self._server.get("/api/v2/search", {"q": native_id, "type": "statuses", "resolve": "true"}).body
        for one in found["statuses"]:
            with publishing(self._server.host):
                answer = self._http.delete(f"{self._url}/api/v1/statuses/{one['id']}")
            judge(
                answer.status_code, answer.headers, answer.content, self._server.host, self._context.clock.now(), _words
            )

    def close(self) -> None:
        """Close the connections."""
        self._server.close()
        self._http.close()

    def _parent(self, reply: Outgoing) -> Mapping[str, Any]:
        """The post as this server has it now. Raises GiveUp when it is gone."""
        known = str(reply.extra.get("id") or "") if reply.extra.get("server") == self._server.host else ""
        if not known:
            asked = {"q": reply.mention_id, "type": "statuses", "resolve": "true", "limit": "1"}
            found = self._server.get("/api/v2/search", asked).body["statuses"]
            if not found:
                raise GiveUp("the post is gone, or this server cannot see it")
            return _status(found[0])
        try:
            return _status(self._server.get(f"/api/v1/statuses/{known}").body)
        except GiveUp as error:
            raise GiveUp(f"the post cannot be read any more, so it is not answered: {error}") from error

    def _id(self) -> str:
        if not self._own_id:
            self._own_id = str(self._server.get("/api/v1/accounts/verify_credentials").body["id"])
        return self._own_id


def _status(found: object) -> Mapping[str, Any]:
    if not isinstance(found, dict) or not {"id", "visibility"} <= found.keys():
        raise RetryLater("the server answered something that is no status")
    return found


def _ours(status: Mapping[str, Any]) -> Ours:
    return Ours(_receipt(status), plain_text(status["content"]), datetime.fromisoformat(status["created_at"]))


def _receipt(status: Mapping[str, Any]) -> Receipt:
    return Receipt(str(status["uri"]), str(status.get("url") or status["uri"]))


def _names(text: str, handle: str) -> bool:
    """Whether a text names an account, for which its neighbours leave out the server."""
    return bool(handle) and re.search(rf"(?<![\w@])@{re.escape(handle)}(?![\w@])", text, re.IGNORECASE) is not None


def _plain(text: str) -> str:
    """What stays of a text on the way through a server: links are cut, and names lose their servers."""
    bare = re.sub(r"(@[\w.-]+)@[\w.-]+\w", r"\1", re.sub(r"https?://\S*", "", text))
    return _WHITE.sub(" ", bare).strip()


def _words(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")
