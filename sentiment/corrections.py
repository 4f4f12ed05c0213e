"""What people say a mention's labels should be, kept beside what the model said, and put before it.

Readers need not know: the newest verdict of a mention is what counts, everywhere. For a mention that somebody
corrected that is a row whose model is PEOPLE, made here (`renew`) from the model's newest verdict with the corrections
in it. The judge makes it anew after it has judged such a mention again. The model's own verdict stays as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.db import insert
from core.errors import BadInput
from core.tables import Correction, Mention, Verdict
from core.types import Verdict as Reading
from listener.chunks import chunks
from sentiment.labels import known, said, with_label

PEOPLE = "people"
"""The model of verdicts that people had a say in."""

_NAMES = tuple(field.name for field in fields(Reading))


def correct(
    db: Session, clock: Clock, mention_id: int, head: str, label: str | None, *, user_id: int | None, user_name: str
) -> None:
    """Say that `head` of a mention is `label`, or (None) take back what was said of it.

    To say what the model says already is worth as much: it is learned from, and holds when the model changes its mind.
    Raises BadInput for a mention that is gone or was not judged, and a label that there is not.
    """
    mention = db.get(Mention, mention_id, with_for_update={"read": True, "key_share": True})
    found = of_models(db, [mention_id]).get(mention_id)
    if mention is None or mention.deleted_at is not None or found is None:
        raise BadInput("this mention has no verdict that could be corrected")
    if label is None:
        mine = delete(Correction).where(Correction.mention_id == mention_id, Correction.head == head)
        db.execute(mine)
    elif not known(head, label):
        raise BadInput(f"{head} cannot be {label}")
    else:
        told: dict[str, object] = {"label": label, "was": said(found).get(head), "model": found.model}
        told |= {"platform": mention.platform, "user_id": user_id, "user_name": user_name, "at": clock.now()}
        row = insert(db, Correction).values(mention_id=mention_id, head=head, **told)
        db.execute(row.on_conflict_do_update(index_elements=["mention_id", "head"], set_=told))
    renew(db, clock, [mention_id])
    for stage in ("count", "cluster"):
        waiting.add(db, clock, stage, [mention_id])


def of(db: Session, mention_ids: Collection[int]) -> dict[int, dict[str, Correction]]:
    """The corrections of these mentions, by mention and head."""
    found: dict[int, dict[str, Correction]] = {}
    for part in chunks(sorted(mention_ids)):
        rows = select(Correction).where(Correction.mention_id.in_(part))
        for row in db.scalars(rows.execution_options(populate_existing=True)):
            found.setdefault(row.mention_id, {})[row.head] = row
    return found


def of_models(db: Session, mention_ids: Sequence[int]) -> dict[int, Verdict]:
    """The newest verdict of each mention that people had no say in."""
    newest = select(func.max(Verdict.id)).where(Verdict.mention_id.in_(mention_ids), Verdict.model != PEOPLE)
    rows = db.scalars(select(Verdict).where(Verdict.id.in_(newest.group_by(Verdict.mention_id))))
    return {row.mention_id: row for row in rows}


def renew(db: Session, clock: Clock, mention_ids: Iterable[int]) -> None:
    """Make the verdict that counts of mentions that were corrected, judged anew, or are corrected no longer."""
    for part in chunks(sorted(mention_ids)):
        db.execute(delete(Verdict).where(Verdict.mention_id.in_(part), Verdict.model == PEOPLE))
        corrections = of(db, part)
        models = of_models(db, sorted(corrections))
        rows = [
            as_row(one, _corrected(reading(models[one]), corrections[one])) | {"judged_at": clock.now()}
            for one in sorted(models)
        ]
        if rows:
            db.execute(insert(db, Verdict), rows)


def reading(row: Verdict) -> Reading:
    """The value of a verdict's row."""
    told = {name: getattr(row, name) for name in _NAMES}
    return Reading(**told | {"reasons": tuple(row.reasons)})


def as_row(mention_id: int, verdict: Reading) -> dict[str, object]:
    """A verdict as its row keeps it, without the time."""
    return asdict(verdict) | {"mention_id": mention_id, "reasons": list(verdict.reasons)}


def _corrected(verdict: Reading, corrections: Mapping[str, Correction]) -> Reading:
    corrected = replace(verdict, model=PEOPLE)
    for head, correction in corrections.items():
        corrected = with_label(corrected, head, correction.label)
    return corrected
