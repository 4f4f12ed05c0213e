"""How a brand answers: its voice, what the guard stops, and whether a language model may suggest texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from core.tables import Brand
from responder.checks.finding import MAY_BLOCK
from responder.checks.situation import blocked
from responder.drafts.prompt import LONGEST_VOICE
from responder.drafts.writing import NEEDS_APPROVAL
from web import current
from web.auth import needs
from web.managing import brand_form

pages = Blueprint("brand_replies", __name__, url_prefix="/brands")


@dataclass(frozen=True, slots=True)
class Given:
    """What a person chose. `errors` by field; with any, nothing is changed."""

    voice: str
    blocks: Sequence[str]
    writer_on: bool
    confirmed: Sequence[str]
    errors: Mapping[str, str]


def init_app(app: Flask) -> None:
    """Let the brand's page say in a sentence what is set here."""
    app.add_template_global(summary, "reply_settings")


@pages.get("/<slug>/replies")
@needs("admin")
def show(slug: str) -> ResponseReturnValue:
    """What is set now."""
    with current.runtime().db.read() as db:
        brand = brand_form.by_slug(db, slug)
        writer = brand.writer
        given = Given(
            brand.voice, sorted(blocked(brand)), bool(writer.get("on")), list(writer.get("confirmed", ())), {}
        )
        return _page(brand, given)


@pages.post("/<slug>/replies")
@needs("admin")
def change(slug: str) -> ResponseReturnValue:
    """Change it."""
    given = _read(request.form)
    with current.runtime().db.write() as db:
        brand = brand_form.by_slug(db, slug)
        if given.errors:
            return _page(brand, given), 422
        brand.voice = given.voice
        brand.guard = dict(brand.guard) | {"blocks": list(given.blocks)}
        brand.writer = dict(brand.writer) | {"on": given.writer_on, "confirmed": list(given.confirmed)}
    flash("How the brand answers is saved.")
    return redirect(url_for("brands.show", slug=slug))


def summary(brand: Brand) -> list[str]:
    """What is set, in sentences."""
    stopped = [MAY_BLOCK[kind] for kind in MAY_BLOCK if kind in blocked(brand)]
    said = ["The guard warns of all that it finds" + (f", and stops {', '.join(stopped)}." if stopped else ".")]
    said.append("Its voice is described for the writer." if brand.voice else "No voice is described yet.")
    said.append(f"The writer is {'on' if brand.writer.get('on') else 'off'}.")
    return said


def _read(form: MultiDict[str, str]) -> Given:
    voice = form.get("voice", "").replace("\r\n", "\n").strip()
    long = f"Describe the voice in at most {LONGEST_VOICE:,} characters."
    return Given(
        voice,
        [kind for kind in MAY_BLOCK if kind in form.getlist("blocks")],
        "writer_on" in form,
        [platform for platform in NEEDS_APPROVAL if platform in form.getlist("confirmed")],
        {"voice": long} if len(voice) > LONGEST_VOICE else {},
    )


def _page(brand: Brand, given: Given) -> str:
    settings = current.runtime().settings
    return render_template(
        "brand_replies/replies.html",
        brand=brand,
        given=given,
        values={"voice": given.voice},
        errors=given.errors,
        kinds=MAY_BLOCK,
        needing=NEEDS_APPROVAL,
        writer=settings.writer_model if settings.writer_url or settings.writer_model else "",
    )
