"""The training fence: from which platforms' posts nothing is ever learned, and why.

Everything that fits heads, weights or thresholds reads its texts through `may_learn_from`.
"""

from __future__ import annotations

from collections.abc import Mapping

FORBIDDEN: Mapping[str, str] = {
    "x": "X's developer policy forbids training models on its content",
}
"""Platform -> the reason, in words for whoever made the corrections."""


def may_learn_from(platform: str) -> bool:
    """Whether a post of this platform may teach a model anything."""
    return platform not in FORBIDDEN
