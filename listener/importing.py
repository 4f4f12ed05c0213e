"""`ripplewatch import`: files of mentions into the database, a thousand at a time.

Each batch is a transaction, so a process that is killed loses at most the batch in hand; importing the same file
again adds what is missing and nothing else. Whose the mentions are: the brand that is named; without a name the only
brand's; with several brands the queries decide, and what none of them matches is rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from os import SEEK_END
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db import insert
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import Brand, Source
from core.types import Mention, Page, Rejected
from listener.collect import collect
from listener.matching import BrandMatcher
from listener.records import Read, read

BATCH = 1_000

Report = Callable[[str, int, str], None]
"""(file, line, reason) of a line that could not be taken."""
Progress = Callable[[int, int], None]
"""(bytes read, bytes in all) so far."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the lines. `known` were stored already, `own` are the brand's own posts, which are no mentions."""

    new: int = 0
    known: int = 0
    rejected: int = 0
    own: int = 0

    def __add__(self, other: Imported) -> Imported:
        return Imported(
            self.new + other.new, self.known + other.known, self.rejected + other.rejected, self.own + other.own
        )


def _say_nothing(*_: object) -> None:
    """For who does not listen."""


def import_files(
    runtime: Runtime,
    paths: Iterable[Path],
    brand_slug: str | None = None,
    report: Report = _say_nothing,
    progress: Progress = _say_nothing,
    strict: bool = False,
) -> Imported:
    """Store what is in the files; nudge the judge after each batch.

    Raises BadInput for a file that cannot be opened (before anything is stored), a brand that is not there, and, if
    `strict`, for the first line that cannot be taken (what came before it is stored).
    """
    files = [Path(path) for path in paths]
    sizes = [_size(file) for file in files]
    with runtime.db.write() as db:
        batches = _Batches(runtime, _source(db, runtime, brand_slug), BrandMatcher.load(db))
    counts, before = Imported(), 0
    for file, size in zip(files, sizes, strict=True):
        with file.open("rb") as opened:
            lines = read(opened, file.name)
            while found := list(islice(lines, BATCH)):
                taken, refused = batches.sorted(found)
                if refused and strict:
                    counts += batches.store(taken[: found.index(refused[0][0])])
                    raise BadInput(f"{file}, line {refused[0][0].line}: {refused[0][1]}")
                for one, reason in refused:
                    report(str(file), one.line, reason)
                counts += batches.store(taken) + Imported(rejected=len(refused))
                progress(before + found[-1].after.offset, sum(sizes))
        before += size
    return counts


class _Batches:
    """Where batches go: the source's row, and whose mentions they are."""

    def __init__(self, runtime: Runtime, source: Source, matcher: BrandMatcher) -> None:
        self._runtime, self._source, self._matcher = runtime, source, matcher

    def sorted(self, found: Sequence[Read]) -> tuple[list[Mention], list[tuple[Read, str]]]:
        """What can be taken, and what cannot with the reason."""
        taken: list[Mention] = []
        refused: list[tuple[Read, str]] = []
        for one in found:
            if isinstance(one.item, Rejected):
                refused.append((one, one.item.reason))
            elif self._matcher.brands(one.item, self._source) or self._matcher.is_own(one.item):
                taken.append(one.item)
            else:
                refused.append((one, "no query of any brand matches it: name its brand with --brand"))
        return taken, refused

    def store(self, mentions: Sequence[Mention]) -> Imported:
        """Store them, in a transaction of their own."""
        if not mentions:
            return Imported()
        with self._runtime.db.write() as db:
            source = db.get_one(Source, self._source.id)
            done = collect(db, self._runtime.clock, source, Page(tuple(mentions)), self._matcher, late=True)
        if done.to_judge:
            self._runtime.queue.nudge("judge")
        return Imported(new=done.new, known=len(mentions) - done.new - done.own, own=done.own)


def _size(file: Path) -> int:
    try:
        with file.open("rb") as opened:
            return opened.seek(0, SEEK_END)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror or error}") from error


def _source(db: Session, runtime: Runtime, brand_slug: str | None) -> Source:
    """The row that stands for imports of this brand's (or, with several brands and none named, of anybody's)."""
    brands = {brand.slug: brand.id for brand in db.scalars(select(Brand).order_by(Brand.slug))}
    if not brands:
        raise BadInput("there is no brand yet that mentions could belong to: make one first (ripplewatch brand --help)")
    if brand_slug is not None and brand_slug not in brands:
        raise BadInput(f"there is no brand {brand_slug!r}; there are: {', '.join(brands)}")
    slug = brand_slug or (next(iter(brands)) if len(brands) == 1 else None)
    name = f"import {slug}" if slug else "import"
    row = {"kind": "files", "name": name, "brand_id": brands.get(slug or ""), "active": False, "state": "off"}
    db.execute(insert(db, Source).values(**row, created_at=runtime.clock.now()).on_conflict_do_nothing())
    return db.scalars(select(Source).where(Source.kind == "files", Source.name == name)).one()
