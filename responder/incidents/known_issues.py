"""What is wrong and known: cases are linked to it, their drafts quote its status, and its end brings them back.

Drafts come from the playbook: an entry tagged `known-issue` when a case is linked, one tagged `issue-ended` when the
issue ends. {status} in any draft or entry is the status as it stands when somebody reads it, so that a new status needs
no new drafts; in a case that is linked to nothing it stays unresolved, and the guard lets no such reply out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session, joinedload

from core import audit, waiting
from core.clock import Clock
from core.errors import BadInput
from core.tables import Case, Copy, Draft, KnownIssue, Mention, PlaybookEntry
from listener.chunks import chunks
from listener.matching import lists_of, stored_post
from listener.query import matches, parse
from responder.checks import guard
from responder.checks.finding import Finding
from responder.desk.states import OPEN_STATES, move
from responder.drafts import tagged
from responder.drafts.playbook import ISSUE_ENDED, KNOWN_ISSUE

LOOKED = 1_000
"""So many open cases, the newest, are looked through by a query."""

LONGEST_NAME = 200

ISSUES, ENDED = "issue", "issue_ended"
"""The stage that brings cases back, and what the audit calls that."""

AT_ONCE = 100
"""So many cases come back while the person waits who ended it."""


def check(status: str) -> tuple[Finding, ...]:
    """What the guard says of a status, which will stand in public replies."""
    return guard.check(status, platform="")


def save(
    db: Session, clock: Clock, brand_id: int, name: str, status: str, url: str | None, issue: KnownIssue | None = None
) -> KnownIssue:
    """Write a new issue, or change one. Raises BadInput that names the field and what is wrong with it."""
    name, status = " ".join(name.split()), status.replace("\r\n", "\n").strip()
    if not name or len(name) > LONGEST_NAME:
        raise BadInput(f"name: give it a name of at most {LONGEST_NAME} characters")
    if stops := [finding.message for finding in check(status) if finding.blocks and finding.kind != "empty"]:
        raise BadInput(f"status: {'; '.join(stops)}")
    row = issue or KnownIssue(brand_id=brand_id, opened_at=clock.now())
    row.name, row.status, row.url = name, status, url
    db.add(row)
    db.flush()
    return row


def link(db: Session, clock: Clock, issue: KnownIssue, case_ids: Collection[int], user_id: int | None) -> int:
    """Say that these cases of the brand are about the issue; gives how many were not linked to it before."""
    mine = (Case.id.in_(case_ids), Case.brand_id == issue.brand_id, Case.known_issue_id.is_distinct_from(issue.id))
    rows = _rows(db, *mine)
    for row in rows:
        row.known_issue_id = issue.id
        if issue.ended_at is None and row.state in OPEN_STATES:
            _suggest(db, clock, row, KNOWN_ISSUE, f"for the known issue “{issue.name}”")
    db.flush()
    audit.add(db, *(audit.Entry(clock.now(), "link_issue", row.id, user_id, {"issue": issue.id}) for row in rows))
    return len(rows)


def unlink(db: Session, clock: Clock, case_id: int, user_id: int) -> None:
    """Say that a case is about no known issue; the drafts that quote one go."""
    freed = update(Case).where(Case.id == case_id, Case.known_issue_id.is_not(None)).values(known_issue_id=None)
    brand_id = db.scalar(freed.returning(Case.brand_id))
    if brand_id is not None:
        _drop_drafts(db, brand_id, [case_id])
        audit.add(db, audit.Entry(clock.now(), "unlink_issue", case_id, user_id))


def end(db: Session, clock: Clock, issue: KnownIssue, user_id: int) -> int:
    """The issue is over: its open cases come back to the inbox with a draft that says so; gives how many. The first
    do at once, the others in the stage ISSUES (ended_issues.py)."""
    if issue.ended_at is not None:
        raise BadInput("this issue has ended already")
    issue.ended_at = clock.now()
    db.flush()
    ids = db.scalars(select(Case.id).where(Case.known_issue_id == issue.id, Case.state.in_(OPEN_STATES)))
    rows = sorted(ids)
    bring_back(db, clock, issue, rows[:AT_ONCE], user_id)
    if len(rows) > AT_ONCE:
        waiting.add(db, clock, ISSUES, [issue.id])
    return len(rows)


def bring_back(db: Session, clock: Clock, issue: KnownIssue, case_ids: Collection[int], user_id: int | None) -> None:
    """Let these cases of an issue that has ended come back."""
    rows = _rows(db, Case.id.in_(case_ids), Case.known_issue_id == issue.id, Case.state.in_(OPEN_STATES))
    _drop_drafts(db, issue.brand_id, [row.id for row in rows])
    for row in rows:
        _suggest(db, clock, row, ISSUE_ENDED, f"the known issue “{issue.name}” has ended")
        move(db, clock, ENDED, row.id, row.version, user_id, {"issue": issue.id}, snoozed_until=None)


def alike(db: Session, issue: KnownIssue) -> list[int]:
    """Open cases whose post says nearly the same as one that is linked."""
    linked = select(Case.mention_id).where(Case.known_issue_id == issue.id)
    firsts = select(Copy.first_id).where(Copy.mention_id.in_(linked))
    copies = select(Copy.mention_id).where(or_(Copy.first_id.in_(linked), Copy.first_id.in_(firsts)))
    same = or_(Case.mention_id.in_(copies), Case.mention_id.in_(firsts))
    return list(db.scalars(select(Case.id).where(same, *_open_elsewhere(issue)).order_by(Case.id)))


def matching(db: Session, issue: KnownIssue, query: str) -> list[int]:
    """Open cases whose post a query matches, of the newest LOOKED. Raises QuerySyntaxError."""
    wanted = parse(query, lists_of(db, issue.brand_id))
    post = joinedload(Case.mention)
    newest = select(Case).options(post.joinedload(Mention.author), post.joinedload(Mention.source))
    rows = db.scalars(newest.where(*_open_elsewhere(issue)).order_by(Case.id.desc()).limit(LOOKED))
    return sorted(row.id for row in rows if matches(wanted, stored_post(row.mention)))


def status_of(db: Session, row: Case) -> str:
    """What {status} stands for in a case; empty where it is linked to nothing."""
    issue = db.get(KnownIssue, row.known_issue_id) if row.known_issue_id else None
    return issue.status if issue else ""


def going_on(db: Session, brand_id: int) -> Sequence[KnownIssue]:
    """The issues of a brand that have not ended, the newest first."""
    mine = select(KnownIssue).where(KnownIssue.brand_id == brand_id, KnownIssue.ended_at.is_(None))
    return db.scalars(mine.order_by(KnownIssue.id.desc())).all()


def _open_elsewhere(issue: KnownIssue) -> tuple[ColumnElement[bool], ...]:
    """The conditions on open cases of the brand that are not linked to the issue."""
    mine = (Case.brand_id == issue.brand_id, Case.state.in_(OPEN_STATES))
    return (*mine, Case.known_issue_id.is_distinct_from(issue.id))


def _rows(db: Session, *wanted: ColumnElement[bool]) -> Sequence[Case]:
    """These cases, locked."""
    loaded = select(Case).options(joinedload(Case.brand), joinedload(Case.mention))
    found = loaded.where(*wanted).order_by(Case.id).with_for_update(of=Case)
    return db.scalars(found.execution_options(populate_existing=True)).all()


def _suggest(db: Session, clock: Clock, row: Case, tag: str, why: str) -> None:
    if row.permission != "no" and (entry := tagged.entry_for(db, clock.now(), row, tag)):
        tagged.suggest(db, clock, row, entry, why)


def _drop_drafts(db: Session, brand_id: int, case_ids: Sequence[int]) -> None:
    """Take away what was suggested in cases of a brand for the issue's sake."""
    entries = db.execute(select(PlaybookEntry.id, PlaybookEntry.tags).where(PlaybookEntry.brand_id == brand_id)).all()
    tags = {one.id for one in entries if {KNOWN_ISSUE, ISSUE_ENDED}.intersection(one.tags)}
    for part in chunks(case_ids):
        mine = (Draft.case_id.in_(part), Draft.origin == "playbook", Draft.playbook_id.in_(tags))
        db.execute(delete(Draft).where(*mine).execution_options(synchronize_session=False))
