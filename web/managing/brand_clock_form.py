"""The part of a brand's form about its clock: hours, closed days, targets, and what follows an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from werkzeug.datastructures import MultiDict

from core.errors import BadInput
from core.tables import Brand
from responder.timing import closed_days
from responder.timing.clock import SEVERITIES
from responder.timing.sla import WEEKDAYS

SPANS = ("", "2")
"""Endings of the fields of a day's spans."""

LONGEST = 90 * 24 * 60
_MOST_HOURS = 30 * 24
_SHOWN = 5
_AHEAD = 370
_TARGETS = [(severity, kind) for severity in SEVERITIES for kind in ("first", "resolve")]


@dataclass(frozen=True, slots=True)
class ClockForm:
    """What a person said of a brand's clock, as the brand's columns keep it."""

    hours: dict[str, Any] = field(default_factory=dict)
    holidays: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, dict[str, int]] = field(default_factory=dict)
    follow_up_hours: int | None = None
    thanks: bool = True


def read(form: MultiDict[str, str], errors: dict[str, str]) -> ClockForm:
    """Read the fields; a shorter form leaves them out, and then the defaults hold."""
    targets: dict[str, dict[str, int]] = {}
    for severity, kind in _TARGETS:
        minutes = _number(form, f"{severity}_{kind}", LONGEST, "minutes", errors)
        if minutes is not None:
            targets.setdefault(severity, {})[kind] = minutes
    return ClockForm(
        _hours(form, errors),
        _holidays(form, errors),
        targets,
        _number(form, "follow_up_hours", _MOST_HOURS, "hours", errors),
        bool(form.get("thanks")) or "clock" not in form,
    )


def change(row: Brand, given: ClockForm) -> None:
    """Write what was said to the brand's row."""
    row.hours, row.holidays, row.targets = given.hours, given.holidays, given.targets
    row.follow_up_hours, row.thanks = given.follow_up_hours, given.thanks


def values_of(row: Brand) -> dict[str, str]:
    """The brand's clock as the form's values."""
    values = {"thanks": "1" if row.thanks else "", "clock": "1"}
    for day, given in row.hours.items():
        spans = given if given and isinstance(given[0], list) else [given]
        for ending, span in zip(SPANS, spans, strict=False):
            if span:
                values |= {f"{day}_from{ending}": span[0], f"{day}_to{ending}": span[1]}
    for severity, kinds in row.targets.items():
        values |= {f"{severity}_{kind}": str(minutes) for kind, minutes in kinds.items()}
    values |= {"country": row.holidays.get("country", ""), "region": row.holidays.get("region", "")}
    values |= {"closed_days": "\n".join(row.holidays.get("days", ()))}
    return values | {"follow_up_hours": "" if row.follow_up_hours is None else str(row.follow_up_hours)}


def next_closed(row: Brand, now: datetime) -> list[tuple[str, str]]:
    """The brand's next closed days, each with its name if it has one; none where they cannot be read."""
    try:
        days = closed_days.read(row.holidays).named(now.astimezone(ZoneInfo(row.timezone)).date(), _AHEAD)
    except BadInput:
        return []
    return [(f"{day:%a} {day.day} {day:%b %Y}", name) for day, name in days[:_SHOWN]]


def countries() -> list[tuple[str, str]]:
    """Codes and names of the countries whose holidays are known, by name."""
    called = {codes[1]: _spaced(codes[0]) for codes in holidays.registry.COUNTRIES.values()}
    return sorted(((code, called.get(code, code)) for code in closed_days.countries()), key=lambda one: one[1])


def _spaced(name: str) -> str:
    """ "UnitedStates" as people write it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _hours(form: MultiDict[str, str], errors: dict[str, str]) -> dict[str, Any]:
    """Opening hours by day; a day without any is closed, all days without is always open."""
    hours: dict[str, Any] = {}
    for day in WEEKDAYS:
        spans = [_span(form, day, ending, errors) for ending in SPANS]
        given = [span for span in spans if span]
        if given:
            hours[day] = given if len(given) > 1 else given[0]
    return hours


def _span(form: MultiDict[str, str], day: str, ending: str, errors: dict[str, str]) -> list[str] | None:
    start, end = form.get(f"{day}_from{ending}", "").strip(), form.get(f"{day}_to{ending}", "").strip()
    if not start and not end:
        return None
    if not (_is_time(start) and _is_time(end)):
        errors["hours"] = "Give two times such as 09:00 and 17:30 for each span in which you are open."
    return [start, end]


def _is_time(given: str) -> bool:
    try:
        time.fromisoformat(given)
    except ValueError:
        return False
    return len(given) == len("09:00")


def _holidays(form: MultiDict[str, str], errors: dict[str, str]) -> dict[str, Any]:
    country, region = form.get("country", "").strip().upper(), form.get("region", "").strip().upper()
    days = form.get("closed_days", "").split()
    given = {"country": country, "region": region, "days": days}
    found: dict[str, Any] = {name: value for name, value in given.items() if value}
    parts = closed_days.countries().get(country, ())
    if country and country not in closed_days.countries():
        errors["country"] = "Choose a country from the list."
    elif region and region not in parts:
        errors["region"] = f"{country or 'No country'} has these regions: {', '.join(parts) or 'none'}."
    try:
        closed_days.read({"days": days})
    except BadInput:
        errors["closed_days"] = "Write one day a line, such as 2026-12-24."
    return found


def _number(form: MultiDict[str, str], name: str, most: int, unit: str, errors: dict[str, str]) -> int | None:
    """A whole number, or None where the field is empty."""
    given = form.get(name, "").strip()
    if not given:
        return None
    if given.isdecimal() and given.isascii() and 1 <= int(given[:9]) <= most:
        return int(given)
    errors[name] = f"Enter {unit} as a whole number from 1 to {most}, or nothing."
    return None


def titles() -> Mapping[str, str]:
    """What the form calls the severities."""
    return {"urgent": "Urgent (priority 65 and up)", "high": "High (45 and up)", "normal": "All others"}
