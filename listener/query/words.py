"""The form in which texts and search terms are compared: folded words between single spaces.

"Still WAITING on @Acmé's refund: https://acme.com/x" becomes " still waiting on @ acme ' s refund ". A term goes
through the same function, so it stands in a text exactly where its form stands in the text's form: " acme " is in it,
" acm " is not. One substring search decides words, phrases, prefixes, tags and handles alike, and thousands of them
can be sought at once.

What happens to each character:

* Case, accents, full-width and stylised letters are folded (NFKD, marks stripped, casefold), with the letters that
  Unicode does not decompose (dotless i, o with stroke, Arabic yeh and kaf of other keyboards, ...) mapped by hand.
  Marks are stripped where they are accents; the vowel signs of Indic and Thai, and the voicing of Kana, are letters.
* Characters without width (ZWSP, soft hyphen, bidi controls, variation selectors, tatweel) are dropped, so that
  nobody hides a brand by writing it with them.
* Scripts written without spaces (and Korean, which glues particles to words) form runs of their own. A term in them
  matches inside a run.
* An emoji is a word of its own; skin tone and gender variants are one emoji, a joined family is another one.
* `#`, `@` and `$` before a word are kept as marks of their own, `'` inside a word, `+` after and `&` beside one too.
  All else (dots, hyphens, quotes, white space) only separates words.
* Links are taken out: nobody means them when searching for a word.
"""

import re
import unicodedata

import regex

MARKS = "#@$"
"""The characters that turn the word behind them into a hashtag, a handle or a cashtag."""

# Thai, Lao, Burmese, Khmer, Han, Kana, Bopomofo; and Hangul. What in these ranges is no letter never gets this far.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u3130\u3190-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_HANGUL = "\u1100-\u11ff\u3131-\u318f\ua960-\ua97f\uac00-\ud7ff"
_RUN = re.compile(rf"[{MARKS}]?[{_SPACELESS}{_HANGUL}]+")
_ACCENT = regex.compile(
    r"(?V1)[\p{M}&&[\p{Inherited}\p{Latin}\p{Greek}\p{Cyrillic}\p{Hebrew}\p{Arabic}\p{Syriac}]--[\u3099\u309a]]"
)
_EMOJI = regex.compile(r"(?V1)[\p{Extended_Pictographic}--[©®™‼⁉〰〽]]")
_FLAG_LETTER = regex.compile(r"\p{Regional_Indicator}")

_BY_HAND = {
    **dict.fromkeys("’‘ʼʻ´`", "'"),
    **dict.fromkeys("™℠", " "),  # "Acme™" is the word acme, not acmetm
    **dict.fromkeys("\u0640\u115f\u1160\u3164\uffa0", ""),  # tatweel; Hangul letters that show nothing
    **dict.fromkeys("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff", ""),  # skin tones
    **dict.fromkeys("ىی", "ي"),
    "ک": "ك",
    "♯": "♯",
    "\u200d": "\u200d",  # joins emoji; dropped elsewhere by _join_emoji
}
_LETTERS = {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}

# Control characters never survive the table, so they can mark borders while a text is on its way.
_JOINT, _PICTURE, _FLAG = "\x01", "\x02", "\x03"
_TABLE_LIMIT = 50_000

_DOMAIN = r"(?<![\w@.-])(?:[\w-]++\.)+"
_ENDINGS = (
    "com|org|net|edu|gov|info|biz|app|dev|shop|store|news|social|tv|io|co|ai|me|ly|gl|gg|eu|uk|us|de|fr|es|it|nl|be"
    "|at|ch|se|no|dk|fi|ie|pt|pl|cz|gr|tr|ru|ua|in|jp|kr|cn|au|nz|ca|br|mx|ar|za|il|sa|ae|id|sg|hk|tw|th|vn|my|ph"
)
# A link ends at white space and where a script without spaces goes on; a bare name is one only with a path.
_REST = rf"[^\s<>\"\uff08-\uff0f{_SPACELESS}{_HANGUL}]"
_LINK = re.compile(rf"[hHwW](?<![A-Za-z0-9].)(?:(?<=[hH])[tT][tT][pP][sS]?://|(?<=[wW])[wW]{{2}}\.){_REST}+", re.DOTALL)
_BARE_LINK = re.compile(rf"{_DOMAIN}(?:{_ENDINGS})/{_REST}*", re.IGNORECASE)
_INNER_DOT = re.compile(r"\.\w")
_HOST = re.compile(r"(?:[hH][tT][tT][pP][sS]?://(?:[^\s/@?#]*@)?|(?<![\w@.\-/=?&#%~+]))((?:[\w-]++\.)+[^\W\d_][\w-]+)")

# What the table leaves is a letter unless it is one of these. A tag keeps its underscores: @acme_ is not @acme.
_SIGNS = "#@$&+'_♯"
_SIGN = re.compile(rf"[{_SIGNS}](?:(?<=[#@$])(?<![^ #@$&+'♯].)_*[^ {_SIGNS}][^ #@$&+'♯]*|(?<=\+)\++)?")
_UNIT = regex.compile(rf"(?V1)[[{_SPACELESS}]--\p{{M}}]\p{{M}}*|[^ #@$'+♯{_SPACELESS}]+(?: ' [^ ]+)*(?: (?:[+]+|♯))*")


_ASCII_UNIT = re.compile(r"[^ #@$'+]+(?: ' [^ ]+)*(?: [+]+)*")
"""The same for what is all ASCII, several times as fast."""
_MAY_BE_EMOJI = re.compile("[\u203c-\u3299\U0001f000-\U0001faff]")


def words(text: str) -> str:
    """The comparable form of `text`: its words, folded, with one space before, between and after them."""
    text = without_links(text)
    folded = text.encode("utf-8", "ignore").translate(_ASCII, _ASCII_DROPPED).decode("utf-8")
    if not folded.isascii():
        folded = _fold(folded)
    form = f" {_SIGN.sub(_set_apart, folded)} "
    while "  " in form:
        form = form.replace("  ", " ")
    return form


def unmarked(form: str) -> str:
    """The form without the marks of hashtags, handles and cashtags: `acme` also finds "#acme" and "@acme"."""
    for mark in MARKS:
        if mark in form:
            form = form.replace(mark + " ", "")
    return form


def unit_starts(form: str) -> list[int]:
    """Where in a form each word starts, as NEAR counts them.

    "Acme's" and "C++" are one word, a mark belongs to its word, and each character of a script without spaces
    is one (Korean has spaces: there words count).
    """
    return [unit.start() for unit in (_ASCII_UNIT if form.isascii() else _UNIT).finditer(form)]


def is_run(character: str) -> bool:
    """Whether a character belongs to a script in which a term matches without borders around it."""
    return _RUN.fullmatch(character) is not None


def without_links(text: str) -> str:
    """The text without its links: `https://...`, `www....` and `example.com/path`."""
    if "/" in text or "ww." in text or "WW." in text:
        text = _LINK.sub(" ", text)
        if "/" in text:
            text = _BARE_LINK.sub(" ", text)
    return text


def holds_emoji(text: str) -> bool:
    """Whether there is an emoji in a text; a flag is one."""
    return any(_EMOJI.match(sign[0]) or _FLAG_LETTER.match(sign[0]) for sign in _MAY_BE_EMOJI.finditer(text))


def hosts(text: str) -> list[str]:
    """The host names of the links in a text or of one address, lower-case ASCII, as often as they occur."""
    if not may_hold_host(text):
        return []
    return [ascii_host(host) for piece in text.split() if "." in piece for host in _HOST.findall(piece)]


def may_hold_host(text: str) -> bool:
    """False for a text in which no host name can stand. Most texts are passed over at the speed of memchr."""
    return _INNER_DOT.search(text) is not None


def ascii_host(host: str) -> str:
    """A host name as the network writes it: lower case, no final dot, non-ASCII labels in punycode."""
    host = host.lower().rstrip(".")
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:  # not a possible host name: it only has to equal itself
        return host


class _Table(dict[int, str]):
    """What each character becomes; filled as characters turn up, and bounded because posts are hostile."""

    def __missing__(self, code: int) -> str:
        folded = _fold_character(chr(code))
        if len(self) < _TABLE_LIMIT:
            self[code] = folded
        return folded


def _fold_character(character: str) -> str:
    if character in _BY_HAND:
        return _BY_HAND[character]
    decomposed = unicodedata.normalize("NFKD", character)
    if _EMOJI.match(character) and decomposed == character:
        return f"{_PICTURE}{character}{_PICTURE}"
    if _FLAG_LETTER.match(character):
        return f"{_FLAG}{character}{_FLAG}"
    folded = "".join(_fold_simple(simple) for letter in decomposed for simple in letter.casefold())
    return unicodedata.normalize("NFC", folded)


def _fold_simple(character: str) -> str:
    """Fold a character that NFKD and casefold leave alone."""
    if character in _BY_HAND or character in _LETTERS:
        return _BY_HAND.get(character) or _LETTERS.get(character, "")
    if character in "#@$&+'_":
        return character
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category in ("Cf", "Cc", "Cs") or _ACCENT.match(character):
        return ""
    return character if category[0] in "LNM" else " "


def _fold(text: str) -> str:
    """Fold what is not ASCII in a text whose ASCII part is folded already."""
    folded = _CHANGING.sub(lambda piece: piece[0].translate(_TABLE), text)
    if folded.isascii():
        return folded
    folded = _RUN.sub(lambda run: f" {run[0]} ", folded)
    if "\u200d" in folded:
        folded = _join_emoji(folded)
    if _FLAG in folded:
        folded = _pair_flags(folded)
    return unicodedata.normalize("NFC", folded.replace(_PICTURE, " "))


def _join_emoji(folded: str) -> str:
    folded = folded.replace(f"{_PICTURE}\u200d{_PICTURE}", _JOINT).replace("\u200d", "")
    return folded.replace(f"{_JOINT}♀", "").replace(f"{_JOINT}♂", "")


def _pair_flags(folded: str) -> str:
    return re.sub("[\U0001f1e6-\U0001f1ff]{2}", r" \g<0> ", folded.replace(_FLAG * 2, "")).replace(_FLAG, " ")


def _set_apart(found: re.Match[str]) -> str:
    """What a sign between letters becomes: "it's" is "it ' s", "#acme" is "# acme", a stray one only separates."""
    sign = found[0]
    if len(sign) > 1 and sign[0] != "+":
        return f" {sign[0]} {sign[1:]} "
    start, end = found.span()
    after_letter = start > 0 and found.string[start - 1] not in _NO_LETTER
    before_letter = end < len(found.string) and found.string[end] not in _NO_LETTER
    if after_letter and sign == "#" and not before_letter:
        return " ♯ "
    if after_letter and before_letter and sign[0] in "_'":
        return "_" if sign == "_" else " ' "
    return f" {sign} " if sign in "&♯" or (after_letter and sign[0] == "+") else " "


_NO_LETTER = frozenset(_SIGNS + " ")


def _unchanged(first: int, last: int) -> str:
    """The characters of a range that are folded already, to be written into a character class."""
    return "".join(chr(code) for code in range(first, last + 1) if _fold_character(chr(code)) == chr(code))


_TABLE = _Table()
# Most letters of scripts without case are folded already, and passing them over is several times as fast.
_STEADY = "".join(
    _unchanged(*span) for span in ((0x430, 0x44F), (0x5D0, 0x64A), (0x904, 0x94D), (0xE01, 0xE4E), (0x3041, 0x30FC))
)
_CHANGING = re.compile(rf"[^\x00-\x7f{_STEADY}\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]+")
# UTF-8 keeps every byte of other characters above 127, so that a table of bytes folds the ASCII ones in one go.
_ASCII_DROPPED = bytes(code for code in range(128) if not _fold_character(chr(code)))
_ASCII = bytes(ord(_fold_character(chr(code)) or " ") for code in range(128)) + bytes(range(128, 256))
