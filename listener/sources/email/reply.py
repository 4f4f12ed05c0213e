"""Replies by e-mail: one mail to whoever wrote, in the thread of what they wrote, and a copy of it among what was sent.

Its Message-ID is made from the reply's key, so that it can be looked for. SMTP knows no such thing as a request that
may be repeated: once the text of a mail is on its way, only the server's answer says what became of it. Where that is
missing, a copy among the sent mails proves that it was sent (many providers put one there themselves); that there is
none proves nothing, so then a person decides.
"""

from __future__ import annotations

import imaplib
import logging
import re
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import ClassVar

from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError

from core.errors import BadInput, GiveUp, PlatformError, RetryLater, Unsure
from core.types import Outgoing, Permission, Receipt
from listener.delivery import still_time
from listener.source import Asking, Context
from listener.sources.email.mailbox import Mailbox, words
from listener.sources.email.server import send

log = logging.getLogger(__name__)

SECONDS, TOTAL_SECONDS = 15.0, 20.0
"""For one answer, and for all that is asked at once: together well within the lease of the outbox."""
MAX_SUBJECT, MOST_REFERENCES = 200, 20
_ADDRESS = re.compile(r"(?!.*=\?)[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_NOBODY = re.compile(r"^(?:no-?_?reply|do-?_?not-?_?reply|mailer-daemon|postmaster)@", re.IGNORECASE)


def may_reply(asking: Asking) -> Permission:
    """Where a mail server for outgoing mail is given, and there is an address to answer to."""
    if not asking.has("smtp_host"):
        return Permission("hand", "Mails need a server for outgoing mail (SMTP): add it to the source.")
    to = asking.mention.author.native_id
    if not _ADDRESS.fullmatch(to) or not to.isascii():
        return Permission(
            "hand", "There is no address in it that could be written to: answer from the mailbox yourself."
        )
    if _NOBODY.match(to):
        return Permission("no", "It came from an address that nobody reads.")
    return Permission("api", "Goes out as a mail in the same thread.")


class EmailReplier:
    """The mailbox, through its server for outgoing mail."""

    kind: ClassVar[str] = "email"
    max_length: ClassVar[int | None] = None

    def __init__(self, context: Context, seconds: float = SECONDS, total_seconds: float = TOTAL_SECONDS) -> None:
        """Raises BadInput that names the field."""
        self._mailbox = Mailbox(context, seconds, total_seconds)
        if self._mailbox.smtp is None or not self._mailbox.address:
            raise BadInput("smtp_host: replies need a server for outgoing mail, and an address")
        self._smtp, self._context = self._mailbox.smtp, context
        self._seconds, self._total = seconds, total_seconds

    def account(self) -> str:
        """The address."""
        return self._mailbox.address

    def send(self, reply: Outgoing) -> Receipt:
        """One mail; then, unless the provider has done it, a copy among what was sent."""
        mail = self._mail(reply)
        still_time(reply, self._context.clock.now())
        send(self._smtp, self._mailbox.login, mail, self._seconds, self._total)
        self._keep_copy(mail)
        return Receipt(self._id(reply.key))

    def find(self, reply: Outgoing) -> Receipt | None:
        """Whether there is a copy among the sent mails. That there is none proves nothing: Unsure."""
        try:
            with self._mailbox.connected() as mailbox:
                folder = self._sent_folder(mailbox)
                if folder and self._has(mailbox, folder, self._id(reply.key)):
                    return Receipt(self._id(reply.key))
        finally:
            self._mailbox.close()
        where = f"There is no copy in {folder}" if folder else "This mailbox keeps no copies of what was sent"
        raise Unsure(f"{where}, which proves nothing: ask whoever it was sent to, or look at the mail server's log")

    def close(self) -> None:
        """Cut the connection."""
        self._mailbox.close()

    def _id(self, key: str) -> str:
        return f"ripplewatch.{key}@{self._mailbox.address.rpartition('@')[2]}"

    def _mail(self, reply: Outgoing) -> EmailMessage:
        if not _ADDRESS.fullmatch(reply.author_id) or not reply.author_id.isascii():
            raise GiveUp("there is no address in it that could be written to: answer from the mailbox yourself")
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = self._mailbox.address, reply.author_id
        mail["Subject"] = _subject(reply.extra)
        mail["Date"] = format_datetime(reply.dated or self._context.clock.now())
        mail["Message-ID"] = f"<{self._id(reply.key)}>"
        if answered := _id_of(reply.mention_id):
            above = [one for given in _texts(reply.extra.get("references")) if (one := _id_of(given))]
            mail["In-Reply-To"] = answered
            mail["References"] = " ".join([*above[-MOST_REFERENCES:], answered])
        mail.set_content(reply.text, charset="utf-8", cte="quoted-printable")
        return mail

    def _keep_copy(self, mail: EmailMessage) -> None:
        """It was sent; that no copy could be kept changes nothing of that."""
        try:
            with self._mailbox.connected() as mailbox:
                folder = self._sent_folder(mailbox)
                if folder and not self._has(mailbox, folder, str(mail["Message-ID"]).strip("<>")):
                    with self._mailbox.in_time(mailbox):
                        mailbox.append(mail.as_bytes(policy=SMTP), folder, flag_set=["\\Seen"])
        except (PlatformError, ImapToolsError, imaplib.IMAP4.error, OSError, ValueError) as error:
            log.warning("a mail was sent, and no copy of it could be kept: %s", words(error))
        finally:
            self._mailbox.close()

    def _sent_folder(self, mailbox: BaseMailBox) -> str:
        """Where sent mails are: what a person named, or what the server marks as that; "" where there is none."""
        with self._mailbox.in_time(mailbox):
            if self._mailbox.sent:
                return self._mailbox.sent
            return next((one.name for one in mailbox.folder.list() if "\\Sent" in one.flags), "")

    def _has(self, mailbox: BaseMailBox, folder: str, message_id: str) -> bool:
        with self._mailbox.in_time(mailbox):
            try:
                mailbox.folder.set(folder, readonly=True)
                return bool(mailbox.uids(f'HEADER Message-ID "{message_id}"', charset=None))
            except (ImapToolsError, imaplib.IMAP4.error) as error:
                raise RetryLater(f"{folder} cannot be searched: {words(error)}") from error


def _subject(extra: Mapping[str, object]) -> str:
    """Of the mail that is answered, on one line; whatever its author put into it, it cannot become another header.

    The email package would decode what looks like an encoded word (RFC 2047), and may find the end of a line in it.
    """
    said = re.sub(r"[\s\x00-\x1f\x7f\u2028\u2029]+", " ", str(extra.get("subject") or "")).strip()[:MAX_SUBJECT]
    said = said.replace("=?", "= ?")
    return f"Re: {said}" if said else "Re: your message"


def _id_of(native_id: str) -> str:
    """A Message-ID as headers have it; "" for what cannot be one."""
    good = re.fullmatch(r"[!-;=?-~]{1,900}", native_id) and "@" in native_id and "=?" not in native_id
    return f"<{native_id}>" if good else ""


def _texts(value: object) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
