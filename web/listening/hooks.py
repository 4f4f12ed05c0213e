"""Where other programs post mentions to: signed (listener/sources/webhook.py), stored before they are answered.

    POST /hooks/<source id>     one item or a list of them, as JSON with the columns of an import

200 says that every item that is `accepted` is in the database, or was before; so whoever gets no answer sends again,
and loses and doubles nothing. 401 comes with the reason; 429 after too many wrong tries, though a right signature
always passes; 503 while the source is turned off. There is no session and no form's token: the signature counts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Blueprint, Flask, current_app, request
from flask.typing import ResponseReturnValue
from flask_wtf import CSRFProtect
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from core.clock import Clock
from core.errors import GiveUp
from core.tables import Source
from core.types import Mention, Page, Rejected
from listener.collect import Collected, collect
from listener.matching import BrandMatcher, Watchlist
from listener.records import Unreadable, mention_of
from listener.settings import whole
from listener.sources import webhook
from web import current
from web.auth import public
from web.throttle import Throttle

pages = Blueprint("hooks", __name__)
log = logging.getLogger(__name__)

MOST_ITEMS = 1_000
"""In one request."""
_OFF_SECONDS = 600
_SHOWN_ID = 400


@dataclass(slots=True)
class _Hooks:
    """What all requests of a process share."""

    throttle: Throttle
    matcher: BrandMatcher = field(default_factory=lambda: BrandMatcher(Watchlist((), frozenset())))

    def matcher_now(self, db: Session) -> BrandMatcher:
        """The matcher for what the database says now; made anew only when that has changed."""
        watchlist = Watchlist.read(db)
        if watchlist != self.matcher.watchlist:
            self.matcher = BrandMatcher(watchlist)
        return self.matcher


class _Refused(Exception):
    """No item of the request is taken, with what HTTP status, and why."""

    def __init__(self, status: int, reason: str, wait: int = 0) -> None:
        super().__init__(reason)
        self.status, self.wait = status, wait


def init_app(app: Flask, clock: Clock, csrf: CSRFProtect) -> None:
    """Let posts in without a form's token, and templates know the addresses."""
    csrf.exempt(pages)
    app.extensions["hooks"] = _Hooks(Throttle(clock))
    app.jinja_env.globals["hook_address"] = hook_address


def hook_address(source_id: int) -> str:
    """The whole address of a source, as others reach it."""
    return f"{current.runtime().settings.pages_url}{webhook.path(source_id)}"


@pages.post("/hooks/<int:source_id>")
@public
def take(source_id: int) -> ResponseReturnValue:
    """Store what was posted; see the module."""
    try:
        body = _body()
        _check_sender(source_id, body)
        items = [_item(given, number) for number, given in enumerate(_items(body), start=1)]
        done = _store(source_id, items)
    except _Refused as refused:
        wait = {"Retry-After": str(refused.wait)} if refused.wait else {}
        return {"error": str(refused)}, refused.status, wait
    accepted = sum(isinstance(one, Mention) for one in items)
    answer = {
        "accepted": accepted,
        "rejected": len(items) - accepted,
        "new": done.new,
        "known": done.known,
        "items": [_answer(one) for one in items],
    }
    return answer, 200 if accepted or not items else 422


def _body() -> bytes:
    try:
        return request.get_data(cache=False)
    except HTTPException as error:
        largest = request.max_content_length or 0
        raise _Refused(error.code or 400, f"at most {largest:,} bytes at a time: send fewer items") from error


def _check_sender(source_id: int, body: bytes) -> None:
    """Raise _Refused unless the source takes posts, and this one is signed with its secret."""
    runtime, throttle = current.runtime(), _hooks().throttle
    with runtime.db.read() as db:
        row = db.get(Source, source_id)
    if row is None or row.kind != webhook.Webhook.kind:
        raise _Refused(404, "no webhook has this address")
    try:
        secret = str(whole(runtime.settings, row).get("secret") or "")
    except GiveUp as error:
        log.error("webhook %r: %s", row.name, error)  # noqa: TRY400 - no news in a traceback
        raise _Refused(503, "its secret cannot be read; an admin has to enter it again", _OFF_SECONDS) from error
    name, address = f"hook {source_id}", request.remote_addr or ""
    try:
        timestamp, signature = (request.headers.get(one, "") for one in (webhook.TIMESTAMP, webhook.SIGNATURE))
        webhook.verify(secret, timestamp, signature, body, runtime.clock.now())
    except webhook.Unsigned as error:
        if wait := throttle.wait(name, address):
            raise _Refused(429, f"too many wrong signatures; try again in {wait} s", wait) from error
        if not error.late:
            throttle.failed(name, address)
        raise _Refused(401, str(error)) from error
    throttle.succeeded(name, address)
    if not row.active:
        raise _Refused(503, "this source is turned off; try again later", _OFF_SECONDS)


def _items(body: bytes) -> list[object]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, f"the body is not JSON in UTF-8: {str(error)[:200]}") from error
    items = given if isinstance(given, list) else [given]
    if len(items) > MOST_ITEMS:
        raise _Refused(413, f"at most {MOST_ITEMS:,} items at a time")
    return items


def _item(given: object, number: int) -> Mention | Rejected:
    """One item as a mention. Where it was said and when need not be told: here, and now."""
    if not isinstance(given, dict):
        return Rejected(f"item {number}", "each item must be a JSON object")
    now = current.runtime().clock.now().isoformat()
    try:
        return mention_of({"platform": webhook.Webhook.kind, "created_at": now} | _without_nulls(given))
    except Unreadable as error:
        named = given.get("id")
        known = f" ({named[:_SHOWN_ID]})" if isinstance(named, str) else ""
        return Rejected(f"item {number}{known}", str(error))


def _without_nulls(given: Mapping[str, object]) -> dict[str, object]:
    return {column: value for column, value in given.items() if value is not None}


def _store(source_id: int, items: list[Mention | Rejected]) -> Collected:
    """Everything in one transaction, which is over when this returns."""
    runtime = current.runtime()
    page = Page(
        mentions=tuple(one for one in items if isinstance(one, Mention)),
        rejected=tuple(one for one in items if isinstance(one, Rejected)),
        events={"items": len(items)},
    )
    with runtime.db.write() as db:
        # one request at a time per source: its counts are read, added to and written
        row = db.scalars(select(Source).where(Source.id == source_id).with_for_update()).one_or_none()
        if row is None:
            raise _Refused(404, "no webhook has this address")
        done = collect(db, runtime.clock, row, page, _hooks().matcher_now(db))
        row.last_ok_at = runtime.clock.now()
    if done.to_judge:
        runtime.queue.nudge("judge")
    return done


def _answer(item: Mention | Rejected) -> dict[str, str]:
    if isinstance(item, Mention):
        return {"id": item.native_id, "status": "accepted"}
    return {"item": item.where, "status": "rejected", "reason": item.reason}


def _hooks() -> _Hooks:
    hooks: _Hooks = current_app.extensions["hooks"]
    return hooks
