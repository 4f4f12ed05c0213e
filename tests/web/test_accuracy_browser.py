"""Labelling and the slider in a real browser: by keyboard, at every width, light and dark. Needs Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from core.tables import Sample
from tests.web.test_accuracy import case_with, labelled
from tests.web.test_browser import CONTRASTS, SCHEMES, WIDTHS, Site, browser, page, screen, site

__all__ = ["browser", "page", "screen", "site"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_by_keyboard_from_label_to_correction(page: Page, site: Site) -> None:
    row = case_with(site.runtime, "Three weeks and no answer!")
    page.goto("/accuracy/hawkweed/label")
    expect(page.get_by_role("radio", name="Yes y")).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("The model said otherwise")
    with site.runtime.db.read() as db:
        assert db.scalars(select(Sample)).one().labels == {"complaint": "no", "sentiment": "neutral"}
    page.get_by_role("button", name="Correct it").first.click()
    expect(page.locator(".notice")).to_contain_text("Noted: not a complaint.")
    page.goto(f"/cases/{row.id}")
    expect(page.locator('button[value="complaint:no"]')).to_have_attribute("aria-pressed", "true")
    page.locator('button[value="complaint:undo"]').click()
    expect(page.locator("#case .notice")).to_contain_text("Taken back")
    expect(page.locator('button[value="complaint:yes"]')).to_have_attribute("aria-pressed", "true")


def test_the_slider_answers_and_keeps_the_keyboard(page: Page, site: Site) -> None:
    labelled(site.runtime)
    page.goto("/accuracy/hawkweed")
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("End")
    expect(page.locator("#tradeoff")).to_contain_text("27 of 27 complaints would be missed")
    page.keyboard.press("Home")
    expect(page.locator("#tradeoff")).to_contain_text("0 of 27 complaints would be missed")
    expect(slider).to_be_focused()


def test_the_pages_fit_and_can_be_read(page: Page, site: Site) -> None:
    labelled(site.runtime)
    row = case_with(site.runtime, "x" * 300)
    paths = ("/accuracy/hawkweed", "/accuracy/hawkweed/label", f"/brands/hawkweed/glossary/?mention={row.mention_id}")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for path in paths:
                page.goto(path)
                assert page.evaluate("document.getElementById('main').scrollWidth") <= width, f"{path} at {width}"
                assert page.evaluate(CONTRASTS) == [], f"{path} at {width}, {scheme}"
