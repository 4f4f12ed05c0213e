"""SQLAlchemy rows and their unique constraints, one file per stage. Importing this knows them all."""

from core.tables.listener import Author, Brand, Gap, Match, Mention, OwnAccount, Query, Source
from core.tables.operation import Heartbeat, SetAside, Switch, Waiting
from core.tables.responder import Audit, Case, CaseMention, Draft, PlaybookEntry, Reply
from core.tables.row import Row
from core.tables.sentiment import Verdict
from core.tables.web import ROLES, SetupLink, User

__all__ = [
    "ROLES",
    "Audit",
    "Author",
    "Brand",
    "Case",
    "CaseMention",
    "Draft",
    "Gap",
    "Heartbeat",
    "Match",
    "Mention",
    "OwnAccount",
    "PlaybookEntry",
    "Query",
    "Reply",
    "Row",
    "SetAside",
    "SetupLink",
    "Source",
    "Switch",
    "User",
    "Verdict",
    "Waiting",
]
