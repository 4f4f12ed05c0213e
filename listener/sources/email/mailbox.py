"""The mailbox that a source's settings describe: where it is, who signs in, and a connection that ends in time."""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError

from core.errors import BadInput, GiveUp, RetryLater
from listener.source import Context, Field
from listener.sources.email.login import Login
from listener.sources.email.server import cut_after, hang_up, servers

BEGIN_DAYS = 7

LATER = re.compile(
    r"\[(?:unavailable|inuse|limit|throttled|serverbug)|too many|try again|temporar|later|timed? ?out|internal"
    r"|unavailable|busy|exceeded",
    re.IGNORECASE,
)
"""What a server says when the same may work in a while."""

FIELDS: tuple[Field, ...] = (
    Field("imap_host", "IMAP server", "For incoming mail, as mail programs have it.", example="imap.example.com"),
    Field("user", "User name", "Mostly the mail address itself.", example="support@example.com"),
    Field("password", "Password", "An app password, where the provider has them.", secret=True, example="app-pass"),
    Field("tenant", "Microsoft tenant", "Microsoft 365 only: its id or domain.", False, example="acme.onmicrosoft.com"),
    Field(
        "client_id",
        "Microsoft app",
        "Microsoft 365 only: the app's id. Its secret is the password.",
        False,
        example="3f1e",
    ),
    Field("folders", "Folders", "With commas between them. Empty: the inbox.", False, example="INBOX, Complaints"),
    Field("days", "Days to look back", f"How far back to begin. Empty: {BEGIN_DAYS}.", False, example="30"),
    Field("address", "Mail address", "Needed where the user name is none.", False, example="help@example.com"),
    Field("security", "Security", "tls, starttls, or none (on this machine only).", False, example="tls"),
    Field("imap_port", "IMAP port", "Empty: 993, or 143 without tls.", False, example="993"),
    Field(
        "smtp_host",
        "SMTP server",
        "For outgoing mail: replies, and a message to ourselves that checks the mailbox.",
        False,
        example="smtp.example.com",
    ),
    Field("smtp_port", "SMTP port", "Empty: 465, or 587 with starttls.", False, example="465"),
    Field(
        "sent",
        "Folder of sent mails",
        "Where copies of replies are kept and looked for. Empty: the one that the server marks as that.",
        False,
        example="Sent",
    ),
)
"""What to ask a person for."""


class Mailbox:
    """See the module. `seconds` is for one answer of a server, `total_seconds` for all that is asked at once."""

    def __init__(self, context: Context, seconds: float, total_seconds: float) -> None:
        """Raises BadInput that names the field. Opens nothing yet."""
        self._seconds, self._total = seconds, total_seconds
        self.given = given = {asked.name: _given(context, asked) for asked in FIELDS}
        self.imap, self.smtp = servers(given)
        self.login = Login(context, given, seconds)
        self.sent = given["sent"]
        self.address = (given["address"] or (given["user"] if "@" in given["user"] else "")).lower()
        if self.address and not re.fullmatch(r"[^\s@<>,;:\"()]+@[^\s@<>,;:\"()]+", self.address):
            raise BadInput(f"address: {self.address[:100]!r} is no mail address")
        self._open: BaseMailBox | None = None

    def close(self) -> None:
        """Cut the connection; an answer that is being waited for ends in an error."""
        mailbox, self._open = self._open, None
        if mailbox:
            hang_up(mailbox.client)

    @contextmanager
    def connected(self) -> Iterator[BaseMailBox]:
        """The mailbox, logged in; what goes wrong with it is said in words, and ends the connection."""
        host = self.imap.host
        try:
            mailbox = self._open = self._open or self._log_in()
            yield mailbox
        except (GiveUp, RetryLater):
            self.close()
            raise
        except ssl.SSLCertVerificationError as error:
            raise GiveUp(f"{host} cannot prove that it is {host}: {error.verify_message}") from error
        except (ImapToolsError, imaplib.IMAP4.error, OSError, ValueError) as error:
            self.close()
            raise RetryLater(f"{host}: {words(error)}") from error

    def _log_in(self) -> BaseMailBox:
        token = self.login.token()
        host, port, security = self.imap.host, self.imap.port, self.imap.security
        if security == "none":
            mailbox: BaseMailBox = MailBoxUnencrypted(host, port, self._seconds)
        else:
            kind = MailBox if security == "tls" else MailBoxStartTls
            mailbox = kind(host, port, timeout=self._seconds, ssl_context=ssl.create_default_context())
        try:
            with self.in_time(mailbox):
                self._sign_in(mailbox, token)
        except (MailboxLoginError, imaplib.IMAP4.error) as error:
            hang_up(mailbox.client)
            self.login.forget_token()
            if isinstance(error, imaplib.IMAP4.abort) or LATER.search(words(error)):
                raise
            raise GiveUp(f"{host} does not let us in: {words(error)}") from error
        except (OSError, RetryLater):
            hang_up(mailbox.client)
            raise
        return mailbox

    def _sign_in(self, mailbox: BaseMailBox, token: str | None) -> None:
        login = self.login
        if token:
            mailbox.xoauth2(login.user, token, initial_folder=None)
        elif f"{login.user}{login.password}".isascii():
            mailbox.login(login.user, login.password, initial_folder=None)
        else:
            mailbox.login_utf8(login.user, login.password, initial_folder=None)

    def in_time(self, mailbox: BaseMailBox) -> AbstractContextManager[None]:
        """Cut the connection when the block takes longer than all that is asked at once may take."""
        return cut_after(self._total, mailbox.client)


def _given(context: Context, asked: Field) -> str:
    value = context.settings.get(asked.name) or ""
    if not isinstance(value, str) or not value.isprintable():
        raise BadInput(f"{asked.name}: this must be text on one line")
    if asked.required and not value.strip():
        raise BadInput(f"{asked.name}: this is needed")
    return value if asked.secret else value.strip()


def words(error: Exception) -> str:
    """What a server said, without the brackets of Python."""
    said = getattr(error, "command_result", (None, None))[1]
    if isinstance(said, list):
        return " ".join(one.decode(errors="replace") for one in said if isinstance(one, bytes))[:300] or "no"
    return str(error)[:300] or type(error).__name__
