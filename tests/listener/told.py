"""A source that does what a test tells it, and notes what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from core.types import Page, Permission, Span
from listener.source import Context, Field


class Told:
    """Gives the pages, or raises the errors, that it was told, one per fetch; then nothing. `asked` are the cursors."""

    kind: ClassVar[str] = "x"
    title: ClassVar[str] = "X"
    about: ClassVar[str] = ""
    fields: ClassVar[tuple[Field, ...]] = ()
    steps: ClassVar[tuple[str, ...]] = ()
    poll_seconds: ClassVar[float] = 60
    silent_seconds: ClassVar[float | None] = None
    reply: ClassVar[Permission] = Permission("no", "")

    def __init__(self, context: Context | None = None, *answers: Page | Exception) -> None:
        self.answers, self.asked = list(answers), list[str | None]()

    def fetch(self, cursor: str | None) -> Page:
        self.asked.append(cursor)
        return _next(self.answers)

    def close(self) -> None:
        pass


class NeverSilent(Told):
    """One where something always comes."""

    silent_seconds: ClassVar[float | None] = 60
    poll_seconds: ClassVar[float] = 0


class CanLookBack(Told):
    """One that can be asked for gaps and for what we hold."""

    recheck_seconds: ClassVar[float] = 3_600
    recheck_ids: ClassVar[int] = 2

    def __init__(
        self, *answers: Page | Exception, parts: Sequence[Page | Exception] = (), looks: Sequence[Page | Exception] = ()
    ) -> None:
        super().__init__(None, *answers)
        self.parts, self.looks = list(parts), list(looks)
        self.spans, self.checked = list[tuple[Span, str | None]](), list[list[str]]()

    def fetch_gap(self, gap: Span, cursor: str | None) -> Page:
        self.spans.append((gap, cursor))
        return _next(self.parts)

    def recheck(self, ids: Sequence[str]) -> Page:
        self.checked.append(list(ids))
        return _next(self.looks)


class FindsWhatIsAnswered(Told):
    """One that can be asked for parents."""

    parent_ids: ClassVar[int] = 2

    def __init__(self, *answers: Page | Exception, parents: Sequence[Page | Exception] = ()) -> None:
        super().__init__(None, *answers)
        self.found, self.wanted = list(parents), list[list[str]]()

    def parents(self, ids: Sequence[str]) -> Page:
        self.wanted.append(list(ids))
        return _next(self.found)


def _next(answers: list[Page | Exception]) -> Page:
    answer = answers.pop(0) if answers else Page()
    if isinstance(answer, Exception):
        raise answer
    return answer
