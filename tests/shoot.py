"""Takes the pictures of the guides from the sample, in a real browser: `python -m tests.shoot` writes docs/img/."""

from __future__ import annotations

import math
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from core import waiting
from core.db import Database
from core.tables import Case, Gap, Incident, Source, SourceHour
from listener import rates
from tests.browser import browser
from tests.flow.machine import Machine
from tests.flow.test_first_day import all_is_judged, sign_up

PICTURES = Path(__file__).parents[1] / "docs" / "img"
HEARD = {"bluesky": ("Bluesky", 1_150), "mastodon": ("mastodon.social", 320), "reddit": ("r/hiking", 41)}
"""Sources that look as if they were heard for weeks: kind -> name, posts in an hour of midday."""
COUNTED = ("open_case", "count", "cluster", "ripple", "answered")
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}


def shoot(folder: Path) -> None:
    """Inbox, case, coverage, incident and trends, light and dark, on a desktop and on a phone."""
    with tempfile.TemporaryDirectory() as home, browser() as chromium, Machine(Path(home)) as machine:
        machine.start("run", "run", "--sample", "--port", "0")
        machine.until("the pages answer", lambda: machine.healthy("run"))
        database = Database(f"sqlite:///{home}/ripplewatch.sqlite")
        machine.until("the sample is judged", lambda: all_is_judged(database))
        with database.read() as db:
            case_id = db.scalar(select(Case.id).order_by(Case.priority.desc()).limit(1))
        paths = {"inbox": "/", "case": f"/cases/{case_id}", "coverage": "/coverage/"}
        paths |= {"incident": f"/incidents/{found(machine, database)}", "trends": "/trends/"}
        add_heard(database)
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
                for name, path in paths.items():
                    page.goto(f"{machine.address('run')}{path}", wait_until="networkidle")
                    page.screenshot(path=folder / f"{name}-{scheme}-{size}.png")
                context.close()


def found(machine: Machine, database: Database) -> int:
    """The sample's incident, once it has all that is counted and that happened."""

    def there() -> bool:
        with database.read() as db:
            return db.scalar(select(Incident.id)) is not None and not any(waiting.count(db, one) for one in COUNTED)

    machine.until("the sample's incident is there", there)
    with database.read() as db:
        return db.scalars(select(Incident.id)).first() or 0


def add_heard(database: Database) -> None:
    """Sources with their hours and gaps. Another process has them, so that nobody here asks their platforms."""
    now = datetime.now(UTC)
    kept = {"holder": "elsewhere", "held_until": now + timedelta(hours=1), "created_at": now - timedelta(days=60)}
    heard = {"last_ok_at": now, "last_event_at": now, "heard_to": now}
    with database.write() as db:
        for kind, (name, most) in HEARD.items():
            row = Source(kind=kind, name=name, last_events={"posts": now.isoformat()}, **kept, **heard)
            db.add(row)
            db.flush()
            for number in range(1, 24 * 16):
                hour = rates.hour_of(now) - timedelta(hours=number)
                share = 0.62 - 0.38 * math.cos((hour.hour - 2) * math.pi / 12)
                events = round(most * share * (1 + ((number * 7919) % 13 - 6) / 60))
                db.add(SourceHour(source_id=row.id, hour=hour, collection="posts", events=events, kept=events // 90))
            for hours_ago, hours in ((31, 0.5), (80, 3), (131, 1)):
                start = now - timedelta(hours=hours_ago + most % 7)
                span = {"start": start, "end": start + timedelta(hours=hours), "closed_at": start + timedelta(hours=4)}
                db.add(Gap(source_id=row.id, reason="the connection was cut", **span))


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    shoot(PICTURES)
