"""What a text looks like to the model: one function, used in training and in serving alike.

A model is only as good as the likeness between what it learned from and what it is given, so nothing else in
this folder may clean text.
"""

from __future__ import annotations

import html
import re
import unicodedata

LONGEST = 2_000
"""Characters that are looked at; the model reads no more than the first 128 word pieces of them anyway."""

_INVISIBLE_RANGES = ((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xD800, 0xDFFF))
"""Zero-width characters, the controls that turn the direction of writing, and halves of characters."""

_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x034F, 0x061C, 0x180E, 0xFEFF]
    + [code for first, last in _INVISIBLE_RANGES for code in range(first, last + 1)]
)

_VARIATION = dict.fromkeys([*range(0xFE00, 0xFE10), *range(0x1F3FB, 0x1F400)])
"""Variation selectors and skin tones: they change how an emoji looks, not what it says."""

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w.])@\w+(?:[.-]\w+)*(?:@\w+(?:[.-]\w+)*)?")
_HANDLES = re.compile(r"@user(?:\s+@user)+")
_PLACEHOLDER = re.compile(r"@user|\bhttp\b")
_HASHTAG = re.compile(r"#\w+")
_HUMP = re.compile(r"(?<=[a-z]{2})(?=[A-Z])|(?<=[^\W_])_+(?=[^\W_])")
_STRETCH = re.compile(r"(.)\1{3,}", re.DOTALL)
_PICTURE = re.compile(r"([\u2600-\u27BF\u2B50\U0001F000-\U0001FAFF])\1*")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SPACE = re.compile(r"\s+")


def normalise(text: str) -> str:
    """One line as the model reads it: `@user` for names, `http` for links, emoji as their Unicode names.

    Entities and `\\uXXXX` escapes left by careless exports are decoded, invisible characters dropped, styled
    letters made plain, stretched ones (`sooooo`) shortened to three, hashtags (`#BrokenAgain`) taken apart. Text
    beyond LONGEST characters is cut first, so that the cost of a hostile text is bounded.
    """
    text = text[:LONGEST]
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = _plain(text)
    text = _HANDLE.sub("@user", _LINK.sub("http", text))
    if "#" in text:
        text = _HASHTAG.sub(lambda found: _HUMP.sub(" ", found[0]), text)
    text = _STRETCH.sub(r"\1\1\1", _HANDLES.sub("@user", text))
    return _SPACE.sub(" ", text).strip()


def says_something(normalised: str) -> bool:
    """Whether more is left of a normalised text than names, links and punctuation."""
    return any(letter.isalnum() for letter in _PLACEHOLDER.sub("", normalised))


def wording(text: str) -> str:
    """Only the words of the first few hundred characters, in small letters: what tells the language of a post."""
    text = text[:400].translate(_INVISIBLE)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(_WORD.findall(_HANDLE.sub(" ", _LINK.sub(" ", text)))).lower()


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).translate(_VARIATION)
    return _PICTURE.sub(_name, text.replace("’", "'").replace("‘", "'"))


def _name(found: re.Match[str]) -> str:
    return f" {unicodedata.name(found[1], '').lower()} "
