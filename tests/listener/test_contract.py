"""What every kind of source promises, whatever platform it hears. A new file in listener/sources/ is tested here too:
it needs one line in SET_UPS, which says how it is reached over loopback with recorded answers."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.clock import HeldClock
from core.errors import BadInput, RetryLater
from core.settings import Settings
from core.settings import load as load_settings
from core.types import Page
from listener.records import COLUMNS
from listener.source import Context, DecidesReplies, Source, kinds, load, load_replier
from tests.flow.recorded import World, world
from tests.listener.emulators import mastodon, reddit, x, x_server, youtube

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
CLOSED = "127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class SetUp:
    """How a source is reached: its settings and the process's, when its recorded answers were new, and words in them.

    `lost` are settings with which its host is not there. `pushed`: it is not asked, but posted
    to (web/listening/hooks.py).
    """

    settings: Callable[[World, Path], Mapping[str, object]]
    now: datetime
    lost: Mapping[str, object] = field(default_factory=dict)
    lost_process: Mapping[str, object] = field(default_factory=dict)
    terms: tuple[str, ...] = ()
    pushed: bool = False


def _folder(_: World, folder: Path) -> Mapping[str, object]:
    record = {"platform": "x", "author": "ann", "text": "hi", "created_at": "2026-11-20T10:00:00Z"}
    (folder / "a.jsonl").write_text("".join(json.dumps(record | {"id": str(n)}) + "\n" for n in range(3)))
    return {"path": str(folder)}


SET_UPS = {
    "bluesky": SetUp(
        lambda served, _: {},
        datetime(2026, 7, 4, 15, tzinfo=UTC),
        lost_process=dict.fromkeys(("bluesky_jetstream_url", "bluesky_second_url"), f"ws://{CLOSED}/subscribe"),
    ),
    "email": SetUp(
        lambda served, _: served.mailbox,
        datetime(2026, 11, 20, tzinfo=UTC),
        lost={"imap_host": "127.0.0.1", "imap_port": "9", "security": "none", "user": "ann", "password": "sesame"},
    ),
    "feed": SetUp(
        lambda served, _: {"url": f"{served.blog.url}/feed"},
        datetime(2026, 11, 20, tzinfo=UTC),
        lost={"url": f"http://{CLOSED}/feed"},
        lost_process={"feed_allow_networks": "127.0.0.1/32"},
    ),
    "files": SetUp(_folder, datetime(2026, 11, 20, tzinfo=UTC), lost={"path": "/nowhere/at/all"}),
    "hackernews": SetUp(
        lambda served, _: {},
        datetime(2014, 6, 20, 4, tzinfo=UTC),
        lost_process={"hackernews_url": f"http://{CLOSED}"},
        terms=("google", "apple"),
    ),
    "mastodon": SetUp(
        lambda served, _: {"timelines": "#hoot"},
        mastodon.NOW,
        lost={"timelines": "#hoot"},
        lost_process={"mastodon_url": f"http://{CLOSED}"},
    ),
    "reddit": SetUp(
        lambda served, _: {**reddit.KEYS, "subreddits": "kakapo"},
        datetime(2025, 6, 19, 17, tzinfo=UTC),
        lost={**reddit.KEYS, "subreddits": "kakapo"},
        lost_process={"reddit_url": f"http://{CLOSED}", "reddit_oauth_url": f"http://{CLOSED}"},
    ),
    "webhook": SetUp(
        lambda served, _: {"secret": "correct horse battery staple"}, datetime(2026, 11, 20, tzinfo=UTC), pushed=True
    ),
    "x": SetUp(
        lambda served, _: {"bearer_token": x.TOKEN, "accounts": "Twitter", "mode": "search"},
        x_server.RECORDED,
        lost={"bearer_token": x.TOKEN, "accounts": "Twitter"},
        lost_process={"x_api_url": f"http://{CLOSED}"},
    ),
    "youtube": SetUp(
        lambda served, _: {"api_key": youtube.KEY, "videos": youtube.VIDEO},
        datetime(2019, 12, 1, 12, tzinfo=UTC),
        lost={"api_key": youtube.KEY, "videos": youtube.VIDEO},
        lost_process={"youtube_api_url": f"http://{CLOSED}"},
    ),
}


@pytest.fixture(params=kinds())
def kind(request: pytest.FixtureRequest) -> type[Source]:
    return load(request.param)


@pytest.fixture(params=[name for name in kinds() if name not in SET_UPS or not SET_UPS[name].pushed])
def fetched(request: pytest.FixtureRequest) -> type[Source]:
    """A kind that asks its platform."""
    return load(request.param)


@pytest.fixture(scope="module")
def served() -> Iterator[World]:
    with world() as running:
        yield running


@contextmanager
def hearing(kind: type[Source], served: World, folder: Path) -> Iterator[Source]:
    """A source of this kind, made anew, that hears its recorded answers."""
    given = SET_UPS[kind.kind]
    process = load_settings({name.lower(): value for name, value in served.environment.items()})
    source = kind(Context(given.settings(served, folder), process, HeldClock(given.now), given.terms))
    try:
        yield source
    finally:
        source.close()


def whole(source: Source, cursor: str | None) -> Page:
    """Everything after a cursor: pages until one of them brings nothing."""
    pages = [source.fetch(cursor)]
    for _ in range(20):
        if not pages[-1].mentions:
            break
        pages.append(source.fetch(pages[-1].cursor))
    mentions = [mention for page in pages for mention in page.mentions]
    return Page(tuple({one.native_id: one for one in mentions}.values()), pages[-1].cursor)


def test_its_facts_are_declared_for_the_set_up_page(kind: type[Source]) -> None:
    module = importlib.import_module(f"listener.sources.{kind.kind}")
    assert len(module.__doc__ or "") > 100
    assert kind.title
    assert kind.about.endswith(".")
    assert kind.poll_seconds >= 0
    assert kind.silent_seconds is None or kind.silent_seconds > 0
    names = [asked.name for asked in kind.fields]
    assert len(names) == len(set(names))
    for asked in kind.fields:
        assert re.fullmatch(r"[a-z][a-z_]*", asked.name)
        assert asked.label
        assert asked.help.endswith(".")
        assert asked.example or not asked.required


def test_whether_it_may_be_replied_to_says_why_and_has_who_does_it(kind: type[Source]) -> None:
    assert kind.reply.how in ("api", "hand", "no")
    assert kind.reply.why.endswith(".")
    replier = load_replier(kind.kind)
    assert (replier is not None) == (kind.reply.how == "api" or issubclass(kind, DecidesReplies))
    if replier:
        assert replier.kind == kind.kind
        assert replier.max_length is None or replier.max_length > 0


def test_what_it_needs_is_asked_for_by_name(kind: type[Source]) -> None:
    for asked in kind.fields:
        others = {one.name: one.example for one in kind.fields if one.required and one is not asked}
        for wrong in ([None, ""] if asked.required else []) + ["\0no such thing"]:
            with pytest.raises(BadInput) as caught:
                kind(Context(others | {asked.name: wrong}, Settings(), HeldClock()))
            assert asked.name in str(caught.value).lower() or asked.label.lower() in str(caught.value).lower()


def test_its_examples_are_accepted(kind: type[Source]) -> None:
    settings = {asked.name: asked.example for asked in kind.fields if asked.example}
    kind(Context(settings, Settings(), HeldClock())).close()


def test_what_it_hears_is_whole(fetched: type[Source], served: World, tmp_path: Path) -> None:
    with hearing(fetched, served, tmp_path) as source:
        page = whole(source, None)
    assert page.mentions
    assert page.cursor
    for mention in page.mentions:
        assert mention.platform
        assert mention.native_id
        assert mention.author.native_id
        assert mention.text.strip()
        assert mention.created_at.utcoffset() == timedelta()
        assert mention.url is None or mention.url.startswith(("https://", "http://"))
        json.dumps(dict(mention.extra), allow_nan=False)


def test_the_same_cursor_gives_the_same_items_to_this_instance_and_the_next(
    kind: type[Source], served: World, tmp_path: Path
) -> None:
    with hearing(kind, served, tmp_path) as source:
        first, again = whole(source, None), whole(source, None)
    with hearing(kind, served, tmp_path) as source:
        anew = whole(source, None)
    assert first == again == anew


def test_after_the_cursor_nothing_comes_that_was_not_there_before(
    kind: type[Source], served: World, tmp_path: Path
) -> None:
    """Some may come twice, where a platform needs an overlap; nothing new does, and the cursor stays."""
    with hearing(kind, served, tmp_path) as source:
        first = whole(source, None)
    with hearing(kind, served, tmp_path) as source:
        after = source.fetch(first.cursor)
    assert {one.native_id for one in after.mentions} <= {one.native_id for one in first.mentions}
    assert after.cursor == first.cursor


def test_a_host_that_is_not_there_is_tried_later(fetched: type[Source]) -> None:
    given = SET_UPS[fetched.kind]
    source = fetched(Context(given.lost, load_settings(given.lost_process), HeldClock(given.now), given.terms))
    with pytest.raises(RetryLater) as caught:
        source.fetch(None)
    assert len(str(caught.value)) > 20
    source.close()


def test_it_may_be_closed_twice_and_unused(kind: type[Source], served: World, tmp_path: Path) -> None:
    with hearing(kind, served, tmp_path) as unused:
        unused.close()
    with hearing(kind, served, tmp_path) as source:
        source.fetch(None)
        source.close()


def test_it_is_documented_with_each_of_its_settings(kind: type[Source]) -> None:
    section = re.search(rf"^## .*`{kind.kind}`.*?(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    assert section, f"docs/sources.md has no section with `{kind.kind}` in its heading"
    for asked in kind.fields:
        assert f"`{asked.name}`" in section[0]


def test_the_columns_of_an_import_are_documented() -> None:
    for column in COLUMNS:
        assert f"`{column}`" in GUIDE


def test_an_unknown_kind_is_named_with_those_that_there_are() -> None:
    with pytest.raises(BadInput, match=r"no source of kind 'telegraph'; there are: bluesky, .*hackernews"):
        load("telegraph")
