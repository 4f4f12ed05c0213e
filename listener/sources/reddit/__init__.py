"""Reddit, through praw with a key that Reddit has approved: subreddits, a search, and what our account is told.

Everything is a listing, newest first, a hundred at a time and about a thousand at most; it is walked back to what was
heard before (listener/walk.py). So neither more than a hundred new items between two polls nor a deleted one loses
any: praw's own streams ask for what came `before` the last item, and lose both. What Reddit no longer lists is a gap.

praw gets the tokens, and nothing more. Left to itself prawcore tries again, sleeps for the sake of limits and raises
KeyError for some refusals; so each answer is judged in `_Requestor`, before prawcore sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx2
import praw
import prawcore
import requests

from core.errors import BadInput, GiveUp, RetryLater
from core.types import Access, Page, Permission, Recount, Rejected
from listener import canary_post
from listener.http import retry_after
from listener.rounds import Heard, Refused, Rounds
from listener.source import Context, Field
from listener.sources.reddit import sign_in
from listener.sources.reddit.errors import look_for_error, number, signed_out, words
from listener.sources.reddit.reply import TEST_POST, RedditReplier, may_reply
from listener.sources.reddit.things import FULLNAME, hear
from listener.walk import Walk, Walks

PAGE = 100
"""Items that Reddit gives at a time."""
SEARCH_LAG = 3_600
"""Seconds that an item may need to appear in the search."""
ANCHORS = 5
"""Items of a page's end that the next page may be asked for from, should the last of them be deleted meanwhile."""
QUERY_LENGTH = 500
"""Characters of one search; Reddit takes 512."""

_TOKEN_PATH = "/api/v1/access_token"  # noqa: S105 - an address
_SUBREDDIT = re.compile(r"(?:(?:https?://)?(?:[a-z]+\.)?reddit\.com)?/?(?:r/)?([A-Za-z0-9_]{2,30})/?")
_INBOX = {"mentions": "mentions", "comments": "replies to comments", "selfreply": "replies to submissions"}
_SCOPES = {"read": "read subreddits and search", "privatemessages": "hear mentions of the account and replies to it"}


@dataclass(frozen=True, slots=True)
class _Listing:
    """One listing: its name in the cursor and for people, how it is asked for, and what its items are counted as."""

    name: str
    path: str
    collection: str
    params: Mapping[str, str] = field(default_factory=dict)
    lag: int = 0


class _TokenRefused(RetryLater):
    """The token no longer works; a new one may."""


class _Requestor(prawcore.Requestor):
    """Every request of praw, once and with a deadline. What an answer means is said here; see the module."""

    def __init__(self, judge: Callable[[requests.Response], None], seconds: float, **more: Any) -> None:
        super().__init__(**more)
        self._judge, self._seconds = judge, seconds

    def request(self, *args: Any, timeout: float | None = None, **kwargs: Any) -> requests.Response:
        """Raises RetryLater, GiveUp or Refused for all but a success; none of them does prawcore try again."""
        del timeout
        try:
            response = super().request(*args, timeout=self._seconds, **kwargs)
        except prawcore.RequestException as error:
            why = error.original_exception
            raise RetryLater(f"Reddit cannot be reached: {str(why) or type(why).__name__}") from why
        self._judge(response)
        return response


class Reddit:
    """Comments and submissions of subreddits, submissions anywhere that a search finds, and our account's inbox."""

    kind: ClassVar[str] = "reddit"
    title: ClassVar[str] = "Reddit"
    about: ClassVar[str] = (
        "Comments and posts of the subreddits that you name, posts anywhere with the words of your queries, and "
        "mentions of your account and replies to it. Needs a key that Reddit has approved."
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field("client_id", "Client id", "The short text under the app's name.", example="p-jcoLKBynTLew"),
        Field("client_secret", "Secret", "What the app's page calls “secret”.", secret=True, example="gko_LXELoV07"),
        Field("subreddits", "Subreddits", "Names, with commas between.", required=False, example="acme, r/rockets"),
        Field(
            "username",
            "Name of the account",
            "Whose mentions and replies are heard. It must be a developer of the app.",
            required=False,
        ),
        Field("password", "Password of the account", "Only with its name.", required=False, secret=True),
        Field(
            "refresh_token",
            "Refresh token",
            "Instead of name and password, for an app of the kind “web app”.",
            required=False,
            secret=True,
        ),
        Field(
            "approved",
            "Answering is approved",
            "yes once Reddit has approved that you answer through its API. Otherwise replies go out by hand.",
            required=False,
            example="no",
        ),
        canary_post.field("https://www.reddit.com/r/acme/comments/1abcde/our_test_post/"),
    )
    steps: ClassVar[tuple[str, ...]] = (
        "Ask Reddit for access to its Data API (Reddit Help, “Developer platform & accessing Reddit data”) and wait "
        "until it is granted: without that every key is refused.",
        "Signed in as the account whose mentions you want to hear, open https://www.reddit.com/prefs/apps and choose "
        "“create another app”.",
        "Choose the kind “script”, give it a name, and enter any address of yours as redirect uri.",
        "Copy the client id (under the name) and the secret into this form, with the account's name and password. "
        "Without those, subreddits and the search are heard, mentions and replies are not.",
        "For an account with two-factor sign-in choose the kind “web app” instead, with the redirect uri that the page "
        "of the source shows; leave the account's name and password empty, save, and choose “Sign in at Reddit” there.",
    )
    poll_seconds: ClassVar[float] = 60
    silent_seconds: ClassVar[float | None] = None
    reply: ClassVar[Permission] = Permission(
        "hand", "Reddit wants each use of its API approved: copy the text, open the post, and answer there yourself."
    )
    may_reply = staticmethod(may_reply)
    sign_in_address = staticmethod(sign_in.address)
    redeem = staticmethod(sign_in.redeem)
    recheck_seconds: ClassVar[float] = 43_200
    recheck_ids: ClassVar[int] = PAGE
    recount_ids: ClassVar[int] = PAGE
    recounted: ClassVar[frozenset[str]] = frozenset({"likes", "replies"})
    parent_ids: ClassVar[int] = PAGE
    patience: ClassVar[float] = 20
    """Seconds that any one answer may take to begin, or to go on."""

    def __init__(self, context: Context) -> None:
        """Raises BadInput for a name that cannot be one of a subreddit, or half of an account."""
        self._context = context
        self._set = _checked(context.settings)
        canary_post.named(context.settings, TEST_POST)
        self._has_account = bool(self._set["username"] or self._set["refresh_token"])
        self._listings = {one.name: one for one in self._wanted()}
        self._rounds = Rounds(context, list(self._listings), self._resting)
        self._signed_in: praw.Reddit | None = None
        self._http = requests.Session()
        self._tokens_refused = 0
        self._renewed: dict[str, str] = {}
        self._scopes: frozenset[str] = frozenset()
        self._rest_until: datetime | None = None

    def fetch(self, cursor: str | None) -> Page:
        """One round through all listings, or as much of it as makes a page."""
        return replace(self._rounds.hear(cursor, self._walk), credentials=self._renewed)

    def access(self) -> Access:
        """As whom we are signed in, and what the token allows."""
        if self._has_account:
            account = f"u/{self._get('/api/v1/me', {})['name']}"
        else:
            sub = self._set["subreddits"].split()[0] if self._set["subreddits"] else "all"
            self._get(f"/r/{sub}/new", {"limit": "1"})
            account = f"app {self._set['client_id']}, without an account"
        granted = self._scopes if self._has_account or "*" not in self._scopes else frozenset({"read"})
        may = tuple(words for scope, words in _SCOPES.items() if scope in granted or "*" in granted)
        may_not = tuple(words for words in _SCOPES.values() if words not in may)
        return Access(account, may, may_not, credentials=self._renewed)

    def recheck(self, ids: Sequence[str]) -> Page:
        """Which are deleted, removed or without an author, and those that were edited."""
        heard = self._as_they_are(ids)
        heard.mentions.clear()
        return heard.page(rest_until=self._resting(), credentials=self._renewed)

    def recount(self, posts: Mapping[str, Mapping[str, object]]) -> Recount:
        """Scores, and of submissions the number of comments."""
        heard = self._as_they_are(list(posts))
        return heard.recount(rest_until=self._resting(), credentials=self._renewed)

    def parents(self, ids: Sequence[str]) -> Page:
        """The comments and submissions that these ids name, as far as they are still there."""
        heard = Heard()
        self._look_at([one for one in ids if FULLNAME.fullmatch(one)], heard)
        return Page(
            tuple((heard.mentions | heard.edited).values()), rest_until=self._resting(), credentials=self._renewed
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _wanted(self) -> Iterator[_Listing]:
        """All listings, those that are put to us first."""
        if self._has_account:
            for path, name in _INBOX.items():
                yield _Listing(name, f"/message/{path}", name)
        for sub in self._set["subreddits"].split():
            yield _Listing(f"r/{sub} comments", f"/r/{sub}/comments", f"r/{sub} comments")
            yield _Listing(f"r/{sub} submissions", f"/r/{sub}/new", f"r/{sub} submissions")
        for query in _searches(self._context.terms):
            params = {"q": query, "sort": "new", "type": "link", "t": "all", "include_over_18": "on"}
            yield _Listing(f"search {query}", "/search", "search", params, SEARCH_LAG)

    def _walk(self, name: str, at: Walks, heard: Heard) -> bool:
        """Take one page of a listing; whether the walk is over."""
        listing, now = self._listings[name], self._context.clock.now().timestamp()
        walk = at.walk(name, now)
        params = {"limit": str(PAGE), **listing.params, **({"after": walk.anchor} if walk.anchor else {})}
        children, after = _listed(self._get(listing.path, params))
        if at.again(name, walk, empty=bool(after and not children)):
            return False
        mark = self._rounds.since(name, at)
        names = [one for child in children if (one := self._take(child, listing, walk, mark, heard))]
        if after:
            further = list(dict.fromkeys([after, *reversed(names), *walk.anchors]))[:ANCHORS]
        else:  # the end, unless there is nothing because the anchor is gone: look from the one before it
            further = [] if children else walk.anchors[1:]
        if at.goes_on(name, walk, further):
            return False
        missed = at.finish(name, walk, PAGE, f"{name}: Reddit lists only the newest {walk.seen:,}")
        heard.gaps += [missed] if missed else []
        return not walk.is_old(now)

    def _take(self, child: Any, listing: _Listing, walk: Walk, mark: float, heard: Heard) -> str | None:
        """Hear one item of a listing, and note how far it brings the walk; its fullname, if it can be read."""
        heard.items += 1
        try:
            data, name, created = child["data"], str(child["data"]["name"]), float(child["data"]["created_utc"])
        except (KeyError, TypeError, ValueError) as error:
            heard.rejected.append(Rejected(f"{listing.name}: {str(child)[:80]}", f"unreadable: {error!r}"))
            return None
        walk.take(created, created < mark - listing.lag, self._context.clock.now().timestamp())
        if FULLNAME.fullmatch(name):
            hear(name, data, heard)
            if created > mark:
                heard.count(listing.collection)
        return name

    def _as_they_are(self, ids: Sequence[str]) -> Heard:
        """How these read now, and which are gone. Twice missing is deleted."""
        asked, heard = [one for one in ids if FULLNAME.fullmatch(one)], Heard()
        missing = self._look_at(asked, heard)
        if len(missing) == len(asked) > 1:
            raise RetryLater(f"Reddit says nothing of {len(asked)} items that it had")
        heard.deleted |= dict.fromkeys(self._look_at(missing, heard))
        return heard

    def _look_at(self, ids: Sequence[str], heard: Heard) -> list[str]:
        """Hear how these read now; those that Reddit says nothing of."""
        if not ids:
            return []
        found = {}
        for child in _listed(self._get("/api/info", {"id": ",".join(ids)}))[0]:
            with suppress(KeyError, TypeError):
                found[child["data"]["name"]] = child["data"]
        for name in ids:
            if name in found:
                hear(name, found[name], heard)
        return [name for name in ids if name not in found]

    def _get(self, path: str, params: Mapping[str, str]) -> Any:
        """The JSON that Reddit answers with: one request, and one for a token where there is none."""
        try:
            body = self._reddit().request(method="GET", path=path, params=dict(params))
            look_for_error(body)
        except _TokenRefused as error:
            self._signed_in, self._tokens_refused = None, self._tokens_refused + 1
            if self._tokens_refused > 1:
                raise GiveUp(f"Reddit refuses even a new token: {error}") from error
            raise
        except prawcore.OAuthException as error:
            raise GiveUp(signed_out(str(error))) from error
        except (prawcore.PrawcoreException, KeyError, TypeError, ValueError, AttributeError) as error:
            raise RetryLater(f"Reddit answered something that cannot be read: {error!r}") from error
        self._tokens_refused = 0
        return body

    def _reddit(self) -> praw.Reddit:
        """praw, with nothing taken from its files or environment, and no request made yet."""
        if self._signed_in is None:
            by = f" (by /u/{self._set['username']})" if self._set["username"] else ""
            self._signed_in = praw.Reddit(
                "DEFAULT",
                requestor_class=_Requestor,
                requestor_kwargs={"session": self._http, "judge": self._judge, "seconds": self.patience},
                reddit_url=self._context.process.reddit_url,
                oauth_url=self._context.process.reddit_oauth_url,
                check_for_updates=False,
                check_for_async=False,
                user_agent=f"ripplewatch{by}",
                client_id=self._set["client_id"],
                client_secret=self._set["client_secret"],
                username="" if self._set["refresh_token"] else self._set["username"],
                password="" if self._set["refresh_token"] else self._set["password"],
                refresh_token=self._renewed.get("refresh_token", self._set["refresh_token"]),
                redirect_uri="",
            )
        return self._signed_in

    def _judge(self, response: requests.Response) -> None:
        """Nothing for a success, an error for everything else. The limits' headers end here: prawcore would sleep."""
        reset = number(response.headers.pop("x-ratelimit-reset", None))
        remaining = number(response.headers.pop("x-ratelimit-remaining", None))
        if remaining is not None and remaining < 1 and reset is not None:
            self._rest_until = self._context.clock.now() + timedelta(seconds=reset)
        signing_in = (response.url or "").endswith(_TOKEN_PATH)
        if response.status_code < 300:
            if signing_in:
                self._note_token(response)
            return
        said = f"Reddit answered {response.status_code}: {words(response)}"
        if response.status_code in (408, 425, 429) or response.status_code >= 500:
            asked = number(response.headers.get("retry-after"))
            after = (
                asked if asked is not None else retry_after(httpx2.Headers(response.headers), self._context.clock.now())
            )
            raise RetryLater(said, reset if after is None else after)
        if signing_in:
            raise GiveUp(signed_out(said))
        raise _TokenRefused(said, 1) if response.status_code == 401 else Refused(said)

    def _note_token(self, response: requests.Response) -> None:
        """Keep what a new token may do, and a refresh token that takes the place of ours."""
        with suppress(ValueError, AttributeError, TypeError):
            given = response.json()
            self._scopes = frozenset(str(given.get("scope") or "").split())
            if self._set["refresh_token"] and given.get("refresh_token", "") not in ("", self._set["refresh_token"]):
                self._renewed = {"refresh_token": str(given["refresh_token"])}

    def _resting(self) -> datetime | None:
        """Until when Reddit wants no request, if that is not yet over."""
        until = self._rest_until
        return until if until and until > self._context.clock.now() else None


def _checked(settings: Mapping[str, object]) -> dict[str, str]:
    """The settings as text, subreddits with a space between. Raises BadInput that says what cannot be."""
    given = {one.name: str(settings.get(one.name) or "").strip() for one in Reddit.fields}
    for one in Reddit.fields:
        if not given[one.name].isprintable() or (one.required and not given[one.name]):
            raise BadInput(f"{one.label}: {one.help}")
    names = list[str]()
    for written in re.split(r"[,;\s]+", given["subreddits"].strip(",; ")):
        found = _SUBREDDIT.fullmatch(written)
        if written and not found:
            raise BadInput(f"Subreddits: {written!r} is no name of a subreddit")
        names += [found[1]] if found else []
    if bool(given["username"]) != bool(given["password"]) and not given["refresh_token"]:
        raise BadInput("Name of the account and password of the account: it takes both, or neither")
    return given | {"subreddits": " ".join(dict.fromkeys(names)), "username": given["username"].removeprefix("u/")}


def _searches(terms: Iterable[str]) -> Iterator[str]:
    """As few searches as hold all terms, each in quotes."""
    query = ""
    for term in terms:
        quoted = '"{}"'.format(term.replace('"', " ").strip())
        if query and len(query) + len(quoted) + 4 > QUERY_LENGTH:
            yield query
            query = ""
        query += f" OR {quoted}" if query else quoted
    if query:
        yield query


def _listed(body: Any) -> tuple[list[Any], str | None]:
    """The items of a listing, and from where it goes on."""
    data = body.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("children"), list):
        raise RetryLater(f"Reddit answered something that is no listing: {str(body)[:80]}")
    return data["children"], str(data.get("after") or "") or None


SOURCE = Reddit
REPLIER = RedditReplier
