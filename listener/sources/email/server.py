"""Mail servers: where they are, how a connection to one is cut, and how a mail is handed to one (SMTP)."""

from __future__ import annotations

import imaplib
import ipaddress
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from core.errors import BadInput, GiveUp, RetryLater, Unsure
from listener.sources.email.login import Login, xoauth2

SECURITY = ("tls", "starttls", "none")
_PORTS = {"tls": (993, 465), "starttls": (143, 587), "none": (143, 25)}
"""Of IMAP and SMTP."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is and how it is spoken to; `none`: readable, so only with this machine itself."""

    host: str
    port: int
    security: str

    def check(self, name: str) -> None:
        """Raise BadInput, which names the field `name`, when this is no server to which a password may go."""
        if not re.fullmatch(r"[\w.:-]{1,255}", self.host):
            raise BadInput(f"{name}: {self.host[:100]!r} is no name of a server")
        if self.security == "none" and not _is_here(self.host):
            raise BadInput("security: none is only for a server on this machine: others could read the password")


def number(given: Mapping[str, str], name: str, most: int, default: int) -> int:
    """The number that a field holds, from 1 to `most`; raises BadInput, which names the field."""
    text = given[name]
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 7 and 0 < int(text) <= most):
        raise BadInput(f"{name}: {text[:20]!r} is no number from 1 to {most:,}")
    return int(text)


def servers(given: Mapping[str, str]) -> tuple[Server, Server | None]:
    """The IMAP server, and the SMTP server if one is given. Raises BadInput, which names the field."""
    security = given["security"].lower() or "tls"
    if security not in SECURITY:
        raise BadInput(f"security: {security[:20]!r} is none of {', '.join(SECURITY)}")
    imap_port, smtp_port = _PORTS[security]
    imap = Server(given["imap_host"], number(given, "imap_port", 65_535, imap_port), security)
    smtp = Server(given["smtp_host"], number(given, "smtp_port", 65_535, smtp_port), security)
    imap.check("imap_host")
    if not smtp.host:
        return imap, None
    smtp.check("smtp_host")
    return imap, smtp


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def cut_after(seconds: float, client: imaplib.IMAP4 | smtplib.SMTP) -> Iterator[None]:
    """Cut the connection when the block takes longer, however slowly the bytes drip; raises RetryLater then."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        hang_up(client)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, ValueError, imaplib.IMAP4.error) as error:
        if late.is_set():
            raise RetryLater(f"the mail server took longer than {seconds:.0f} s") from error
        raise
    finally:
        timer.cancel()


def hang_up(client: imaplib.IMAP4 | smtplib.SMTP) -> None:
    """End the connection at once. A thread that waits for an answer wakes with an error."""
    if client.sock is None:
        return
    with suppress(OSError):
        socket.socket.shutdown(client.sock, socket.SHUT_RDWR)  # not SSLSocket's own, which the waiting thread needs
    with suppress(OSError):
        if client.file:
            client.file.close()  # only now: it waits for whoever reads
        client.sock.close()


def send(server: Server, login: Login, mail: EmailMessage, seconds: float, total_seconds: float) -> None:
    """Hand over one mail. `seconds` is for each answer.

    GiveUp and RetryLater, in the server's words, mean that it did not take the mail; Unsure, that the connection ended
    after we had begun to hand it over and before the server had answered.
    """
    token = login.token()
    try:
        client = _connected(server, seconds)
        try:
            with cut_after(total_seconds, client):
                _log_in(client, server, login, token)
                _hand_over(client, mail)
            with suppress(smtplib.SMTPException, OSError):  # it was taken, whatever is said to a goodbye
                client.quit()
        finally:
            client.close()
    except smtplib.SMTPResponseException as error:
        said = f"{server.host} answers {error.smtp_code}: {_text(error.smtp_error)}"
        raise (RetryLater if 400 <= error.smtp_code < 500 else GiveUp)(said) from error
    except smtplib.SMTPNotSupportedError as error:
        raise GiveUp(f"{server.host}: {error}") from error
    except (OSError, ValueError) as error:  # every other of smtplib's is an OSError
        raise RetryLater(f"{server.host} cannot be reached: {error or type(error).__name__}") from error


def _log_in(client: smtplib.SMTP, server: Server, login: Login, token: str | None) -> None:
    if server.security == "starttls":
        client.starttls(context=ssl.create_default_context())
    client.ehlo_or_helo_if_needed()
    if token:
        shown = xoauth2(login.user, token)
        client.auth("XOAUTH2", lambda challenge=None: "" if challenge else shown)
    else:
        client.login(login.user, login.password)


def _hand_over(client: smtplib.SMTP, mail: EmailMessage) -> None:
    """The mail in one transaction of SMTP. Until its text is on its way, every end means that it was not taken."""
    for code, said in (client.mail(str(mail["From"])), client.rcpt(str(mail["To"]))):
        if code not in (250, 251):
            raise smtplib.SMTPResponseException(code, said)
    code, said = client.docmd("DATA")
    if code != 354:
        raise smtplib.SMTPResponseException(code, said)
    raw = mail.as_bytes(policy=SMTP)
    try:
        client.send(re.sub(rb"(?m)^\.", b"..", raw) + b".\r\n")
        code, said = client.getreply()
    except (OSError, ValueError, smtplib.SMTPException) as error:
        raise Unsure(
            f"the mail server did not say whether it took the mail: {error or type(error).__name__}"
        ) from error
    if 400 <= code < 600:
        raise smtplib.SMTPResponseException(code, said)
    if code != 250:
        raise Unsure(f"the mail server did not say whether it took the mail: {code} {_text(said)}")


def _connected(server: Server, seconds: float) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=ssl.create_default_context())
    return smtplib.SMTP(server.host, server.port, timeout=seconds)


def _text(said: object) -> str:
    return (said.decode(errors="replace") if isinstance(said, bytes) else str(said))[:300]
