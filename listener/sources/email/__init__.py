"""E-mail: a mailbox that customers and web forms write to, read over IMAP and never changed.

The mailbox is opened read-only (EXAMINE) and mails are read with BODY.PEEK, so nothing is marked as seen. imap-tools
logs in and opens folders; mails are asked for through its imaplib client, because its own fetch takes them whole,
however large, and joins attached mails to the text. What a mail says is read in letter.py.

The cursor is the last UID of each folder, with its UIDVALIDITY. When a server numbers its mails anew, the folder is
read again from the day on which this source began; the Message-ID keeps what is known from being stored twice. Every
answer has a timeout, and the connection is cut when its bytes only drip.

A mailbox that is nearly full (QUOTA) is told once a day as an item that could not be read; one that is full makes the
source wait and say so, because whoever writes now gets their mail back.
"""

from __future__ import annotations

import imaplib
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, ClassVar

from imap_tools import A, BaseMailBox
from imap_tools.errors import ImapToolsError, MailboxFetchError, MailboxFolderSelectError
from imap_tools.utils import encode_folder

from core.errors import GiveUp, RetryLater, Unsure
from core.types import Access, Mention, Page, Permission, Rejected
from listener.source import Context, Field
from listener.sources.email import reply as reply_rules
from listener.sources.email.letter import CANARY_HEADER, Arrived, read
from listener.sources.email.mailbox import BEGIN_DAYS, FIELDS, LATER, Mailbox, words
from listener.sources.email.progress import Place, Progress
from listener.sources.email.server import number, send

PAGE_MAILS = 200
MAX_MAIL = 500_000
"""Bytes that are read of one mail: what comes after them are attachments."""
SECONDS = 30.0
"""For one answer of a server."""
TOTAL_SECONDS = 90.0
"""For all that is asked at once (_AT_ONCE mails at most), however slowly its bytes drip."""
NEARLY_FULL, FULL = 0.9, 0.99
FULL_SECONDS = 600.0
"""Until a full mailbox is looked at again."""
_AT_ONCE = 20

_UID = re.compile(rb"\bUID (\d{1,10})")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,12})")
_STORAGE = re.compile(rb"\bSTORAGE (\d{1,15}) (\d{1,15})", re.IGNORECASE)


@dataclass(slots=True)
class _Heard:
    """What a fetch has come to so far: what the mails say, how many they were, and how far the folders are read."""

    items: list[Mention | Rejected] = field(default_factory=list)
    mails: int = 0
    folders: dict[str, Place] = field(default_factory=dict)
    more: bool = False


@dataclass(frozen=True, slots=True)
class _Mail:
    """One mail as the server gives it, at most MAX_MAIL bytes of it."""

    raw: bytes
    at: datetime | None
    whole: bool


class Email:
    """One mailbox."""

    kind: ClassVar[str] = "email"
    title: ClassVar[str] = "E-mail"
    about: ClassVar[str] = "Reads a mailbox that customers and web forms write to, and changes nothing in it."
    fields: ClassVar[tuple[Field, ...]] = FIELDS
    steps: ClassVar[tuple[str, ...]] = (
        "In the settings of the mailbox, turn on IMAP.",
        "If the account signs in with a second factor, make an app password for Ripplewatch there.",
        "On Microsoft 365, register an app instead, with the application permission IMAP.AccessAsApp, and let it "
        "into the mailbox: it signs in by its id and secret.",
        "Copy the names of the servers for incoming (IMAP) and outgoing (SMTP) mail from the provider's help page.",
    )
    poll_seconds: ClassVar[float] = 60
    silent_seconds: ClassVar[float | None] = None
    reply: ClassVar[Permission] = Permission(
        "hand", "Mails are answered from the mailbox itself: copy the text, and answer there."
    )
    may_reply = staticmethod(reply_rules.may_reply)

    def __init__(self, context: Context, seconds: float = SECONDS, total_seconds: float = TOTAL_SECONDS) -> None:
        """Raises BadInput that names the field."""
        self._context, self._seconds, self._total = context, seconds, total_seconds
        self._mailbox = Mailbox(context, seconds, total_seconds)
        given = self._mailbox.given
        self._days = number(given, "days", 3_650, BEGIN_DAYS)
        self._folders = list(dict.fromkeys(one.strip() for one in given["folders"].split(",") if one.strip()))
        self._folders = self._folders or ["INBOX"]

    def fetch(self, cursor: str | None) -> Page:
        """The next mails of all folders, in the order of their arrival; then whether there is room for more."""
        today = self._context.clock.now().date()
        progress = Progress.read(cursor, today - timedelta(days=self._days))
        with self._mailbox.connected() as mailbox:
            heard = self._hear(mailbox, progress)
            full = 0.0 if heard.more else self._leave(mailbox)
        if full >= FULL and not heard.mails:
            said = f"the mailbox is full ({full:.0%}), and people get their mails back: make room in it"
            raise RetryLater(said, FULL_SECONDS)
        told = progress.told
        if full >= NEARLY_FULL and told != today.isoformat():
            told = today.isoformat()
            heard.items.append(Rejected("the mailbox", f"it is {full:.0%} full: make room before mails are refused"))
        return Page(
            mentions=tuple(one for one in heard.items if isinstance(one, Mention)),
            cursor=Progress(progress.since, heard.folders, told).cursor(),
            more=heard.more,
            rejected=tuple(one for one in heard.items if isinstance(one, Rejected)),
            events={"mails": heard.mails},
        )

    def access(self) -> Access:
        """Whose mailbox this is, how many mails it holds, and how full it is."""
        with self._mailbox.connected() as mailbox:
            with self._mailbox.in_time(mailbox):
                may = [f"read {name} ({_open(mailbox, name)[1]:,} mails)" for name in self._folders]
            full = self._leave(mailbox)
        if full:
            may.append(f"take new mails: {full:.0%} of its room is used")
        may_not = ["change or mark anything"]
        if not self.can_send_canary():
            may_not.append("check the mailbox with a message to ourselves (no SMTP server is given)")
        if full >= NEARLY_FULL:
            may_not.append("hear anything more once that is full: make room")
        return Access(self._mailbox.address or self._mailbox.login.user, tuple(may), tuple(may_not))

    def close(self) -> None:
        """Cut the connection; an answer that is being waited for ends in an error."""
        self._mailbox.close()

    def can_send_canary(self) -> bool:
        """Whether an SMTP server is given, and an address to send to."""
        return bool(self._mailbox.smtp and self._mailbox.address)

    def send_canary(self, token: str) -> None:
        """Mail the token to the mailbox itself."""
        if self._mailbox.smtp is None:
            raise GiveUp("no SMTP server is given")
        mail = EmailMessage()
        mail["From"] = mail["To"] = self._mailbox.address
        mail["Subject"] = mail[CANARY_HEADER] = token
        mail["Date"] = format_datetime(self._context.clock.now())
        mail["Message-ID"] = make_msgid(domain=self._mailbox.address.partition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(token)
        try:
            send(self._mailbox.smtp, self._mailbox.login, mail, self._seconds, self._total)
        except Unsure as error:
            raise RetryLater(str(error)) from error

    def _leave(self, mailbox: BaseMailBox) -> float:
        """Ask how full the mailbox is, and say goodbye; that this is not heard matters to nobody."""
        with self._mailbox.in_time(mailbox):
            full = self._how_full(mailbox)
            with suppress(ImapToolsError, imaplib.IMAP4.error, OSError, ValueError):
                mailbox.logout()
        self.close()
        return full

    def _hear(self, mailbox: BaseMailBox, progress: Progress) -> _Heard:
        """The next PAGE_MAILS mails, folder after folder."""
        heard = _Heard()
        for name in self._folders:
            with self._mailbox.in_time(mailbox):
                validity, _ = _open(mailbox, name)
                place = progress.of(name, validity)
                uids = _uids_after(mailbox, place.uid, date.fromisoformat(progress.since))
            now = uids[: PAGE_MAILS - heard.mails]
            for start in range(0, len(now), _AT_ONCE):
                heard.items += self._read(mailbox, name, now[start : start + _AT_ONCE])
            heard.mails += len(now)
            heard.more = heard.more or len(uids) > len(now)
            heard.folders[name] = Place(validity, now[-1]) if now else place
        return heard

    def _read(self, mailbox: BaseMailBox, folder: str, uids: Sequence[int]) -> list[Mention | Rejected]:
        """What these mails say. One that the server lists and does not give is told; one that is gone is not."""
        if self._context.stop.is_set():
            raise RetryLater("stopping")
        with self._mailbox.in_time(mailbox):
            found = _fetched(mailbox, uids)
            for uid in [one for one in uids if one not in found]:
                if uid in _search(mailbox, f"UID {uid}"):
                    found |= _fetched(mailbox, [uid]) or {uid: None}
        items = list[Mention | Rejected]()
        own = frozenset({self._mailbox.address} - {""})
        for uid, mail in sorted(found.items(), key=lambda one: one[0]):
            where = f"mail {uid} in {folder}"
            if mail is None:
                items.append(Rejected(where, f"{self._mailbox.imap.host} lists it but does not give it"))
            elif said := read(Arrived(mail.raw, where, mail.at or self._context.clock.now(), mail.whole), own):
                items.append(said)
        return items

    def _how_full(self, mailbox: BaseMailBox) -> float:
        """The part of the mailbox's room that is used, 0 to 1; 0 where the server does not say."""
        _, said = mailbox.client.capability()
        if b"QUOTA" not in b" ".join(one for one in said if one).upper().split():
            return 0.0
        status, answers = mailbox.client.getquotaroot(encode_folder(self._folders[0]).decode("ascii"))
        if status != "OK":
            return 0.0
        quotas = _STORAGE.findall(b" ".join(part for answer in answers for part in answer if isinstance(part, bytes)))
        return max((int(used) / int(limit) for used, limit in quotas if int(limit)), default=0.0)


def _open(mailbox: BaseMailBox, folder: str) -> tuple[int, int]:
    """Open a folder read-only; its UIDVALIDITY, and how many mails are in it."""
    try:
        _, exists = mailbox.folder.set(folder, readonly=True)
    except MailboxFolderSelectError as error:
        if LATER.search(words(error)):
            raise
        names = [one.name for one in mailbox.folder.list()]
        if folder in names:
            raise
        raise GiveUp(f"folders: there is no {folder!r}; there are: {', '.join(names)[:300]}") from error
    _, validity = mailbox.client.response("UIDVALIDITY")
    number = validity[0] if validity else None
    if not isinstance(number, bytes) or not number.isdigit():
        raise RetryLater(f"the server does not say the UIDVALIDITY of {folder}")
    return int(number), int(exists[0] or 0)


def _uids_after(mailbox: BaseMailBox, uid: int, since: date) -> list[int]:
    """The UIDs above `uid`; of a folder that was never read those that have come since that day."""
    found = _search(mailbox, f"UID {uid + 1}:*" if uid else str(A(date_gte=since)))
    return sorted(one for one in found if one > uid)  # "n:*" names the last mail even where its number is smaller


def _search(mailbox: BaseMailBox, criteria: str) -> set[int]:
    return {int(one) for one in mailbox.uids(criteria, charset=None)}


def _fetched(mailbox: BaseMailBox, uids: Sequence[int]) -> dict[int, _Mail | None]:
    """These mails, as far as the server gives them; where it refuses several of them at once, one by one."""
    wanted = f"(UID INTERNALDATE RFC822.SIZE BODY.PEEK[]<0.{MAX_MAIL}>)"
    status, answers = mailbox.client.uid("FETCH", ",".join(map(str, uids)), wanted)
    if status != "OK":
        if LATER.search(str(answers)):
            raise MailboxFetchError((status, answers), "OK")
        if len(uids) == 1:
            return {uids[0]: None}
        return {uid: mail for one in uids for uid, mail in _fetched(mailbox, [one]).items()}
    found: dict[int, _Mail | None] = {}
    for facts, raw in _answers(answers):
        uid, size = _UID.search(facts), _SIZE.search(facts)
        if uid and int(uid[1]) in uids:
            whole = len(raw) < MAX_MAIL or (size is not None and int(size[1]) <= len(raw))
            found[int(uid[1])] = _Mail(raw, _arrival(facts), whole)
    return found


def _answers(answers: Sequence[Any]) -> list[tuple[bytes, bytes]]:
    """The facts about each mail, which stand before and after it, and the mail."""
    found: list[tuple[bytes, bytes]] = []
    for part in answers:
        if isinstance(part, tuple):
            found.append((part[0], part[1]))
        elif found and isinstance(part, bytes):
            found[-1] = (found[-1][0] + b" " + part, found[-1][1])
    return found


def _arrival(facts: bytes) -> datetime | None:
    local = imaplib.Internaldate2tuple(facts)
    return datetime.fromtimestamp(time.mktime(local), UTC) if local else None


SOURCE = Email
REPLIER = reply_rules.EmailReplier
