"""The command line as a whole: help with an example everywhere, exit codes, words instead of tracebacks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.web.ripplewatch import ripplewatch
from web.cli import COMMANDS, cli

DOCS = Path(__file__).parents[2] / "docs" / "commands.md"


def _commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*path, name)
        if isinstance(found, click.Group):
            yield from _commands(found, *path, name)


ALL = list(_commands(cli))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself_with_an_example(path: tuple[str, ...]) -> None:
    ran = ripplewatch(*path, "--help")
    assert ran.code == 0
    assert f"ripplewatch {' '.join(path)}" in ran.out.partition("Example:")[2].replace("\n", " ").replace("  ", " ")


@pytest.mark.parametrize("path", [path for path in ALL if path[:2] != ("source", "add")], ids=" ".join)
def test_every_command_is_documented_with_an_example(path: tuple[str, ...]) -> None:
    documented = DOCS.read_text(encoding="utf-8")
    assert f"ripplewatch {' '.join(path)}" in documented


def test_help_lists_the_commands_in_the_order_in_which_people_need_them() -> None:
    listed = [
        line.split()[0] for line in ripplewatch("--help").out.partition("Commands:")[2].splitlines() if line.strip()
    ]
    assert [name for name in listed if name in COMMANDS] == list(COMMANDS)


def test_python_dash_m_web_is_the_same_program() -> None:
    assert ripplewatch("--version").out.startswith("ripplewatch")


@pytest.mark.parametrize(
    "args", [("nonsense",), ("export", "--format", "xml"), ("classify", "missing.jsonl"), ("forget",)]
)
def test_wrong_use_exits_2_and_says_how_to_use_it(args: tuple[str, ...]) -> None:
    ran = ripplewatch(*args)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: ripplewatch" in ran.err


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "70000", "PORT"),
        ("DATABASE_URL", "mysql://u:hush@h/d", "DATABASE_URL"),
        ("SECRET_KEY_FILE", "missing.txt", "SECRET_KEY_FILE: cannot read missing.txt"),
        ("DATABASE_URL", "postgresql+psycopg://u:hush@127.0.0.1:1/d", "see `ripplewatch doctor`"),
    ],
)
def test_a_wrong_setting_is_one_line_without_the_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    ran = ripplewatch("brand", "list")
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
    assert "hush" not in ran.err
    assert "Traceback" not in ran.err


def test_a_file_that_is_no_database_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_text("this is no database, but it is long enough to look like one\n" * 50)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{broken}")
    ran = ripplewatch("brand", "list")
    assert ran.code == 1
    assert "file is not a database" in ran.err


def test_an_older_database_is_refused_by_every_command_but_migrate(tmp_path: Path) -> None:
    assert ripplewatch("brand", "list").code == 0
    with sqlite3.connect(tmp_path / "home" / "ripplewatch.sqlite") as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    ran = ripplewatch("brand", "list")
    assert ran.code == 1
    assert "version 9999" in ran.err


def test_migrate_says_from_what_to_what() -> None:
    first, second = ripplewatch("migrate"), ripplewatch("migrate")
    assert first.lines[0]["from"] is None
    assert second.lines == [{"from": first.lines[0]["to"], "to": first.lines[0]["to"]}]
