"""After the reply: the `follow_up` stage proposes to ask whether all is well now.

When a complaint was answered, and nothing was heard for the brand's `follow_up_hours`, its case comes back to the inbox
with a draft from the playbook (an entry tagged `follow-up`). A person sends it or not, as every reply; it is proposed
once per complaint, only where we may answer, and not at all where the playbook has no such entry.

What the author says by themselves is judged when it comes (responder/desk/desk.py, responder/desk/outcome.py).
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session, joinedload

from core import waiting
from core.clock import Clock
from core.runtime import Runtime
from core.tables import Case, Mention
from responder.desk.outcome import BETTER
from responder.desk.states import move
from responder.drafts import playbook, tagged
from responder.timing.clock import ANSWERED, FOLLOW_UP

STAGE = FOLLOW_UP
BATCH = 50
"""Cases per transaction."""

PRIORITY = 15
"""Nobody waits for it: it stands below every complaint."""

_REASON = "ask whether all is well now"


def work(runtime: Runtime) -> int:
    """Propose what is due; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, STAGE):
            return 0
    with runtime.db.write() as db:
        return propose(db, runtime.clock)


def propose(db: Session, clock: Clock, limit: int = BATCH) -> int:
    """Bring back at most so many cases that were answered long enough ago; gives how many it saw."""
    ids = waiting.take(db, clock, STAGE, limit)
    post = joinedload(Case.mention).joinedload(Mention.author)
    found = select(Case).options(joinedload(Case.brand), post).where(Case.id.in_(ids))
    rows = db.scalars(found.with_for_update(of=Case, skip_locked=True)).all()
    for row in rows:
        if _nothing_heard(row, clock) and (entry := tagged.entry_for(db, clock.now(), row, playbook.FOLLOW_UP)):
            tagged.suggest(db, clock, row, entry, f"nothing heard since our reply; “{entry.name}”")
            values = {"priority": PRIORITY, "severity": "normal", "reasons": [_REASON]}
            move(db, clock, "follow_up", row.id, row.version, None, {"entry": entry.id}, **values)
    seen = {row.id for row in rows}
    done = [one for one in ids if one in seen or db.get(Case, one) is None]
    waiting.done(db, STAGE, done)
    return len(done)


def recovered() -> ColumnElement[bool]:
    """The condition that a complaint was answered and its author sounded better afterwards, for trends."""
    return and_(Case.kind == "complaint", Case.outcome == BETTER)


def _nothing_heard(row: Case, clock: Clock) -> bool:
    """Whether the case still stands as we left it, and its author may be asked."""
    still = row.state in ANSWERED and row.follow_up_at is not None and row.follow_up_at <= clock.now()
    silent = row.outcome_at is None or (row.resolved_at is not None and row.outcome_at < row.resolved_at)
    return still and silent and row.permission != "no" and row.mention.deleted_at is None
