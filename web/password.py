"""Passwords: what is asked of one, and how it is kept."""

from __future__ import annotations

import secrets
from functools import cache

from werkzeug.security import check_password_hash, generate_password_hash

from core.tables import User

SHORTEST = 10
_LONGEST = 500
"""Hashing takes time that grows with the length; nobody types more."""


def problem(password: str) -> str | None:
    """What is wrong with a new password, in words; None if it will do."""
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters."
    if len(password) > _LONGEST:
        return f"Use at most {_LONGEST} characters."
    return None


def hashed(password: str) -> str:
    """What is kept of a password (scrypt). Takes a tenth of a second: make it before the transaction."""
    return generate_password_hash(password)


def give(user: User, kept: str) -> None:
    """Set a user's password to what `hashed` made of it, and sign them out everywhere."""
    user.password_hash = kept
    user.session_key = secrets.token_urlsafe(24)


def fits(user: User | None, password: str) -> bool:
    """Whether this is the user's password; takes as long for a user who does not exist."""
    kept = user.password_hash if user and user.active and user.password_hash else _nobodys()
    return check_password_hash(kept, password[: _LONGEST + 1]) and kept != _nobodys()


@cache
def _nobodys() -> str:
    return generate_password_hash(secrets.token_hex())
