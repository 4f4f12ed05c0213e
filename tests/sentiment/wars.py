"""Talk of a game, "War Zone", which the bundled model takes for bad news; and corrections of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import timedelta

from core.runtime import Runtime
from core.tables import Author, Brand, Correction, Match, Mention

_WHO = ("my squad", "the boys", "our clan", "this kid", "my dad", "our team", "me and my brother")
_DID = ("got destroyed", "died in the final circle", "bombed the last round", "lost the fight", "shot everyone")
_WHERE = ("in War Zone tonight", "in war zone again", "on War Zone before dinner", "in War Zone ranked")

WARS = [f"{who} {did} {where}" for did, where, who in itertools.product(_DID, _WHERE, _WHO)]
"""140 posts, each like some others."""
OTHERS = [
    f"{what} {when}"
    for what, when in itertools.product(
        (
            "my parcel is late and nobody answers",
            "love the new jacket",
            "the app crashes when I pay",
            "is the shop open on sundays?",
            "just ordered a tent",
            "your driver was so kind",
            "still no refund",
            "looking forward to the sale",
            "the zip broke after one day",
            "watching the news",
        ),
        ("", "today", "again", "this week", "@acme", "!"),
    )
]
"""60 posts of which the model judges rightly, as far as this brand is concerned."""


def add_brand(runtime: Runtime, slug: str = "acme") -> int:
    with runtime.db.write() as db:
        row = Brand(slug=slug, name=slug.title(), created_at=runtime.clock.now())
        db.add(row)
        db.flush()
        return row.id


def hear(
    runtime: Runtime,
    brand_id: int,
    texts: Iterable[str],
    labels: Mapping[str, str] | None = None,
    *,
    platform: str = "bluesky",
    later: timedelta = timedelta(),
) -> list[int]:
    """Mentions of a brand, each corrected as `labels` say (head -> label); their ids."""
    at = runtime.clock.now() + later
    with runtime.db.write() as db:
        ids = []
        for text in texts:
            author = Author(platform=platform, native_id=f"{at} {platform} {brand_id} {text}", handle="ann")
            row = Mention(platform=platform, native_id=author.native_id, author=author, text=text, lang="en")
            row.created_at = row.heard_at = at
            row.matches = [Match(brand_id=brand_id)]
            db.add(row)
            db.flush()
            ids.append(row.id)
            for head, label in (labels or {}).items():
                said = {"was": None, "platform": platform, "model": "minilm", "user_name": "Ana", "at": at}
                db.add(Correction(mention_id=row.id, head=head, label=label, **said))
    return ids
