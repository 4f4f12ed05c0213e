"""What every model looks like to the rest of the service, and how one is loaded by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import RipplewatchError
from core.types import Verdict

if TYPE_CHECKING:
    from sentiment.onnx import OnnxClassifier

BUNDLED = Path(__file__).with_name("model")
"""The folder of the model that comes with the service."""


class ModelUnusable(RipplewatchError):
    """A model cannot be loaded; the message says what to do."""


class Classifier(Protocol):
    """Judges texts. Safe to call from several threads, and after a fork."""

    @property
    def name(self) -> str:
        """Model and version, as stored with every verdict: two models never share one."""

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict per text, in order. `langs` are the languages that the platforms declare (BCP 47), if any."""


class Embedder(Protocol):
    """Turns texts into vectors; like texts lie close together."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, one row per text: the product of two is their likeness, -1 to 1."""


def load(name: str = "bundled", threads: int = 0) -> Classifier:
    """The model called `name`: bundled, lexicon, or a Hugging Face text-classification id or folder (needs torch).

    `threads` bounds how many cores it takes; 0 takes what the machine gives this process. Raises ModelUnusable.
    """
    if name in {"", "bundled"}:
        return load_bundled(threads)
    if name == "lexicon":
        from sentiment.lexicon import LexiconClassifier  # noqa: PLC0415 - a model is imported when it is chosen

        return LexiconClassifier()
    from sentiment.transformer import TransformerClassifier  # noqa: PLC0415 - likewise

    return TransformerClassifier(name, threads)


def load_bundled(threads: int = 0) -> OnnxClassifier:
    """The model that comes with the service; also an Embedder."""
    from sentiment.onnx import OnnxClassifier  # noqa: PLC0415 - likewise

    return OnnxClassifier(BUNDLED, threads)
