"""What is true of every replier: one request that publishes, a truthful end, and found again by whoever looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater, Unsure
from core.runtime import Runtime
from core.secrets import unseal
from core.settings import Settings
from core.tables import Mention, Reply, Source, Spending
from listener.source import Context, Replier, kinds, load_replier
from responder.outbox.post import Claim, post_replies
from responder.outbox.repliers import Repliers
from tests.responder.places import FAULTS, KINDS, Place, place


@pytest.fixture(params=KINDS)
def here(request: pytest.FixtureRequest, settings: Settings, clock: HeldClock) -> Iterator[Place]:
    with place(request.param, settings, clock) as running:
        yield running


@pytest.fixture(params=[kind for kind in KINDS if kind != "files"])
def away(request: pytest.FixtureRequest, settings: Settings, clock: HeldClock) -> Iterator[Place]:
    with place(request.param, settings, clock) as running:
        yield running


def test_each_has_a_place_here() -> None:
    assert sorted(KINDS) == [kind for kind in kinds() if load_replier(kind)]


def test_a_reply_is_published_once_as_it_is_and_found_again(here: Place, clock: HeldClock) -> None:
    replier, reply = here.replier(clock), here.outgoing(1, clock)
    receipt = replier.send(reply)
    (there,) = here.replies(reply.mention_id)
    assert there.split("https://")[0].replace("@ann1 ", "").replace("&amp;", "&") == reply.text.split("https://")[0]
    assert receipt.native_id
    clock.advance(300)
    assert here.replier(clock).find(reply) == receipt
    replier.close()
    replier.close()


def test_a_reply_that_was_never_sent_is_not_there(here: Place, clock: HeldClock) -> None:
    replier, reply = here.replier(clock), here.outgoing(1, clock)
    replier.send(here.outgoing(2, clock))
    clock.advance(300)
    if here.kind == "email":
        with pytest.raises(Unsure, match="There is no copy in Sent, which proves nothing"):
            replier.find(reply)
    else:
        assert replier.find(reply) is None


def test_it_says_as_whom_without_asking_anybody(here: Place, clock: HeldClock) -> None:
    assert here.replier(clock).account() == here.account
    assert getattr(here.site, "asked", []) == []


def test_without_what_it_needs_it_is_not_made(away: Place, clock: HeldClock) -> None:
    kind = load_replier(away.kind)
    assert kind is not None
    with pytest.raises(BadInput):
        kind(Context({}, away.process, clock))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_end_of_the_one_request_is_told_truthfully(away: Place, clock: HeldClock, fault: str) -> None:
    replier, reply = away.replier(clock), away.outgoing(1, clock)
    away.faults.append(fault)
    with pytest.raises((RetryLater, GiveUp, Unsure)) as caught:
        replier.send(reply)
    there = len(away.replies(reply.mention_id))
    assert there == (0 if fault in ("429", "503 before", "refused", "closed before") else 1)
    assert isinstance(caught.value, Unsure) or there == 0
    assert len(away.writes) == (0 if away.kind == "email" else 1)
    if fault in ("429", "refused"):
        expected = GiveUp if fault == "refused" and away.kind != "email" else RetryLater
        assert isinstance(caught.value, expected)


def test_a_platform_that_is_not_there_gets_nothing_and_is_tried_later(away: Place, clock: HeldClock) -> None:
    lost = "http://127.0.0.1:9"
    names = ("bluesky_api_url", "mastodon_url", "reddit_url", "reddit_oauth_url", "x_api_url", "youtube_api_url")
    away.process = away.process.model_copy(update=dict.fromkeys((*names, "google_token_url"), lost))
    gone = {"server": lost} if away.kind == "mastodon" else {"smtp_port": "9"} if away.kind == "email" else {}
    with pytest.raises(RetryLater, match="cannot be reached"):
        away.replier(clock, **gone).send(away.outgoing(1, clock))


def test_another_reply_of_ours_that_came_since_leaves_it_open(away: Place, clock: HeldClock) -> None:
    """Where a reply has no name of its own to look for, somebody may have answered by hand meanwhile."""
    replier, reply = away.replier(clock), away.outgoing(1, clock)
    replier.send(replace(reply, key="another", text=f"{reply.text} (by hand)"))
    clock.advance(300)
    if away.kind == "bluesky":
        assert replier.find(reply) is None
    else:
        with pytest.raises(Unsure):
            replier.find(reply)


def test_what_has_just_gone_out_may_not_be_seen_yet(away: Place, clock: HeldClock) -> None:
    if away.kind in ("bluesky", "email"):
        pytest.skip("found by its name, or not at all")
    with pytest.raises(RetryLater, match="does not show the reply yet") as caught:
        away.replier(clock).find(away.outgoing(1, clock))
    assert (caught.value.after or 0) > 20


def sent_for_real(runtime: Runtime, here: Place) -> Runtime:
    """Send one reply as the service does: its source's row gives settings and keys. The runtime that it used."""
    pointed = Runtime(here.process, runtime.db, runtime.clock, runtime.queue)
    reply_id = here.approved(pointed, 1)
    repliers = Repliers(pointed)

    def found(db: Session, claim: Claim) -> tuple[int, Replier] | None:
        return repliers.find(db, claim.via, db.get_one(Mention, claim.mention_id), claim.account)

    assert post_replies(pointed, found) == 1
    with pointed.db.read() as db:
        assert (db.get_one(Reply, reply_id).account, db.get_one(Reply, reply_id).error) == (here.account, None)
    repliers.close()
    return pointed


def test_what_x_bills_for_a_reply_is_noted(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with place("x", sqlite_runtime.settings, clock) as here:
        sent_for_real(sqlite_runtime, here)
    with sqlite_runtime.db.read() as db:
        spent = {row.item: (row.units, row.cost) for row in db.scalars(select(Spending))}
    assert spent == {"post_with_link": (1, 200_000), "user_read": (1, 10_000)}


def test_a_session_that_was_renewed_while_sending_is_kept(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with place("bluesky", sqlite_runtime.settings, clock) as here:
        pointed = sent_for_real(sqlite_runtime, here)
        with pointed.db.read() as db:
            kept = unseal(pointed.settings, db.scalars(select(Source.credentials)).one())
    assert kept["app_password"] == here.settings["app_password"]
    assert "access" in kept["session"]
