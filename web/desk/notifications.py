"""What one should know: being named in a note, given a case, overruled, late, or of an alert. The bell counts what is
unseen."""

from __future__ import annotations

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, func, or_, select, update

from core.tables import Alert, Brand, Case, Notification
from responder.alerts.places import path_of
from web import current
from web.auth import needs

pages = Blueprint("notifications", __name__, url_prefix="/notifications")

_SHOWN = 100
_MOST = 100
_BRAND = func.coalesce(Case.brand_id, Alert.brand_id)


@pages.get("/")
@needs("none")
def show() -> ResponseReturnValue:
    """List the newest, and remember that they were seen."""
    runtime = current.runtime()
    rows = select(Notification, Alert, Brand.name, Brand.timezone).outerjoin(Case, Case.id == Notification.case_id)
    rows = rows.outerjoin(Alert, Alert.id == Notification.alert_id).outerjoin(Brand, Brand.id == _BRAND).where(*_mine())
    with runtime.db.write() as db:
        found = db.execute(rows.order_by(Notification.id.desc()).limit(_SHOWN)).all()
        new = [row.id for row, *_ in found if row.seen_at is None]
        seen = update(Notification).where(Notification.id.in_(new)).values(seen_at=runtime.clock.now())
        db.execute(seen.execution_options(synchronize_session=False))
    g.unseen = 0
    return render_template("notifications/notifications.html", rows=found, new=set(new), path_of=path_of)


@pages.app_template_global("unseen")
def unseen() -> int:
    """How many of who asks are unseen, up to a limit; looked at once per request."""
    if "unseen" not in g:
        some = select(Notification.id).outerjoin(Case, Case.id == Notification.case_id)
        some = some.outerjoin(Alert, Alert.id == Notification.alert_id)
        few = some.where(*_mine(), Notification.seen_at.is_(None)).limit(_MOST).subquery()
        db = current.reading()
        g.unseen = db.scalar(select(func.count()).select_from(few)) or 0
    return int(g.unseen)


def _mine() -> tuple[ColumnElement[bool], ...]:
    """Those of who asks, of brands that they may (still) see. An alert of no brand concerns who was told of it."""
    return Notification.user_id == current.user_id(), or_(current.rights().brands(_BRAND), _BRAND.is_(None))
