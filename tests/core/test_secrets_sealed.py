"""Keys of sources are unreadable in the database, and readable with the key that made them."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import GiveUp
from core.secrets import seal, unseal
from core.settings import Settings


def settings(home: Path, key: str = "") -> Settings:
    return Settings(ripplewatch_home=home, credentials_key=key)


def test_what_is_sealed_says_nothing_and_comes_back(tmp_path: Path) -> None:
    sealed = seal(settings(tmp_path), {"token": "sesame"})
    assert "sesame" not in sealed
    assert unseal(settings(tmp_path), sealed) == {"token": "sesame"}
    assert unseal(settings(tmp_path), None) == {}
    assert (tmp_path / "credentials.key").stat().st_mode & 0o077 == 0


def test_another_key_is_refused_in_words(tmp_path: Path) -> None:
    sealed = seal(settings(tmp_path, "one key"), {"token": "sesame"})
    assert unseal(settings(tmp_path / "elsewhere", "one key"), sealed) == {"token": "sesame"}
    with pytest.raises(GiveUp, match="CREDENTIALS_KEY"):
        unseal(settings(tmp_path, "another"), sealed)
