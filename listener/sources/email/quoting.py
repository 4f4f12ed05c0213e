"""Cuts from a mail what its author did not write now: quoted history, and the signature below.

Mail programs mark both in many ways and languages. Only what is marked is cut; a mail that was forwarded is left
whole below its mark, because then the forwarded text is what matters. Every line is looked at once, and at most
MAX_LINE characters of it, so that a hostile text costs no more than a long one.
"""

from __future__ import annotations

import re

MAX_LINE = 400
"""Characters of a line that are looked at for marks."""
_MARKED, _TO_THE_END = "line by line", "to the end"
_SIGNATURE_LINES = 15
"""A line of two dashes that has more than so many lines below it separates something else."""

_FORWARDED = re.compile(
    r"^\W{0,20}(?:begin forwarded message|forwarded message|weitergeleitete nachricht|message transféré"
    r"|mensaje reenviado|messaggio inoltrato|doorgestuurd bericht|mensagem encaminhada)\W{0,20}$",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^\s{0,4}-{2,20} ?(?:original message|ursprüngliche nachricht|original-nachricht|message d'origine"
    r"|message original|mensaje original|messaggio originale|oorspronkelijk bericht|mensagem original)"
    r" ?-{2,20}\s{0,9}$",
    re.IGNORECASE,
)
_ATTRIBUTED = re.compile(
    r"^(?:on|am|le|el|il|op|em|den|på|w dniu|dne)\b.{0,300}"
    r"\b(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev|pisze|napsal)\b.{0,160}:$",
    re.IGNORECASE,
)
_ADDRESS_OR_TIME = re.compile(r"@|\d[:.h]\d\d")
_FROM = re.compile(r"^[*\s]{0,4}(?:from|von|de|da|van|från|od)\s?:[*\s]{1,4}\S", re.IGNORECASE)
_OTHER_HEADER = re.compile(
    r"^[*\s]{0,4}(?:sent|date|to|subject|cc|gesendet|datum|an|betreff|envoyé|à|objet|enviado|fecha|para|asunto"
    r"|inviato|data|a|oggetto|verzonden|aan|onderwerp|assunto)\s?:[*\s]{0,4}",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s{0,4}_{5,80}\s{0,9}$")
_QUOTED = re.compile(r"^ {0,3}[>＞]")
_SENT_FROM = re.compile(
    r"^\W{0,3}(?:sent from (?:my|outlook|mail|yahoo|proton|samsung)|get outlook for|von meinem .{1,40} gesendet"
    r"|gesendet mit|envoyé de(?:puis)? mon|enviado desde mi|inviato da(?:l mio)?|verzonden vanaf mijn"
    r"|enviado do meu)\b.{0,80}$",
    re.IGNORECASE,
)
_QUOTED_HTML = re.compile(
    r"<(?:div|blockquote|hr|section)\b[^<>]{0,300}?(?:\bclass\s?=\s?[\"'][^\"'<>]{0,100}?"
    r"(?:gmail_quote|gmail_attr|yahoo_quoted|moz-cite-prefix|protonmail_quote|tutanota_quote)"
    r"|\bid\s?=\s?[\"'](?:x_)?(?:appendonsend|divRplyFwdMsg|mail-editor-reference-message-container)[\"']"
    r"|\btype\s?=\s?[\"']?cite\b)",
    re.IGNORECASE,
)
_SIGNATURE_HTML = re.compile(
    r"<div\b[^<>]{0,300}?\b(?:class|id)\s?=\s?[\"'][^\"'<>]{0,100}?"
    r"(?:gmail_signature|moz-signature|ms-outlook-mobile-signature)",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]{0,2000}>|&nbsp;|\s")


def cut(text: str) -> str:
    """What the author wrote now; "" when all of it is quoted. `text` is plain text with \\n at the ends of lines."""
    kept: list[str] = []
    lines = text.split("\n")
    looked = [line[:MAX_LINE].rstrip() for line in lines]
    introduced, begun = _introductions(looked), False
    for at, line in enumerate(lines):
        if _FORWARDED.match(looked[at]):
            kept += lines[at:]
            break
        if line.rstrip("\r") == "-- " or _ends(looked, at, begun=begun):
            break
        if introduced.get(at) == _TO_THE_END:
            break
        if at not in introduced and not _QUOTED.match(looked[at]):
            kept.append(line)
            begun = begun or bool(looked[at])
    while kept and (not kept[-1].strip() or _SENT_FROM.match(kept[-1][:MAX_LINE].strip()) or _RULE.match(kept[-1])):
        kept.pop()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def cut_markup(markup: str) -> str:
    """HTML without the quoted mail and the signature, where the mail program marks them as such.

    A quote on top, with the answer below it, stays: nothing says where it ends.
    """
    for mark in (_QUOTED_HTML, _SIGNATURE_HTML):
        found = mark.search(markup)
        if found and _TAG.sub("", _body(markup[: found.start()])):
            markup = markup[: found.start()]
    return markup


def _body(markup: str) -> str:
    return re.sub(r"<(head|style|title)\b.*?</\1\s*>", "", markup[:50_000], flags=re.IGNORECASE | re.DOTALL)


def _ends(looked: list[str], at: int, *, begun: bool) -> bool:
    """Whether a signature or a whole quoted mail begins with this line."""
    if looked[at] == "--" and len(looked) - at <= _SIGNATURE_LINES:
        return True
    if begun and _FROM.match(looked[at]):
        return sum(bool(_OTHER_HEADER.match(line)) for line in looked[at + 1 : at + 7]) >= 2
    return bool(_ORIGINAL.match(looked[at]))


def _introductions(looked: list[str]) -> dict[int, str]:
    """The lines that say "On ... Ann wrote:", over up to three of them, and how what follows is quoted."""
    found: dict[int, str] = {}
    for end, line in enumerate(looked):
        if not line.endswith(":"):
            continue
        for start in range(end, max(end - 3, -1), -1):
            joined = " ".join(one.strip() for one in looked[start : end + 1])
            if _ATTRIBUTED.match(joined) and _ADDRESS_OR_TIME.search(joined):
                below = next((one for one in looked[end + 1 :] if one), "")
                how = _MARKED if _QUOTED.match(below) else _TO_THE_END
                found |= dict.fromkeys(range(start, end + 1), how)
                break
    return found
