"""Files: mentions that some other system writes as JSON Lines or CSV (listener/records.py), and replies given back.

The source watches a file, or a folder and every .jsonl, .ndjson, .csv and .tsv file in it, and reads what is
appended. A file that was replaced is read again from its beginning; what is known already is not stored twice. A
last line without an end is read once the file has not changed for a while.

The replier appends one JSON line per reply to the outbox file, under a lock and synced to the disk before it counts
as sent. A reader of that file posts the replies wherever they belong; `key` tells it which it has had.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar

from filelock import FileLock, Timeout

from core.errors import BadInput, RetryLater, Unsure
from core.types import Mention, Outgoing, Page, Permission, Receipt, Rejected
from listener.records import Place, read
from listener.source import Context, Field

ENDINGS = (".jsonl", ".ndjson", ".csv", ".tsv")
PAGE_ITEMS = 500
QUIET_SECONDS = 10
"""For so long a file must not have changed before its last line counts as complete without an end."""
CANARY_FILE = "ripplewatch-canary.jsonl"
_HEAD = 1_024
_RECORD = ("key", "platform", "mention_id", "mention_url", "text", "account", "approved_by")
"""What the outbox file says of a reply."""


class Files:
    """A file or folder on this machine."""

    kind: ClassVar[str] = "files"
    title: ClassVar[str] = "Files"
    about: ClassVar[str] = "Reads mentions that another system writes into a file or folder, as JSON Lines or CSV."
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "path",
            "File or folder",
            "Where the listener finds it; of a folder all .jsonl, .ndjson, .csv and .tsv files are read.",
            example="/srv/ripplewatch/incoming",
        ),
    )
    steps: ClassVar[tuple[str, ...]] = ()
    poll_seconds: ClassVar[float] = 5
    silent_seconds: ClassVar[float | None] = None
    reply: ClassVar[Permission] = Permission(
        "api", "Replies are written to the outbox file, from which the system that wrote the mentions takes them."
    )

    def __init__(self, context: Context) -> None:
        """Raises BadInput when `path` is missing or not absolute."""
        path = context.settings.get("path")
        if not isinstance(path, str) or not path.strip() or "\0" in path:
            raise BadInput("path: name a file or folder")
        self._path = Path(path.strip())
        if not self._path.is_absolute():
            raise BadInput(f"path: {path!r} must be absolute, because nobody knows in which folder the listener starts")
        self._clock = context.clock

    def fetch(self, cursor: str | None) -> Page:
        """What has been added to the files since the cursor (how far each has been read), file after file."""
        before, marks = _marks(cursor), dict[str, _Mark]()
        items: list[Mention | Rejected] = []
        try:
            for file in self._files():
                found, marks[file.name] = self._read(file, before.get(file.name), PAGE_ITEMS - len(items))
                items += found
        except OSError as error:
            raise RetryLater(f"{error.filename or self._path} cannot be read: {error.strerror or error}") from error
        return Page(
            mentions=tuple(item for item in items if isinstance(item, Mention)),
            cursor=json.dumps({name: asdict(mark) for name, mark in marks.items()}),
            more=len(items) >= PAGE_ITEMS,
            rejected=tuple(item for item in items if isinstance(item, Rejected)),
        )

    def close(self) -> None:
        """Nothing stays open."""

    def can_send_canary(self) -> bool:
        """Whether it is a folder, which is ours to write to: in a file we might come between another's lines."""
        return self._path.is_dir() and os.access(self._path, os.W_OK)

    def send_canary(self, token: str) -> None:
        """Put a file of our own into the folder, in place of that of the last time."""
        record = {"platform": self.kind, "id": token, "author": "ripplewatch", "text": token}
        line = json.dumps(record | {"created_at": self._clock.now().isoformat()})
        unfinished = self._path / f".{CANARY_FILE}.new"
        try:
            unfinished.write_text(f"{line}\n", encoding="utf-8")
            unfinished.replace(self._path / CANARY_FILE)
        except OSError as error:
            raise RetryLater(f"{error.filename or self._path} cannot be written: {error.strerror or error}") from error

    def _files(self) -> list[Path]:
        if self._path.is_dir():
            return sorted(file for file in self._path.iterdir() if file.suffix.lower() in ENDINGS and file.is_file())
        self._path.stat()  # says what is the matter with it
        return [self._path]

    def _read(self, file: Path, mark: _Mark | None, most: int) -> tuple[list[Mention | Rejected], _Mark]:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            start = Place(mark.offset, mark.lines) if mark and mark.is_of(opened, status.st_size) else Place()
            whole = self._clock.now().timestamp() - status.st_mtime > QUIET_SECONDS
            found = list(islice(read(opened, file.name, start, whole=whole), most))
            end = found[-1].after if found else start
            return [one.item for one in found], _Mark.at(opened, end)


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far a file was read, and by which first bytes to know whether it is still the same file."""

    offset: int
    lines: int
    head: int

    @classmethod
    def at(cls, file: BinaryIO, place: Place) -> _Mark:
        return cls(place.offset, place.lines, _head(file, place.offset))

    def is_of(self, file: BinaryIO, size: int) -> bool:
        return size >= self.offset and self.head == _head(file, self.offset)


def _head(file: BinaryIO, read_to: int) -> int:
    return zlib.crc32(os.pread(file.fileno(), min(read_to, _HEAD), 0))


def _marks(cursor: str | None) -> dict[str, _Mark]:
    return {name: _Mark(**mark) for name, mark in json.loads(cursor).items()} if cursor else {}


class FilesReplier:
    """The outbox file."""

    kind: ClassVar[str] = "files"
    max_length: ClassVar[int | None] = None
    lock_seconds: ClassVar[float] = 10

    def __init__(self, context: Context) -> None:
        """Opens nothing yet."""
        self._file = context.process.outbox

    def account(self) -> str:
        """The file that replies go to."""
        return f"the outbox file {self._file.name}"

    def send(self, reply: Outgoing) -> Receipt:
        """Append the reply, unless it is there already. What was half written when the disk was full is taken back."""
        record = {name: getattr(reply, name) for name in _RECORD}
        line = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            with self._locked():
                if not self._has(reply.key):
                    with self._file.open("a+b", buffering=0) as file:
                        _append(file, line)
        except OSError as error:
            raise RetryLater(f"{self._file} cannot be written: {error.strerror or error}") from error
        return Receipt(reply.key)

    def find(self, reply: Outgoing) -> Receipt | None:
        """Whether a line with the reply's key is in the file."""
        try:
            with self._locked():
                return Receipt(reply.key) if self._has(reply.key) else None
        except OSError as error:
            raise Unsure(f"{self._file} cannot be read: {error.strerror or error}") from error

    def redact(self, key: str, text: str) -> None:
        """Write the reply's line anew in its place, as long as it was, so that whoever reads on is not disturbed."""
        try:
            with self._locked(), suppress(FileNotFoundError), self._file.open("r+b") as file:
                at = 0
                for line in file:
                    if _key(line) == key:
                        os.pwrite(file.fileno(), _redacted(line, text), at)
                    at += len(line)
                os.fsync(file.fileno())
        except OSError as error:
            raise RetryLater(f"{self._file} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """Nothing stays open."""

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the file, among all processes."""
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(f"{self._file}.lock", timeout=self.lock_seconds):
                yield
        except Timeout as error:
            raise RetryLater(f"{self._file} has been locked by another process for {self.lock_seconds} s") from error

    def _has(self, key: str) -> bool:
        """Whether a whole line has this key; a line that a crash cut off counts for nothing."""
        wanted = json.dumps(key, ensure_ascii=False).encode()
        try:
            with self._file.open("rb") as file:
                return any(wanted in line and line.endswith(b"\n") and _key(line) == key for line in file)
        except FileNotFoundError:
            return False


def _key(line: bytes) -> str | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record.get("key") if isinstance(record, dict) else None


def _redacted(line: bytes, text: str) -> bytes:
    """The line with another text and without its link, filled with spaces; without text where that is too long."""
    record = json.loads(line) | {"mention_url": None}
    for left in (text, "…", ""):
        made = json.dumps(record | {"text": left}, ensure_ascii=False).encode("utf-8", "replace")
        if len(made) < len(line):
            break
    return made.ljust(len(line) - 1) + b"\n"


def _append(file: FileIO, line: bytes) -> None:
    """Write the line whole or not at all, and sync it. What a crash cut off before it is ended first."""
    end = file.seek(0, os.SEEK_END)
    if end and os.pread(file.fileno(), 1, end - 1) != b"\n":
        line = b"\n" + line
    try:
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - as if write had said so itself
    except OSError:
        file.truncate(end)
        raise
    try:
        os.fsync(file.fileno())
    except OSError as error:
        raise Unsure(f"the reply was written, but perhaps not to the disk: {error.strerror}") from error


SOURCE = Files
REPLIER = FilesReplier
