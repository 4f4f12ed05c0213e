"""What model.json says of a model: how to read what its graph puts out, and the SHA-256 of each file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sentiment.classifier import ModelUnusable

Floats = NDArray[np.float32]
Output = Mapping[str, Floats]
"""What a graph says of one text: logits per head, and the embedding."""

REMEDY = "Install Ripplewatch again, or make the model anew with `ripplewatch train`."


class ModelDamaged(ModelUnusable):
    """A file of the model is not what its description says."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How to read a head that chooses one label: `softmax(logits / temperature)` are the probabilities."""

    labels: tuple[str, ...]
    temperature: float

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Self:
        """From model.json."""
        return cls(tuple(found["labels"]), float(found["temperature"]))

    def shares(self, logits: Floats) -> dict[str, float]:
        """Probability per label."""
        spread = np.exp((logits - logits.max()) / self.temperature)
        return {label: float(share) for label, share in zip(self.labels, spread / spread.sum(), strict=True)}


@dataclass(frozen=True, slots=True)
class Chance:
    """How to read a head that says yes or no: `sigmoid(scale * (logit of yes - logit of no) + shift)`."""

    scale: float
    shift: float

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Self:
        """From model.json."""
        return cls(float(found["scale"]), float(found["shift"]))

    def of(self, logits: Floats) -> float:
        """The probability of yes."""
        return 1 / (1 + math.exp(-(self.scale * float(logits[1] - logits[0]) + self.shift)))


@dataclass(frozen=True, slots=True)
class Decision:
    """A Chance that is set so that 0.5 is the best place to decide; strictly between `unsure` nobody should."""

    chance: Chance
    unsure: tuple[float, float]

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Self:
        """From model.json."""
        low, high = found["unsure"]
        return cls(Chance.read(found), (float(low), float(high)))

    def decide(self, logits: Floats) -> tuple[bool | None, float]:
        """The label, None for unsure, and the probability."""
        chance = self.chance.of(logits)
        low, high = self.unsure
        return (None if low < chance < high else chance >= high), chance


@dataclass(frozen=True, slots=True)
class Description:
    """A head that the model was made without is None; one without complaints is unsure of every text."""

    name: str
    version: str
    length: int
    width: int
    sentiment: Choice
    complaint: Decision | None
    emotion: Choice | None
    irony: Chance | None
    offensive: Chance | None
    intent: Choice | None
    files: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The description of the model in `folder`."""
        path = folder / "model.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                name=found["name"],
                version=found["version"],
                length=found["length"],
                width=found["width"],
                sentiment=Choice.read(found["sentiment"]),
                complaint=Decision.read(found["complaint"]) if found["complaint"] else None,
                emotion=Choice.read(found["emotion"]) if found.get("emotion") else None,
                irony=Chance.read(found["irony"]) if found.get("irony") else None,
                offensive=Chance.read(found["offensive"]) if found.get("offensive") else None,
                intent=Choice.read(found["intent"]) if found.get("intent") else None,
                files=found["files"],
            )
        except OSError as error:
            raise ModelUnusable(
                f"no model in {folder}: cannot read {path.name} ({error.strerror}). {REMEDY}"
            ) from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ModelDamaged(f"{path} does not describe a model ({error!r}). {REMEDY}") from error
