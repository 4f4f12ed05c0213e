"""The key that signs sessions: made once, the same for every process, readable by nobody else."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import settings as settings_module
from core.secrets import session_key
from core.settings import Settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_made_once_and_kept_for_its_owner_alone(settings: Settings) -> None:
    key = session_key(settings)
    assert len(key) >= 64
    assert session_key(settings) == key
    assert mode(settings.ripplewatch_home / "session.key") == 0o600
    assert mode(settings.ripplewatch_home) == 0o700


def test_many_that_start_at_once_agree_on_one_key_and_leave_nothing_else(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(session_key, [settings] * 64))
    assert len(keys) == 1
    assert [file.name for file in settings.ripplewatch_home.iterdir()] == ["session.key"]


def test_a_key_that_was_set_is_used_and_written_nowhere(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a long secret of our own")
    assert session_key(settings_module.load()) == "a long secret of our own"
    assert not settings.ripplewatch_home.exists()
