"""A source as a person sets it up: the form is made of what the kind declares, and checked by the kind itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import abort
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import BadInput
from core.runtime import Runtime
from core.tables import Brand, Source
from listener import source
from listener.source import Context

LONGEST_NAME = 100
_LONGEST_VALUE = 2_000


@dataclass(frozen=True, slots=True)
class SourceForm:
    """A source as a person described it. `errors` says by field what is wrong ("" is the form as a whole)."""

    kind: str
    name: str
    brand_id: int | None = None
    settings: dict[str, object] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def kinds() -> list[type[source.Source]]:
    """The kinds that can be set up here, by title: those that need no secret come first."""
    listed = [source.load(kind) for kind in source.kinds()]
    return sorted(listed, key=lambda kind: (any(asked.secret for asked in kind.fields), kind.title))


def keyless() -> list[type[source.Source]]:
    """The kinds that need no secret, for the first start."""
    return [kind for kind in kinds() if not any(asked.secret for asked in kind.fields)]


def kind_of(name: str) -> type[source.Source]:
    """The kind of this name; answers "not found" if there is none."""
    return next((kind for kind in kinds() if kind.kind == name), None) or abort(404)


def field_name(kind: type[source.Source], asked: str) -> str:
    """What a form calls a field of a kind: several kinds may be asked for on one page."""
    return f"{kind.kind}_{asked}"


def read(db: Session, runtime: Runtime, kind: type[source.Source], form: Mapping[str, str]) -> SourceForm:
    """Read the form for a kind, and let the kind itself check the settings."""
    errors: dict[str, str] = {}
    name = " ".join(form.get("name", "").split()) or kind.title
    if len(name) > LONGEST_NAME:
        errors["name"] = f"Use at most {LONGEST_NAME} characters."
    elif db.scalar(select(Source.id).where(Source.kind == kind.kind, Source.name == name)):
        errors["name"] = f"There is a {kind.title} source called “{name}” already. Give this one another name."
    settings = _settings(kind, form, errors)
    if not errors:
        errors |= _checked(kind, settings, runtime)
    return SourceForm(kind.kind, name, _brand_id(db, form.get("brand", ""), errors), settings, errors)


def add(db: Session, runtime: Runtime, given: SourceForm) -> Source:
    """Add the source; the listener hears it within seconds."""
    row = Source(
        kind=given.kind,
        name=given.name,
        brand_id=given.brand_id,
        settings=given.settings,
        created_at=runtime.clock.now(),
    )
    db.add(row)
    return row


def _settings(kind: type[source.Source], form: Mapping[str, str], errors: dict[str, str]) -> dict[str, object]:
    settings: dict[str, object] = {}
    for asked in kind.fields:
        value = form.get(field_name(kind, asked.name), "").strip()
        if not value and asked.required:
            errors[field_name(kind, asked.name)] = f"{asked.label}: this is needed."
        elif len(value) > _LONGEST_VALUE:
            errors[field_name(kind, asked.name)] = f"Use at most {_LONGEST_VALUE:,} characters."
        elif value:
            settings[asked.name] = value
    return settings


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


def _brand_id(db: Session, slug: str, errors: dict[str, str]) -> int | None:
    if not slug:
        return None
    found = db.scalar(select(Brand.id).where(Brand.slug == slug))
    if found is None:
        errors["brand"] = "This brand is no longer there. Choose another."
    return found
