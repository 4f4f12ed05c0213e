"""The health page, the switch that stops all sending, and /healthz for whatever watches the process."""

from __future__ import annotations

import logging

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from core import migrations, setaside
from web import current
from web.auth import needs, public
from web.queries.health import health

pages = Blueprint("health", __name__)
log = logging.getLogger(__name__)

_DEAD_AFTER_SWEEPS = 4
"""A process that has not said that it is alive for so many sweeps is taken for dead."""


@pages.get("/health")
@needs("manager", everywhere=True)
def show() -> ResponseReturnValue:
    """How every part is doing, for a person."""
    runtime = current.runtime()
    with runtime.db.read() as db:
        found = health(db, runtime.clock.now())
        version = migrations.current(db.connection())
    database = make_url(runtime.settings.database)
    return render_template(
        "health/health.html",
        found=found,
        version=version,
        database="SQLite" if runtime.db.sqlite else f"PostgreSQL on {database.host or 'a local socket'}",
        model=runtime.settings.model,
        distributed=runtime.settings.distributed,
        dead_after=max(60.0, runtime.settings.sweep_seconds * _DEAD_AFTER_SWEEPS),
    )


@pages.get("/healthz")
@public
def alive() -> ResponseReturnValue:
    """Whether the database answers and its schema fits, for whatever watches: no data, no login."""
    try:
        with current.runtime().db.read() as db:
            fits = migrations.current(db.connection()) == migrations.head()
    except SQLAlchemyError:
        log.exception("/healthz: the database does not answer")
        return {"status": "the database does not answer"}, 503
    return ({"status": "ok"}, 200) if fits else ({"status": "the database needs `ripplewatch migrate`"}, 503)


@pages.post("/health/set-aside/<int:set_aside_id>/again")
@needs("admin", everywhere=True)
def try_again(set_aside_id: int) -> ResponseReturnValue:
    """Let a stage have an item again that it could not handle."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        stage = setaside.try_again(db, runtime.clock, set_aside_id)
    if stage:
        runtime.queue.nudge(stage)
    flash("It is tried again now." if stage else "Somebody has had it tried again already.")
    return redirect(url_for("health.show"))
