"""Whether alerts would get through, known before the one that matters: every channel is asked who we are there.

That happens at the start and every CANARY_HOURS. It changes nothing and sends nothing, unless a place was set aside for
it (Slack's test channel): there a message is sent, read back, changed and deleted. A service that refuses us (a token
that was revoked, a bot that was thrown out of the channel) pauses its channel as a refused message would, and people
are told of it at once. A service that is down says nothing about us, and is asked again at the next round.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from sqlalchemy import select

from core.errors import BadInput, GiveUp, PlatformError
from core.log import redact
from core.runtime import Runtime
from core.tables import Channel
from responder.alerts import trouble
from responder.alerts.channel import Proves
from responder.alerts.senders import Senders, sender_of

log = logging.getLogger(__name__)


def keep_checking(runtime: Runtime, stop: threading.Event) -> None:
    """Check all channels now and every CANARY_HOURS until `stop` is set; several processes may."""
    hours = runtime.settings.canary_hours
    while hours and not stop.is_set():
        try:
            check_all(runtime, lambda channel: sender_of(runtime, channel))
        except Exception:
            log.exception("the channels of alerts could not be checked; they are again in %g h", hours)
        runtime.clock.wait(stop, timedelta(hours=hours).total_seconds())


def check_all(runtime: Runtime, senders: Senders) -> int:
    """Ask each channel that is in use, and pause those that refuse us; gives how many."""
    with runtime.db.read() as db:
        used = db.scalars(select(Channel).where(Channel.active, Channel.state == "ok").order_by(Channel.id)).all()
    refused = {row.id: reason for row in used if (reason := _refusal(senders, row))}
    for channel_id, reason in refused.items():
        with runtime.db.write() as db:
            row = db.get(Channel, channel_id, with_for_update=True)
            if row is not None and row.active:
                trouble.pause(db, runtime.clock, row, redact(reason)[:500])
    if refused:
        runtime.queue.nudge("alert")
    return len(refused)


def _refusal(senders: Senders, row: Channel) -> str:
    """Why nothing can be sent there until a person acts; empty if it can, or nobody can tell."""
    try:
        sender = senders(row)
        try:
            if isinstance(sender, Proves):
                sender.prove()
            else:
                sender.check()
        finally:
            sender.close()
    except (BadInput, GiveUp) as error:
        return str(error)
    except PlatformError as error:
        log.warning("channel %r could not be asked: %s", row.name, error)
    return ""
