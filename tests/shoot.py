"""Takes the pictures of the guides from the sample, in a real browser: `python -m tests.shoot` writes docs/img/."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sqlalchemy import select

from core.db import Database
from core.tables import Case
from tests.browser import browser
from tests.flow.machine import Machine
from tests.flow.test_first_day import all_is_judged, sign_up

PICTURES = Path(__file__).parents[1] / "docs" / "img"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}


def shoot(folder: Path) -> None:
    """Inbox and case page, light and dark, on a desktop and on a phone."""
    with tempfile.TemporaryDirectory() as home, browser() as chromium, Machine(Path(home)) as machine:
        machine.start("run", "run", "--sample", "--port", "0")
        machine.until("the pages answer", lambda: machine.healthy("run"))
        database = Database(f"sqlite:///{home}/ripplewatch.sqlite")
        machine.until("the sample is judged", lambda: all_is_judged(database))
        with database.read() as db:
            case_id = db.scalar(select(Case.id).order_by(Case.priority.desc()).limit(1))
        database.close()
        first = chromium.new_page()
        sign_up(first, machine.first_link("run"))
        for scheme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = chromium.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="light" if scheme == "light" else "dark",
                    storage_state=first.context.storage_state(),
                )
                page = context.new_page()
                for name, path in (("inbox", "/"), ("case", f"/cases/{case_id}")):
                    page.goto(f"{machine.address('run')}{path}", wait_until="networkidle")
                    page.screenshot(path=folder / f"{name}-{scheme}-{size}.png")
                context.close()


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    shoot(PICTURES)
