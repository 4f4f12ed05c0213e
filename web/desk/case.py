"""One case: the post, what is known around it, and everything that a person can do about it.

Every form carries the version of the case that the person saw. If somebody else was first, nothing happens; the page
comes back as it is now, says who did what, and keeps what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from core import audit
from core.errors import BadInput, Forbidden, Stale
from core.tables import Audit, Case, Draft
from listener.source import Replier, kinds, load_replier
from responder.checks import guard
from responder.checks.guard import Finding
from responder.desk import cases, typing_in
from responder.drafts import playbook
from responder.incidents import known_issues
from responder.outbox import approving
from responder.outbox.repliers import addressed, as_whom
from web import current
from web.desk import case_actions, inbox, key_state, reasons
from web.desk.case_actions import DISMISSALS, UNDO
from web.desk.edits import edits_of
from web.queries import case as read
from web.queries import desk, facets, spread
from web.queries import inbox as rows
from web.queries.case import Whole

pages = Blueprint("case", __name__, url_prefix="/cases")


@pages.get("/<int:case_id>")
def show(case_id: int) -> ResponseReturnValue:
    """The case, beside the list it was opened from. That somebody saw it is noted once a day."""
    _note_seen(case_id)
    return _page(case_id, taken=current.number(request.args, "draft"))


@pages.get("/<int:case_id>/why")
def why(case_id: int) -> ResponseReturnValue:
    """Which words the model went by; worked out when somebody asks, since it takes the model a while."""
    with current.runtime().db.read() as db:
        found = read.whole(db, case_id) or abort(404)
    told = reasons.of(current.runtime(), found)
    if current.wants_fragment():
        return render_template("case/_why.html", told=told)
    return _page(case_id, told=told)


@pages.get("/<int:case_id>/copies")
def copies(case_id: int) -> ResponseReturnValue:
    """The posts that say nearly the same as this case's."""
    with current.runtime().db.read() as db:
        found = read.whole(db, case_id) or abort(404)
        return render_template(
            "case/copies.html",
            case=found.case,
            alike=found.alike,
            rows=read.copies(db, found.case.mention, found.case.brand_id),
        )


@pages.post("/<int:case_id>/<verb>")
def act(case_id: int, verb: str) -> ResponseReturnValue:
    """Do one thing to the case; see case_actions.py. A text that came to nothing is kept as the person's draft."""
    action = case_actions.ACTIONS.get(verb) or abort(404)
    text, version = typed(), current.number(request.form, "version")
    if verb in ("approve", "propose") and (warnings := _unseen(case_id, text or "")):
        _keep(case_id, text)
        return _page(case_id, typed=text, warnings=warnings), 422
    try:
        with current.runtime().db.write() as db:
            asked = case_actions.Asked(
                db, current.runtime(), case_id, version, current.user_id(), current.user_name(), request.form
            )
            said = action(asked)
    except Stale as error:
        _keep(case_id, text)
        return _page(case_id, typed=text, problem=f"{error}. Nothing of yours was sent or lost."), 409
    except (Forbidden, BadInput) as error:
        _keep(case_id, text)
        return _page(case_id, typed=text, problem=str(error)), 422
    if verb in ("approve", "reschedule", "unsure"):
        current.runtime().queue.nudge("post")
    flash(said)
    return redirect(here(case_id))


def _keep(case_id: int, text: str | None) -> None:
    """What was typed for something that could not be done is kept all the same."""
    if text is None or not text.strip():
        return
    try:
        with current.runtime().db.write() as db:
            base = current.number(request.form, "base")
            typing_in.save(db, current.runtime().clock, case_id, current.user_id(), text, base)
    except Forbidden:
        abort(404)


def _note_seen(case_id: int) -> None:
    """One audit row per user, case and day."""
    now, user_id = current.runtime().clock.now(), current.user_id()
    today = datetime.combine(now.astimezone(UTC).date(), datetime.min.time(), UTC)
    row = (Audit.case_id == case_id, Audit.user_id == user_id, Audit.action == "see", Audit.at >= today)
    with current.runtime().db.read() as db:
        if db.scalar(select(exists().where(*row))):
            return
    with current.runtime().db.write() as db:
        there = db.scalar(select(Case.id).where(Case.id == case_id).with_for_update())
        if there is not None and not db.scalar(select(exists().where(*row))):
            audit.add(db, audit.Entry(now, "see", case_id, user_id))


def typed() -> str | None:
    """The text in the reply box, with line ends as people count them."""
    text = request.form.get("text")
    return None if text is None else text.replace("\r\n", "\n")


def chosen() -> dict[str, Any]:
    """The filters of the list that the case was opened from."""
    return inbox.chosen(request.args)


def here(case_id: int) -> str:
    """The address of the case's page."""
    return url_for("case.show", case_id=case_id, **chosen())


def _unseen(case_id: int, text: str) -> Sequence[Finding]:
    """Warnings about the text that the person has not been shown yet. What blocks is refused by `approve` itself, and
    advice on tone is no reason to stop anybody."""
    with current.runtime().db.read() as db:
        found = read.whole(db, case_id) or abort(404)
        found_here = guard.for_case(db, found.case, text)
    seen = set(request.form.getlist("seen"))
    warnings = [one for one in found_here if one.kind in guard.MAY_BLOCK and not one.blocks]
    return [one for one in warnings if mark(one) not in seen]


@pages.app_template_filter("mark")
def mark(finding: Finding) -> str:
    """How a form says which warning its reader has seen: on one line, since forms change the ends of lines."""
    return f"{finding.kind}:{' '.join(finding.phrase.split())}"


def _page(case_id: int, **more: Any) -> str:
    """The case as a page, or as the pane that htmx asks for."""
    with current.runtime().db.read() as db:
        found = read.whole(db, case_id) or abort(404)
        about = _about(db, found, **more)
        if current.wants_fragment():
            row, counts = rows.load(db, [case_id])[0], facets.counts(db, current.rights())
            return render_template("case/_pane.html", **about, row=row, counts=counts, chosen=chosen())
        return render_template("case/case.html", **about, **inbox.listing(db, request.args))


def _about(
    db: Session,
    found: Whole,
    typed: str | None = None,
    taken: int | None = None,
    problem: str | None = None,
    warnings: Sequence[Finding] = (),
    told: Sequence[str] | None = None,
) -> Mapping[str, Any]:
    """All that the templates of a case need."""
    user_id, now = current.user_id(), current.runtime().clock.now()
    own, proposal = typing_in.own(db, found.case.id, user_id), approving.proposal(db, found.case.id)
    text = typed if typed is not None else _text_to_begin_with(db, found, own, proposal, taken)
    held = desk.held(found.case, user_id, now)
    return {
        "whole": found,
        "mention": found.case.mention,
        "opened": found.case.id,
        "drafts": [(draft, *_signed(db, found.case, draft)) for draft in found.drafts],
        "problem": problem,
        "warnings": warnings,
        "told": told,
        "curve": spread.of_case(db, found.case),
        "edits": edits_of(found.case.mention, found.versions),
        "can": {verb for verb, kind in cases.TRANSITIONS.items() if found.case.state in kind.states},
        "undo": _undo(found),
        "held": held,
        "taken_by": held.holder or (found.case.owner if found.case.owner_id not in (None, user_id) else None),
        "base": own.version if own else 0,
        "proposal": proposal if found.case.state == "proposed" else None,
        "others": desk.typed_for(db, found.case, user_id),
        "say": approving.say_of(db, found.case, user_id, text),
        "dismissals": DISMISSALS,
        "account": account_of(db, found),
        "key": key_state.of(found.case, now),
        "goes_out": _countdown(found, now),
        "longest_ahead": _local(found, now + cases.LATEST),
        "soonest": _local(found, now + timedelta(minutes=1)),
        **checked(db, found, text),
    }


def checked(db: Session, found: Whole, text: str) -> dict[str, Any]:
    """What is to be said of a text in the box of this case."""
    platform = found.case.mention.platform
    longest = guard.longest(db, found.case.mention.source) if _replier(found) else None
    limits = {"length": guard.count(text, platform), "limit": guard.limit(platform, longest)}
    findings = guard.for_case(db, found.case, text) if text else ()
    return {"case": found.case, "text": text, "findings": findings, **limits}


def _text_to_begin_with(db: Session, found: Whole, own: Draft | None, proposal: Draft | None, taken: int | None) -> str:
    """What stands in the reply box: the text that was taken, that is to be approved, that was typed, or that failed.

    What somebody typed before the last reply has had its turn.
    """
    draft = db.get(Draft, taken) if taken else None
    if draft and draft.case_id == found.case.id:
        if draft.origin in ("person", "kept"):
            return draft.text
        return addressed(found.case, _signed(db, found.case, draft)[0])
    if proposal and found.case.state == "proposed" and not (own and own.created_at > proposal.created_at):
        return proposal.text
    if own and not (found.reply and found.reply.approved_at >= own.created_at):
        return own.text
    return found.reply.text if found.reply and found.case.state == "failed" else addressed(found.case, "")


def _countdown(found: Whole, now: datetime) -> dict[str, Any] | None:
    """When the approved reply goes out, and how many seconds are left; None where none waits."""
    at = found.reply.send_after if found.reply and found.case.state == "approved" else None
    if at is None:
        return None
    left = max(0.0, (at - now).total_seconds())
    return {"at": at, "left": left, "soon": left <= 60, "local": _local(found, at)}


def _local(found: Whole, moment: datetime) -> str:
    """A moment as a form's field of day and time, on the brand's clock."""
    return f"{moment.astimezone(ZoneInfo(found.case.brand.timezone)):%Y-%m-%dT%H:%M}"


def _signed(db: Session, case: Case, draft: Draft) -> tuple[str, Sequence[str]]:
    """A draft as whoever looks would send it: with their name, how it stands with what is known, and what is left."""
    user = current.user()
    return playbook.fill(draft.text, {"agent": user.name if user else "", "status": known_issues.status_of(db, case)})


def _undo(found: Whole) -> str | None:
    """The verb that takes back what this user did last, if it still can be."""
    last = found.last_move.row if found.last_move else None
    verb = UNDO.get(last.action) if last and last.user_id == current.user_id() else None
    return verb if verb and found.case.state in cases.TRANSITIONS[verb].states else None


def _replier(found: Whole) -> type[Replier] | None:
    """Who would send a reply to this case; None where a person answers by hand, or not at all."""
    source = found.case.mention.source
    if source is None or found.case.permission != "api" or source.kind not in kinds():
        return None
    return load_replier(source.kind)


def account_of(db: Session, found: Whole) -> str:
    """As whom a reply by API goes out; empty where it does not."""
    return as_whom(db, current.runtime(), found.case.mention) if _replier(found) else ""
