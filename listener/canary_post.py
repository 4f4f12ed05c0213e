"""A test reply under a post of our own: the canary of platforms where nobody can send themselves a message.

A person names the post when they set the source up. The reply goes out through the replier that sends people's replies,
so it proves that the keys still let us write as well as that what is written comes back here; it is deleted ten minutes
later. While the switch `sending` stops replies no such reply goes out either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import tables
from core.errors import BadInput, GiveUp
from core.runtime import Runtime
from core.types import Outgoing, Used
from listener import budget
from listener.settings import renew, whole
from listener.source import Context, Field, PublishesCanary, Replier, Uses, load_replier

SETTING = "canary"


def field(example: str) -> Field:
    """What a kind asks for."""
    return Field(
        SETTING,
        "Test post",
        "The address of a post of yours. Under it a test reply goes out at intervals, must be heard, and is deleted.",
        required=False,
        example=example,
    )


def named(settings: Mapping[str, object], form: re.Pattern[str]) -> re.Match[str] | None:
    """The post that a person named, if they did. Raises BadInput where that is none."""
    given = str(settings.get(SETTING) or "").strip()
    found = form.search(given)
    if given and not found:
        raise BadInput(f"Test post: {given[:100]!r} is no address of a post there")
    return found


def can(db: Session, row: tables.Source) -> bool:
    """Whether a test reply may go out through this source now: one is wanted, and nothing stops it."""
    if not str(row.settings.get(SETTING) or "").strip():
        return False
    return not db.scalar(select(tables.Switch.stopped).where(tables.Switch.name == "sending"))


def publish(runtime: Runtime, row: tables.Source, token: str) -> str:
    """Publish the reply; what the platform calls it. Raises PlatformError in the platform's words."""
    now = runtime.clock.now()
    with _replier(runtime, row) as replier:
        test = replier.canary_reply(token)
        reply = Outgoing(
            key=token,
            platform=row.kind,
            mention_id=test.post,
            mention_url=None,
            text=test.text,
            account=replier.account(),
            approved_by="",
            author_handle=test.handle,
            extra=test.extra,
            dated=now,
            began_at=now,
        )
        return replier.send(reply).native_id


def take_back(runtime: Runtime, row: tables.Source, native_id: str) -> None:
    """Delete it. Raises PlatformError in the platform's words."""
    with _replier(runtime, row) as replier:
        replier.take_back(native_id)


class _Publishes(Replier, PublishesCanary, Protocol):
    """A replier that can do both."""


@contextmanager
def _replier(runtime: Runtime, row: tables.Source) -> Iterator[_Publishes]:
    """The source's replier; what it spends, and credentials that it renews, are noted in the end."""
    found, context = load_replier(row.kind), _context(runtime, row)
    try:
        replier: object = found(context) if found else None
    except BadInput as error:
        raise GiveUp(str(error)) from error
    if not isinstance(replier, PublishesCanary):
        raise GiveUp(f"no test reply can be published through a source of kind {row.kind!r}")
    try:
        yield cast("_Publishes", replier)
    finally:
        used = replier.used() if isinstance(replier, Uses) else Used()
        cast("_Publishes", replier).close()
        with runtime.db.write() as db:
            now = db.get_one(tables.Source, row.id)
            budget.spend(db, now, used.spent, runtime.clock.now())
            renew(runtime.settings, now, used.credentials)


def _context(runtime: Runtime, row: tables.Source) -> Context:
    given = whole(runtime.settings, row)
    return Context(given, runtime.settings, runtime.clock, source_id=row.id, account=row.account)
