"""Replies to every platform go out at most once, and none is silently missing, whatever befalls process, connection or
platform: each trial draws its misfortunes, goes on until all is settled, and compares with what the platform holds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest
from sqlalchemy.orm import Session

from core import waiting
from core.clock import HeldClock, SystemClock
from core.db import Database
from core.errors import Unsure
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Case, Reply
from core.types import Outgoing, Receipt
from listener.source import Replier
from responder.outbox.post import LEASE, Claim, Repliers, post_replies
from tests.conftest import NudgeList
from tests.responder import places
from tests.responder.places import KINDS, Place, place
from tests.responder.platforms import Died

ROOT = Path(__file__).parents[2]
TRIALS = 30
"""For each platform."""
DEATHS = ("dies before", "dies after", "dies without an answer")
MISFORTUNES = (*places.FAULTS, *DEATHS, "overtaken", "")


class Mortal:
    """A replier whose process dies at some moment of its call."""

    kind: ClassVar[str] = ""
    max_length: ClassVar[int | None] = None

    def __init__(self, replier: Replier, moment: str, overtake: Callable[[], None]) -> None:
        self.replier, self.moment, self.overtake = replier, moment, overtake

    def account(self) -> str:
        return self.replier.account()

    def find(self, reply: Outgoing) -> Receipt | None:
        return self.replier.find(reply)

    def close(self) -> None:
        self.replier.close()

    def send(self, reply: Outgoing) -> Receipt:
        if self.moment == "dies before":
            raise Died
        if self.moment == "overtaken":
            self.overtake()
        try:
            receipt = self.replier.send(reply)
        except Exception:
            if self.moment == "dies without an answer":
                raise Died from None
            raise
        if self.moment == "dies after":
            raise Died
        return receipt


def through(replier: Replier) -> Repliers:
    """Everything goes out through this one."""

    def found(db: Session, claim: Claim) -> tuple[int, Replier] | None:
        return 1, replier

    return found


class Trial:
    """One reply to one place, and what befalls it at each try; after these nothing does."""

    def __init__(self, runtime: Runtime, clock: HeldClock, here: Place, replier: Replier, number: int) -> None:
        self.runtime, self.clock, self.here, self.chance = runtime, clock, here, random.Random(number)
        self.misfortunes = self.chance.choices(MISFORTUNES, k=self.chance.choice((1, 1, 2)))
        self.reply_id = here.approved(runtime, number)
        self.replier = replier

    def run(self) -> str:
        """Work until nothing waits; the state of the case then."""
        for _ in range(40):
            misfortune = self.misfortunes.pop(0) if self.misfortunes else ""
            if misfortune in places.FAULTS:
                self.here.faults.append(misfortune)
            elif misfortune == "dies without an answer":
                self.here.faults.append(self.chance.choice(("closed before", "closed after")))
            with suppress(Died):
                post_replies(self.runtime, self._through(misfortune))
            self.clock.advance(LEASE.total_seconds() / 2)
            with self.runtime.db.read() as db:
                if waiting.count(db, "post") == 0:
                    break
        self.here.faults.clear()
        with self.runtime.db.read() as db:
            return db.get_one(Case, db.get_one(Reply, self.reply_id).case_id).state

    def _through(self, moment: str) -> Repliers:
        return through(Mortal(self.replier, moment, self._overtake))

    def _overtake(self) -> None:
        """Another worker does all there is to do, long after this one made its claim."""
        self.clock.advance(LEASE.total_seconds())
        post_replies(self.runtime, through(self.replier))


@pytest.mark.parametrize("kind", KINDS)
def test_no_reply_is_posted_twice_and_none_silently_missing(
    sqlite_runtime: Runtime, clock: HeldClock, kind: str
) -> None:
    ends: Counter[str] = Counter()
    with place(kind, sqlite_runtime.settings, clock) as here:
        replier = here.replier(clock)
        for number in range(1, TRIALS + 1):
            end = Trial(sqlite_runtime, clock, here, replier, number).run()
            told = f"{kind}, trial {number}"
            times = len(here.replies(str(here.post(number)["native_id"])))
            ends[end] += 1
            assert times <= 1, f"{told}: posted twice"
            assert end in ("sent", "failed", "unsure"), f"{told}: left as {end}"
            assert times == 1 or end != "sent", f"{told}: said to be sent, and is not there"
            assert times == 0 or end != "failed", f"{told}: said to have failed, and is there"
    assert ends["sent"] > TRIALS / 4
    assert ends["unsure"] == 0 or kind == "email", "where the platform can be asked, it is"


@pytest.mark.parametrize("kind", ["mastodon", "x"])
def test_on_both_databases_a_call_without_an_answer_is_cleared_up(
    runtime: Runtime, clock: HeldClock, kind: str
) -> None:
    with place(kind, runtime.settings, clock) as here:
        replier = here.replier(clock)
        for number, fault in enumerate(("closed before", "closed after", "503 after"), start=1):
            trial = Trial(runtime, clock, here, replier, number)
            trial.misfortunes = [fault]
            assert trial.run() == "sent"
            assert len(here.replies(str(here.post(number)["native_id"]))) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "files"])
def test_silence_after_the_write_is_no_failure(settings: Settings, clock: HeldClock, kind: str) -> None:
    """The answer does not come in time: exactly one request was made, and nobody says that it failed."""
    with place(kind, settings, clock) as here:
        if kind == "x":
            from listener.sources.x.border import Timeouts  # noqa: PLC0415 - only one of them takes these

            replier = here.replier(clock, Timeouts(read=0.5, whole=1))  # type: ignore[arg-type]
        else:
            replier = here.replier(clock, 0.5)
        here.faults.append("hangs")
        reply = here.outgoing(1, clock)
        with pytest.raises(Unsure):
            replier.send(reply)
        assert len(here.replies(reply.mention_id)) == 1
        assert len(here.writes) == (0 if kind == "email" else 1)


WORKER = """
    from core.runtime import build
    from core.settings import load
    from responder.outbox.post import work
    work(build(load()))
"""


@pytest.mark.parametrize(("kind", "written"), [("mastodon", False), ("x", True), ("email", True)])
def test_a_worker_that_is_killed_in_its_call_leaves_nothing_twice(tmp_path: Path, kind: str, written: bool) -> None:
    """A real process, and SIGKILL from the platform: before it has written the reply, or after."""
    clock = SystemClock()
    settings = Settings(ripplewatch_home=tmp_path / "home", credentials_key="for both processes")
    database = Database(settings.database)
    database.prepare()
    runtime = Runtime(settings, database, clock, NudgeList())
    held = HeldClock(clock.now())
    with place(kind, settings, held) as here:
        reply_id = here.approved(runtime, 1)
        environment = os.environ | {
            name.upper(): str(getattr(here.process, name)) for name in ("ripplewatch_home", "mastodon_url", "x_api_url")
        }
        environment["CREDENTIALS_KEY"] = "for both processes"
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WORKER)], env=environment, cwd=ROOT)
        here.kill = lambda: os.kill(child.pid, signal.SIGKILL)
        here.faults.append("killed after" if written else "killed before")
        assert child.wait(60) == -signal.SIGKILL
        with database.read() as db:
            assert db.get_one(Case, db.get_one(Reply, reply_id).case_id).state == "sending"
        held.advance(LEASE.total_seconds() + 300)
        later = Runtime(settings, database, held, NudgeList())
        replier = here.replier(held)
        for _ in range(3):
            post_replies(later, through(replier))
        with database.read() as db:
            end = db.get_one(Case, db.get_one(Reply, reply_id).case_id).state
        assert end == "sent"
        assert len(here.replies(str(here.post(1)["native_id"]))) == 1
    database.close()
