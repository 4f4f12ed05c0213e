"""Takes an author's words out of our own copies of replies that were sent, after forgetting: the `redact` stage.

listener/forget.py empties the database and lets this stage wait for the replies that repeated something. What a
replier keeps outside (the outbox file) is changed here. On the platform itself the reply stays ours, and public.
"""

from __future__ import annotations

from datetime import timedelta

from core import waiting
from core.errors import ItemsSetAside, PlatformError, RetryLater
from core.runtime import Runtime
from core.setaside import set_aside
from core.tables import Reply
from listener.source import Context, Redacts, load_replier

STAGE = "redact"
BATCH = 50
LATER = timedelta(minutes=1)


def work(runtime: Runtime) -> int:
    """Redact what is due; see core/queue.py. Doing one twice does no harm."""
    with runtime.db.read() as db:
        due = waiting.take(db, runtime.clock, STAGE, BATCH)
    aside = sum(_settle(runtime, reply_id) for reply_id in due)
    if aside:
        raise ItemsSetAside(STAGE, aside)
    return len(due)


def _settle(runtime: Runtime, reply_id: int) -> bool:
    """Redact the copy of one reply; whether it had to be set aside."""
    with runtime.db.read() as db:
        reply = db.get(Reply, reply_id)
    error = _redact(runtime, reply) if reply else None
    with runtime.db.write() as db:
        waiting.done(db, STAGE, [reply_id])
        if isinstance(error, RetryLater):
            waiting.add(db, runtime.clock, STAGE, [reply_id], runtime.clock.now() + LATER)
        elif error is not None:
            set_aside(db, runtime.clock, STAGE, "reply", reply_id, error)
    return error is not None and not isinstance(error, RetryLater)


def _redact(runtime: Runtime, reply: Reply) -> PlatformError | None:
    """The copies are in a place of ours, which the process knows; the source may be gone."""
    made = load_replier(reply.via)
    if made is None or not issubclass(made, Redacts):
        return None
    try:
        made(Context({}, runtime.settings, runtime.clock)).redact(reply.key, reply.text)
    except PlatformError as error:
        return error
    return None
