"""What a person says about a brand, read from a form and written to its rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import available_timezones

from flask import abort
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from core.clock import Clock
from core.tables import Brand, OwnAccount
from listener import source
from web.managing import brand_clock_form, list_form
from web.managing.brand_clock_form import ClockForm

LONGEST_NAME = 300
_MOST_MINUTES = 7 * 24 * 60
_SLUG_LENGTH = 64


@dataclass(frozen=True, slots=True)
class BrandForm:
    """A brand as a person described it. `errors` says by field what is wrong; with any, the rest is not used."""

    name: str
    timezone: str
    clock: ClockForm = field(default_factory=ClockForm)
    first_reply_minutes: int = 60
    urgent_reply_minutes: int = 15
    own_accounts: tuple[tuple[str, str], ...] = ()
    competitor: bool = False
    lists: Mapping[str, list[str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@cache
def zones() -> list[str]:
    """Names of all time zones that people live in, sorted."""
    return ["UTC", *sorted(zone for zone in _known_zones() if "/" in zone and not zone.startswith("Etc/"))]


@cache
def _known_zones() -> set[str]:
    return available_timezones()


def by_slug(db: Session, slug: str) -> Brand:
    """The brand with this slug; answers "not found" if there is none."""
    return db.scalar(select(Brand).where(Brand.slug == slug)) or abort(404)


def read(form: MultiDict[str, str]) -> BrandForm:
    """Read every field of the form; fields that a shorter form leaves out keep their defaults."""
    errors: dict[str, str] = {}
    name = " ".join(form.get("name", "").split())
    if not name or len(name) > LONGEST_NAME:
        errors["name"] = f"Enter the brand's name, at most {LONGEST_NAME} characters."
    timezone = form.get("timezone", "").strip()
    if timezone not in _known_zones():
        errors["timezone"] = "Choose a time zone from the list, such as Europe/Berlin."
    return BrandForm(
        name,
        timezone,
        brand_clock_form.read(form, errors),
        _minutes(form, "first_reply_minutes", 60, errors),
        _minutes(form, "urgent_reply_minutes", 15, errors),
        _own_accounts(form.get("own_accounts", ""), errors),
        bool(form.get("competitor")),
        list_form.read(form, errors),
        errors,
    )


def make(db: Session, clock: Clock, given: BrandForm) -> str:
    """Add the brand; gives the slug that it got."""
    slug = _free_slug(db, given.name)
    row = Brand(slug=slug, created_at=clock.now())
    db.add(row)
    change(row, given)
    db.flush()
    list_form.change(db, clock, row, given.lists)
    return slug


def change(row: Brand, given: BrandForm) -> None:
    """Write what was said to the brand's row."""
    row.name, row.timezone = given.name, given.timezone
    brand_clock_form.change(row, given.clock)
    row.first_reply_minutes, row.urgent_reply_minutes = given.first_reply_minutes, given.urgent_reply_minutes
    row.competitor = given.competitor
    known = {(own.platform, own.handle): own for own in row.own_accounts}
    row.own_accounts = [
        known.get(account) or OwnAccount(platform=account[0], handle=account[1]) for account in given.own_accounts
    ]


def values_of(db: Session, row: Brand) -> dict[str, str]:
    """A brand as the form's values."""
    accounts = sorted((own.platform, own.handle) for own in row.own_accounts)
    values = {
        "name": row.name,
        "timezone": row.timezone,
        "first_reply_minutes": str(row.first_reply_minutes),
        "urgent_reply_minutes": str(row.urgent_reply_minutes),
        "own_accounts": "\n".join(f"{platform} {handle}" for platform, handle in accounts),
        "competitor": "1" if row.competitor else "",
    }
    return values | brand_clock_form.values_of(row) | list_form.values_of(db, row)


def _minutes(form: MultiDict[str, str], name: str, default: int, errors: dict[str, str]) -> int:
    given = form.get(name, str(default)).strip()
    if given.isdecimal() and given.isascii() and 1 <= int(given[:9]) <= _MOST_MINUTES:
        return int(given)
    errors[name] = f"Enter minutes as a whole number from 1 to {_MOST_MINUTES}."
    return default


def _own_accounts(given: str, errors: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """One account per line: the platform, then the handle."""
    accounts: dict[tuple[str, str], None] = {}
    for number, line in enumerate(given.splitlines(), 1):
        if not line.strip():
            continue
        platform, _, handle = line.strip().partition(" ")
        handle = handle.strip().removeprefix("@").casefold()
        if not handle or " " in handle:
            errors["own_accounts"] = (
                f"Line {number}: write the platform, a space and the handle, for example: bluesky {_example(line)}"
            )
        accounts[platform.casefold(), handle] = None
    return tuple(accounts)


def _example(line: str) -> str:
    return "".join(line.split())[:40] or "acme.example"


def platforms() -> list[str]:
    """Names of the platforms that own accounts can be on, for the form's help."""
    return [kind for kind in source.kinds() if kind not in {"files", "feed"}]


def _free_slug(db: Session, name: str) -> str:
    """A slug made of the name, with a number where that is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    wanted = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: _SLUG_LENGTH - 4].strip("-") or "brand"
    taken = set(db.scalars(select(Brand.slug).where(Brand.slug.startswith(wanted))))
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return next(slug for slug in (wanted, *numbered) if slug not in taken)
