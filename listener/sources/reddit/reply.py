"""Replies on Reddit: one comment, by praw's session, of which every request is made once.

prawcore would send POST /api/comment three times when the answer is a 503 or none at all, and a comment might then
stand there three times. So each answer is judged before prawcore sees it, and what it would try again reaches it never.
Reddit says some refusals inside an answer that is a success, "you are doing that too much" among them.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx2
import praw
import prawcore
import requests

from core.errors import BadInput, GiveUp, PlatformError, RetryLater, Unsure
from core.types import Outgoing, Permission, Receipt, Used
from listener import canary_post
from listener.delivery import SECONDS, Ours, of_requests, read_back, still_time
from listener.http import retry_after
from listener.rounds import Refused
from listener.source import Asking, CanaryReply, Context
from listener.sources.reddit.errors import look_for_error, number, signed_out, words
from listener.sources.reddit.things import SITE

COMMENT, DELETE = "/api/comment", "/api/del"
TEST_POST = re.compile(r"/comments/(\w+)(?:/[^/\s]*(?:/(\w+))?)?/?$")
LISTED = 100
LAG = 60.0
"""Seconds after which a comment stands among its author's."""
_SETTINGS = ("client_id", "client_secret", "username", "password", "refresh_token")


def may_reply(asking: Asking) -> Permission:
    """With an account, once Reddit has approved that its API is used for this."""
    if not (asking.has("username", "password") or asking.has("refresh_token")):
        return Permission("hand", "Replies to Reddit need an account: add its name and password to the source.")
    if str(asking.settings.get("approved") or "").casefold() != "yes":
        return Permission(
            "hand",
            "Reddit wants each use of its API approved: copy the text, open the post, and answer there yourself; or "
            "set “Answering is approved” once Reddit has said so.",
        )
    if not _account(asking.settings.get("username"), asking.account):
        return Permission("hand", "Nobody knows yet as whom replies would go out: test the connection of the source.")
    return Permission("api", "Goes out as a comment under the post, as Reddit has approved.")


class RedditReplier:
    """The account of the source's app."""

    kind: ClassVar[str] = "reddit"
    max_length: ClassVar[int | None] = 10_000

    def __init__(self, context: Context, seconds: float = SECONDS) -> None:
        """Raises BadInput where there is no account."""
        self._context, self._seconds = context, seconds
        self._set = {name: str(context.settings.get(name) or "").strip() for name in _SETTINGS}
        if not self._set["client_id"] or not (self._set["refresh_token"] or self._set["username"]):
            raise BadInput("Name of the account: replies need one")
        self._http = requests.Session()
        self._http.headers["Connection"] = "close"  # one that ended unnoticed would leave us unsure
        self._signed_in: praw.Reddit | None = None
        self._renewed: dict[str, str] = {}

    def account(self) -> str:
        """The account's name."""
        account = _account(self._set["username"], self._context.account)
        if not account:
            raise GiveUp("nobody knows whose token this is: test the connection of the source")
        return account

    def send(self, reply: Outgoing) -> Receipt:
        """One comment. An answer without it leaves us unsure."""
        form = {"api_type": "json", "text": reply.text, "thing_id": reply.mention_id}
        still_time(reply, self._context.clock.now())
        body = self._ask("POST", COMMENT, data=form)
        try:
            look_for_error(body)
        except Refused as error:
            raise GiveUp(str(error)) from error
        except (TypeError, AttributeError, IndexError) as error:
            raise Unsure(f"Reddit answered something that cannot be read: {str(body)[:80]}") from error
        try:
            return _receipt(body["json"]["data"]["things"][0]["data"])
        except (KeyError, IndexError, TypeError) as error:
            raise Unsure(f"Reddit answered without the comment: {str(body)[:80]}") from error

    def find(self, reply: Outgoing) -> Receipt | None:
        """Look among the account's newest comments for one under the post that says the same."""
        name = self.account().removeprefix("u/")
        asked = {"limit": str(LISTED), "sort": "new", "raw_json": "1"}
        body = self._ask("GET", f"/user/{name}/comments", params=asked)
        try:
            own = [child["data"] for child in body["data"]["children"]]
            there = [_ours(one) for one in own if one["parent_id"] == reply.mention_id]
            oldest = min((_at(one) for one in own), default=None)
        except (KeyError, TypeError, ValueError) as error:
            raise RetryLater(f"Reddit answered something that is no listing: {str(body)[:80]}") from error
        found = read_back(reply, there, who="Reddit", now=self._context.clock.now(), lag=LAG)
        if found is None and len(own) >= LISTED and oldest and reply.began_at and oldest > reply.began_at:
            raise Unsure("the account commented so much since that Reddit no longer shows it all")
        return found

    def canary_reply(self, token: str) -> CanaryReply:
        """Under a submission or a comment of ours."""
        post = canary_post.named(self._context.settings, TEST_POST)
        if post is None or str(self._context.settings.get("approved") or "").casefold() != "yes":
            raise GiveUp("a test reply needs a test post, and that Reddit has approved that you answer by its API")
        return CanaryReply(f"t1_{post[2]}" if post[2] else f"t3_{post[1]}", token)

    def take_back(self, native_id: str) -> None:
        """Delete the comment; Reddit answers the same where it is gone."""
        look_for_error(self._ask("POST", DELETE, data={"id": native_id}))

    def used(self) -> Used:
        """The refresh token, if Reddit has given another."""
        renewed, self._renewed = self._renewed, {}
        return Used(credentials=renewed)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        """One request, and one for a token where there is none."""
        try:
            return self._reddit().request(method=method, path=path, **more)
        except _TokenRefused:
            self._signed_in = None
            raise
        except prawcore.OAuthException as error:
            raise GiveUp(signed_out(str(error))) from error
        except (prawcore.PrawcoreException, praw.exceptions.PRAWException, ValueError, KeyError, TypeError) as error:
            said = f"Reddit answered something that cannot be read: {error!r}"
            raise (Unsure(said) if method == "POST" else RetryLater(said)) from error

    def _reddit(self) -> praw.Reddit:
        """praw, with nothing taken from its files or environment, and no request made yet."""
        if self._signed_in is None:
            given, process = self._set, self._context.process
            self._signed_in = praw.Reddit(
                "DEFAULT",
                requestor_class=_Once,
                requestor_kwargs={"session": self._http, "replier": self, "seconds": self._seconds},
                reddit_url=process.reddit_url,
                oauth_url=process.reddit_oauth_url,
                check_for_updates=False,
                check_for_async=False,
                user_agent=f"ripplewatch (by /u/{given['username'] or 'unnamed'})",
                client_id=given["client_id"],
                client_secret=given["client_secret"],
                username="" if given["refresh_token"] else given["username"],
                password="" if given["refresh_token"] else given["password"],
                refresh_token=self._renewed.get("refresh_token", given["refresh_token"]),
                redirect_uri="",
            )
        return self._signed_in

    def judge(self, response: requests.Response) -> None:
        """Nothing for a success, an error of ours for all else. The limits' headers end here: prawcore would sleep."""
        reset = number(response.headers.pop("x-ratelimit-reset", None))
        response.headers.pop("x-ratelimit-remaining", None)
        path, status = urlsplit(response.url or "").path, response.status_code
        if status < 300:
            self._note_token(response)
            return
        said = f"Reddit answered {status}: {words(response)}"
        if status in (425, 429):
            headers = httpx2.Headers(dict(response.headers))
            after = number(response.headers.get("retry-after")) or retry_after(headers, self._context.clock.now())
            raise RetryLater(said, reset if after is None else after)
        if status == 408 or status >= 500:
            raise Unsure(said) if path.endswith(COMMENT) else RetryLater(said)
        if path.endswith("/access_token"):
            raise GiveUp(signed_out(said))
        raise _TokenRefused(said, 1) if status == 401 else GiveUp(said)

    def _note_token(self, response: requests.Response) -> None:
        """Keep a refresh token that takes the place of ours."""
        if not urlsplit(response.url or "").path.endswith("/access_token") or not self._set["refresh_token"]:
            return
        with suppress(ValueError, AttributeError, TypeError):
            given = str(response.json().get("refresh_token") or "")
            if given and given != self._set["refresh_token"]:
                self._renewed = {"refresh_token": given}


class _TokenRefused(RetryLater):
    """The token no longer works; a new one may."""


class _Once(prawcore.Requestor):
    """Every request of praw, once and with a deadline; what comes of it is said in errors that praw does not know."""

    def __init__(self, replier: RedditReplier, seconds: float, **more: Any) -> None:
        super().__init__(**more)
        self._replier, self._seconds = replier, seconds

    def request(self, *args: Any, timeout: float | None = None, **kwargs: Any) -> requests.Response:
        """Raises PlatformError for all but a success."""
        del timeout
        try:
            response = super().request(*args, timeout=self._seconds, **kwargs)
        except prawcore.RequestException as error:
            raise _unanswered(error.original_exception, str(args)) from error
        self._replier.judge(response)
        return response


def _unanswered(error: Exception, asked: str) -> PlatformError:
    if COMMENT in asked and isinstance(error, requests.RequestException):
        return of_requests(error, "Reddit")
    return RetryLater(f"Reddit cannot be reached: {error or type(error).__name__}")


def _account(username: object, known: str | None) -> str:
    if username:
        return f"u/{username}"
    return known if known and known.startswith("u/") else ""


def _at(comment: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(float(comment["created_utc"]), UTC)


def _ours(comment: dict[str, Any]) -> Ours:
    return Ours(_receipt(comment), str(comment["body"]), _at(comment))


def _receipt(comment: dict[str, Any]) -> Receipt:
    link = str(comment.get("permalink") or "")
    return Receipt(str(comment["name"]), SITE + link if re.match("/[^/]", link) else None)
