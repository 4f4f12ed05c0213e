"""Reddit over loopback: its listings walked back to what is known, its limits and refusals, and how praw is held."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater
from core.settings import Settings
from core.types import Page
from listener.source import Context
from listener.sources.reddit import Reddit
from tests.listener.emulators import faults
from tests.listener.emulators import reddit as emulator
from tests.listener.emulators.reddit import KEYS, Site, comment, submission
from tests.listener.emulators.run import ids, pages
from tests.loopback import Answer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON = NOW.timestamp()
COMMENTS, SUBMISSIONS = "/r/acme/comments", "/r/acme/new"


@pytest.fixture
def site() -> Iterator[Site]:
    with emulator.reddit() as site:
        yield site


def context(site: Site, *terms: str, **settings: str) -> Context:
    given = {"client_id": KEYS["client_id"], "client_secret": KEYS["client_secret"], "subreddits": "acme"} | settings
    return Context(given, Settings(reddit_url=site.url, reddit_oauth_url=site.url), HeldClock(NOW), terms)


@contextmanager
def hearing(site: Site, *terms: str, **settings: str) -> Iterator[Reddit]:
    """A source of r/acme without an account, unless `settings` say otherwise."""
    source = Reddit(context(site, *terms, **settings))
    try:
        yield source
    finally:
        source.close()


ACCOUNT = {"username": KEYS["username"], "password": KEYS["password"]}


def numbers(*found: range) -> set[str]:
    return {f"t1_c{number:x}" for part in found for number in part}


def test_recorded_comments_come_in_as_people_read_them(site: Site) -> None:
    site.listings["/r/kakapo/comments"] = emulator.things("TestSubredditStreams.test_comments__with_pause", 2)
    with hearing(site, subreddits="https://www.reddit.com/r/kakapo/") as source:
        page = source.fetch(None)
    assert len(page.mentions) == 17
    first = page.mentions[1]
    assert (first.native_id, first.author.handle, first.text) == ("t1_dgauydy", "butt_woman", "i lick it")
    assert (first.kind, first.reply_to, first.conversation) == ("comment", "t1_dg7dqfd", "t3_654eqk")
    assert first.url == "https://www.reddit.com/comments/654eqk/_/dgauydy/"
    assert first.created_at == datetime(2017, 4, 15, 16, 48, 28, tzinfo=UTC)
    assert (first.likes, first.extra) == (2, {"subreddit": "kakapo"})


def test_recorded_mentions_and_replies_know_their_thread(site: Site) -> None:
    site.listings["/message/mentions"] = emulator.things("TestInbox.test_mentions")
    site.listings["/message/comments"] = emulator.things("TestInbox.test_comment_replies")
    with hearing(site, **ACCOUNT) as source:
        page = source.fetch(None)
    mention = next(one for one in page.mentions if one.native_id == "t1_ekftbox")
    assert (mention.author.native_id, mention.author.handle) == ("t2_3efd9zdo", "2Botter2Loop")
    assert (mention.reply_to, mention.conversation) == ("t3_bb24k7", "t3_bb24k7")
    address = "/r/RemovedByBotter/comments/bb24k7/just_a_normal_girl_going_for_her_10th_class_exam/ekftbox/"
    assert mention.url == f"https://www.reddit.com{address}"
    reply = next(one for one in page.mentions if one.native_id == "t1_mynqwvd")
    assert (reply.reply_to, reply.conversation) == ("t1_myngt77", "t3_1j7g9uj")


def test_a_submission_is_its_title_and_its_text_and_where_it_leads(site: Site) -> None:
    link = submission(2, NOON, is_self=False, selftext="", url="https://rocket.example/x")
    site.post(SUBMISSIONS, submission(1, NOON), link)
    with hearing(site) as source:
        second, first = source.fetch(None).mentions
    assert first.text == "submission 1\n\nIt broke."
    assert (first.kind, first.likes, first.replies, first.conversation) == ("post", 5, 2, "t3_s1")
    assert second.text == "submission 2"
    assert second.extra["links"] == ["https://rocket.example/x"]


def test_more_than_a_hundred_new_items_between_two_polls_are_all_heard(site: Site) -> None:
    site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(60)))
    with hearing(site) as source:
        first = source.fetch(None)
        site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(60, 790)))
        found = pages(source, first.cursor)
    assert numbers(range(60, 790)) <= ids(found)
    assert sum(page.events["r/acme comments"] for page in found) == 730
    assert all(page.gaps == () for page in found)


def test_nothing_is_asked_for_by_what_came_before_it(site: Site) -> None:
    """An empty `before` page, as recorded, is how praw's streams lose items; and a deleted item makes one."""
    with hearing(site) as source:
        source.fetch(source.fetch(None).cursor)
    assert site.asked
    assert not any("before" in asked.query for asked in site.asked)


def test_known_items_may_be_deleted_and_nothing_is_lost(site: Site) -> None:
    site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(150)))
    with hearing(site) as source:
        cursor = pages(source, None)[-1].cursor
        for number in range(100, 150):
            site.delete(f"t1_c{number:x}")
        site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(150, 400)))
        assert numbers(range(150, 400)) <= ids(pages(source, cursor))


def test_a_page_whose_anchor_was_deleted_is_asked_for_from_the_item_before_it(site: Site) -> None:
    site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(1, 901)))
    with hearing(site) as source:
        first = source.fetch(None)
        assert first.more
        for number in (401, 402):  # of those that the first five hundred ended with
            site.delete(f"t1_c{number:x}")
        found = [first, *pages(source, first.cursor)]
    assert numbers(range(1, 901)) <= ids(found)


def test_a_walk_goes_on_after_a_restart_from_what_was_stored(site: Site) -> None:
    site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(1, 901)))
    with hearing(site) as source:
        first = source.fetch(None)
    asked = len(site.asked)
    with hearing(site) as source:
        found = [first, *pages(source, first.cursor)]
    assert numbers(range(1, 901)) == ids(found)
    assert site.requests(COMMENTS)[5].one("after") == "t1_c191"
    assert len(site.asked) - asked < 10


def test_a_page_that_was_not_stored_is_heard_again(site: Site) -> None:
    site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(700)))
    with hearing(site) as source:
        first, again = source.fetch(None), source.fetch(None)
        found = [again, *pages(source, again.cursor)]
    assert first == again
    assert ids(found) == numbers(range(700))


def test_what_reddit_no_longer_lists_is_a_gap(site: Site) -> None:
    site.post(COMMENTS, comment(0, NOON - 9000))
    with hearing(site) as source:
        cursor = source.fetch(None).cursor
        site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(1, 1500)))
        found = pages(source, cursor)
    assert numbers(range(500, 1500)) == ids(found)
    (gap,) = (gap for page in found for gap in page.gaps)
    assert (gap.start.timestamp(), gap.end.timestamp()) == (NOON - 9000, NOON - 9000 + 500)
    assert gap.reason == "r/acme comments: Reddit lists only the newest 1,000"


def test_late_and_unordered_items_among_known_ones_are_heard(site: Site) -> None:
    site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(40)))
    with hearing(site) as source:
        cursor = source.fetch(None).cursor
        listing = site.listings[COMMENTS]
        listing.insert(20, comment(500, NOON - 9000 + 19.5))
        site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(600, 720)))
        listing = site.listings[COMMENTS]
        listing.insert(0, listing.pop(listing.index(next(one for one in listing if one["name"] == "t1_c5"))))
        found = pages(source, cursor)
    assert numbers(range(500, 501), range(600, 720)) <= ids(found)


def test_a_quiet_place_costs_one_request_and_the_cursor_stays(site: Site) -> None:
    site.post(COMMENTS, comment(1, NOON - 60))
    with hearing(site) as source:
        first = source.fetch(None)
        asked = len(site.asked)
        again = source.fetch(first.cursor)
    assert len(site.asked) - asked == 2  # comments and submissions
    assert (again.cursor, again.events, again.more) == (first.cursor, {}, False)


def test_an_empty_page_with_a_next_token_is_gone_past(site: Site) -> None:
    site.post(COMMENTS, *(comment(n, NOON - 9000 + n) for n in range(150)))
    with hearing(site) as source:
        source.fetch(None)
        site.faults.append(lambda answer: emulator.with_children(answer, lambda children: []))
        assert ids(pages(source, None)) >= numbers(range(50))


def test_deleted_removed_and_authorless_items_are_told_as_deleted(site: Site) -> None:
    site.post(
        COMMENTS,
        comment(1, NOON - 5, body="[removed]"),
        comment(2, NOON - 4, author="[deleted]"),
        comment(3, NOON - 3, author=None),
        comment(4, NOON - 2, body="I was [deleted] once"),
    )
    site.post(
        SUBMISSIONS,
        submission(5, NOON - 3, removed_by_category="moderator", selftext=""),
        submission(6, NOON - 2, removed_by_category="automod_filtered"),
    )
    with hearing(site) as source:
        page = source.fetch(None)
    assert set(page.deleted) == {"t1_c1", "t1_c2", "t1_c3", "t3_s5"}
    assert ids([page]) == {"t1_c4", "t3_s6"}


def test_edited_items_replace_what_we_hold(site: Site) -> None:
    site.post(COMMENTS, comment(1, NOON - 60), comment(2, NOON - 60, edited=NOON - 30, body="now better"))
    with hearing(site) as source:
        page = source.fetch(None)
    assert [mention.text for mention in page.mentions] == ["comment 1"]
    assert [mention.text for mention in page.edited] == ["now better"]


@pytest.mark.parametrize(
    "broken",
    [
        {"created_utc": "yesterday"},
        {"created_utc": 1e300},
        {"body": ""},
        {"author": ["ann"]},
        {"parent_id": 7},
        {"score": "many"},
    ],
)
def test_an_item_that_cannot_be_read_is_reported_and_the_others_are_heard(site: Site, broken: dict[str, Any]) -> None:
    site.listings[COMMENTS] = [comment(1, NOON), comment(2, NOON) | broken, comment(3, NOON)]
    with hearing(site) as source:
        page = source.fetch(None)
    assert ids([page]) == {"t1_c1", "t1_c3"}
    assert len(page.rejected) == 1


@pytest.mark.parametrize("child", [{}, None, {"kind": "more", "data": {}}, {"kind": "t1", "data": []}])
def test_something_else_in_a_listing_is_reported_too(site: Site, child: object) -> None:
    site.post(COMMENTS, comment(1, NOON))
    site.faults.extend(
        [lambda answer: answer, lambda answer: emulator.with_children(answer, lambda children: [child, *children])]
    )
    with hearing(site) as source:
        page = source.fetch(None)
    assert (ids([page]), len(page.rejected)) == ({"t1_c1"}, 1)


def test_private_messages_are_not_for_us(site: Site) -> None:
    letter = {"name": "t4_m1", "author": "ann", "body": "between us", "created_utc": NOON}
    site.listings["/message/mentions"] = [letter]
    with hearing(site, **ACCOUNT) as source:
        page = source.fetch(None)
    assert (page.mentions, page.rejected) == ((), ())


def test_terms_are_searched_for_site_wide_in_as_few_queries_as_hold_them(site: Site) -> None:
    site.post("/search", submission(1, NOON, "else", title="an Acme rocket"), submission(2, NOON, "else"))
    words = [f"word number {n}" for n in range(40)]
    with hearing(site, "acme", *words, subreddits="") as source:
        page = source.fetch(None)
    asked = site.requests("/search")
    assert [mention.native_id for mention in page.mentions] == ["t3_s1"]
    assert page.events == {"search": 1}
    assert all(len(one.one("q")) <= 512 for one in asked)
    assert len(asked) == 2
    assert asked[0].one("q").startswith('"acme" OR "word number 0" OR ')
    assert (asked[0].one("sort"), asked[0].one("type"), asked[0].one("limit")) == ("new", "link", "100")


def test_an_item_may_appear_late_in_the_search(site: Site) -> None:
    site.post("/search", *(submission(n, NOON - 1800 + n, title="acme") for n in range(300)))
    with hearing(site, "acme", subreddits="") as source:
        cursor = pages(source, None)[-1].cursor
        site.listings["/search"].insert(150, submission(999, NOON - 1800 + 149.5, title="acme, late"))
        assert "t3_s3e7" in ids(pages(source, cursor))


def test_without_anything_to_hear_nobody_is_asked(site: Site) -> None:
    with hearing(site, subreddits="") as source:
        assert source.fetch("{}") == Page(cursor="{}")
    assert site.asked == []


def test_a_closed_subreddit_is_told_once_and_the_rest_goes_on(site: Site) -> None:
    private = Answer(403, json.dumps({"reason": "private", "message": "Forbidden", "error": 403}).encode())
    site.refused = {COMMENTS: private, SUBMISSIONS: private}
    site.post("/r/rockets/comments", comment(1, NOON, "rockets"))
    with hearing(site, subreddits="acme rockets") as source:
        first = source.fetch(None)
        again = source.fetch(first.cursor)
        site.refused.clear()
        site.post(COMMENTS, comment(2, NOON))
        mended = source.fetch(again.cursor)
    assert [one.where for one in first.rejected] == ["r/acme comments", "r/acme submissions"]
    assert first.rejected[0].reason == "Reddit answered 403: Forbidden, private, 403"
    assert (ids([first]), again.rejected, first.heard_to) == ({"t1_c1"}, (), None)
    assert "t1_c2" in ids([mended])


def test_when_all_is_closed_to_us_a_person_must_act(site: Site) -> None:
    site.refused = {COMMENTS: Answer(404), SUBMISSIONS: Answer(302, headers={"Location": "/subreddits/search"})}
    with hearing(site) as source, pytest.raises(GiveUp, match="Reddit answered 404"):
        source.fetch(None)


def test_a_listing_that_fails_keeps_nobody_from_the_others(site: Site) -> None:
    site.refused = {COMMENTS: Answer(500)}
    site.post(SUBMISSIONS, submission(1, NOON))
    with hearing(site) as source:
        with pytest.raises(RetryLater, match="Reddit answered 500"):
            source.fetch(None)
        page = source.fetch(None)
        assert ids([page]) == {"t3_s1"}
        assert page.heard_to == NOW - timedelta(days=1)
        assert not page.more
        assert ids([source.fetch(page.cursor)]) == {"t3_s1"}
        site.refused.clear()
        assert source.fetch(page.cursor).heard_to is None


def test_limits_in_the_headers_end_the_round_until_they_are_over(site: Site) -> None:
    site.limits = {"x-ratelimit-remaining": "0.0", "x-ratelimit-used": "100", "x-ratelimit-reset": "77"}
    clock = HeldClock(NOW)
    with closing(Reddit(replace(context(site), clock=clock))) as source:
        page = source.fetch(None)
        assert (page.rest_until, page.more) == (NOW + timedelta(seconds=77), True)
        assert len(site.requests(COMMENTS)) == 1
        asked = len(site.asked)
        assert source.fetch(page.cursor).rest_until == NOW + timedelta(seconds=77)
        assert len(site.asked) == asked

        site.limits = {"x-ratelimit-remaining": "1.0", "x-ratelimit-used": "99", "x-ratelimit-reset": "600"}
        clock.advance(77)
        page = source.fetch(page.cursor)  # prawcore would sleep for ten seconds before the second request
    assert (page.rest_until, page.more) == (None, False)


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (Answer(429, b"", {"Retry-After": "4"}), 4),
        (Answer(429, b"", {"Retry-After": "4.5"}), 4.5),
        (Answer(429, b"", {"Retry-After": "Fri, 20 Nov 2026 12:01:00 GMT"}), 60),
        (Answer(429, b"", {"Retry-After": "soon"}), None),
        (Answer(429, b"", {"x-ratelimit-remaining": "0", "x-ratelimit-used": "9", "x-ratelimit-reset": "33"}), 33),
        (Answer(429), None),
        (Answer(502), None),
        (Answer(503), None),
        (Answer(520), None),
        (Answer(200, b'{"json": {"errors": [["RATELIMIT", "try again in 9 minutes.", "ratelimit"]]}}'), 541),
        (Answer(200, b'{"message": "Too Many Requests", "error": 429}'), None),
        (Answer(200, b'{"kind": "Listing", "data": {"children": ['), None),
        (Answer(200, b"[]"), None),
        (Answer(200, b'{"kind": "Listing", "data": null}'), None),
        (Answer(200, b""), None),
        (Answer(204), None),
        (Answer(200, b'{"kind": "Listing"', declared=500), None),
    ],
)
def test_what_may_pass_is_tried_later_and_asked_for_exactly_once(
    site: Site, answer: Answer, after: float | None
) -> None:
    """prawcore on its own would ask three times, and sleep in between."""
    site.refused = {COMMENTS: answer}
    with hearing(site) as source, pytest.raises(RetryLater) as caught:
        source.fetch(None)
    assert caught.value.after == after
    assert [asked.path for asked in site.asked] == ["/api/v1/access_token", COMMENTS]


@pytest.mark.parametrize("fault", [faults.closed, faults.cut, faults.hang])
def test_a_connection_that_ends_or_hangs_is_one_request_and_no_more(site: Site, fault: faults.Fault) -> None:
    class Impatient(Reddit):
        patience = 0.3

    site.faults.extend([lambda answer: answer, fault])
    with (
        closing(Impatient(context(site))) as source,
        pytest.raises(RetryLater, match="Reddit cannot be reached: "),
    ):
        source.fetch(None)
    assert len(site.asked) == 2


@pytest.mark.parametrize(
    ("test", "after", "said"),
    [
        ("TestSession.test_request__too__many_requests__with_retry_headers", 4, "whoa there, pardner"),
        ("TestSession.test_request__bad_gateway", None, "502"),
        ("TestObjector.test_raise_api_exception", None, "Please log in to do that"),
    ],
)
def test_recorded_refusals_are_told_in_reddits_words(site: Site, test: str, after: float | None, said: str) -> None:
    answer = emulator.recorded(test)[0]
    body = answer["body"] if isinstance(answer["body"], str) else json.dumps(answer["body"])
    site.refused = dict.fromkeys((COMMENTS, SUBMISSIONS), Answer(answer["status"], body.encode(), answer["headers"]))
    with hearing(site) as source, pytest.raises((RetryLater, GiveUp), match=said) as caught:
        source.fetch(None)
    assert getattr(caught.value, "after", None) == after


def test_a_token_that_no_longer_works_is_replaced_by_a_new_one(site: Site) -> None:
    site.post(COMMENTS, comment(1, NOON))
    with hearing(site) as source:
        cursor = source.fetch(None).cursor
        site.expire()
        with pytest.raises(RetryLater, match="Unauthorized") as caught:
            source.fetch(cursor)
        assert caught.value.after == 1
        assert ids([source.fetch(cursor)]) == {"t1_c1"}
    assert site.tokens == 2


def test_when_even_a_new_token_is_refused_a_person_must_act(site: Site) -> None:
    site.refused = dict.fromkeys((COMMENTS, SUBMISSIONS), Answer(401))
    with hearing(site) as source:
        with pytest.raises(RetryLater):
            source.fetch(None)
        with pytest.raises(GiveUp, match="refuses even a new token"):
            source.fetch(None)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, b'{"error": "invalid_grant"}'),
        Answer(200, b'{"error": "invalid_grant"}'),
        Answer(401, b'{"message": "Unauthorized", "error": 401}'),
    ],
)
def test_a_revoked_sign_in_says_what_to_enter_anew(site: Site, answer: Answer) -> None:
    site.faults.append(lambda _: answer)
    with (
        hearing(site, **ACCOUNT) as source,
        pytest.raises(GiveUp, match=r"no longer lets us sign in \(.*(invalid_grant|Unauthorized).*refresh token anew"),
    ):
        source.fetch(None)
    assert len(site.asked) == 1


def test_a_recorded_refusal_of_a_token_is_tried_later(site: Site) -> None:
    answer = emulator.recorded("TestSession.test_request__too__many_requests__without_retry_headers", tokens=True)[0]
    site.faults.append(lambda _: Answer(answer["status"], json.dumps(answer["body"]).encode(), answer["headers"]))
    with hearing(site) as source, pytest.raises(RetryLater, match="Reddit answered 429: Too Many Requests"):
        source.fetch(None)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"access_token": "t"}', b"<html>"])
def test_a_token_that_cannot_be_read_is_asked_for_later(site: Site, body: bytes) -> None:
    site.faults.append(lambda _: Answer(200, body))
    with hearing(site) as source, pytest.raises(RetryLater):
        source.fetch(None)


def test_a_refresh_token_that_reddit_replaced_is_handed_on(site: Site) -> None:
    site.new_refresh_token = "new"
    with hearing(site, refresh_token="old") as source:
        page = source.fetch(None)
    assert page.credentials == {"refresh_token": "new"}
    assert "new" not in repr(page)
    site.new_refresh_token = None
    with hearing(site, refresh_token="new") as source:
        assert source.fetch(None).credentials == {}


def test_nothing_is_taken_from_praws_own_files_and_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("username", "password", "refresh_token"):
        monkeypatch.setenv(f"praw_{name}", "of somebody else")
    monkeypatch.setenv("praw_site", "elsewhere")
    with hearing(site) as source:
        source.fetch(None)
    assert site.asked[0].body == b"grant_type=client_credentials"
    assert site.asked[1].headers["User-Agent"].startswith("ripplewatch ")


def test_access_says_who_we_are_and_what_we_may(site: Site) -> None:
    with hearing(site, **ACCOUNT) as source:
        access = source.access()
    assert (access.account, access.may_not) == ("u/acme_care", ())
    with hearing(site) as source:
        access = source.access()
    assert access.account == "app p-jcoLKBynTLew, without an account"
    assert access.may == ("read subreddits and search",)
    assert access.may_not == ("hear mentions of the account and replies to it",)
    site.scope = "identity read"
    with hearing(site, refresh_token="r") as source:
        assert source.access().may == ("read subreddits and search",)


def test_access_with_a_wrong_key_says_so(site: Site) -> None:
    site.revoked = True
    with hearing(site, **ACCOUNT) as source, pytest.raises(GiveUp, match="no longer lets us sign in"):
        source.access()


def test_what_we_hold_is_looked_at_again(site: Site) -> None:
    kept, edited, removed = comment(1, NOON), comment(2, NOON, edited=NOON, body="better"), submission(3, NOON)
    site.post(COMMENTS, kept, edited, removed)
    site.delete("t3_s3")
    with hearing(site) as source:
        page = source.recheck(["t1_c1", "t1_c2", "t3_s3", "t1_none", "from-a-file"])
    assert set(page.deleted) == {"t3_s3", "t1_none"}
    assert [mention.text for mention in page.edited] == ["better"]
    assert (page.mentions, page.cursor) == ((), None)
    assert [asked.one("id") for asked in site.requests("/api/info")] == ["t1_c1,t1_c2,t3_s3,t1_none", "t1_none"]


def test_recorded_items_that_are_gone_are_known_by_their_look(site: Site) -> None:
    held = [thing for n in range(3) for thing in emulator.things("TestReddit.test_info", n)]
    (deleted,) = emulator.things("TestComment.test_refresh__deleted_comment")
    site.info = {thing["name"]: thing for thing in [*held, deleted]}
    with hearing(site) as source:
        page = source.recheck([name for name in site.info if name.startswith(("t1_", "t3_"))])
    assert set(page.deleted) == {"t1_d7ltvl0", "t1_d7ltv34", "t3_5dec01", "t3_5dec70"}
    assert [mention.native_id for mention in page.edited] == ["t3_5dec04"]
    assert page.rejected == ()


def test_what_a_comment_answers_is_given_while_it_is_there(site: Site) -> None:
    site.post(SUBMISSIONS, submission(1, NOON), submission(2, NOON, edited=NOON), submission(3, NOON))
    site.delete("t3_s3")
    with hearing(site) as source:
        page = source.parents(["t3_s1", "t3_s2", "t3_s3", "t1_none", "from-a-file"])
    assert {mention.native_id for mention in page.mentions} == {"t3_s1", "t3_s2"}
    assert (page.deleted, page.cursor) == ((), None)


def test_an_answer_that_knows_of_nothing_deletes_nothing(site: Site) -> None:
    with hearing(site) as source:
        with pytest.raises(RetryLater, match="nothing of 2 items"):
            source.recheck(["t1_c1", "t1_c2"])
        assert source.recheck(["not-an-id"]) == Page()
    assert len(site.requests("/api/info")) == 1


def test_a_round_ends_when_the_process_does(site: Site) -> None:
    given = context(site)
    given.stop.set()
    with closing(Reddit(given)) as source:
        assert source.fetch(None).mentions == ()
    assert site.asked == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"client_id": ""}, "Client id"),
        ({"subreddits": "acme, no-such-name"}, "Subreddits: 'no-such-name'"),
        ({"username": "ann"}, "it takes both"),
        ({"password": "sesame"}, "it takes both"),
    ],
)
def test_settings_that_cannot_be_are_refused(site: Site, settings: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said), hearing(site, **settings):
        pass
