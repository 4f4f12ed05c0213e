"""Who is signed in, as the pages know them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from core.roles import Rights, rights_of
from core.tables import User


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in user. `session_key` is part of the session, so that a new one ends all old sessions."""

    id: int
    name: str
    role: str
    session_key: str
    away: bool = False
    rights: Rights = field(default_factory=Rights)

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the session remembers."""
        return f"{self.id}.{self.session_key}"

    def may(self, role: str, brand_id: int | None = None) -> bool:
        """Whether this user may do for a brand what `role` may; without a brand, for all of them."""
        return self.rights.may(role, brand_id)

    def may_somewhere(self, role: str) -> bool:
        """Whether this user may do for any brand what `role` may."""
        return self.rights.anywhere(role)


def signed_in(db: Session, row: User) -> SignedIn:
    """The user of a row."""
    return SignedIn(row.id, row.name, row.role, row.session_key, row.away, rights_of(db, row))


def of_session(db: Session, remembered: str) -> SignedIn | None:
    """The user that a session remembers; None once they were removed or signed out everywhere."""
    number, _, key = remembered.partition(".")
    row = db.get(User, int(number)) if number.isdecimal() else None
    return signed_in(db, row) if row and row.active and row.session_key == key else None
