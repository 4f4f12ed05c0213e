"""The switch that stops all that goes out, for those who may approve for all brands; everybody sees that it is."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from core import audit
from core.tables import Switch
from web import current
from web.auth import needs

pages = Blueprint("sending", __name__)

_LONGEST_WHY = 300


@pages.post("/sending")
@needs("approver", everywhere=True)
def switch() -> ResponseReturnValue:
    """Stop all outgoing replies at once, or let them go again; the audit keeps who did, and why."""
    runtime = current.runtime()
    stopped = request.form.get("stopped") == "1"
    why = request.form.get("why", "").strip()[:_LONGEST_WHY] or f"Stopped by {current.user_name()}."
    with runtime.db.write() as db:
        now = runtime.clock.now()
        was = bool(db.scalar(select(Switch.stopped).where(Switch.name == "sending").with_for_update()))
        db.merge(Switch(name="sending", stopped=stopped, why=why if stopped else "", changed_at=now))
        if was != stopped:
            detail = {"why": why} if stopped else {}
            action = "stop_sending" if stopped else "start_sending"
            audit.add(db, audit.Entry(now, action, user_id=current.user_id(), detail=detail))
    if not stopped:
        runtime.queue.nudge("post")
    flash("Nothing is sent from now on." if stopped else "Replies are being sent again.")
    return redirect(current.local_path(request.form.get("next"), url_for("inbox.cases")))
