"""What the guard may know of a case, read from the database in a few quick questions."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.tables import Author, Brand, Case, CaseMention, Draft, Mention, Reply, User, Verdict
from responder.checks import names
from responder.checks.finding import MAY_BLOCK, Situation

RECENT = 300
"""The brand's newest cases, the authors of which are other customers."""

_ANGRY = 0.5
"""From this share of anger, or of offence, an author counts as angry."""


def situation_of(db: Session, case: Case) -> Situation:
    """The situation of one case, whose mention and brand are loaded."""
    verdict = db.scalars(
        select(Verdict).where(Verdict.mention_id == case.mention_id).order_by(Verdict.id.desc()).limit(1)
    ).one_or_none()
    return Situation(
        complaint=bool(verdict and (verdict.complaint or verdict.sentiment == "negative")),
        angry=bool(verdict and _is_angry(verdict)),
        language=verdict.language if verdict else "",
        turns=_turns(db, case),
        others=_others(db, case),
        known=_known(db, case),
        written=db.scalars(select(Draft.id).where(Draft.case_id == case.id, Draft.origin == "writer")).first()
        is not None,
        blocks=blocked(case.brand),
    )


def blocked(brand: Brand) -> frozenset[str]:
    """The kinds that the brand wants stopped rather than warned of."""
    return frozenset(kind for kind in brand.guard.get("blocks", ()) if kind in MAY_BLOCK)


def _is_angry(verdict: Verdict) -> bool:
    if verdict.sentiment == "positive" or verdict.complaint is False:
        return False
    return verdict.emotions.get("anger", 0.0) >= _ANGRY or (verdict.offensive or 0.0) >= _ANGRY


def _turns(db: Session, case: Case) -> int:
    """Replies of ours that were sent in this case, or in another of the same thread and author."""
    same = or_(Case.id == case.id, (Case.thread == case.thread) & (Case.author_id == case.author_id))
    sent = select(func.count()).select_from(Reply).join(Case).where(Case.brand_id == case.brand_id, same)
    return db.scalar(sent.where(Reply.sent_at.is_not(None))) or 0


def _others(db: Session, case: Case) -> frozenset[str]:
    newest = select(Case.author_id).where(Case.brand_id == case.brand_id).order_by(Case.id.desc()).limit(RECENT)
    authors = select(Author.name, Author.handle).where(Author.id.in_(newest), Author.id != case.author_id)
    return _folded((one.name, one.handle) for one in db.execute(authors))


def _known(db: Session, case: Case) -> frozenset[str]:
    """This case's authors, the brand and its own accounts, and colleagues, who sign with their names."""
    joined = select(Mention.author_id).join(CaseMention, CaseMention.mention_id == Mention.id)
    theirs = select(Author.name, Author.handle).where(
        or_(Author.id == case.author_id, Author.id.in_(joined.where(CaseMention.case_id == case.id)))
    )
    ours = [(case.brand.name, own.handle) for own in case.brand.own_accounts] or [(case.brand.name, "")]
    colleagues = [(name, "") for name in db.scalars(select(User.name))]
    return _folded([*((one.name, one.handle) for one in db.execute(theirs)), *ours, *colleagues])


def _folded(people: Iterable[tuple[str, str]]) -> frozenset[str]:
    return frozenset(called for name, handle in people for called in names.folded(name, handle))
