"""Of which brand is what an address names. The guard (web/auth.py) asks before every page, so that none can forget to.

Every name that an address may hold is here: with the way to its brand, or as one that belongs to none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.tables import (
    Alert,
    AlertRule,
    Brand,
    Case,
    Channel,
    Delivery,
    Gap,
    Incident,
    KnownIssue,
    Note,
    PlaybookEntry,
    Query,
    Source,
    Team,
    Topic,
)

Way = Callable[[Any], Select[Any]]

WAYS: Mapping[str, Way] = {
    "slug": lambda slug: select(Brand.id).where(Brand.slug == slug),
    "brand_id": lambda one: select(Brand.id).where(Brand.id == one),
    "case_id": lambda one: select(Case.brand_id).where(Case.id == one),
    "entry_id": lambda one: select(PlaybookEntry.brand_id).where(PlaybookEntry.id == one),
    "query_id": lambda one: select(Query.brand_id).where(Query.id == one),
    "source_id": lambda one: select(Source.brand_id).where(Source.id == one),
    "gap_id": lambda one: select(Source.brand_id).join(Gap, Gap.source_id == Source.id).where(Gap.id == one),
    "topic_id": lambda one: select(Topic.brand_id).where(Topic.id == one),
    "team_id": lambda one: select(Team.brand_id).where(Team.id == one),
    "incident_id": lambda one: select(Incident.brand_id).where(Incident.id == one),
    "channel_id": lambda one: select(Channel.brand_id).where(Channel.id == one),
    "rule_id": lambda one: select(AlertRule.brand_id).where(AlertRule.id == one),
    "delivery_id": lambda one: (
        select(Alert.brand_id).join(Delivery, Delivery.alert_id == Alert.id).where(Delivery.id == one)
    ),
    "issue_id": lambda one: select(KnownIssue.brand_id).where(KnownIssue.id == one),
    "note_id": lambda one: select(Case.brand_id).join(Note, Note.case_id == Case.id).where(Note.id == one),
}
"""How the brand of a thing is found. A source, a channel or an alert may be of no brand: None."""

OF_NO_BRAND = {
    "chart": "a chart of the brand beside it",
    "filename": "a static file",
    "kind": "a kind of source or channel",
    "token": "a link that somebody was given",
    "verb": "what is done to a case or an incident",
    "mention_id": "always beside the brand",
    "set_aside_id": "admins of all brands only",
    "author_id": "web/queries/author.py shows of an author what is of the brands that one may see",
    "user_id": "people are of no brand; web/managing/people.py says who may change what of them",
}


def brands_of(db: Session, named: Mapping[str, Any]) -> set[int | None] | None:
    """The brands of all that an address names; None when there is no such thing."""
    found: set[int | None] = set()
    for name, value in named.items():
        if name in OF_NO_BRAND:
            continue
        row = db.execute(WAYS[name](value)).first()
        if row is None:
            return None
        found.add(row[0])
    return found
