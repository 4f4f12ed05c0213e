"""How far the folders of a mailbox have been read: what the email source keeps as its cursor."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Place:
    """How far one folder has been read: the last UID, which means something only with its UIDVALIDITY."""

    validity: int
    uid: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far each folder has been read, from which day on, and on which day it was said that the mailbox fills up."""

    since: str
    folders: dict[str, Place] = field(default_factory=dict)
    told: str = ""

    @classmethod
    def read(cls, cursor: str | None, since: date) -> Progress:
        """What a cursor says; without one, that nothing has been read of what came `since`."""
        if not cursor:
            return cls(since.isoformat())
        given = json.loads(cursor)
        return cls(given["since"], {name: Place(**place) for name, place in given["folders"].items()}, given["told"])

    def cursor(self) -> str:
        """All of it as text."""
        return json.dumps(asdict(self))

    def of(self, folder: str, validity: int) -> Place:
        """Where to go on in a folder: at its beginning if its mails were numbered anew."""
        known = self.folders.get(folder)
        return known if known and known.validity == validity else Place(validity)
