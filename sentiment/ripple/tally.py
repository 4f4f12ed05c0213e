"""As what a mention stands in a brand's counts, and the counts, which are added to and never made anew.

Rows are added to by one statement per table, in the order of their keys: two that count at the same time wait for each
other (count.py lets only one at a time write, anyway) and neither loses what the other added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ARRAY, Table, bindparam, delete, func, select, tuple_
from sqlalchemy.orm import Session

from core.db import insert
from core.tables import Counted, HourCount, Row, WordCount
from listener.chunks import chunks

Key = tuple[int, int]
"""(mention id, brand id)"""


@dataclass(frozen=True, slots=True)
class Standing:
    """As what one mention counts for one brand; the fields are those of Counted."""

    hour: datetime
    platform: str
    source_id: int
    language: str
    sentiment: str
    complaint: bool | None
    angry: bool
    intent: str
    followers: int
    topics: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, row: Counted) -> Standing:
        """As what it was counted."""
        told = {name: getattr(row, name) for name in cls.__slots__}
        return cls(**told | {"topics": tuple(row.topics), "words": tuple(row.words)})

    def places(self) -> Iterator[tuple[str, str]]:
        """Each dimension and value that it counts in (see HourCount)."""
        yield "all", ""
        yield "platform", self.platform
        yield "source", str(self.source_id)
        yield "language", self.language
        if self.intent:
            yield "intent", self.intent
        for topic in self.topics:
            yield "topic", topic

    def numbers(self) -> tuple[int, ...]:
        """What it adds to an HourCount, in the order of its columns."""
        feelings = [int(self.sentiment == one) for one in ("negative", "neutral", "positive")]
        sure = [int(self.complaint is True), int(self.complaint is None)]
        return 1, *feelings, *sure, int(self.angry), self.followers


_HOUR = ("mentions", "negative", "neutral", "positive", "complaints", "unsure", "angry", "reach")
_WORD = ("mentions", "complaints")


class Tally:
    """What is to be added to the counts: gathered, then written at once."""

    def __init__(self) -> None:
        self._hours: dict[tuple[int, str, datetime, str], list[int]] = {}
        self._words: dict[tuple[int, date, str], list[int]] = {}

    def add(self, brand_id: int, standing: Standing, times: int = 1) -> None:
        """Count a mention once more; with `times` -1 no longer."""
        numbers = standing.numbers()
        for dimension, value in standing.places():
            sums = self._hours.setdefault((brand_id, dimension, standing.hour, value), [0] * len(_HOUR))
            for place, number in enumerate(numbers):
                sums[place] += times * number
        day, complaint = standing.hour.date(), times * (standing.complaint is True)
        for word in standing.words:
            sums = self._words.setdefault((brand_id, day, word), [0, 0])
            sums[0] += times
            sums[1] += complaint

    def write(self, db: Session) -> None:
        """Add all of it; rows in which nothing is left go."""
        _add(db, HourCount, ("brand_id", "dimension", "hour", "value"), _HOUR, self._hours)
        _add(db, WordCount, ("brand_id", "day", "word"), _WORD, self._words)


def _add(
    db: Session,
    row: type[HourCount | WordCount],
    keys: Sequence[str],
    names: Sequence[str],
    sums: Mapping[tuple[Any, ...], list[int]],
) -> None:
    changed = sorted(key for key, numbers in sums.items() if any(numbers))
    if not changed:
        return
    rows = [dict(zip((*keys, *names), (*key, *sums[key]), strict=True)) for key in changed]
    statement = insert(db, row)
    more = {name: getattr(row, name) + statement.excluded[name] for name in names}
    if db.get_bind().dialect.name == "sqlite":
        db.connection().execute(statement.on_conflict_do_update(index_elements=keys, set_=more), rows)
    else:  # arrays: one statement for all rows, several times as fast as one per row
        columns = [cast("Table", row.__table__).c[name] for name in (*keys, *names)]
        arrays = [bindparam(one.name, [each[one.name] for each in rows], ARRAY(one.type)) for one in columns]
        lines = func.unnest(*arrays).table_valued(*[one.name for one in columns]).render_derived()
        filled = statement.from_select([one.name for one in columns], select(*lines.c))
        db.execute(filled.on_conflict_do_update(index_elements=keys, set_=more))
    _drop_empty(db, row, keys, [key for key in changed if sums[key][0] < 0])


def _drop_empty(
    db: Session, row: type[HourCount | WordCount], keys: Sequence[str], less: Sequence[tuple[Any, ...]]
) -> None:
    columns = [getattr(row, name) for name in keys]
    for part in chunks(less, 200):
        gone = delete(row).where(tuple_(*columns).in_(part), row.mentions <= 0)
        db.execute(gone.execution_options(synchronize_session=False))


def counted(db: Session, mention_ids: Sequence[int]) -> dict[Key, Standing]:
    """As what each of these mentions stands in the counts, by brand."""
    found: dict[Key, Standing] = {}
    for part in chunks(mention_ids):
        for row in db.scalars(select(Counted).where(Counted.mention_id.in_(part))):
            found[row.mention_id, row.brand_id] = Standing.of(row)
            db.expunge(row)
    return found


def remember(db: Session, now: Mapping[Key, Standing], gone: Iterable[Key]) -> None:
    """Write down as what mentions stand in the counts now, and which stand there no longer."""
    rows = [
        {name: getattr(one, name) for name in Standing.__slots__}
        | {"mention_id": key[0], "brand_id": key[1], "topics": list(one.topics), "words": list(one.words)}
        for key, one in sorted(now.items())
    ]
    if rows:
        statement = insert(db, cast("type[Row]", Counted))
        told = {name: statement.excluded[name] for name in Standing.__slots__}
        saved = statement.on_conflict_do_update(index_elements=["mention_id", "brand_id"], set_=told)
        db.connection().execute(saved, rows)
    for part in chunks(sorted(gone), 200):
        db.execute(delete(Counted).where(tuple_(Counted.mention_id, Counted.brand_id).in_(part)))
