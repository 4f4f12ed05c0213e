"""What came of a call to Slack, as one of our errors: later, never, not this message, or nobody knows.

Only a request that was certainly not handed over whole, and an answer of Slack's own that says no, mean that nothing
happened. A deadline, a connection that ends before its answer, and any answer that is not Slack's leave it open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError

from slack_sdk.errors import SlackApiError, SlackRequestError

from core.errors import GiveUp, PlatformError, RetryLater, Unsure
from responder.alerts.channel import Refused

SECONDS = 10
"""Deadline of every step of a call."""

_LATER = frozenset({"ratelimited", "rate_limited", "service_unavailable", "request_timeout", "team_added_to_org"})
_UNCLEAR = frozenset({"fatal_error", "internal_error"})
"""Some of it may have been done, as Slack's own pages say of these."""
_THIS_MESSAGE = re.compile(
    r"(msg_|invalid_(blocks|metadata|arg|attach)|metadata_|no_text|message_not_found|thread_not_found|cant_|edit_window"
    r"|cannot_|too_many_|file_|user_not_in_channel)"
)
_ADVICE: Mapping[str, str] = {
    "not_in_channel": "the bot is not in that channel. Invite it there: type /invite @ and its name in the channel",
    "channel_not_found": "no channel with this ID is visible to the bot. Check the ID, and invite the bot there",
    "is_archived": "the channel is archived. Choose another one, or open it again",
    "restricted_action": "the workspace does not let the bot post there. Ask an admin of the workspace",
    "token_revoked": "the bot's token was revoked. Install the app again, and enter the new token",
    "token_expired": "the bot's token has expired. Install the app again, and enter the new token",
    "account_inactive": "the bot was removed from the workspace. Install the app again, and enter the new token",
    "invalid_auth": "Slack does not know this token. Copy it again from OAuth & Permissions",
    "not_authed": "Slack does not know this token. Copy it again from OAuth & Permissions",
    "not_allowed_token_type": "this is another kind of token: the bot's begins with xoxb-, the app's with xapp-",
    "message_limit_exceeded": "the workspace has sent as many messages as its plan allows",
}


@contextmanager
def translated(*, repeatable: bool = False) -> Iterator[None]:
    """Raise what a call of the SDK raises as one of ours. What is `repeatable` is never unsure but done again."""
    try:
        yield
    except SlackApiError as error:
        raise _settled(of_answer(error.response), repeatable) from error
    except HTTPError as error:
        raise _settled(of_status(error.code, dict(error.headers.items())), repeatable) from error
    except URLError as error:  # raised only before the whole request was handed over
        raise RetryLater(f"Slack cannot be reached: {error.reason}") from error
    except SlackRequestError as error:
        raise RetryLater("Slack did not take the file") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _settled(Unsure(f"Slack did not answer: {error or type(error).__name__}"), repeatable) from error


def of_answer(answer: Any) -> PlatformError:
    """The error that Slack's answer means; `answer` is a SlackResponse."""
    data = answer.data if isinstance(answer.data, dict) else {}
    code = str(data.get("error") or "")
    if answer.status_code != 200 or not re.fullmatch(r"[a-z0-9_]{1,80}", code):
        return of_status(answer.status_code, answer.headers)
    if code in _LATER:
        return RetryLater(f"Slack asks to wait ({code})", _retry_after(answer.headers))
    if code in _UNCLEAR:
        return Unsure(f"Slack failed in the middle of it ({code})")
    if code == "missing_scope":
        needed = str(data.get("needed") or "?")[:100]
        return GiveUp(f"the bot may not do that: add the scope {needed} and install the app again")
    if code in _ADVICE:
        return GiveUp(f"{_ADVICE[code]} ({code})")
    return Refused(f"Slack refused it: {code}") if _THIS_MESSAGE.match(code) else GiveUp(f"Slack refused it: {code}")


def of_status(status: int, headers: Mapping[str, str]) -> PlatformError:
    """The error that an answer without a word of Slack's means."""
    if status == 429:
        return RetryLater("Slack asks to wait (429)", _retry_after(headers))
    if 400 <= status < 500 and status != 408:
        return GiveUp(f"Slack answered {status}. Is the address right?")
    return Unsure(f"Slack answered {status}")


def _settled(error: PlatformError, repeatable: bool) -> PlatformError:
    return RetryLater(str(error)) if repeatable and isinstance(error, Unsure) else error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(given) if given.isascii() and given.isdecimal() else None
