"""A platform by script, and what happens to approved replies that go there."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.runtime import Runtime
from core.tables import Audit, Reply, Switch
from core.types import Outgoing, Receipt
from listener.source import Context, Replier
from responder.desk import cases
from responder.outbox.post import Claim, Repliers, post_replies
from tests.responder.stories import add_case, add_user, case

Script = Callable[["FakePlatform", Outgoing], Receipt]


class Died(BaseException):
    """The process ends here, as by SIGKILL: nothing of ours may catch it."""


class FakePlatform:
    """A platform that remembers what was published on it, and does to each call what its script says."""

    kind: ClassVar[str] = "files"
    max_length: ClassVar[int | None] = None

    def __init__(self, *script: Script, context: Context | None = None) -> None:
        del context
        self.script = list(script)
        self.published: list[Outgoing] = []
        self.calls = 0
        self.knows: Callable[[], None] = lambda: None
        self.names: Callable[[], None] = lambda: None

    def account(self) -> str:
        self.names()
        return "@hawkweed"

    def send(self, reply: Outgoing) -> Receipt:
        self.calls += 1
        return (self.script.pop(0) if self.script else publish)(self, reply)

    def close(self) -> None:
        """Nothing is open."""

    def find(self, reply: Outgoing) -> Receipt | None:
        self.knows()
        found = [one for one in self.published if one.key == reply.key]
        return Receipt(f"native-{found[0].key}", "https://files.example/1") if found else None


def publish(platform: FakePlatform, reply: Outgoing) -> Receipt:
    platform.published.append(reply)
    return Receipt(f"native-{reply.key}", "https://files.example/1")


def fails_before(error: BaseException) -> Script:
    """The call ends with `error` and has had no effect."""

    def script(platform: FakePlatform, reply: Outgoing) -> Receipt:
        raise error

    return script


def fails_after(error: BaseException) -> Script:
    """The reply is published, and then the call ends with `error`."""

    def script(platform: FakePlatform, reply: Outgoing) -> Receipt:
        publish(platform, reply)
        raise error

    return script


def raises(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def approved(runtime: Runtime, text: str = "Sorry!", account: str = "") -> Reply:
    """An approved reply to a case of its own, to go out at once."""
    one = add_case(runtime)
    with runtime.db.write() as db:
        ana, now = add_user(runtime, f"Ana {one.id}"), runtime.clock.now()
        return cases.approve(db, runtime.clock, one.id, one.version, ana, text, account=account, at=now)


def post(runtime: Runtime, platform: FakePlatform) -> int:
    return post_replies(runtime, through(platform))


def through(platform: FakePlatform | None) -> Repliers:
    """Everything of files goes out through this platform; nothing does where there is none."""

    def found(db: Session, claim: Claim) -> tuple[int, Replier] | None:
        return (1, platform) if platform and claim.via == "files" else None

    return found


def state(runtime: Runtime, reply: Reply) -> str:
    return case(runtime, reply.case_id).state


def kept(runtime: Runtime, reply: Reply) -> Reply:
    with runtime.db.read() as db:
        return db.get_one(Reply, reply.id)


def audit(runtime: Runtime, reply: Reply) -> list[str]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Audit.action).where(Audit.case_id == reply.case_id).order_by(Audit.id)))


def stop_sending(runtime: Runtime, *, stopped: bool = True) -> None:
    with runtime.db.write() as db:
        db.merge(Switch(name="sending", stopped=stopped, changed_at=runtime.clock.now()))
