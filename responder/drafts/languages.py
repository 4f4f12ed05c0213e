"""Languages as drafts speak of them: two codes for the same one, and its name."""

from __future__ import annotations

from sentiment.language import UNDETERMINED

_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def spoken(language: str) -> str:
    """The language without its region. A text without words (a picture, an emoji) is answered in English."""
    base = language.casefold().partition("-")[0]
    return "en" if base in ("", UNDETERMINED) else base


def called(language: str) -> str:
    """The language's English name, or its code where we know none."""
    return _NAMES.get(spoken(language), language)
