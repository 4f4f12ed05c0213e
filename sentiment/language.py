"""Which language a post is in, from its words and from what its platform declares.

Posts are short and platforms declare the language of the app rather than of the post, so both are evidence and
neither is proof. English is assumed of Latin script until something else is clearly likelier: a text that is wrongly
called foreign is never judged, and nobody sees that it was missed.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from sentiment.text import wording

UNDETERMINED = "und"
"""BCP 47's code for a language that nobody could tell."""

LANGUAGES = frozenset(
    "en de es fr pt it nl sv da no fi pl tr id ro cs hu ca vi tl "  # noqa: SIM905 - a table of forty codes
    "ar fa ur he ru uk bg sr el ja ko zh th hi bn ta te mr ka hy".split()
)
"""The languages that are told apart: with rarer ones in the choice, short posts are taken for them."""

CLEARLY = 8.0
"""How many times likelier than English another language must be (measured on English and foreign short posts)."""
AT_LEAST = 0.2
"""How likely it must be in itself."""
DECLARED = 10.0
"""How much likelier a language is for being declared: it decides "gracias", not a sentence in another language."""


class Language(NamedTuple):
    """`code` is ISO 639 or UNDETERMINED; `english` tells whether a model for English should read the text."""

    code: str
    english: bool


def identify(text: str, declared: str | None = None) -> Language:
    """The language of a post. Without a word in it (emoji, links, names, numbers) it is undetermined, and readable."""
    words = wording(text)
    if not words:
        return Language(UNDETERMINED, english=True)
    prior = (declared or "").replace("_", "-").split("-")[0].lower()
    first, sure = _identifier().classify(words)
    if first == "en" and prior in {"", "en"}:
        return Language("en", english=True)
    likely = dict(_identifier().rank(words)) if sure < 1.0 else {first: sure, "en": 0.0}
    english = likely["en"]
    if prior in likely:
        likely[prior] *= DECLARED
    best = max(likely, key=lambda code: likely[code])
    if best == "en":
        return Language("en", english=True)
    if _foreign_script(words):
        return Language(best if sure >= AT_LEAST else UNDETERMINED, english=False)
    clear = likely[best] >= CLEARLY * max(likely["en"], 1e-9) and (likely[best] >= AT_LEAST or english < 1e-3)
    if clear:
        return Language(best, english=False)
    return Language(prior if prior == "en" else UNDETERMINED, english=True)


def _foreign_script(words: str) -> bool:
    letters = [letter for letter in words[:100] if letter.isalpha()]
    latin = sum(letter.isascii() or unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    return 2 * latin < len(letters)


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier
