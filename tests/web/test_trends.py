"""Trends: every figure against rows counted by hand, on the brand's own clock; every point leads to its mentions."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from core import roles
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import (
    Author,
    Brand,
    Case,
    Counted,
    Gap,
    HourCount,
    Incident,
    Mention,
    Ripple,
    Topic,
    WordCount,
)
from sentiment.accuracy import Share
from tests.web.stories import add_brand, add_source, add_user
from tests.web.test_browser import Site, browser, page, screen, site
from tests.web.visitor import Visitor, words
from web.insight import charts, figures, period
from web.insight.charts import Chart, Line
from web.insight.period import Period
from web.queries import care, trends

__all__ = ["browser", "page", "screen", "site"]  # fixtures

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")


def brand_id(runtime: Runtime, name: str = "Hawkweed", **values: Any) -> int:
    slug = add_brand(runtime, name)
    with runtime.db.write() as db:
        row = db.scalars(select(Brand).where(Brand.slug == slug)).one()
        for field, value in values.items():
            setattr(row, field, value)
        return row.id


def count(
    runtime: Runtime, brand: int, hour: datetime, mentions: int, dimension: str = "all", value: str = "", **of: int
) -> None:
    """One hour's count; what is not said is neutral."""
    rest = mentions - sum(of.get(kind, 0) for kind in ("negative", "positive"))
    with runtime.db.write() as db:
        db.add(
            HourCount(
                **{"brand_id": brand, "hour": hour, "mentions": mentions, "dimension": dimension, "value": value}
                | {"neutral": rest}
                | of
            )
        )


def days_of(runtime: Runtime, brand: int, mentions: int, of: range, **kinds: int) -> None:
    """So many mentions at noon (UTC) of each of these days before today."""
    for day in of:
        count(runtime, brand, NOW - timedelta(days=day), mentions, "all", "", **kinds)


def figure(page_: str, name: str) -> tuple[str, str]:
    """A headline figure and its change."""
    found = re.search(
        rf'<dt>{name}</dt>\s*<dd class="value">(.*?)</dd>\s*<dd class="change"[^>]*>(.*?)</dd>', page_, re.DOTALL
    )
    assert found, name
    return re.sub(r"<[^>]+>", "", found[1]).strip(), unescape(found[2]).strip()


def test_days_are_the_brands_own_also_when_its_clocks_change() -> None:
    autumn = Period(date(2026, 10, 24), 3, NOW, BERLIN)
    assert [(one.end - one.start) / HOUR for one in autumn.buckets] == [24, 25, 24]
    assert autumn.start == datetime(2026, 10, 23, 22, tzinfo=UTC)
    spring = Period(date(2026, 3, 29), 1, NOW, BERLIN, hourly=True)
    assert len(spring.buckets) == 23


def test_where_a_zone_is_half_an_hour_off_an_hour_belongs_to_the_day_in_which_it_begins() -> None:
    day = Period(date(2026, 11, 19), 1, NOW, ZoneInfo("Asia/Kolkata"))
    assert day.start == datetime(2026, 11, 18, 19, tzinfo=UTC)  # 00:30 there
    assert (day.end - day.start) / HOUR == 24


def test_a_period_that_still_goes_on_is_held_against_as_much_of_the_one_before() -> None:
    week = period.chosen({"period": "7"}, "Europe/Berlin", NOW - timedelta(days=22))  # 29 October, after the change
    assert (week.first, week.last, week.unfinished) == (date(2026, 10, 23), date(2026, 10, 29), True)
    before = week.earlier(7)
    assert (before.first, before.end) == (date(2026, 10, 16), datetime(2026, 10, 22, 12, tzinfo=UTC))
    assert before.end.astimezone(BERLIN).hour == week.end.astimezone(BERLIN).hour == 14


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-11-1x", "2026-11-02", "from: say a day"),
        ("2026-11-10", "2026-11-02", "to: the last day is before"),
        ("2027-11-10", "2027-11-12", "from: this day is still to come"),
        ("2020-11-10", "2026-11-12", "from: at most 731 days"),
        ("0001-01-01", "2026-11-12", "from: nothing is known"),
    ],
)
def test_a_period_that_cannot_be_looked_at_is_said(manager: Visitor, first: str, last: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        period.chosen({"period": "custom", "from": first, "to": last}, "UTC", NOW)
    brand_id(manager.runtime)
    asked = f"period=custom&from={first}&to={last}"
    answer = manager.get(f"/trends/hawkweed?{asked}")
    assert answer.status_code == 422
    assert said in words(answer)
    assert manager.get(f"/trends/hawkweed/mentions.csv?{asked}").status_code == 400


def test_counts_fall_into_the_local_day_on_either_database(runtime: Runtime) -> None:
    brand = brand_id(runtime)
    for hour, mentions in ((21, 1), (22, 2), (23, 4)):  # summer: the local day of the 25th begins at 22:00 UTC
        count(runtime, brand, datetime(2026, 10, 24, hour, tzinfo=UTC), mentions, negative=1)
    for hour, mentions in ((22, 8), (23, 16)):  # winter: the 26th begins at 23:00 UTC
        count(runtime, brand, datetime(2026, 10, 25, hour, tzinfo=UTC), mentions)
    count(runtime, brand, datetime(2026, 10, 25, 22, tzinfo=UTC), 3, "platform", "bluesky")
    three = Period(date(2026, 10, 24), 3, NOW, BERLIN)
    with runtime.db.read() as db:
        whole = trends.counted(db, [brand], three, since=three.start - timedelta(days=30))[brand]
        narrowed = trends.counted(db, [brand], three, ("platform", "bluesky"))[brand]
        assert [one.mentions for one in trends.aligned(whole, three)] == [1, 14, 16]
        assert [one.mentions for one in trends.aligned(narrowed, three)] == [0, 3, 0]
        assert trends.total(db, [brand], three.start, three.end, trends.ALL)[brand].negative == 3
        assert trends.since_when(db, brand) == datetime(2026, 10, 24, 21, tzinfo=UTC)
        hours = Period(date(2026, 10, 25), 1, NOW, BERLIN, hourly=True)
        by_hour = trends.aligned(trends.counted(db, [brand], hours)[brand], hours)
    assert len(by_hour) == 25
    assert [one.mentions for one in by_hour if one.mentions] == [2, 4, 8]


def test_the_headline_holds_the_period_against_the_one_before(manager: Visitor) -> None:
    brand = brand_id(manager.runtime)
    days_of(manager.runtime, brand, 100, range(7), negative=30, complaints=20, positive=10)
    days_of(manager.runtime, brand, 80, range(7, 20), negative=20, complaints=8)
    page_ = manager.get("/trends/hawkweed?period=7").text
    assert figure(page_, "Mentions") == ("700", "+25 %")
    assert figure(page_, "Complaints") == ("20 %", "+10.0 points")
    assert figure(page_, "Negative") == ("30 %", "+5.0 points")
    assert "14 Nov 2026 to 20 Nov 2026, so far, against 7 Nov 2026 to 13 Nov 2026 up to the same time." in words(
        manager.get("/trends/hawkweed?period=7")
    )


def test_nothing_is_made_of_too_little(manager: Visitor) -> None:
    brand_id(manager.runtime)
    assert "Nothing was counted of Hawkweed yet." in words(manager.get("/trends/hawkweed"))
    count(manager.runtime, 1, NOW - HOUR, 1, negative=1, complaints=1)
    answer = manager.get("/trends/hawkweed")
    assert figure(answer.text, "Mentions") == ("1", "nothing to compare with")
    assert figure(answer.text, "Complaints") == ("1 of 1", "too few to say: 1")
    assert "Counted since 20 Nov 2026, so there is nothing to compare with yet" in words(answer)
    assert "First reply" not in words(answer)


def test_a_share_changes_only_where_chance_does_not_explain_it() -> None:
    assert figures.change_of_share(Share(30, 100), Share(25, 100)).words == "no clear change"
    assert figures.change_of_share(Share(300, 1000), Share(200, 1000), less_is_better=True) == figures.Change(
        "+10.0 points", "worse"
    )
    assert figures.change_of_share(Share(3, 10), Share(200, 1000)).words == "too few to say: 10"
    assert figures.change_of_count(5, 19).words == "19 before"
    assert figures.change_of_count(15, 30, less_is_better=True) == figures.Change("−50 %", "better")


def test_what_rises_is_found_by_log_odds_with_a_prior() -> None:
    found = figures.movers({"checkout": 60, "tent": 20, "rare": 2}, 1000, {"checkout": 20, "tent": 22}, 1000)
    [one] = found  # the others are no more than chance, or too few
    # prior 100 x 80 / 2000 = 4: log(64 / (940 + 96)) - log(24 / (980 + 96)) over sqrt(1/64 + 1/24)
    assert (one.name, one.now, one.before) == ("checkout", 60, 20)
    assert one.times == pytest.approx((64 / 1100) / (24 / 1100))
    assert one.surely == pytest.approx(4.256, abs=0.01)
    assert figures.movers({"checkout": 10}, 10, {}, 1000) == []


def test_the_usual_is_what_came_on_the_same_weekday_of_eight_weeks_but_for_the_oddest(manager: Visitor) -> None:
    brand, runtime = brand_id(manager.runtime), manager.runtime
    for week, mentions in enumerate((50, 10, 12, 11, 13, 14, 900, 15), 1):
        count(runtime, brand, NOW - timedelta(days=7 * week), mentions)
    today = Period(NOW.date(), 1, NOW, BERLIN)
    with runtime.db.read() as db:
        found = trends.counted(db, [brand], today, since=today.start - timedelta(weeks=9))[brand]
    assert trends.usual(found, today, NOW - timedelta(days=60)) == [(11, 50)]
    assert trends.usual(found, today, NOW - timedelta(days=20)) == [None]


def test_words_and_topics_that_rise_are_listed_and_lead_on(manager: Visitor) -> None:
    brand, runtime = brand_id(manager.runtime), manager.runtime
    days_of(runtime, brand, 100, range(60))
    with runtime.db.write() as db:
        topic = Topic(brand_id=brand, name="Check <out>", query="checkout", created_at=NOW)
        db.add(topic)
        db.flush()
        for day in range(60):
            risen = 20 if day < 7 else 5
            hour = NOW - timedelta(days=day)
            db.add(WordCount(brand_id=brand, day=hour.date(), word="zahlung", mentions=risen))
            db.add(WordCount(brand_id=brand, day=hour.date(), word="zelt", mentions=9))
            db.add(HourCount(brand_id=brand, dimension="topic", value=str(topic.id), hour=hour, mentions=risen))
    assert 'hx-get="/trends/hawkweed/moving?period=7"' in manager.get("/trends/hawkweed?period=7").text
    page_ = words(manager.get("/trends/hawkweed/moving?period=7"))
    assert "Word Now Before As often zahlung 140 35 ×" in page_
    assert "Topic Now Before As often Check <out> 140 35 ×" in page_
    assert "zelt" not in page_
    assert "zahlung,140,35," in manager.get("/trends/hawkweed/words.csv?period=7").text
    href = re.search(
        r'href="(/trends/hawkweed/mentions[^"]+word=zahlung)"', manager.get("/trends/hawkweed/moving?period=7").text
    )
    assert href
    assert "140 mentions with “zahlung”" in words(manager.get(unescape(href[1])))


def test_voices_are_shares_of_all_that_was_said_of_the_brands(manager: Visitor) -> None:
    runtime = manager.runtime
    ours, theirs = brand_id(runtime), brand_id(runtime, "=Kestrel", competitor=True)
    days_of(runtime, ours, 30, range(7), negative=20)
    days_of(runtime, theirs, 90, range(7), negative=20, positive=10)
    days_of(runtime, ours, 30, range(7, 14))
    days_of(runtime, theirs, 30, range(7, 14))
    answer = manager.get("/trends/hawkweed?period=7")
    assert figure(answer.text, "Share of voice") == ("25 %", "−25.0 points")
    assert "Hawkweed 210 25 % 50 % 0 % 67 %" in words(answer)
    assert "=Kestrel 630 75 % 50 % 100 % 22 %" in words(answer)
    head, *rows = manager.get("/trends/hawkweed/voice.csv?period=7").text.splitlines()
    assert head == "from,to,Hawkweed,'=Kestrel"
    assert rows[0] == "2026-11-14T00:00:00+01:00,2026-11-15T00:00:00+01:00,0.25,0.75"
    assert "'=Kestrel,630,140,70,210" in manager.get("/trends/hawkweed/voices.csv?period=7").text


def test_it_can_be_narrowed_to_a_platform(manager: Visitor) -> None:
    brand, runtime = brand_id(manager.runtime), manager.runtime
    days_of(runtime, brand, 50, range(7))
    count(runtime, brand, NOW, 31, "platform", "bluesky")
    answer = manager.get("/trends/hawkweed?period=7&only=platform:bluesky")
    assert figure(answer.text, "Mentions")[0] == "31"
    assert '<option value="platform:bluesky" selected>' in answer.text
    assert figure(manager.get("/trends/hawkweed?period=7&only=nothing:x").text, "Mentions")[0] == "350"


def add_counted(runtime: Runtime, brand: int, hour: datetime, number: int, **values: Any) -> int:
    """A mention as it stands in the counts."""
    with runtime.db.write() as db:
        author = Author(platform="bluesky", native_id=f"did:{number}", handle=f"ana{number}")
        db.add(author)
        db.flush()
        said = {"platform": "bluesky", "author_id": author.id, "created_at": hour, "heard_at": hour}
        mention = Mention(native_id=f"p{number}", text=f"Post {number} <b>", **said)
        db.add(mention)
        db.flush()
        fixed = {"platform": "bluesky", "language": "en", "sentiment": "negative", "complaint": True}
        db.add(Counted(**{"mention_id": mention.id, "brand_id": brand, "hour": hour} | fixed | values))
        return mention.id


def test_a_point_leads_to_as_many_mentions_as_it_counts_save_those_deleted(manager: Visitor) -> None:
    brand, runtime = brand_id(manager.runtime), manager.runtime
    hour = NOW - timedelta(days=2)
    count(runtime, brand, hour, 4, negative=3, complaints=3)
    first = [add_counted(runtime, brand, hour, number) for number in range(3)]
    add_counted(runtime, brand, hour, 3, sentiment="neutral", complaint=False)
    add_counted(runtime, brand, hour - timedelta(days=1), 4)
    page_ = manager.get("/trends/hawkweed?period=7").text
    points = re.findall(r'<td><a href="([^"]+)">4</a>', page_.split('id="chart-sentiment"')[0])
    [point] = map(unescape, points)
    assert "4 mentions" in words(manager.get(point))
    assert manager.get(point).text.count("Post ") == 4
    negative = manager.get(f"{point}&sentiment=negative")
    assert "3 negative mentions Written from 18 Nov 2026, 00:00 CET to 19 Nov 2026, 00:00 CET." in words(negative)
    assert "Post 3" not in words(negative)
    with runtime.db.write() as db:
        db.get_one(Mention, first[0]).deleted_at = NOW
    assert "1 of them was deleted since" in words(manager.get(f"{point}&complaint=yes"))
    assert "Post 0" not in words(manager.get(point))


@pytest.mark.parametrize("word", ["zahlung", 'a"b', "größe%", "جدا"])
def test_mentions_with_a_word_or_topic_are_found_on_either_database(runtime: Runtime, word: str) -> None:
    from web.queries import trend_rows  # noqa: PLC0415

    brand = brand_id(runtime)
    wanted = add_counted(runtime, brand, NOW, 1, words=[word, "other"], topics=["12"])
    add_counted(runtime, brand, NOW, 2, words=[f"{word}s", "g"], topics=["1", "2"])
    span = (NOW - HOUR, NOW + HOUR)
    with runtime.db.read() as db:
        for point in (
            trend_rows.Point(brand, *span, word=word),
            trend_rows.Point(brand, *span, "topic", "12", sentiment="negative", complaint=True),
        ):
            assert [row.Mention.id for row in trend_rows.behind(db, point, 0).rows] == [wanted]


def add_cases(runtime: Runtime, brand: int, *rows: dict[str, Any]) -> None:
    """Complaints that were opened at nine on Thursday (Berlin), each with what is said otherwise."""
    opened = datetime(2026, 11, 19, 8, tzinfo=UTC)
    with runtime.db.write() as db:
        author = Author(platform="x", native_id="a", handle="a")
        db.add(author)
        db.flush()
        for number, row in enumerate(rows):
            said = {"platform": "x", "author_id": author.id, "created_at": opened, "heard_at": opened}
            mention = Mention(native_id=f"c{number}", text=f"Case {number}", **said)
            db.add(mention)
            db.flush()
            fixed = {"mention_id": mention.id, "brand_id": brand, "permission": "api", "permission_why": ""}
            about = {"kind": "complaint", "platform": "x", "opened_at": opened, "changed_at": opened}
            minutes = {name: row.pop(name) for name in ("first_reply_at", "resolved_at", "due_at") if name in row}
            times = {name: opened + timedelta(minutes=value) for name, value in minutes.items()}
            db.add(Case(**fixed | about | times | row))


def test_answers_are_timed_in_open_hours_on_either_database(runtime: Runtime) -> None:
    hours = {"thu": ["09:00", "17:00"], "fri": ["09:00", "17:00"]}
    brand = brand_id(runtime, hours=hours)
    add_cases(
        runtime,
        brand,
        {"first_reply_at": 30, "due_at": 60, "resolved_at": 60, "followers": 99, "outcome": "better"},
        {"first_reply_at": 24 * 60, "due_at": 60, "followers": 100, "outcome": "worse"},  # eight open hours
        {"first_reply_at": 10 * 60, "due_at": 60, "followers": 10_000, "platform": "reddit"},  # at night: eight again
        {"due_at": 60, "followers": 9_999},
        {"due_at": 10_000},  # not due yet
        {"kind": "praise", "first_reply_at": 5},
        {"kind": "praise"},
        {"state": "dismissed"},
    )
    day = Period(date(2026, 11, 19), 1, NOW, BERLIN)
    with runtime.db.read() as db:
        row = db.get_one(Brand, brand)
        found = care.care(db, row, day.start, day.end, NOW)
    only, complaints = found.of_platform("reddit"), found.complaints
    platforms, audiences = care.by_platform(complaints), care.by_audience(complaints)
    assert found.cases == 7
    assert found.replies.cases == 4
    assert found.replies.median == pytest.approx((30 + 480) / 2 * 60)
    assert found.resolutions == care.Times(1, 3600.0, 3600.0)
    assert found.in_target == Share(1, 4)
    assert found.answered == Share(3, 5)
    assert found.recovered == Share(1, 2)
    assert found.thanked == Share(1, 2)
    assert only.answered == Share(1, 1)
    assert platforms == {"x": Share(2, 4), "reddit": Share(1, 1)}
    assert audiences == {
        "small": Share(1, 1),
        "middle": Share(1, 1),
        "large": Share(0, 1),
        "huge": Share(1, 1),
        "unknown": Share(0, 1),
    }


def test_how_complaints_were_answered_leads_to_their_cases(manager: Visitor) -> None:
    brand, runtime = brand_id(manager.runtime), manager.runtime
    count(runtime, brand, NOW, 1)
    replied = {"first_reply_at": 30, "due_at": 60, "followers": 40}
    add_cases(runtime, brand, *(dict(replied) for _ in range(25)), {"followers": 40_000, "platform": "reddit"})
    answer = manager.get("/trends/hawkweed?period=7")
    assert figure(answer.text, "First reply") == ("30 min", "nothing to compare with")
    assert figure(answer.text, "In target") == ("100 %", "nothing to compare with")
    assert figure(answer.text, "Answered")[0] == "96 %"
    assert "X 100 % 25 of 25" in words(answer)
    assert "Reddit too few to say 0 of 1" in words(answer)
    assert "10,000 and more too few to say 0 of 1" in words(answer)
    [href] = re.findall(r'<a href="([^"]+audience=huge)"', answer.text)
    listed = words(manager.get(unescape(href)))
    assert "1 case · complaint" in listed
    assert "Case 25" in listed
    assert "followers,under 100 followers,25,25" in manager.get("/trends/hawkweed/answered.csv?period=7").text
    assert "25 cases · complaint · X" in words(
        manager.get("/trends/hawkweed/cases?from=2026-11-01T00&to=2026-12-01T00&kind=complaint&platform=x")
    )


def test_what_happened_stands_on_the_curve_and_leads_on(manager: Visitor) -> None:
    brand, runtime = brand_id(manager.runtime), manager.runtime
    days_of(runtime, brand, 50, range(7))
    source_id, whole = add_source(runtime, "feed", "Our <feed>"), add_source(runtime, "feed", "Whole")
    then = NOW - timedelta(days=2)
    ripple = {"dimension": "all", "value": "", "noticed_at": then, "window": 1800, "expected": 6, "score": 0.9}
    with runtime.db.write() as db:
        known = {"began_at": then, "noticed_at": then, "last_at": then, "changed_at": then, "origin": "likeness"}
        incident = Incident(brand_id=brand, name="checkout <fails>", **known)
        db.add_all([incident, Incident(brand_id=brand, name="was none", state="dismissed", **known)])
        db.flush()
        spans: dict[str, Any] = {"since": then - 2 * HOUR, "at": then - HOUR / 2}
        db.add(Ripple(brand_id=brand, kind="mentions", observed=80, sentence="80 mentions, usual 6", **spans, **ripple))
        spans = {"since": then, "at": then, "incident_id": incident.id}
        db.add(Ripple(brand_id=brand, kind="complaints", observed=41, sentence="41 complaints", **spans, **ripple))
        missing: dict[str, Any] = {
            "source_id": source_id,
            "reason": "cut",
            "start": then - 9 * HOUR,
            "end": then - 5 * HOUR,
        }
        db.add_all([Gap(**missing), Gap(**missing | {"source_id": whole, "closed_at": NOW})])
    answer = manager.get("/trends/hawkweed?period=7")
    told = words(answer)
    assert "18 Nov 2026, 13:00 CET checkout <fails> incident" in told
    assert "80 mentions, usual 6 ripple" in told
    assert "Our <feed> may have missed something for 4 h gap" in told
    assert "was none" not in told
    assert "Whole" not in told
    assert f'href="/incidents/{incident.id}">41 complaints' in answer.text
    assert "from=2026-11-18T10&amp;to=2026-11-18T12" in answer.text
    drawn = unescape(re.search(r'id="chart-mentions".*?data-chart="([^"]+)"', answer.text, re.DOTALL)[1])  # type: ignore[index]
    assert '"kind": "incident"' in drawn
    assert '"holes": [[' in drawn


def test_every_chart_is_a_picture_too(manager: Visitor) -> None:
    days_of(manager.runtime, brand_id(manager.runtime), 50, range(7), negative=9)
    for name in ("mentions", "sentiment", "complaints"):
        answer = manager.get(f"/trends/hawkweed/{name}.png?period=7")
        assert answer.data.startswith(b"\x89PNG")
        assert f'filename="hawkweed-{name}-2026-11-14-to-2026-11-20.png"' in answer.headers["Content-Disposition"]
    assert manager.get("/trends/hawkweed/nothing.png").status_code == 404
    assert manager.get("/trends/hawkweed/nothing.csv").status_code == 404
    assert manager.get("/trends/hawkweed/mentions?from=then").status_code == 400


def test_hours_that_come_twice_are_told_apart() -> None:
    night = Period(date(2026, 10, 25), 1, NOW, BERLIN, hourly=True)
    one = Chart("mentions", "Mentions", "", night.buckets, [Line("mentions", "main", [1.0] * 25)], BERLIN, True)
    assert one.labels[2:4] == ["Sun 25 Oct, 02:00 CEST", "Sun 25 Oct, 02:00 CET"]
    assert charts.as_csv(one).splitlines()[3:5] == [
        "2026-10-25T02:00:00+02:00,2026-10-25T02:00:00+01:00,1.0",
        "2026-10-25T02:00:00+01:00,2026-10-25T03:00:00+01:00,1.0",
    ]


def test_each_sees_the_trends_of_their_brands_alone(manager: Visitor) -> None:
    runtime = manager.runtime
    ours, theirs = brand_id(runtime), brand_id(runtime, "Kestrel", competitor=True)
    for brand in (ours, theirs):
        days_of(runtime, brand, 30, range(60))
    beside = words(manager.get("/trends/"))
    assert "Hawkweed Mentions 840 as before" in beside
    assert "Kestrel competitor Mentions 840 as before" in beside
    only = Visitor(manager.client.application, runtime).sign_in("none", "Noa")
    with runtime.db.write() as db:
        roles.give(db, only.user_id, ours, "manager")
    assert "Trends of Hawkweed" in words(only.get("/trends/"))
    assert only.get("/trends/kestrel").status_code == 404
    assert "Kestrel" not in only.get("/trends/hawkweed").text
    assert "Share of voice" not in only.get("/trends/hawkweed").text


@pytest.fixture
def shown(site: Site, page: Page) -> Page:
    brand = brand_id(site.runtime)
    days_of(site.runtime, brand, 50, range(40), negative=9, complaints=5)
    add_user(site.runtime, "Bea", "manager")
    return page


@pytest.mark.browser
@pytest.mark.xdist_group("browser")
def test_charts_are_drawn_and_led_along_by_keyboard(shown: Page) -> None:
    shown.goto("/trends/hawkweed?period=7")
    expect(shown.locator("#chart-mentions canvas")).to_be_visible()
    assert shown.locator(".plot canvas").count() == 3
    shown.locator("#chart-mentions .plot").focus()
    shown.keyboard.press("ArrowRight")
    expect(shown.locator("#chart-mentions .tip")).to_contain_text("Sat 14 Nov")
    expect(shown.locator("#chart-mentions .tip")).to_contain_text("50")
    shown.keyboard.press("Enter")
    expect(shown.locator("h1")).to_have_text("50 mentions")
