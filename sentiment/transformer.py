"""Any Hugging Face text-classification model, by id or folder, where the `torch` extra is installed.

Its labels are read as ours: negative, neutral, positive and their abbreviations, stars, LABEL_0 to LABEL_2 (in that
order), or complaint and its opposite; a model of complaints alone leaves sentiment UNSUPPORTED. A model judges every
language: which ones it can is for its user to know.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.types import SENTIMENTS, UNSUPPORTED, Verdict
from sentiment.classifier import ModelUnusable
from sentiment.language import identify
from sentiment.text import normalise

BATCH = 32
LENGTH = 256
"""Word pieces of a text that are read; the models this is for were trained on short posts."""

_WORDS = {
    "negative": ("negative", "neg", "bad"),
    "neutral": ("neutral", "neu", "mixed"),
    "positive": ("positive", "pos", "good"),
    "complaint": ("complaint", "complaining", "is_complaint"),
    "other": ("no_complaint", "non_complaint", "not_complaint", "not_a_complaint", "noncomplaint", "no complaint"),
}
_BY_COUNT = {
    2: ("negative", "positive"),
    3: SENTIMENTS,
    5: ("negative", "negative", "neutral", "positive", "positive"),
}
"""What unnamed labels (LABEL_0, LABEL_1 ...) mean, by how many there are."""


class TransformerClassifier:
    """A Hugging Face model as a Classifier. Raises ModelUnusable where it, its labels or torch are not to be had."""

    def __init__(self, name: str, threads: int = 0) -> None:
        if find_spec("torch") is None:
            raise ModelUnusable(
                f"the model {name!r} needs torch. Run: pip install 'ripplewatch[torch]' "
                "(or choose the model that comes with Ripplewatch: bundled)"
            )
        import torch  # noqa: PLC0415 - an extra
        from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415 - slow to import

        if threads:
            torch.set_num_threads(threads)
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(name)
            self._model: Any = AutoModelForSequenceClassification.from_pretrained(name).eval()
        except (OSError, ValueError) as error:
            raise ModelUnusable(f"cannot load the model {name!r} from Hugging Face or a folder: {error}") from error
        self._labels = read_labels(self._model.config.id2label)
        self.name = f"{Path(name).name if Path(name).is_dir() else name}@{_version(name, self._model.config)}"

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict per text, in order; texts of like length are judged together."""
        codes = [identify(text, lang).code for text, lang in zip(texts, langs or [None] * len(texts), strict=True)]
        ready = [normalise(text) for text in texts]
        order = sorted(range(len(ready)), key=lambda index: len(ready[index]))
        verdicts: dict[int, Verdict] = {}
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            for index, shares in zip(batch, self._shares([ready[index] for index in batch]), strict=True):
                verdicts[index] = self._verdict(codes[index], shares)
        return [verdicts[index] for index in range(len(texts))]

    def _shares(self, texts: list[str]) -> list[list[float]]:
        import torch  # noqa: PLC0415 - an extra

        encoded = self._tokenizer(texts, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
        with torch.inference_mode():
            shares: list[list[float]] = self._model(**encoded).logits.float().softmax(-1).tolist()
        return shares

    def _verdict(self, language: str, shares: Sequence[float]) -> Verdict:
        scores: dict[str, float] = {}
        for label, share in zip(self._labels, shares, strict=True):
            scores[label] = scores.get(label, 0.0) + share
        if "complaint" in scores:
            chance = scores["complaint"]
            return Verdict(self.name, language, UNSUPPORTED, {}, complaint=chance >= 0.5, complaint_score=chance)
        scores = {label: scores.get(label, 0.0) for label in SENTIMENTS}
        return Verdict(self.name, language, max(scores, key=lambda label: scores[label]), scores, None, None)


def read_labels(id2label: Mapping[int, str]) -> tuple[str, ...]:
    """What each output of a model means: names of SENTIMENTS, or complaint and other."""
    named = [id2label[index] for index in sorted(id2label)]
    if all(re.fullmatch(r"LABEL_\d+", label) for label in named) and len(named) in _BY_COUNT:
        return _BY_COUNT[len(named)]
    read = [_meaning(label) for label in named]
    if None in read or not (set(read) <= set(SENTIMENTS) or set(read) == {"complaint", "other"}):
        raise ModelUnusable(
            f"the model's labels are {', '.join(named)}; understood are negative, neutral and positive, 1 to 5 stars, "
            "or complaint and no_complaint (rename them in the model's config.json, under id2label)"
        )
    return tuple(label for label in read if label)


def _meaning(label: str) -> str | None:
    plain = label.strip().lower().replace("-", "_")
    if stars := re.fullmatch(r"([1-5])[ _]?stars?", plain):
        return _BY_COUNT[5][int(stars[1]) - 1]
    return next((meaning for meaning, words in _WORDS.items() if plain in words), None)


def _version(name: str, config: Any) -> str:
    """Eight characters that change with the weights: the hub's commit, or a digest of the folder's weights."""
    if commit := getattr(config, "_commit_hash", None):
        return str(commit)[:8]
    digest = hashlib.sha256()
    for path in sorted([*Path(name).glob("*.safetensors"), *Path(name).glob("*.bin")]):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:8]
