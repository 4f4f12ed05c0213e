"""What a user should know of a case or an alert, written for them to find; each occasion is told once."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from core.clock import Clock
from core.db import insert
from core.tables import Notification


def tell(
    db: Session, clock: Clock, users: Iterable[int], case_id: int, kind: str, words: str, *, key: object = ""
) -> None:
    """Tell these users `words`, unless they were told of the same occasion (`kind` and `key`) of this case already."""
    rows = [
        {"user_id": one, "case_id": case_id, "kind": kind, "key": str(key), "words": words, "at": clock.now()}
        for one in sorted(set(users))
    ]
    if rows:
        db.execute(insert(db, Notification).on_conflict_do_nothing(), rows)


def tell_of_alert(
    db: Session, clock: Clock, users: Iterable[int], alert_id: int, kind: str, words: str, *, key: object = ""
) -> None:
    """Tell these users `words` about an alert, unless they were told of the same occasion of it already."""
    rows = [
        {"user_id": one, "alert_id": alert_id, "kind": kind, "key": str(key), "words": words, "at": clock.now()}
        for one in sorted(set(users))
    ]
    if rows:
        db.execute(insert(db, Notification).on_conflict_do_nothing(), rows)
