"""Secrets that the service makes for itself, kept in files that only its user can read."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from core.settings import Settings


def session_key(settings: Settings) -> str:
    """The key that signs sessions: SECRET_KEY, or one made once and kept in RIPPLEWATCH_HOME."""
    return settings.secret_key.get_secret_value() or _kept(settings.ripplewatch_home / "session.key")


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
