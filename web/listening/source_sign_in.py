"""Signing in on a platform's own page, where a kind offers that: they send the person back here with a code for a key.

The person leaves with a random `state`, which their session keeps with the source it is for; only who comes back with
it, in the same session and within TIME, brings a key. The key is stored encrypted; nobody sees it.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta

from flask import Blueprint, abort, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from core.errors import PlatformError
from core.log import redact
from core.tables import Source
from listener.settings import renew, whole
from listener.source import SignsIn, kinds, load
from responder.checks.permission import refresh_open
from web import current
from web.auth import needs
from web.listening.sources import by_id

pages = Blueprint("source_sign_in", __name__, url_prefix="/sources")

TIME = timedelta(minutes=15)
_KEPT = "sign_in"


@pages.get("/<int:source_id>/sign-in")
@needs("admin")
def begin(source_id: int) -> ResponseReturnValue:
    """Send the person to the platform. No form does that: the browser would not let it lead elsewhere."""
    runtime = current.runtime()
    with runtime.db.read() as db:
        row = by_id(db, source_id)
    state = secrets.token_urlsafe(32)
    session[_KEPT] = {"state": state, "source": source_id, "at": runtime.clock.now().isoformat()}
    return redirect(_kind(row).sign_in_address(whole(runtime.settings, row), runtime.settings, state, way_back()))


@pages.get("/signed-in")
def back() -> ResponseReturnValue:
    """They are back: with a code, or with the platform's reason why not."""
    source_id = _expected()
    if source_id is None:
        abort(404, "Begin on the source's page, and come back within a quarter of an hour, in the same browser.")
    runtime = current.runtime()
    with runtime.db.read() as db:
        row = by_id(db, source_id)
        if not current.rights().may("admin", row.brand_id):
            abort(403)
    kind, title = _kind(row), load(row.kind).title
    if said := request.args.get("error"):
        flash(f"{title} did not let us in: {said[:200]}.")
        return redirect(url_for("sources.show", source_id=source_id))
    try:
        given = whole(runtime.settings, row)
        found = kind.redeem(given, runtime.settings, runtime.clock, request.args.get("code", ""), way_back())
    except PlatformError as error:
        flash(f"{redact(str(error))[:300]}. Nothing has changed.")
        return redirect(url_for("sources.show", source_id=source_id))
    with runtime.db.write() as db:
        row = by_id(db, source_id)
        renew(runtime.settings, row, found)
        row.account = row.expires_at = None  # until the platform is asked again
        if row.active:
            row.state, row.reason, row.failures, row.next_try_at = "running", None, 0, None
        refresh_open(db, runtime.settings, row.kind)
    flash(f"Signed in at {title}. {row.name} goes on where it was; test the connection to see as whom.")
    return redirect(url_for("sources.show", source_id=source_id))


def way_back() -> str:
    """The address that the app on the platform's side has to name."""
    return f"{current.runtime().settings.pages_url}{url_for('source_sign_in.back')}"


def _expected() -> int | None:
    """The source that this person left for with the state that they bring; each state is good once."""
    kept = session.pop(_KEPT, None) or {}
    given = request.args.get("state", "")
    if not kept or not hmac.compare_digest(str(kept["state"]).encode(), given.encode()):
        return None
    age = current.runtime().clock.now() - datetime.fromisoformat(kept["at"])
    return int(kept["source"]) if age <= TIME else None


def _kind(row: Source) -> type[SignsIn]:
    kind = load(row.kind) if row.kind in kinds() else None
    if kind is None or not issubclass(kind, SignsIn):
        abort(404)
    return kind
