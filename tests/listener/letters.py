"""E-mails as these tests need them, with as few words as possible."""

from __future__ import annotations

from datetime import UTC, datetime

from core.types import Mention, Rejected
from listener.sources.email.letter import Arrived, read

ARRIVED = datetime(2026, 11, 20, 10, tzinfo=UTC)
OWN = frozenset({"help@acme.example"})


def letter(text: str = "My parcel is lost.", number: int = 1, **headers: str) -> str:
    """A plain mail from Ann; `headers` are others, or "" for those that it shall not have, with _ for -."""
    given = {
        "From": "Ann Example <ann@mail.example>",
        "To": "help@acme.example",
        "Subject": "Parcel",
        "Date": "Fri, 20 Nov 2026 09:00:00 +0100",
        "Message-ID": f"<{number}@mail.example>",
        "Content-Type": "text/plain; charset=utf-8",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return "".join(f"{name}: {value}\n" for name, value in given.items() if value) + f"\n{text}\n"


def heard(raw: str | bytes, own: frozenset[str] = OWN) -> Mention | Rejected | None:
    """What a mail says."""
    return read(Arrived(raw.encode() if isinstance(raw, str) else raw, "mail 1 in INBOX", ARRIVED), own)


def mention(raw: str | bytes, own: frozenset[str] = OWN) -> Mention:
    """The mention that a mail is."""
    found = heard(raw, own)
    assert isinstance(found, Mention), found
    return found


def text(raw: str | bytes) -> str:
    """The text of the mention that a mail is."""
    return mention(raw).text
