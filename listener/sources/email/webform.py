"""Contact forms of web sites arrive as mail from the site: who writes is whom the form names, in lines like

    Name: Ann Example
    Email: ann@example.org
    Message:
    My parcel has not come.

with the label and the value in one line or in two, in the languages below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABELS = {
    "name": "name|full name|your name|first name|last name|ihr name|vorname|nachname|nom|prénom|votre nom|nombre"
    "|su nombre|apellidos?|nome|il tuo nome|cognome|naam|uw naam|namn|imię|customer|from|von|de",
    "email": "e-?mail|e-?mail address|your e-?mail|your e-?mail address|e-?mail-?adresse|ihre e-?mail"
    "|ihre e-?mail-?adresse|courriel|adresse e-?mail|votre e-?mail|correo|correo electrónico|su correo"
    "|indirizzo e-?mail|endereço de e-?mail|e-?mailadres|e-?post|reply to",
    "phone": "phone|phone number|telephone|tel|mobile|telefon|telefonnummer|téléphone|teléfono|telefono|telefone"
    "|telefoon",
    "subject": "subject|betreff|objet|sujet|asunto|oggetto|assunto|onderwerp|ämne|temat|topic|thema",
    "message": "message|message body|message text|your message|comments?|your comments?|feedback|question|enquiry"
    "|inquiry|details|nachricht|ihre nachricht|mitteilung|kommentar|anfrage|votre message|mensaje|su mensaje"
    "|comentarios?|messaggio|mensagem|bericht|uw bericht|meddelande|wiadomość",
}
_ASKED = {
    kind: re.compile(rf"[*\s]{{0,4}}(?:{labels})[*\s]{{0,4}}(?:\([^()]{{0,40}}\))?", re.IGNORECASE)
    for kind, labels in _LABELS.items()
}
_LINE = re.compile(r"^(?P<label>[^:：\n]{1,60}?)\s{0,4}(?:[:：](?P<value>.*))?$")
_FREE_LABEL = re.compile(r"^[^\W\d_][\w '’/().-]{1,40}:\s{0,4}\S")
_ADDRESS = re.compile(r"[^\s<>@,;:\"()]{1,64}@[^\s<>@,;:\"()]{1,200}\.[^\s<>@,;:\"()]{2,24}")
_TOP_LINES = 12
"""The first label must stand among so many first lines: a form begins with it."""
_LAST_LINES = 3
"""So many lines below the last value may still be labelled (the page, the time, the sender's address)."""


@dataclass(frozen=True, slots=True)
class Form:
    """What somebody entered: who they are, and what they have to say (subject may be "")."""

    name: str
    address: str
    subject: str
    message: str


def read(text: str) -> Form | None:
    """The form in the plain text of a mail; None if there is none with an e-mail address and a message."""
    found: dict[str, list[str]] = {}
    into: list[str] | None = None
    for number, line in enumerate(text.split("\n")):
        kind, value = _label(line)
        if "message" in found:
            if kind and value and kind not in found:
                found[kind] = [value]
            elif into is not None:
                into.append(line)
        elif kind and (found or number < _TOP_LINES):
            into = found.setdefault(kind, [])  # a second name is the last name
            into.append(value)
        elif _FREE_LABEL.match(line[:200]):
            into = None
        elif into is not None:
            into.append(line)
    entered = {kind: "\n".join(lines).strip() for kind, lines in found.items()}
    address = _ADDRESS.search(entered.get("email") or entered.get("name", ""))
    message = _without_footer(entered.get("message", ""))
    if not address or not message:
        return None
    name, subject = (" ".join(entered.get(kind, "").split())[:200] for kind in ("name", "subject"))
    return Form(_ADDRESS.sub("", name).strip(" <>\"'"), address[0].lower(), subject, message)


def _label(line: str) -> tuple[str, str]:
    """Which of our labels a line begins with ("" for none), and the value behind it."""
    found = _LINE.match(line[:1_000].strip())
    if not found:
        return "", ""
    for kind, asked in _ASKED.items():
        if asked.fullmatch(found["label"]):
            return kind, line.strip()[found.end("label") :].lstrip(" \t:：*").strip()
    return "", ""


def _without_footer(message: str) -> str:
    """Without what forms add below: a rule, and then where and when the form was sent."""
    body, rule, footer = message.rpartition("\n--")
    return body.strip() if rule and footer.count("\n") <= _LAST_LINES else message
