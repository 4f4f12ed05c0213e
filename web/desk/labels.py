"""One click corrects any label of a mention, or takes that back: on the page of its case, and beside the sample.

It holds at once wherever the mention is shown. The case's priority is found anew; a complaint that had no case is on
its way to the inbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit, waiting
from core.errors import BadInput
from core.tables import Brand, Correction, Match, Verdict
from responder.desk.judged_again import look_again
from sentiment import corrections
from sentiment.labels import HEADS, said, worded
from web import current
from web.auth import needs

pages = Blueprint("labels", __name__, url_prefix="/brands/<slug>/labels")

TITLES: Mapping[str, str] = {
    "complaint": "Complaint",
    "sentiment": "Sentiment",
    "emotion": "Emotion",
    "irony": "Irony",
    "offensive": "Offensive",
    "intent": "Wants",
}
"""What people call each head."""
UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Shown:
    """One head as it can be corrected: its labels, the one that holds now, and who said otherwise than the model."""

    head: str
    title: str
    labels: Sequence[str]
    now: str | None
    by: str | None
    was: str | None
    label: str | None


@pages.post("/<int:mention_id>")
@needs("manager")
def correct(slug: str, mention_id: int) -> ResponseReturnValue:
    """Keep what a person says of a mention: `label` is "complaint:no", or "complaint:undo"."""
    head, _, label = request.form.get("label", "").partition(":")
    runtime = current.runtime()
    told = None if label == UNDO else label
    try:
        with runtime.db.write() as db:
            _of_brand(db, slug, mention_id)
            corrections.correct(
                db, runtime.clock, mention_id, head, told, user_id=current.user_id(), user_name=current.user_name()
            )
            in_case = bool(look_again(db, runtime.clock, [mention_id]))
            if not in_case:
                waiting.add(db, runtime.clock, "open_case", [mention_id])
            detail = {"mention": mention_id, "head": head, "label": label}
            audit.add(db, audit.Entry(runtime.clock.now(), "corrected", user_id=current.user_id(), detail=detail))
    except BadInput as error:
        flash(str(error), "error")
    else:
        for stage in ("count", "cluster"):
            runtime.queue.nudge(stage)
        if not in_case:
            runtime.queue.nudge("open_case")
        flash(_done(head, told, in_case=in_case))
    return redirect(current.local_path(request.form.get("next"), url_for("inbox.cases")))


def init_app(app: Flask) -> None:
    """Let templates ask for the labels of a verdict."""
    app.jinja_env.globals["labels_of"] = labels_of


def labels_of(verdict: Verdict | None) -> list[Shown]:
    """Every head of a mention's verdict, to be corrected; none before it is judged."""
    if verdict is None:
        return []
    db = current.reading()
    said_of = corrections.of(db, [verdict.mention_id]).get(verdict.mention_id, {})
    now = said(verdict)
    return [_shown(head, now.get(head), said_of.get(head)) for head in HEADS]


def _shown(head: str, now: str | None, row: Correction | None) -> Shown:
    was = worded(head, row.was) if row and row.was else None
    return Shown(
        head,
        TITLES[head],
        HEADS[head],
        now,
        row.user_name if row else None,
        was,
        worded(head, row.label) if row else None,
    )


def _of_brand(db: Session, slug: str, mention_id: int) -> None:
    mine = select(Match.id).join(Brand, Brand.id == Match.brand_id).where(Brand.slug == slug)
    if db.scalar(mine.where(Match.mention_id == mention_id)) is None:
        abort(404)


def _done(head: str, label: str | None, *, in_case: bool) -> str:
    if label is None:
        return "Taken back: what the model says holds again."
    noted = f"Noted: {worded(head, label)}."
    if head == "complaint" and label == "no" and in_case:
        return f"{noted} The case stays until somebody dismisses it."
    if head == "complaint" and label == "yes" and not in_case:
        return f"{noted} Its case is on its way to the inbox."
    return noted
