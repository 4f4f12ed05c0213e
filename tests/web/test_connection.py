"""Testing a connection: what a platform answers comes in words, and one that does not answer holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from core.errors import BadInput, GiveUp, RetryLater
from core.runtime import Runtime
from core.types import Access, Author, Mention, Page, Permission, Rejected
from listener.source import Context, Field
from web.listening import connection

UNTIL = datetime(2026, 12, 1, tzinfo=UTC)


class Feed:
    """A kind that cannot know who we are; what it gives is in its settings."""

    kind: ClassVar[str] = "feed"
    title: ClassVar[str] = "Feed"
    about: ClassVar[str] = ""
    fields: ClassVar[tuple[Field, ...]] = ()
    steps: ClassVar[tuple[str, ...]] = ()
    poll_seconds: ClassVar[float] = 60
    silent_seconds: ClassVar[float | None] = None
    reply: ClassVar[Permission] = Permission("hand", "")

    def __init__(self, context: Context) -> None:
        self.context = context

    def fetch(self, cursor: str | None) -> Page:
        assert cursor is None
        return Page(mentions=(MENTION,) * int(str(self.context.settings.get("gives", 0))))

    def close(self) -> None:
        """Nothing to close."""


class Unreadable(Feed):
    def fetch(self, cursor: str | None) -> Page:
        return Page(rejected=(Rejected("line 3", "no text"),))


class Known(Feed):
    """A kind that knows who we are."""

    title: ClassVar[str] = "Chirper"

    def access(self) -> Access:
        return Access("@hawkweed", ("read posts",), ("reply",), UNTIL)


class Refusing(Known):
    def access(self) -> Access:
        raise GiveUp("Chirper answered 401: the token=abc123 was revoked")


class Busy(Known):
    def access(self) -> Access:
        raise RetryLater("Chirper answered 503")


class Choosy(Known):
    def __init__(self, context: Context) -> None:
        raise BadInput("token: copy it whole")


class Broken(Known):
    def access(self) -> Access:
        raise ZeroDivisionError("division by zero")


class Repeating(Known):
    fields: ClassVar[tuple[Field, ...]] = (Field("pass", "Pass", "", secret=True),)

    def access(self) -> Access:
        raise GiveUp(f"nobody may come in with {self.context.settings['pass']}")


class Hanging(Known):
    """Does not answer until somebody lets go of it."""

    let_go: ClassVar[threading.Event] = threading.Event()

    def access(self) -> Access:
        self.let_go.wait(20)
        return Access("too late")


MENTION = Mention("feed", "1", Author("a", "a"), "text", UNTIL)


def test_who_we_are_is_asked_where_the_kind_knows_it(sqlite_runtime: Runtime) -> None:
    answer = connection.ask(sqlite_runtime, Known, {})
    assert (answer.works, answer.says, answer.said) == (True, "Chirper knows us as", "@hawkweed")
    assert answer.access == Access("@hawkweed", ("read posts",), ("reply",), UNTIL)


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        (0, "It answers, and gave nothing new at this moment."),
        (1, "It answers, and gave 1 post to look at."),
        (3, "It answers, and gave 3 posts to look at."),
    ],
)
def test_elsewhere_one_page_is_asked_for_and_thrown_away(sqlite_runtime: Runtime, gives: int, says: str) -> None:
    answer = connection.ask(sqlite_runtime, Feed, {"gives": gives})
    assert (answer.works, answer.says) == (True, says)


def test_what_cannot_be_read_does_not_work(sqlite_runtime: Runtime) -> None:
    answer = connection.ask(sqlite_runtime, Unreadable, {})
    assert (answer.works, answer.said) == (False, "line 3: no text")


@pytest.mark.parametrize(
    ("kind", "refused", "says", "said"),
    [
        (Refusing, True, "Chirper refuses:", "Chirper answered 401: the token=*** was revoked"),
        (Busy, False, "Chirper does not answer as it should:", "Chirper answered 503"),
        (Choosy, True, "Chirper refuses:", "token: copy it whole"),
        (Broken, True, "Chirper refuses:", "ZeroDivisionError: division by zero (the log says more)"),
    ],
)
def test_a_refusal_comes_in_the_platforms_own_words(
    sqlite_runtime: Runtime, kind: type[Known], refused: bool, says: str, said: str
) -> None:
    answer = connection.ask(sqlite_runtime, kind, {})
    assert (answer.works, answer.refused, answer.says, answer.said) == (False, refused, says, said)


def test_a_key_that_a_platform_repeats_is_not_shown(sqlite_runtime: Runtime) -> None:
    answer = connection.ask(sqlite_runtime, Repeating, {"pass": "sesame"})
    assert answer.said == "nobody may come in with ***"


@pytest.fixture
def hanging() -> Iterator[type[Hanging]]:
    """One that hangs until the end of the test."""
    Hanging.let_go.clear()
    yield Hanging
    _let_go()


def _let_go() -> None:
    Hanging.let_go.set()
    for thread in threading.enumerate():
        if thread.name.startswith("test-"):
            thread.join(20)


def test_a_platform_that_hangs_holds_nobody_up(sqlite_runtime: Runtime, hanging: type[Hanging]) -> None:
    says = "Chirper has not answered within 0 seconds."
    for _ in range(connection.AT_ONCE):
        assert connection.ask(sqlite_runtime, hanging, {}, deadline=0.01).says == says
    full = connection.ask(sqlite_runtime, Known, {})
    assert (full.works, full.says) == (False, "Other tests are still running. Try again in a minute.")
    _let_go()
    assert connection.ask(sqlite_runtime, Known, {}).works


def test_what_was_found_out_is_carried_only_with_the_settings_that_were_tested(sqlite_runtime: Runtime) -> None:
    access, settings = Access("@hawkweed", expires_at=UNTIL), {"server": "a", "token": "t"}
    sealed = connection.stamp(sqlite_runtime, settings, access)
    assert "hawkweed" not in sealed
    assert connection.stamped(sqlite_runtime, settings, sealed) == access
    assert connection.stamped(sqlite_runtime, {**settings, "token": "other"}, sealed) is None
    assert connection.stamped(sqlite_runtime, settings, "") is None
    assert connection.stamped(sqlite_runtime, settings, "not ours ÿ") is None
    forever = connection.stamp(sqlite_runtime, settings, Access("@hawkweed"))
    assert connection.stamped(sqlite_runtime, settings, forever) == Access("@hawkweed")
