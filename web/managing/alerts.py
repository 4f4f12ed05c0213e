"""Alerts: the places outside that people are told in, who hears what there, and what was delivered."""

from __future__ import annotations

import uuid

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload
from werkzeug.datastructures import MultiDict

from core import alerts, audit
from core.alerts import SEVERITIES
from core.errors import PlatformError, RipplewatchError
from core.log import redact
from core.secrets import seal, sealed_at
from core.tables import Alert, AlertRule, Brand, Channel, Delivery
from responder.alerts import deliver, digest, rules
from responder.alerts.channel import KINDS, Message, load
from responder.alerts.preview import preview
from responder.alerts.senders import sender_of
from responder.timing.sla import WEEKDAYS
from web import current
from web.auth import needs
from web.managing import alert_forms
from web.managing.alert_forms import ChannelForm
from web.managing.brand_form import by_slug

pages = Blueprint("alerts", __name__, url_prefix="/alerts")

_SHOWN = 50
STATES = {
    "waiting": "Waits",
    "sending": "Being sent",
    "sent": "Arrived",
    "failed": "Did not arrive",
    "unsure": "May not have arrived",
    "dropped": "No longer needed",
}


@pages.get("/")
@needs("admin")
def every() -> ResponseReturnValue:
    """Channels, rules by brand, and what went out lately."""
    rights = current.rights()
    with current.runtime().db.read() as db:
        brands = db.scalars(select(Brand).where(rights.brands(Brand.id, "admin")).order_by(Brand.name)).all()
        found = db.scalars(select(AlertRule).order_by(AlertRule.id)).all()
        names = {row.id: row.name for row in db.scalars(select(Channel))}
        seen = or_(rights.brands(Channel.brand_id, "admin"), Channel.brand_id.is_(None))
        sent = select(Delivery).options(joinedload(Delivery.channel), joinedload(Delivery.alert)).join(Delivery.alert)
        mine = rights.brands(Alert.brand_id, "admin")
        of_none = Alert.brand_id.is_(None) & rights.may("admin")
        sent = sent.where(or_(mine, of_none), Delivery.kind != "thread").order_by(Delivery.id.desc())
        return render_template(
            "alerts/alerts.html",
            channels=db.scalars(select(Channel).where(seen).order_by(Channel.name)).all(),
            kinds=[(kind, load(kind)) for kind in KINDS],
            titles={kind: load(kind).title for kind in KINDS},
            brands=brands,
            rules=[(row, rules.in_words(row, *_names(row, names))) for row in found],
            sent=db.scalars(sent.limit(_SHOWN)).all(),
            states=STATES,
        )


def _names(row: AlertRule, names: dict[int, str]) -> tuple[str, str | None]:
    return names[row.channel_id], names.get(row.escalate_to) if row.escalate_to else None


@pages.get("/channels/new/<kind>")
@needs("admin")
def new_channel(kind: str) -> ResponseReturnValue:
    """Ask for what a channel of this kind needs."""
    return _channel_page(_kind(kind), None, MultiDict())


@pages.post("/channels/new/<kind>")
@needs("admin")
def add_channel(kind: str) -> ResponseReturnValue:
    """Add a channel."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        given = alert_forms.read_channel(db, runtime, _kind(kind), request.form, current.rights())
        if not given.errors:
            row = Channel(kind=kind, created_at=runtime.clock.now())
            alert_forms.put_channel(runtime, row, given)
            db.add(row)
            db.flush()
            _record(db, "channel_added", {"channel": row.id})
            number = row.id
    if given.errors:
        return _channel_page(kind, None, request.form, given), 422
    flash(f"{given.name} is added. Test it, then say who hears what there.")
    return redirect(url_for("alerts.channel", channel_id=number))


@pages.get("/channels/<int:channel_id>")
@needs("admin")
def channel(channel_id: int) -> ResponseReturnValue:
    """One channel."""
    with current.runtime().db.read() as db:
        row = db.get_one(Channel, channel_id)
        brand = db.get(Brand, row.brand_id) if row.brand_id else None
    values = MultiDict({"name": row.name, "brand": brand.slug if brand else "", **row.settings})
    return _channel_page(row.kind, row, values)


@pages.post("/channels/<int:channel_id>")
@needs("admin")
def change_channel(channel_id: int) -> ResponseReturnValue:
    """Change a channel. If it was paused it goes on with what waits."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        row = db.get_one(Channel, channel_id)
        given = alert_forms.read_channel(db, runtime, row.kind, request.form, current.rights(), row)
        if not given.errors:
            alert_forms.put_channel(runtime, row, given)
            _record(db, "channel_changed", {"channel": row.id})
            if row.active:
                deliver.resume(db, runtime.clock, row)
    if given.errors:
        return _channel_page(row.kind, row, request.form, given), 422
    runtime.queue.nudge(deliver.STAGE)
    flash(f"{given.name} is saved.")
    return redirect(url_for("alerts.channel", channel_id=channel_id))


@pages.post("/channels/<int:channel_id>/test")
@needs("admin")
def test_channel(channel_id: int) -> ResponseReturnValue:
    """Ask the service who we are there, or send a message that says it is a test."""
    runtime = current.runtime()
    with runtime.db.read() as db:
        row = db.get_one(Channel, channel_id)
    try:
        sender = sender_of(runtime, row)
        try:
            if "message" in request.form:
                sender.send(_test_message(), f"test-{uuid.uuid4().hex}")
                flash(f"A test message was sent to {row.name}. Look whether it is there.")
            else:
                flash(f"It answers: {sender.check()}.")
        finally:
            sender.close()
    except (PlatformError, RipplewatchError) as error:
        flash(f"That did not work. In the service’s words: {redact(str(error))}", "problem")
    return redirect(url_for("alerts.channel", channel_id=channel_id))


def _test_message() -> Message:
    url = current.runtime().settings.pages_url + url_for("alerts.every")
    return Message("A test of Ripplewatch", "normal", "Alerts arrive here. Nobody has to do anything.", url)


@pages.post("/channels/<int:channel_id>/pause")
@needs("admin")
def pause_channel(channel_id: int) -> ResponseReturnValue:
    """Send nothing there until somebody says go on."""
    with current.runtime().db.write() as db:
        row = db.get_one(Channel, channel_id)
        row.active = False
        _record(db, "channel_paused", {"channel": row.id})
    flash(f"{row.name} is off. Nothing new is sent there.")
    return redirect(url_for("alerts.channel", channel_id=channel_id))


@pages.post("/channels/<int:channel_id>/resume")
@needs("admin")
def resume_channel(channel_id: int) -> ResponseReturnValue:
    """Send again, first what waits."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        row = db.get_one(Channel, channel_id)
        deliver.resume(db, runtime.clock, row)
        _record(db, "channel_resumed", {"channel": row.id})
    runtime.queue.nudge(deliver.STAGE)
    flash(f"{row.name} is used again. What waited goes now.")
    return redirect(url_for("alerts.channel", channel_id=channel_id))


@pages.post("/channels/<int:channel_id>/remove")
@needs("admin")
def remove_channel(channel_id: int) -> ResponseReturnValue:
    """Remove a channel, and the rules that go there."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        row = db.get_one(Channel, channel_id)
        _record(db, "channel_removed", {"channel": row.id})
        of = db.scalars(select(AlertRule.brand_id).where(AlertRule.channel_id == row.id)).all()
        alerts.closed(db, runtime.clock, "channel", row.id)
        db.delete(row)
        db.flush()
        for brand_id in set(of):
            digest.plan(db, runtime.clock, brand_id)
    flash(f"{row.name} is removed, and with it the rules that went there.")
    return redirect(url_for("alerts.every"))


@pages.get("/rules/new/<slug>")
@needs("admin")
def new_rule(slug: str) -> ResponseReturnValue:
    """Ask who hears what."""
    with current.runtime().db.read() as db:
        return _rule_page(db, by_slug(db, slug), None, alert_forms.rule_values(None), {})


@pages.post("/rules/new/<slug>")
@needs("admin")
def add_rule(slug: str) -> ResponseReturnValue:
    """Add a rule."""
    with current.runtime().db.write() as db:
        return _saved_rule(db, by_slug(db, slug), None)


@pages.post("/rules/preview/<slug>")
@needs("admin")
def preview_rule(slug: str) -> ResponseReturnValue:
    """What the rule would have told, while it is described."""
    with current.runtime().db.read() as db:
        brand = by_slug(db, slug)
        return render_template("alerts/_preview.html", brand=brand, **_would_have(db, brand, request.form))


@pages.get("/rules/<int:rule_id>")
@needs("admin")
def rule(rule_id: int) -> ResponseReturnValue:
    """One rule."""
    with current.runtime().db.read() as db:
        row = db.get_one(AlertRule, rule_id)
        return _rule_page(db, db.get_one(Brand, row.brand_id), row, alert_forms.rule_values(row), {})


@pages.post("/rules/<int:rule_id>")
@needs("admin")
def change_rule(rule_id: int) -> ResponseReturnValue:
    """Change a rule."""
    with current.runtime().db.write() as db:
        row = db.get_one(AlertRule, rule_id)
        return _saved_rule(db, db.get_one(Brand, row.brand_id), row)


@pages.post("/rules/<int:rule_id>/remove")
@needs("admin")
def remove_rule(rule_id: int) -> ResponseReturnValue:
    """Remove a rule; what it has sent stays."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        row = db.get_one(AlertRule, rule_id)
        _record(db, "rule_removed", {"rule": row.id, "brand": row.brand_id})
        db.delete(row)
        db.flush()
        digest.plan(db, runtime.clock, row.brand_id)
    flash("The rule is removed.")
    return redirect(url_for("alerts.every"))


@pages.post("/deliveries/<int:delivery_id>/again")
@needs("admin")
def send_again(delivery_id: int) -> ResponseReturnValue:
    """Send what is unsure or failed once more."""
    return _settled(delivery_id, arrived=False)


@pages.post("/deliveries/<int:delivery_id>/arrived")
@needs("admin")
def it_arrived(delivery_id: int) -> ResponseReturnValue:
    """A person has seen it there."""
    return _settled(delivery_id, arrived=True)


def _settled(delivery_id: int, *, arrived: bool) -> ResponseReturnValue:
    runtime = current.runtime()
    with runtime.db.write() as db:
        row = db.get_one(Delivery, delivery_id, with_for_update=True)
        done = deliver.settle(db, runtime.clock, row, arrived=arrived)
        if done:
            _record(db, "delivery_settled", {"delivery": row.id, "arrived": arrived})
    runtime.queue.nudge(deliver.STAGE)
    said = "It counts as arrived." if arrived else "It is sent again."
    flash(said if done else "Somebody has already said what became of it.")
    return redirect(url_for("alerts.every"))


def _kind(kind: str) -> str:
    return kind if kind in KINDS else abort(404)


def _channel_page(kind: str, row: Channel | None, values: MultiDict[str, str], given: ChannelForm | None = None) -> str:
    runtime, made = current.runtime(), load(kind)
    with runtime.db.read() as db:
        own = select(Brand).where(current.rights().brands(Brand.id, "admin")).order_by(Brand.name)
        slugs = [(brand.slug, brand.name) for brand in db.scalars(own)]
    return render_template(
        "alerts/channel.html",
        kind=kind,
        made=made,
        channel=row,
        values=values,
        errors=given.errors if given else {},
        sealed=seal(runtime.settings, given.secrets) if given and given.secrets else "",
        since=sealed_at(row.credentials) if row and row.credentials else None,
        brands=[*([("", "All brands")] if current.rights().may("admin") else []), *slugs],
    )


def _saved_rule(db: Session, brand: Brand, row: AlertRule | None) -> ResponseReturnValue:
    runtime = current.runtime()
    if "preview" in request.form:
        return _rule_page(db, brand, row, request.form, {})
    values, errors = alert_forms.read_rule(db, brand, request.form)
    if errors:
        return _rule_page(db, brand, row, request.form, errors), 422
    if row is None:
        row = AlertRule(brand_id=brand.id, created_at=runtime.clock.now())
        db.add(row)
    for name, value in values.items():
        setattr(row, name, value)
    db.flush()
    digest.plan(db, runtime.clock, brand.id)
    _record(db, "rule", {"rule": row.id, "brand": brand.id})
    names = {one.id: one.name for one in alert_forms.channels_for(db, brand.id)}
    flash(rules.in_words(row, *_names(row, names)))
    return redirect(url_for("alerts.every"))


def _rule_page(
    db: Session, brand: Brand, row: AlertRule | None, values: MultiDict[str, str], errors: dict[str, str]
) -> str:
    return render_template(
        "alerts/rule.html",
        brand=brand,
        rule=row,
        values=values,
        errors=errors,
        channels=[(str(one.id), one.name) for one in alert_forms.channels_for(db, brand.id)],
        heard=rules.HEARD,
        when=alert_forms.WHEN.items(),
        days=WEEKDAYS,
        every=digest.EVERY.items(),
        severities=[(one, one.capitalize()) for one in SEVERITIES],
        **_would_have(db, brand, values),
    )


def _would_have(db: Session, brand: Brand, given: MultiDict[str, str]) -> dict[str, object]:
    """What the described rule would have told, wherever it goes; or what is still to be said of it."""
    values, errors = alert_forms.read_rule(db, brand, given)
    errors.pop("channel", None)
    if errors:
        return {"wrong": next(iter(errors.values()))}
    return {"preview": preview(db, current.runtime().clock, brand, AlertRule(brand_id=brand.id, **values))}


def _record(db: Session, action: str, detail: dict[str, object]) -> None:
    audit.add(db, audit.Entry(current.runtime().clock.now(), action, None, current.user_id(), detail))
