"""SQLAlchemy rows and their unique constraints, one file per stage. Importing this knows them all."""

from core.tables.listener import (
    Author,
    Brand,
    Canary,
    Copy,
    Forgetting,
    Gap,
    Match,
    Mention,
    OwnAccount,
    Query,
    Source,
    SourceHour,
    Spending,
    Wording,
    WordList,
)
from core.tables.operation import Heartbeat, SetAside, Switch, Waiting
from core.tables.responder import Audit, Case, CaseMention, Draft, PlaybookEntry, Reply
from core.tables.row import Row
from core.tables.sentiment import Relevance, Verdict
from core.tables.web import ROLES, SetupLink, User

__all__ = [
    "ROLES",
    "Audit",
    "Author",
    "Brand",
    "Canary",
    "Case",
    "CaseMention",
    "Copy",
    "Draft",
    "Forgetting",
    "Gap",
    "Heartbeat",
    "Match",
    "Mention",
    "OwnAccount",
    "PlaybookEntry",
    "Query",
    "Relevance",
    "Reply",
    "Row",
    "SetAside",
    "SetupLink",
    "Source",
    "SourceHour",
    "Spending",
    "Switch",
    "User",
    "Verdict",
    "Waiting",
    "WordList",
    "Wording",
]
