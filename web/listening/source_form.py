"""A source as a person sets it up: the form is made of what the kind declares, and checked by the kind itself.

What is secret is encrypted before it leaves this file. A form that comes back to the person (something is wrong, or
they only tested the connection) carries what they have entered as one sealed text, so that they need not enter it
again and no page ever shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flask import abort
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput, GiveUp
from core.roles import Rights
from core.runtime import Runtime
from core.secrets import seal, sealed_at, unseal
from core.tables import Brand, Source
from core.types import Access
from listener import source
from listener.prices import PRICES
from listener.source import Context, Field
from responder.checks.permission import refresh_open

LONGEST_NAME = 100
MOST_DOLLARS = 1_000_000
_LONGEST_VALUE = 2_000


@dataclass(frozen=True, slots=True)
class SourceForm:
    """A source as a person described it. `errors` says by field what is wrong ("" is the form as a whole).

    `secrets` are the secret settings as they would be from now on: what was entered, and what is kept.
    """

    kind: str
    name: str
    brand_id: int | None = None
    budget: int | None = None
    settings: dict[str, object] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> dict[str, object]:
        """All settings, as the source is made with."""
        return {**self.settings, **self.secrets}


def kinds() -> list[type[source.Source]]:
    """The kinds that can be set up here, by title: those that need no secret come first."""
    listed = [source.load(kind) for kind in source.kinds()]
    return sorted(listed, key=lambda kind: (_needs_secret(kind), kind.title))


def keyless() -> list[type[source.Source]]:
    """The kinds that need no secret, for the first start."""
    return [kind for kind in kinds() if not _needs_secret(kind)]


def _needs_secret(kind: type[source.Source]) -> bool:
    return any(asked.secret and asked.required for asked in kind.fields)


def kind_of(name: str) -> type[source.Source]:
    """The kind of this name; answers "not found" if there is none."""
    return next((kind for kind in kinds() if kind.kind == name), None) or abort(404)


def field_name(kind: type[source.Source], asked: str) -> str:
    """What a form calls a field of a kind: several kinds may be asked for on one page."""
    return f"{kind.kind}_{asked}"


def has_prices(kind: type[source.Source]) -> bool:
    """Whether hearing this kind costs money, so that a budget is asked for."""
    return kind.kind in PRICES


def read(
    db: Session,
    runtime: Runtime,
    kind: type[source.Source],
    form: Mapping[str, str],
    rights: Rights,
    row: Source | None = None,
) -> SourceForm:
    """Read the form for a kind, and let the kind itself check the settings. `row` is the source that it changes.

    Only who is an admin of a brand gives it a source; only one of all brands adds a source that all queries read.
    """
    errors: dict[str, str] = {}
    name = " ".join(form.get("name", "").split()) or (row.name if row else kind.title)
    if len(name) > LONGEST_NAME:
        errors["name"] = f"Use at most {LONGEST_NAME} characters."
    elif _taken(db, kind.kind, name, row):
        errors["name"] = f"There is a {kind.title} source called “{name}” already. Give this one another name."
    given = _given(kind, form, _kept(runtime, form, row), errors)
    settings = {asked.name: given[asked.name] for asked in kind.fields if not asked.secret and asked.name in given}
    secrets = {asked.name: given[asked.name] for asked in kind.fields if asked.secret and asked.name in given}
    brand_id, budget = _brand_id(db, form.get("brand", ""), rights, errors), _budget(kind, form, errors)
    if not errors:
        errors |= _checked(kind, {**settings, **secrets}, runtime)
    return SourceForm(kind.kind, name, brand_id, budget, dict(settings), secrets, errors)


def _taken(db: Session, kind: str, name: str, row: Source | None) -> bool:
    found = db.scalar(select(Source.id).where(Source.kind == kind, Source.name == name))
    return found is not None and (row is None or found != row.id)


def values_of(db: Session, row: Source) -> dict[str, str]:
    """What the form of a source shows at first. Secrets are not in it."""
    brand = db.get(Brand, row.brand_id) if row.brand_id else None
    values = {"name": row.name, "brand": brand.slug if brand else "", "budget": str(row.budget or "")}
    return values | {f"{row.kind}_{name}": str(value) for name, value in row.settings.items()}


def add(db: Session, runtime: Runtime, given: SourceForm, access: Access | None = None) -> Source:
    """Add the source; the listener hears it within seconds. `access` is what a test of these settings said.

    What may be answered through it is decided anew.
    """
    row = Source(kind=given.kind, active=True, created_at=runtime.clock.now())
    change(runtime, row, given, access)
    db.add(row)
    db.flush()
    refresh_open(db, runtime.settings, row.kind)
    return row


def change(runtime: Runtime, row: Source, given: SourceForm, access: Access | None = None) -> None:
    """Give a source these settings. Its cursor, its history and its mentions stay, and it goes on from there."""
    known, before = _known(runtime, row), row.settings or {}
    entered_before = {name: value for name, value in known.items() if name in _secret_names(given.kind)}
    row.name, row.brand_id, row.budget, row.settings = given.name, given.brand_id, given.budget, given.settings
    if given.settings != before or given.secrets != entered_before:
        row.account = row.expires_at = row.longest = None  # until the platform is asked again
        row.last_events = {}  # and other collections may be heard, of which another is missed
        if given.secrets != known:  # what the platform gave us for other settings is of no use for these
            row.credentials = seal(runtime.settings, given.secrets) if given.secrets else None
    if access:
        row.account, row.expires_at, row.longest = access.account, access.expires_at, access.longest
    if row.active:
        row.state, row.reason, row.failures, row.next_try_at = "running", None, 0, None


def entered(runtime: Runtime, row: Source | None, given: SourceForm) -> dict[str, str]:
    """The secrets that were entered and are not stored yet."""
    stored = _known(runtime, row) if row else {}
    return {name: value for name, value in given.secrets.items() if stored.get(name) != value}


def kept_since(runtime: Runtime, row: Source | None, given: SourceForm | None) -> dict[str, datetime | None]:
    """Which secrets need not be entered again, and since when they are stored (None: they were just entered)."""
    kept: dict[str, datetime | None] = {}
    if row and row.credentials:
        kept |= dict.fromkeys(_known(runtime, row), sealed_at(row.credentials))
    return kept | dict.fromkeys(entered(runtime, row, given) if given else ())


def _secret_names(kind: str) -> set[str]:
    return {asked.name for asked in source.load(kind).fields if asked.secret}


def _known(runtime: Runtime, row: Source) -> dict[str, str]:
    """The secrets that a source has; none where nobody can read them any more."""
    try:
        return unseal(runtime.settings, row.credentials)
    except GiveUp:
        return {}


def _kept(runtime: Runtime, form: Mapping[str, str], row: Source | None) -> dict[str, str]:
    """The secrets that need not be entered again: those of the source, and those that this form came back with."""
    stored = _known(runtime, row) if row else {}
    try:
        return stored | unseal(runtime.settings, form.get("kept"))
    except (GiveUp, UnicodeEncodeError):  # not ours
        return stored


def _given(
    kind: type[source.Source], form: Mapping[str, str], kept: Mapping[str, str], errors: dict[str, str]
) -> dict[str, str]:
    """All settings by name."""
    settings = {}
    for asked in kind.fields:
        name = field_name(kind, asked.name)
        value = form.get(name, "").strip() or _left(asked, name, form, kept)
        if not value and asked.required:
            errors[name] = f"{asked.label}: this is needed."
        elif len(value) > _LONGEST_VALUE:
            errors[name] = f"Use at most {_LONGEST_VALUE:,} characters."
        elif value:
            settings[asked.name] = value
    return settings


def _left(asked: Field, name: str, form: Mapping[str, str], kept: Mapping[str, str]) -> str:
    """A field that was left empty means "keep it" where it is secret, unless its box to forget it was ticked."""
    return kept.get(asked.name, "") if asked.secret and f"{name}_forget" not in form else ""


def _checked(kind: type[source.Source], settings: dict[str, object], runtime: Runtime) -> dict[str, str]:
    """What the kind itself says of the settings, beside the field that it names."""
    try:
        kind(Context(settings, runtime.settings, runtime.clock)).close()
    except BadInput as error:
        named, _, what = str(error).partition(": ")
        for asked in kind.fields:
            if what and named in {asked.name, asked.label}:
                return {field_name(kind, asked.name): f"{what[:1].upper()}{what[1:]}."}
        return {"": str(error)}
    return {}


def _brand_id(db: Session, slug: str, rights: Rights, errors: dict[str, str]) -> int | None:
    if not slug:
        if not rights.may("admin"):
            errors["brand"] = "Choose the brand that it belongs to: what all queries read, an admin of all brands adds."
        return None
    found = db.scalar(select(Brand.id).where(Brand.slug == slug, rights.brands(Brand.id, "admin")))
    if found is None:
        errors["brand"] = "There is no such brand for you to set up. Choose another."
    return found


def _budget(kind: type[source.Source], form: Mapping[str, str], errors: dict[str, str]) -> int | None:
    """Whole dollars a month; None is no limit."""
    text = form.get("budget", "").strip().removeprefix("$").replace(",", "").strip()
    if not text or not has_prices(kind):
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 0 < int(text) <= MOST_DOLLARS):
        errors["budget"] = f"Give whole dollars a month, from 1 to {MOST_DOLLARS:,}, or leave it empty for no limit."
        return None
    return int(text)
