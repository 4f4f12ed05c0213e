"""Secrets that the service makes for itself, kept in files that only its user can read; and those of others, encrypted.

Keys and tokens that a person enters for a source are stored as one Fernet token (AES-128-CBC with HMAC-SHA-256; the
cryptography library): a copy of the database alone does not give them away.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from core.errors import GiveUp
from core.settings import Settings


def session_key(settings: Settings) -> str:
    """The key that signs sessions: SECRET_KEY, or one made once and kept in RIPPLEWATCH_HOME."""
    return settings.secret_key.get_secret_value() or _kept(settings.ripplewatch_home / "session.key")


def seal(settings: Settings, values: Mapping[str, str]) -> str:
    """Encrypt secret settings, by name, for the database."""
    return _fernet(settings).encrypt(json.dumps(dict(values)).encode()).decode("ascii")


def unseal(settings: Settings, sealed: str | None) -> dict[str, str]:
    """What `seal` was given ({} for None). Raises GiveUp when it was another key that encrypted it."""
    if not sealed:
        return {}
    try:
        values: dict[str, str] = json.loads(_fernet(settings).decrypt(sealed.encode("ascii")))
    except (InvalidToken, ValueError) as error:
        raise GiveUp(
            "its keys were encrypted with another CREDENTIALS_KEY than this process has. Give all processes the same "
            "one, or enter the keys again"
        ) from error
    return values


def sealed_at(sealed: str) -> datetime:
    """When `seal` made this: a token says it openly, in the eight bytes after its version."""
    return datetime.fromtimestamp(int.from_bytes(base64.urlsafe_b64decode(sealed)[1:9]), UTC)


def _fernet(settings: Settings) -> Fernet:
    """CREDENTIALS_KEY may be any text: its digest is the key."""
    given = settings.credentials_key.get_secret_value() or _kept(settings.ripplewatch_home / "credentials.key")
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(given.encode()).digest()))


def _kept(file: Path) -> str:
    """The secret in `file`; makes both on first use. Two processes that start at once agree on one."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=file.parent, prefix=f"{file.name}.") as fresh:
            fresh.write(secrets.token_urlsafe(48))
            fresh.flush()
            with suppress(FileExistsError):  # the other process was first, and then its secret counts
                os.link(fresh.name, file)
    return file.read_text(encoding="ascii")
