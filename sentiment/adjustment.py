"""What a brand's corrections taught: something to add to the logits of the bundled model's heads.

For each head that was fitted there is a bias for every class, and weights by which the embedding of a text moves it
further; for a yes or no they move the yes. `sentiment/refit.py` finds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sentiment.description import Floats, Output


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """What is added to one head's logits: `bias` (classes), and `weights` (classes x embedding) times the embedding."""

    bias: NDArray[np.float32]
    weights: NDArray[np.float32]

    def of(self, embedding: Floats) -> Floats:
        """The shift of one text's logits."""
        return np.asarray(self.bias + self.weights @ embedding)


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """All that one fit of a brand changes. `unsure` is its own band for complaints; None: the model's."""

    name: str
    shifts: Mapping[str, Shift]
    unsure: tuple[float, float] | None = None

    def applied(self, output: Output) -> Output:
        """What the graph says of a text, as this brand reads it."""
        moved = {head: output[head] + shift.of(output["embedding"]) for head, shift in self.shifts.items()}
        return {**output, **moved}

    def stored(self) -> dict[str, Any]:
        """As JSON keeps it, short: six decimals are more than the int8 graph is good for."""
        shifts = {
            head: {"bias": _short(shift.bias), "weights": _short(shift.weights)} for head, shift in self.shifts.items()
        }
        return {"shifts": shifts, "unsure": self.unsure}

    @classmethod
    def restored(cls, name: str, kept: Mapping[str, Any]) -> Self:
        """From what JSON kept."""
        shifts = {
            head: Shift(np.array(one["bias"], dtype=np.float32), np.array(one["weights"], dtype=np.float32))
            for head, one in kept["shifts"].items()
        }
        return cls(name, shifts, tuple(kept["unsure"]) if kept["unsure"] else None)


def _short(numbers: NDArray[np.float32]) -> Any:
    return np.round(numbers.astype(np.float64), 6).tolist()
