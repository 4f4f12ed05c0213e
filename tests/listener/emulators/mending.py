"""A run in which somebody mends at once what was paused, and which goes on until all has been heard up to now."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from listener.source import Source
from listener.step import Next
from tests.listener.emulators.run import Run


class Mending(Run):
    """`mend` is what a person does when the source is paused, whose reason then has `said` in it."""

    def __init__(
        self,
        runtime: Runtime,
        clock: HeldClock,
        kind: str,
        make: Callable[[], Source],
        *,
        mend: Callable[[], None],
        said: str,
    ) -> None:
        super().__init__(runtime, clock, kind, make)
        self._mend, self._said = mend, said

    def step(self) -> Next:
        """One step and the wait after it, and somebody who mends."""
        after = super().step()
        if after.wait is None:
            assert self._said in (self.row().reason or "")
            self._mend()
            self.resume()
        return after

    def catch_up(self, most: int) -> None:
        """Step until everything has been heard, twice: a walk may have begun a little before the last of it came."""
        heard = 0
        for _ in range(most):
            now, after = self.clock.now(), self.step()
            heard += bool(after.wait and not after.failed and self.row().heard_to == now)
            if heard == 2:
                return
        pytest.fail(f"not caught up after {most} steps: {self.row().reason}")

    def lost(self) -> list[tables.Gap]:
        """Spans that the source said it can never bring back."""
        with self.runtime.db.read() as db:
            return list(db.scalars(select(tables.Gap).where(tables.Gap.lost)))
