"""Channels and rules as a person describes them: read, checked, and put into their rows.

Secrets are encrypted before they leave this file; a form that comes back carries what was entered as one sealed text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from core.alerts import SEVERITIES
from core.errors import BadInput, GiveUp
from core.roles import Rights
from core.runtime import Runtime
from core.secrets import seal, unseal
from core.tables import AlertRule, Brand, Channel
from responder.alerts import channel as service
from responder.alerts import rules
from responder.alerts.channel import Sender
from responder.alerts.digest import EVERY
from responder.timing.sla import WEEKDAYS

LONGEST_NAME, LONGEST_VALUE = 100, 2_000
MOST_MINUTES = 24 * 60
WHEN = {"always": "At any hour", "business": "In the brand’s business hours", "custom": "In these hours"}
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

Form = MultiDict[str, str]


@dataclass(frozen=True, slots=True)
class ChannelForm:
    """A channel as a person described it; `errors` by field, "" is the form as a whole."""

    name: str
    brand_id: int | None = None
    settings: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    errors: dict[str, str] = field(default_factory=dict)


def read_channel(
    db: Session, runtime: Runtime, kind: str, form: Form, rights: Rights, row: Channel | None = None
) -> ChannelForm:
    """Read it, and let the kind itself check the settings. `row` is the channel that it changes."""
    made, errors = service.load(kind), dict[str, str]()
    name = " ".join(form.get("name", "").split())
    taken = db.scalar(select(Channel.id).where(Channel.name == name))
    if not name:
        errors["name"] = "Give it a name, as people call the place: #care, the on-call phone."
    elif len(name) > LONGEST_NAME:
        errors["name"] = f"Use at most {LONGEST_NAME} characters."
    elif taken is not None and (row is None or taken != row.id):
        errors["name"] = f"There is a channel called “{name}” already."
    known = _known(runtime, row.credentials if row else None) | _known(runtime, form.get("kept"))
    given: dict[str, str] = {}
    for asked in made.fields:
        value = form.get(asked.name, "").strip() or (known.get(asked.name, "") if asked.secret else "")
        if not value and asked.required:
            errors[asked.name] = f"{asked.label}: this is needed."
        elif len(value) > LONGEST_VALUE:
            errors[asked.name] = f"Use at most {LONGEST_VALUE:,} characters."
        elif value:
            given[asked.name] = value
    brand_id = _brand_id(db, form.get("brand", ""), rights, errors)
    secret = {asked.name for asked in made.fields if asked.secret}
    if not errors:
        errors |= _checked(runtime, made, given)
    settings = {name: value for name, value in given.items() if name not in secret}
    return ChannelForm(name, brand_id, settings, {one: given[one] for one in secret & given.keys()}, errors)


def put_channel(runtime: Runtime, row: Channel, given: ChannelForm) -> None:
    """Give a channel these settings."""
    row.name, row.brand_id, row.settings = given.name, given.brand_id, dict(given.settings)
    if given.secrets != _known(runtime, row.credentials):
        row.credentials = seal(runtime.settings, given.secrets) if given.secrets else None


def _known(runtime: Runtime, sealed: str | None) -> dict[str, str]:
    """What was sealed; nothing where that cannot be read."""
    try:
        return unseal(runtime.settings, sealed)
    except (GiveUp, UnicodeEncodeError):
        return {}


def _checked(runtime: Runtime, made: type[Sender], given: Mapping[str, object]) -> dict[str, str]:
    """What the kind itself says of the settings, beside the field that it names."""
    try:
        made(service.Context(given, runtime.settings, runtime.clock)).close()
    except BadInput as error:
        named, _, what = str(error).partition(": ")
        known = what and named in {asked.name for asked in made.fields}
        return {named: f"{what[:1].upper()}{what[1:]}."} if known else {"": str(error)}
    return {}


def _brand_id(db: Session, slug: str, rights: Rights, errors: dict[str, str]) -> int | None:
    if not slug:
        if not rights.may("admin"):
            errors["brand"] = "Choose the brand that it belongs to: an admin of all brands adds one for all."
        return None
    found = db.scalar(select(Brand.id).where(Brand.slug == slug, rights.brands(Brand.id, "admin")))
    if found is None:
        errors["brand"] = "There is no such brand for you to set up."
    return found


def channels_for(db: Session, brand_id: int) -> list[Channel]:
    """The channels that the rules of a brand may use: its own, and those of no brand."""
    usable = or_(Channel.brand_id == brand_id, Channel.brand_id.is_(None))
    return list(db.scalars(select(Channel).where(usable).order_by(Channel.name)))


def read_rule(db: Session, brand: Brand, form: Form) -> tuple[dict[str, Any], dict[str, str]]:
    """The columns of a rule, and what is wrong by field."""
    errors: dict[str, str] = {}
    usable = {str(one.id): one.id for one in channels_for(db, brand.id)}
    kinds = [one for one in rules.HEARD if one in form.getlist("kinds")]
    values: dict[str, Any] = {"kinds": kinds, "severity": form.get("severity", ""), "hours": _hours(form, errors)}
    values["channel_id"], values["escalate_to"] = usable.get(form.get("channel", "")), None
    if values["channel_id"] is None:
        errors["channel"] = "Choose where it goes."
    if not kinds:
        errors["kinds"] = "Choose at least one thing to hear of."
    if values["severity"] not in SEVERITIES:
        errors["severity"] = "Choose one of these."
    minutes = form.get("escalate_minutes", "").strip()
    values["escalate_minutes"] = None
    if minutes:
        values["escalate_to"] = usable.get(form.get("escalate_to", ""))
        if not (minutes.isascii() and minutes.isdecimal() and 0 < int(minutes[:6]) <= MOST_MINUTES):
            errors["escalate_minutes"] = f"Give minutes, from 1 to {MOST_MINUTES:,}, or leave it empty."
        elif values["escalate_to"] is None:
            errors["escalate_to"] = "Choose where it goes when nobody has taken it."
        else:
            values["escalate_minutes"] = int(minutes)
    if not errors:
        try:
            rules.check(values["hours"], brand)
        except BadInput as error:
            errors["when"] = str(error)
    return values, errors


def _hours(form: Form, errors: dict[str, str]) -> dict[str, Any]:
    when = form.get("when", "always")
    found: dict[str, Any] = {"when": when if when in WHEN else "always"}
    if found["when"] == "custom":
        begins, ends = form.get("from", ""), form.get("to", "")
        days = [day for day in WEEKDAYS if day in form.getlist("days")]
        if not (_TIME.fullmatch(begins) and _TIME.fullmatch(ends)):
            errors["from"] = "Give both times like 08:00 and 18:00."
        elif not days:
            errors["days"] = "Choose at least one day."
        found["spans"] = {day: [begins, ends] for day in days}
    if found["when"] != "always" and form.get("break_from", "") in SEVERITIES:
        found["break_from"] = form["break_from"]
    if "digest" in form.getlist("kinds"):
        found["digest"] = form.get("digest") if form.get("digest") in EVERY else "daily"
    return found


def rule_values(row: AlertRule | None) -> Form:
    """What the form of a rule shows at first."""
    if row is None:
        return MultiDict([("kinds", "incident"), ("severity", "high"), ("when", "always"), *_DAYS])
    spans = row.hours.get("spans") or {}
    times = next(iter(spans.values()), ["08:00", "18:00"])
    plain = {
        "channel": str(row.channel_id),
        "severity": row.severity,
        "when": row.hours.get("when", "always"),
        "from": times[0],
        "to": times[1],
        "break_from": row.hours.get("break_from", ""),
        "digest": row.hours.get("digest", "daily"),
        "escalate_minutes": str(row.escalate_minutes or ""),
        "escalate_to": str(row.escalate_to or ""),
    }
    days = [("days", day) for day in spans or WEEKDAYS]
    return MultiDict([*plain.items(), *(("kinds", one) for one in row.kinds), *days])


_DAYS = [*(("days", day) for day in WEEKDAYS), ("from", "08:00"), ("to", "20:00")]
