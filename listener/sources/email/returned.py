"""Mails of ours that could not be delivered and came back: a person should know, and why."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import Message

from core.mask import mask
from listener.sources.email import parts

_SUBJECT = re.compile(
    r"^(?:undeliver(?:ed|able)|delivery status notification \(failure\)|mail delivery (?:failed|failure)|returned mail"
    r"|failure notice|delivery failure|unzustellbar|nicht zustellbar)",
    re.IGNORECASE,
)
_MACHINES = re.compile(r"^(?:mailer-daemon|postmaster|mail-daemon)@", re.IGNORECASE)
_STATUS = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")
_FULL = re.compile(r"[45]\.2\.2|quota|mailbox (?:is )?full|over ?limit|out of storage|storage limit", re.IGNORECASE)


def why(message: Message, own: frozenset[str]) -> str:
    """Why a mail from one of our domains was not delivered, in words, if this says so; else ""."""
    if message.get_content_type() == "multipart/report":
        senders = {sender for part in message.walk() if (sender := _sender(part))}
        if own and senders and not {_domain(sender) for sender in senders} & {_domain(one) for one in own}:
            return ""  # somebody else's mail, sent in our name
        facts = (_facts(part) for part in message.walk() if part.get_content_type() == "message/delivery-status")
        return next((fact for fact in facts if fact), "")
    if _MACHINES.match(parts.person(message, "From").native_id) and _SUBJECT.match(parts.header(message, "Subject")):
        return _told("", parts.text(message)[:2_000])
    return ""


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _sender(part: Message) -> str | None:
    """Who sent the mail that a report returns, whole or only its headers; None for every other part."""
    if part.get_content_type() == "message/rfc822":
        return next((parts.person(one, "From").native_id for one in parts.inner(part)), None)
    if part.get_content_type() == "text/rfc822-headers":
        raw = part.get_payload(decode=True)
        return parts.person(message_from_bytes(raw), "From").native_id if isinstance(raw, bytes) else None
    return None


def _facts(part: Message) -> str:
    """What a delivery status says of the first recipient that failed; "" if none did (delayed, delivered)."""
    for block in parts.inner(part):
        if parts.header(block, "Action").lower() == "failed":
            recipient = parts.header(block, "Final-Recipient").rpartition(";")[2].strip()
            return _told(recipient, f"{parts.header(block, 'Status')} {parts.header(block, 'Diagnostic-Code')}")
    return ""


def _told(recipient: str, said: str) -> str:
    """In words, without the address of a customer."""
    status = _STATUS.search(said)
    reason = "their mailbox is full" if _FULL.search(said) else " ".join(mask(said).split())[:160]
    to, code = f"to {mask(recipient)} " if recipient else "", f" ({status[0]})" if status else ""
    return f"a mail of ours {to}came back{code}: {reason}"
