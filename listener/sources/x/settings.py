"""What a person sets for the x source, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.errors import BadInput
from listener import canary_post
from listener.source import Field

MODES = ("stream", "search", "mentions")
REPOSTS = ("count", "skip")
PARENTS = ("skip", "read")
SPREAD = ("follow", "skip")
_HANDLE = re.compile(r"@?[A-Za-z0-9_]{1,15}")
_TOKEN = re.compile(r"[!-~]{10,500}")

_KEYS = {
    "reply_as": "Answer as",
    "api_key": "API key",
    "api_secret": "API key secret",
    "access_token": "Access token",
    "access_secret": "Access token secret",
}

FIELDS: tuple[Field, ...] = (
    Field(
        "bearer_token",
        "Bearer token",
        "Of your app, from X's developer console.",
        secret=True,
        example="AAAAAAAAAAAAAAAAAAAAAMLheAAAAAAA0",
    ),
    Field("accounts", "Your accounts", "Whose mentions are read, separated by commas.", example="acme, acmehelp"),
    Field(
        "mode",
        "How to listen",
        "stream: posts as they are written. search: once a minute. mentions: your mentions only, the cheapest.",
        required=False,
        example="stream",
    ),
    Field(
        "reposts",
        "Reposts",
        "count: the stream also brings reposts, to see what spreads; each is billed as a post. skip: it does not.",
        required=False,
        example="count",
    ),
    Field(
        "parents",
        "What replies answer",
        "skip: it is not read. read: so that people see what a reply is about; each is billed as a post.",
        required=False,
        example="skip",
    ),
    Field(
        "spread",
        "What spreads",
        "follow: complaints that begin to spread are looked up again; each is billed as a post once a day. skip: no.",
        required=False,
        example="follow",
    ),
    Field(
        "reply_as",
        "Answer as",
        "To answer from here: the handle whose keys these are. Without it replies go out by hand.",
        required=False,
        example="acmehelp",
    ),
    Field(
        "api_key",
        "API key",
        "Of your app (consumer key); to answer from here.",
        False,
        secret=True,
        example="xvz1evFS4w",
    ),
    Field(
        "api_secret", "API key secret", "Of your app; to answer from here.", False, secret=True, example="L8qq9PZyRg"
    ),
    Field(
        "access_token",
        "Access token",
        "Of the account that answers, with the right to write.",
        required=False,
        secret=True,
        example="370773112-GmHx",
    ),
    Field(
        "access_secret", "Access token secret", "Of the account that answers.", False, secret=True, example="LswwdoUaIv"
    ),
    Field(
        "enterprise",
        "Enterprise",
        "yes if you have an Enterprise contract with X: then others than who mentioned you may be answered.",
        required=False,
        example="no",
    ),
    canary_post.field("https://x.com/acme/status/1445880548472328192"),
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The settings of one x source. `accounts` are handles, without @ and in small letters."""

    token: str = field(repr=False)
    accounts: tuple[str, ...]
    mode: str
    reposts: bool
    parents: bool
    spread: bool

    @classmethod
    def read(cls, settings: Mapping[str, object]) -> Chosen:
        """Raises BadInput that names the field."""
        token = str(settings.get("bearer_token") or "").strip()
        if not _TOKEN.fullmatch(token):
            raise BadInput("Bearer token: enter the app's bearer token as X's developer console shows it")
        handles = [one.strip() for one in str(settings.get("accounts") or "").split(",") if one.strip()]
        if not handles or not all(_HANDLE.fullmatch(one) for one in handles):
            raise BadInput("Your accounts: enter one handle of X or more, separated by commas, as in acme, acmehelp")
        accounts = tuple(dict.fromkeys(one.lstrip("@").lower() for one in handles))
        mode = _choice(settings, "mode", "How to listen", MODES)
        reposts = _choice(settings, "reposts", "Reposts", REPOSTS) == "count"
        _choice({"enterprise": settings.get("enterprise") or "no"}, "enterprise", "Enterprise", ("no", "yes"))
        _check_keys(settings)
        parents = _choice(settings, "parents", "What replies answer", PARENTS) == "read"
        spread = _choice(settings, "spread", "What spreads", SPREAD) == "follow"
        return cls(token, accounts, mode, reposts, parents, spread)


def _check_keys(settings: Mapping[str, object]) -> None:
    """The keys of an account: all of them or none."""
    given = {name: str(settings.get(name) or "").strip() for name in _KEYS}
    for name, value in given.items():
        if not re.fullmatch(r"[!-~]*", value) or (name == "reply_as" and value and not _HANDLE.fullmatch(value)):
            raise BadInput(f"{_KEYS[name]}: enter it as X's developer console shows it")
    if any(given.values()) and not all(given.values()):
        missing = next(label for name, label in _KEYS.items() if not given[name])
        raise BadInput(f"{missing}: to answer from here X wants all four keys, and whose they are")


def _choice(settings: Mapping[str, object], name: str, label: str, choices: tuple[str, ...]) -> str:
    given = str(settings.get(name) or choices[0]).strip().lower()
    if given not in choices:
        raise BadInput(f"{label}: {given!r} is none of {', '.join(choices)}")
    return given
