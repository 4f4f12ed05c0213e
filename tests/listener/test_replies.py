"""What each platform's replies look like on the wire: whom they answer, in which thread, and what they cost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

import pytest

from core.clock import HeldClock
from core.errors import GiveUp, RetryLater, Unsure
from core.settings import Settings
from core.types import Used
from listener.source import Context, Knows, load
from listener.sources.bluesky.reply import rkey
from tests.listener.emulators import x as x_emulator
from tests.loopback import Answer
from tests.responder import places
from tests.responder.places import Place, place


@pytest.fixture
def here(request: pytest.FixtureRequest, settings: Settings, clock: HeldClock) -> Iterator[Place]:
    with place(request.param, settings, clock) as running:
        yield running


on = pytest.mark.parametrize


def answered(
    monkeypatch: pytest.MonkeyPatch, here: Place, body: dict[str, Any], status: int = 200, **headers: str
) -> None:
    """The next publishing request is answered so, and publishes nothing."""
    fault = places.before(Answer(status, json.dumps(body).encode(), headers))
    monkeypatch.setitem(places.FAULTS, "as told", fault)
    here.faults.append("as told")


# Bluesky


@on("here", ["bluesky"], indirect=True)
def test_bluesky_a_reply_names_its_parent_the_root_and_what_stands_where(here: Place, clock: HeldClock) -> None:
    reply = here.outgoing(1, clock, text="🙏 @ann.bsky.social see https://acme.example/hilfe-ü, @nobody.example")
    root = {"uri": "at://did:plc:bob/app.bsky.feed.post/r0", "cid": "c0"}
    here.site.posts[0]["record"]["reply"] = {"root": root, "parent": root}  # type: ignore[attr-defined]
    here.replier(clock).send(reply)
    record = json.loads(here.writes[0].body)["record"]
    assert record["reply"] == {"root": root, "parent": {"uri": reply.mention_id, "cid": "c1"}}
    raw = reply.text.encode()
    found = {
        raw[one["index"]["byteStart"] : one["index"]["byteEnd"]].decode(): one["features"][0]
        for one in record["facets"]
    }
    assert found["@ann.bsky.social"]["did"] == "did:plc:ann"
    assert found["https://acme.example/hilfe-ü"]["uri"] == "https://acme.example/hilfe-ü"
    assert len(found) == 2, "nobody has the name of the other"


@on("here", ["bluesky"], indirect=True)
def test_bluesky_the_same_reply_is_one_record_however_often_it_is_written(here: Place, clock: HeldClock) -> None:
    replier, reply = here.replier(clock), here.outgoing(1, clock)
    replier.send(reply)
    clock.advance(30)
    replier.send(reply)
    first, second = (json.loads(one.body) for one in here.writes)
    assert first == second
    assert here.site.sessions == 1  # type: ignore[attr-defined]
    assert json.loads(replier.used().credentials["session"])["did"] == "did:plc:me"  # type: ignore[attr-defined]
    assert replier.used() == Used()  # type: ignore[attr-defined]


def test_bluesky_names_of_records_are_tids() -> None:
    names = {rkey(f"{number:032x}") for number in range(2_000)}
    assert len(names) == 2_000
    assert all(re.fullmatch("[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}", one) for one in names)


@on("here", ["bluesky"], indirect=True)
@on("viewer", [{"blockedBy": True}, {"replyDisabled": True}])
def test_bluesky_who_does_not_want_an_answer_gets_none(here: Place, clock: HeldClock, viewer: dict[str, bool]) -> None:
    reply = here.outgoing(1, clock)
    here.site.posts[0]["viewer"] = viewer  # type: ignore[attr-defined]
    with pytest.raises(GiveUp, match="does not let this account answer"):
        here.replier(clock).send(reply)
    assert here.writes == []


# Mastodon


@on("here", ["mastodon"], indirect=True)
def test_mastodon_a_reply_is_as_public_as_the_post_and_has_a_key(here: Place, clock: HeldClock) -> None:
    reply = here.outgoing(1, clock)
    (post,) = here.site.statuses.values()  # type: ignore[attr-defined]
    post["visibility"] = "unlisted"
    here.replier(clock).send(reply)
    (one,) = here.site.ours  # type: ignore[attr-defined]
    assert (one["visibility"], one["in_reply_to_id"]) == ("unlisted", post["id"])
    assert here.writes[0].headers["Idempotency-Key"] == f"ripplewatch-{reply.key}"


@on("here", ["mastodon"], indirect=True)
def test_mastodon_a_post_that_is_gone_or_no_longer_public_is_not_answered(here: Place, clock: HeldClock) -> None:
    reply = here.outgoing(1, clock)
    (post,) = here.site.statuses.values()  # type: ignore[attr-defined]
    post["visibility"] = "private"
    with pytest.raises(GiveUp, match="no longer for everybody"):
        here.replier(clock).send(reply)
    here.site.statuses.clear()  # type: ignore[attr-defined]
    with pytest.raises(GiveUp, match="not answered"):
        here.replier(clock).send(reply)
    with pytest.raises(GiveUp, match=r"has to name @ann@far\.example"):
        here.replier(clock).send(replace(reply, text="Sorry!"))
    assert here.writes == []


# Reddit


@on("here", ["reddit"], indirect=True)
def test_reddit_too_much_inside_a_success_is_later(
    here: Place, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["RATELIMIT", "you are doing that too much. try again in 9 minutes.", "ratelimit"]
    answered(monkeypatch, here, {"json": {"errors": [said]}})
    with pytest.raises(RetryLater, match="doing that too much") as caught:
        here.replier(clock).send(here.outgoing(1, clock))
    assert caught.value.after == 541


@on("here", ["reddit"], indirect=True)
def test_reddit_a_comment_to_what_was_deleted_is_given_up(
    here: Place, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch, here, {"json": {"errors": [["DELETED_COMMENT", "that comment has been deleted", "parent"]]}})
    with pytest.raises(GiveUp, match="that comment has been deleted"):
        here.replier(clock).send(here.outgoing(1, clock))


@on("here", ["reddit"], indirect=True)
def test_reddit_a_success_without_a_comment_leaves_it_open(
    here: Place, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As recorded (TestComment.test_reply__none of praw)."""
    answered(monkeypatch, here, {"json": {"errors": [], "data": {"things": []}}})
    with pytest.raises(Unsure, match="without the comment"):
        here.replier(clock).send(here.outgoing(1, clock))


@on("here", ["reddit"], indirect=True)
def test_reddit_a_token_that_has_ended_is_renewed_for_the_next_try(here: Place, clock: HeldClock) -> None:
    replier = here.replier(clock)
    replier.send(here.outgoing(1, clock))
    here.site.expire()  # type: ignore[attr-defined]
    with pytest.raises(RetryLater):
        replier.send(here.outgoing(2, clock))
    replier.send(here.outgoing(2, clock))
    assert len(here.replies("t1_p2")) == 1


# X


@on("here", ["x"], indirect=True)
def test_x_what_is_published_is_billed_with_a_link_as_such(here: Place, clock: HeldClock) -> None:
    replier = here.replier(clock)
    replier.send(here.outgoing(1, clock))
    replier.send(here.outgoing(2, clock, text="Sorry!"))
    assert replier.used().spent == {"user_read": 1, "post_with_link": 1, "post": 1}  # type: ignore[attr-defined]
    assert replier.used() == Used()  # type: ignore[attr-defined]


@on("here", ["x"], indirect=True)
def test_x_keys_of_another_account_publish_nothing(here: Place, clock: HeldClock) -> None:
    here.site.signed_in = "twitter"  # type: ignore[attr-defined]
    with pytest.raises(GiveUp, match="the keys of @twitter, not of @acme"):
        here.replier(clock).send(here.outgoing(1, clock))
    assert here.writes == []


@on("here", ["x"], indirect=True)
@on(("signed_in", "said"), [("acme", "answer as @acme"), ("twitter", "answer: these are the keys of @twitter")])
def test_x_testing_the_connection_tells_whose_keys_these_are(
    here: Place, clock: HeldClock, signed_in: str, said: str
) -> None:
    here.site.signed_in = signed_in  # type: ignore[attr-defined]
    source = load("x")(Context(here.settings, here.process, clock))
    assert isinstance(source, Knows)
    access = source.access()
    source.close()
    assert any(one.startswith(said) for one in (*access.may, *access.may_not))


@on("here", ["youtube"], indirect=True)
def test_youtube_testing_the_connection_tells_as_which_channel(here: Place, clock: HeldClock) -> None:
    source = load("youtube")(Context(here.settings, here.process, clock))
    assert isinstance(source, Knows)
    assert source.access().account == "@acme"
    source.close()


@on("here", ["x"], indirect=True)
def test_x_an_edited_post_is_answered_in_its_latest_version(here: Place, clock: HeldClock) -> None:
    reply = here.outgoing(1, clock)
    site: Any = here.site
    latest = site.edit(reply.mention_id, "@acme lost my parcel!")
    replier, edited = here.replier(clock), replace(reply, extra={"latest_id": latest})
    replier.send(edited)
    assert json.loads(here.writes[0].body)["reply"] == {"in_reply_to_tweet_id": latest}
    assert replier.find(edited)


@on("here", ["x"], indirect=True)
def test_x_says_why_it_refuses(here: Place, clock: HeldClock, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = x_emulator.problem(403, "Forbidden", "Reply to this conversation is not allowed")
    answered(monkeypatch, here, json.loads(refusal.body), 403)
    with pytest.raises(GiveUp, match="403: Forbidden: Reply to this conversation is not allowed"):
        here.replier(clock).send(here.outgoing(1, clock))


# YouTube


@on("here", ["youtube"], indirect=True)
def test_youtube_a_reply_to_a_reply_stands_in_its_thread(here: Place, clock: HeldClock) -> None:
    reply = here.outgoing(1, clock)
    replier = here.replier(clock)
    replier.send(replace(reply, mention_id=f"{reply.mention_id}.another-reply-0001"))
    assert len(here.replies(reply.mention_id)) == 1
    assert replier.used().spent == {"unit": 50}  # type: ignore[attr-defined]


@on("here", ["youtube"], indirect=True)
def test_youtube_units_that_are_spent_come_again_tomorrow(
    here: Place, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"code": 403, "message": "exceeded your quota", "errors": [{"reason": "quotaExceeded"}]}
    answered(monkeypatch, here, {"error": error}, 403)
    with pytest.raises(RetryLater, match="exceeded your quota") as caught:
        here.replier(clock).send(here.outgoing(1, clock))
    assert 3_600 < (caught.value.after or 0) <= 86_400


@on("here", ["youtube"], indirect=True)
def test_youtube_a_channel_that_signed_out_is_told(here: Place, clock: HeldClock) -> None:
    here.site.revoked = True  # type: ignore[attr-defined]
    with pytest.raises(GiveUp, match="no longer takes the refresh token"):
        here.replier(clock).send(here.outgoing(1, clock))


# E-mail


def sent(here: Place) -> Any:
    (raw,) = here.site.sent  # type: ignore[attr-defined]
    return message_from_bytes(raw, policy=policy.default)


@on("here", ["email"], indirect=True)
def test_email_a_reply_is_a_mail_in_the_same_thread(here: Place, clock: HeldClock) -> None:
    reply = here.outgoing(1, clock)
    receipt = here.replier(clock).send(reply)
    mail = sent(here)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("help@acme.example", "ann1@mail.example", "Re: Parcel 1")
    assert mail["References"] == "<first@mail.example> <1@mail.example>"
    assert mail["Message-ID"] == f"<{receipt.native_id}>"
    assert mail["Auto-Submitted"] is None
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"


@on("here", ["email"], indirect=True)
@on("keeps", [True, False])
def test_email_one_copy_is_kept_whoever_keeps_it(here: Place, clock: HeldClock, keeps: bool) -> None:
    here.site.keeps_sent = keeps  # type: ignore[attr-defined]
    reply = here.outgoing(1, clock)
    replier = here.replier(clock)
    receipt = replier.send(reply)
    assert len(here.site.folders["Sent"].mails) == 1  # type: ignore[attr-defined]
    assert replier.find(reply) == receipt


@on("here", ["email"], indirect=True)
@on(
    "subject",
    [
        "Help\r\nBcc: everybody@acme.example",
        "Help\nX: y",
        "Help\u2028Bcc: a@b.example",
        "=?utf-8?q?Help=0ABcc:_a?=",
        "H\x00i",
    ],
)
def test_email_a_subject_never_becomes_another_header(here: Place, clock: HeldClock, subject: str) -> None:
    here.replier(clock).send(here.outgoing(1, clock, extra={"subject": subject}))
    names = {"From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version"}
    mail = sent(here)
    assert set(mail.keys()) <= names | {"Content-Type", "Content-Transfer-Encoding"}


@on("here", ["email"], indirect=True)
@on(
    "address",
    ["ann@mail.example\r\nBcc: x@mail.example", "ann", "a@b@mail.example", "<ann@mail.example>", "ä@mail.example"],
)
def test_email_what_is_no_address_gets_no_mail(here: Place, clock: HeldClock, address: str) -> None:
    with pytest.raises(GiveUp, match="no address"):
        here.replier(clock).send(here.outgoing(1, clock, author_id=address))
    assert here.site.sent == []  # type: ignore[attr-defined]


@on("here", ["email"], indirect=True)
def test_email_an_id_that_cannot_stand_in_a_header_begins_a_thread_of_its_own(here: Place, clock: HeldClock) -> None:
    here.replier(clock).send(here.outgoing(1, clock, mention_id="sha256:abc\r\nBcc: x", extra={"references": ["a b"]}))
    assert sent(here)["In-Reply-To"] is None


@on("here", ["email"], indirect=True)
def test_email_an_id_that_hides_a_line_end_stays_out_of_the_headers(here: Place, clock: HeldClock) -> None:
    hostile = "=?utf-8?q?a=0ABcc:_x@y.example?=@mail.example"
    here.replier(clock).send(here.outgoing(1, clock, mention_id="2@mail.example", extra={"references": [hostile]}))
    assert sent(here)["Bcc"] is None
    with pytest.raises(GiveUp):
        here.replier(clock).send(here.outgoing(1, clock, author_id=hostile))
