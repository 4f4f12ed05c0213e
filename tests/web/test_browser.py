"""The pages in a real browser: the whole way by keyboard, at every width, light and dark. Needs Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from sqlalchemy import select

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Case, Draft, Forgetting, Gap, Reply, User
from responder.outbox import post
from tests.browser import browser as running_browser
from tests.loopback import Answer, Asked, http
from tests.web.serving import serving
from tests.web.stories import add_case, add_source, add_user, case_of
from tests.web.visitor import Visitor
from web.app import create_app
from web.managing.setup import first_link

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

WIDTHS = (1440, 1024, 390)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PASSWORD = "correct horse battery"

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colors) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of ["white", ...colors]) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
      .map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && element.checkVisibility() && !element.closest(":disabled");
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement, grounds = [];
    if (!node.data.trim() || !shown(element)) continue;
    for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
    const pair = [light(grounds), light([...grounds, getComputedStyle(element).color])].sort();
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${element.className}: ${node.data.trim().slice(0, 40)}`);
  }
  return found;
}"""
"""Every text on the page whose contrast to what is behind it is below WCAG AA's 4.5."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@dataclass(frozen=True)
class Site:
    """The pages, served on this machine."""

    runtime: Runtime
    address: str


@pytest.fixture
def site(sqlite_runtime: Runtime) -> Iterator[Site]:
    with serving(create_app(sqlite_runtime)) as address:
        yield Site(sqlite_runtime, address)


@dataclass
class Screen:
    """One window, and what its console complained of."""

    page: Page
    complaints: list[str]


@pytest.fixture
def screen(browser: Browser, site: Site) -> Iterator[Screen]:
    size = {"width": 1440, "height": 900}
    context = browser.new_context(base_url=site.address, viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if _matters(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield Screen(page, complaints)
    context.close()


def _matters(message: ConsoleMessage) -> bool:
    """Whether the console tells of a mistake of ours; an answer such as "not found" is none."""
    return message.type == "error" and "the server responded with a status of 4" not in message.text


@pytest.fixture
def page(screen: Screen, site: Site) -> Iterator[Page]:
    """The window of an admin who has just signed up."""
    link = first_link(site.runtime)
    assert link
    screen.page.goto("/setup/" + link.rpartition("/")[2])
    screen.page.get_by_label("Your name").fill("Ana")
    screen.page.get_by_label("Password").fill(PASSWORD)
    screen.page.get_by_role("button", name="Create my account").click()
    screen.page.wait_for_url("**/guide/brand")
    yield screen.page
    assert screen.complaints == []


def _colleague(browser: Browser, site: Site, name: str) -> Page:
    """The window of somebody else who has signed in."""
    other = Visitor(create_app(site.runtime), site.runtime).sign_in("agent", name)
    cookie = other.client.get_cookie(str(other.client.application.config["SESSION_COOKIE_NAME"]))
    assert cookie is not None
    context = browser.new_context(base_url=site.address)
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site.address}])
    return context.new_page()


def test_by_keyboard_from_the_list_to_one_reply_sent_once(page: Page, site: Site, clock: HeldClock) -> None:
    add_case(site.runtime, "Not so urgent", priority=20)
    case_id = add_case(
        site.runtime, "Three weeks!", priority=90, drafts=("So sorry, {name}.", "We are looking for it.")
    )
    page.goto("/")
    page.keyboard.press("j")
    expect(page.locator("#case .post.main")).to_contain_text("Three weeks!")
    assert page.url.endswith(f"/cases/{case_id}")
    page.keyboard.press("2")
    box = page.locator("#text")
    expect(box).to_have_value("We are looking for it.")
    expect(box).to_be_focused()
    expect(page.locator("#check")).to_contain_text("Draft saved")
    page.keyboard.press("End")
    page.keyboard.type(" Ana")
    expect(page.locator("#check output")).to_have_text("26 / 300")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#case")).to_contain_text("Waiting to send")
    expect(page.locator(f"#row-{case_id} .state")).to_have_text("Waiting to send")
    expect(page.locator(".side .count-todo")).to_have_text("1")
    expect(page.locator(".side .count-sending")).to_have_text("1")
    assert post.work(site.runtime) == 0
    clock.advance(10)
    assert post.work(site.runtime) == 1
    expect(page.locator("#case .state")).to_have_text("Sent")
    [line] = site.runtime.settings.outbox.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"] == "We are looking for it. Ana"
    with site.runtime.db.read() as db:
        assert db.scalars(select(Reply)).one().sent_at is not None


def test_the_reply_box_is_held_kept_warned_about_undone_and_taken_over(
    page: Page, site: Site, browser: Browser, clock: HeldClock
) -> None:
    case_id = add_case(site.runtime, "Three weeks!", drafts=("Here is a refund of 20 EUR.",))
    page.goto(f"/cases/{case_id}")
    page.keyboard.press("1")
    expect(page.locator("#check")).to_contain_text("offers money in public")
    page.keyboard.press("Control+a")
    page.keyboard.type("Sorry! We are looking for it.")
    expect(page.locator("#check output")).to_have_text("29 / 300")
    expect(page.locator("#others")).to_contain_text("You had typed")
    ben = _colleague(browser, site, "Ben")
    ben.goto(f"/cases/{case_id}")
    expect(ben.locator("#held")).to_contain_text("Ana is answering this, since")
    expect(ben.locator("#others")).to_contain_text("Ana had typed")
    ben.goto("/")
    expect(ben.locator(f"#row-{case_id} .held")).to_have_text("Ana")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".countdown")).to_contain_text("Goes out in")
    page.keyboard.press("u")
    expect(page.locator("#text")).to_have_value("Sorry! We are looking for it.")
    ben.goto(f"/cases/{case_id}")
    ben.keyboard.press("c")
    ben.keyboard.type("Ana is ill")
    ben.keyboard.press("Enter")
    expect(ben.locator("#case .history")).to_contain_text("Ben took it over: Ana is ill")
    expect(page.locator("#held")).to_contain_text("Ben took it over meanwhile")
    page.locator("#text").press("Control+End")
    page.keyboard.type(" Soon!")
    expect(page.locator("#check")).to_contain_text("Ben is answering this now. Your text is kept as your own.")
    ben.keyboard.press("a")
    ben.keyboard.type("Found it: it comes tomorrow.")
    ben.keyboard.press("Control+Enter")
    expect(ben.locator(".countdown")).to_contain_text("Goes out in")
    clock.advance(10)
    assert post.work(site.runtime) == 1
    [line] = site.runtime.settings.outbox.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"] == "Found it: it comes tomorrow."
    with site.runtime.db.read() as db:
        assert "Sorry! We are looking for it. Soon!" in set(db.scalars(select(Draft.text)))
    ben.context.close()


def test_an_agents_day_by_keyboard_alone(page: Page, site: Site, clock: HeldClock) -> None:
    add_user(site.runtime, "Ben")
    urgent = add_case(site.runtime, "Three weeks!", priority=90, drafts=("Here is a code.", "Sorry! We look into it."))
    other = add_case(site.runtime, "And still nothing", priority=80)
    press, box, check = page.keyboard.press, page.locator("#text"), page.locator("#check")
    page.goto("/")
    press("n")  # next, which is theirs from then on
    page.wait_for_url(f"**/cases/{urgent}")
    expect(page.locator("#case .post.main")).to_contain_text("Three weeks!")  # read
    assert case_of(site.runtime, urgent).owner_id is not None
    press("c")  # let go of it, and claim it
    expect(page.locator(".hands")).to_contain_text("Nobody’s yet")
    press("c")
    expect(page.locator(".hands")).to_contain_text("Yours")
    press("2")  # choose a draft
    expect(box).to_have_value("Sorry! We look into it.")
    expect(box).to_be_focused()
    page.keyboard.type(" You get a refund of 20 EUR.")  # edit, and be warned of it
    expect(check).to_contain_text("offers money in public")
    for _ in range(len(" You get a refund of 20 EUR.")):  # fix it
        press("Backspace")
    expect(check).not_to_contain_text("offers money in public")
    press("Control+Enter")  # approve, undo, approve
    expect(page.locator(".countdown")).to_contain_text("Goes out in")
    press("u")
    expect(box).to_have_value("Sorry! We look into it.")
    press("a")
    press("Control+Enter")
    expect(page.locator(".countdown")).to_contain_text("Goes out in")
    clock.advance(10)
    assert post.work(site.runtime) == 1
    expect(page.locator("#case .state")).to_have_text("Sent")
    [line] = site.runtime.settings.outbox.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"] == "Sorry! We look into it."
    press("n")
    page.wait_for_url(f"**/cases/{other}")
    press("m")  # a note
    page.keyboard.type("Asked the depot.")
    press("Tab")
    press("Enter")
    expect(page.locator(".notes")).to_contain_text("Asked the depot.")
    press("s")  # snooze
    press("Enter")
    expect(page.locator("#case .state")).to_have_text("Snoozed")
    press("h")  # hand over
    page.keyboard.type("Ben")
    press("Tab")
    page.keyboard.type("Ben knows the depot")
    press("Enter")
    expect(page.locator(".hands")).to_contain_text("Ben’s")
    assert case_of(site.runtime, other).state == "snoozed"


def test_dismiss_undo_and_back_by_keyboard_without_moving_the_list(page: Page, site: Site) -> None:
    cases = [add_case(site.runtime, f"Case {number}", priority=90 - number) for number in range(30)]
    page.goto("/")
    for _ in range(20):
        page.keyboard.press("j")
    expect(page.locator("#case .post.main")).to_contain_text("Case 19")
    top = page.locator(".list").evaluate("list => list.scrollTop")
    assert top > 0
    page.keyboard.press("d")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#case .state")).to_have_text("Dismissed")
    page.keyboard.press("z")
    expect(page.locator("#case .state")).to_have_text("New")
    assert case_of(site.runtime, cases[19]).state == "new"
    assert page.locator(".list").evaluate("list => list.scrollTop") == top
    page.go_back()
    expect(page.locator("#case .post.main")).to_contain_text("Case")
    assert page.locator(".list").evaluate("list => list.scrollTop") == top


def test_what_is_typed_survives_whoever_was_faster(page: Page, site: Site) -> None:
    case_id = add_case(site.runtime)
    page.goto(f"/cases/{case_id}")
    page.locator("#text").fill("My answer")
    with site.runtime.db.write() as db:
        db.get_one(Case, case_id).version = 7
    page.get_by_role("button", name="Approve and send").click()
    expect(page.locator("#case [role=alert]")).to_contain_text("Look again before you decide")
    expect(page.locator("#text")).to_have_value("My answer")


def test_what_is_typed_survives_the_end_of_a_session(page: Page, site: Site) -> None:
    page.goto(f"/cases/{add_case(site.runtime)}")
    with site.runtime.db.write() as db:
        db.scalars(select(User)).one().session_key = "signed out everywhere"
    page.locator("#text").fill("My answer")
    expect(page.locator("#alarms")).to_contain_text("You are signed out.")
    expect(page.locator("#text")).to_have_value("My answer")


def test_the_query_is_explained_while_it_is_typed(page: Page) -> None:
    page.get_by_label("Brand", exact=True).fill("Hawkweed")
    page.get_by_role("button", name="Go on to the query").click()
    box = page.get_by_label("Query")
    box.fill("hawkweed -lawn")
    expect(page.locator("#preview")).to_contain_text("Leaves out posts with")
    box.fill("hawkweed (lawn")
    expect(page.locator("#preview mark")).to_be_visible()


def test_a_connection_is_tested_and_nothing_that_was_typed_is_lost(page: Page) -> None:
    def refuse(asked: Asked) -> Answer:
        del asked
        return Answer(401, b'{"error": "The access token was revoked"}')

    with http(refuse) as server:
        page.goto("/sources/new/mastodon")
        page.get_by_label("Server").fill(server.url)
        page.get_by_label("Access token").fill("half-a-token")
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator("#tested")).to_contain_text("The access token was revoked")
    expect(page.get_by_label("Access token")).to_have_value("half-a-token")
    expect(page.get_by_role("button", name="Test connection")).to_be_enabled()
    assert page.url.endswith("/sources/new/mastodon")


def test_the_keys_are_listed_and_do_nothing_while_one_types(page: Page, site: Site) -> None:
    add_case(site.runtime)
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next and previous case")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("jdk?")
    expect(page.get_by_role("searchbox")).to_have_value("jdk?")
    assert page.url.endswith("/")


def test_times_on_a_page_that_stands_open_go_on_by_the_servers_clock(page: Page, site: Site) -> None:
    add_case(site.runtime, minutes_ago=10)
    page.clock.install(time="2020-02-02T02:02:02Z")  # this machine's clock is wrong by years
    page.goto("/")
    row = page.locator(".row")
    expect(row.locator("[data-ago]")).to_have_text("10 min ago")
    page.clock.fast_forward(55 * 60_000)
    expect(row.locator("[data-ago]")).to_have_text("1 h ago")
    expect(row.locator("[data-due]")).to_have_text("5 min overdue")


def test_text_that_is_hard_to_read_would_be_noticed(page: Page) -> None:
    page.goto("/keys")
    page.evaluate("document.querySelector('h2').style.color = '#999'")
    assert "Keyboard" in page.evaluate(CONTRASTS)[0]


def test_without_javascript_a_reply_is_approved_all_the_same(browser: Browser, site: Site, page: Page) -> None:
    case_id = add_case(site.runtime, drafts=("We are looking for it.",))
    state = page.context.storage_state()
    context = browser.new_context(base_url=site.address, java_script_enabled=False, storage_state=state)
    plain = context.new_page()
    plain.goto("/")
    plain.get_by_role("link", name="My parcel is three weeks late").click()
    plain.get_by_role("link", name="Use").click()
    plain.get_by_role("button", name="Approve and send").click()
    expect(plain.locator("#case")).to_contain_text("Waiting to send")
    assert case_of(site.runtime, case_id).state == "approved"
    context.close()


def test_nothing_sticks_out_and_everything_can_be_read(page: Page, site: Site, tmp_path: Path) -> None:
    for path in _hard_to_show(site.runtime):
        page.goto(path)
        for width, scheme in product(WIDTHS, SCHEMES):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            sticks_out = page.evaluate("document.documentElement.scrollWidth") > width
            pale = page.evaluate(CONTRASTS)
            if sticks_out or pale:
                page.screenshot(path=tmp_path / f"{width}-{scheme}.png")
            assert (sticks_out, pale) == (False, []), (path, width, scheme)


def _hard_to_show(runtime: Runtime) -> list[str]:
    """Pages with a 300-character name, an Arabic post, a long word, and everything that can be wrong at once."""
    add_user(runtime, "Bo")
    source = add_source(runtime, "bluesky", "Bluesky", state="paused", reason="401: the key was revoked " + "x" * 90)
    long = add_case(runtime, "W" * 400, author={"name": "Von und zu " * 27, "handle": "x" * 200}, priority=90)
    add_case(
        runtime, "طلبت حقيبة ظهر قبل ثلاثة أسابيع", verdict={"sentiment": "unsupported", "scores": {}}, priority=75
    )
    add_case(runtime, state="failed", reply={"error": "403 " + "y" * 120}, priority=30)
    unsure = add_case(runtime, state="unsure", reply={"error": "connection reset"}, priority=10)
    by_hand = add_case(runtime, drafts=("Sorry!",), permission="hand", permission_why="no reply API", due_at=None)
    cases = [f"/cases/{one}" for one in (long, unsure, by_hand)]
    thread = {"conversation": "one"}
    add_case(runtime, "The first word of a thread " * 9, mention=thread, state="sent", reply={}, minutes_ago=90)
    cases.append(f"/cases/{add_case(runtime, 'And the last', mention=thread, drafts=('Sorry! ' * 40,))}")
    with runtime.db.write() as db:
        now = runtime.clock.now()
        db.add(Gap(source_id=source, start=now - timedelta(hours=30), end=now, reason="401 " + "z" * 90))
        times = {"asked_at": now - timedelta(days=3), "done_at": now}
        db.add(Forgetting(platform="bluesky", why="deleted by its author", mentions=1, **times))
    others = ["/brands/", "/brands/hawkweed", "/playbook/", "/people", "/health", "/coverage/", "/coverage/gaps/1"]
    others += ["/sources/", f"/sources/{source}", f"/sources/{source}/settings", "/sources/new/mastodon", "/deletions/"]
    return ["/", *cases, *others, "/guide/brand", "/account", "/keys", "/nowhere"]
