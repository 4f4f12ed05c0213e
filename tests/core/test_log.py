"""The log: readable by people or by machines, and never a secret in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from core.log import configure, redact


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize(
    ("written", "logged"),
    [
        ("postgresql+psycopg://me:hunter2@db/x", "postgresql+psycopg://me:***@db/x"),
        ("redis://:hunter2@cache:6379/0 is away", "redis://:***@cache:6379/0 is away"),
        ("https://me:hun@ter2@db/x", "https://me:***@db/x"),
        ("GET /hook?token=hunter2&page=2", "GET /hook?token=***&page=2"),
        ("SECRET_KEY=hunter2 PORT=8000", "SECRET_KEY=*** PORT=8000"),
        ('{"access_token": "hunter2", "expires": 3}', '{"access_token": "***", "expires": 3}'),
        ("{'password': 'hunter2'}", "{'password': '***'}"),
        ("authorization: Basic aHVudGVyMg==", "authorization: Basic ***"),
        ("sent Bearer eyJhbGciOiJIUzI1NiJ9.hunter2", "sent Bearer ***"),
    ],
)
def test_secrets_are_blanked(written: str, logged: str) -> None:
    assert redact(written) == logged


@pytest.mark.parametrize(
    "harmless",
    ["https://example.org:8443/a?page=2", "12:30: the key: to it all", "a bearer of bad news", "me@example.org"],
)
def test_what_is_no_secret_stays(harmless: str) -> None:
    assert redact(harmless) == harmless


def test_text_has_time_level_and_name(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "text")
    logging.getLogger("listener").info("feed %s", "https://me:hunter2@example.org/rss")
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO    listener: feed https://me:***@example.org/rss")


def test_json_is_one_object_per_line_with_the_traceback_inside(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    try:
        int("token=hunter2")
    except ValueError:
        logging.getLogger("web").exception("failed\nbadly")
    [line] = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("error", "web", "failed\nbadly")
    assert "ValueError: invalid literal" in entry["traceback"]
    assert "hunter2" not in line


def test_libraries_that_talk_much_are_heard_only_when_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "text")
    logging.getLogger("httpx2").info("HTTP Request")
    logging.getLogger("httpx2").warning("trouble")
    assert len(capsys.readouterr().err.splitlines()) == 1
