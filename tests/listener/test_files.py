"""Files as a source that is appended to, and the outbox file that replies go to."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import ClassVar

import pytest
from filelock import FileLock

from core.clock import HeldClock
from core.errors import BadInput, RetryLater
from core.settings import Settings
from core.types import Mention, Outgoing, Receipt
from listener.source import Context
from listener.sources.files import PAGE_ITEMS, Files, FilesReplier


def line(number: int) -> str:
    record = {"platform": "x", "id": str(number), "author": "ann", "text": "hi", "created_at": "2026-11-20T10:00:00Z"}
    return json.dumps(record) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "incoming"
    path.mkdir()
    return path


def source(path: Path, settings: Settings, clock: HeldClock) -> Files:
    return Files(Context({"path": str(path)}, settings, clock))


def ids(mentions: tuple[Mention, ...]) -> list[str]:
    return [mention.native_id for mention in mentions]


def test_what_is_appended_is_read_and_the_rest_is_not_read_again(
    folder: Path, settings: Settings, clock: HeldClock
) -> None:
    hearing, file = source(folder, settings, clock), folder / "a.jsonl"
    file.write_text(line(1) + line(2))
    first = hearing.fetch(None)
    assert ids(first.mentions) == ["1", "2"]
    assert hearing.fetch(first.cursor).mentions == ()
    with file.open("a") as more:
        more.write(line(3) + line(4)[:20])
    (folder / "b.csv").write_text("platform,id,author,text,created_at\nx,5,ann,hi,2026-11-20T10:00:00Z\n")
    (folder / "notes.txt").write_text("not for us")
    second = hearing.fetch(first.cursor)
    assert ids(second.mentions) == ["3", "5"]
    with file.open("a") as more:
        more.write(line(4)[20:])
    assert ids(hearing.fetch(second.cursor).mentions) == ["4"]
    assert ids(hearing.fetch(first.cursor).mentions) == ["3", "4", "5"]


def test_a_replaced_or_shortened_file_is_read_from_its_beginning(
    folder: Path, settings: Settings, clock: HeldClock
) -> None:
    hearing, file = source(folder, settings, clock), folder / "a.jsonl"
    file.write_text(line(1) + line(2))
    cursor = hearing.fetch(None).cursor
    file.write_text(line(7) + line(8) + line(9))
    again = hearing.fetch(cursor)
    assert ids(again.mentions) == ["7", "8", "9"]
    file.write_text(line(7))
    assert ids(hearing.fetch(again.cursor).mentions) == ["7"]


def test_a_last_line_without_an_end_is_read_once_the_file_rests(
    folder: Path, settings: Settings, clock: HeldClock
) -> None:
    hearing, file = source(folder / "a.jsonl", settings, clock), folder / "a.jsonl"
    file.write_text(line(1).rstrip())
    now = clock.now().timestamp()
    os.utime(file, (now - 5, now - 5))
    assert hearing.fetch(None).mentions == ()
    os.utime(file, (now - 60, now - 60))
    assert ids(hearing.fetch(None).mentions) == ["1"]


def test_a_large_file_comes_in_pages_and_bad_lines_are_reported_once(
    folder: Path, settings: Settings, clock: HeldClock
) -> None:
    hearing = source(folder, settings, clock)
    (folder / "a.jsonl").write_text("broken\n" + "".join(map(line, range(PAGE_ITEMS + 10))))
    first = hearing.fetch(None)
    second = hearing.fetch(first.cursor)
    assert (len(first.mentions), first.more, len(first.rejected)) == (PAGE_ITEMS - 1, True, 1)
    assert (len(second.mentions), second.more, len(second.rejected)) == (11, False, 0)
    assert first.rejected[0].where == "a.jsonl, line 1"


@pytest.mark.parametrize("text", ["id,text\n", "\ufeff"])
def test_a_file_of_another_kind_is_reported_once(folder: Path, settings: Settings, clock: HeldClock, text: str) -> None:
    (folder / "a.csv").write_text(text * 100, encoding="utf-16" if text == "\ufeff" else "utf-8")
    hearing = source(folder, settings, clock)
    first = hearing.fetch(None)
    assert len(first.rejected) == 1
    assert hearing.fetch(first.cursor).rejected == ()


def test_a_folder_that_is_not_there_is_waited_for(folder: Path, settings: Settings, clock: HeldClock) -> None:
    with pytest.raises(RetryLater, match="nowhere cannot be read: No such file"):
        source(folder / "nowhere", settings, clock).fetch(None)


@pytest.mark.parametrize("path", [None, "", " ", 5, "relative/path", "/a\0b"])
def test_a_path_that_cannot_be_meant_is_refused(path: object, settings: Settings, clock: HeldClock) -> None:
    with pytest.raises(BadInput, match="path"):
        Files(Context({"path": path}, settings, clock))


def context(settings: Settings) -> Context:
    return Context({}, settings, HeldClock())


def reply(key: str = "k1", text: str = "Sorry!") -> Outgoing:
    return Outgoing(key, "x", "1", "https://x.example/1", text, "acme", "Ana")


def outbox(settings: Settings) -> list[dict[str, str]]:
    return [json.loads(one) for one in settings.outbox.read_text(encoding="utf-8").splitlines()]


def test_a_reply_is_one_line_in_the_outbox_however_often_it_is_sent(settings: Settings) -> None:
    replier = FilesReplier(context(settings))
    assert replier.find(reply()) is None
    text = 'Two\nlines, "quotes", 👍 and \ud800'
    assert replier.send(reply(text=text)) == Receipt("k1")
    assert replier.send(reply(text=text)) == Receipt("k1")
    replier.send(reply("k2"))
    first, second = outbox(settings)
    assert (first["key"], first["mention_id"], first["text"]) == ("k1", "1", 'Two\nlines, "quotes", 👍 and ?')
    assert (first["account"], first["approved_by"], second["key"]) == ("acme", "Ana", "k2")
    assert replier.find(reply()) == Receipt("k1")
    assert settings.outbox.name in replier.account()


def test_a_line_that_a_crash_cut_off_was_not_sent_and_harms_no_other(settings: Settings) -> None:
    replier = FilesReplier(context(settings))
    replier.send(reply("k1"))
    whole = settings.outbox.read_bytes()
    settings.outbox.write_bytes(whole + whole.replace(b"k1", b"k2")[:-1])
    assert replier.find(reply("k2")) is None
    replier.send(reply("k3"))
    lines = settings.outbox.read_bytes().splitlines()
    assert json.loads(lines[-1])["key"] == "k3"
    assert replier.find(reply("k1")) == Receipt("k1")


def test_a_key_inside_a_text_is_not_that_reply(settings: Settings) -> None:
    replier = FilesReplier(context(settings))
    replier.send(reply("k1", 'see "k2"'))
    assert replier.find(reply("k2")) is None


def test_many_that_send_at_once_write_whole_lines(settings: Settings) -> None:
    def send(number: int) -> None:
        for turn in range(5):
            FilesReplier(context(settings)).send(reply(f"k{number % 2}-{turn}", "x" * 5_000))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one["key"] for one in outbox(settings)) == sorted(
        f"k{n}-{turn}" for n in range(2) for turn in range(5)
    )


def test_an_outbox_that_cannot_be_written_means_later(settings: Settings) -> None:
    settings.outbox.mkdir(parents=True)
    with pytest.raises(RetryLater, match=r"outbox\.jsonl cannot be written"):
        FilesReplier(context(settings)).send(reply())


def test_an_outbox_that_another_process_keeps_locked_means_later(settings: Settings) -> None:
    class Hasty(FilesReplier):
        lock_seconds: ClassVar[float] = 0.05

    settings.outbox.parent.mkdir(parents=True)
    with FileLock(f"{settings.outbox}.lock"), pytest.raises(RetryLater, match="locked by another process"):
        Hasty(context(settings)).send(reply())
