"""The bundled model: an int8 graph run by onnxruntime, in the form that `train/export.py` writes.

Every text goes through the graph by itself, several at a time on as many threads. That is as fast as batches on a
processor (nothing is padded), and it makes a verdict depend on the text alone: the graph scales its activations by
their largest value, which in a batch would be a neighbour's.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.types import UNSUPPORTED, Verdict
from sentiment.adjustment import Adjustment
from sentiment.description import REMEDY, Description, Floats, ModelDamaged, Output
from sentiment.language import UNDETERMINED, Language, identify
from sentiment.text import normalise, says_something

REMEMBERED = 4096
"""Embeddings of the texts that were read last are kept (6 MB): whoever suggests a reply asks for them soon after."""
HEADS = "heads.npz"
"""Heads that were fitted anew once the graph stood, by the names of those in the graph that they take the place of. So
they can change without the graph, which is hundreds of times as large."""
SLICE = 64
"""Texts that are made ready at once: few, so that reading begins early, enough to fill the tokenizer's threads."""
TOGETHER = 8
"""Texts that a thread takes at once: handing them over costs time too."""


class OnnxClassifier:
    """Judges English; finds like texts. Its files are checked when it is made, and loaded on first use."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self._folder = folder
        self._threads = threads or _cores()
        self._described = Description.read(folder)
        self._opened: tuple[int, Any] = (0, None)
        self._heads: dict[str, Any] = {}
        self._recent: dict[str, Floats] = {}
        self._recent_lock = threading.Lock()
        self.name = f"{self._described.name}-{self._described.version}"
        for file, expected in self._described.files.items():
            check(folder / file, expected)
        if HEADS in self._described.files:
            with np.load(folder / HEADS) as found:
                self._heads = dict(found)

    def classify(
        self,
        texts: Sequence[str],
        langs: Sequence[str | None] | None = None,
        *,
        adjustment: Adjustment | None = None,
    ) -> list[Verdict]:
        """One verdict per text, in order. Texts in other languages than English are UNSUPPORTED.

        With an `adjustment` it reads as one brand has taught it, and the verdicts name that.
        """
        ready: list[tuple[str, Language]] = []

        def cleaned() -> Iterator[list[str]]:
            pairs = list(zip(texts, langs or [None] * len(texts), strict=True))
            for start in range(0, len(pairs), SLICE):
                part = [_clean(text, lang) for text, lang in pairs[start : start + SLICE]]
                ready.extend(part)
                yield [text for text, _ in part if says_something(text)]

        outputs = self._run(cleaned(), alone=len(texts) < 2)
        return [self._verdict(language, outputs.get(text), adjustment) for text, language in ready]

    def outputs(self, texts: Sequence[str]) -> list[Output | None]:
        """What the graph says of each text, in order: logits per head, and the embedding. None: it says nothing."""
        ready = [normalise(text) for text in texts]
        found = self._run([{text for text in ready if says_something(text)}], alone=len(ready) < 2)
        return [found.get(text) for text in ready]

    @property
    def described(self) -> Description:
        """How the graph's outputs are read."""
        return self._described

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors in order, whatever the language; a text without content is all zeros. Bundled: texts x 384."""
        ready = [normalise(text) for text in texts]
        with self._recent_lock:
            known = {text: self._recent[text] for text in ready if text in self._recent}
        unknown = {text for text in ready if text and text not in known}
        outputs = self._run([unknown], alone=len(unknown) < 2)
        vectors = known | {text: output["embedding"] for text, output in outputs.items()}
        nothing = np.zeros(self._described.width, dtype=np.float32)
        rows = [vectors.get(text, nothing) for text in ready]
        return np.stack(rows) if rows else nothing[None][:0]

    def _verdict(self, language: Language, output: Output | None, adjustment: Adjustment | None) -> Verdict:
        described, decision = self._described, self._described.complaint
        name = f"{self.name}+{adjustment.name}" if adjustment else self.name
        if not language.english:
            return Verdict(name, language.code, UNSUPPORTED, {}, None, None)
        if output is None:
            return replace(self._nothing(), model=name)
        if adjustment:
            output = adjustment.applied(output)
            decision = decision and replace(decision, unsure=adjustment.unsure or decision.unsure)
        scores = described.sentiment.shares(output["sentiment"])
        complaint, chance = decision.decide(output["complaint"]) if decision else (None, None)
        emotions = described.emotion.shares(output["emotion"]) if described.emotion else {}
        intents = described.intent.shares(output["intent"]) if described.intent else {}
        return Verdict(
            name,
            language.code,
            _likeliest(scores) or "",
            scores,
            complaint,
            chance,
            emotion=_likeliest(emotions),
            emotions=emotions,
            irony=described.irony.of(output["irony"]) if described.irony else None,
            offensive=described.offensive.of(output["offensive"]) if described.offensive else None,
            intent=_likeliest(intents),
            intents=intents,
        )

    def _nothing(self) -> Verdict:
        """Of a text without content: neutral, and nothing else that anyone could say of it."""
        scores = {label: float(label == "neutral") for label in self._described.sentiment.labels}
        return Verdict(
            self.name,
            UNDETERMINED,
            "neutral",
            scores,
            complaint=False,
            complaint_score=0.0,
            irony=0.0 if self._described.irony else None,
            offensive=0.0 if self._described.offensive else None,
        )

    def _run(self, slices: Iterable[Iterable[str]], *, alone: bool) -> dict[str, Output]:
        """The graph's outputs for each text. The next slice is made ready while the ones before it are read."""
        session = self._loaded()
        names = [output.name for output in session.get_outputs()]
        found: dict[str, Output] = {}
        if alone or self._threads == 1:
            for part in slices:
                found |= _read(session, names, self._encoded(set(part) - set(found)))
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                seen: set[str] = set()
                begun: list[Future[dict[str, Output]]] = []
                for part in slices:
                    work = self._encoded(set(part) - seen)
                    seen.update(text for text, _ in work)
                    size = min(TOGETHER, len(work) // (2 * self._threads) + 1)
                    groups = (work[start : start + size] for start in range(0, len(work), size))
                    begun += [pool.submit(_read, session, names, group) for group in groups]
                for one in begun:
                    found |= one.result()
        self._remember(found)
        return found

    def _encoded(self, texts: Collection[str]) -> list[tuple[str, list[int]]]:
        """Texts with their word pieces. The longest come first, so that the threads end together."""
        ordered = sorted(texts)
        encoded = self._tokenizer.encode_batch_fast(ordered)
        pairs = [(text, piece.ids) for text, piece in zip(ordered, encoded, strict=True)]
        return sorted(pairs, key=lambda pair: -len(pair[1]))

    def _remember(self, found: Mapping[str, Output]) -> None:
        with self._recent_lock:
            self._recent.update((text, output["embedding"]) for text, output in found.items())
            for oldest in list(self._recent)[: max(0, len(self._recent) - REMEMBERED)]:
                del self._recent[oldest]

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer  # noqa: PLC0415 - commands that judge nothing need not load it

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=self._described.length)
        return tokenizer

    def _loaded(self) -> Any:
        """This process's session: one made before a fork hangs after it."""
        process, session = self._opened
        if process != os.getpid():
            session = _open_session(self._folder / "model.onnx", self._heads)
            self._opened = (os.getpid(), session)
        return session


def check(path: Path, expected: str) -> None:
    """Raise ModelDamaged unless the file's SHA-256 is `expected`."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelDamaged(f"{path} cannot be read ({error.strerror}). {REMEDY}") from error
    if found != expected:
        raise ModelDamaged(f"{path} is damaged: its SHA-256 should be {expected} and is {found}. {REMEDY}")


def _likeliest(shares: Mapping[str, float]) -> str | None:
    return max(shares, key=lambda label: shares[label]) if shares else None


def _clean(text: str, declared: str | None) -> tuple[str, Language]:
    """What the model is to read of a text (nothing where it cannot), and its language."""
    language = identify(text, declared)
    return normalise(text) if language.english else "", language


def _read(session: Any, names: Sequence[str], work: Sequence[tuple[str, list[int]]]) -> dict[str, Output]:
    found: dict[str, Output] = {}
    for text, ids in work:
        outputs = session.run(names, {"input_ids": np.array([ids], dtype=np.int64)})
        found[text] = {name: output[0] for name, output in zip(names, outputs, strict=True)}
    return found


def _open_session(path: Path, heads: Mapping[str, Any]) -> Any:
    """`heads` take the place of the graph's constants of their names."""
    import onnxruntime  # noqa: PLC0415 - commands that judge nothing need not load it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The graph is written in the fastest form already; the optimiser would join operators into slower ones.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(value) for name, value in heads.items()}
    for name, value in values.items():
        options.add_initializer(name, value)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _cores() -> int:
    """Cores that this process may use (a container's quota is often smaller than its machine)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
