"""Deletions reach everything: what an author took back, asked us to erase, or we have kept for long enough.

Of a mention go its text and how that read before, link and unknown fields, and whatever was made from them: the
reasons of verdicts, drafts, replies that were not sent, and from those that were what they repeat of the author's words
and name. What stays is what no longer says anything about anybody: that there was a mention, when, its verdict, its
counts, and its id, so that it is never stored again. Cases that nothing is left of are closed, with an audit row that
says why. An author of whom no mention is left is emptied too.

Audit rows hold no text (responder/desk/states.py) and are kept. That something was forgotten, and how soon, is recorded
without saying what (tables.Forgetting).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Text, cast, delete, exists, func, literal, null, or_, select, update
from sqlalchemy.orm import Session

from core import audit, tables, text_index, waiting
from core.clock import Clock
from listener import copies
from listener.chunks import chunks
from listener.matching import fold_handle

GONE = "deleted by its author"
ERASED = "erased at the author's request"
EXPIRED = "older than we keep mentions"

CLOSES = ("new", "drafted", "proposed", "snoozed", "failed", "approved")
"""States of a case that forgetting closes. What is being sent, or perhaps was, a person still has to settle."""

_WORD = re.compile(r"\w+")
_QUOTE = 3
"""So many words in a row that the author wrote as well make a quote."""


def forget_mentions(
    db: Session, clock: Clock, ids: Iterable[int], why: str = GONE, asked_at: datetime | None = None
) -> int:
    """Empty these mentions and everything made from them; how many were not empty before.

    `asked_at` is since when they should have been gone (None: just now), for the record.
    """
    return sum(_forget(db, clock, part, why, asked_at or clock.now()) for part in chunks(sorted(ids)))


def forget_author(db: Session, clock: Clock, platform: str, handle: str) -> int:
    """Empty everything by an author, named by handle or by the platform's id; how many mentions that were."""
    author, wanted = tables.Author, fold_handle(handle)
    mine = select(author.id).where(author.platform == platform)
    named = or_(func.lower(author.handle) == wanted, author.handle == handle, author.native_id == handle)
    return forget_authors(db, clock, list(db.scalars(mine.where(named))), ERASED)


def forget_authors(
    db: Session, clock: Clock, author_ids: Iterable[int], why: str = GONE, asked_at: datetime | None = None
) -> int:
    """Empty everything by these authors, by id; how many mentions that were."""
    count, mention = 0, tables.Mention
    for part in chunks(sorted(author_ids)):
        wanted = select(mention.id).where(mention.author_id.in_(part), mention.deleted_at.is_(None))
        count += forget_mentions(db, clock, list(db.scalars(wanted)), why, asked_at)
        _empty_authors(db, part)
        text_index.scrub_soon(db, clock)
    return count


def forget_older_than(db: Session, clock: Clock, when: datetime) -> int:
    """Empty all mentions that were written before `when`; how many."""
    mention = tables.Mention
    old = select(mention.id).where(mention.created_at < when, mention.deleted_at.is_(None))
    return forget_mentions(db, clock, list(db.scalars(old)), EXPIRED)


def _forget(db: Session, clock: Clock, ids: Sequence[int], why: str, asked_at: datetime) -> int:
    mention, author = tables.Mention, tables.Author
    wanted = select(mention.id, mention.platform, mention.text, mention.author_id, author.handle, author.name)
    rows = db.execute(
        wanted.join(mention.author)
        .where(mention.id.in_(ids), mention.deleted_at.is_(None))
        .order_by(mention.id)
        .with_for_update(of=mention)
    ).all()
    if not rows:
        return 0
    live = [row.id for row in rows]
    _unquote_replies(db, clock, {row.id: (row.text, f"{row.handle} {row.name}") for row in rows})
    db.execute(delete(tables.OwnAnswer).where(answers_to(mention.id.in_(live))))
    emptied = update(mention).where(mention.id.in_(live))
    db.execute(emptied.values(text="", url=None, extra={}, deleted_at=clock.now()))
    db.execute(delete(tables.MentionVersion).where(tables.MentionVersion.mention_id.in_(live)))
    db.execute(update(tables.Verdict).where(tables.Verdict.mention_id.in_(live)).values(reasons=[], words=null()))
    drop_labels(db, live)
    aside = tables.SetAside
    db.execute(delete(aside).where(aside.subject == "mention", aside.subject_id.in_(live)))
    db.execute(delete(tables.Relevance).where(tables.Relevance.mention_id.in_(live)))
    copies.forget(db, live)
    _uncount(db, live)
    for stage in ("judge", "open_case", "count", "cluster"):
        waiting.done(db, stage, live)
    db.execute(delete(tables.Embedding).where(tables.Embedding.mention_id.in_(live)))
    _close_cases(db, clock, live, why)
    _unquote_notes(db, {row.id: (row.text, f"{row.handle} {row.name}") for row in rows})
    _empty_authors(db, sorted({row.author_id for row in rows}))
    for platform, number in sorted(Counter(row.platform for row in rows).items()):
        done = {"asked_at": asked_at, "done_at": clock.now(), "mentions": number}
        db.add(tables.Forgetting(platform=platform, why=why, **done))
    text_index.scrub_soon(db, clock)
    return len(live)


def drop_labels(db: Session, ids: Sequence[int]) -> None:
    """What people said of texts that are no longer there goes; of samples with labels no text was kept: they stay."""
    db.execute(delete(tables.Correction).where(tables.Correction.mention_id.in_(ids)))
    sample = tables.Sample
    db.execute(delete(sample).where(sample.mention_id.in_(ids), sample.labelled_at.is_(None)))


def _uncount(db: Session, ids: Sequence[int]) -> None:
    """The counts stay, but for words that nobody else said that day: those are the mention's own."""
    row, word = tables.Counted, tables.WordCount
    for one in db.scalars(select(row).where(row.mention_id.in_(ids))).all():
        mine = delete(word).where(word.brand_id == one.brand_id, word.day == one.hour.date(), word.mentions <= 1)
        db.execute(mine.where(word.word.in_(one.words)).execution_options(synchronize_session=False))
        db.delete(one)
    db.flush()


def _empty_authors(db: Session, ids: Sequence[int]) -> None:
    """Empty those of whom nothing is left."""
    author, mention = tables.Author, tables.Mention
    left = exists().where(mention.author_id == author.id, mention.deleted_at.is_(None))
    forgotten = literal("forgotten:") + cast(author.id, Text)
    emptied = (
        update(author).where(author.id.in_(ids), ~left).values(native_id=forgotten, handle="", name="", followers=None)
    )
    db.execute(emptied.execution_options(synchronize_session=False))


def _close_cases(db: Session, clock: Clock, mention_ids: Sequence[int], why: str) -> None:
    """Empty what the cases of these mentions hold. Where other mentions are left, the first of them takes over."""
    case, member, mention = tables.Case, tables.CaseMention, tables.Mention
    joined = update(member).where(member.mention_id.in_(mention_ids))
    db.execute(joined.values(why=why).execution_options(synchronize_session=False))
    cases = db.execute(
        select(case.id, case.state, case.mention_id)
        .where(case.mention_id.in_(mention_ids))
        .order_by(case.id)
        .with_for_update()
    ).all()
    ids = [row.id for row in cases]
    db.execute(delete(tables.Draft).where(tables.Draft.case_id.in_(ids)))
    left = select(member.case_id, func.min(member.mention_id)).join(mention, mention.id == member.mention_id)
    left = left.where(member.case_id.in_(ids), mention.deleted_at.is_(None)).group_by(member.case_id)
    heirs = dict(db.execute(left).all())
    emptied = update(case).where(case.id.in_([one for one in ids if one not in heirs])).values(reasons=[], facts={})
    db.execute(emptied.execution_options(synchronize_session=False))
    for row in cases:
        heir = heirs.get(row.id) if row.state != "sending" else None
        if row.state in CLOSES:
            state = "dismissed" if heir is None else "new"
            _change(db, clock, row.id, state=state, mention_id=heir or row.mention_id)
        elif heir is not None:
            _change(db, clock, row.id, mention_id=heir)
        action = "gone" if heir is None and row.state in CLOSES else "mention_gone"
        audit.add(db, audit.Entry(clock.now(), action, row.id, detail={"why": why}))


def _change(db: Session, clock: Clock, case_id: int, **values: object) -> None:
    """Whoever has the case in hand has to look again; the caller has locked it."""
    case = tables.Case
    changed = update(case).where(case.id == case_id).values(version=case.version + 1, changed_at=clock.now(), **values)
    db.execute(changed.execution_options(synchronize_session=False))


def _unquote_replies(db: Session, clock: Clock, said: dict[int, tuple[str, str]]) -> None:
    """Take the author's words and name out of replies that left, or may have; a reply to them that did not is empty.

    One that somebody approved for another mention of the same case still goes out as it was approved.
    """
    reply, case, member = tables.Reply, tables.Case, tables.CaseMention
    own = db.execute(select(case.id, case.mention_id).where(case.mention_id.in_(said))).all()
    joined = db.execute(select(member.case_id, member.mention_id).where(member.mention_id.in_(said)))
    theirs: dict[int, set[int]] = {}
    for case_id, mention_id in (*own, *joined):
        theirs.setdefault(case_id, set()).add(mention_id)
    ours = select(reply.id).where(reply.case_id.in_(theirs))
    db.execute(delete(tables.Draft).where(tables.Draft.reply_id.in_(ours)))  # suggested again for like posts of others
    wanted = select(reply.id, reply.case_id, reply.text, reply.sending_at).order_by(reply.id)
    for row in db.execute(wanted.where(reply.case_id.in_(theirs))).all():
        left = row.text if row.sending_at or row.case_id not in dict(own) else ""
        for mention_id in theirs[row.case_id] if row.sending_at else ():
            left = unquoted(left, *said[mention_id])
        if left != row.text:
            db.execute(update(reply).where(reply.id == row.id).values(text=left))
        if row.sending_at:
            waiting.add(db, clock, "redact", [row.id])  # copies of it outside the database (responder/outbox/redact.py)


def _unquote_notes(db: Session, said: dict[int, tuple[str, str]]) -> None:
    """Take the author's words and name out of what colleagues noted on the cases."""
    note, member = tables.Note, tables.CaseMention
    theirs = select(note.id, note.text, member.mention_id).join(member, member.case_id == note.case_id)
    left: dict[int, str] = {}
    for row in db.execute(theirs.where(member.mention_id.in_(said))).all():
        left[row.id] = unquoted(left.get(row.id, row.text), *said[row.mention_id])
    for note_id, words in left.items():
        db.execute(update(note).where(note.id == note_id).values(text=words))


def _unquote_alerts(db: Session, clock: Clock, ids: Sequence[int]) -> None:
    """Messages outside that quote them are composed anew, without them (responder/alerts)."""
    told = select(tables.Delivery.alert_id).join(tables.Quoted, tables.Quoted.delivery_id == tables.Delivery.id)
    waiting.add(db, clock, "alert", set(db.scalars(told.where(tables.Quoted.mention_id.in_(ids)))))


def answers_to(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition that an answer of ours, given on the platform itself, is to one of these mentions."""
    answer, mention = tables.OwnAnswer, tables.Mention
    same = exists().where(mention.platform == answer.platform, mention.native_id == answer.reply_to)
    return same.where(which).correlate(answer)


def unquoted(reply: str, said: str, names: str) -> str:
    """Our reply without what it repeats of a mention: the author's names, its numbers and codes, and quotes.

    Each such part becomes "…".
    """
    words = list(_WORD.finditer(reply))
    folded = [word[0].casefold() for word in words]
    theirs = [word.casefold() for word in _WORD.findall(said)]
    secret = {word.casefold() for word in _WORD.findall(names)} | {word for word in theirs if re.search(r"\d", word)}
    quotes = {tuple(theirs[at : at + _QUOTE]) for at in range(len(theirs) - _QUOTE + 1)}
    repeated = {at for at, word in enumerate(folded) if word in secret}
    for at in range(len(folded) - _QUOTE + 1):
        if tuple(folded[at : at + _QUOTE]) in quotes:
            repeated.update(range(at, at + _QUOTE))
    left, end = [], 0
    for at, word in enumerate(words):
        if at in repeated:
            if at - 1 not in repeated:
                left.append(reply[end : word.start()] + "…")
            end = word.end()
    return "".join(left) + reply[end:]
