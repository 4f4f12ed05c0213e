"""The button "Test connection": asks a platform, on a person's word, who we are there and what we may do.

The question runs in a thread of its own, with a deadline: a platform that does not answer holds up nobody's page. At
most a few such threads are there at a time, those that hang included.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from core.errors import BadInput, GiveUp, PlatformError
from core.log import redact
from core.runtime import Runtime
from core.secrets import seal, unseal
from core.types import Access, Page
from listener.budget import Level
from listener.matching import BrandMatcher
from listener.source import Context, Knows, Source
from listener.wish import wish

log = logging.getLogger(__name__)

DEADLINE = 10.0
"""Seconds that a person waits for an answer."""
_LONGEST_REASON = 500
AT_ONCE = 4
"""Tests that may run at a time."""
_free = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a test. `said` are the platform's own words; `access` is there where the kind can know it.

    `refused` says that a person has to change something; otherwise a test that did not work may work later.
    """

    works: bool
    says: str
    said: str = ""
    access: Access | None = None
    refused: bool = False


def ask(runtime: Runtime, kind: type[Source], settings: Mapping[str, object], deadline: float = DEADLINE) -> Answer:
    """Ask who we are or, where the kind cannot know that, for one page, which is thrown away."""
    if not _free.acquire(blocking=False):
        return Answer(works=False, says="Other tests are still running. Try again in a minute.")
    with runtime.db.read() as db:
        asked = wish(db, BrandMatcher.load(db), Level.ALL)
    stop, answered = threading.Event(), Future[Access | Page]()
    context = Context(dict(settings), runtime.settings, runtime.clock, asked.terms, stop, asked.queries)
    threading.Thread(target=_answer, args=(kind, context, answered), name=f"test-{kind.kind}", daemon=True).start()
    try:
        return _heard(kind, answered.result(deadline))
    except TimeoutError:
        return Answer(works=False, says=f"{kind.title} has not answered within {deadline:.0f} seconds.")
    except (PlatformError, BadInput) as error:
        refused = isinstance(error, GiveUp | BadInput)
        says = f"{kind.title} refuses:" if refused else f"{kind.title} does not answer as it should:"
        return Answer(works=False, says=says, said=_without_secrets(kind, settings, str(error)), refused=refused)
    finally:
        stop.set()


def stamp(runtime: Runtime, settings: Mapping[str, object], access: Access) -> str:
    """What was found out, sealed, for a form to carry until its source is saved."""
    until = access.expires_at.isoformat() if access.expires_at else ""
    longest = str(access.longest or "")
    carried = {"of": _digest(settings), "account": access.account, "until": until, "longest": longest}
    return seal(runtime.settings, carried)


def stamped(runtime: Runtime, settings: Mapping[str, object], carried: str) -> Access | None:
    """What a form carries, if exactly these settings were tested."""
    try:
        found = unseal(runtime.settings, carried)
    except (GiveUp, UnicodeEncodeError):  # not ours
        return None
    if found.get("of") != _digest(settings):
        return None
    until, longest = found["until"], found.get("longest")
    return Access(
        found["account"],
        expires_at=datetime.fromisoformat(until) if until else None,
        longest=int(longest) if longest else None,
    )


def _digest(settings: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _answer(kind: type[Source], context: Context, answered: Future[Access | Page]) -> None:
    """In the thread: nobody may be left to hear what goes wrong here."""
    try:
        with closing(kind(context)) as source:
            answered.set_result(source.access() if isinstance(source, Knows) else source.fetch(None))
    except (PlatformError, BadInput) as error:
        answered.set_exception(error)
    except Exception as error:
        log.exception("a test of %s failed in a way nobody thought of", kind.kind)
        if not answered.done():
            answered.set_exception(GiveUp(f"{type(error).__name__}: {error} (the log says more)"))
    finally:
        _free.release()


def _without_secrets(kind: type[Source], settings: Mapping[str, object], said: str) -> str:
    """What was said, should a platform repeat a key to us."""
    for asked in kind.fields:
        if asked.secret and (value := str(settings.get(asked.name) or "")):
            said = said.replace(value, "***")
    return redact(said)[:_LONGEST_REASON]


def _heard(kind: type[Source], answer: Access | Page) -> Answer:
    if isinstance(answer, Access):
        return Answer(works=True, says=f"{kind.title} knows us as", said=answer.account, access=answer)
    if answer.rejected and not answer.mentions:
        first = answer.rejected[0]
        said = f"{first.where}: {first.reason}"
        return Answer(works=False, says="It answers, but nothing of it can be read:", said=said)
    found = len(answer.mentions)
    items = f"{found:,} post{'' if found == 1 else 's'} to look at" if found else "nothing new at this moment"
    return Answer(works=True, says=f"It answers, and gave {items}.")
