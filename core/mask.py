"""Blanks personal data in the text of posts, wherever that text leaves the case page.

People write e-mail addresses, phone numbers, card numbers, IBANs and order numbers into public posts. What has a
checksum (cards, IBANs) is recognised by it, the rest by its shape or by the word before it; national phone numbers
that neither gives away, by the countries' numbering plans (the phonenumbers library). Dates, times, prices, versions,
handles and web addresses stay readable. In doubt a long number is masked: who may read it opens the case.

Every repetition below is bounded and starts at a border, so that a hostile text costs no more than a long one.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

_DIGITS = re.compile(r"\d(?:[^\d\n]{0,3}\d){2}")
"""What a text without any number to blank mostly lacks: the quick way out."""
_URL = re.compile(r"((?:https?://|www\.)[^\s<>\"]+)", re.IGNORECASE)
_AT = re.compile(r"(?<=[\w+-])(?:[@＠]|%40)\w")
_EMAIL = re.compile(r"(?<![\w.+@＠-])[\w.+-]{1,64}(?:[@＠]|%40)(?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24}(?![\w@])")
_IBAN = re.compile(r"(?<!\w)[a-z]{2}\d\d(?:[ -]?[a-z\d]){11,30}", re.IGNORECASE)
_CARD = re.compile(r"(?<![\w.])[2-6](?:[ -]?\d){12,18}(?!\w)")
_ORDER = re.compile(r"(?<![\w-])(?=[a-z-]{0,29}\d)[a-z\d][a-z\d-]{2,29}(?!\w)", re.IGNORECASE)
_ORDERED = re.compile(
    r"(?<!\w)(?:order|booking|reservation|ticket|tracking|reference|ref|invoice|parcel|shipment|customer|account"
    r"|case|claim|policy|pnr|bestellung|bestell|auftrag|auftrags|rechnung|rechnungs|kunden|sendungs?"
    r"|commande|facture|réservation|pedido|reserva|factura|ordine|prenotazione|fattura|encomenda)"
    r"(?P<mark>[ -]?(?:number|nummer|num|no|nr|id|code|número|numéro|numero|n[°º])?[ .:#№]{0,4}"
    r"(?:(?:is|ist|es|est|è) )?#?)$",
    re.IGNORECASE,
)
"""What stands before an order number."""
_CODE = re.compile(r"(?<![\w-])(?:[A-Z]{1,4}[-#]?\d{6,20}|#\d{5,20}|\d{3}-\d{7}-\d{7}|1Z[\dA-Z]{16})(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w+.,@#/-])(?:"
    r"(?:\+|00) ?\(?[1-9](?:[ ()./-]{0,3}\d){7,14}"  # international
    r"|\(?0[1-9](?:[ ()./-]{0,3}\d){7,10}"  # national, as most countries dial it
    r"|(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])\d{3}[ .-]\d{4}"  # North America
    r")(?!\w)"
)
_CALL = re.compile(r"(?<![\w+.,@#/-])(?:\+|\()?\d(?:[ ()./-]{0,2}\d){6,14}(?!\w)")
_CALLED = re.compile(
    r"(?<!\w)(?:tel|telephone|phone|call|ring|mobile|cell|whatsapp|handy|telefon|teléfono|telefono|téléphone"
    r"|móvil|portable)\.?(?: (?:me|us|is|at|on|no|number|nummer|número)){0,3}[ .:]{0,3}$",
    re.IGNORECASE,
)
"""What stands before a number that only its neighbours show to be a phone's."""
_PLANS = ("ES", "PT", "IT", "BR", "IN", "PL", "MX")
"""Countries whose people dial without a leading 0 and write no +, so that only the numbering plan tells."""
_MOST_ASKED = 20
"""Numbers of one text that are looked up in the plans, some milliseconds each; of more, each may be a phone's."""
_BEFORE = 48
"""So many characters before a number are looked at."""
_NUMBER = re.compile(r"(?<![\w.,@$€£¥/-])(?:\d{4}(?:[ -]\d{4}){3}|\d{9,40})(?![\w%]|[.,]\d)")
_DATE = re.compile(
    r"(?<![\d./-])(?:\d{1,2}([./-])\d{1,2}\1(?:(?:19|20)\d\d|\d\d(?!\1))|(?:19|20)\d\d([./-])\d{1,2}\2\d{1,2})(?!\d)"
)

_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
"""Characters of an IBAN per country, from the SWIFT registry."""


def mask(text: str) -> str:
    """The text with every e-mail address, card, phone and order number and IBAN replaced by what it was, in [ ]."""
    return _Search().blank(text)


def personal(text: str) -> list[tuple[str, str]]:
    """What `mask` would blank: what it is ("e-mail", "phone", ...), and the characters as they stand."""
    search = _Search()
    search.blank(text)
    return search.found


class _Search:
    """One pass over one text, which remembers what it blanks."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._asked = 0

    def blank(self, text: str) -> str:
        if _AT.search(text):
            text = _EMAIL.sub(lambda found: self._note("e-mail", found[0]), text)
        if not _DIGITS.search(text):
            return text
        parts = _URL.split(text)
        parts[::2] = [self._numbers(part) for part in parts[::2]]  # web addresses are the odd ones
        return "".join(parts)

    def _note(self, what: str, phrase: str) -> str:
        self.found.append((what, phrase))
        return f"[{what}]"

    def _numbers(self, text: str) -> str:
        text = _IBAN.sub(self._iban, text)
        text = _CARD.sub(self._card, text)
        text = _ORDER.sub(self._order, text)
        text = _CODE.sub(lambda found: self._note("order number", found[0]), text)
        text = _PHONE.sub(lambda found: found[0] if _DATE.search(found[0]) else self._note("phone", found[0]), text)
        text = _CALL.sub(self._call, text)
        return _NUMBER.sub(
            lambda found: found[0] if found[0].endswith("000000") else self._note("number", found[0]), text
        )

    def _iban(self, found: re.Match[str]) -> str:
        """Cut to the country's length, since words may follow, and checked by ISO 13616's remainder."""
        text = found[0]
        length = _IBAN_LENGTHS.get(text[:2].upper(), 0)
        for end in _ends(text, {length}):
            code = "".join(filter(str.isalnum, text[:end])).upper()
            if code.isascii() and int("".join(str(int(sign, 36)) for sign in code[4:] + code[:4])) % 97 == 1:
                return self._note("IBAN", text[:end]) + text[end:]
        return text

    def _card(self, found: re.Match[str]) -> str:
        """Checked by Luhn's formula; an expiry date or a price may follow, so shorter readings are tried too."""
        text = found[0]
        for end in reversed(list(_ends(text, set(range(13, 20))))):
            if _luhn([int(digit) for digit in text[:end] if digit.isdigit()]):
                return self._note("card", text[:end]) + text[end:]
        return text

    def _order(self, found: re.Match[str]) -> str:
        """After a mark ("no", "#", ":") three digits make an order number, without one five; a date never does."""
        code, before = found[0], _ORDERED.search(_before(found))
        if before is None or _DATE.fullmatch(code):
            return code
        few = sum(map(str.isdigit, code)) < (3 if before["mark"].strip() else 5)
        return code if few else self._note("order number", code)

    def _call(self, found: re.Match[str]) -> str:
        number = found[0]
        if (_grouped(number) and self._dialled(number)) or _CALLED.search(_before(found)):
            return self._note("phone", number)
        return number

    def _dialled(self, number: str) -> bool:
        self._asked += 1
        return self._asked > _MOST_ASKED or _in_a_plan(number)


def _grouped(number: str) -> bool:
    """Whether it is long enough, has gaps, and is no date or round sum."""
    digits = "".join(filter(str.isdigit, number))
    return 9 <= len(digits) < len(number) and not digits.endswith("000000") and not _DATE.search(number)


@functools.lru_cache(maxsize=4096)
def _in_a_plan(number: str) -> bool:
    """Whether one of _PLANS has this number, and groups it so."""
    from phonenumbers import Leniency, PhoneNumberMatcher  # noqa: PLC0415 - slow to import, and few texts need it

    matchers = (PhoneNumberMatcher(number, plan, Leniency.STRICT_GROUPING) for plan in _PLANS)
    return any(matcher.has_next() for matcher in matchers)


def _before(found: re.Match[str]) -> str:
    return found.string[max(0, found.start() - _BEFORE) : found.start()]


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _ends(text: str, lengths: set[int]) -> Iterator[int]:
    """Where `text` may end so that it has one of these numbers of letters and digits and splits no word."""
    count = 0
    for place, sign in enumerate(text, 1):
        count += sign.isalnum()
        if count in lengths and sign.isalnum() and not text[place : place + 1].isalnum():
            yield place
