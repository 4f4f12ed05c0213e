"""Replies on YouTube: one comment in the thread, as the channel whose owner has signed in.

YouTube has one level of replies: whatever is answered, the reply stands under the thread's first comment. It costs 50
units of the day's. There is no request that may be repeated: when nobody knows what became of one, the thread's replies
are read, and that of our channel which says the same is ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from core.errors import GiveUp, RetryLater, Unsure
from core.types import Outgoing, Permission, Receipt, Used
from listener import canary_post
from listener.delivery import SECONDS, Ours, judge, publishing, read_back, still_time
from listener.markup import plain_text
from listener.source import Asking, CanaryReply, Context
from listener.sources.youtube.comments import SITE
from listener.sources.youtube.login import NAMES, Login
from listener.sources.youtube.quota import next_day

INSERT = 50
"""Units that a comment costs."""
TEST_POST = re.compile(r"[?&]lc=([\w-]{10,}(?:\.[\w-]+)?)")
PAGE, MOST_PAGES = 100, 10
LAG = 120.0
"""Seconds after which a comment stands in its thread."""
KEY_ONLY = "an API key, without an account"
"""As whom one listens who has not signed in."""
_SPENT = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_LATER = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})


def may_reply(asking: Asking) -> Permission:
    """As a channel that has signed in."""
    if not asking.has(*NAMES):
        return Permission("hand", "Replies to YouTube need your channel to sign in: an API key can only read.")
    if asking.account in (None, "", KEY_ONLY):
        return Permission("hand", "Nobody knows yet as whom replies would go out: test the connection of the source.")
    return Permission("api", f"Goes out in the thread, for {INSERT} units of the day's.")


class YouTubeReplier:
    """The channel that has signed in."""

    kind: ClassVar[str] = "youtube"
    max_length: ClassVar[int | None] = 10_000

    def __init__(self, context: Context, seconds: float = SECONDS) -> None:
        """Raises BadInput where nobody has signed in."""
        self._context, self._login = context, Login(context, seconds)
        self._url, self._channel = context.process.youtube_api_url, ""

    def account(self) -> str:
        """The channel, as YouTube named it when the connection was tested."""
        if self._context.account in (None, "", KEY_ONLY):
            raise GiveUp("nobody knows whose channel this is: test the connection of the source")
        return str(self._context.account)

    def send(self, reply: Outgoing) -> Receipt:
        """One comment, under the first of the thread."""
        token, now = self._login.token(), self._context.clock.now()
        comment = {"snippet": {"parentId": _thread(reply), "textOriginal": reply.text}}
        still_time(reply, self._context.clock.now())
        self._login.spent += INSERT
        with publishing("YouTube"):
            answer = self._login.http.post(
                f"{self._url}/comments",
                params={"part": "snippet"},
                json=comment,
                headers={"Authorization": f"Bearer {token}"},
            )
        if answer.status_code == 401:
            self._login.forget_token()
        reason = _reason(answer.content) if answer.status_code in (403, 429) else ""
        if reason in _SPENT | _LATER:
            after = (next_day(now) - now).total_seconds() if reason in _SPENT else None
            raise RetryLater(f"YouTube answered {answer.status_code}: {_words(answer.content)}", after)
        judge(answer.status_code, answer.headers, answer.content, "YouTube", now, _words)
        try:
            return _receipt(answer.json(), reply)
        except (ValueError, KeyError, TypeError) as error:
            raise Unsure(f"YouTube answered something that is no comment: {answer.text[:80]}") from error

    def find(self, reply: Outgoing) -> Receipt | None:
        """Look among the replies of the thread for one of our channel that says the same."""
        self._channel = self._channel or self._login.channel()[0]
        ours, page = list[Ours](), ""
        for _ in range(MOST_PAGES):
            asked = {"part": "snippet", "parentId": _thread(reply), "textFormat": "plainText", "maxResults": str(PAGE)}
            body = self._login.get("comments", asked | ({"pageToken": page} if page else {}))
            try:
                ours += [_ours(one, reply) for one in body.get("items") or () if _by(one) == self._channel]
            except (KeyError, TypeError, ValueError) as error:
                raise RetryLater(f"YouTube answered in another form than it used to: {error!r}") from error
            page = str(body.get("nextPageToken") or "")
            if not page:
                break
        found = read_back(reply, ours, who="YouTube", now=self._context.clock.now(), lag=LAG)
        if found is None and page:
            raise Unsure("the thread is longer than is read")
        return found

    def canary_reply(self, token: str) -> CanaryReply:
        """Under a comment of ours, below a video that is heard."""
        post = canary_post.named(self._context.settings, TEST_POST)
        if post is None:
            raise GiveUp("no test post is named")
        return CanaryReply(post[1], token)

    def take_back(self, native_id: str) -> None:
        """Delete the comment, for as many units again; it may be gone."""
        token, now = self._login.token(), self._context.clock.now()
        self._login.spent += INSERT
        with publishing("YouTube"):
            answer = self._login.http.delete(
                f"{self._url}/comments", params={"id": native_id}, headers={"Authorization": f"Bearer {token}"}
            )
        if answer.status_code == 404:
            return
        if answer.status_code == 403 and _reason(answer.content) in _SPENT | _LATER:
            raise RetryLater(f"YouTube answered 403: {_words(answer.content)}")
        judge(answer.status_code, answer.headers, answer.content, "YouTube", now, _words)

    def used(self) -> Used:
        """The units."""
        spent, self._login.spent = self._login.spent, 0
        return Used(spent={"unit": spent} if spent else {})

    def close(self) -> None:
        """Close the connections."""
        self._login.http.close()


def _thread(reply: Outgoing) -> str:
    return reply.mention_id.partition(".")[0]


def _by(comment: Mapping[str, Any]) -> str:
    return str((comment["snippet"].get("authorChannelId") or {}).get("value") or "")


def _ours(comment: Mapping[str, Any], reply: Outgoing) -> Ours:
    said = comment["snippet"]
    text = said.get("textOriginal") or said.get("textDisplay") or ""
    return Ours(_receipt(comment, reply), str(text), datetime.fromisoformat(said["publishedAt"]))


def _receipt(comment: Mapping[str, Any], reply: Outgoing) -> Receipt:
    name, video = str(comment["id"]), reply.extra.get("video")
    return Receipt(name, f"{SITE}/watch?v={video}&lc={name}" if video else None)


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["errors"][0]["reason"])
    except (ValueError, KeyError, TypeError, IndexError):
        return ""


def _words(body: bytes) -> str:
    try:
        said = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")
    return f"{plain_text(said)} ({_reason(body)})"
