"""Everything that the page of one case shows, read in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from core.tables import Audit, Case, CaseMention, Copy, Draft, Mention, MentionVersion, Reply, User, Verdict
from responder.desk.states import TRANSITIONS
from web.queries.seen import of_brand
from web.words import MOST_COUNTED

_THREAD = 30
_EARLIER = 5
_HISTORY = 100
_PARENTS = 5
_COPIES = 100
_VERSIONS = 5


@dataclass(frozen=True, slots=True)
class InThread:
    """A mention around the case's own, with its latest verdict; `why` says how it came to the case, if it did."""

    mention: Mention
    why: str | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Done:
    """One audit row, and the name of who it was; None is the service itself."""

    row: Audit
    name: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A case with all that belongs to it; lists are in the order in which they are shown.

    `alike` is how many posts say nearly the same as this one, itself included; counting ends at MOST_COUNTED.
    `versions` are the last of how the post read before its author edited it.
    """

    case: Case
    verdict: Verdict | None
    thread: Sequence[InThread]
    earlier: Sequence[Mention]
    drafts: Sequence[Draft]
    replies: Sequence[Reply]
    history: Sequence[Done]
    approvers: dict[int, str]
    alike: int = 1
    versions: Sequence[MentionVersion] = ()

    @property
    def reply(self) -> Reply | None:
        """The newest reply, sent or not."""
        return self.replies[-1] if self.replies else None

    @property
    def proposer(self) -> str | None:
        """Who wrote the text that waits for a second person."""
        return self.approvers.get(self.case.proposed_by or 0)

    @property
    def proposer_of_reply(self) -> str | None:
        """Who wrote the newest reply, where somebody else approved it."""
        reply = self.reply
        return self.approvers.get(reply.proposed_by or 0) if reply and reply.proposed_by != reply.approved_by else None

    @property
    def last_move(self) -> Done | None:
        """What was done to the case last, other than looking at it."""
        return next((done for done in self.history if done.row.action in TRANSITIONS), None)


def whole(db: Session, case_id: int) -> Whole | None:
    """The case, or None if there is none of this id."""
    post = joinedload(Case.mention)
    row = db.get(
        Case,
        case_id,
        options=[
            post.joinedload(Mention.author),
            post.joinedload(Mention.source),
            joinedload(Case.brand),
            joinedload(Case.owner),
            joinedload(Case.holder),
        ],
    )
    if row is None:
        return None
    replies = db.scalars(select(Reply).where(Reply.case_id == case_id).order_by(Reply.turn)).all()
    return Whole(
        row,
        _verdicts(db, [row.mention_id]).get(row.mention_id),
        _thread(db, row),
        _earlier(db, row.mention, row.brand_id),
        _drafts(db, case_id),
        replies,
        _history(db, row),
        _names(db, {row.proposed_by, *(one for reply in replies for one in (reply.approved_by, reply.proposed_by))}),
        _alike(db, row.mention_id),
        _versions(db, row.mention_id),
    )


def copies(db: Session, post: Mention, brand_id: int) -> Sequence[tuple[Mention, int | None]]:
    """The brand's newest posts that say nearly the same as this one, itself included, each with the id of its case if
    it has any with the brand."""
    first = _first(db, post.id)
    kind = select(Copy.mention_id).where(Copy.first_id == first)
    own = select(CaseMention.case_id, CaseMention.mention_id).join(Case).where(Case.brand_id == brand_id).subquery()
    query = select(Mention, own.c.case_id).outerjoin(own, own.c.mention_id == Mention.id)
    query = query.where(of_brand(brand_id, Mention.id))
    query = query.options(joinedload(Mention.author)).where(or_(Mention.id == first, Mention.id.in_(kind)))
    newest = query.where(Mention.deleted_at.is_(None)).order_by(Mention.created_at.desc(), Mention.id.desc())
    return [(mention, case_id) for mention, case_id in db.execute(newest.limit(_COPIES))]


def _alike(db: Session, mention_id: int) -> int:
    some = select(Copy.mention_id).where(Copy.first_id == _first(db, mention_id)).limit(MOST_COUNTED).subquery()
    return 1 + (db.scalar(select(func.count()).select_from(some)) or 0)


def _first(db: Session, mention_id: int) -> int:
    """The mention that this one is a copy of, or itself."""
    return db.scalar(select(Copy.first_id).where(Copy.mention_id == mention_id)) or mention_id


def _thread(db: Session, row: Case) -> list[InThread]:
    """What stands around the mention, oldest first: parents, the rest of the conversation, and what joined the case."""
    post = row.mention
    joined = {
        link.mention_id: link.why for link in db.scalars(select(CaseMention).where(CaseMention.case_id == row.id))
    }
    roots = {one for one in (post.conversation, post.native_id) if one}
    here = select(Mention).options(joinedload(Mention.author)).where(Mention.platform == post.platform).limit(_THREAD)
    here = here.where(of_brand(row.brand_id, Mention.id))
    around = [
        *_parents(db, post, row.brand_id),
        *db.scalars(here.where(Mention.native_id.in_(roots))),
        *db.scalars(here.where(Mention.conversation.in_(roots))),
        *db.scalars(select(Mention).options(joinedload(Mention.author)).where(Mention.id.in_(joined)).limit(_THREAD)),
    ]
    found = {mention.id: mention for mention in around if mention.id != post.id}
    in_order = sorted(found.values(), key=lambda mention: (mention.created_at, mention.id))
    verdicts = _verdicts(db, [*found])
    return [InThread(mention, joined.get(mention.id), verdicts.get(mention.id)) for mention in in_order]


def _versions(db: Session, mention_id: int) -> Sequence[MentionVersion]:
    version = MentionVersion
    last = select(version).where(version.mention_id == mention_id).order_by(version.id.desc()).limit(_VERSIONS)
    return db.scalars(last).all()[::-1]


def _verdicts(db: Session, mentions: Sequence[int]) -> dict[int, Verdict]:
    """The latest verdict of each mention."""
    query = select(Verdict).where(Verdict.mention_id.in_(mentions)).order_by(Verdict.id)
    return {verdict.mention_id: verdict for verdict in db.scalars(query)}


def _parents(db: Session, post: Mention, brand_id: int) -> list[Mention]:
    """What the mention answers, as far up as we have heard it."""
    found: list[Mention] = []
    wanted = post.reply_to
    while wanted and len(found) < _PARENTS:
        query = select(Mention).options(joinedload(Mention.author)).where(of_brand(brand_id, Mention.id))
        above = db.scalars(query.where(Mention.platform == post.platform, Mention.native_id == wanted)).first()
        if above is None or above in found:
            break
        found.append(above)
        wanted = above.reply_to
    return found


def _earlier(db: Session, post: Mention, brand_id: int) -> Sequence[Mention]:
    """What the same author said before to the same brand, newest first."""
    before = (Mention.author_id == post.author_id, Mention.created_at < post.created_at, Mention.deleted_at.is_(None))
    told = select(Mention).where(*before, of_brand(brand_id, Mention.id))
    return db.scalars(told.order_by(Mention.created_at.desc()).limit(_EARLIER)).all()


def _drafts(db: Session, case_id: int) -> Sequence[Draft]:
    """Suggested replies, best first; what people wrote is not among them (web/queries/desk.py)."""
    typed = ("person", "kept", "proposal")
    suggested = select(Draft).where(Draft.case_id == case_id, Draft.origin.not_in(typed))
    first = Draft.origin != "holding"
    return db.scalars(suggested.order_by(first, Draft.score.desc().nulls_last(), Draft.id)).all()


def _history(db: Session, case: Case) -> list[Done]:
    query = select(Audit).where(Audit.case_id == case.id, Audit.at >= case.opened_at)  # ids may be used again
    return [Done(row, row.who or None) for row in db.scalars(query.order_by(Audit.id.desc()).limit(_HISTORY))]


def _names(db: Session, ids: Collection[int | None]) -> dict[int, str]:
    wanted = [one for one in ids if one is not None]
    return {row.id: row.name for row in db.scalars(select(User).where(User.id.in_(wanted)))} if wanted else {}
