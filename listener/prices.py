"""What platforms charge for what, as data: change it here when they change it.

X since 2026-02, pay per use (docs.x.com, "Pricing"; as known in November 2026): each post read, each post of a mentions
timeline read, each profile that comes with a post, and each post published; the last costs more when it carries a link.
"""

from __future__ import annotations

from collections.abc import Mapping

PRICES: Mapping[str, Mapping[str, int]] = {
    "x": {
        "post_read": 5_000,
        "own_mention_read": 1_000,
        "user_read": 10_000,
        "post": 15_000,
        "post_with_link": 200_000,
    },
}
"""By kind of source and item: millionths of a US dollar for one unit."""


def price(kind: str, item: str) -> int:
    """What one unit costs, in millionths of a US dollar; 0 for what is free."""
    return PRICES.get(kind, {}).get(item, 0)
