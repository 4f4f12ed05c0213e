"""Switches a source on or off, or removes it; what may be answered through it is decided anew."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.settings import Settings
from core.tables import Source
from responder.checks.permission import refresh_open


def switch_off(db: Session, process: Settings, row: Source) -> None:
    """Stop listening until somebody says go on."""
    row.active, row.state, row.reason, row.next_try_at = False, "off", None, None
    refresh_open(db, process, row.kind)


def switch_on(db: Session, process: Settings, row: Source) -> None:
    """Listen again, at once, also where an error had stopped it."""
    row.active, row.state, row.reason, row.failures, row.next_try_at = True, "running", None, 0, None
    refresh_open(db, process, row.kind)


def remove(db: Session, process: Settings, row: Source) -> None:
    """Remove it; the mentions that it heard stay, and are answered by hand unless another source may."""
    db.delete(row)
    db.flush()
    db.expire_all()
    refresh_open(db, process, row.kind)
