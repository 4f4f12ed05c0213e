"""A detector's state as few bytes: its numbers as doubles, the rest as JSON, all of it compressed."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from sentiment.ripple.spikes import Detector, ShareDetector

Watcher = Detector | ShareDetector

_SLOT = ("number", "stands", "rate", "usual", "hits", "of")
_BEFORE = 4
_HEAD = struct.Struct("<HHI")


def pack(detector: Watcher) -> bytes:
    """Two to four kB; `unpack` gives the same detector back, to the bit."""
    written = detector.as_json()
    rolling = written["rolling"]
    baseline, slots = rolling["baseline"], rolling.pop("slots")
    hits = baseline.pop("hits")
    numbers = [*hits, *baseline.pop("of")]
    for slot in slots:
        numbers += [slot[name] for name in _SLOT]
        numbers += slot["before"]
    rolling["at"] = [slot["at"] for slot in slots]
    rest = json.dumps(written, separators=(",", ":")).encode()
    head = _HEAD.pack(len(hits), len(slots), len(rest))
    return zlib.compress(head + rest + struct.pack(f"<{len(numbers)}d", *numbers), 1)


def unpack(kind: type[Watcher], packed: bytes) -> Watcher:
    """The detector that `pack` was given. Raises ValueError for what is of another kind."""
    data = zlib.decompress(packed)
    places, count, length = _HEAD.unpack_from(data)
    start = _HEAD.size + length
    written: dict[str, Any] = json.loads(data[_HEAD.size : start])
    numbers = struct.unpack(f"<{(len(data) - start) // 8}d", data[start:])
    rolling = written["rolling"]
    rolling["baseline"] |= {"hits": numbers[:places], "of": numbers[places : 2 * places]}
    times, wide = rolling.pop("at"), len(_SLOT) + _BEFORE
    rolling["slots"] = [
        _slot(numbers[2 * places + row * wide : 2 * places + (row + 1) * wide], times[row]) for row in range(count)
    ]
    return kind.from_json(written)


def _slot(numbers: tuple[float, ...], at: str) -> dict[str, Any]:
    slot: dict[str, Any] = dict(zip(_SLOT, numbers[: len(_SLOT)], strict=True))
    return slot | {"number": int(slot["number"]), "before": numbers[len(_SLOT) :], "at": at}
