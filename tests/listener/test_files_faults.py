"""Files written while they are read, cut, repeated, replaced and gone for a while: every line is stored once."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from core.clock import HeldClock
from core.runtime import Runtime
from listener.source import Context
from listener.sources.files import Files
from tests.listener.emulators.run import Run


class Writer:
    """Another system that writes mentions into a folder, and does so badly."""

    def __init__(self, folder: Path, clock: HeldClock) -> None:
        self.folder, self.clock = folder, clock
        self.number = self.bad = 0
        self.rest = b""
        self.file = folder / "0.jsonl"
        self.write(1)

    def line(self) -> bytes:
        self.number += 1
        told = {"platform": "x", "id": str(self.number), "author": "ann", "text": f"acme {self.number}"}
        return json.dumps(told | {"created_at": "2026-11-20T10:00:00Z"}).encode() + b"\n"

    def write(self, count: int) -> None:
        self.append(b"".join(self.line() for _ in range(count)))

    def append(self, data: bytes) -> None:
        with self.file.open("ab") as file:
            file.write(self.rest + data)
        self.rest = b""
        self.touch()

    def touch(self) -> None:
        now = self.clock.now().timestamp()
        os.utime(self.file, (now, now))

    def cut(self) -> None:
        """Half a line; the rest comes with whatever is written next."""
        line = self.line()
        self.append(line[: len(line) // 2])
        self.rest = line[len(line) // 2 :]

    def cut_in_a_character(self) -> None:
        line = self.line().replace(b'"text": "acme', '"text": "acme é'.encode())
        at = line.index(b"\xc3") + 1
        self.append(line[:at])
        self.rest = line[at:]

    def spoil(self) -> None:
        self.bad += 1
        self.append(b'{"platform": "x", "id": \n')

    def repeat(self) -> None:
        """Everything that is in the file once more."""
        self.append(b"")
        self.append(self.file.read_bytes())

    def begin_another(self) -> None:
        self.append(b"")
        self.file = self.folder / f"{self.number}.jsonl"
        self.write(2)

    def replace(self) -> None:
        """The same name, but other lines in it, fewer than before; what was in it moves to another name."""
        self.append(b"")
        self.file.rename(self.folder / f"old-{self.number}.jsonl")
        self.write(1)

    def go(self) -> None:
        self.folder.rename(self.folder.with_name("away"))

    def come_back(self) -> None:
        self.folder.with_name("away").rename(self.folder)


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_to_the_files_every_line_is_stored_once(
    sqlite_runtime: Runtime, clock: HeldClock, tmp_path: Path, seed: int
) -> None:
    chance, folder = random.Random(seed), tmp_path / "incoming"
    folder.mkdir()
    writer = Writer(folder, clock)
    run = Run(
        sqlite_runtime, clock, "files", lambda: Files(Context({"path": str(folder)}, sqlite_runtime.settings, clock))
    )

    def away() -> None:
        writer.go()
        assert run.step().failed
        writer.come_back()

    troubles: list[Callable[[], None]] = [writer.cut, writer.cut_in_a_character, writer.spoil, writer.begin_another]
    troubles += [writer.repeat, away, run.restart, writer.replace]
    troubles *= 3
    chance.shuffle(troubles)
    for trouble in troubles:
        writer.write(chance.choice([0, 1, 30, 700]))
        trouble()
        for _ in range(chance.randrange(3)):
            run.step()
    writer.append(b"")
    clock.advance(60)
    run.catch_up(60)
    run.source.close()
    assert sorted(map(int, run.stored())) == list(range(1, writer.number + 1))
    assert run.row().rejected >= writer.bad > 0


def test_ten_thousand_lines_at_once_are_all_stored(sqlite_runtime: Runtime, clock: HeldClock, tmp_path: Path) -> None:
    writer = Writer(tmp_path, clock)
    run = Run(
        sqlite_runtime, clock, "files", lambda: Files(Context({"path": str(tmp_path)}, sqlite_runtime.settings, clock))
    )
    run.step()
    writer.write(10_000)
    run.catch_up(40)
    assert len(run.stored()) == 10_001


def test_a_day_of_quiet_looks_every_five_seconds_and_reads_nothing_again(
    sqlite_runtime: Runtime, clock: HeldClock, tmp_path: Path
) -> None:
    Writer(tmp_path, clock).write(50)
    run = Run(
        sqlite_runtime, clock, "files", lambda: Files(Context({"path": str(tmp_path)}, sqlite_runtime.settings, clock))
    )
    run.step()
    run.step()  # reads the message to ourselves that the first one sent
    cursor = run.row().cursor
    for _ in range(24):
        assert run.step().wait == 5
        clock.advance(3_595)
    assert run.row().cursor == cursor
