"""What the forms of a case do, by the last part of their address. Each gives the sentence that tells it was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import Brand, Case, Reply
from responder.desk import cases, holding
from responder.outbox import approving
from sentiment import relevance
from web import current, words

NOT_ABOUT_US = "not about us"
DISMISSALS = (NOT_ABOUT_US, "no complaint", "needs no answer", "answered elsewhere", "spam or abuse")
"""Why cases are mostly dismissed; anything else can be typed."""

UNDO = {
    "dismiss": "reopen",
    "snooze": "reopen",
    "answer_by_hand": "reopen",
    "propose": "recall",
    "claim": "release",
    "take_over": "release",
}
"""Which verb takes another one back. A reply that is about to go out has its own button (case/_countdown.html)."""

_LONGEST_WHY = 300
_MORNING = time(9)


@dataclass(frozen=True, slots=True)
class Asked:
    """A form that was sent: for which case, as which version of it was seen, by whom, and with which fields."""

    db: Session
    runtime: Runtime
    case_id: int
    version: int
    user_id: int
    name: str
    form: Mapping[str, str]

    @property
    def who(self) -> tuple[Session, Clock, int, int, int]:
        """What every verb of responder/desk/cases.py begins with."""
        return self.db, self.runtime.clock, self.case_id, self.version, self.user_id


def _approve(asked: Asked) -> str:
    at = _picked(asked, "at", "Pick the day and the time at which it goes out.") if asked.form.get("at") else None
    text, account = asked.form.get("text", ""), asked.form.get("account", "")
    reply = cases.approve(*asked.who, text, account=account, at=at, seen=_seen(asked))
    if at is not None:
        return f"Approved. It goes out{_whom(reply)} on {words.clock(at, _zone(asked))}."
    return _on_its_way(reply)


def _on_its_way(reply: Reply) -> str:
    return f"Approved. It goes out{_whom(reply)} in {cases.UNDO.seconds} seconds."


def _whom(reply: Reply) -> str:
    return f" as {reply.account}" if reply.account else ""


def _propose(asked: Asked) -> str:
    approving.propose(*asked.who, asked.form.get("text", ""), seen=_seen(asked))
    return "Proposed. It goes out when a second person approves it."


def _send_back(asked: Asked) -> str:
    approving.send_back(*asked.who, asked.form.get("why", ""))
    return "Sent back; its author is told why."


def _recall(asked: Asked) -> str:
    approving.recall(*asked.who)
    return "Taken back. The text is your draft again."


def _reschedule(asked: Asked) -> str:
    at = _picked(asked, "at", "Pick the day and the time at which it goes out.")
    cases.reschedule(*asked.who, at)
    return f"It goes out on {words.clock(at, _zone(asked))}."


def _withdraw(asked: Asked) -> str:
    cases.withdraw(*asked.who)
    return "Taken back before it went out. The text is your draft again."


def _answered(asked: Asked) -> str:
    cases.answer_by_hand(*asked.who, asked.form.get("text", ""), asked.form.get("url", "").strip() or None)
    return "Marked as answered by hand."


def _claim(asked: Asked) -> str:
    cases.claim(*asked.who)
    return "This case is yours."


def _take_over(asked: Asked) -> str:
    holding.take_over(*asked.who, asked.form.get("why", ""))
    return "This case is yours now. What others typed for it stands below your reply."


def _release(asked: Asked) -> str:
    cases.release(*asked.who)
    return "Others can take this case now."


def _dismiss(asked: Asked) -> str:
    why = asked.form.get("other", "").strip() or asked.form.get("why", "")
    if not why:
        raise BadInput("Say why this case needs no answer.")
    case = cases.dismiss(*asked.who, why[:_LONGEST_WHY])
    if why == NOT_ABOUT_US:
        relevance.say(asked.db, asked.runtime.clock, case.mention_id, case.brand_id, about_us=False, who=asked.name)
    return f"Dismissed: {why[:_LONGEST_WHY]}."


def _snooze(asked: Asked) -> str:
    zone = _zone(asked)
    until = _until(asked.form, asked.runtime.clock.now(), ZoneInfo(zone))
    cases.snooze(*asked.who, until)
    return f"Snoozed until {words.clock(until, zone)}."


def _reopen(asked: Asked) -> str:
    case = cases.reopen(*asked.who)
    relevance.unsay(asked.db, asked.runtime.clock, case.mention_id, case.brand_id)
    return "Back in the inbox."


def _unsure(asked: Asked) -> str:
    there = asked.form.get("there")
    if there not in {"yes", "no", "again"}:
        raise BadInput("Say whether the reply is on the platform.")
    case = cases.decide_unsure(*asked.who, is_there=there == "yes")
    if there == "again" and (reply := cases.last_reply(asked.db, asked.case_id)):
        who = (asked.db, asked.runtime.clock, asked.case_id, case.version, asked.user_id)
        again = cases.approve(*who, reply.text, account=reply.account)
        return _on_its_way(again)
    return "Marked as sent." if there == "yes" else "Marked as not sent. The text is in the box: approve it again."


def _until(form: Mapping[str, str], now: datetime, zone: ZoneInfo) -> datetime:
    """When a snooze ends: in an hour, at nine on the next day or Monday, or at a time of the brand's clock."""
    local, choice = now.astimezone(zone), form.get("for", "")
    if choice == "hour":
        return now + timedelta(hours=1)
    if choice in {"tomorrow", "monday"}:
        days = 1 if choice == "tomorrow" else 7 - local.weekday()
        return datetime.combine(local.date() + timedelta(days=days), _MORNING, zone).astimezone(UTC)
    return _moment(form.get("until", ""), zone, "Pick a day and a time to snooze until.")


def _picked(asked: Asked, name: str, otherwise: str) -> datetime:
    """A day and a time that were picked, of the brand's clock."""
    return _moment(asked.form.get(name, ""), ZoneInfo(_zone(asked)), otherwise)


def _moment(given: str, zone: ZoneInfo, otherwise: str) -> datetime:
    try:
        picked = datetime.fromisoformat(given)
        return (picked if picked.tzinfo else picked.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(otherwise) from None


def _seen(asked: Asked) -> int | None:
    """Which version of their own typed text the person's page knew."""
    return current.number(asked.form, "base") if "base" in asked.form else None


def _zone(asked: Asked) -> str:
    zone = select(Brand.timezone).join(Case, Case.brand_id == Brand.id).where(Case.id == asked.case_id)
    return asked.db.scalar(zone) or "UTC"


ACTIONS: Mapping[str, Callable[[Asked], str]] = {
    "approve": _approve,
    "propose": _propose,
    "send_back": _send_back,
    "recall": _recall,
    "reschedule": _reschedule,
    "withdraw": _withdraw,
    "answered": _answered,
    "claim": _claim,
    "take_over": _take_over,
    "release": _release,
    "dismiss": _dismiss,
    "snooze": _snooze,
    "reopen": _reopen,
    "unsure": _unsure,
}
"""The last part of the address, and what it does."""
