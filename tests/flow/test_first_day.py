"""The first day, in a real browser: start with the sample, sign up, find the complaints, approve one, see it sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from core.db import Database
from core.tables import Case, Verdict
from tests.browser import browser
from tests.flow.machine import Machine, left

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def all_is_judged(database: Database) -> bool:
    with database.read() as db:
        judged = db.scalar(select(func.count()).select_from(Verdict)) or 0
        return judged > 200 and not left(db)


def most_pressing(database: Database) -> Case:
    with database.read() as db:
        case = db.scalars(select(Case).order_by(Case.priority.desc()).limit(1)).one()
        db.refresh(case, ["mention"])
        return case


def sign_up(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill("Ana")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Create my account").click()
    expect(page).not_to_have_url(link)


def test_from_an_empty_home_to_one_reply_in_the_outbox(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with browser() as chromium, Machine(home) as machine:
        machine.start("run", "run", "--sample", "--port", "0")
        machine.until("the pages answer", lambda: machine.healthy("run"))
        database = Database(f"sqlite:///{home / 'ripplewatch.sqlite'}")
        machine.until("the sample is judged", lambda: all_is_judged(database))
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        sign_up(page, machine.first_link("run"))

        page.goto(f"{machine.address('run')}/")
        rows = page.locator("#rows .row")
        expect(rows).not_to_have_count(0)
        for row in rows.all()[:5]:
            expect(row).to_contain_text("complaint", ignore_case=True)
        first = most_pressing(database)
        expect(rows.first).to_contain_text(first.mention.text.split("\n", maxsplit=1)[0][:40])

        page.keyboard.press("j")
        page.keyboard.press("o")
        box = page.locator("#text")
        expect(box).to_be_visible()
        box.fill("So sorry about the wait, this is on us. Please send us your order number in a message.")
        page.get_by_role("button", name="Approve and send").click()
        expect(page.locator("#case")).to_contain_text("So sorry about the wait")
        machine.until("the reply is in the outbox", (home / "outbox.jsonl").exists)
        page.close()
        assert machine.end() == {"run": 0}, machine.said()
        database.close()

    (line,) = (home / "outbox.jsonl").read_text(encoding="utf-8").splitlines()
    sent = json.loads(line)
    assert sent["text"] == "So sorry about the wait, this is on us. Please send us your order number in a message."
    assert sent["approved_by"] == "Ana"
    assert complaints == []


def test_a_link_that_was_used_makes_nobody_else_the_first_user(tmp_path: Path) -> None:
    with browser() as chromium, Machine(tmp_path / "home") as machine:
        machine.start("run", "run", "--port", "0")
        machine.until("the pages answer", lambda: machine.healthy("run"))
        link = machine.first_link("run")
        sign_up(chromium.new_page(), link)
        stranger = chromium.new_context().new_page()
        stranger.goto(link)
        expect(stranger.get_by_label("Your name")).to_have_count(0)
