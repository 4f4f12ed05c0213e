"""`ripplewatch import` and `replay`: mentions from files, stored and judged."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
from sqlalchemy import select
from sqlalchemy.orm import Session
from tqdm import tqdm

from core import waiting
from core.clock import Clock, HeldClock
from core.errors import BadInput, ItemsSetAside
from core.queue import STAGES, ThreadQueue, run_stage
from core.runtime import Runtime
from core.tables import Source
from core.types import Mention
from listener import importing, records
from web.commands.lines import note, report, say
from web.commands.opened import brand_of, opened
from web.commands.stopping import on_signal
from web.replay import Replay

_JUDGING = ("judge", "open_case", "count")
_TURN = 5.0
"""Seconds for which a stage works before it is asked whether what we brought is done."""
_MOMENT = 0.2
"""Seconds to wait for what another process has in hand."""


class _Speed(click.ParamType[float]):
    name = "speed"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            speed = math.inf if value == "max" else float(value)
        except ValueError:
            speed = math.nan
        if not speed > 0:
            self.fail(f"{value!r}: use a number above 0, or max", param, ctx)
        return speed


_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_files = click.argument("files", nargs=-1, metavar="FILE...", type=_FILE)
_no_judge = click.option("--no-judge", is_flag=True, help="Leave the judging to the running service.")
_strict = click.option("--strict", is_flag=True, help="End with exit code 1 at the first bad line.")


@click.command(
    "import",
    short_help="Store mentions from files and judge them.",
    epilog="Example: ripplewatch import posts.csv more.jsonl --brand acme",
)
@_files
@click.option("--brand", help="Slug of the brand whose mentions these are; needed when there are several brands.")
@_no_judge
@_strict
def import_files(files: tuple[Path, ...], brand: str | None, no_judge: bool, strict: bool) -> None:
    """Store mentions from FILEs (or stdin), judge them and open cases; prints {"new", "known", "rejected"}.

    CSV or JSON Lines with platform,id,author,text,created_at (ISO 8601) and, where known, url, author_name,
    followers, reply_to, lang, likes, reposts, replies. Importing the same again changes nothing.
    """
    with opened() as runtime, _readable(files) as named:
        with _bar("import", "B") as bar:
            counts = importing.import_files(
                runtime,
                list(named),
                brand,
                lambda file, line, reason: _report(named[Path(file)], line, reason),
                partial(_advance, bar),
                strict,
            )
        if counts.own:
            note(f"{counts.own} left out: the brand's own posts are no mentions")
        say({"new": counts.new, "known": counts.known, "rejected": counts.rejected})
        if not no_judge:
            _judge(runtime)


@click.command(
    short_help="Play recorded files with their pauses.",
    epilog="Example: ripplewatch replay recorded.jsonl --speed 60 --now --brand acme",
)
@_files
@click.option("--speed", type=_Speed(), default="1", show_default=True, help="Pauses are divided by this; max: none.")
@click.option("--now", is_flag=True, help="Move the times so that each mention is written when it is played.")
@click.option("--brand", help="Slug of the brand whose mentions these are; otherwise the queries decide.")
@_no_judge
@_strict
def replay(files: tuple[Path, ...], speed: float, now: bool, brand: str | None, no_judge: bool, strict: bool) -> None:
    """Play recorded FILEs (or stdin) of the import format, in the order of their times, with their pauses."""
    with _readable(files) as named:
        played = Replay(_recorded(named, strict), speed=speed, now=now)
    stop = threading.Event()
    with opened() as runtime, on_signal(stop.set):
        with runtime.db.write() as db:
            source_id = _source(db, runtime, brand)
        with _bar("replay", " mentions") as bar, _judging(runtime, not no_judge) as player:
            bar.reset(len(played.mentions))
            counts = played.play(player, source_id, stop, bar.update)
        say({"new": counts.new, "known": counts.known, "unmatched": counts.unmatched})
        if not no_judge:
            _judge(runtime)


@contextmanager
def _readable(files: Sequence[Path]) -> Iterator[dict[Path, str]]:
    """The files to read, and what to call them; stdin is kept in a temporary one, because readers go back and forth."""
    with tempfile.TemporaryDirectory() as folder:
        named: dict[Path, str] = {}
        for file in files or [Path("-")]:
            if file == Path("-"):
                kept = Path(folder) / "stdin"
                with kept.open("wb") as copy:
                    shutil.copyfileobj(sys.stdin.buffer, copy)
                named[kept] = "stdin"
            else:
                named[file] = str(file)
        yield named


def _recorded(named: dict[Path, str], strict: bool) -> Iterator[Mention]:
    for file, name in named.items():
        with file.open("rb") as opened_file:
            for read in records.read(opened_file, file.name):
                if isinstance(read.item, Mention):
                    yield read.item
                elif strict:
                    raise BadInput(f"{name}, line {read.line}: {read.item.reason}")
                else:
                    report(name, read.line, read.item.reason)


def _source(db: Session, runtime: Runtime, slug: str | None) -> int:
    """The id of the row that stands for what is replayed for this brand, or for whomever the queries say."""
    brand_id = brand_of(db, slug).id if slug else None
    name = f"replay {slug}" if slug else "replay"
    found = db.scalar(select(Source).where(Source.kind == "files", Source.name == name))
    if found is None:
        now = runtime.clock.now()
        found = Source(kind="files", name=name, brand_id=brand_id, active=False, state="off", created_at=now)
        db.add(found)
        db.flush()
    return found.id


@contextmanager
def _judging(runtime: Runtime, judges: bool) -> Iterator[Runtime]:
    """The runtime to collect with: what comes is judged at once, by threads of ours or by the workers."""
    if runtime.settings.distributed or not judges:
        yield runtime
        return
    queue = ThreadQueue({name: STAGES[name] for name in _JUDGING})
    threaded = replace(runtime, queue=queue)
    queue.start(threaded)
    try:
        yield threaded
    finally:
        queue.stop()


def _judge(runtime: Runtime) -> None:
    """Work until all that waits now is judged and has its cases, whoever does it; what comes later is its own affair.

    Raises ItemsSetAside at the end, when some were.
    """
    aside: ItemsSetAside | None = None
    for name in _JUDGING:
        until = HeldClock(runtime.clock.now())
        with _bar(name, " mentions") as bar:
            while (left := _left(runtime, name, until)) is not None:
                bar.total = max(bar.total or 0, left)
                bar.update(bar.total - left - bar.n)
                try:
                    done = run_stage(runtime, STAGES[name], seconds=_TURN)
                except ItemsSetAside as error:
                    aside, done = error, error.count
                if not done:
                    runtime.clock.wait(threading.Event(), _MOMENT)
    if aside:
        raise aside


def _left(runtime: Runtime, stage: str, until: Clock) -> int | None:
    """How many wait for a stage; None when nothing waits any more that did `until` then."""
    with runtime.db.read() as db:
        return waiting.count(db, stage) if waiting.any_for(db, until, stage) else None


@contextmanager
def _bar(what: str, unit: str) -> Iterator[tqdm[NoReturn]]:
    """A progress bar on stderr, if that is a terminal."""
    with tqdm(desc=what, unit=unit, unit_scale=True, disable=None, leave=False) as bar:
        yield bar


def _advance(bar: tqdm[NoReturn], read: int, total: int) -> None:
    bar.total = total
    bar.update(read - bar.n)


def _report(file: str, line: int, reason: str) -> None:
    """Report a line without tearing the bar apart."""
    with tqdm.external_write_mode(file=sys.stderr):
        report(file, line, reason)
