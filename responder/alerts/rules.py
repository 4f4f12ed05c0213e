"""Who hears what of a brand, where and when: a rule read, asked, and said in words.

`hours` of a rule say when its channel may be disturbed:

    {"when": "always"}
    {"when": "business"}                                        the brand's own hours and closed days
    {"when": "custom", "spans": {"mon": ["08:00", "18:00"]}}    as Brand.hours, in the brand's time zone

each with "break_from" as well, if from some severity on the hours do not count, and with "digest" (daily or weekly).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.alerts import SEVERITIES
from core.errors import BadInput
from core.tables import Alert, AlertRule, Brand
from responder.timing.sla import WEEKDAYS, OpenHours

HEARD = {"incident": "incidents", "spread": "posts that take off", "breach": "late replies"}
HEARD |= {"source": "sources and channels that need a person", "digest": "digests"}
"""What a rule may hear, in words; "source" includes what our own channels and canaries have to say."""

_AS_SOURCE = frozenset({"source", "canary", "channel"})
_DAYS = dict(zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True))


def hears(rule: AlertRule, alert: Alert) -> bool:
    """Whether a rule is about this alert. That a channel is in trouble is not told to that channel."""
    kind = kind_of(alert)
    if kind == "digest":
        every = "weekly" if "W" in alert.key else "daily"
        return kind in rule.kinds and rule.hours.get("digest", "daily") == every
    itself = alert.kind == "channel" and alert.subject_id == rule.channel_id
    return kind in rule.kinds and at_least(alert.severity, rule.severity) and not itself


def kind_of(alert: Alert) -> str:
    """As which of HEARD an alert is heard."""
    return "source" if alert.kind in _AS_SOURCE else alert.kind


def at_least(severity: str, least: str) -> bool:
    """Whether a severity is `least` or more."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def due(hours: Mapping[str, Any], brand: Brand, severity: str, now: datetime) -> datetime:
    """When the channel of a rule with these hours may be told: now, or when they begin."""
    open_hours = _read(hours, brand)
    begins = hours.get("break_from")
    if open_hours is None or (begins and at_least(severity, begins)):
        return now
    opens, _ = next(open_hours.from_(now), (now, now))
    return max(now, opens)


def check(hours: Mapping[str, Any], brand: Brand) -> None:
    """Raises BadInput where the hours cannot be read, or never come."""
    open_hours = _read(hours, brand)
    if open_hours is not None and next(open_hours.from_(datetime.now(open_hours.zone)), None) is None:
        raise BadInput("hours: they never come. Choose at least one day.")


def _read(hours: Mapping[str, Any], brand: Brand) -> OpenHours | None:
    """None: at all times."""
    match hours.get("when", "always"):
        case "business":
            return OpenHours.read(brand.hours, brand.timezone, brand.holidays)
        case "custom":
            return OpenHours.read(hours.get("spans") or dict.fromkeys(WEEKDAYS, ()), brand.timezone)
        case _:
            return None


def in_words(rule: AlertRule, channel: str, escalate_to: str | None) -> str:
    """The rule as a sentence: "Incidents from high on go to #care at any hour. If nobody ..."."""
    kinds = [words for kind, words in HEARD.items() if kind in rule.kinds]
    if not kinds:
        return "This rule hears of nothing: choose what it is about."
    what = _listed(kinds)
    least = f" from {rule.severity} on" if rule.severity != "normal" and rule.kinds != ["digest"] else ""
    said = f"{what[:1].upper()}{what[1:]}{least} go to {channel} {_when(rule.hours)}."
    if rule.escalate_minutes and escalate_to:
        said += f" If nobody has taken it {rule.escalate_minutes} min later, it also goes to {escalate_to}."
    return said


def _when(hours: Mapping[str, Any]) -> str:
    begins = f"; from {hours['break_from']} on at any hour" if hours.get("break_from") else ""
    match hours.get("when", "always"):
        case "business":
            return f"in the brand’s business hours{begins}"
        case "custom":
            return f"{_spans(hours.get('spans') or {})}{begins}"
        case _:
            return "at any hour"


def _spans(spans: Mapping[str, Any]) -> str:
    times = sorted({f"{one[0]} to {one[1]}" for one in spans.values()})
    days = [name for name in WEEKDAYS if name in spans]
    if days == list(WEEKDAYS):
        on = "every day"
    elif days == list(WEEKDAYS[:5]):
        on = "Monday to Friday"
    else:
        on = _listed([_DAYS[name] for name in days])
    return f"{on} {_listed(times)}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
