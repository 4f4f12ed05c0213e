"""Everything but Slack, through apprise: e-mail, Teams, Discord, PagerDuty and a hundred others, by one address each.

Such a service takes a message and can neither find nor change it, and has no threads. What its end means is read from
what apprise says: a status, or the error of the socket. Only where nothing can have been sent it is tried again.
apprise is slow to import (half a second, and more for its services at the first use), so nothing here does until
something is sent. Its log repeats addresses, which are secrets: it is listened to here and goes nowhere else.
"""

from __future__ import annotations

import html
import logging
import re
import threading
import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from core.errors import BadInput, GiveUp, PlatformError, RetryLater, Unsure
from listener.source import Field
from responder.alerts.channel import Context, Message, Refused

if TYPE_CHECKING:
    from apprise import NotifyBase
    from apprise.result import AppriseResult

SECONDS = 30.0
"""What sending one message may take in all."""

_LEVELS = {"urgent": "failure", "high": "warning", "normal": "info"}
_SLACK = re.compile(r"(?:slack:|https://hooks\.slack\.com)", re.IGNORECASE)
_LOCAL = re.compile(
    r"(?:file|exec|syslog|dbus|glib|gnome|kde|qt|macosx|windows|smtps?-local|memory):|.*\.(?:ya?ml|conf|cfg)$",
    re.IGNORECASE,
)
"""What would act on this machine instead of telling a person somewhere."""
_STATUS = re.compile(r"error=(\d{3})")
_NOT_SENT = re.compile(
    r"refused|NewConnectionError|ConnectTimeout|NameResolution|Name or service not known|getaddrinfo|No route to host"
    r"|unreachable|connect(?:ion)? timeout|CERTIFICATE_VERIFY|SSLError|certificate verify failed",
    re.IGNORECASE,
)
"""Errors of a socket that never carried the message."""
_LOGIN = re.compile(r"SMTPAuthenticationError|\(53[045],|\b53[045][, ]")
_NO_MAIL = re.compile(r"SMTPRecipientsRefused|SMTPSenderRefused|SMTPConnectError|SMTPHeloError|\b4[25]1\b")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+|<>~])")
_one_at_a_time = threading.Lock()


class Notify:
    """Sends to one address."""

    title: ClassVar[str] = "E-mail and other services"
    about: ClassVar[str] = "E-mail, Teams, Discord, PagerDuty, Telegram and others; messages stay as they were sent."
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            "url",
            "Address",
            "As apprise writes it; for e-mail mailtos://user:password@server?from=...&to=...",
            secret=True,
            example="mailtos://user:password@smtp.example.com?to=you@example.com",
        ),
    )
    steps: ClassVar[tuple[str, ...]] = (
        "Find the service at https://appriseit.com/services/ and write its address the way it says there.",
    )

    def __init__(self, context: Context) -> None:
        self._url = str(context.settings.get("url") or "").strip()
        if "://" not in self._url or any(sign.isspace() for sign in self._url):
            raise BadInput("url: enter one address, like mailtos://user:password@smtp.example.com?to=you@example.com")
        if _SLACK.match(self._url):
            raise BadInput("url: for Slack add a Slack channel, which can do more")
        if _LOCAL.match(self._url):
            raise BadInput("url: that would act on this machine and tell nobody")

    def send(self, message: Message, key: str) -> dict[str, str]:
        """Send it, with its chart where the service takes images."""
        from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType  # noqa: PLC0415 - slow
        from apprise.attachment.memory import AttachMemory  # noqa: PLC0415

        asset = AppriseAsset(async_mode=False, storage_mode="memory", app_id="Ripplewatch", app_desc="Ripplewatch")
        with _one_at_a_time:
            service = self._service(asset)
            styled = _likes(service.notify_format)
            text = as_html(message) if styled == NotifyFormat.HTML else as_text(message)
            if styled == NotifyFormat.MARKDOWN:
                text = _MARKDOWN.sub(r"\\\1", text)
            attached = None
            if message.chart is not None and service.attachment_support:
                attached = AttachMemory(message.chart, name="chart.png", mimetype="image/png")  # type: ignore[no-untyped-call]
            sender = Apprise(asset=asset)
            sender.add(service)
            said = sender.notify(
                body=text,
                title=_quiet(f"{message.brand}: {message.title}" if message.brand else message.title)[:200],
                notify_type=NotifyType(_LEVELS[message.severity]),
                body_format=styled,
                attach=attached,
                timeout=SECONDS,
                log_level=logging.DEBUG,
            )
        if said:
            return {"service": str(service.service_name)}
        raise self._trouble(said)

    def update(self, place: Mapping[str, str], message: Message) -> dict[str, str]:
        """Nothing: what was sent stays."""
        del message
        return dict(place)

    def thread(self, place: Mapping[str, str], text: str, key: str) -> dict[str, str]:
        """Nothing: there are no threads."""
        del place, text, key
        return {}

    def find(self, key: str, around: datetime, under: Mapping[str, str] | None = None) -> dict[str, str] | None:
        """Nobody can tell."""
        del key, around, under
        raise Unsure("this service does not say what has arrived")

    def check(self) -> str:
        """Whether the address can be read. Only a message shows whether it is let in."""
        from apprise import AppriseAsset  # noqa: PLC0415

        with _one_at_a_time:
            service = self._service(AppriseAsset(async_mode=False, storage_mode="memory"))
        return f"an address of {service.service_name}. Send a test message to see whether it arrives"

    def close(self) -> None:
        """Nothing stays open."""

    def _service(self, asset: object) -> NotifyBase:
        """What sends to the address. It tries once, in one piece."""
        from apprise import Apprise  # noqa: PLC0415
        from apprise.logger import logger  # noqa: PLC0415

        logger.propagate = False
        logger.setLevel(logging.DEBUG)  # what the socket said is heard only there
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own, of modules that it imports here
            service = Apprise.instantiate(self._url, asset=asset)  # type: ignore[arg-type]
        if service is None:
            raise GiveUp("the address cannot be read. Compare it with https://appriseit.com/services/")
        service.retry = 0
        service.overflow_mode = "truncate"  # type: ignore[assignment]
        return service

    def _trouble(self, said: AppriseResult) -> PlatformError:
        """What it means that it was not sent, as far as we know."""
        lines = [entry.message for entry in said.logs() if entry.level in ("WARNING", "ERROR")]
        heard = " ".join(entry.message for entry in said.logs())
        words = self._masked(" ".join(lines) or "it was not sent, and the service does not say why")
        status = int(found[1]) if (found := _STATUS.search(heard)) else None
        if status is not None:
            return _of_status(status, words)
        if _LOGIN.search(heard):
            return GiveUp(f"{words} The login was refused.")
        if _NO_MAIL.search(heard) or _NOT_SENT.search(heard):
            return RetryLater(words)
        return Unsure(words)

    def _masked(self, words: str) -> str:
        """Without any part of the address that could be a secret."""
        for part in re.split(r"[/:@?&=]+", self._url)[1:]:
            if len(part) > 4:
                words = words.replace(part, "***")
        return words[:300]


def _likes(takes: Any) -> Any:
    """Of the formats that a service takes the first, which it likes best."""
    return takes[0] if isinstance(takes, tuple | list) else takes


def _of_status(status: int, words: str) -> PlatformError:
    """What an HTTP status means. A server that broke while it had the message may have taken it."""
    if status in (429, 503):
        return RetryLater(words)
    if status in (401, 402, 403, 404, 405, 407, 410):
        return GiveUp(words)
    return Refused(words) if status < 500 else Unsure(words)


def as_text(message: Message) -> str:
    """The message in plain lines."""
    top = " · ".join(part for part in (message.state, message.age) if part)
    facts = [f"{label}: {value}" for label, value in message.facts]
    quotes = [f"“{text}”" for text in message.examples]
    parts = ("\n".join(filter(None, (message.sentence, top))), "\n".join(facts), "\n".join(quotes))
    return _quiet("\n\n".join(filter(None, parts))) + f"\n\n{message.url}"


def as_html(message: Message) -> str:
    """The message as HTML that any mail program shows; every word is escaped."""
    top = " · ".join(part for part in (message.state, message.age) if part)
    row = "<tr><td><b>{}</b>&nbsp;</td><td>{}</td></tr>"
    rows = "".join(row.format(_safe(label), _safe(value)) for label, value in message.facts)
    quotes = "".join(f"<blockquote>{_safe(text)}</blockquote>" for text in message.examples)
    parts = (
        f"<p>{_safe(message.sentence)}</p>",
        f"<p>{_safe(top)}</p>" if top else "",
        f'<table cellpadding="3">{rows}</table>' if rows else "",
        quotes,
        f'<p><a href="{html.escape(message.url)}">Open in Ripplewatch</a></p>',
    )
    return "".join(parts)


def _safe(text: str) -> str:
    return html.escape(_quiet(text))


def _quiet(text: str) -> str:
    """Nobody is called by an @ that stands in a post."""
    return text.replace("@", "@\u2060")


SENDER = Notify
