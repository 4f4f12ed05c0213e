"""A source's settings whole: what a person may read, and the secret ones decrypted."""

from __future__ import annotations

from collections.abc import Mapping

from core import tables
from core.secrets import seal, unseal
from core.settings import Settings


def whole(process: Settings, row: tables.Source) -> dict[str, object]:
    """All settings of a source. Raises GiveUp when its keys were encrypted with another CREDENTIALS_KEY."""
    return {**row.settings, **unseal(process, row.credentials)}


def renew(process: Settings, row: tables.Source, credentials: Mapping[str, str]) -> None:
    """Replace those secret settings that the platform has renewed; the others stay."""
    if credentials:
        row.credentials = seal(process, {**unseal(process, row.credentials), **credentials})
