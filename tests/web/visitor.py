"""Somebody who uses the pages without JavaScript: reads them, and sends the forms that are on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

from flask import Flask
from werkzeug.test import TestResponse

from core.runtime import Runtime
from core.tables import User
from tests.web.stories import add_user
from web.user import signed_in

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Visitor:
    """One browser: its cookies, and the token of its forms."""

    def __init__(self, app: Flask, runtime: Runtime) -> None:
        self.runtime = runtime
        self.client = app.test_client()
        self.user_id = 0
        self._token = ("", "")

    def sign_in(self, role: str = "agent", name: str = "Ana") -> Visitor:
        """Come in as a new user of this role."""
        self.user_id = add_user(self.runtime, name, role)
        with self.runtime.db.read() as db:
            remembered = signed_in(db, db.get_one(User, self.user_id)).get_id()
        with self.client.session_transaction() as session:
            session["_user_id"], session["_fresh"] = remembered, True
        return self

    def get(self, path: str, **headers: str) -> TestResponse:
        """Look at a page."""
        return self.client.get(path, headers=_headers(headers), buffered=True)

    def post(self, path: str, data: Mapping[str, object] | None = None, **headers: str) -> TestResponse:
        """Send a form, with the token that every page of ours carries."""
        return self.client.post(path, data={"csrf_token": self.token()} | dict(data or {}), headers=_headers(headers))

    def token(self) -> str:
        """The token of this visitor's forms, as a page had it; looked for again once the session has another."""
        if not self._token[0] or self._token[0] != self._session():
            page = self.client.get("/account" if self.user_id else "/login").get_data(as_text=True)
            found = _TOKEN.search(page)
            if found is None:  # nobody is in here yet, and the page has no form
                raise LookupError("the page has no form")
            self._token = (self._session(), found[1])
        return self._token[1]

    def _session(self) -> str:
        """What the session's tokens are made of."""
        with self.client.session_transaction() as session:
            return str(session.get("csrf_token", ""))


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items()}


def words(response: TestResponse) -> str:
    """What a person reads on a page: its text without tags, blanks run together."""
    page = re.sub(r"<(script|style|title)\b.*?</\1>", " ", response.get_data(as_text=True), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
