"""Fifty browsers at the same cases at the same moment: one winner each, nobody's text lost, one reply per case."""

from __future__ import annotations

import json
import random
import re
import threading
from dataclasses import dataclass, field

import httpx2
from flask import Flask
from sqlalchemy import select

from core import audit
from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Audit, Case, Draft, Notification, Reply, User
from core.tls import trusted
from responder.desk.cases import UNDO
from responder.outbox import post
from tests.web.serving import serving
from tests.web.stories import add_case, add_user
from tests.web.visitor import Visitor
from web.app import create_app
from web.user import signed_in

BROWSERS, PEOPLE, CASES = 50, 40, 8
_WORDS = ("sorry", "parcel", "look", "once", "found", "depot", "today", "driver", "called", "street", "back", "order")
_HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass
class Browser:
    """One window of somebody, who types a text of their own and then decides on it, perhaps after a take-over."""

    visitor: Visitor
    client: httpx2.Client
    case_id: int
    text: str
    takes_over: bool
    page: str = ""
    answers: list[tuple[str, int]] = field(default_factory=list)

    def look(self) -> None:
        """Open the case as htmx does, beside the list."""
        self.page = self.client.get(f"/cases/{self.case_id}", headers=_HTMX).text

    def send(self, verb: str, **data: str) -> str:
        fields = {name: self.field(name) for name in ("csrf_token", "version", "base", "account")}
        headers = _HTMX | {"HX-Target": "div#check" if verb == "draft" else "section#case"}
        answer = self.client.post(f"/cases/{self.case_id}/{verb}", data=fields | data, headers=headers)
        self.answers.append((verb, answer.status_code))
        return answer.text

    def field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page)
        return found[1] if found else ""

    def answer(self) -> None:
        """What somebody does at a case."""
        self.look()
        saved = self.send("draft", text=self.text[: len(self.text) // 2])
        if self.takes_over:
            self.send("take_over", why="the other one is slow")
            self.look()
        else:
            self.page = saved + self.page
        while "in another window" in self.send("approve", text=self.text):
            self.look()


def _window(app: Flask, runtime: Runtime, user_id: int) -> Visitor:
    """A window of a user's own browser."""
    visitor = Visitor(app, runtime)
    with runtime.db.read() as db:
        remembered = signed_in(db, db.get_one(User, user_id)).get_id()
    with visitor.client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = remembered, True
    visitor.user_id = user_id
    return visitor


def _browsers(runtime: Runtime, app: Flask, address: str) -> list[Browser]:
    """Forty people, ten of whom have a second window on the same case."""
    chance = random.Random(20261122)
    cases = [add_case(runtime, f"Parcel {number} is late") for number in range(CASES)]
    users = [add_user(runtime, f"Agent {number}") for number in range(PEOPLE)]
    windows = [_window(app, runtime, users[number % PEOPLE]) for number in range(BROWSERS)]
    return [
        Browser(
            windows[number],
            httpx2.Client(base_url=address, cookies=_cookies(app, windows[number]), timeout=60, verify=trusted()),
            cases[number % PEOPLE % CASES],
            f"{number:02} " + " ".join(chance.sample(_WORDS, 8)),
            chance.random() < 0.3,
        )
        for number in range(BROWSERS)
    ]


def _cookies(app: Flask, visitor: Visitor) -> httpx2.Cookies:
    name, found = str(app.config["SESSION_COOKIE_NAME"]), httpx2.Cookies()
    cookie = visitor.client.get_cookie(name)
    assert cookie is not None
    found.set(name, cookie.value, domain="127.0.0.1")
    return found


def test_one_winner_each_nobodys_text_lost_and_one_reply_per_case(runtime: Runtime, clock: HeldClock) -> None:
    app = create_app(runtime)
    with serving(app, threads=8) as address:
        browsers = _browsers(runtime, app, address)
        _all_at_once(browsers)
    assert {status for one in browsers for _, status in one.answers} <= {200, 302, 409, 422}
    _one_winner_each(runtime, browsers)
    _nobodys_text_is_lost(runtime, browsers)
    clock.advance(UNDO.total_seconds())
    while post.work(runtime):
        pass
    with runtime.db.read() as db:
        approved = {row.key: row.text for row in db.scalars(select(Reply))}
        assert set(db.scalars(select(Case.state))) == {"sent"}
        assert audit.verify(db).problems == ()
    lines = [json.loads(line) for line in runtime.settings.outbox.read_text(encoding="utf-8").splitlines()]
    assert sorted(line["text"] for line in lines) == sorted(approved.values())
    assert len(lines) == CASES


def _all_at_once(browsers: list[Browser]) -> None:
    start = threading.Barrier(BROWSERS)

    def live(one: Browser) -> None:
        start.wait()
        with one.client:
            one.answer()

    threads = [threading.Thread(target=live, args=(one,)) for one in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _one_winner_each(runtime: Runtime, browsers: list[Browser]) -> None:
    won = [one for one in browsers if ("approve", 302) in one.answers]
    assert sorted(one.case_id for one in won) == sorted({one.case_id for one in browsers})
    with runtime.db.read() as db:
        replies = {row.case_id: (row.text, row.approved_by) for row in db.scalars(select(Reply))}
        assert replies == {one.case_id: (one.text, one.visitor.user_id) for one in won}
        approvals = [one or 0 for one in db.scalars(select(Audit.case_id).where(Audit.action == "approve"))]
        assert sorted(approvals) == sorted(replies)
        taken = sum(("take_over", 302) in one.answers for one in browsers)
        assert len(list(db.scalars(select(Audit.id).where(Audit.action == "take_over")))) == taken
        assert len(list(db.scalars(select(Notification.id).where(Notification.kind == "taken_over")))) <= taken


def _nobodys_text_is_lost(runtime: Runtime, browsers: list[Browser]) -> None:
    with runtime.db.read() as db:
        kept = {(row.case_id, row.text) for row in db.scalars(select(Draft))}
        kept |= {(row.case_id, row.text) for row in db.scalars(select(Reply))}
    assert {(one.case_id, one.text) for one in browsers} <= kept
