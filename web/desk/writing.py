"""A suggestion by the writer, for whoever presses the button on a case. Nothing is written without being asked for."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from core.errors import Forbidden
from core.tables import Case
from responder.drafts import writing
from responder.drafts.writer import WriterFailed, load
from web import current
from web.desk import inbox

pages = Blueprint("writing", __name__, url_prefix="/cases")


def init_app(app: Flask) -> None:
    """Let the page of a case ask whether the writer may be used there."""
    app.add_template_global(offered, "writer_offered")
    app.add_template_global(refused, "writer_refused")


@pages.post("/<int:case_id>/suggestion")
def suggest(case_id: int) -> ResponseReturnValue:
    """Have the writer reword a reply of the playbook for this case, and show it among the suggestions."""
    runtime, settings = current.runtime(), current.runtime().settings
    try:
        with runtime.db.read() as db:
            asked = writing.assign(db, runtime.clock, settings, case_id)
        writer = load(settings)
        assert writer is not None, "assign refuses where none is set up"
        text, left = writing.compose(writer, asked, settings)
        with runtime.db.write() as db:
            writing.keep(db, runtime.clock, case_id, current.user_id(), asked, writer.name, text, left)
    except (Forbidden, WriterFailed) as error:
        flash(f"Nothing was written: {error}.", "error")
    else:
        flash("The writer's suggestion stands among the others. Read it before you use it.")
    return redirect(url_for("case.show", case_id=case_id, **inbox.chosen(request.args)))


def offered(case: Case) -> bool:
    """Whether the brand has the writer, so that its button, or why there is none, is shown."""
    settings = current.runtime().settings
    return bool((settings.writer_url or settings.writer_model) and case.brand.writer.get("on"))


def refused(case: Case) -> str:
    """Why the writer may not be used for this case; empty where it may."""
    return writing.refusal(case.brand, case.mention.platform, current.runtime().settings)
