"""Takes a brand away with all that is its alone, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Select, delete, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from core import text_index, waiting
from core.clock import Clock
from core.tables import (
    Alert,
    Author,
    Brand,
    CareChange,
    Case,
    Delivery,
    Incident,
    KnownIssue,
    Match,
    Mention,
    OwnAnswer,
    Reply,
    Ripple,
    SetAside,
    Topic,
    Waiting,
)
from listener.chunks import chunks
from listener.confirm import STAGE
from listener.forget import answers_to

_SUBJECTS = {
    **dict.fromkeys(("judge", "open_case", "count", "cluster", "spread"), "mention"),
    **dict.fromkeys(("calm", "history", "digest"), "brand"),
    "topic": "topic",
    **{"post": "reply", "ripple": "ripple", "alert": "alert", "deliver": "delivery", "incident": "incident"},
    "issue": "issue",
}
"""What the ids that wait for a stage are ids of."""


def remove_brand(db: Session, clock: Clock, brand: Brand) -> int:
    """Remove the brand with its queries, sources, playbook and cases, and the mentions that are no other brand's.

    Verdicts, drafts and replies go with their mentions and cases, authors of whom nothing is left go too; the audit
    stays. A mention that is another brand's as well looks for that brand's case anew. Gives the number of mentions.
    """
    doomed, shared = _mentions(db, brand)
    _stop_waiting(db, {"mention": select(Mention.id).where(doomed), **_of_brand(brand)})
    _remove_answers(db, brand, doomed)
    authors = sorted(db.scalars(select(Mention.author_id).where(doomed).distinct()))
    count = db.scalar(select(func.count()).select_from(Mention).where(doomed)) or 0
    db.execute(delete(Mention).where(doomed).execution_options(synchronize_session=False))
    for part in chunks(authors):
        left = exists().where(Mention.author_id == Author.id)
        db.execute(delete(Author).where(Author.id.in_(part), ~left))
    db.execute(delete(Brand).where(Brand.id == brand.id))
    db.execute(delete(CareChange).where(CareChange.brand_id == brand.id))  # noted as its cases went
    text_index.scrub(db)
    waiting.add(db, clock, "open_case", shared)
    return count


def _mentions(db: Session, brand: Brand) -> tuple[ColumnElement[bool], list[int]]:
    """The condition on mentions that are the brand's alone, and the ids of those whose case another brand may need."""
    others = aliased(Match)
    also_others = exists().where(others.mention_id == Mention.id, others.brand_id != brand.id)
    own = Mention.id.in_(select(Match.mention_id).where(Match.brand_id == brand.id))
    cased = select(Mention.id).join(Case, Case.mention_id == Mention.id).where(Case.brand_id == brand.id, also_others)
    return own & ~also_others, list(db.scalars(cased))


def _of_brand(brand: Brand) -> dict[str, Select[int]]:
    """The ids of what is the brand's and goes with it, by what they are ids of."""
    return {
        "brand": select(Brand.id).where(Brand.id == brand.id),
        "topic": select(Topic.id).where(Topic.brand_id == brand.id),
        "reply": select(Reply.id).join(Case).where(Case.brand_id == brand.id),
        "incident": select(Incident.id).where(Incident.brand_id == brand.id),
        "issue": select(KnownIssue.id).where(KnownIssue.brand_id == brand.id),
        "ripple": select(Ripple.id).where(Ripple.brand_id == brand.id),
        "alert": select(Alert.id).where(Alert.brand_id == brand.id),
        "delivery": select(Delivery.id).join(Alert).where(Alert.brand_id == brand.id),
    }


def _remove_answers(db: Session, brand: Brand, doomed: ColumnElement[bool]) -> None:
    """What was answered on the platforms themselves, to the brand's mentions or by its accounts."""
    accounts = [(own.platform, own.handle) for own in brand.own_accounts]
    theirs = tuple_(OwnAnswer.platform, OwnAnswer.account).in_(accounts)
    answers = sorted(db.scalars(select(OwnAnswer.id).where(answers_to(doomed) | theirs)))
    for part in chunks(answers):
        waiting.done(db, STAGE, part)
        db.execute(delete(OwnAnswer).where(OwnAnswer.id.in_(part)))


def _stop_waiting(db: Session, gone: Mapping[str, Select[int]]) -> None:
    """No stage looks for what is gone."""
    for stage, subject in _SUBJECTS.items():
        db.execute(delete(Waiting).where(Waiting.stage == stage, Waiting.subject_id.in_(gone[subject])))
    aside = ((SetAside.subject == subject) & SetAside.subject_id.in_(ids) for subject, ids in gone.items())
    db.execute(delete(SetAside).where(or_(*aside)))
