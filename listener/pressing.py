"""Which of what was just heard overtakes on its way to a person: told from the words, before any model has read them.

What was written minutes ago overtakes where it speaks to us, sounds like a complaint, or has a large audience. What
was written long ago, or comes from an import or out of a gap, lets everything else pass. A wrong guess costs a place
in the queue and nothing else (core/waiting.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import tables
from core.types import Mention
from core.waiting import LATE, PRESSING, USUAL
from listener.chunks import chunks
from listener.matching import BrandMatcher, names_one

LIVE = timedelta(minutes=15)
"""What was written no longer ago was heard live."""

LONG_AGO = timedelta(hours=1)
"""What was written longer ago has been waited for already."""

LARGE = 10_000
"""Followers from which on an audience is large."""

COMPLAINT = re.compile(
    r"""\b(?:
        still\s+(?:no|not|nothing|waiting|broken|down)
      | (?:no|not|never|nobody|won['’]?t|can['’]?t|cannot)\s+(?:\w+\s+)?(?:work|load|open|start|arriv|answer|respon|repl
            |refund|deliver|log|pay|connect|help|receiv|acceptable|came|come)\w*
      | (?:stop(?:s|ped)|quit)\s+working | keeps?\s+\w+ing | (?:charged|billed|paid)\s+(?:me\s+)?(?:twice|double|again)
      | wait(?:ed|ing) | (?:hours?|days?|weeks?|months?)\s+(?:late|now) | delay(?:s|ed)? | cancel+ed | locked\s+out
      | (?:is|does|did|has|have|wo|ca)n['’]?t | refund\w* | money\s+back | compensation | complain\w* | fraud\w*
      | scam\w* | stolen | hacked | rip+ed\s+off | broken? | defect\w* | damaged | faulty | crash(?:es|ed|ing)? | outage
      | offline | down | unusable | useless | terrible | horrible | awful | worst | disgust\w* | disgrace\w*
      | unacceptable | appalling | pathetic | ridiculous | shame\w* | joke | furious | disappoint\w* | never\s+again
      | fed\s+up | angry | wtf | bullshit | sucks? | rude | ignored | errors? | bugs? | fail(?:s|ed|ing|ure)? | lost
      | missing | overcharged | unsafe | dangerous | recall(?:ed)? | problems? | issues? | wrong | fix | help | why
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""What complaints say, wide rather than exact."""

_READ = 1_000
"""Characters of a text that are looked through."""


def lanes(
    db: Session, now: datetime, matcher: BrandMatcher, heard: Mapping[int, Mention], *, late: bool
) -> dict[int, int]:
    """The lane of each mention, by its id. `late`: they come from an import, or are fetched after all."""
    if late:
        return dict.fromkeys(heard, LATE)
    live = {one: mention for one, mention in heard.items() if now - mention.created_at <= LIVE}
    answers = _answers(db, live)
    return {one: _lane(mention, now, matcher, answer=one in answers) for one, mention in heard.items()}


def _lane(mention: Mention, now: datetime, matcher: BrandMatcher, *, answer: bool) -> int:
    age = now - mention.created_at
    if age > LIVE:
        return LATE if age > LONG_AGO else USUAL
    return PRESSING if answer or presses(mention, matcher) else USUAL


def presses(mention: Mention, matcher: BrandMatcher) -> bool:
    """Whether it speaks to us, has a large audience, or sounds like a complaint."""
    if mention.kind == "email" or (mention.author.followers or 0) >= LARGE:
        return True
    return (
        names_one(mention.text, matcher.own_on(mention.platform))
        or COMPLAINT.search(mention.text, 0, _READ) is not None
    )


def _answers(db: Session, heard: Mapping[int, Mention]) -> set[int]:
    """Those that answer a reply of ours."""
    parents = sorted({one.reply_to for one in heard.values() if one.reply_to})
    reply, ours = tables.Reply, set[str | None]()
    for some in chunks(parents):
        ours.update(db.scalars(select(reply.native_id).where(reply.native_id.in_(some))))
    return {one for one, mention in heard.items() if mention.reply_to and mention.reply_to in ours}
