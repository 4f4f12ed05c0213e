"""What one e-mail says: a mention, or why it is none.

Subject and text are what its author wrote: plain text where there is some, else HTML without markup; without the
mail that is quoted below and without the signature (quoting.py). Whoever filled in a web form is the author of what
the form sends (webform.py). Answers of machines are no mentions; a mail of ours that came back is told as unreadable,
with the reason that the other server gives (returned.py). Mail is hostile, forged and broken.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime

from core.types import Author, Mention, Rejected
from listener.sources.email import parts, quoting, returned, webform

CANARY_HEADER = "X-Ripplewatch-Canary"
"""Marks a message to ourselves: it is made by a machine, and heard all the same."""
MAX_PARTS = 100
"""A mail with more nested parts than that is not taken apart."""
_MAX_IDS = 100_000
_MAX_SUBJECT, _MOST_REFERENCES = 500, 20
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(minutes=5)

_ID = re.compile(r"<([^<>\s]{1,900})>")
_REPLIES = re.compile(r"^(?:(?:re|aw|antw|sv|vs|odp|ynt|res|rif)(?:\[\d{1,3}\])?\s?[:：]\s*)+", re.IGNORECASE)
_FORWARDS = re.compile(r"^(?:fwd?|wg|tr|rv|i|doorst|enc|vb)\s?[:：]", re.IGNORECASE)
_AWAY = re.compile(
    r"^(?:auto(?:matic)?[- ]?(?:reply|response)|out of (?:the )?office|automatische antwort|abwesenheit\w{0,20}"
    r"|réponse automatique|respuesta automática|risposta automatica|automatisch antwoord|resposta automática)\s?:",
    re.IGNORECASE,
)
_FORM_SENDERS = re.compile(
    r"^(?:no-?_?reply|do-?not-?reply|wordpress|forms?|contact-?form|webmaster|www-data|web)@", re.IGNORECASE
)
_ANSWERED_BY_MACHINE = ("X-Autoreply", "X-Autorespond", "X-Auto-Reply", "X-AutoReply-From")


@dataclass(frozen=True, slots=True)
class Arrived:
    """One mail as the mailbox holds it. `where` is what a person finds it by; not `whole`: cut for its size."""

    raw: bytes
    where: str
    at: datetime
    whole: bool = True


def read(mail: Arrived, own: frozenset[str]) -> Mention | Rejected | None:
    """The mention of a mail, or why it cannot be read; None if no person wrote it, or we did.

    `own` are the mailbox's own addresses, in small letters.
    """
    if mail.raw.lower().count(b"multipart/") > MAX_PARTS:
        return Rejected(mail.where, f"the mail has more than {MAX_PARTS} nested parts")
    try:
        message = message_from_bytes(mail.raw)
        if came_back := returned.why(message, own):
            return Rejected(mail.where, came_back)
        return _mention(message, mail, own)
    except parts.BROKEN as error:
        return Rejected(mail.where, f"the mail is broken: {type(error).__name__}: {str(error)[:200]}")


def _mention(message: Message, mail: Arrived, own: frozenset[str]) -> Mention | Rejected | None:
    references, answered = _thread(message)
    text = parts.text(message)
    form = None if answered else webform.read(text)
    author = Author(form.address, form.address, form.name) if form else _author(message, own)
    if not message[CANARY_HEADER] and (author.native_id in own or _automatic(message, form=bool(form))):
        return None
    said = _said(message, text, form)
    if not said:
        nothing = "it has no subject and no text" if mail.whole else "it is too large, and begins without any text"
        return Rejected(mail.where, nothing)
    return Mention(
        platform="email",
        native_id=_native_id(message, mail.raw),
        author=author,
        text=said,
        created_at=_written(message, mail.at),
        kind="email",
        reply_to=answered,
        conversation=references[0] if references else None,
        extra=_extra(message, form, references),
    )


def _extra(message: Message, form: webform.Form | None, references: list[str]) -> dict[str, object]:
    """What an answer in the same thread needs."""
    found: dict[str, object] = {
        "subject": (form.subject if form else "") or _REPLIES.sub("", parts.header(message, "Subject"))[:_MAX_SUBJECT],
        "references": references[:1] + references[1:][-_MOST_REFERENCES:],
    }
    return {name: value for name, value in found.items() if value}


def _said(message: Message, text: str, form: webform.Form | None) -> str:
    """Subject and text; all of the text, quotes and all, rather than nothing."""
    subject = _REPLIES.sub("", parts.header(message, "Subject"))
    if form:
        pieces = [form.subject or subject, form.message]
    else:
        pieces = [subject, text.strip() if _FORWARDS.match(subject) else quoting.cut(text)]
    return "\n\n".join(dict.fromkeys(piece for piece in pieces if piece)) or text.strip()


def _automatic(message: Message, *, form: bool) -> bool:
    """Whether a machine sent this by itself. What a form sends is a person's, however the form declares it."""
    declared = parts.header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    precedence = parts.header(message, "Precedence").lower()
    if declared == "auto-replied" or precedence in ("auto_reply", "auto-reply"):
        return True
    if message.get_content_type() == "multipart/report" or any(message[name] for name in _ANSWERED_BY_MACHINE):
        return True
    sent_alone = declared not in ("", "no") or precedence in ("bulk", "junk")
    return bool(_AWAY.match(parts.header(message, "Subject"))) or (sent_alone and not form)


def _author(message: Message, own: frozenset[str]) -> Author:
    """Who wrote it: the sender, unless that is ourselves or a machine that names whom to answer.

    Mailing groups put their own address there for the sake of DMARC, and the author into X-Original-From.
    """
    sender = parts.person(message, "From")
    if sender.native_id in own or _FORM_SENDERS.match(sender.native_id):
        for name in ("X-Original-From", "Reply-To"):
            person = parts.person(message, name)
            if person.native_id not in own and "@" in person.native_id:
                return person
    return sender


def _thread(message: Message) -> tuple[list[str], str | None]:
    """The ids of the thread's mails, as far as this one names them, and of the mail that this one answers."""
    references = _ID.findall(str(message.get("References") or "")[:_MAX_IDS])
    answered = _ID.search(str(message.get("In-Reply-To") or "")[:_MAX_IDS])
    return references, answered[1] if answered else references[-1] if references else None


def _native_id(message: Message, raw: bytes) -> str:
    """The Message-ID; where a mail has none, a digest of what stays the same wherever it is kept."""
    given = str(message.get("Message-ID") or "")[: parts.MAX_HEADER]
    if found := _ID.search(given):
        return found[1]
    if bare := given.strip(" <>\r\n\t"):
        return bare
    body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    fixed = "\0".join(parts.header(message, name) for name in ("From", "Date", "Subject"))
    return f"sha256:{hashlib.sha256(fixed.encode(errors='replace') + body).hexdigest()}"


def _written(message: Message, arrived: datetime) -> datetime:
    """The author's own date, unless it says none or one that lies after the arrival."""
    try:
        date = parsedate_to_datetime(str(message.get("Date") or "")[:200])
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (*parts.BROKEN, OverflowError):
        return arrived
    return date if _EARLIEST < date <= arrived + _CLOCKS_DIFFER else arrived
