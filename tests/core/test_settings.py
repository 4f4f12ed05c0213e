"""Settings: from the environment, `.env` and secret files; wrong ones are named, secret ones never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import SettingError
from core.settings import SECRETS, Settings, load

HIDDEN = "hunter2"


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    settings = load()
    assert settings.database == f"sqlite:///{tmp_path / 'home' / 'ripplewatch.sqlite'}"
    assert settings.outbox == tmp_path / "home" / "outbox.jsonl"
    assert not settings.distributed


def test_without_a_home_of_ones_own_the_platforms_data_folder_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RIPPLEWATCH_HOME")
    assert load().ripplewatch_home.name == "ripplewatch"
    assert load().ripplewatch_home.is_absolute()


def test_the_environment_wins_over_env_files_and_overrides_win_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=8001\nHOST=0.0.0.0\n# MODEL=lexicon\n", encoding="utf-8")
    monkeypatch.setenv("PORT", "8002")
    settings = load()
    assert (settings.host, settings.port, settings.model) == ("0.0.0.0", 8002, "bundled")
    assert load({"port": 8003}).port == 8003


def test_an_empty_value_is_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load()
    for name in set(Settings.model_fields) - {"ripplewatch_home"}:
        monkeypatch.setenv(name.upper(), "")
    assert load() == before


def test_redis_makes_it_distributed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "rediss://cache:6379/0")
    assert load().distributed


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_as_a_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"database_url": "sqlite:///x.sqlite", "redis_url": "redis://cache"}.get(name, HIDDEN)
    Path("secret").write_text(f"{value}\n", encoding="utf-8")
    monkeypatch.setenv(f"{name.upper()}_FILE", "secret")
    found = getattr(load(), name)
    assert value == (found if isinstance(found, str) else found.get_secret_value())


def test_a_secret_file_may_be_named_in_the_env_file_and_the_plain_name_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("secret").write_text("from the file", encoding="utf-8")
    Path(".env").write_text("SECRET_KEY_FILE=secret\n", encoding="utf-8")
    assert load().secret_key.get_secret_value() == "from the file"
    monkeypatch.setenv("SECRET_KEY", "plain")
    assert load().secret_key.get_secret_value() == "plain"


def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", "nowhere")
    with pytest.raises(SettingError, match=r"SECRET_KEY_FILE: cannot read nowhere: .*No such file"):
        load()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "eighty", "PORT: .*integer"),
        ("PORT", "65536", "PORT: .*65535"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL: .*'INFO'"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT: .*'json'"),
        ("SWEEP_SECONDS", "0", "SWEEP_SECONDS: .*greater than 0"),
        ("DATABASE_URL", f"mysql://me:{HIDDEN}@db/x", "DATABASE_URL: .*must start with sqlite: or postgresql"),
        ("REDIS_URL", f"http://:{HIDDEN}@cache", "REDIS_URL: .*must start with redis://"),
    ],
)
def test_a_wrong_value_is_named_and_never_repeated_if_it_may_be_secret(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=says) as error:
        load()
    assert HIDDEN not in str(error.value)
    assert error.value.__cause__ is None


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("LOG_LEVEL", "x")
    with pytest.raises(SettingError, match=r"PORT.*LOG_LEVEL|LOG_LEVEL.*PORT"):
        load()


def test_an_env_file_in_another_encoding_is_named() -> None:
    Path(".env").write_bytes("HOST=münchen".encode("latin-1"))
    with pytest.raises(SettingError, match=r"\.env is not UTF-8"):
        load()


def test_printing_settings_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql+psycopg://me:{HIDDEN}@db/x")
    monkeypatch.setenv("REDIS_URL", f"redis://:{HIDDEN}@cache")
    monkeypatch.setenv("SECRET_KEY", HIDDEN)
    assert HIDDEN not in repr(load()) + str(load())


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().port = 1  # type: ignore[misc]
