"""May we answer here: for every platform an answer in words, before anything is drafted and again before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select, update

from core.clock import HeldClock
from core.runtime import Runtime
from core.secrets import seal
from core.tables import Author, Case, Mention, Reply, Source
from core.types import Author as Writer
from core.types import Mention as Heard
from core.types import Permission
from listener.source import Asking, DecidesReplies, kinds, load, load_replier
from responder.checks.permission import permission_of, refresh_open, wants_to_be_left_alone
from responder.outbox.repliers import Repliers, addressed, unaddressed
from tests.listener.emulators import x, youtube
from tests.responder.platforms import FakePlatform, approved, kept, post, state
from tests.responder.stories import add_brand, add_case, all_cases, case, hear, look

MASTODON = {"token": "t"}
REDDIT = {"username": "acme", "password": "p", "approved": "yes"}
BLUESKY = {"handle": "acme.bsky.social", "app_password": "p", "session": '{"did": "did:plc:us"}'}
X = {"reply_as": "acme", **x.USER}
MAIL = {"smtp_host": "smtp.example"}


def ask(kind: str, settings: Mapping[str, object], text: str = "lost my parcel", **more: Any) -> Permission:
    rules = load(kind)
    assert issubclass(rules, DecidesReplies)
    about = ("own", "answered", "declined", "account")
    facts: dict[str, Any] = {"account": "@acme"} | {name: more.pop(name) for name in about if name in more}
    author = Writer(more.pop("author", "ann@mail.example"), "ann")
    mention = Heard(kind, "1", author, text, HeldClock().now(), **more)
    return rules.may_reply(Asking(mention, settings, **facts))


@pytest.mark.parametrize("kind", [kind for kind in kinds() if load_replier(kind) and kind != "files"])
def test_without_keys_a_person_answers_and_is_told_what_would_change_that(kind: str) -> None:
    found = ask(kind, {})
    assert found.how == "hand"
    assert any(word in found.why for word in ("need", "add")), found.why


@pytest.mark.parametrize("kind", ["hackernews", "feed", "webhook"])
def test_where_there_is_no_way_in_a_person_answers_there(kind: str) -> None:
    assert load(kind).reply.how == "hand"
    assert load_replier(kind) is None


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("mastodon", MASTODON), ("youtube", youtube.SIGNED_IN), ("email", MAIL), ("reddit", REDDIT)],
)
def test_with_them_replies_go_out_from_here(kind: str, settings: Mapping[str, object]) -> None:
    assert ask(kind, settings).how == "api"


@pytest.mark.parametrize(("kind", "settings"), [("mastodon", MASTODON), ("youtube", youtube.SIGNED_IN)])
def test_nobody_approves_a_reply_without_knowing_as_whom_it_goes_out(kind: str, settings: Mapping[str, object]) -> None:
    found = ask(kind, settings, account=None)
    assert found.how == "hand"
    assert "test the connection" in found.why


def test_reddit_has_to_approve_it_first() -> None:
    found = ask("reddit", {**REDDIT, "approved": ""})
    assert found.how == "hand"
    assert "approved" in found.why


@pytest.mark.parametrize(
    "said",
    [
        {"text": "@acme.bsky.social where is it?"},
        {"text": "hey @Acme", "extra": {"mentions": ["did:plc:us"]}},
        {"reply_to": "at://did:plc:us/app.bsky.feed.post/3k"},
        {"extra": {"quote_of": "at://did:plc:us/app.bsky.feed.post/3k"}},
        {"text": "hey", "extra": {"mentions": ["did:plc:team"]}, "own": frozenset({"did:plc:team"})},
    ],
)
def test_on_bluesky_who_speaks_to_us_is_answered(said: dict[str, Any]) -> None:
    assert ask("bluesky", BLUESKY, **said).how == "api"


def test_on_bluesky_others_only_if_somebody_answers_for_that() -> None:
    said = {"text": "acme lost my parcel, @bob.example", "reply_to": "at://did:plc:bob/app.bsky.feed.post/3k"}
    assert ask("bluesky", BLUESKY, **said).how == "hand"
    assert "Bluesky asks" in ask("bluesky", BLUESKY, **said).why
    assert ask("bluesky", {**BLUESKY, "answer": "everybody"}, **said).how == "api"


def test_on_x_who_mentioned_or_quoted_the_account_is_answered() -> None:
    quoted = {"quote_of": "77", "links": ["https://twitter.com/Acme/status/77"]}
    assert ask("x", X, "@Acme where is it?").how == "api"
    assert "$0.20" in ask("x", X, "@Acme where is it?").why
    assert ask("x", X, "look at this", extra=quoted).how == "api"


@pytest.mark.parametrize("text", ["acme lost my parcel", "@acmehelp and x@acme.com", "look", "@acme_team hi"])
def test_on_x_nobody_else_is(text: str) -> None:
    quoted = {"quote_of": "77", "links": ["https://twitter.com/bob/status/77", "https://x.com/acme/status/8"]}
    found = ask("x", X, text, extra=quoted)
    assert found.how == "hand"
    assert "Enterprise" in found.why
    assert ask("x", {**X, "enterprise": "yes"}, text, extra=quoted).how == "api"


def test_on_x_once_each_time_they_write_and_never_who_said_stop() -> None:
    assert ask("x", X, "@acme hello?", answered=True).how == "hand"
    assert ask("x", {**X, "enterprise": "yes"}, "@acme hello?", declined=True).how == "no"


@pytest.mark.parametrize("address", ["unknown", "a@b@c", "Ann", "ann@bücher.example", "no-reply@shop.example"])
def test_a_mail_without_an_address_that_somebody_reads_is_not_answered_by_mail(address: str) -> None:
    assert ask("email", MAIL, author=address).how in ("hand", "no")


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("STOP", True),
        ("@acme please stop!", True),
        ("Do not contact me again.", True),
        ("@acme leave me alone", True),
        ("stop replying to me", True),
        ("stop losing my parcels", False),
        ("the bus does not stop here, and neither does my anger", False),
        ("unsubscribe", True),
        ("don't reply with canned answers, fix my order 123 and tell me when it arrives", False),
    ],
)
def test_who_wants_to_be_left_alone_says_nothing_else(text: str, wants: bool) -> None:
    assert wants_to_be_left_alone(text) is wants


def on_x(runtime: Runtime, text: str = "@acme lost my parcel", author: str = "ann") -> int:
    """A mention on X, of a source with keys; its id."""
    with runtime.db.write() as db:
        if db.scalar(select(Source.id).where(Source.kind == "x")) is None:
            row = Source(kind="x", name="x", settings={"reply_as": "acme"}, created_at=runtime.clock.now())
            row.credentials = seal(runtime.settings, x.USER)
            db.add(row)
    mention_id = hear(runtime, text, kind="x", platform="x", author=author)
    with runtime.db.write() as db:
        db.execute(update(Author).values(platform="x"))
    return mention_id


def now_of(runtime: Runtime, mention_id: int) -> Permission:
    with runtime.db.read() as db:
        return permission_of(db, runtime.settings, db.get_one(Mention, mention_id))


def test_what_was_between_us_counts(runtime: Runtime, clock: HeldClock) -> None:
    """Answered once: not again before they write again; and never once they said stop."""
    add_brand(runtime)
    first = on_x(runtime)
    assert now_of(runtime, first).how == "api"
    look(runtime)
    (one,) = all_cases(runtime)
    clock.advance(60)
    with runtime.db.write() as db:
        reply = Reply(case_id=one.id, turn=1, key="k", text="Sorry", account="", via="x", approved_at=clock.now())
        reply.sent_at = clock.now()
        db.add(reply)
    assert now_of(runtime, first).how == "hand"
    assert "one reply per interaction" in now_of(runtime, first).why
    clock.advance(60)
    assert now_of(runtime, on_x(runtime, "@acme thanks, but it is still lost")).how == "api"
    on_x(runtime, "@acme stop")
    assert now_of(runtime, on_x(runtime, "@acme hm")).how == "no"


def test_a_case_opens_with_what_is_true_of_its_mention(runtime: Runtime) -> None:
    add_brand(runtime)
    on_x(runtime)
    tagged = add_case(runtime, "@acme lost my parcel", kind="x", platform="x")
    other = add_case(runtime, "acme lost my parcel", kind="x", platform="x")
    assert (tagged.permission, other.permission) == ("api", "hand")


def test_a_source_that_is_set_up_otherwise_changes_its_open_cases(runtime: Runtime) -> None:
    add_brand(runtime)
    on_x(runtime)
    one = add_case(runtime, "@acme lost my parcel", kind="x", platform="x")
    with runtime.db.write() as db:
        db.execute(update(Source).values(credentials=None))
        assert refresh_open(db, runtime.settings, "x") == 2
        assert refresh_open(db, runtime.settings, "x") == 0
    assert case(runtime, one.id).permission == "hand"
    assert "keys" in case(runtime, one.id).permission_why


def test_what_was_heard_without_keys_is_answered_through_the_account_of_another_source(
    runtime: Runtime, clock: HeldClock
) -> None:
    add_brand(runtime)
    mention_id = hear(runtime, "@acme.bsky.social hi", kind="bluesky")
    assert now_of(runtime, mention_id).how == "hand"
    with runtime.db.write() as db:
        other = Source(kind="bluesky", name="ours", settings={"handle": "acme.bsky.social"}, created_at=clock.now())
        other.credentials = seal(runtime.settings, {"app_password": "p"})
        db.add(other)
        db.flush()
        other_id = other.id
    assert now_of(runtime, mention_id).how == "api"
    with runtime.db.read() as db:
        found = Repliers(runtime).find(db, "bluesky", db.get_one(Mention, mention_id), "@acme.bsky.social")
        assert found
        assert found[0] == other_id
        found[1].close()


def test_a_permission_that_was_withdrawn_meanwhile_keeps_the_reply_here(runtime: Runtime) -> None:
    reply, platform = approved(runtime), FakePlatform()
    with runtime.db.write() as db:
        source_id = db.scalar(select(Mention.source_id).limit(1))
        db.execute(update(Source).where(Source.id == source_id).values(kind="hackernews"))
    post(runtime, platform)
    assert (state(runtime, reply), platform.published) == ("failed", [])
    assert "no longer allowed" in (kept(runtime, reply).error or "")


def test_a_removed_source_leaves_answering_by_hand(runtime: Runtime) -> None:
    mention_id = add_case(runtime).mention_id
    with runtime.db.write() as db:
        db.execute(update(Mention).values(source_id=None))
    found = now_of(runtime, mention_id)
    assert found.how == "hand"
    assert "removed" in found.why


def test_a_kind_that_this_version_does_not_know_leaves_answering_by_hand(runtime: Runtime) -> None:
    mention_id = add_case(runtime).mention_id
    with runtime.db.write() as db:
        db.execute(update(Source).values(kind="fax"))
    assert now_of(runtime, mention_id).how == "hand"


def test_a_text_on_mastodon_names_whom_it_answers() -> None:
    assert unaddressed("mastodon", "@Ann@far.example sorry", "ann@far.example") is None
    assert "@ann@far.example" in (unaddressed("mastodon", "@ann sorry", "ann@far.example") or "")
    assert unaddressed("bluesky", "sorry", "ann") is None


def test_the_reply_box_begins_with_whom_it_answers_where_the_text_has_to_name_them(runtime: Runtime) -> None:
    one = add_case(runtime, kind="mastodon", author="ann@far.example")
    with runtime.db.write() as db:
        row = db.get_one(Case, one.id)
        assert addressed(row, "sorry") == "sorry", "a person who answers there writes it there"
        row.permission = "api"
        assert addressed(row, "") == "@ann@far.example "
        assert addressed(row, "@ann@far.example sorry") == "@ann@far.example sorry"
