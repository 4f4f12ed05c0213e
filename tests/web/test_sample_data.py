"""The sample that ships with the package: complete, consistent, and free of anything that leads to somebody real."""

import itertools
import json
import re
import string
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.types import SENTIMENTS
from listener.query.match import Post, matches
from listener.query.parse import parse

SAMPLE = Path(__file__).parents[2] / "web" / "sample"
COLUMNS = {"platform", "id", "author", "text", "created_at"}
OPTIONAL = {"url", "author_name", "followers", "reply_to", "lang", "likes", "reposts", "replies"}
PLATFORMS = {"bluesky", "mastodon", "x", "reddit", "hackernews", "youtube", "feed", "email"}
LONGEST_TEXT = {"x": 280, "bluesky": 300, "mastodon": 500}
BERLIN = ZoneInfo("Europe/Berlin")

Item = dict[str, Any]


def _lines(name: str) -> list[Item]:
    return [json.loads(line) for line in (SAMPLE / name).read_text(encoding="utf-8").splitlines()]


def _day(item: Item) -> date:
    return datetime.fromisoformat(item["created_at"]).astimezone(BERLIN).date()


def _key(item: Item) -> tuple[str, str]:
    return item["platform"], item["id"]


@pytest.fixture(scope="module")
def brand() -> Item:
    loaded: Item = json.loads((SAMPLE / "brand.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def playbook() -> list[Item]:
    loaded: list[Item] = json.loads((SAMPLE / "playbook.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return _lines("mentions.jsonl")


@pytest.fixture(scope="module")
def expected() -> list[Item]:
    return _lines("expected.jsonl")


@pytest.fixture(scope="module")
def own(brand: Item) -> set[tuple[str, str]]:
    return {(account["platform"], account["handle"]) for account in brand["own_accounts"]}


def _is_own(item: Item, own: set[tuple[str, str]]) -> bool:
    return (item["platform"], item["author"].casefold()) in own


def test_every_line_has_the_columns_of_import(items: list[Item]) -> None:
    assert 330 <= len(items) <= 380
    for item in items:
        assert set(item) >= COLUMNS
        assert set(item) <= COLUMNS | OPTIONAL
        assert all(item[column].strip() for column in COLUMNS)
        assert len(item["text"]) <= LONGEST_TEXT.get(item["platform"], 2_000)
    assert {item["platform"] for item in items} == PLATFORMS


def test_ids_are_unique_and_times_sorted_within_two_weeks(items: list[Item]) -> None:
    assert len({_key(item) for item in items}) == len(items)
    times = [datetime.fromisoformat(item["created_at"]) for item in items]
    assert all(time.utcoffset() is not None for time in times)
    assert times == sorted(times)
    assert len({_day(item) for item in items}) == 14
    assert (_day(items[0]), _day(items[-1])) == (date(2026, 11, 7), date(2026, 11, 20))


def test_every_parent_is_an_earlier_item_of_the_same_platform(items: list[Item]) -> None:
    heard: set[tuple[str, str]] = set()
    for item in items:
        if "reply_to" in item:
            assert (item["platform"], item["reply_to"]) in heard, item["id"]
        heard.add(_key(item))
    assert sum("reply_to" in item for item in items) >= 50


def test_the_brand_speaks_and_asks(brand: Item, items: list[Item], own: set[tuple[str, str]]) -> None:
    assert set(brand) == {"slug", "name", "timezone", "own_accounts", "queries", "topics"}
    assert ZoneInfo(brand["timezone"]).key == "Europe/Berlin"
    assert {platform for platform, _ in own} == PLATFORMS
    assert all(handle == handle.casefold().lstrip("@") for _, handle in own)
    assert sum(_is_own(item, own) for item in items) >= 10
    names = [query["name"] for query in brand["queries"]]
    assert len(names) == len(set(names)) >= 3


def test_the_queries_find_every_first_post_but_two_about_the_plant(
    brand: Item, items: list[Item], own: set[tuple[str, str]]
) -> None:
    queries = [parse(query["text"]) for query in brand["queries"]]
    missed = []
    for item in items:
        if "reply_to" in item or item["platform"] == "email" or _is_own(item, own):
            continue  # these come with their thread, from the brand's mailbox, or are nobody's mention
        post = Post(item["text"], author=item["author"], lang=item.get("lang"), platform=item["platform"])
        if not any(matches(query, post) for query in queries):
            missed.append(item["text"])
    assert len(missed) == 2
    assert all(re.search("lawn|meadow", text) for text in missed)


def test_people_write_in_many_languages(items: list[Item]) -> None:
    spoken = Counter(item["lang"] for item in items if "lang" in item)
    assert set(spoken) >= {"en", "de", "es", "fr", "it", "pt", "ja", "ar"}
    assert 0.08 <= sum(spoken.values()) / len(items) - spoken["en"] / len(items) <= 0.2


def test_the_outage_starts_sparse_swells_within_hours_and_calms(items: list[Item], expected: list[Item]) -> None:
    complaints = {_key(label) for label in expected if label["complaint"]}
    per_day = Counter(_day(item) for item in items if _key(item) in complaints)
    before, start, peak, after, last = (per_day[date(2026, 11, day)] for day in (15, 16, 17, 18, 20))
    assert before < start < after < peak
    assert last < after
    assert peak >= 3 * after
    morning = datetime(2026, 11, 17, 9, tzinfo=BERLIN)
    hours = (datetime.fromisoformat(item["created_at"]) - morning for item in items if _key(item) in complaints)
    assert sum(timedelta(0) <= passed < timedelta(hours=4) for passed in hours) >= 24


def test_one_post_with_a_large_audience_spreads(items: list[Item]) -> None:
    spread = max(items, key=lambda item: int(item.get("reposts", 0)))
    assert (spread["followers"], spread["lang"], _day(spread)) == (48_000, "en", date(2026, 11, 17))
    assert spread["likes"] > 2_000
    assert sum(item.get("reply_to") == spread["id"] for item in items) >= 4


def test_the_giveaway_is_a_harmless_surge(items: list[Item], expected: list[Item]) -> None:
    labels = {_key(label): label for label in expected}
    giveaway = [item for item in items if _day(item) == date(2026, 11, 11)]
    judged = [labels[_key(item)] for item in giveaway if _key(item) in labels]
    assert len(giveaway) >= 2 * sum(_day(item) == date(2026, 11, 10) for item in items)
    assert sum(label["sentiment"] == "positive" for label in judged) > 0.6 * len(judged)
    assert sum(label["complaint"] for label in judged) <= 3


def test_some_people_complain_three_times(items: list[Item], expected: list[Item]) -> None:
    complaints = {_key(label) for label in expected if label["complaint"]}
    authors = Counter((item["platform"], item["author"]) for item in items if _key(item) in complaints)
    assert sum(count >= 3 for count in authors.values()) >= 4


@pytest.mark.parametrize(
    "trap",
    [
        "<script>",
        "<!channel>",
        "=HYPERLINK(",
        "\u202e",
        "\u200b",
        "Ignore all previous instructions",
        "\u0336",
        "@example.com",
        "+49 30 23125",
        "4111 1111 1111 1111",
    ],
)
def test_hostile_and_private_text_is_there_to_be_handled(items: list[Item], trap: str) -> None:
    assert any(trap in item["text"] for item in items)


def test_a_display_name_fills_300_characters(items: list[Item]) -> None:
    assert max(len(item.get("author_name", "")) for item in items) == 300


def test_invisible_characters_are_escaped_in_the_files() -> None:
    for name in ("mentions.jsonl", "expected.jsonl", "playbook.json", "brand.json"):
        assert not re.search(
            "[\u200b-\u200c\u200e-\u200f\u202a-\u202e\u2066-\u2069]", (SAMPLE / name).read_text("utf-8")
        )


def test_nothing_leads_to_a_real_place(items: list[Item]) -> None:
    for item in items:
        if "url" in item:
            assert re.match(r"https://[a-z.]+\.example/", item["url"])
        for host in re.findall(r"[\w-]+\.(?:com|net|org|io|de|eu|co)\b", item["text"]):
            assert host == "example.com"
        if item["platform"] == "email":
            assert item["author"].endswith(("@example.com", ".example"))


@pytest.mark.parametrize(("platform", "longest"), [("x", 15), ("reddit", 20), ("hackernews", 15)])
def test_account_names_cannot_belong_to_somebody(items: list[Item], platform: str, longest: int) -> None:
    assert all(len(item["author"]) > longest for item in items if item["platform"] == platform)


def test_labels_cover_exactly_the_english_mentions(
    items: list[Item], expected: list[Item], own: set[tuple[str, str]]
) -> None:
    labelled = [_key(label) for label in expected]
    foreign = {"de", "es", "fr", "it", "pt", "ja", "ar"}
    english = [_key(item) for item in items if item.get("lang") not in foreign and not _is_own(item, own)]
    assert [key for key in english if key not in set(labelled)] == []
    assert len(labelled) == len(set(labelled))
    assert set(labelled) <= set(english)
    for label in expected:
        assert set(label) == {"platform", "id", "complaint", "sentiment", "note"}
        assert isinstance(label["complaint"], bool)
        assert label["sentiment"] in SENTIMENTS
        assert label["note"].strip()


def test_the_mix_is_that_of_a_real_brand(expected: list[Item]) -> None:
    complaints = sum(label["complaint"] for label in expected) / len(expected)
    praise = sum(label["sentiment"] == "positive" for label in expected) / len(expected)
    polite = sum(label["complaint"] and label["sentiment"] == "neutral" for label in expected)
    insults = sum(not label["complaint"] and label["sentiment"] == "negative" for label in expected)
    assert 0.3 <= complaints <= 0.45
    assert 0.2 <= praise <= 0.35
    assert polite >= 5
    assert insults >= 5


def test_approved_replies_are_complete(playbook: list[Item]) -> None:
    assert len(playbook) >= 20
    names = [entry["name"] for entry in playbook]
    assert len(names) == len(set(names))
    assert {entry["language"] for entry in playbook} == {"en", "de", "es", "fr"}
    for entry in playbook:
        assert set(entry) == {"name", "text", "tags", "language", "platform", "about"}
        assert entry["tags"]
        assert entry["platform"] in PLATFORMS | {None}
        assert entry["about"].endswith(".")


def test_approved_replies_fit_280_characters_once_filled(playbook: list[Item], brand: Item) -> None:
    filling = {"name": "N" * 30, "brand": brand["name"], "agent": "A" * 12, "link": "L" * 23, "status": "S" * 100}
    for entry in playbook:
        used = {field for _, field, _, _ in string.Formatter().parse(entry["text"]) if field is not None}
        assert used <= set(filling), entry["name"]
        assert {"name", "agent"} <= used
        assert len(entry["text"].format(**filling)) <= 280, entry["name"]


def test_approved_replies_promise_no_compensation_and_blame_nobody(playbook: list[Item]) -> None:
    risky = re.compile(
        r"compensat|voucher|discount|free of charge|gutschein|rabatt|kostenlos|descuento|your fault", re.I
    )
    for entry in playbook:
        assert not risky.search(entry["text"]), entry["name"]


def test_the_readme_says_that_all_is_invented(items: list[Item], playbook: list[Item]) -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert "Everything in this folder is invented" in readme
    assert "Apache-2.0" in readme
    assert f"{len(items)} items" in readme
    assert f"{len(playbook)} approved replies" in readme


def test_readings_end_with_what_the_post_says_and_never_sink(items: list[Item]) -> None:
    posts = {_key(item): item for item in items}
    for post in json.loads((SAMPLE / "readings.json").read_text(encoding="utf-8")):
        item, read = posts[_key(post)], post["read"]
        assert read[-1][1:] == [item.get("likes", 0), item.get("reposts", 0), item.get("replies", 0)]
        assert all(list(one) <= list(other) for one, other in itertools.pairwise(read))
        age = max(datetime.fromisoformat(one["created_at"]) for one in items)
        assert timedelta(minutes=read[-1][0]) < age - datetime.fromisoformat(item["created_at"])
