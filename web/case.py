"""One case: the post, what is known around it, and everything that a person can do about it.

Every form carries the version of the case that the person saw. If somebody else was first, nothing happens; the page
comes back as it is now, says who did what, and keeps what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from core.errors import BadInput, Forbidden, Stale
from core.tables import Case, Draft
from listener.source import Replier, kinds, load_replier
from responder import cases, guard, known_issues, playbook
from responder.guard import Finding
from responder.repliers import as_whom
from web import case_actions, current, inbox, reasons
from web.case_actions import DISMISSALS, UNDO
from web.queries import case as read
from web.queries import facets
from web.queries import inbox as rows
from web.queries.case import Whole

pages = Blueprint("case", __name__, url_prefix="/cases")


@pages.get("/<int:case_id>")
def show(case_id: int) -> ResponseReturnValue:
    """The case, beside the list it was opened from."""
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


@pages.post("/<int:case_id>/draft")
def save_draft(case_id: int) -> ResponseReturnValue:
    """Keep what is typed so far, and say what the guard thinks of it."""
    text, problem = _typed() or "", None
    try:
        with current.runtime().db.write() as db:
            cases.save_draft(db, current.runtime().clock, case_id, current.user_id(), text)
    except Forbidden as error:
        problem = str(error)
    if not request.headers.get("HX-Target", "").endswith("#check"):
        if problem:
            return _page(case_id, typed=text, problem=problem), 409
        flash("Your draft is saved.")
        return redirect(_here(case_id))
    with current.runtime().db.read() as db:
        found = read.whole(db, case_id) or abort(404)
        row = rows.load(db, [case_id])
    about = {"typed": text, "problem": problem, "findings": _findings(found, text), "saved": not problem}
    return render_template("case/_check.html", **about, **_limits(found, text), row=row[0], chosen=_chosen())


@pages.post("/<int:case_id>/<verb>")
def act(case_id: int, verb: str) -> ResponseReturnValue:
    """Do one thing to the case; see web/case_actions.py."""
    action = case_actions.ACTIONS.get(verb) or abort(404)
    text, version = _typed(), current.number(request.form, "version")
    if verb == "approve" and (unseen := _unseen(case_id, text or "")):
        return _page(case_id, typed=text, unseen=unseen), 422
    try:
        with current.runtime().db.write() as db:
            asked = case_actions.Asked(
                db, current.runtime(), case_id, version, current.user_id(), current.user_name(), request.form
            )
            said = action(asked)
    except Stale as error:
        return _page(case_id, typed=text, problem=f"{error}. Nothing of yours was sent or lost."), 409
    except (Forbidden, BadInput) as error:
        return _page(case_id, typed=text, problem=str(error)), 422
    if verb == "approve":
        current.runtime().queue.nudge("post")
    flash(said)
    return redirect(_here(case_id))


def _typed() -> str | None:
    """The text in the reply box, with line ends as people count them."""
    text = request.form.get("text")
    return None if text is None else text.replace("\r\n", "\n")


def _chosen() -> dict[str, Any]:
    return inbox.chosen(request.args)


def _here(case_id: int) -> str:
    return url_for("case.show", case_id=case_id, **_chosen())


def _unseen(case_id: int, text: str) -> Sequence[Finding]:
    """Warnings about the text that the person has not been shown yet; what blocks is refused by `approve` itself."""
    with current.runtime().db.read() as db:
        found = read.whole(db, case_id) or abort(404)
    seen = set(request.form.getlist("seen"))
    return [finding for finding in _findings(found, text) if not finding.blocks and mark(finding) not in seen]


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
            return render_template("case/_pane.html", **about, row=row, counts=counts, chosen=_chosen())
        return render_template("case/case.html", **about, **inbox.listing(db, request.args))


def _about(
    db: Session,
    found: Whole,
    typed: str | None = None,
    taken: int | None = None,
    problem: str | None = None,
    unseen: Sequence[Finding] = (),
    told: Sequence[str] | None = None,
) -> Mapping[str, Any]:
    """All that the templates of a case need."""
    text = typed if typed is not None else _text_to_begin_with(db, found, taken)
    return {
        "whole": found,
        "case": found.case,
        "mention": found.case.mention,
        "opened": found.case.id,
        "drafts": [(draft, *_signed(db, found.case, draft)) for draft in found.drafts],
        "text": text,
        "problem": problem,
        "unseen": unseen,
        "told": told,
        "findings": _findings(found, text) if text else (),
        "can": {verb for verb, kind in cases.TRANSITIONS.items() if found.case.state in kind.states},
        "undo": _undo(found),
        "leased": _leased(found.case),
        "dismissals": DISMISSALS,
        "account": _account(found),
        **_limits(found, text),
    }


def _text_to_begin_with(db: Session, found: Whole, taken: int | None) -> str:
    """What stands in the reply box: the draft that was taken, what failed to go out, or what was typed since."""
    draft = db.get(Draft, taken) if taken else None
    if draft and draft.case_id == found.case.id:
        return _signed(db, found.case, draft)[0]
    own, failed = read.own_draft(db, found.case.id), found.reply if found.case.state == "failed" else None
    if own and not (failed and failed.approved_at >= own.created_at):
        return own.text
    return failed.text if failed else ""


def _signed(db: Session, case: Case, draft: Draft) -> tuple[str, Sequence[str]]:
    """A draft as whoever looks would send it: with their name, how it stands with what is known, and what is left."""
    user = current.user()
    return playbook.fill(draft.text, {"agent": user.name if user else "", "status": known_issues.status_of(db, case)})


def _undo(found: Whole) -> str | None:
    """The verb that takes back what this user did last, if it still can be."""
    last = found.history[0].row if found.history else None
    verb = UNDO.get(last.action) if last and last.user_id == current.user_id() else None
    return verb if verb and found.case.state in cases.TRANSITIONS[verb].states else None


def _leased(case: Case) -> bool:
    """Whether somebody else has the case for now."""
    since, now = case.claimed_at, current.runtime().clock.now()
    return bool(case.owner_id not in {None, current.user_id()} and since and since > now - cases.LEASE)


def _replier(found: Whole) -> type[Replier] | None:
    """Who would send a reply to this case; None where a person answers by hand, or not at all."""
    source = found.case.mention.source
    if source is None or found.case.permission != "api" or source.kind not in kinds():
        return None
    return load_replier(source.kind)


def _account(found: Whole) -> str:
    """As whom a reply by API goes out; empty where it does not."""
    if _replier(found) is None:
        return ""
    with current.runtime().db.read() as db:
        return as_whom(db, current.runtime(), found.case.mention)


def _longest(found: Whole) -> int | None:
    replier = _replier(found)
    return replier.max_length if replier else None


def _limits(found: Whole, text: str) -> dict[str, Any]:
    platform = found.case.mention.platform
    return {"length": guard.count(text, platform), "limit": guard.limit(platform, _longest(found))}


def _findings(found: Whole, text: str) -> Sequence[Finding]:
    mention = found.case.mention
    return guard.check(text, platform=mention.platform, longest=_longest(found), asked=mention.text)
