"""Socket Mode: Slack's buttons and threads through a connection that we open, where Slack cannot reach us.

`listen` holds one connection per app token of the active channels, and looks every half minute whether they are still
the same. Slack ends a connection every few hours and says so before; we open a new one, with growing pauses while that
fails. Each envelope is done in its own transaction and then acknowledged: what could not be done is not acknowledged,
so that Slack tells the person, or sends it again. Several processes may listen: Slack gives each envelope to one.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Mapping
from typing import Any

from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from core.errors import GiveUp, PlatformError, RetryLater
from core.log import redact
from core.runtime import Runtime
from responder.alerts.slack.bot import client
from responder.alerts.slack.calls import SECONDS, translated
from responder.alerts.slack.hearing import channels, take_in

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""How often it is looked whether the tokens have changed."""

LARGEST = 1_000_000
"""Bytes of an envelope."""

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 300.0
_RECV_SECONDS = 1.0
"""So long at most until it is seen that the process ends."""


def listen(runtime: Runtime, stop: threading.Event) -> None:
    """Hold a connection for every app token until `stop` is set."""
    held: dict[str, tuple[threading.Thread, threading.Event]] = {}
    while not stop.is_set():
        try:
            _adjust(runtime, held)
        except Exception:
            log.exception("could not look for Slack's app tokens; it is tried again in %s s", LOOK_SECONDS)
        runtime.clock.wait(stop, LOOK_SECONDS)
    for _, end in held.values():
        end.set()
    for thread, _ in held.values():
        thread.join(SECONDS)


def hold(runtime: Runtime, token: str, stop: threading.Event) -> None:
    """Keep one app's connection open until `stop` is set, opening it again whenever it ends."""
    wait = _FIRST_WAIT
    while not stop.is_set():
        try:
            wait = _FIRST_WAIT if _once(runtime, token, stop) else wait
        except GiveUp as error:
            wait = _LONGEST_WAIT
            log.error("Slack's socket cannot be opened: %s", error)  # noqa: TRY400 - no news in a traceback
        except (PlatformError, WebSocketException, OSError) as error:
            log.warning("Slack's socket ended: %s", redact(str(error)))
        except Exception:
            log.exception("Slack's socket ended in an error of ours")
        runtime.clock.wait(stop, wait * random.uniform(0.75, 1.25))  # noqa: S311 - a pause, not a secret
        wait = min(wait * 2, _LONGEST_WAIT)


def _adjust(runtime: Runtime, held: dict[str, tuple[threading.Thread, threading.Event]]) -> None:
    """One thread for each token there is now, and none for any other."""
    with runtime.db.read() as db:
        tokens = {token for one in channels(db, runtime.settings) if (token := one.secret("app_token"))}
    for token in held.keys() - tokens:
        held.pop(token)[1].set()
    for token in tokens - held.keys():
        end = threading.Event()
        thread = threading.Thread(target=hold, args=(runtime, token, end), name="slack socket", daemon=True)
        held[token] = (thread, end)
        thread.start()


def _once(runtime: Runtime, token: str, stop: threading.Event) -> bool:
    """One connection, until Slack ends it; whether it said hello."""
    with _opened(runtime, token) as socket:
        greeted = False
        while not stop.is_set():
            try:
                message = _read(socket.recv(timeout=_RECV_SECONDS))
            except TimeoutError:
                continue
            kind = message.get("type")
            greeted = greeted or kind == "hello"
            if kind == "disconnect":
                log.info("Slack ends the socket (%s)", str(message.get("reason"))[:100])
                return greeted
            if message.get("envelope_id"):
                _see_to(runtime, token, socket, message)
    return True


def _opened(runtime: Runtime, token: str) -> ClientConnection:
    with translated(repeatable=True):
        answer = client(runtime.settings, token).apps_connections_open(app_token=token)
    try:
        return connect(str(answer.get("url")), open_timeout=SECONDS, close_timeout=1, max_size=LARGEST)
    except InvalidURI as error:  # it carries a ticket, which is not for logs
        raise RetryLater("Slack gave no address of a socket") from error
    except InvalidHandshake as error:
        raise RetryLater(f"Slack's socket refused us: {type(error).__name__}") from error


def _read(given: str | bytes) -> Mapping[str, Any]:
    try:
        message = json.loads(given)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _see_to(runtime: Runtime, token: str, socket: ClientConnection, message: Mapping[str, Any]) -> None:
    """Do what an envelope asks for, acknowledge it, and then say what is to be said to the person."""
    payload = message.get("payload")
    try:
        with runtime.db.read() as db:
            by = [one for one in channels(db, runtime.settings) if one.secret("app_token") == token]
        rest = take_in(runtime, by, str(message.get("type")), payload) if isinstance(payload, dict) else None
    except Exception:
        log.exception("what somebody did in Slack could not be done; it is not acknowledged")
        return
    socket.send(json.dumps({"envelope_id": message["envelope_id"]}))
    if rest is not None:
        threading.Thread(target=rest, name="slack", daemon=True).start()
