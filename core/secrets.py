"""Secrets that the service makes for itself, kept in files that only its user can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from core.settings import Settings


def session_key(settings: Settings) -> str:
    """The key that signs sessions: SECRET_KEY, or one made once and kept in RIPPLEWATCH_HOME."""
    return settings.secret_key.get_secret_value() or _kept(settings.ripplewatch_home / "session.key")


def _kept(file: Path) -> str:
    """The secret in `file`; makes both on first use. Two processes that start at once agree on one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_urlsafe(48), encoding="ascii")
    try:
        os.link(fresh, file)  # fails if the other process was first, and then its secret counts
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return file.read_text(encoding="ascii")
