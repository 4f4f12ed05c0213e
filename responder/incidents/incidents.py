"""What a person can do to an incident. Each verb is one conditional update with one winner (incident_moves.py).

All take the `version` of the incident that the person looked at, give the incident as it is afterwards (`split` the id
of the new one), and raise Stale when somebody was faster, Forbidden when its state does not allow it, or BadInput when
what was given cannot be used; all say why in words for that person. They run in the caller's transaction. Whether the
user's role lets them is for the caller to check: incident_moves.VERBS says who may. After a commit nudge the stages
"alert" and "incident".

A snoozed incident is open, and asks nobody for anything before `snoozed_until` or until its severity rises.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import alerts, audit, roles, waiting
from core.clock import Clock
from core.errors import BadInput
from core.tables import Incident, IncidentEvent, IncidentMention, KnownIssue, User
from responder.checks.guard import check
from responder.desk.states import name_of
from responder.drafts import playbook
from responder.incidents import incident_cases, known_issues
from responder.incidents.incident_members import held, merge, put_in, split, take_out
from responder.incidents.incident_moves import STATES, VERBS, move, named, note, refusal, told_outside
from sentiment.ripple.severity import worse

__all__ = [
    "STATES",
    "VERBS",
    "dismiss",
    "end",
    "give",
    "give_up",
    "merge",
    "put_in",
    "raise_severity",
    "rename",
    "reopen",
    "reword",
    "say",
    "set_holding",
    "set_status",
    "snooze",
    "split",
    "take",
    "take_out",
    "wake",
]

LONGEST_WORDS = 2_000
"""Characters of a line that somebody writes on the timeline, and of a reason."""

LONGEST_SNOOZE = timedelta(days=30)


def take(db: Session, clock: Clock, incident_id: int, version: int, user_id: int) -> Incident:
    """Have it as one's own to see to."""
    return _owned(db, clock, "take", incident_id, version, user_id, user_id)


def give(db: Session, clock: Clock, incident_id: int, version: int, user_id: int, owner_id: int) -> Incident:
    """Let somebody else see to it, who may."""
    brand_id = db.scalar(select(Incident.brand_id).where(Incident.id == incident_id))
    able = select(User.id).where(User.id == owner_id, roles.holds("agent", brand_id or 0))
    if db.scalar(able) is None:
        raise BadInput("owner: choose somebody who may answer for this brand")
    return _owned(db, clock, "give", incident_id, version, user_id, owner_id)


def give_up(db: Session, clock: Clock, incident_id: int, version: int, user_id: int) -> Incident:
    """Nobody sees to it any more."""
    row = move(db, clock, "give_up", incident_id, version, user_id, owner_id=None)
    told_outside(db, clock, row)
    return row


def snooze(db: Session, clock: Clock, incident_id: int, version: int, user_id: int, until: datetime) -> Incident:
    """Let it rest until then, or until its severity rises."""
    if not clock.now() < until <= clock.now() + LONGEST_SNOOZE:
        raise BadInput(f"until: choose a time to come, within {LONGEST_SNOOZE.days} days")
    words, detail = f"until {until:%Y-%m-%d %H:%M} UTC", {"until": until.isoformat()}
    row = move(db, clock, "snooze", incident_id, version, user_id, words, detail, snoozed_until=until)
    waiting.add(db, clock, incident_cases.STAGE, [row.id], until)
    told_outside(db, clock, row)
    return row


def wake(db: Session, clock: Clock, incident_id: int, version: int, user_id: int) -> Incident:
    """End its snooze."""
    row = move(db, clock, "wake", incident_id, version, user_id, snoozed_until=None)
    told_outside(db, clock, row)
    return row


def rename(db: Session, clock: Clock, incident_id: int, version: int, user_id: int, name: str) -> Incident:
    """Call it so; its own words name it no longer."""
    name = named(name)
    row = move(
        db, clock, "rename", incident_id, version, user_id, name, audit.fingerprint(name), name=name, named_by=user_id
    )
    told_outside(db, clock, row)
    return row


def raise_severity(db: Session, clock: Clock, incident_id: int, version: int, user_id: int, severity: str) -> Incident:
    """Say that it is more severe than its figures say; nothing lowers that by itself."""
    now = db.scalar(select(Incident.severity).where(Incident.id == incident_id))
    if severity not in alerts.SEVERITIES or (now and not worse(severity, now)):
        raise BadInput("severity: it can only be raised; choose a worse one than it has")
    values = {"severity": severity, "reasons": [f"{name_of(db, user_id)} says so"], "snoozed_until": None}
    told = f"it is {severity}"
    row = move(db, clock, "raise_severity", incident_id, version, user_id, told, {"severity": severity}, **values)
    told_outside(db, clock, row)
    return row


def set_status(db: Session, clock: Clock, incident_id: int, version: int, user_id: int, text: str) -> Incident:
    """What may be said of it in public: the status of its known issue, which is made if there is none. {status} in
    any draft of its cases stands for it."""
    row = move(db, clock, "set_status", incident_id, version, user_id, "", audit.fingerprint(text))
    known = db.get(KnownIssue, row.known_issue_id) if row.known_issue_id else None
    known = known if known and known.ended_at is None else None
    issue = known_issues.save(db, clock, row.brand_id, row.name, text, known.url if known else None, known)
    row.known_issue_id = issue.id
    db.flush()
    incident_cases.bring_up_to_date(db, clock, row)
    told_outside(db, clock, row)
    return row


def set_holding(db: Session, clock: Clock, incident_id: int, version: int, user_id: int, text: str) -> Incident:
    """The reply that is suggested in each of its cases, with placeholders as in the playbook; empty: none."""
    text = text.replace("\r\n", "\n").strip()
    _refuse_holding(text)
    changed = {"holding": text, "holding_version": Incident.holding_version + 1}
    row = move(db, clock, "set_holding", incident_id, version, user_id, "", audit.fingerprint(text), **changed)
    incident_cases.bring_up_to_date(db, clock, row)
    return row


def say(
    db: Session, clock: Clock, incident_id: int, version: int | None, user_id: int | None, words: str, key: str = ""
) -> Incident:
    """Write a line on its timeline, for colleagues alone. `version` only says what the person saw: what others do
    meanwhile is no reason to lose a line. The same `key` is written once."""
    del version
    words = words.replace("\r\n", "\n").strip()
    if not words or len(words) > LONGEST_WORDS:
        raise BadInput(f"words: write at most {LONGEST_WORDS:,} characters, and something")
    row = db.get(Incident, incident_id, populate_existing=True)
    if row is None or row.state not in VERBS["say"].states:
        raise refusal(db, incident_id, None)
    if not (key and incident_cases.has_line(db, row.id, "say", key)):
        note(db, clock, row, "say", user_id, words, key=key, detail=audit.fingerprint(words))
        told_outside(db, clock, row)
    return row


def reword(db: Session, clock: Clock, incident_id: int, key: str, words: str) -> bool:
    """Let the line with this key, written elsewhere, say what it says there by now; whether it said otherwise."""
    mine = select(IncidentEvent).where(IncidentEvent.incident_id == incident_id, IncidentEvent.key == key)
    event = db.scalars(mine.where(IncidentEvent.kind == "say").with_for_update()).one_or_none()
    words = words.replace("\r\n", "\n").strip()[:LONGEST_WORDS]
    if event is None or not words or event.words == words:
        return False
    event.words = words
    detail = {"incident": incident_id, **audit.fingerprint(words)}
    audit.add(db, audit.Entry(clock.now(), "incident_reword", None, event.user_id, detail))
    return True


def dismiss(db: Session, clock: Clock, incident_id: int, version: int, user_id: int, why: str) -> Incident:
    """It is none, or not ours, for this reason: its mentions stay with it, so that they make no other."""
    why = _reason(why)
    held(db, incident_id)
    row = move(db, clock, "dismiss", incident_id, version, user_id, why, **_over(clock, user_id, why))
    members = update(IncidentMention).where(IncidentMention.incident_id == row.id)
    db.execute(members.values(by_hand=True).execution_options(synchronize_session=False))
    _close(db, clock, row, user_id)
    return row


def end(db: Session, clock: Clock, incident_id: int, version: int, user_id: int, why: str) -> Incident:
    """It is over, for this reason: its known issue ends with it, and brings the open cases back."""
    why = _reason(why)
    row = move(db, clock, "end", incident_id, version, user_id, why, **_over(clock, user_id, why))
    _close(db, clock, row, user_id)
    return row


def reopen(db: Session, clock: Clock, incident_id: int, version: int, user_id: int) -> Incident:
    """It was ended or dismissed by mistake; people are told anew."""
    nothing: dict[str, Any] = {"ended_at": None, "ended_by": None, "why_ended": "", "first_reply_at": None}
    row = move(db, clock, "reopen", incident_id, version, user_id, **nothing)
    words = f"open again: {row.name}"
    alerts.tell(db, clock, "incident", row.id, row.brand_id, row.severity, words, key=str(row.version))
    incident_cases.bring_up_to_date(db, clock, row)
    return row


def _owned(
    db: Session, clock: Clock, verb: str, incident_id: int, version: int, user_id: int, owner_id: int
) -> Incident:
    """Its owner changes; when somebody took it first is kept."""
    whom = name_of(db, owner_id) if owner_id != user_id else ""
    since = func.coalesce(Incident.taken_at, clock.now())
    row = move(
        db, clock, verb, incident_id, version, user_id, whom, {"owner": owner_id},
        owner_id=owner_id, taken_at=since, snoozed_until=None,
    )  # fmt: skip
    alerts.taken(db, clock, "incident", row.id)
    return row


def _over(clock: Clock, user_id: int, why: str) -> dict[str, Any]:
    return {"ended_at": clock.now(), "ended_by": user_id, "why_ended": why, "snoozed_until": None}


def _close(db: Session, clock: Clock, row: Incident, user_id: int) -> None:
    """What an incident leaves behind when it is over."""
    row.first_reply_at = incident_cases.first_reply_at(db, row.id)
    waiting.done(db, incident_cases.STAGE, [row.id])
    incident_cases.drop_drafts(db, row.id)
    issue = db.get(KnownIssue, row.known_issue_id) if row.known_issue_id else None
    if issue is not None and issue.ended_at is None:
        known_issues.end(db, clock, issue, user_id)
    db.flush()
    alerts.closed(db, clock, "incident", row.id)


def _refuse_holding(text: str) -> None:
    """Raise BadInput when the guard would stop the text whatever is filled in, or a placeholder is none."""
    if bad := playbook.unknown(text):
        known = ", ".join(f"{{{one}}}" for one in playbook.PLACEHOLDERS)
        raise BadInput(
            f"holding: no placeholder is called {', '.join(f'{{{one}}}' for one in bad)}; there are: {known}"
        )
    spared = ("empty", "placeholder")
    if stops := [one.message for one in check(text, platform="") if one.blocks and one.kind not in spared]:
        raise BadInput(f"holding: {'; '.join(stops)}")


def _reason(why: str) -> str:
    why = " ".join(why.split())
    if not why or len(why) > LONGEST_WORDS:
        raise BadInput(f"why: say why, in at most {LONGEST_WORDS:,} characters")
    return why
