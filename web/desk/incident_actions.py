"""What the forms of an incident do, by the last part of their address. Each gives the sentence that tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import BadInput
from responder.incidents import incidents
from web import words

_MORNING = time(9)
_HOURS = {"hour": 1, "four": 4}


@dataclass(frozen=True, slots=True)
class Asked:
    """A form that was sent: for which incident, as which version of it was seen, by whom, and with which fields.

    `ticked` are the mentions that were ticked; `zone` is the brand's.
    """

    db: Session
    clock: Clock
    incident_id: int
    version: int
    user_id: int
    zone: str
    form: Mapping[str, str]
    ticked: Sequence[int] = ()

    @property
    def who(self) -> tuple[Session, Clock, int, int, int]:
        """What every verb of responder/incidents/incidents.py begins with."""
        return self.db, self.clock, self.incident_id, self.version, self.user_id


def _take(asked: Asked) -> str:
    incidents.take(*asked.who)
    return "This incident is yours."


def _give(asked: Asked) -> str:
    row = incidents.give(*asked.who, _number(asked.form.get("owner", "")))
    return f"{row.owner.name if row.owner else 'Somebody'} has it now."


def _give_up(asked: Asked) -> str:
    incidents.give_up(*asked.who)
    return "Nobody has it now."


def _snooze(asked: Asked) -> str:
    until = _until(asked)
    incidents.snooze(*asked.who, until)
    return f"Snoozed until {words.clock(until, asked.zone)}, or until its severity rises."


def _wake(asked: Asked) -> str:
    incidents.wake(*asked.who)
    return "It is awake."


def _rename(asked: Asked) -> str:
    row = incidents.rename(*asked.who, asked.form.get("name", ""))
    return f"It is called “{row.name}” now."


def _raise_severity(asked: Asked) -> str:
    row = incidents.raise_severity(*asked.who, asked.form.get("severity", ""))
    return f"It is {row.severity} now."


def _set_status(asked: Asked) -> str:
    incidents.set_status(*asked.who, asked.form.get("status", ""))
    return "Saved. Drafts of its cases quote it where they say {status}."


def _set_holding(asked: Asked) -> str:
    row = incidents.set_holding(*asked.who, asked.form.get("holding", ""))
    if not row.holding:
        return "There is no holding reply any more."
    return "Saved. Each of its open cases is suggested it; look at what would go out."


def _say(asked: Asked) -> str:
    incidents.say(*asked.who, asked.form.get("words", ""))
    return "Your line is on the timeline, for colleagues only."


def _take_out(asked: Asked) -> str:
    incidents.take_out(*asked.who, asked.ticked)
    return "Taken out. They join no incident by themselves again."


def _split(asked: Asked) -> str:
    incidents.split(*asked.who, asked.ticked, asked.form.get("name", ""))
    return "Split. The new incident stands among the open ones."


def _merge(asked: Asked) -> str:
    row = incidents.merge(*asked.who, _number(asked.form.get("other", "")))
    return f"Merged into “{row.name}”."


def _dismiss(asked: Asked) -> str:
    incidents.dismiss(*asked.who, asked.form.get("other", "").strip() or asked.form.get("why", ""))
    return "Dismissed. Its mentions make no other incident."


def _end(asked: Asked) -> str:
    incidents.end(*asked.who, asked.form.get("why", ""))
    return "Over. Below is what can be learned of it."


def _reopen(asked: Asked) -> str:
    incidents.reopen(*asked.who)
    return "It is open again."


ACTIONS: Mapping[str, Callable[[Asked], str]] = {
    "take": _take,
    "give": _give,
    "give_up": _give_up,
    "snooze": _snooze,
    "wake": _wake,
    "rename": _rename,
    "raise_severity": _raise_severity,
    "set_status": _set_status,
    "set_holding": _set_holding,
    "say": _say,
    "take_out": _take_out,
    "split": _split,
    "merge": _merge,
    "dismiss": _dismiss,
    "end": _end,
    "reopen": _reopen,
}
"""The last part of the address, and what it does; incident_moves.VERBS says who may."""


def _until(asked: Asked) -> datetime:
    """When a snooze ends: in some hours, at nine on the next day, or at a time of the brand's clock."""
    now, zone, choice = asked.clock.now(), ZoneInfo(asked.zone), asked.form.get("for", "")
    if choice in _HOURS:
        return now + timedelta(hours=_HOURS[choice])
    if choice == "tomorrow":
        tomorrow = now.astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(tomorrow, _MORNING, zone).astimezone(UTC)
    try:
        picked = datetime.fromisoformat(asked.form.get("until", ""))
        return (picked if picked.tzinfo else picked.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput("until: pick a day and a time to snooze until") from None


def _number(given: str) -> int:
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else 0
