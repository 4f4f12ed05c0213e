"""Where Slack reaches us, and where people say who they are there.

    POST /slack/interactions, /slack/events     signed by Slack with the secret of a channel's app; answered within 3 s
    GET, POST /slack/connect                    connect a Slack person with one's account, by the link that Slack showed

401 says that nobody vouches for a request: a wrong signature, or a stamp that is old, ahead or no number.
"""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import parse_qs

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import CSRFProtect
from werkzeug.exceptions import HTTPException

from core.tables import SlackPerson
from responder.alerts.slack import hearing, people
from responder.alerts.slack.people import Person
from web import current
from web.auth import needs, public

pages = Blueprint("slack", __name__)

LARGEST = 256 * 1024
"""Bytes of a request: Slack sends the whole message along with what was pressed."""

_STAMP, _SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"
_PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


class _Refused(Exception):
    """The request is not taken, with what HTTP status, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def init_app(app: Flask, csrf: CSRFProtect) -> None:
    """Let Slack in without a form's token, and templates know who is connected."""
    csrf.exempt(interactions)
    csrf.exempt(events)
    app.jinja_env.globals["slack_people"] = _connected


@pages.errorhandler(_Refused)
def _refuse(refused: _Refused) -> ResponseReturnValue:
    return str(refused), refused.status, _PLAIN


@pages.post("/slack/interactions")
@public
def interactions() -> ResponseReturnValue:
    """A button was pressed."""
    by, body = _vouched()
    try:
        payload = json.loads(parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"][0])
    except (ValueError, KeyError, RecursionError) as error:
        raise _Refused(400, "this is no payload of Slack's") from error
    return _taken_in(by, "interactive", payload)


@pages.post("/slack/events")
@public
def events() -> ResponseReturnValue:
    """Something was written; or Slack tries the address when somebody enters it there."""
    by, body = _vouched()
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, "this is no event of Slack's") from error
    if isinstance(payload, dict) and payload.get("type") == "url_verification":
        return str(payload.get("challenge") or "")[:1000], 200, _PLAIN
    return _taken_in(by, "events_api", payload)


@pages.get("/slack/connect")
@needs("none")
def connect() -> ResponseReturnValue:
    """Ask whether the person that a link names should act as who is signed in."""
    token = request.args.get("token", "")
    with current.runtime().db.read() as db:
        person = people.of_link(db, current.runtime().settings, token)
    return render_template("slack/connect.html", person=person, token=token), 200 if person else 404


@pages.post("/slack/connect")
@needs("none")
def connected() -> ResponseReturnValue:
    """Connect them, which uses the link up."""
    runtime = current.runtime()
    with runtime.db.write() as db:
        person = people.of_link(db, runtime.settings, request.form.get("token", ""))
        if person is not None:
            people.connect(db, runtime.clock, person, current.user_id())
    if person is None:
        return render_template("slack/connect.html", person=None, token=""), 404
    flash("You are connected. Go back to Slack, and press the button again.")
    return redirect(url_for("auth.account"))


@pages.post("/slack/disconnect")
@needs("none")
def disconnect() -> ResponseReturnValue:
    """Let a Slack person act as who is signed in no longer."""
    runtime, form = current.runtime(), request.form
    with runtime.db.write() as db:
        person = Person(form.get("workspace", ""), form.get("person", ""))
        gone = people.disconnect(db, runtime.clock, person, current.user_id())
    flash("That person in Slack no longer acts as you." if gone else "That person in Slack was not connected with you.")
    return redirect(url_for("auth.account"))


def _connected() -> list[SlackPerson]:
    with current.runtime().db.read() as db:
        return people.of_user(db, current.user_id())


def _vouched() -> tuple[list[hearing.Heard], bytes]:
    """The channels whose secret signed the request, and its raw body. Raises _Refused when there are none."""
    runtime = current.runtime()
    request.max_content_length = LARGEST
    try:
        body = request.get_data(cache=False)
    except HTTPException as error:
        raise _Refused(error.code or 400, f"at most {LARGEST:,} bytes") from error
    with runtime.db.read() as db:
        known = hearing.channels(db, runtime.settings)
    stamp, signature = (request.headers.get(one, "") for one in (_STAMP, _SIGNATURE))
    by = hearing.vouching(known, runtime.clock, stamp, signature, body)
    if not by:
        raise _Refused(401, "not signed by Slack for any channel here, or not just now")
    return by, body


def _taken_in(by: list[hearing.Heard], kind: str, payload: Any) -> ResponseReturnValue:
    """Acknowledge what was done; what is still to be said to the person is said meanwhile."""
    if isinstance(payload, dict):
        rest = hearing.take_in(current.runtime(), by, kind, payload)
        if rest is not None:
            threading.Thread(target=rest, name="slack", daemon=True).start()
    return "", 200, _PLAIN
