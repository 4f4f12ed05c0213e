"""A mailbox on 127.0.0.1: as much of IMAP4rev1 (RFC 3501, 9208) and SMTP (RFC 5321) as a mail program needs to read it
and to send a mail to it, with faults that come when they are told to.

Everything is kept in one `Post`, where tests put mails and faults, and see what was asked.
"""

from __future__ import annotations

import base64
import re
import socketserver
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BEGUN = datetime(2026, 11, 18, 9, tzinfo=UTC)
"""When the first mail arrives; each following one comes a minute later."""
FAULTS = {
    "CONNECT": ("slammed", "silent greeting"),
    "LOGIN": ("throttled", "too many connections", "bye at login"),
    "EXAMINE": ("examine hangs", "numbered anew", "folder busy"),
    "SEARCH": ("search is bad", "finds nothing", "bye at search", "nonsense"),
    "FETCH": ("cut in a mail", "fetch hangs", "twice", "backwards", "one left out", "closed", "server bug", "drips"),
}
"""By the command at which each strikes."""
_STRIKES_AT = {fault: command for command, faults in FAULTS.items() for fault in faults} | {"revoked": "LOGIN"}


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail in a folder."""

    uid: int
    raw: bytes
    at: datetime


@dataclass(slots=True)
class Folder:
    """Mails in the order of their UIDs; a UID that is in `refused` the server lists and does not give."""

    validity: int = 1
    mails: list[Mail] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Post:
    """All that the servers know, and what they were asked: `asked` are commands without their tags."""

    user: str = "help@acme.example"
    password: str = "sesame street"
    token: str = "a token"
    folders: dict[str, Folder] = field(default_factory=lambda: {"INBOX": Folder()})
    quota: tuple[int, int] | None = None
    faults: deque[str] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    sent: list[bytes] = field(default_factory=list)
    keeps_sent: bool = True
    smtp_faults: deque[str] = field(default_factory=deque)
    on_sent: Callable[[], None] = lambda: None
    end: threading.Event = field(default_factory=threading.Event)

    def deliver(self, raw: bytes | str, folder: str = "INBOX", at: datetime | None = None) -> int:
        """Put a mail into a folder; its UID."""
        raw = raw.encode() if isinstance(raw, str) else raw
        kept = self.folders.setdefault(folder, Folder()).mails
        uid = kept[-1].uid + 1 if kept else 1
        whole = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        kept.append(Mail(uid, whole, at or BEGUN + timedelta(minutes=len(kept))))
        return uid

    def shown(self) -> str:
        """What a client that has a token shows."""
        return f"user={self.user}\1auth=Bearer {self.token}\1\1"

    def strikes(self, command: str) -> str:
        """The fault that comes now, if it is one for this command."""
        return self.faults.popleft() if self.faults and _STRIKES_AT[self.faults[0]] == command else ""

    def renumber(self) -> None:
        """Restored from a backup: every folder has a new UIDVALIDITY and new UIDs."""
        for folder in self.folders.values():
            folder.validity += 1
            mails = [Mail(number, one.raw, one.at) for number, one in enumerate(folder.mails, start=500)]
            folder.mails = mails


class _Gone(Exception):
    """The server ends the connection."""


class _Imap(socketserver.StreamRequestHandler):
    post: Post
    context: ssl.SSLContext | None
    tls: bool

    def setup(self) -> None:
        if self.tls and self.context:
            self.request = self.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.request.close()

    def handle(self) -> None:
        self.folder = Folder()
        self.post.connections += 1
        with suppress(_Gone, OSError, ValueError):
            fault = self.post.strikes("CONNECT")
            if fault == "slammed":
                return
            if fault == "silent greeting":
                self.hang()
            self.say("* OK ready")
            while line := self.rfile.readline():
                self.answer(line.decode("ascii").rstrip("\r\n"))

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def hang(self) -> None:
        """Say nothing until the client has gone, or the test is over."""
        self.request.settimeout(0.05)
        while not self.post.end.is_set():
            try:
                if not self.request.recv(1):
                    break
            except TimeoutError:
                continue
        raise _Gone

    def answer(self, line: str) -> None:
        tag, _, rest = line.partition(" ")
        word, _, given = rest.partition(" ")
        self.post.asked.append("LOGIN" if word == "LOGIN" else rest)
        if word == "UID":
            word, _, given = given.partition(" ")
        method = getattr(self, f"do_{word.lower()}", None)
        self.say(f"{tag} {method(given) if method else 'BAD unknown command'}")
        if word == "STARTTLS" and self.context:
            self.request = self.context.wrap_socket(self.request, server_side=True)
            super().setup()
        if word == "LOGOUT":
            raise _Gone

    def do_capability(self, _: str) -> str:
        self.say(f"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN{' QUOTA' if self.post.quota else ''}")
        return "OK done"

    def do_starttls(self, _: str) -> str:
        return "OK go on" if self.context else "BAD no TLS here"

    def do_login(self, given: str) -> str:
        match self.post.strikes("LOGIN"):
            case "throttled":
                return "NO [THROTTLED] slow down"
            case "too many connections":
                return "NO [ALERT] Too many simultaneous connections. (Failure)"
            case "revoked":
                return "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"
            case "bye at login":
                self.say("* BYE the server is going down")
                raise _Gone
        return self.let_in(given == f'"{self.post.user}" "{self.post.password}"')

    def do_authenticate(self, kind: str) -> str:
        self.say("+ ")
        said = base64.b64decode(self.rfile.readline())
        if kind == "XOAUTH2":
            return self.let_in(said.decode() == self.post.shown())
        return self.let_in(said == f"\0{self.post.user}\0{self.post.password}".encode())

    def let_in(self, right: bool) -> str:
        return "OK welcome" if right else "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"

    def do_examine(self, given: str) -> str:
        match self.post.strikes("EXAMINE"):
            case "examine hangs":
                self.hang()
            case "numbered anew":
                self.post.renumber()
            case "folder busy":
                return "NO [INUSE] try again"
        found = self.post.folders.get(given.strip('"'))
        if found is None:
            return "NO [NONEXISTENT] no such mailbox"
        self.folder = found
        self.say(f"* {len(found.mails)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {found.validity}] UIDs valid")
        return "OK [READ-ONLY] done"

    def do_append(self, given: str) -> str:
        """Keep a mail in a folder."""
        self.say("+ go on")
        size = int(re.findall(r"{(\d+)}$", given)[0])
        raw = self.rfile.read(size)
        self.rfile.readline()
        self.post.deliver(raw, given.partition(" ")[0].strip('"'))
        return "OK done"

    def do_list(self, _: str) -> str:
        for name in self.post.folders:
            flags = "\\HasNoChildren \\Sent" if name == "Sent" else "\\HasNoChildren"
            self.say(f'* LIST ({flags}) "/" "{name}"')
        return "OK done"

    def do_search(self, given: str) -> str:
        match self.post.strikes("SEARCH"):
            case "search is bad":
                return "BAD internal error"
            case "finds nothing":
                self.say("* SEARCH")
                return "OK done"
            case "bye at search":
                self.say("* BYE idle for too long")
                raise _Gone
            case "nonsense":
                self.say("<html>502 Bad Gateway</html>")
                raise _Gone
        found = [one.uid for one in self.folder.mails if self.is_meant(one, given.strip("()"))]
        self.say(f"* SEARCH {' '.join(map(str, found))}".rstrip())
        return "OK done"

    def is_meant(self, mail: Mail, criteria: str) -> bool:
        if since := re.fullmatch(r"SINCE (\d+-\w+-\d+)", criteria):
            return mail.at.date() >= datetime.strptime(since[1], "%d-%b-%Y").replace(tzinfo=UTC).date()
        if onward := re.fullmatch(r"UID (\d+):\*", criteria):
            return mail.uid >= int(onward[1]) or mail is self.folder.mails[-1]
        if named := re.fullmatch(r'HEADER Message-ID "(.*)"', criteria):
            return f"Message-ID: <{named[1]}>".encode() in mail.raw
        return criteria == f"UID {mail.uid}"

    def do_fetch(self, given: str) -> str:
        wanted = {int(one) for one in given.partition(" ")[0].split(",")}
        first = self.folder.mails[0].uid if self.folder.mails else 0
        mails = [self.folder.mails[uid - first] for uid in sorted(wanted)]
        most = int(re.findall(r"BODY\.PEEK\[\]<0\.(\d+)>", given)[0])
        if refused := wanted & self.folder.refused:
            return f"NO [CANNOT] mail {min(refused)} cannot be read"
        match self.post.strikes("FETCH"):
            case "fetch hangs":
                self.hang()
            case "closed":
                raise _Gone
            case "server bug":
                return "NO [SERVERBUG] internal error, refer to the log"
            case "twice":
                mails += mails
            case "backwards":
                mails.reverse()
            case "one left out":
                mails.pop()
            case "drips":
                self.drip(mails[0])
            case "cut in a mail":
                self.wfile.write(self.fetched(mails[0], most)[: -len(mails[0].raw) // 2])
                raise _Gone
        for mail in mails:
            self.wfile.write(self.fetched(mail, most))
        return "OK done"

    def fetched(self, mail: Mail, most: int) -> bytes:
        raw = mail.raw[:most]
        at = mail.at.strftime("%d-%b-%Y %H:%M:%S +0000")
        facts = f'INTERNALDATE "{at}" RFC822.SIZE {len(mail.raw)} BODY[]<0> {{{len(raw)}}}'
        return f"* {mail.uid} FETCH ({facts}\r\n".encode() + raw + f" UID {mail.uid})\r\n".encode()

    def drip(self, mail: Mail) -> None:
        """A byte now and then: each comes in time, and all of them never."""
        for byte in self.fetched(mail, len(mail.raw)):
            self.wfile.write(bytes([byte]))
            if self.post.end.wait(0.05):
                break
        raise _Gone

    def do_getquotaroot(self, _: str) -> str:
        used, limit = self.post.quota or (0, 0)
        self.say('* QUOTAROOT "INBOX" ""')
        self.say(f'* QUOTA "" (STORAGE {used} {limit} MESSAGE 5 0)')
        return "OK done"

    def do_logout(self, _: str) -> str:
        self.say("* BYE see you")
        return "OK done"


class _Smtp(socketserver.StreamRequestHandler):
    """Takes mails for the mailbox's own user, who has to log in."""

    post: Post
    outgoing = False

    def handle(self) -> None:
        with suppress(_Gone, OSError):
            self.say("220 smtp.acme.example")
            while line := self.rfile.readline():
                self.answer(line.decode().rstrip("\r\n"))

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def answer(self, line: str) -> None:
        word, _, given = line.partition(" ")
        self.post.asked.append(f"SMTP {word.upper()}")
        match word.upper():
            case "EHLO":
                self.wfile.write(b"250-smtp.acme.example\r\n250 AUTH PLAIN XOAUTH2\r\n")
            case "AUTH":
                said = base64.b64decode(given.partition(" ")[2]).decode()
                right = said in (f"\0{self.post.user}\0{self.post.password}", self.post.shown())
                self.say("235 welcome" if right else "535 5.7.8 wrong name or password")
            case "RCPT":
                self.outgoing = self.post.user not in given
                refused = self.outgoing and "@mail.example" not in given
                self.say("550 5.1.1 nobody of that name" if refused else "250 ok")
            case "DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.take(b"".join(one.removeprefix(b".") for one in lines))
                self.say("250 taken")
            case "QUIT":
                self.say("221 bye")
                raise _Gone
            case _:
                self.say("250 ok")

    def take(self, raw: bytes) -> None:
        """Deliver a mail to ourselves, or send one; `smtp_faults` say what goes wrong with that."""
        if not self.outgoing:
            self.post.deliver(raw)
            return
        fault = self.post.smtp_faults.popleft() if self.post.smtp_faults else ""
        if fault == "refused":
            self.say("451 4.3.0 try again later")
            raise _Gone
        if fault != "cut before":
            self.post.sent.append(raw)
            if self.post.keeps_sent:
                self.post.deliver(raw, "Sent")
        if fault == "killed":
            self.post.on_sent()
        if fault == "hangs":
            self.post.end.wait(2)
        if fault:
            raise _Gone


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what is being tested."""


@contextmanager
def _serve(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join(5)


@contextmanager
def imap(post: Post, context: ssl.SSLContext | None = None, *, tls: bool = False) -> Iterator[dict[str, str]]:
    """Serve the mailbox; the settings with which a source finds it. With `context` it speaks TLS, at once or later."""
    handler = type("Handler", (_Imap,), {"post": post, "context": context, "tls": tls})
    security = "none" if context is None else "tls" if tls else "starttls"
    with _serve(handler) as port:
        try:
            yield {
                "imap_host": "127.0.0.1" if context is None else "localhost",
                "imap_port": str(port),
                "user": post.user,
                "password": post.password,
                "security": security,
            }
        finally:
            post.end.set()


@contextmanager
def smtp(post: Post) -> Iterator[dict[str, str]]:
    """Serve what takes mails for the mailbox; the settings with which a source finds it."""
    with _serve(type("Handler", (_Smtp,), {"post": post})) as port:
        yield {"smtp_host": "127.0.0.1", "smtp_port": str(port)}


def three_mails() -> Post:
    """A mailbox with a mail, one that answers it, and one from a web form."""
    post = Post()
    head = "To: help@acme.example\nDate: Fri, 20 Nov 2026 09:00:00 +0000\n"
    first = "From: Ann <ann@mail.example>\nSubject: Parcel\nMessage-ID: <1@mail.example>\n"
    post.deliver(f"{first}{head}\nMy parcel is lost.\n")
    second = "From: ann@mail.example\nSubject: Re: Parcel\nMessage-ID: <2@mail.example>\nReferences: <1@mail.example>\n"
    post.deliver(f"{second}{head}\nIt came.\n\nOn Fri, 20 Nov 2026 at 9:00, Acme wrote:\n> We are looking for it.\n")
    form = "From: wordpress@acme.example\nSubject: Contact\nMessage-ID: <3@acme.example>\n"
    post.deliver(f"{form}{head}\nName: Bob\nEmail: bob@mail.example\nMessage: Where is the manual?\n")
    return post
