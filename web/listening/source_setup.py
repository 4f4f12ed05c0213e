"""Setting a source up, testing its connection, and changing it later: the forms behind the pages of sources."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from core.errors import GiveUp
from core.secrets import seal
from core.tables import Brand, Source
from core.types import Access
from listener.settings import renew, whole
from listener.source import Source as Kind
from listener.source import kinds, load
from responder.checks.permission import refresh_open
from web import current
from web.auth import needs
from web.listening import connection, source_form
from web.listening.connection import Answer
from web.listening.source_form import SourceForm
from web.listening.sources import by_id, page_of

pages = Blueprint("source_setup", __name__, url_prefix="/sources")


@pages.get("/new/<kind>")
@needs("admin")
def new(kind: str) -> ResponseReturnValue:
    """Ask for what a source of this kind needs."""
    return _form(source_form.kind_of(kind), None, {})


@pages.post("/new/<kind>")
@needs("admin")
def add(kind: str) -> ResponseReturnValue:
    """Add a source, which the listener hears within seconds; or only test the connection."""
    runtime, chosen = current.runtime(), source_form.kind_of(kind)
    if "test" in request.form:
        return _tested(chosen, None)
    with runtime.db.write() as db:
        given = source_form.read(db, runtime, chosen, request.form, current.rights())
        if not given.errors:
            row = source_form.add(db, runtime, given, _carried(given))
            db.flush()
            number = row.id
    if given.errors:
        return _form(chosen, None, request.form, given), 422
    flash(f"Listening to {given.name}.")
    return redirect(url_for("sources.show", source_id=number))


@pages.get("/<int:source_id>/settings")
@needs("admin")
def settings(source_id: int) -> ResponseReturnValue:
    """What a source was set up with, save its secrets."""
    with current.runtime().db.read() as db:
        row = by_id(db, source_id)
        return _form(_kind(row), row, source_form.values_of(db, row))


@pages.post("/<int:source_id>/settings")
@needs("admin")
def change(source_id: int) -> ResponseReturnValue:
    """Change a source's settings, or enter a new key: what it heard, and how far, stays. Or only test them."""
    runtime = current.runtime()
    if "test" in request.form:
        with runtime.db.read() as db:
            row = by_id(db, source_id)
        return _tested(_kind(row), row)
    with runtime.db.write() as db:
        row = by_id(db, source_id)
        given = source_form.read(db, runtime, _kind(row), request.form, current.rights(), row)
        if not given.errors:
            source_form.change(runtime, row, given, _carried(given))
            refresh_open(db, runtime.settings, row.kind)
    if given.errors:
        return _form(_kind(row), row, request.form, given), 422
    flash(f"{given.name} is saved, and goes on where it was." if row.active else f"{given.name} is saved. It is off.")
    return redirect(url_for("sources.show", source_id=source_id))


@pages.post("/<int:source_id>/test")
@needs("admin")
def test(source_id: int) -> ResponseReturnValue:
    """Ask the platform who we are with the settings as they are, and remember the answer."""
    runtime = current.runtime()
    with runtime.db.read() as db:
        row = by_id(db, source_id)
    try:
        answer = connection.ask(runtime, _kind(row), whole(runtime.settings, row))
    except GiveUp as error:
        answer = Answer(works=False, says="It cannot be asked:", said=str(error), refused=True)
    if answer.access:
        with runtime.db.write() as db:
            known = by_id(db, source_id)
            if known.credentials == row.credentials:
                known.account, known.expires_at = answer.access.account, answer.access.expires_at
                known.longest = answer.access.longest
                renew(runtime.settings, known, answer.access.credentials)
                refresh_open(db, runtime.settings, known.kind)
    if current.wants_fragment():
        return render_template("sources/_tested.html", answer=answer)
    return page_of(source_id, answer=answer)


def _tested(kind: type[Kind], row: Source | None) -> ResponseReturnValue:
    """The form as it was sent, with what came of the test. Nothing is saved."""
    runtime = current.runtime()
    with runtime.db.read() as db:
        given = source_form.read(db, runtime, kind, request.form, current.rights(), row)
    answer = None if given.errors else connection.ask(runtime, kind, given.whole)
    if current.wants_fragment():
        return render_template("sources/_tested.html", answer=answer, errors=given.errors, **_carry(row, given, answer))
    return _form(kind, row, request.form, given, answer), 422 if given.errors else 200


def _form(
    kind: type[Kind],
    row: Source | None,
    values: Mapping[str, str],
    given: SourceForm | None = None,
    answer: Answer | None = None,
) -> str:
    with current.runtime().db.read() as db:
        own = select(Brand).where(current.rights().brands(Brand.id, "admin")).order_by(Brand.name)
        slugs = [(brand.slug, brand.name) for brand in db.scalars(own)]
    shared = [("", "No: queries decide")] if current.rights().may("admin") else []
    return render_template(
        "sources/set_up.html",
        kind=kind,
        source=row,
        values=values,
        errors=given.errors if given else {},
        brands=[*shared, *slugs],
        has_prices=source_form.has_prices(kind),
        answer=answer,
        kept=source_form.kept_since(current.runtime(), row, given),
        **(_carry(row, given, answer) if given else {}),
    )


def _carry(row: Source | None, given: SourceForm, answer: Answer | None) -> dict[str, str]:
    """What the form takes along, sealed, so that nothing is entered or asked twice."""
    runtime = current.runtime()
    entered = source_form.entered(runtime, row, given)
    access = answer.access if answer else None
    return {
        "sealed": seal(runtime.settings, entered) if entered else "",
        "tested": connection.stamp(runtime, given.whole, access) if access else "",
    }


def _carried(given: SourceForm) -> Access | None:
    return connection.stamped(current.runtime(), given.whole, request.form.get("tested", ""))


def _kind(row: Source) -> type[Kind]:
    """The kind of a source; "not found" for one that this version does not know."""
    return load(row.kind) if row.kind in kinds() else abort(404)
