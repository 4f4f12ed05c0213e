"""Replies on X: one post, through tweepy and the keys of an account, and never a second try.

X knows no request that may be repeated. When nobody knows what became of one, the account's own newest posts are read
(each is billed as a post) and the one that answers the post and says the same is ours. Whose keys they are is asked
once, before the first reply: a reply must not go out as anybody else than who approved it was told.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import requests
import tweepy

from core.errors import BadInput, GiveUp, RetryLater, Unsure
from core.types import Outgoing, Permission, Receipt, Used
from listener import canary_post
from listener.delivery import Ours, read_back, still_time
from listener.source import Asking, CanaryReply, Context
from listener.sources.x.border import Border, Broken, Timeouts, json_of

KEYS = ("api_key", "api_secret", "access_token", "access_secret")
TEST_POST = re.compile(r"/status/(\d+)/?$")
READ = 100
LAG = 120.0
"""Seconds after which a post stands in its author's timeline."""
_EARLIER = timedelta(minutes=3)
_AHEAD = re.compile(r"^(?:@\w{1,15}\s+)+")
_LINK = re.compile(r"https?://\S+")


def may_reply(asking: Asking) -> Permission:
    """X lets self-serve apps answer only who mentioned or quoted the account, once, and never who said to stop."""
    if not asking.has(*KEYS, "reply_as"):
        return Permission(
            "hand", "Replies to X need the keys of your account: copy the text, open the post, answer there."
        )
    if asking.declined:
        return Permission("no", "Its author asked you to stop, and X wants that to be honoured.")
    if asking.answered:
        return Permission(
            "hand", "X allows one reply per interaction: you answered, and its author has not written since."
        )
    price = "each costs $0.015, with a link $0.20; what a language model wrote needs X's approval"
    if str(asking.settings.get("enterprise") or "").casefold() == "yes":
        return Permission("api", f"Goes out under the post ({price}).")
    if not _speaks_to(asking, str(asking.settings["reply_as"]).lstrip("@").casefold()):
        return Permission(
            "hand",
            "X lets self-serve apps reply only where the author mentioned or quoted your account: copy the text, open "
            "the post, and answer there yourself. An Enterprise contract would change that.",
        )
    return Permission("api", f"Goes out under the post: its author mentioned or quoted you ({price}).")


def _speaks_to(asking: Asking, handle: str) -> bool:
    mention = asking.mention
    if re.search(rf"(?<!\w)@{re.escape(handle)}(?!\w)", mention.text, re.IGNORECASE):
        return True
    quoted, links = mention.extra.get("quote_of"), mention.extra.get("links")
    own = re.compile(rf"https?://(?:www\.)?(?:x|twitter)\.com/{re.escape(handle)}/status/{quoted}\b", re.IGNORECASE)
    return bool(quoted) and isinstance(links, list) and any(own.match(str(link)) for link in links)


class XReplier:
    """The account whose keys the source has."""

    kind: ClassVar[str] = "x"
    max_length: ClassVar[int | None] = 280

    def __init__(self, context: Context, timeouts: Timeouts | None = None) -> None:
        """Raises BadInput where a key is missing."""
        given = {name: str(context.settings.get(name) or "").strip() for name in (*KEYS, "reply_as")}
        if not all(given.values()):
            raise BadInput("Keys of the account: replies need all four, and whose they are")
        self._context = context
        self._handle, self._clock = given["reply_as"].lstrip("@"), context.clock
        self._client = tweepy.Client(
            consumer_key=given["api_key"],
            consumer_secret=given["api_secret"],
            access_token=given["access_token"],
            access_token_secret=given["access_secret"],
            return_type=requests.Response,
        )
        border = Border(context.process.x_api_url, context.clock, timeouts or Timeouts(whole=30))
        self._client.session = border.session()
        self._client.session.headers["Connection"] = "close"  # one that ended unnoticed would leave us unsure
        self._own_id = ""
        self._spent: dict[str, int] = {}

    def account(self) -> str:
        """The handle."""
        return f"@{self._handle}"

    def send(self, reply: Outgoing) -> Receipt:
        """One post."""
        self.check()
        answered = str(reply.extra.get("latest_id") or reply.mention_id)
        still_time(reply, self._clock.now())
        try:
            response = self._client.create_tweet(text=reply.text, in_reply_to_tweet_id=answered, user_auth=True)
            return self._receipt(json_of(response)["data"])
        except Broken as error:
            raise Unsure(str(error)) from error
        except (KeyError, TypeError) as error:
            raise Unsure(f"X answered something that is no post: {error!r}") from error

    def find(self, reply: Outgoing) -> Receipt | None:
        """Look among our own newest posts for one that answers the post and says the same."""
        self.check()
        began, now = reply.began_at or self._clock.now(), self._clock.now()
        asked = {"max_results": READ, "start_time": f"{began - _EARLIER:%Y-%m-%dT%H:%M:%SZ}"}
        fields = ["created_at", "note_tweet", "referenced_tweets"]
        response = self._client.get_users_tweets(self._own_id, tweet_fields=fields, user_auth=True, **asked)
        body = json_of(response)
        posts = body.get("data") or []
        self._count("post_read", len(posts))
        answered = {reply.mention_id, str(reply.extra.get("latest_id") or reply.mention_id)}
        try:
            ours = [_ours(one, self._handle) for one in posts if _answers(one) in answered]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RetryLater(f"X answered in another form than it used to: {error!r}") from error
        found = read_back(reply, ours, who="X", now=now, lag=LAG, same=_same)
        if found:
            self._count("post_with_link" if _LINK.search(reply.text) else "post")
        elif (body.get("meta") or {}).get("next_token"):
            raise Unsure("the account posted so much since that one page does not show it all")
        return found

    def check(self) -> None:
        """Ask, once, whose keys these are. Raises GiveUp when they are another's than they should be."""
        if self._own_id:
            return
        found = json_of(self._client.get_me(user_auth=True)).get("data") or {}
        self._count("user_read")
        name = str(found.get("username") or "")
        if name.casefold() != self._handle.casefold():
            raise GiveUp(f"these are the keys of @{name}, not of @{self._handle}: mend the settings of the source")
        self._own_id = str(found["id"])

    def canary_reply(self, token: str) -> CanaryReply:
        """Under a post of ours, naming the first of our accounts, whose mentions are heard in any case."""
        post = canary_post.named(self._context.settings, TEST_POST)
        if post is None:
            raise GiveUp("no test post is named")
        account = str(self._context.settings.get("accounts") or self._handle).split(",")[0].strip().lstrip("@")
        return CanaryReply(post[1], f"@{account} {token}")

    def take_back(self, native_id: str) -> None:
        """Delete the post; X answers the same where it is gone."""
        json_of(self._client.delete_tweet(native_id, user_auth=True))

    def used(self) -> Used:
        """What X bills."""
        spent, self._spent = self._spent, {}
        return Used(spent=spent)

    def close(self) -> None:
        """Close the connections."""
        self._client.session.close()

    def _receipt(self, post: Mapping[str, Any]) -> Receipt:
        self._count("post_with_link" if "https://t.co/" in str(post.get("text") or "") else "post")
        return Receipt(str(post["id"]), f"https://x.com/{self._handle}/status/{post['id']}")

    def _count(self, item: str, units: int = 1) -> None:
        if units:
            self._spent[item] = self._spent.get(item, 0) + units


def _answers(post: Mapping[str, Any]) -> str:
    above = [str(one["id"]) for one in post.get("referenced_tweets") or () if one["type"] == "replied_to"]
    return above[0] if above else ""


def _ours(post: Mapping[str, Any], handle: str) -> Ours:
    text = (post.get("note_tweet") or {}).get("text") or post["text"]
    receipt = Receipt(str(post["id"]), f"https://x.com/{handle}/status/{post['id']}")
    return Ours(receipt, html.unescape(str(text)), datetime.fromisoformat(post["created_at"]))


def _same(text: str) -> str:
    """X puts the names of those who are answered in front, and shortens links."""
    return " ".join(_LINK.sub(" ", _AHEAD.sub("", text.strip())).split())
