"""Days on which a brand is closed: public holidays of its country and region, and days of its own.

The holidays come from the `holidays` library, which people of each country keep (docs/decisions/0007-holidays.md).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import holidays

from core.errors import BadInput


@dataclass(frozen=True, slots=True)
class ClosedDays:
    """`country` is an ISO 3166 code ("DE"), `region` one of its parts ("BE"), both empty for none; `own` more days."""

    country: str = ""
    region: str = ""
    own: frozenset[date] = frozenset()

    def __contains__(self, day: date) -> bool:
        return day in self.own or day in _public(self.country, self.region, day.year)

    def __bool__(self) -> bool:
        return bool(self.country or self.own)

    def named(self, first: date, days: int) -> list[tuple[date, str]]:
        """The closed days of so many days from `first` on, each with its name; a day of one's own has none."""
        span = (first + timedelta(days=number) for number in range(days))
        return [(day, _public(self.country, self.region, day.year).get(day, "")) for day in span if day in self]


def read(given: Mapping[str, Any]) -> ClosedDays:
    """What Brand.holidays holds. Raises BadInput that names what cannot be read."""
    country, region = str(given.get("country") or ""), str(given.get("region") or "")
    if country and country not in countries():
        raise BadInput(f"holidays: no country has the code {country!r}")
    if region and region not in countries().get(country, ()):
        raise BadInput(f"holidays: {country or 'no country'} has no region {region!r}")
    return ClosedDays(country, region, frozenset(_day(day) for day in given.get("days") or ()))


@functools.cache
def countries() -> Mapping[str, tuple[str, ...]]:
    """Codes of all countries whose holidays are known, each with the codes of its regions."""
    known: dict[str, list[str]] = holidays.list_supported_countries(include_aliases=False)
    return {country: tuple(sorted(regions)) for country, regions in sorted(known.items())}


def _day(given: Any) -> date:
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError) as error:
        raise BadInput(f"holidays: a day must be written like 2026-12-24, not {given!r}") from error


@functools.lru_cache(maxsize=1_000)
def _public(country: str, region: str, year: int) -> Mapping[date, str]:
    """The public holidays of one year, with their names in English where the library has them."""
    if not country:
        return {}
    found = holidays.country_holidays(country, subdiv=region or None, years=year, language="en_US")
    return {day: found.get(day, "") for day in found if day.year == year}
