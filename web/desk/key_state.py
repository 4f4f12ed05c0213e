"""How the key stands with which a reply did not go out, so that whoever reads the failure knows where to look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.tables import Case
from web import words
from web.listening.hearing import key_ends

TROUBLED = ("failed", "unsure")


@dataclass(frozen=True, slots=True)
class KeyState:
    """What is known of the key, in words; `source_id` is where it can be tested and entered anew."""

    source_id: int
    says: str
    bad: bool = False


def of(case: Case, now: datetime) -> KeyState | None:
    """The state of the key of the source that answers this case; None where nothing went wrong, or no key is used."""
    source = case.mention.source
    if case.state not in TROUBLED or source is None or source.credentials is None:
        return None
    whose = f"Its key stands for {source.account}" if source.account else "Nobody knows yet whom its key stands for"
    ends = key_ends(source)
    if source.state == "paused":
        return KeyState(source.id, f"{source.name} is paused: {source.reason or 'no reason was given'}", bad=True)
    if ends and ends <= now:
        return KeyState(source.id, f"Its key {words.expiry(ends, now)}: it has to be entered anew", bad=True)
    until = f" and {words.expiry(ends, now)}" if ends else ""
    worked = f"; it last worked at {words.at(source.last_ok_at, now)}" if source.last_ok_at else ""
    return KeyState(source.id, f"{whose}{until}{worked}", bad=source.account is None)
