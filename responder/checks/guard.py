"""What a reply must not contain (it blocks), and what a person should look at twice (it warns).

It reads every text, whoever wrote it: a person, the playbook or the writer. Four things always block: nothing
written, a placeholder left, too long, hidden signs. All else warns, unless the brand wants it stopped (brands.guard).

Length is what the platform counts: characters as people see them, except that X counts wide ones twice and, like
Mastodon, every web address as 23. `check` reads the text and needs no more; `for_case` adds what is known of a case.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex
from sqlalchemy import or_, select, true
from sqlalchemy.orm import Session

from core.mask import personal
from core.tables import Case, Source
from listener.prices import price
from listener.source import kinds, load, load_replier
from responder.checks import coach, echo, names, wording
from responder.checks.finding import ALWAYS, MAY_BLOCK, Finding, Kind, Situation
from responder.checks.situation import situation_of
from responder.drafts.playbook import placeholders

__all__ = ["ALWAYS", "LIMITS", "MAY_BLOCK", "Finding", "Kind", "Situation", "check", "count", "for_case", "limit"]

LIMITS = {"bluesky": 300, "mastodon": 500, "x": 280}
"""Characters that a platform takes, where nobody says otherwise. Mastodon's and X's are their usual accounts'."""

READ = 20_000
"""Characters of a reply, and of a post, that are looked at for more than what always blocks."""

PRIVATE = frozenset({"email"})
"""Platforms on which only the customer reads the reply."""

_LINK_LENGTH = {"x": 23, "mastodon": 23}
"""Both shorten every web address, and count it as this long (docs.x.com "counting characters"; Mastodon's API docs)."""

_LINK = regex.compile(r"https?://[^\s<>\"]+|\bwww\.[^\s<>\"]+", regex.IGNORECASE)
_BARE_LINK = regex.compile(
    rf"{_LINK.pattern}|(?<![\w@./-])(?:[a-z\d](?:[a-z\d-]{{0,61}}[a-z\d])?\.){{1,8}}"
    r"(?:com|net|org|info|biz|io|co|app|dev|shop|store|online|eu|uk|de|fr|es|it|pt|nl|at|ch|be|pl|us|ca|au|br|in|jp)"
    r"(?![\w@-]|\.\w)(?:/[^\s<>\"]*)?",
    regex.IGNORECASE,
)
"""X makes a link of an address without https:// too, counts it as one and charges for it. (The commonest endings.)"""
_CHARACTER = regex.compile(r"\X")
_EMOJI = regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3")
_NARROW = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Code points that X counts once; all others count twice (twitter-text, configuration v3)."""
_DIRECTION = regex.compile(r"[\u202A-\u202E\u2066-\u2069]")
_CONTROL = regex.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\U000E0000-\U000E007F]")


def for_case(db: Session, case: Case, text: str) -> tuple[Finding, ...]:
    """Everything to say about a reply to this case, what blocks first: the one call that pages and approval need."""
    mention = case.mention
    return check(
        text,
        platform=mention.platform,
        longest=longest(db, mention.source) if case.permission == "api" else None,
        asked=mention.text,
        situation=situation_of(db, case),
    )


def check(
    text: str, *, platform: str, longest: int | None = None, asked: str = "", situation: Situation | None = None
) -> tuple[Finding, ...]:
    """Everything to say about a reply, what blocks first.

    `longest` is the replier's own limit where it has one; `asked` the customer's text, to see what is quoted of it.
    Without a `situation` the text is judged alone, and nothing is said of its tone.
    """
    around = situation or Situation()
    found = list(_always(text, platform, longest))
    text, asked = text[:READ], asked[:READ]
    found += _warnings(text, platform, asked, around.blocks)
    found += _in_situation(text, platform, asked, around)
    return tuple(sorted(found, key=lambda finding: not finding.blocks))


def longest(db: Session, source: Source | None) -> int | None:
    """The limit where a reply to what this source heard would go out by API; None where there is none.

    It is what that server said when its connection was tested (that of the source, else of another of its kind whose
    account could answer), else what its platform usually takes.
    """
    replier = load_replier(source.kind) if source and source.kind in kinds() else None
    if source is None or replier is None:
        return None
    told = select(Source.longest).where(Source.kind == source.kind, Source.longest.is_not(None))
    shared = true() if source.brand_id is None else Source.brand_id.is_(None)
    near = Source.active & or_(shared, Source.brand_id == source.brand_id)
    able = told.where(or_(Source.id == source.id, near))
    return db.scalar(able.order_by(Source.id != source.id, Source.id).limit(1)) or replier.max_length


def limit(platform: str, longest: int | None = None) -> int | None:
    """The most characters that a reply may have, as `count` counts them; None where there is no limit."""
    return longest if longest is not None else LIMITS.get(platform)


def count(text: str, platform: str) -> int:
    """The length of a reply as the platform counts it."""
    fixed = _LINK_LENGTH.get(platform)
    links = len(_links(platform).findall(text)) if fixed else 0
    rest = _links(platform).sub("", text) if links else text
    if platform == "x":
        return sum(map(_width, _CHARACTER.findall(rest))) + links * 23
    return len(_CHARACTER.findall(rest)) + links * (fixed or 0)


def _links(platform: str) -> regex.Pattern[str]:
    return _BARE_LINK if platform == "x" else _LINK


def _width(character: str) -> int:
    if character.isascii():
        return len(character)
    if _EMOJI.search(character):
        return 2
    return sum(1 if any(low <= ord(sign) <= high for low, high in _NARROW) else 2 for sign in character)


def _always(text: str, platform: str, longest: int | None) -> Iterator[Finding]:
    if not text.strip():
        yield Finding("empty", "", "the reply is empty", blocks=True)
    for name in placeholders(text):
        yield Finding("placeholder", f"{{{name}}}", f"{{{name}}} has to be filled in", blocks=True)
    most, length = limit(platform, longest), count(text, platform)
    if most is not None and length > most:
        over = f"{length - most:,} characters" if length - most > 1 else "one character"
        message = f"{over} too long: {_called(platform)} takes {most:,}"
        yield Finding("length", "", message, blocks=True)
    if hidden := _DIRECTION.search(text) or _CONTROL.search(text):
        message = f"an invisible character (U+{ord(hidden[0]):04X}) could make the reply read differently: remove it"
        yield Finding("direction", hidden[0], message, blocks=True)


def _warnings(text: str, platform: str, asked: str, blocks: frozenset[str]) -> Iterator[Finding]:
    """What the text alone gives away."""
    public = platform not in PRIVATE
    if public:
        theirs = {_bare(phrase) for _, phrase in personal(asked)}
        for what, phrase in personal(text):
            if what in ("card", "IBAN") or _bare(phrase) in theirs:
                message = f"repeats the customer's {what} in public"
                yield Finding("personal", phrase, message, blocks="personal" in blocks)
        for found in wording.MONEY.finditer(text):
            message = "offers money in public: offers made in public make complaints spread, make it in private"
            yield Finding("money", found[0], message, blocks="money" in blocks)
    for found in wording.BLAME.finditer(text):
        yield Finding("blame", found[0], "blames the customer: say what you will do instead", blocks="blame" in blocks)
    for found in wording.LEGAL.finditer(text):
        message = "is a word of law: it may be held against you, ask somebody who knows"
        yield Finding("legal", found[0], message, blocks="legal" in blocks)
    for found in _links(platform).finditer(text):
        message = f"has a link: check where it leads{_costs(platform)}"
        yield Finding("link", found[0], message, blocks="link" in blocks)


def _called(platform: str) -> str:
    return load(platform).title if platform in kinds() else platform


def _costs(platform: str) -> str:
    with_link, without = price(platform, "post_with_link"), price(platform, "post")
    if with_link <= without:
        return ""
    return f"; {_called(platform)} charges ${with_link / 1e6:.2f} for a post with one, ${without / 1e6:.3f} without"


def _in_situation(text: str, platform: str, asked: str, around: Situation) -> Iterator[Finding]:
    """What the text gives away to whoever knows the case."""
    for phrase in names.others_in(text, around.others, around.known):
        message = "is another customer's name: check whom you are answering"
        yield Finding("name", phrase, message, blocks="name" in around.blocks)
    for phrase in echo.echoed(text, asked) if around.written else ():
        message = "stands so in the post: check that the post has not put it into the writer's mouth"
        yield Finding("echo", phrase, message, blocks="echo" in around.blocks)
    if text.strip() and platform not in PRIVATE:
        yield from coach.advice(text, around)


def _bare(phrase: str) -> str:
    """Letters and digits alone, so that the same number is known however it is spaced."""
    return "".join(filter(str.isalnum, phrase)).casefold()
