"""Which past posts are like a new one: by meaning where a model can embed them, else by the words they share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from responder.drafts.likeness import Embed, Floats, SharedWords
from responder.drafts.past import PastReply

BATCH = 32
"""Texts that are embedded together."""
NEW_AT_ONCE = 128
"""Past posts that are embedded in one go, the newest first; the others' turn comes with the next ones."""

LIKE, LIKE_BY_WORDS = 0.6, 0.3
"""Likeness from which a past post counts as similar, with and without a model.

With one: of pairs of posts to the same company at this likeness, four times as many as of all pairs were answered
with much the same words (525 dialogues of some 25 companies).
"""


class Nearest:
    """Compares with past posts, each of which is embedded once."""

    def __init__(self, embed: Embed | None) -> None:
        self._embed = embed
        self.fits = LIKE if embed else LIKE_BY_WORDS
        self._meanings: dict[int, dict[int, Floats]] = {}
        self._words: dict[int, tuple[tuple[int, ...], SharedWords]] = {}

    def scores(self, brand_id: int, texts: Sequence[str], past: Sequence[PastReply]) -> Floats:
        """Texts x past: how alike they are; 0 for a past post that has not been read yet."""
        if self._embed is None:
            shared = self._shared(brand_id, past)
            return np.stack([shared.score(text) for text in texts])
        known = self._learned(brand_id, past, self._embed)
        found = np.zeros((len(texts), len(past)), dtype=np.float32)
        places = [at for at, one in enumerate(past) if one.id in known]
        if places:
            found[:, places] = self._embed(texts) @ np.stack([known[past[at].id] for at in places]).T
        return found

    def _learned(self, brand_id: int, past: Sequence[PastReply], embed: Embed) -> dict[int, Floats]:
        before = self._meanings.get(brand_id, {})
        known = {one.id: before[one.id] for one in past if one.id in before}
        new = [one for one in past if one.id not in known][:NEW_AT_ONCE]
        for at in range(0, len(new), BATCH):
            batch = new[at : at + BATCH]
            known |= dict(zip((one.id for one in batch), embed([one.asked for one in batch]), strict=True))
        self._meanings[brand_id] = known
        return known

    def _shared(self, brand_id: int, past: Sequence[PastReply]) -> SharedWords:
        ids = tuple(one.id for one in past)
        if brand_id not in self._words or self._words[brand_id][0] != ids:
            self._words[brand_id] = ids, SharedWords([one.asked for one in past])
        return self._words[brand_id][1]
