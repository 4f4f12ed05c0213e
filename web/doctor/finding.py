"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `ok`, `warn` (worth knowing) or `fail` (a person must act); `do` says how."""

    level: Literal["ok", "warn", "fail"]
    what: str
    says: str
    do: str = ""


def ok(what: str, says: str) -> Finding:
    """All is well."""
    return Finding("ok", what, says)


def warn(what: str, says: str, do: str) -> Finding:
    """Works, but a person may want to change it."""
    return Finding("warn", what, says, do)


def fail(what: str, says: str, do: str) -> Finding:
    """Does not work until a person acts."""
    return Finding("fail", what, says, do)
